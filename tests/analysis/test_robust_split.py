"""The robust split: against every corner of the intervals and every placement."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import edgeopt as eo
from edgeopt.analysis.robust_splits import robust_split


def instance(seed: int, lengths=(1, 2), tiers: int = 2, **rest):
    """Return a problem with the lower ends, and the upper ends."""
    rng = np.random.default_rng(seed)
    names = [f"l{i}" for i in range(max(lengths))]
    times, bits = rng.choice([0.0, 0.5, 1.0, 2.5], (max(lengths), tiers)), rng.gamma(0.5, 1.0, max(lengths) + 1)
    wide = rng.choice([0.0, 0.5, 1.0, 3.0], (max(lengths), tiers))
    exits = [eo.Exit(k / 9, times[:n], bits[: n + 1], names[:n]) for k, n in enumerate(lengths)]
    problem = eo.StochasticSplit(
        exits, rng.dirichlet(np.ones(len(lengths))), 2.0, 3.0 if tiers == 3 else None, link_delay=0.05, **rest
    )
    return problem, [times[:n] + wide[:n] for n in lengths]


def realised(problem, times):
    return replace(problem, exits=[replace(e, exec_time=t) for e, t in zip(problem.exits, times, strict=True)])


def corners(problem, upper, most=None):
    """Yield the layer times of every corner: of the tree's layers, each at its lower or its upper end."""
    nodes_of = problem.costs.tree.nodes_of
    shape = problem.costs.tree.exec_time.shape
    for bits in product((False, True), repeat=shape[0] * shape[1]):
        late = np.array(bits).reshape(shape)
        if most is not None and any(late[nodes].any(axis=1).sum() > most for nodes in nodes_of):
            continue
        yield [
            np.where(late[nodes], up, entry.exec_time)
            for entry, up, nodes in zip(problem.exits, upper, nodes_of, strict=True)
        ]


def placements(problem):
    for tiers in product(range(problem.tiers), repeat=problem.costs.tree.parent.size):
        yield problem.decision_at(np.array(tiers))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), shared=st.booleans())
def test_the_worst_case_is_that_of_all_corners(seed, shared):
    problem, upper = instance(seed, shared_trunk=shared)
    worlds = [realised(problem, times) for times in corners(problem, upper)]
    best = min(max(world.objective(decision) for world in worlds) for decision in placements(problem))
    found = robust_split(problem, upper)
    assert found.value == pytest.approx(best)
    assert max(world.objective(found.decision) for world in worlds) == pytest.approx(found.value)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), budget=st.integers(0, 3))
def test_a_budget_of_deviations(seed, budget):
    problem, upper = instance(seed, (3,))
    best = np.inf
    for decision in placements(problem):
        tiers = decision.tiers[0]
        extra = (upper[0] - problem.exits[0].exec_time)[np.arange(3), tiers]
        worst = max(sum(extra[list(chosen)]) for chosen in combinations(range(3), budget))
        best = min(best, problem.objective(decision) + worst)
    found = robust_split(problem, upper, budget=budget)
    assert found.value == pytest.approx(best)
    assert realised(problem, found.corner).objective(found.decision) == pytest.approx(found.value)


def test_budgets_of_several_exits_add_up():
    problem, upper = instance(5, (2, 3, 4))
    alone = [
        robust_split(replace(problem, exits=[entry], demand=[1.0]), [up], budget=1).value
        for entry, up in zip(problem.exits, upper, strict=True)
    ]
    assert robust_split(problem, upper, budget=1).value == pytest.approx(problem.weights @ alone)
    values = [robust_split(problem, upper, budget=b).value for b in range(5)]
    assert (np.diff(values) >= -1e-12).all()
    assert values[0] == pytest.approx(eo.solve(problem).objective)
    assert values[-1] == pytest.approx(robust_split(problem, upper).value)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), shared=st.booleans())
def test_the_regret_is_that_of_all_corners(seed, shared):
    problem, upper = instance(seed, (1, 2), shared_trunk=shared)
    worlds = [realised(problem, times) for times in corners(problem, upper)]
    optima = [eo.solve(world).objective for world in worlds]

    def regret(decision):
        return max(world.objective(decision) - best for world, best in zip(worlds, optima, strict=True))

    least = min(regret(decision) for decision in placements(problem))
    found = robust_split(problem, upper, "regret")
    assert found.value == pytest.approx(least, abs=1e-7)
    assert regret(found.decision) == pytest.approx(found.value, abs=1e-7)
    assert found.bound == pytest.approx(found.value, abs=1e-6)


def test_regret_on_three_tiers():
    problem, upper = instance(11, (2,), 3)
    worlds = [realised(problem, times) for times in corners(problem, upper)]
    optima = [eo.solve(world).objective for world in worlds]
    least = min(
        max(world.objective(decision) - best for world, best in zip(worlds, optima, strict=True))
        for decision in placements(problem)
    )
    assert robust_split(problem, upper, "regret").value == pytest.approx(least, abs=1e-7)


def test_regret_and_worst_case_differ():
    """The device is always 3 s; the edge 0 to 4 s: the worst case stays, hindsight would rather have left."""
    problem = eo.StochasticSplit([eo.Exit(1.0, [[3.0, 0.0]], [0.0, 0.0])], [1.0], 1.0)
    upper = [np.array([[3.0, 4.0]])]
    assert robust_split(problem, upper).decision.tiers[0].tolist() == [0]
    found = robust_split(problem, upper, "regret")
    assert found.decision.tiers[0].tolist() == [1]
    assert found.value == pytest.approx(1.0)
    assert found.corner[0].tolist() == [[3.0, 4.0]]


def test_intervals_without_width_are_the_problem_itself():
    problem, _ = instance(3, (3, 4), 3)
    upper = [entry.exec_time for entry in problem.exits]
    optimum = eo.solve(problem).objective
    assert robust_split(problem, upper).value == pytest.approx(optimum)
    assert robust_split(problem, upper, budget=2).value == pytest.approx(optimum)
    assert robust_split(problem, upper, "regret").value == pytest.approx(0.0, abs=1e-9)


def test_layers_that_cannot_run_on_a_tier():
    pinned = eo.Exit(1.0, [[1.0, np.inf], [2.0, 1.0]], [1.0, 0.5, 0.5])
    problem = eo.StochasticSplit([pinned], [1.0], 1.0)
    upper = [np.array([[2.0, np.inf], [2.5, 3.0]])]
    for options in ({}, {"budget": 1}, {"criterion": "regret"}):
        assert robust_split(problem, upper, **options).decision.tiers[0][0] == 0


@pytest.mark.parametrize(
    ("upper", "options", "error", "message"),
    [
        ([np.zeros((2, 2))], {}, eo.InvalidProblemError, r"upper\[0\]\[0, 0\] is 0.0.*exec_time"),
        ([np.ones((3, 2))], {}, eo.InvalidProblemError, r"upper\[0\] has shape \(3, 2\)"),
        ([], {}, eo.InvalidProblemError, "upper has 0 arrays"),
        ([np.full((2, 2), np.inf)], {}, eo.InvalidProblemError, "inf exactly where"),
        ([np.full((2, 2), 9.0)], {"criterion": "luck"}, eo.InvalidOptionError, "criterion is 'luck'"),
        ([np.full((2, 2), 9.0)], {"budget": -1}, eo.InvalidOptionError, "budget is -1"),
        ([np.full((2, 2), 9.0)], {"criterion": "regret", "budget": 1}, eo.InvalidOptionError, "worst-case"),
    ],
)
def test_bad_input_is_refused(upper, options, error, message):
    problem = eo.StochasticSplit([eo.Exit(1.0, np.ones((2, 2)), np.ones(3))], [1.0], 1.0)
    with pytest.raises(error, match=message):
        robust_split(problem, upper, **options)


def test_a_budget_needs_independent_exits_and_one_problem():
    problem, upper = instance(0, shared_trunk=True)
    with pytest.raises(eo.InvalidOptionError, match="independent exits"):
        robust_split(problem, upper, budget=1)
    with pytest.raises(eo.InvalidProblemError, match="batch"):
        robust_split(replace(problem, uplink_rate=[1.0, 2.0]), upper)
