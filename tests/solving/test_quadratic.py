"""Quadratic programs: solved as closed forms, other packages and brute force say, and proved."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import edgeopt as eo
from edgeopt.verification.linear_dual import LinearDual
from edgeopt.verification.solver_words import MixedIntegerBound

SOLVERS = ("highs", "cvxpy", "scip", "pyomo", "cvxpy:OSQP", "cvxpy:HIGHS", "cvxpy:SCS")


def drawn(rng: np.random.Generator, kind: str) -> eo.Program:
    """Return a feasible program with an optimum; its columns are boxed, free, on a simplex, or at least 0."""
    columns, rows = int(rng.integers(1, 8)), int(rng.integers(1, 4))
    squares = int(rng.integers(1, 9)) + (columns if kind == "free" else 0)
    matrix = np.ones((1, columns)) if kind == "simplex" else rng.normal(size=(rows, columns))
    low = matrix @ rng.uniform(0, 1, columns) - (0.0 if kind == "simplex" else 0.5)
    sign = rng.choice([1, -1])
    cost = rng.normal(size=columns)
    return eo.Program(
        sign * (np.abs(cost) if kind == "at least 0" else cost),
        matrix,
        low,
        low if kind == "simplex" else np.inf,
        -np.inf if kind == "free" else 0.0,
        2.0 if kind == "boxed" else np.inf,
        sense="minimize" if sign > 0 else "maximize",
        offset=rng.normal(),
        squares=eo.Squares(rng.normal(size=(squares, columns)), rng.normal(size=squares), rng.uniform(0.1, 2, squares)),
    )


@pytest.mark.parametrize("kind", ["boxed", "free", "simplex", "at least 0"])
def test_random_programs_have_the_optimum_that_cvxpy_finds_and_it_is_proved(kind) -> None:
    rng = np.random.default_rng(sum(map(ord, kind)))
    for _ in range(8):
        program = drawn(rng, kind)
        solution = eo.solve(program)
        theirs = program.to_cvxpy().solve(solver="CLARABEL")
        assert (solution.status, solution.solver, solution.proved) == ("optimal", "highs", True)
        assert solution.objective == pytest.approx(theirs, rel=1e-6, abs=1e-6)
        assert solution.gap <= 1e-9
        found = eo.verify(program, solution, exact=True)
        assert found.exact, found.message


@pytest.mark.parametrize("name", SOLVERS)
def test_every_solver_that_takes_squares_proves_the_same_optimum(name) -> None:
    rng = np.random.default_rng(4)
    for kind in ("boxed", "free", "simplex", "at least 0"):
        program = drawn(rng, kind)
        solution = eo.solve(program, name)
        assert (solution.status, solution.proved) == ("optimal", True), solution.message
        assert solution.objective == pytest.approx(eo.solve(program, "highs").objective, rel=1e-9, abs=1e-9)


def test_the_nearest_point_of_a_simplex_is_the_one_of_its_closed_form() -> None:
    point = np.array([0.9, 0.6, -0.3, 0.1])
    program = eo.Program(np.zeros(4), np.ones((1, 4)), 1.0, 1.0, squares=eo.Squares(np.eye(4), -point))
    shift = 0.25  # (0.9 + 0.6 - 1) / 2: two entries stay above 0 (Held, Wolfe and Crowder 1974)
    solution = eo.solve(program)
    np.testing.assert_allclose(solution.decision.values, np.maximum(point - shift, 0.0), atol=1e-12)
    assert solution.certificate.row_dual == pytest.approx([-2 * shift])


def test_least_squares_are_those_of_numpy() -> None:
    rng = np.random.default_rng(0)
    matrix, right = rng.normal(size=(30, 6)), rng.normal(size=30)
    solution = eo.solve(eo.Program(np.zeros(6), lower=-np.inf, squares=eo.Squares(matrix, -right)))
    x, residual = np.linalg.lstsq(matrix, right, rcond=None)[:2]
    np.testing.assert_allclose(solution.decision.values, x, rtol=1e-9)
    assert solution.bound == pytest.approx(float(residual[0]), rel=1e-12)
    assert solution.proved


def test_a_portfolio_of_least_variance_is_the_one_of_its_formula() -> None:
    rng = np.random.default_rng(1)
    factor = rng.normal(size=(5, 5))
    program = eo.Program(np.zeros(5), np.ones((1, 5)), 1.0, 1.0, lower=-np.inf, squares=eo.Squares(factor))
    inverse = np.linalg.solve(factor.T @ factor, np.ones(5))
    solution = eo.solve(program)
    np.testing.assert_allclose(solution.decision.values, inverse / inverse.sum(), rtol=1e-8)
    assert solution.objective == pytest.approx(1.0 / inverse.sum(), rel=1e-10)
    assert solution.proved


def test_numbers_of_any_size_are_scaled() -> None:
    """Watts beside bits: the same projection in units that differ by 1e15."""
    point, unit = np.array([3.0, 1.0]), np.array([1e-7, 1e8])
    program = eo.Program(
        np.zeros(2), (1 / unit)[None, :], row_upper=2.0, squares=eo.Squares(np.diag(1 / unit), -point, [1e6, 1e6])
    )
    solution = eo.solve(program)
    np.testing.assert_allclose(solution.decision.values / unit, [2.0, 0.0], atol=1e-9)
    assert solution.proved


def test_where_many_points_are_optimal_one_of_them_is_proved() -> None:
    flat = eo.Program(np.zeros(3), upper=5.0, squares=eo.Squares([[1.0, 1.0, 1.0]], [-2.0]))
    solution = eo.solve(flat)
    assert (solution.status, solution.proved) == ("optimal", True)
    assert solution.objective == pytest.approx(0.0, abs=1e-15)
    tied = eo.Program(
        [1.0, 1.0, 0.0], np.ones((2, 3)), row_lower=1.0, squares=eo.Squares([[0.0, 0.0, 1.0]], [-1.0], [0.5])
    )
    solution = eo.solve(tied)
    assert (solution.status, solution.proved) == ("optimal", True)
    np.testing.assert_allclose(solution.decision.values, [0.0, 0.0, 1.0], atol=1e-9)


def test_squares_without_columns_or_weight_are_constants() -> None:
    assert eo.solve(eo.Program([], squares=eo.Squares(np.zeros((1, 0)), [3.0], [2.0]))).objective == 18.0
    weightless = eo.Program([1.0], upper=4.0, squares=eo.Squares([[1.0]], [-3.0], [0.0]))
    assert eo.solve(weightless).objective == 0.0
    constant = eo.Program([1.0], upper=4.0, squares=eo.Squares([[0.0]], [-3.0]))
    assert eo.solve(constant).objective == 9.0


@pytest.mark.parametrize("name", ["highs", "cvxpy", "scip", "pyomo"])
def test_a_direction_along_which_no_square_grows_makes_a_program_unbounded(name) -> None:
    program = eo.Program(
        [0.0, -1.0, 0.0], [[1.0, 0.0, 1.0]], row_lower=1.0, lower=-np.inf, squares=eo.Squares([[1, 0, 0]])
    )
    solution = eo.solve(program, name)
    assert (solution.status, solution.proved) == ("unbounded", True), solution.message
    bounded = eo.Program(
        [0.0, -1.0, 0.0], [[1.0, 0.0, 1.0]], row_lower=1.0, lower=-np.inf, squares=eo.Squares([[1, 0, 0], [1, 1, 0]])
    )
    assert eo.solve(bounded, name).objective == pytest.approx(-0.5)


@pytest.mark.parametrize("name", ["highs", "cvxpy", "scip", "pyomo"])
def test_infeasible_rows_are_explained_as_those_of_a_linear_program(name) -> None:
    program = eo.Program(
        [0.0], [[1.0], [1.0]], row_lower=[3.0, -np.inf], row_upper=[np.inf, 2.0], squares=eo.Squares([[1.0]])
    )
    solution = eo.solve(program, name)
    assert (solution.status, solution.proved) == ("infeasible", True)
    assert str(solution.explain()) == str(program.without_squares().explain())


POINT, OPTIMAL = eo.Point([1.0, 0.0]), eo.Status.OPTIMAL
NEAREST = eo.Program([0.0, 0.0], [[1.0, 1.0]], row_upper=1.0, squares=eo.Squares(np.eye(2), [-1.0, -2.0]))


@pytest.mark.parametrize(
    "outcome",
    [
        eo.Outcome.optimal(POINT),
        eo.Outcome.optimal(POINT, LinearDual([-2.0], square_dual=[-2.0, -2.0])),
        eo.Outcome.optimal(POINT, LinearDual([0.0], square_dual=[0.0, -4.0]), objective=2.0),
        eo.Outcome.optimal(eo.Point([0.0, 1.5])),
        eo.Outcome.optimal(eo.Point([1.0, 2.0]), LinearDual([0.0], square_dual=[0.0, 0.0])),
        eo.Outcome(eo.Status.INFEASIBLE),
        eo.Outcome(eo.Status.UNBOUNDED),
        eo.Outcome.optimal(eo.Point([0.0, 1.0]), bound=2.5),
    ],
    ids=[
        "no proof",
        "duals of another point",
        "wrong objective",
        "broken row",
        "without the row",
        "infeasible",
        "unbounded",
        "false bound",
    ],
)
def test_a_solver_that_lies_about_squares_is_refused(outcome) -> None:
    liar = eo.Solver("liar", lambda problem, options: outcome, eo.Program, True, quadratic="any")
    solution = eo.solve(NEAREST, liar)
    assert solution.status == "failed", solution


def test_a_program_with_squares_that_its_problem_is_silent_about_is_not_handed_to_who_drops_them() -> None:
    class Silent(eo.Program):
        quadratic = False

    silent = Silent([0.0, 0.0], squares=eo.Squares(np.eye(2), [-1.0, -2.0]))

    class Problem(Silent):
        def program(self):
            return NEAREST

    with pytest.raises(eo.UnsupportedPairError, match="takes no quadratic objective"):
        eo.solve(Problem(silent.cost), "glop")


def test_small_integer_programs_have_the_optimum_of_brute_force() -> None:
    rng = np.random.default_rng(5)
    for _ in range(25):
        columns, rows, squares = int(rng.integers(1, 5)), int(rng.integers(1, 4)), int(rng.integers(1, 6))
        upper = rng.integers(1, 4, size=columns)
        matrix, side = rng.integers(-3, 4, size=(rows, columns)), rng.integers(-1, 5, size=rows)
        sign = rng.choice([1, -1])
        program = eo.Program(
            sign * rng.normal(size=columns).round(2),
            matrix,
            row_upper=side,
            upper=upper,
            integrality=True,
            sense="minimize" if sign > 0 else "maximize",
            squares=eo.Squares(rng.normal(size=(squares, columns)).round(2), rng.normal(size=squares).round(2)),
        )
        points = map(np.array, itertools.product(*(range(most + 1) for most in upper)))
        values = [sign * program.objective(eo.Point(x)) for x in points if (matrix @ x <= side).all()]
        solution = eo.solve(program)
        assert solution.solver == "scip"
        if not values:
            assert (solution.status, solution.proved) == ("infeasible", True)
            continue
        assert solution.status == "optimal", solution.message
        assert sign * solution.objective == pytest.approx(min(values), rel=1e-6, abs=1e-9)
        assert eo.verify(program, solution)
        certificate = solution.certificate
        assert isinstance(certificate, MixedIntegerBound)
        # What the relaxation proves is no more than is true.
        assert sign * certificate.relaxation_bound <= min(values) + 1e-9


def test_whole_and_real_columns_meet() -> None:
    program = eo.Program(
        [0.0, 0.0], [[1.0, 1.0]], row_lower=1.5, lower=[0.0, -np.inf], upper=[5.0, np.inf], integrality=[True, False],
        squares=eo.Squares(np.eye(2), [-0.6, -0.2]),
    )  # fmt: skip
    solution = eo.solve(program)
    assert solution.objective == pytest.approx(0.25)
    np.testing.assert_allclose(solution.decision.values, [1.0, 0.5], atol=1e-6)


def test_an_integer_objective_of_squares_is_no_multiple_of_its_costs() -> None:
    """Whole costs round a linear bound to the next multiple; squares leave no such step."""
    program = eo.Program([1.0], upper=3.0, integrality=True, squares=eo.Squares([[1.0]], [-0.5], [0.01]))
    assert eo.solve(program).objective == pytest.approx(0.0025)


def test_an_isolated_worker_and_a_limit_treat_squares_as_any_program(tmp_path) -> None:
    solution = eo.solve(NEAREST, "highs", isolate=True, time_limit=60.0)
    assert (solution.status, solution.proved) == ("optimal", True)
    eo.save(solution, tmp_path / "solution.json")
    assert eo.verify(NEAREST, eo.load(tmp_path / "solution.json"), exact=True).exact
    assert eo.solve(NEAREST, time_limit=0.0).status == "no_solution"


def test_answers_of_several_solvers_do_not_contradict_each_other() -> None:
    table = eo.compare(NEAREST, solvers=["highs", "scip", "cvxpy"])
    assert table["objective"].round(9).tolist() == [2.0, 2.0, 2.0]
    assert not table["conflict"].any()


def test_models_of_pyomo_and_cvxpy_hold_the_squares() -> None:
    import pyomo.environ as pyo

    largest = eo.Program(
        [1.0, 1.0], upper=[4.0, 1.0], sense="maximize", offset=2.0, squares=eo.Squares(np.eye(2), [-1, 0])
    )
    model = largest.to_pyomo()
    for name, value in zip(largest.column_names, [0.5, 0.25], strict=True):
        model.x[name] = value
    assert pyo.value(model.objective) == pytest.approx(largest.objective(eo.Point([0.5, 0.25])))
    problem = largest.to_cvxpy()
    assert problem.is_dcp(dpp=True)
    problem.variables()[0].value = np.array([0.5, 0.25])
    assert problem.objective.value == pytest.approx(largest.objective(eo.Point([0.5, 0.25])))
