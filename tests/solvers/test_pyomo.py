"""Pyomo as a route to other solvers: optima worked by hand, every termination condition, every option."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from edgeopt.model.errors import InvalidOptionError, SolverNotInstalledError, UnknownSolverError
from edgeopt.model.outcome import Options, Status
from edgeopt.model.program import Program
from edgeopt.solvers import pyomo as module
from edgeopt.solving.solve import solve
from edgeopt.verification.solver_words import MixedIntegerBound

INF = np.inf

# max 3 x + 2 y with x + y <= 4, x + 3 y <= 7, x <= 3: the vertex (3, 1), worked by hand; row prices 2 and 0.
TEXTBOOK = Program([3, 2], [[1, 1], [1, 3]], row_upper=[4, 7], upper=[3, INF], sense="maximize", offset=5)
# min x + 2 y with x + y = 3, -1 <= x - y <= 1: the vertex (2, 1); prices 1.5 (equality) and -0.5 (upper side).
TWO_SIDED = Program([1, 2], [[1, 1], [1, -1]], [3, -1], [3, 1])


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


@pytest.mark.parametrize(
    ("program", "point", "objective", "prices"),
    [(TEXTBOOK, (3, 1), 16, (2, 0)), (TWO_SIDED, (2, 1), 4, (1.5, -0.5))],
    ids=["maximise", "two-sided"],
)
def test_optimum_and_prices_worked_by_hand(program, point, objective, prices):
    solution = solve(program, "pyomo")
    assert solution.status is Status.OPTIMAL
    assert solution.objective == pytest.approx(objective)
    assert solution.decision.values == pytest.approx(point)
    assert solution.certificate.row_dual == pytest.approx(prices)


@pytest.mark.parametrize("integer", [False, True])
@pytest.mark.parametrize(
    ("program", "status"),
    [
        (Program([1, 1], [[1, 1], [1, 1]], [3, -INF], [INF, 2]), "infeasible"),
        (Program([-1, -1], [[1, -1]], [0], [1]), "unbounded"),
        (Program([-1, 0, -1], [[1, 1, 0], [1, 1, 0]], [3, -INF], [INF, 2]), "infeasible"),
    ],
    ids=["infeasible", "unbounded", "infeasible-and-unbounded"],
)
def test_programs_without_optimum_are_told_apart(program, status, integer):
    if integer:
        program = Program(program.cost, program.matrix, program.row_lower, program.row_upper, integrality=True)
    assert solve(program, "pyomo").status == status


@pytest.mark.parametrize("sense", ["minimize", "maximize"])
def test_integer_program_states_bound_and_gap(sense):
    program = Program([1.5, 2.0], [[2, 1]], [2.5], [5.5], upper=3, integrality=True, sense=sense, offset=-1)
    solution, reference = solve(program, "pyomo"), solve(program, "highs")
    assert solution.status is Status.OPTIMAL
    assert solution.objective == solution.claimed_bound == pytest.approx(reference.objective)
    assert program.sense.sign * (solution.objective - solution.bound) >= 0
    assert isinstance(solution.certificate, MixedIntegerBound)


def test_relative_gap_is_passed_on():
    loose = solve(knapsack(25, 0), "pyomo", relative_gap=0.1)
    assert loose.status is Status.OPTIMAL
    assert 0 < loose.gap <= 0.1


def test_time_limit_without_incumbent():
    solution = solve(market_split(0), "pyomo", time_limit=0.3)
    assert solution.status is Status.NO_SOLUTION
    assert "maxTimeLimit" in solution.message


def test_time_limit_with_incumbent():
    solution = solve(knapsack(100, 0), "pyomo", time_limit=1.0)
    assert solution.status in (Status.FEASIBLE, Status.NO_SOLUTION)  # a busy machine may find none
    assert solution.objective is None or solution.bound >= solution.objective
    assert "maxTimeLimit" in solution.message


def test_solution_limit_with_incumbent():
    solution = solve(knapsack(60, 0), "pyomo", solver_options={"mip_max_improving_sols": 1})
    assert solution.status is Status.FEASIBLE
    assert "iterationLimit" in solution.message


def test_iteration_limit():
    options = {"simplex_iteration_limit": 0, "presolve": "off", "solver": "simplex"}
    rng = np.random.default_rng(0)
    program = Program(-rng.random(20), rng.random((10, 20)), row_upper=1.0)
    solution = solve(program, "pyomo", solver_options=options)
    assert solution.status in (Status.NO_SOLUTION, Status.FEASIBLE)
    assert "iterationLimit" in solution.message


def conditions() -> list[str]:
    from pyomo.contrib.solver.common.results import TerminationCondition

    return [condition.name for condition in TerminationCondition]


@pytest.mark.parametrize("condition", conditions())
@pytest.mark.parametrize("with_point", [True, False])
def test_every_termination_condition_has_a_meaning(monkeypatch, condition, with_point):
    assert condition in module.MEANINGS
    if condition == "infeasibleOrUnbounded":
        monkeypatch.setattr(module, "_unbounded_or_infeasible", lambda *_: module.unbounded(TEXTBOOK))
    monkeypatch.setattr(module, "_values", lambda *_: np.array([3.0, 1.0]))
    monkeypatch.setattr(module, "_duals", lambda *_: np.array([2.0, 0.0]))
    results = SimpleNamespace(
        termination_condition=SimpleNamespace(name=condition),
        objective_bound=None,
        solver_log="",
        solution_status=SimpleNamespace(name="feasible" if with_point else "noSolution"),
    )
    outcome = module._outcome(TEXTBOOK, Options(), None, results)
    stopped = Status.FEASIBLE if with_point else Status.NO_SOLUTION
    assert outcome.claim is {
        "convergenceCriteriaSatisfied": Status.OPTIMAL if with_point else Status.NO_SOLUTION,
        "maxTimeLimit": stopped,
        "iterationLimit": stopped,
        "objectiveLimit": stopped,
        "interrupted": stopped,
        "minStepLength": stopped,
        "locallyInfeasible": stopped,
        "unknown": stopped,
        "provenInfeasible": Status.INFEASIBLE,
        "unbounded": Status.UNBOUNDED,
        "infeasibleOrUnbounded": Status.UNBOUNDED,
    }.get(condition, Status.FAILED)


@pytest.mark.parametrize(
    ("program", "claim"),
    [
        (TEXTBOOK, Status.UNBOUNDED),  # it has a feasible point, so of the two only "unbounded" is possible
        (Program([-1.0], [[1.0]], [2.0], [3.0], upper=1.0), Status.INFEASIBLE),
        (Program([0.0]), Status.INFEASIBLE),
    ],
)
def test_infeasible_or_unbounded_is_settled(program, claim):
    assert module._unbounded_or_infeasible(program, Options(), "").claim is claim


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"solver": "pyomo:no-such-solver"}, UnknownSolverError, "highs"),
        ({"solver": "pyomo:gurobi"}, SolverNotInstalledError, "highspy"),
        ({"solver": "pyomo", "warm_start": "point"}, InvalidOptionError, "warm_start"),
        ({"solver": "pyomo", "mip_rel_gap": 1.0}, InvalidOptionError, "solver_options"),
        ({"solver": "pyomo", "solver_options": 3}, InvalidOptionError, "mapping"),
        ({"solver": "pyomo", "solver_options": {"no_such_option": 1}}, InvalidOptionError, "no_such_option"),
        ({"solver": "pyomo", "solver_options": {"presolve": 3}}, InvalidOptionError, "presolve"),
    ],
)
def test_impossible_requests_are_refused(arguments, error, words):
    if "warm_start" in arguments:
        arguments = {**arguments, "warm_start": solve(TEXTBOOK, "highs")}
    with pytest.raises(error, match=words):
        solve(TEXTBOOK, **arguments)


def test_variant_named_explicitly_and_threads():
    solution = solve(TEXTBOOK, "pyomo:highs", threads=1, seed=7, solver_options={"presolve": "off"})
    assert solution.status is Status.OPTIMAL
    assert solution.solver == "pyomo:highs"
    assert solve(knapsack(10, 0), "pyomo", threads=2).status is Status.OPTIMAL


def test_log_goes_to_standard_output_only_if_asked(capfd):
    solve(TEXTBOOK, "pyomo")
    assert capfd.readouterr().out == ""
    solve(TEXTBOOK, "pyomo", log=True)
    assert "HiGHS" in capfd.readouterr().out


def test_columns_that_nothing_mentions_get_a_value_within_bounds():
    program = Program([1.0, 0.0, 0.0], [[1.0, 0.0, 0.0]], [1.0], [2.0], [0, 2, -5], [3, 4, -1])
    values = solve(program, "pyomo").decision.values
    assert (program.lower <= values).all()
    assert (values <= program.upper).all()


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
    assert solve(program, "pyomo").objective == pytest.approx(solve(program, "highs").objective, abs=1e-9)
