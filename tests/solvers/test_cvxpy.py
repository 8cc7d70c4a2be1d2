"""CVXPY as a route to other solvers: optima worked by hand, every back end, every status, every option."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from edgeopt.model.errors import (
    InvalidOptionError,
    SolverNotInstalledError,
    UnknownSolverError,
    UnsupportedPairError,
)
from edgeopt.model.outcome import Options, Status
from edgeopt.model.program import Program
from edgeopt.solvers import cvxpy as module
from edgeopt.solvers.backends.cvxpy_backends import (
    BACKENDS,
    merged,
    nested,
    solver_options,
    with_time_limit,
)
from edgeopt.solving.solve import solve
from edgeopt.verification.infeasibility import FarkasRay
from edgeopt.verification.solver_words import MixedIntegerBound

INF = np.inf
LINEAR = ["HIGHS", "SCIPY", "CLARABEL", "SCS", "OSQP", "GLOP", "PDLP"]

# max 3 x + 2 y with x + y <= 4, x + 3 y <= 7, x <= 3: the vertex (3, 1), worked by hand; row prices 2 and 0.
TEXTBOOK = Program([3, 2], [[1, 1], [1, 3]], row_upper=[4, 7], upper=[3, INF], sense="maximize", offset=5)
# min x + 2 y with x + y = 3, -1 <= x - y <= 1: the vertex (2, 1); prices 1.5 (equality) and -0.5 (upper side).
TWO_SIDED = Program([1, 2], [[1, 1], [1, -1]], [3, -1], [3, 1])
INFEASIBLE = Program([1, 1], [[1, 1], [1, 1]], [3, -INF], [INF, 2])
UNBOUNDED = Program([-1, -1], [[1, -1]], [0], [1])
NEITHER = Program([-1, 0, -1], [[1, 1, 0], [1, 1, 0]], [3, -INF], [INF, 2])


def knapsack(columns: int, seed: int) -> Program:
    rng = np.random.default_rng(seed)
    weight = rng.integers(10, 1000, (8, columns)).astype(float)
    return Program(
        weight.sum(axis=0) + rng.integers(0, 50, columns),
        weight,
        row_upper=weight.sum(axis=1) / 3,
        upper=1.0,
        integrality=True,
        sense="maximize",
        offset=10.0,
    )


def market_split(seed: int, rows: int = 5, columns: int = 40) -> Program:
    """Equality knapsacks for which a first feasible point is hard to find (Cornuejols and Dawande 1999)."""
    matrix = np.random.default_rng(seed).integers(0, 100, (rows, columns)).astype(float)
    half = np.floor(matrix.sum(axis=1) / 2)
    return Program(np.ones(columns), matrix, half, half, upper=1.0, integrality=True)


@pytest.mark.parametrize("backend", LINEAR)
@pytest.mark.parametrize(
    ("program", "point", "objective", "prices"),
    [(TEXTBOOK, (3, 1), 16, (2, 0)), (TWO_SIDED, (2, 1), 4, (1.5, -0.5))],
    ids=["maximise", "two-sided"],
)
def test_optimum_and_prices_worked_by_hand(backend, program, point, objective, prices):
    solution = solve(program, f"cvxpy:{backend}")
    assert solution.status is Status.OPTIMAL
    assert solution.objective == pytest.approx(objective, rel=1e-7)
    assert solution.decision.values == pytest.approx(point, abs=1e-5)
    assert solution.certificate.row_dual == pytest.approx(prices, abs=1e-5)


@pytest.mark.parametrize("backend", LINEAR)
@pytest.mark.parametrize(
    ("program", "status"),
    [(INFEASIBLE, "infeasible"), (UNBOUNDED, "unbounded"), (NEITHER, "infeasible")],
    ids=["infeasible", "unbounded", "infeasible-and-unbounded"],
)
def test_programs_without_optimum_are_told_apart(backend, program, status):
    solution = solve(program, f"cvxpy:{backend}", time_limit=30)
    assert solution.status == status
    assert solution.certificate.holds(program)


def test_the_back_ends_own_ray_is_kept():
    outcome = module.cvxpy(INFEASIBLE, Options())
    assert isinstance(outcome.certificate, FarkasRay)


@pytest.mark.parametrize("backend", ["HIGHS", "SCIPY"])
@pytest.mark.parametrize("sense", ["minimize", "maximize"])
def test_integer_program_states_bound_and_gap(backend, sense):
    mixed = [True, True, False]
    program = Program([1.5, 2.0, 1.0], [[2, 1, 1]], [2.5], [5.5], 0, 3, mixed, sense, offset=-1)
    outcome = module.cvxpy(program, Options(variant=backend))
    solution, reference = solve(program, f"cvxpy:{backend}"), solve(program, "highs")
    assert solution.status is Status.OPTIMAL
    assert outcome.bound == pytest.approx(reference.objective)
    assert solution.objective == pytest.approx(reference.objective)
    assert isinstance(solution.certificate, MixedIntegerBound)


@pytest.mark.parametrize("backend", ["HIGHS", "SCIPY"])
def test_relative_gap_is_passed_on(backend):
    loose = solve(knapsack(25, 0), f"cvxpy:{backend}", relative_gap=0.1)
    assert loose.status is Status.OPTIMAL
    assert 0 < loose.gap <= 0.1


@pytest.mark.parametrize("backend", ["HIGHS", "SCIPY"])
def test_time_limit_without_incumbent_gives_no_solution(backend):
    solution = solve(market_split(0), f"cvxpy:{backend}", time_limit=0.5)
    assert solution.status is Status.NO_SOLUTION
    assert solution.message


@pytest.mark.parametrize("backend", ["HIGHS", "SCIPY"])
def test_time_limit_with_incumbent(backend):
    solution = solve(knapsack(100, 0), f"cvxpy:{backend}", time_limit=1.5)
    assert solution.status in (Status.FEASIBLE, Status.NO_SOLUTION)  # a busy machine may find none
    assert None in (solution.bound, solution.objective) or solution.bound >= solution.objective


@pytest.mark.parametrize(
    ("backend", "options"),
    [
        ("HIGHS", {"simplex_iteration_limit": 0, "presolve": "off", "solver": "simplex"}),
        ("CLARABEL", {"max_iter": 1}),
        ("SCS", {"max_iters": 1}),
        ("OSQP", {"max_iter": 1, "polishing": False}),
        ("SCIPY", {"scipy_options": {"maxiter": 0, "presolve": False}}),
    ],
)
def test_iteration_limit_is_no_optimum(backend, options):
    rng = np.random.default_rng(0)
    program = Program(-rng.random(20), rng.random((10, 20)), row_upper=1.0)
    solution = solve(program, f"cvxpy:{backend}", solver_options=options)
    assert solution.status in (Status.NO_SOLUTION, Status.FEASIBLE, Status.FAILED)
    assert solution.message


@pytest.mark.parametrize("backend", ["CLARABEL", "SCS", "OSQP", "GLOP", "PDLP"])
def test_linear_back_ends_take_a_time_limit_and_refuse_integers(backend):
    assert solve(TEXTBOOK, f"cvxpy:{backend}", time_limit=30, threads=1).status is Status.OPTIMAL
    with pytest.raises(UnsupportedPairError, match="HIGHS"):
        solve(knapsack(5, 0), f"cvxpy:{backend}")


def statuses() -> list[str]:
    import cvxpy.settings as names

    return sorted({*names.SOLUTION_PRESENT, *names.INF_OR_UNB, *names.ERROR, names.UNKNOWN})


@pytest.mark.parametrize("status", [*statuses(), "a_status_of_the_future"])
@pytest.mark.parametrize("with_point", [True, False])
def test_every_status_has_a_meaning(status, with_point):
    model = module.to_cvxpy(TEXTBOOK)
    points = {model.variables()[0].id: np.array([3.0, 1.0])} if with_point else {}
    solution = SimpleNamespace(status=status, primal_vars=points, dual_vars=None, attr={})
    outcome = module._outcome(TEXTBOOK, Options(), model, solution)
    stopped = Status.FEASIBLE if with_point else Status.NO_SOLUTION
    assert outcome.claim is {
        "optimal": Status.OPTIMAL if with_point else Status.NO_SOLUTION,
        "optimal_inaccurate": stopped,
        "user_limit": stopped,
        # The textbook program has a feasible point, so a bare "infeasible" without a ray is settled as unbounded,
        # and solve() then refuses that for want of a ray.
        "infeasible": Status.UNBOUNDED,
        "infeasible_inaccurate": Status.UNBOUNDED,
        "unbounded": Status.UNBOUNDED,
        "unbounded_inaccurate": Status.UNBOUNDED,
        "infeasible_or_unbounded": Status.UNBOUNDED,
    }.get(status, Status.FAILED)


def test_out_of_time_before_the_solver_starts():
    options = Options(time_limit=1e-9)
    assert module.cvxpy(TEXTBOOK, options).claim is Status.NO_SOLUTION
    failed = SimpleNamespace(status="solver_error", primal_vars={}, dual_vars={}, attr={})
    assert module._outcome(TEXTBOOK, options, None, failed).claim is Status.NO_SOLUTION


@pytest.mark.parametrize(
    ("program", "claim"),
    [
        (TEXTBOOK, Status.UNBOUNDED),
        (Program([-1.0], [[1.0]], [2.0], [3.0], upper=1.0), Status.INFEASIBLE),
        (Program([0.0]), Status.INFEASIBLE),
    ],
)
def test_infeasible_or_unbounded_is_settled(program, claim):
    assert module._unbounded_or_infeasible(program, Options(), "").claim is claim


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"solver": "cvxpy:no-such-solver"}, UnknownSolverError, "HIGHS"),
        ({"solver": "cvxpy:XPRESS"}, SolverNotInstalledError, r"cvxpy\[XPRESS\]"),
        ({"solver": "cvxpy", "mip_rel_gap": 1.0}, InvalidOptionError, "solver_options"),
        ({"solver": "cvxpy", "solver_options": 3}, InvalidOptionError, "mapping"),
        ({"solver": "cvxpy", "solver_options": {"no_such_option": 1}}, InvalidOptionError, "no_such_option"),
        ({"solver": "cvxpy:SCIPY", "threads": 2}, InvalidOptionError, "threads"),
        ({"solver": "cvxpy:SCIPY", "solver_options": {"scipy_options": {"bogus": 1}}}, InvalidOptionError, "bogus"),
        ({"solver": "cvxpy:SCS", "solver_options": {"bogus": 1}}, InvalidOptionError, "bogus"),
        ({"solver": "cvxpy:OSQP", "solver_options": {"bogus": 1}}, InvalidOptionError, "bogus"),
        ({"solver": "cvxpy:CLARABEL", "solver_options": {"bogus": 1}}, InvalidOptionError, "bogus"),
        ({"solver": "cvxpy:GLOP", "solver_options": {"bogus": 1}}, InvalidOptionError, "bogus"),
    ],
)
def test_impossible_requests_are_refused(arguments, error, words):
    with pytest.raises(error, match=words):
        solve(TEXTBOOK, **arguments)


def test_a_back_end_without_the_option_refuses_the_limit():
    with pytest.raises(InvalidOptionError, match="time_limit"):
        solver_options("ECOS_BB", True, Options(time_limit=1.0))
    with pytest.raises(InvalidOptionError, match="relative_gap"):
        solver_options("GLPK_MI", True, Options(relative_gap=0.1))
    with pytest.raises(InvalidOptionError, match="time_limit"):
        solver_options("A_BACK_END_OF_THE_FUTURE", False, Options(time_limit=1.0))
    assert solver_options("GLPK", False, Options(relative_gap=0.1, threads=3)) == {}


@pytest.mark.parametrize("name", [name for name, backend in BACKENDS.items() if backend.time_limit])
def test_time_limit_goes_by_the_back_ends_name_and_unit(name):
    chosen = with_time_limit(name, solver_options(name, False, Options(time_limit=2.0)), 2.0)
    head, _, tail = BACKENDS[name].time_limit.partition("/")
    value = chosen[head][tail] if tail else chosen[head]
    assert value == 2.0 * BACKENDS[name].per_second


def test_options_merge_and_the_users_have_the_last_word():
    assert nested({"a/b/c": 1, "a/d": 2, "e": 3}) == {"a": {"b/c": 1, "d": 2}, "e": 3}
    assert merged({"a": {"b": 1}, "c": 1}, {"a": {"d": 2}, "c": 2}) == {"a": {"b": 1, "d": 2}, "c": 2}
    own = {"solver_options": {"scip_params": {"limits/gap": 0.5}}}
    assert solver_options("SCIP", True, Options(extra=own))["scip_params"]["limits/gap"] == 0.5


def test_log_is_written_only_if_asked(capfd):
    solve(TEXTBOOK, "cvxpy")
    assert capfd.readouterr().out == ""
    solve(TEXTBOOK, "cvxpy", log=True, threads=2, seed=3)
    assert "HiGHS" in capfd.readouterr().out


@pytest.mark.parametrize("seed", range(8))
def test_agrees_with_highs_on_random_programs(seed):
    rng = np.random.default_rng(seed)
    program = Program(
        rng.integers(-5, 6, 6),
        rng.integers(-3, 6, (4, 6)) * (rng.random((4, 6)) < 0.6),
        -9.0,
        rng.integers(1, 9, 4),
        -1.0,
        4.0,
        rng.random(6) < 0.5,
        ("minimize", "maximize")[seed % 2],
    )
    assert solve(program, "cvxpy").objective == pytest.approx(solve(program, "highs").objective, abs=1e-9)
