"""The map from link rate to optimal split: exact everywhere, break-points included."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import edgeopt as eo
from edgeopt.analysis.split_maps import split_map


def instance(seed: int, lengths=(2, 4), tiers: int = 2, **rest) -> eo.StochasticSplit:
    rng = np.random.default_rng(seed)
    grid = rng.random() < 0.5  # ties
    draw = (lambda shape: rng.integers(0, 4, shape) / 2.0) if grid else (lambda shape: rng.gamma(1.0, 1.0, shape))
    times, bits = draw((max(lengths), tiers)), draw(max(lengths) + 1)
    exits = [
        eo.Exit(k / 9, np.vstack([times[: n - 1], draw((1, tiers))]), bits[: n + 1]) for k, n in enumerate(lengths)
    ]
    down = {} if rng.random() < 0.5 else {"downlink_rate": 2.0}
    backhaul = 3.0 if tiers == 3 else None
    return eo.StochasticSplit(
        exits, rng.dirichlet(np.ones(len(lengths))), 1.0, backhaul, link_delay=0.1 * rng.integers(0, 2), **down, **rest
    )


cases = given(seed=st.integers(0, 10**6), shared=st.booleans(), tiers=st.integers(2, 3))


@settings(max_examples=60, deadline=None)
@cases
def test_it_is_the_optimum_at_every_rate(seed, shared, tiers):
    problem = instance(seed, tiers=tiers, shared_trunk=shared)
    found = split_map(problem)
    rates = np.r_[np.logspace(-6, 6, 60), found.breaks]
    optimum = eo.solve(replace(problem, uplink_rate=rates)).objective
    np.testing.assert_allclose(found.latency(rates), optimum, rtol=1e-11, atol=1e-12)
    assert (np.diff(found.breaks) > 0).all()
    assert (np.diff(found.slopes) > 0).all()
    assert (np.diff(found.intercepts) < 0).all()
    assert len(found) == len(found.breaks) + 1


@settings(max_examples=40, deadline=None)
@cases
def test_at_a_break_point_both_neighbours_are_optimal(seed, shared, tiers):
    problem = instance(seed, tiers=tiers, shared_trunk=shared)
    found = split_map(problem)
    for k, rate in enumerate(found.breaks):
        there = replace(problem, uplink_rate=rate)
        optimum = eo.solve(there).objective
        for decision in found.decisions[k : k + 2]:
            assert there.objective(decision) == pytest.approx(optimum, rel=1e-9)
        apart = replace(problem, uplink_rate=rate * 1.01)
        assert found.decision(rate * 1.01) is not found.decision(rate * 0.99)
        assert apart.objective(found.decision(rate * 1.01)) <= apart.objective(found.decisions[k]) * (1 + 1e-12)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_it_is_the_envelope_of_all_placements(seed):
    problem = instance(seed, (1, 3))
    lines = []
    for tiers in product(range(2), repeat=4):
        decision = problem.decision_at(np.array(tiers))
        at = {rate: replace(problem, uplink_rate=rate).objective(decision) for rate in (1.0, 0.5)}
        slope = at[0.5] - at[1.0]
        lines.append((at[1.0] - slope, slope))
    found = split_map(problem)
    inverse = np.logspace(-5, 5, 400)
    envelope = np.min([a + b * inverse for a, b in lines], axis=0)
    np.testing.assert_allclose(found.latency(1 / inverse), envelope, rtol=1e-9, atol=1e-9)
    # Slopes that are lowest somewhere on a dense scan are pieces; no piece is invented.
    lowest = {round(lines[i][1], 9) for i in np.argmin([[a + b * x for a, b in lines] for x in inverse], axis=1)}
    assert len(found) >= len(lowest) or any(abs(s - t) < 1e-6 for s in lowest for t in lowest if s != t)
    assert all(any(abs(s - b) < 1e-9 for _, b in lines) for s in found.slopes)


def test_by_hand():
    """One layer: 3 s on the device, 1 s at the edge, 6 bits up and 2 back: the edge pays from 4 bit/s on."""
    problem = eo.StochasticSplit([eo.Exit(1.0, [[3.0, 1.0]], [6.0, 2.0])], [1.0], 1.0)
    found = split_map(problem)
    np.testing.assert_allclose(found.breaks, [4.0])
    np.testing.assert_allclose(found.slopes, [0.0, 8.0])
    np.testing.assert_allclose(found.intercepts, [3.0, 1.0])
    assert found.decision(3.9).tiers[0].tolist() == [0]
    assert found.decision(4.1).tiers[0].tolist() == [1]
    frame = found.frame()
    assert frame.from_rate.tolist() == [0.0, 4.0]
    assert frame.to_rate.tolist() == [4.0, np.inf]
    assert frame.layers_sent.tolist() == [0, 1]
    narrow = split_map(problem, (5.0, 9.0))
    assert len(narrow) == 1
    assert narrow.slopes.tolist() == [8.0]
    assert split_map(replace(problem, downlink_rate=1.0), [0.1, 100.0]).breaks.tolist() == []


def test_a_layer_that_cannot_run_on_the_device_keeps_its_transfer():
    problem = eo.StochasticSplit([eo.Exit(1.0, [[np.inf, 1.0], [1.0, 0.5]], [4.0, 1.0, 2.0])], [1.0], 1.0)
    found = split_map(problem)
    assert found.slopes.tolist() == [5.0, 6.0]
    assert found.breaks.tolist() == [2.0]


@pytest.mark.parametrize("rates", [(0.0, 1.0), (-1.0, 2.0), [], (np.nan, 1.0)])
def test_a_range_that_is_none_is_refused(rates):
    with pytest.raises(eo.InvalidProblemError, match="uplink_rates"):
        split_map(instance(0), rates)


def test_a_batch_is_refused():
    with pytest.raises(eo.InvalidProblemError, match="batch"):
        split_map(replace(instance(0), uplink_rate=[1.0, 2.0]))
