"""Planted liars: solvers that lie, break, hang or eat memory. Each is caught, and each says how."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest

import edgeopt as eo
from edgeopt.formulations.offloading import LocalFractionMultiplier, TooFewAvailable
from edgeopt.verification.infeasibility import FarkasRay
from edgeopt.verification.linear_dual import LinearDual
from edgeopt.verification.solver_words import MixedIntegerBound, SolverClaim
from edgeopt.verification.unboundedness import PrimalRay

PROBLEM = eo.OfflineOffloading([3.0, 1.0, 2.0, 5.0], [1.0, 1.5, 1.0, 1.0], min_local_fraction=0.5)
PROGRAM = eo.Program([1.0, 2.0], [[1.0, 1.0]], row_lower=[1.0])
KNAPSACK = eo.Program([5.0, 4.0], [[2.0, 3.0]], row_upper=[4.0], upper=1.0, integrality=True, sense="maximize")


def local(*values: int) -> eo.OffloadingDecision:
    return eo.OffloadingDecision(np.array(values, dtype=bool))


def liar(outcome, solves=eo.OfflineOffloading, exact=True):
    """Return a solver that answers with `outcome`, or with what calling it gives."""
    return eo.Solver("liar", lambda problem, options: outcome() if callable(outcome) else outcome, solves, exact)


def raises(error):
    def throw():
        raise error

    return throw


BEST = local(0, 1, 1, 0)
CASES = {
    "infeasible decision": (PROBLEM, eo.Outcome.optimal(local(0, 1, 0, 0)), "min_local_fraction is violated"),
    "wrong objective": (PROBLEM, eo.Outcome.optimal(BEST, objective=0.1), "reports objective 0.1"),
    "nan objective": (PROBLEM, eo.Outcome.optimal(BEST, objective=float("nan")), "reports objective nan"),
    "suboptimal": (PROBLEM, eo.Outcome.optimal(local(1, 0, 0, 1)), "certificate proves only"),
    "bogus multiplier": (
        PROBLEM,
        eo.Outcome.optimal(local(1, 1, 1, 1), LocalFractionMultiplier(9.0)),
        "certificate proves only",
    ),
    "false bound": (PROBLEM, eo.Outcome.optimal(BEST, bound=99.0), "contradicts"),
    "wrong shape": (PROBLEM, eo.Outcome.optimal(local(0, 1)), "malformed"),
    "wrong dtype": (PROBLEM, eo.Outcome.optimal(eo.OffloadingDecision(np.array([0.0, 1, 1, 0]))), "malformed"),
    "wrong type": (PROBLEM, eo.Outcome.optimal("all of them"), "malformed"),
    "no decision": (PROBLEM, eo.Outcome(eo.Status.OPTIMAL), "returned no decision"),
    "no outcome": (PROBLEM, lambda: None, "expected an Outcome"),
    "no status": (PROBLEM, eo.Outcome("superb", BEST), "expected a Status"),
    "exception": (PROBLEM, raises(RuntimeError("out of luck")), "RuntimeError: out of luck"),
    "exit": (PROBLEM, raises(SystemExit(3)), "SystemExit: 3"),
    "infeasible claim": (PROBLEM, eo.Outcome(eo.Status.INFEASIBLE, certificate=TooFewAvailable(9, 1)), "has a point"),
    "unbounded claim": (PROBLEM, eo.Outcome(eo.Status.UNBOUNDED), "says unbounded"),
    "gives up": (PROBLEM, eo.Outcome.failed("numerical trouble"), "numerical trouble"),
    "nan point": (PROGRAM, eo.Outcome.optimal(eo.Point([np.nan, 1.0])), "finite"),
    "violating point": (PROGRAM, eo.Outcome.optimal(eo.Point([0.0, 0.0])), r"row row\[0\] is violated by 1"),
    "outside its bounds": (PROGRAM, eo.Outcome.optimal(eo.Point([2.0, -1.0])), r"bound of x\[1\]"),
    "suboptimal point": (PROGRAM, eo.Outcome.optimal(eo.Point([0.0, 1.0])), "certificate proves only 1.0"),
    "wrong duals": (PROGRAM, eo.Outcome.optimal(eo.Point([0.0, 1.0]), LinearDual(np.array([0.3]))), "proves only 1.0"),
    "impossible duals": (
        PROGRAM,
        eo.Outcome.optimal(eo.Point([0.0, 1.0]), LinearDual(np.array([7.0]))),
        "proves only 1.0",
    ),
    "nan duals": (PROGRAM, eo.Outcome.optimal(eo.Point([0.0, 1.0]), LinearDual(np.array([np.nan]))), "proves only 1.0"),
    "bogus ray": (PROGRAM, eo.Outcome(eo.Status.INFEASIBLE, certificate=FarkasRay(np.array([1.0]))), "no certificate"),
    "bogus direction": (
        PROGRAM,
        eo.Outcome(eo.Status.UNBOUNDED, certificate=PrimalRay(np.array([1.0, 0]), np.array([1.0, 0]))),
        "no certificate",
    ),
    "denies a feasible program": (PROGRAM, eo.Outcome(eo.Status.INFEASIBLE), "no certificate"),
    "fractional": (KNAPSACK, eo.Outcome.optimal(eo.Point([0.5, 1.0])), r"not integer: x\[0\] is 0.5"),
    "denies a feasible integer program": (KNAPSACK, eo.Outcome(eo.Status.INFEASIBLE), "has a point"),
    "hands over its own word": (
        KNAPSACK,
        eo.Outcome(eo.Status.INFEASIBLE, certificate=SolverClaim("infeasible", "liar")),
        "has a point",
    ),
    "unbounded integers": (KNAPSACK, eo.Outcome(eo.Status.UNBOUNDED), "no certificate"),
    "weak bound": (
        KNAPSACK,
        eo.Outcome.optimal(eo.Point([0.0, 1.0]), MixedIntegerBound(4.0, "liar")),
        "has a point of objective 5.0",
    ),
    "bound below": (KNAPSACK, eo.Outcome.optimal(eo.Point([1.0, 0.0]), bound=4.0), "contradicts"),
    "bound that leaves a gap": (
        KNAPSACK,
        eo.Outcome.optimal(eo.Point([0.0, 1.0]), bound=6.0),
        "has a point of objective 5.0",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_liar_is_caught_with_its_reason(name):
    problem, outcome, reason = CASES[name]
    solves = eo.Program if isinstance(problem, eo.Program) else eo.OfflineOffloading
    solution = eo.solve(problem, liar(outcome, solves))
    assert solution.status == "failed"
    with pytest.raises(eo.NoSolutionError, match=reason):
        _ = solution.decision
    assert solution.objective is None
    assert not eo.verify(problem, solution).holds


def test_a_general_solver_that_lies_about_a_formulation_is_caught_too():
    for point, reason in (
        ([0.5, 1.0, 1.0, 0.0], r"not integer: local\[0\] is 0.5"),
        ([0.0, 1.0, 0.0, 0.0], "min_local_fraction"),
        ([0.0, 1.0], "malformed"),
        ([0.0, 1.0, np.inf, 0.0], "malformed"),
    ):
        solution = eo.solve(PROBLEM, liar(eo.Outcome.optimal(eo.Point(point)), eo.Program))
        assert solution.status == "failed"
        with pytest.raises(eo.NoSolutionError, match=reason):
            _ = solution.decision


def test_an_honest_answer_passes():
    assert eo.solve(PROBLEM, liar(eo.Outcome.optimal(BEST))).status == "optimal"
    assert eo.solve(PROBLEM, liar(eo.Outcome.feasible(BEST), exact=False)).status == "feasible"


# The solvers below run in processes of their own, which find them by the name of this module's file.


@eo.solver("hangs", solves=eo.OfflineOffloading, exact=True, options=("time_limit",))
def hangs(problem, options):
    """Never end."""
    while True:
        time.sleep(0.01)


@eo.solver("deaf", solves=eo.OfflineOffloading, exact=True)
def deaf(problem, options):
    """Never end, and never promise to."""
    while True:
        time.sleep(0.01)


@eo.solver("crashes", solves=eo.OfflineOffloading, exact=True)
def crashes(problem, options):
    """Die as a native library dies."""
    os.kill(os.getpid(), signal.SIGSEGV)


@eo.solver("greedy-for-memory", solves=eo.OfflineOffloading, exact=True)
def eats_memory(problem, options):
    """Take all the memory there is."""
    taken = []
    while True:
        taken.append(np.ones(2_000_000))
        time.sleep(0.002)


@eo.solver("lies-from-afar", solves=eo.OfflineOffloading, exact=True)
def lies_from_afar(problem, options):
    """Lie in another process."""
    return eo.Outcome.optimal(local(1, 0, 0, 1))


def processes_at_work(folder: Path) -> list[str]:
    """Workers and supervisors whose folder lies in this one, which is one test's own: others run at the same time."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if any(folder in Path(word).parents for word in words):
            found.append(entry.parent.name)
    return found


@pytest.fixture
def clean(tmp_path, monkeypatch):
    """Give isolated calls a temporary folder of their own; nothing may be left in it, nor any process."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    yield
    assert list(tmp_path.iterdir()) == []
    assert processes_at_work(tmp_path) == []


def test_a_hang_costs_one_call_and_ends_in_time(clean):
    solution = eo.solve(PROBLEM, hangs, isolate=True, time_limit=0.5)
    assert solution.status == "failed"
    assert "did not stop by itself and was killed" in solution.message


def test_a_limit_that_a_solver_cannot_know_is_enforced_from_outside(clean):
    with pytest.raises(eo.InvalidOptionError, match="time_limit"):
        eo.solve(PROBLEM, deaf, time_limit=0.3)
    assert eo.solve(PROBLEM, deaf, isolate=True, time_limit=0.3).status == "no_solution"


def test_a_crash_costs_one_call(clean):
    solution = eo.solve(PROBLEM, crashes, isolate=True)
    assert solution.status == "failed"
    assert f"ended by signal {int(signal.SIGSEGV)}" in solution.message


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="resident memory is watched on Linux only")
def test_a_memory_blow_up_costs_one_call(clean):
    solution = eo.solve(PROBLEM, eats_memory, isolate=True, memory_limit=400e6, time_limit=60)
    assert solution.status == "failed"
    assert "memory limit" in solution.message


def test_a_lie_from_another_process_is_caught(clean):
    solution = eo.solve(PROBLEM, lies_from_afar, isolate=True)
    assert solution.status == "failed"
    assert "certificate proves only" in solution.message


@pytest.mark.parametrize("name", ["selection", "highs", "random"])
def test_isolated_solvers_give_the_same_answers(clean, name):
    inside, isolated = eo.solve(PROBLEM, name, seed=5), eo.solve(PROBLEM, name, seed=5, isolate=True)
    assert (isolated.status, isolated.objective) == (inside.status, inside.objective)
    np.testing.assert_array_equal(isolated.decision.local, inside.decision.local)


def test_isolation_of_programs_statuses_warm_starts_and_options(clean):
    assert eo.solve(PROGRAM, "highs", isolate=True, threads=1).objective == 1.0
    assert eo.solve(eo.Program([-1.0]), "highs", isolate=True).status == "unbounded"
    assert eo.solve(KNAPSACK, "highs", isolate=True, warm_start=eo.Point([1.0, 0.0]), presolve="off").objective == 5.0
    assert eo.solve(PROBLEM, "highs", isolate=True, time_limit=0).status == "no_solution"


def test_isolated_options_are_checked_like_any():
    with pytest.raises(eo.InvalidOptionError, match="memory_limit needs isolate"):
        eo.solve(PROBLEM, memory_limit=1e9)
    with pytest.raises(eo.InvalidOptionError, match="bytes > 0"):
        eo.solve(PROBLEM, isolate=True, memory_limit=-1.0)
    with pytest.raises(eo.InvalidOptionError, match="isolated"):
        eo.solve(PROBLEM, "highs", isolate=True, presolve=object())


def test_a_solver_without_a_home_cannot_be_isolated():
    solution = eo.solve(PROBLEM, liar(eo.Outcome.optimal(BEST)), isolate=True)
    assert solution.status == "failed"
    assert "top level" in solution.message
