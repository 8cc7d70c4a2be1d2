"""HiGHS: its statuses, its options, its limits, and the session that keeps a program inside it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import highspy
import numpy as np
import pytest

import edgeopt as eo
from edgeopt.solvers.backends.highs_outcome import MEANING

LP = eo.Program([-3.0, -5.0], [[1, 0], [0, 2], [3, 2]], row_upper=[4.0, 12.0, 18.0])
KNAPSACK = eo.Program(
    [5.0, 4.0, 3.0], [[2.0, 3.0, 1.0]], row_upper=[5.0], upper=1.0, integrality=True, sense="maximize"
)


def hard_knapsack(columns: int = 60) -> eo.Program:
    """A market split problem: its relaxation says nothing, so a search takes long."""
    rng = np.random.default_rng(0)
    weights = rng.integers(1, 100, (4, columns)).astype(float)
    half = np.floor(weights.sum(axis=1) / 2)
    return eo.Program(np.zeros(columns), weights, half, half, upper=1.0, integrality=True)


def test_every_status_of_highs_has_a_meaning():
    members = {name for name in dir(highspy.HighsModelStatus) if name.startswith("k")}
    assert members <= set(MEANING)


def test_duals_basis_and_counts_come_with_an_lp():
    solution = eo.solve(LP, "highs")
    assert solution.objective == -36.0
    np.testing.assert_allclose(solution.certificate.row_dual, [0.0, -1.5, -1.0])
    assert solution.certificate.prices(LP) == {"row[1]": -1.5, "row[2]": -1.0}
    assert solution.certificate.column_basis is not None
    assert "simplex_iterations" in solution.statistics or set(solution.statistics) <= {"build_time"}


def test_bound_and_nodes_come_with_an_integer_program():
    solution = eo.solve(KNAPSACK, "highs")
    assert (solution.objective, solution.bound) == (9.0, 9.0)
    assert solution.statistics["nodes"] >= 0
    assert solution.claimed_bound == 9.0
    assert "the word of highs" in str(solution.certificate)


def test_a_time_limit_without_a_feasible_point_gives_no_solution():
    solution = eo.solve(hard_knapsack(), "highs", time_limit=0.3)
    assert solution.status == "no_solution"
    assert "Time limit" in solution.message


def test_a_limit_with_an_incumbent_gives_a_feasible_answer_with_its_gap():
    rng = np.random.default_rng(1)
    weights = rng.integers(20, 100, (8, 60)).astype(float)
    program = eo.Program(
        rng.integers(20, 100, 60),
        weights,
        row_upper=weights.sum(axis=1) / 3,
        upper=1.0,
        integrality=True,
        sense="maximize",
    )
    solution = eo.solve(program, "highs", time_limit=0.5)
    assert solution.status in ("feasible", "optimal")
    assert solution.bound >= solution.objective - 1e-9
    assert eo.verify(program, solution).holds


@pytest.mark.parametrize(("option", "value"), [("simplex_iteration_limit", 0), ("ipm_iteration_limit", 0)])
def test_an_iteration_limit_is_no_optimum(option, value):
    method = {"method": "ipm"} if option.startswith("ipm") else {}
    solution = eo.solve(LP, "highs", presolve="off", **{option: value}, **method)
    assert solution.status in ("no_solution", "feasible")


def test_infeasible_unbounded_and_both_are_told_apart():
    inf = np.inf
    infeasible = eo.Program([-1.0, 0.0], [[0.0, 1.0], [0.0, 1.0]], [2.0, -inf], [inf, 1.0])
    unbounded = eo.Program([-1.0, 0.0], [[1.0, -1.0]], [0.0], [0.0])
    assert eo.solve(infeasible, "highs").status == "infeasible"
    assert eo.solve(unbounded, "highs").status == "unbounded"
    integers = eo.Program([-1.0, 0.0], [[1.0, -1.0]], [0.0], [0.0], integrality=True)
    solution = eo.solve(integers, "highs")
    assert solution.status == "unbounded"
    assert "improving ray" in str(solution.certificate)


def test_a_refused_option_value_names_it():
    with pytest.raises(eo.InvalidOptionError, match="presolve='sometimes'"):
        eo.solve(LP, "highs", presolve="sometimes")
    with pytest.raises(eo.InvalidOptionError, match="simplex_strategy"):
        eo.solve(LP, "highs", no_such_option=1)


def test_a_warm_start_is_taken_as_incumbent():
    start = eo.Point([1.0, 1.0, 0.0])
    assert eo.solve(KNAPSACK, "highs", warm_start=start).objective == 9.0
    assert eo.solve(LP, "highs", warm_start=eo.Point([2.0, 6.0])).objective == -36.0


def test_threads_and_concurrent_solves():
    assert eo.solve(KNAPSACK, "highs", threads=1).objective == 9.0
    assert eo.solve(KNAPSACK, "highs", threads=2).objective == 9.0
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda k: eo.solve(LP if k % 2 else KNAPSACK, "highs").objective, range(24)))
    assert found == [9.0, -36.0] * 12


def transport(size: int = 12) -> eo.Program:
    rng = np.random.default_rng(3)
    cost = rng.uniform(1, 9, (size, size))
    supply, demand = np.zeros((size, size * size)), np.zeros((size, size * size))
    for i in range(size):
        supply[i, i * size : (i + 1) * size] = 1.0
        demand[i, i::size] = 1.0
    rows = np.vstack([supply, demand])
    lower = np.concatenate([np.full(size, -np.inf), np.full(size, 5.0)])
    return eo.Program(cost.ravel(), rows, lower, np.concatenate([np.full(size, 9.0), np.full(size, np.inf)]))


def test_a_session_solves_a_changed_program_from_the_last_basis():
    program = transport()
    session = eo.HighsSession(program, presolve="off")
    first = session.solve()
    row_lower = program.row_lower.copy()
    row_lower[-1] = 5.5
    warm = session.solve(row_lower=row_lower)
    cold = eo.solve(session.program, "highs", presolve="off")
    assert warm.objective == pytest.approx(cold.objective, rel=1e-9)
    assert warm.objective > first.objective
    assert warm.statistics.get("simplex_iterations", 0) < cold.statistics["simplex_iterations"]
    assert eo.verify(session.program, warm).holds


def test_a_session_follows_costs_bounds_and_integer_programs():
    session = eo.HighsSession(LP)
    assert session.solve(cost=[-3.0, 0.0]).objective == -12.0
    assert session.solve(upper=[1.0, np.inf]).objective == -3.0
    assert session.solve(cost=[-3e200, 0.0]).objective == -3e200
    assert session.solve(lower=[2.0, 0.0]).status == "infeasible"
    assert session.solve(time_limit=0).status == "no_solution"
    integers = eo.HighsSession(KNAPSACK)
    assert integers.solve().objective == 9.0
    assert integers.solve(row_upper=[3.0]).objective == 8.0


def test_a_session_refuses_what_does_not_fit_and_stays_as_it_was():
    session = eo.HighsSession(LP)
    with pytest.raises(eo.InvalidProblemError, match="row_upper"):
        session.solve(row_upper=[1.0])
    assert session.solve().objective == -36.0
    with pytest.raises(eo.InvalidOptionError, match="no_such_option"):
        eo.HighsSession(LP, no_such_option=1)
