"""Small integer programs on which engines err: what refutes them holds, and what they lack is found another way."""

from __future__ import annotations

import numpy as np
import pytest

import edgeopt as eo
from edgeopt.solving.prepared import prepared, with_small_switches

INF = np.inf


def switched(big: float, demand: float) -> eo.Program:
    """Two sources of up to 10 behind switches of 200 and 100: the cheaper one is bought, 100 + demand by hand."""
    rows = [[1, 0, -big, 0], [0, 1, 0, -big], [1, 1, 0, 0]]
    return eo.Program([1, 1, 200, 100], rows, [-INF, -INF, demand], [0, 0, INF], 0, [10, 10, 1, 1], [0, 0, 1, 1])


@pytest.mark.parametrize("solver", ["auto", "highs", "scip", "cvxpy"])
@pytest.mark.parametrize(("big", "demand"), [(1e4, 0.001), (1e6, 0.1), (1e7, 0.01), (1e8, 1.0)])
def test_a_switch_larger_than_needed_lets_nothing_through(solver, big, demand):
    problem = switched(big, demand)
    solution = eo.solve(problem, solver)
    assert solution.status == "optimal", solution
    assert solution.objective == pytest.approx(100 + demand, rel=1e-9)
    assert eo.verify(problem, solution).holds


@pytest.mark.parametrize("solver", ["auto", "highs", "scip"])
def test_a_switch_without_a_bound_behind_it_is_left_to_presolve(solver):
    rows = [[1, 0, -1e9, 0], [0, 1, 0, -1e9], [1, 2, 0, 0]]
    problem = eo.Program([1, 1, 976, 129], rows, [-INF, -INF, 0.015], [0, 0, INF], 0, [INF, 0.12, 1, 1], [0, 0, 1, 1])
    solution = eo.solve(problem, solver)
    assert (solution.status, solution.objective) == ("optimal", pytest.approx(129.0075, rel=1e-9)), solution


def test_switches_are_made_small_and_points_stay():
    problem = switched(1e7, 0.01)
    small = with_small_switches(problem)
    assert small.matrix.toarray()[0, 2] == pytest.approx(-10, rel=1e-6)
    assert small.matrix.toarray()[0, 2] <= -10
    assert small.matrix.toarray()[2].tolist() == problem.matrix.toarray()[2].tolist()
    turned = eo.Program([0, 1], [[-1, 1e6]], [-3.0], upper=[5, 1], integrality=[False, True])  # -x + M z >= -3
    assert with_small_switches(turned).matrix.toarray()[0, 1] == pytest.approx(2, rel=1e-6)
    whole = eo.Program([0, 1], [[1, -1e7]], row_upper=[0.0], upper=[5, 1], integrality=True)
    assert with_small_switches(whole).matrix.toarray()[0, 1] in (-5, -6)
    for left in (
        eo.Program([0, 1], [[1, -1e6]], [-9.0], [0.0], upper=[5, 1], integrality=[False, True]),  # two sides
        eo.Program([0, 1], [[1, -1e6]], row_upper=[0.0], upper=[INF, 1], integrality=[False, True]),  # no bound
        eo.Program([0, 1], [[1, -1e6]], row_upper=[0.0], upper=[5, 1]),  # not integer
        eo.Program([0, 1], [[1, -20.0]], row_upper=[0.0], upper=[5, 1], integrality=[False, True]),  # small already
    ):
        assert with_small_switches(left) is left


@pytest.mark.parametrize("seed", range(20))
def test_small_switches_allow_the_same_points(seed):
    rng = np.random.default_rng(seed)
    rows = np.column_stack([rng.integers(-3, 4, (3, 3)), rng.choice([0, -1e7, 1e7], (3, 2))])
    one_sided = rng.random(3) < 0.5
    sides = rng.integers(-4, 5, 3).astype(float)
    problem = eo.Program(
        np.ones(5),
        rows,
        np.where(one_sided, sides, -INF),
        np.where(one_sided, INF, sides),
        0,
        [3, 3, 3, 1, 1],
        [False, False, False, True, True],
    )
    small = prepared(problem, scale=False).program
    for point in np.array(np.meshgrid(*[range(4)] * 3, [0, 1], [0, 1])).reshape(5, -1).T.astype(float):
        assert bool(problem.violations(eo.Point(point))) == bool(small.violations(eo.Point(point))), point


@pytest.mark.parametrize("solver", ["auto", "highs", "scipy", "cvxpy", "scip"])
def test_an_optimum_whose_relaxation_goes_on_for_ever_is_none(solver):
    rows = [[7, 4, 3], [7.000001, 4, 3], [-3, 1, 2]]
    problem = eo.Program([2, -5, -2], rows, [-INF, 43, -INF], [43, INF, 0], [-INF, -INF, 0], INF, [1, 0, 0], "maximize")
    solution = eo.solve(problem, solver)
    assert (solution.status, solution.proved) == ("unbounded", True)
    far = eo.Point([1000003, (43 - 7 * 1000003) / 4, 0])
    assert not problem.violations(far)
    assert problem.objective(far) > 1e7


def test_a_point_that_breaks_whole_rows_refutes_nobody():
    problem = eo.Program(
        [-5, -2, 3],
        [[2, -3, 5], [5, 0, -2]],
        [-13579352, -100220418],
        [-13579352, -100220418],
        0,
        [775444, 179834878, 102159008],
        True,
        "maximize",
    )
    for solver in ("auto", "cp-sat"):
        solution = eo.solve(problem, solver)
        assert (solution.status, solution.objective) == ("optimal", -25756333), solution


@pytest.mark.timeout(60)
def test_a_time_limit_that_cp_sat_does_not_keep_is_kept_from_outside():
    rows = [[1, 0, 0, 2], [-1, -2, 0, -3]]
    problem = eo.Program(
        [0, -2, 4, -1], rows, [1895189542424, -2951074488522], INF, [-1e12, 0, 0, -1e12], [1e12, 2e12, 1e12, 2e12], True
    )
    assert eo.solve(problem, "cp-sat", time_limit=2).status in ("no_solution", "optimal")
    solution = eo.solve(problem, time_limit=5)
    assert (solution.status, solution.objective) == ("optimal", -1055884946098), solution


def test_what_is_solved_verifies():
    rows = [[1, 0, 0, -1e9, 0, 0], [0, 1, 0, 0, -1e9, 0], [0, 0, 1, 0, 0, -1e9], [1, 3, 3, 0, 0, 0]]
    problem = eo.Program(
        [0.5, 0.5, 0, 422, 295, 611],
        rows,
        [-INF, -INF, -INF, 0.003],
        [0, 0, 0, INF],
        0,
        [0.17, 0.06, INF, 1, 1, 1],
        [0, 0, 0, 1, 1, 1],
        offset=-5,
    )
    solution = eo.solve(problem)
    assert (solution.status, solution.objective) == ("optimal", pytest.approx(290.0005, rel=1e-9))
    assert eo.verify(problem, solution).holds


def test_an_exact_check_does_not_hold_for_a_point_that_misses_a_row_by_rounding():
    rows = [[7, 4, 8], [7.00000001, 4, 8], [2, 0, 3]]
    problem = eo.Program([1, 1, -3], rows, [-INF, 31.00000001, -INF], [31, INF, 4], [0, 0, -INF], INF, [0, 1, 1])
    solution = eo.solve(problem)
    if solution.objective == pytest.approx(6.571428570612, rel=1e-9):
        return  # the exact optimum
    found = eo.verify(problem, solution, exact=True)
    assert not found.holds
    assert "not proved" in found.message
