"""What every solver owes every problem that it claims to solve."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

import edgeopt as eo

IMPRECISE = ("pdlp",)
"""First-order solvers may stop short of optimality; they then say ``feasible`` and never more."""


def test_an_exact_solver_finds_and_proves_the_truth(exact, case, close_enough):
    solution = eo.solve(case.problem, exact.name)
    if exact.name in IMPRECISE and solution.status == "feasible":
        assert solution.objective == pytest.approx(case.objective, rel=1e-4, abs=1e-4 * case.scale)
        return
    assert solution.status == case.status, solution
    if case.status == "optimal":
        assert close_enough(exact, solution, case), (solution, case.objective)
    assert solution.certificate is not None
    assert eo.verify(case.problem, solution).holds


def test_a_heuristic_is_never_better_than_the_optimum(heuristic, case):
    solution = eo.solve(case.problem, heuristic.name)
    if case.status == "infeasible":
        assert solution.status in ("infeasible", "failed")
        return
    if solution.status == "failed":  # an infeasible answer, caught
        assert "infeasible" in solution.message
        return
    sign = case.problem.sense.sign
    assert solution.status == "feasible"
    assert sign * (solution.objective - case.objective) >= -1e-12 * case.scale
    assert eo.verify(case.problem, solution).holds
    if solution.bound is not None:
        assert sign * (case.objective - solution.bound) >= -1e-9 * abs(case.objective) - 1e-12 * case.scale


def test_the_bound_is_never_on_the_wrong_side(entry, case):
    solution = eo.solve(case.problem, entry.name)
    if solution.bound is None:
        assert solution.status in ("feasible", "infeasible", "unbounded", "failed")
        return
    better = case.problem.sense.sign * (solution.bound - case.objective)
    assert better <= 1e-6 * abs(case.objective) + 1e-12 * case.scale


def test_the_same_seed_gives_the_same_answer_and_the_data_stay_untouched(entry, case):
    before = {f.name: _copy(getattr(case.problem, f.name)) for f in fields(case.problem)}
    first, second = (eo.solve(case.problem, entry.name, seed=3) for _ in range(2))
    assert first.status == second.status
    if first.status.has_decision:
        np.testing.assert_array_equal(_array(first.decision), _array(second.decision))
    for name, value in before.items():
        np.testing.assert_array_equal(_copy(getattr(case.problem, name)), value)


def _copy(value):
    return value.toarray() if hasattr(value, "toarray") else np.array(value) if isinstance(value, np.ndarray) else value


def _array(decision):
    if hasattr(decision, "tiers"):
        return np.hstack(decision.tiers)
    if isinstance(decision, eo.SlotDecision):
        return np.array([decision.split, decision.rate])
    if isinstance(decision, eo.SharedSlotDecision):
        return np.array([decision.split, decision.rate, decision.band, decision.speed])
    return next(getattr(decision, name) for name in ("local", "admitted", "values") if hasattr(decision, name))


AN_EASY_SLOT = eo.SlotProblem([0, 1e9], [1e9, 0], [1e6, 0], [0, 0.1], 10.0, 1e-9, 1e6, 1e-18, 1e9, 1e12, (1e5, 1e7),
                              1.0, 0.0, 1.0, 20.0)  # fmt: skip

AN_EASY_SHARED_SLOT = eo.SharedSlot([0, 1e9], [1e9, 0], [1e6, 0], [0, 0.1], [10.0], 1e-9, 1e6, 1e-18, 1e9, 1e12, 1.0,
                                    1e5, 1e9, 1.0, 0.0, 1.0, 20.0)  # fmt: skip


def an_easy_problem(entry):
    """Return a problem that `entry` takes, and a decision for it."""
    chain = eo.Exit(0.5, [[1.0, 2.0], [2.0, 1.0]], [1.0, 1.0, 1.0])
    candidates = [
        (eo.OfflineOffloading([1.0, 2.0], [2.0, 1.0], 0.5), eo.OffloadingDecision(np.array([True, False]))),
        (eo.StochasticSplit([chain], [1.0], 1.0), eo.SplitDecision(([0, 1],))),
        (eo.GraphSplit([[1.0, 2.0]], [(-1, 0)], 1.0, [1.0], 1.0), eo.GraphSplitDecision([0])),
        (AN_EASY_SLOT, eo.SlotDecision(0, 1e6)),
        (AN_EASY_SHARED_SLOT, eo.SharedSlotDecision([0], [1e6], [1e6], [1e12])),
        (eo.RevenueMaximization([1.0], [[1.0]], [[1.0]], [1.0], [1.0], [1.0]), eo.AdmissionDecision([1.0])),
        (eo.Program([1.0, 2.0], [[1.0, 1.0]], [1.0]), eo.Point([1.0, 0.0])),
    ]
    return next((problem, decision) for problem, decision in candidates if not entry.refusal(problem))


def a_large_problem(entry):
    """Return a problem that keeps most solvers of this kind busy for a while, or None where `entry` refuses it."""
    rng = np.random.default_rng(0)
    chains = [eo.Exit(k / 10, rng.gamma(1.0, 1.0, (60, 3)), rng.gamma(1.0, 1.0, 61)) for k in range(10)]
    paths = rng.random((200, 2000)) < 0.05
    candidates = [
        eo.RevenueMaximization(rng.gamma(2.0, 1.0, 2000), paths[:100], paths[100:], np.full(100, 40.0),
                               np.full(100, 40.0), rng.gamma(2.0, 1.0, 2000)),
        eo.OfflineOffloading(rng.gamma(2.0, 1.0, 15_000), rng.gamma(2.0, 0.8, 15_000), 0.6),
        eo.StochasticSplit(chains, np.full(10, 0.1), 1.0, 2.0),
        eo.GraphSplit(rng.gamma(1.0, 1.0, (300, 3)), [(p, c) for c in range(300) for p in range(max(-1, c - 5), c)],
                      1.0, rng.gamma(1.0, 1.0, 300), 1.0, 2.0),
    ]  # fmt: skip
    return next((problem for problem in candidates if not entry.refusal(problem)), None)


@pytest.mark.timeout(120)
def test_a_time_limit_ends_the_search(entry):
    """Whether within a second is no question to a machine that others use too: it is killed after two minutes."""
    problem = a_large_problem(entry)
    if problem is None or "time_limit" not in entry.honours:
        pytest.skip("it does not take this problem, or refuses the option")
    solution = eo.solve(problem, entry.name, time_limit=1.0)
    assert solution.status in ("optimal", "feasible", "no_solution")


def test_a_time_limit_of_zero_gives_no_solution(entry):
    problem, _ = an_easy_problem(entry)
    if "time_limit" not in entry.honours:
        pytest.skip("it refuses the option")
    solution = eo.solve(problem, entry.name, time_limit=0)
    assert solution.status == "no_solution"
    with pytest.raises(eo.NoSolutionError, match="time limit is 0"):
        _ = solution.decision


@pytest.mark.parametrize("option", ["time_limit", "relative_gap", "warm_start", "threads"])
def test_a_standard_option_is_honoured_or_refused(entry, option):
    problem, decision = an_easy_problem(entry)
    value = {"time_limit": 60.0, "relative_gap": 1e-4, "warm_start": decision, "threads": 1}[option]
    if option in entry.honours:
        assert eo.solve(problem, entry.name, **{option: value}).status in ("optimal", "feasible")
    else:
        with pytest.raises(eo.InvalidOptionError, match=option):
            eo.solve(problem, entry.name, **{option: value})


def test_an_unknown_option_is_refused_with_the_known_ones(entry):
    problem, _ = an_easy_problem(entry)
    with pytest.raises(eo.InvalidOptionError, match="no_such_option"):
        eo.solve(problem, entry.name, no_such_option=1)
