"""Latency against energy: the front is that of all placements, tried one by one."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import edgeopt as eo
from edgeopt.analysis.energy_fronts import energy_front
from edgeopt.solvers.neurosurgeon import device_energy


def instance(seed: int, lengths=(2, 3), tiers: int = 2, **rest) -> eo.StochasticSplit:
    rng = np.random.default_rng(seed)
    ties = rng.random() < 0.4
    draw = (lambda shape: rng.integers(0, 3, shape) / 2.0) if ties else (lambda shape: rng.gamma(1.0, 1.0, shape))
    times, bits = draw((max(lengths), tiers)), draw(max(lengths) + 1)
    exits = [
        eo.Exit(k / 9, np.vstack([times[: n - 1], draw((1, tiers))]), bits[: n + 1]) for k, n in enumerate(lengths)
    ]
    return eo.StochasticSplit(
        exits,
        rng.dirichlet(np.ones(len(lengths))),
        1.0 + rng.random(),
        3.0 if tiers == 3 else None,
        downlink_rate=2.0,
        link_delay=0.05,
        **rest,
    )


def tried(problem, compute, radio):
    """Return (latency, energy) of every placement; energy of the device by the independent function of a baseline."""
    nodes = problem.costs.tree.parent.size
    points = []
    for tiers in product(range(problem.tiers), repeat=nodes):
        decision = problem.decision_at(np.array(tiers))
        energy = device_energy(problem, np.array([tiers]), compute, radio)[0] @ problem.weights
        points.append((problem.objective(decision), energy))
    return np.array(points)


def non_dominated(points):
    return np.array(
        sorted(
            {
                (round(a, 9), round(b, 9))
                for a, b in points
                if not any((c <= a + 1e-9 and d < b - 1e-9) or (c < a - 1e-9 and d <= b + 1e-9) for c, d in points)
            }
        )
    )


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10**6), shared=st.booleans(), tiers=st.integers(2, 3))
def test_it_is_the_front_of_all_placements(seed, shared, tiers):
    problem = instance(seed, (2, 3) if tiers == 2 else (1, 3), tiers, shared_trunk=shared)
    found = energy_front(problem, 2.0, 3.0)
    points = np.round(np.column_stack([found.latency, found.energy]), 9)
    expected = non_dominated(tried(problem, 2.0, 3.0))
    for point in expected:
        assert np.abs(points - point).max(axis=1).min() <= 1e-8
    for point in points:
        assert np.abs(expected - point).max(axis=1).min() <= 1e-8


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), shared=st.booleans())
def test_ends_and_placements(seed, shared):
    problem = instance(seed, (4, 6, 7), 3, shared_trunk=shared)
    found = energy_front(problem, [2.0, 9.0, 30.0], [1.0, 0.5], receive_power=[0.7, 0.5])
    assert found.latency[0] == pytest.approx(eo.solve(problem).objective)
    assert (np.diff(found.latency) > 0).all()
    assert (np.diff(found.energy) < 0).all()
    for point in range(0, len(found), max(1, len(found) // 5)):
        assert problem.objective(found.decision(point)) == pytest.approx(found.latency[point])
    assert problem.objective(found.fastest_within(np.inf)) == pytest.approx(found.latency[0])
    assert problem.objective(found.frugal_within(np.inf)) == pytest.approx(found.latency[-1])
    middle = len(found) // 2
    within = problem.objective(found.fastest_within(found.energy[middle]))
    assert within == pytest.approx(found.latency[middle])
    assert len(found.frame()) == len(found)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), epsilon=st.sampled_from([0.01, 0.1, 0.5]))
def test_an_approximate_front_keeps_its_promise(seed, epsilon):
    problem = instance(seed, (5, 6), 3)
    exact, rough = (energy_front(problem, 2.0, 3.0, epsilon=e) for e in (0.0, epsilon))
    assert len(rough) <= len(exact)
    assert rough.tolerance == 1 + epsilon
    for latency, energy in zip(exact.latency, exact.energy, strict=True):
        near = (rough.latency <= latency * (1 + epsilon) + 1e-12) & (rough.energy <= energy * (1 + epsilon) + 1e-12)
        assert near.any()


def test_by_hand():
    """3 s at 2 W on the device, or 6 bits up at 3 W for 3 s, 1 s at the edge, 2 bits back for 1 s."""
    problem = eo.StochasticSplit([eo.Exit(1.0, [[3.0, 1.0]], [6.0, 2.0])], [1.0], 2.0, link_delay=0.25)
    found = energy_front(problem, 2.0, 1.0)
    np.testing.assert_allclose(found.latency, [3.0, 5.5])
    np.testing.assert_allclose(found.energy, [6.0, 4.0])
    assert found.decision(1).tiers[0].tolist() == [1]
    assert energy_front(problem, 2.0, 3.0).latency.tolist() == [3.0]
    with pytest.raises(eo.InvalidProblemError, match="at least 4 J"):
        found.fastest_within(3.0)
    with pytest.raises(eo.InvalidProblemError, match="at least 3 s"):
        found.frugal_within(1.0)


def test_a_layer_that_cannot_run_on_a_tier_never_does():
    problem = eo.StochasticSplit([eo.Exit(1.0, [[np.inf, 1.0], [1.0, np.inf]], [1.0, 1.0, 1.0])], [1.0], 1.0)
    found = energy_front(problem, 0.0, 0.0)
    assert [found.decision(k).tiers[0].tolist() for k in range(len(found))] == [[1, 0]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((-1.0, 1.0), "compute_power.*watts"),
        (([1.0, 2.0, 3.0], 1.0), r"compute_power has shape \(3,\)"),
        ((1.0, [1.0, 2.0]), r"radio_power has shape \(2,\)"),
        ((1.0, np.nan), "radio_power"),
    ],
)
def test_bad_powers_are_refused(arguments, message):
    with pytest.raises(eo.InvalidProblemError, match=message):
        energy_front(instance(0), *arguments)


def test_a_front_that_is_too_large_says_what_to_do():
    problem = instance(2, (12, 12, 12), 3)
    with pytest.raises(eo.InvalidOptionError, match="max_labels is 5; raise max_labels, or set epsilon"):
        energy_front(problem, 2.0, 3.0, max_labels=5)
    with pytest.raises(eo.InvalidProblemError, match="batch"):
        energy_front(replace(problem, uplink_rate=[1.0, 2.0]), 1.0, 1.0)
