"""The split map of general graphs: the envelope of all placements; what the energy front says of them."""

from __future__ import annotations

import logging
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

import edgeopt as eo
from edgeopt.analysis.energy_fronts import energy_front

DIAMOND = [(-1, 0), (0, 1), (0, 2), (1, 3), (2, 3)]


@pytest.mark.parametrize(("tiers", "downlink"), [(2, None), (2, 3.0), (3, None)])
def test_it_is_the_envelope_of_all_placements(tiers: int, downlink: float | None) -> None:
    rng = np.random.default_rng(tiers)
    for _ in range(5):
        problem = eo.GraphSplit(
            rng.gamma(1.0, 1.0, (4, tiers)) / (1 + np.arange(tiers)),
            DIAMOND,
            2.0,
            rng.gamma(1.0, 1.0, 4),
            1.0,
            [2.0] * (tiers - 2) or None,
            downlink,
            link_delay=0.01,
        )
        front = eo.split_map(problem)
        for rate in np.exp(rng.uniform(-4, 6, 10)):
            there = replace(problem, uplink_rate=rate)
            every = product(range(tiers), repeat=4)
            least = min(there.objective(eo.GraphSplitDecision(place)) for place in every)
            assert front.latency(rate) == pytest.approx(least, rel=1e-9)
            assert there.objective(front.decision(rate)) == pytest.approx(least, rel=1e-9)
        assert (np.diff(front.breaks) > 0).all()
        assert front.frame().layers_sent.between(0, 4).all()
        within = eo.split_map(problem, (0.5, 2.0))
        assert within.latency(1.0) == pytest.approx(front.latency(1.0))


def test_rates_that_are_only_tried_raise_no_doubts(caplog: pytest.LogCaptureFixture) -> None:
    rng = np.random.default_rng(0)
    graph = eo.GraphSplit(rng.gamma(1.0, 1e-3, (4, 2)), DIAMOND, 1e6, [2e5, 1e5, 1e5, 1e3], 1e7)
    with caplog.at_level(logging.WARNING):
        eo.split_map(graph)
    assert not caplog.records


def test_a_graph_on_a_chain_has_the_chain_s_map() -> None:
    rng = np.random.default_rng(9)
    times, bits = rng.gamma(1.0, 1.0, (6, 2)) / [1, 4], rng.gamma(1.0, 1.0, 7)
    chain = eo.StochasticSplit([eo.Exit(1.0, times, bits)], [1.0], 1.0)
    graph = eo.GraphSplit(times, [(n - 1, n) for n in range(6)], bits[0], bits[1:], 1.0)
    assert eo.split_map(graph).breaks == pytest.approx(eo.split_map(chain).breaks)


def joules_of(problem: eo.GraphSplit, place: tuple[int, ...], watts, sending, receiving) -> float:
    """Return the energy of a placement, tensor by tensor and link by link."""
    total = sum(problem.exec_time[n, tier] * watts[tier] for n, tier in enumerate(place))
    for tensor in range(-1, problem.layers):
        bits = problem.input_bits if tensor < 0 else problem.output_bits[tensor]
        here = 0 if tensor < 0 else place[tensor]
        readers = [place[consumer] for producer, consumer in problem.edges if producer == tensor]
        readers += [0] if tensor in problem.outputs else []
        rates = [float(problem.uplink_rate), *(() if problem.backhaul_rate is None else problem.backhaul_rate)]
        back = [float(problem.uplink_rate if problem.downlink_rate is None else problem.downlink_rate), *rates[1:]]
        for link in range(problem.tiers - 1):
            total += bits / rates[link] * sending[link] * any(here <= link < there for there in readers)
            total += bits / back[link] * receiving[link] * any(there <= link < here for there in readers)
    return float(total)


@pytest.mark.parametrize(("tiers", "downlink"), [(2, 3.0), (3, None)])
def test_the_front_of_latency_and_energy_against_every_placement(tiers: int, downlink: float | None) -> None:
    rng = np.random.default_rng(tiers)
    points = 0
    for _ in range(2):
        problem = eo.GraphSplit(
            rng.gamma(1.0, 1.0, (4, tiers)) / (1 + np.arange(tiers)),
            DIAMOND,
            2.0,
            rng.gamma(1.0, 1.0, 4),
            4.0,
            [2.0] * (tiers - 2) or None,
            downlink,
            link_delay=0.2,
        )
        powers = 2.0 / (1 + np.arange(tiers)), np.full(tiers - 1, 0.5), np.full(tiers - 1, 0.25)
        every = list(product(range(tiers), repeat=4))
        pairs = [(problem.objective(eo.GraphSplitDecision(p)), joules_of(problem, p, *powers)) for p in every]
        best = sorted(one for one in pairs if not any(o != one and o[0] <= one[0] and o[1] <= one[1] for o in pairs))
        front = energy_front(problem, powers[0], powers[1], receive_power=powers[2])
        np.testing.assert_allclose(np.stack([front.latency, front.energy], 1), best, rtol=1e-9)
        for point in range(len(front)):
            place = tuple(front.decision(point).tiers.tolist())
            assert joules_of(problem, place, *powers) == pytest.approx(front.energy[point], rel=1e-9)
        assert len(front.frame()) == len(front)
        middle = front.fastest_within(front.energy[-1])
        assert problem.objective(middle) == pytest.approx(front.latency[-1], rel=1e-9)
        points += len(front)
    assert points > 4
    rough = energy_front(problem, powers[0], powers[1], receive_power=powers[2], epsilon=0.5)
    assert len(rough) <= len(front)
    for latency, energy in zip(front.latency, front.energy, strict=True):
        assert ((rough.latency <= latency * 1.5) & (rough.energy <= energy * 1.5)).any()
    with pytest.raises(eo.InvalidOptionError, match=r"more than \d+ points"):
        energy_front(problem, powers[0], powers[1], receive_power=powers[2], max_labels=len(front) - 1)


def test_a_front_of_no_energy_is_the_fastest_placement() -> None:
    graph = eo.GraphSplit([[1.0, 9.0], [8.0, 1.0], [8.0, 1.0], [1.0, 9.0]], DIAMOND, 9.0, [2.0, 1.0, 1.0, 0.0], 1.0)
    front = energy_front(graph, 0.0, 0.0)
    assert (front.latency.tolist(), front.energy.tolist()) == ([8.0], [0.0])


def test_what_has_no_map_or_front_is_told() -> None:
    graph = eo.GraphSplit([[1.0, 1.0]] * 4, DIAMOND, 1.0, [1.0] * 4, 1.0)
    capped = graph.subject_to(joules=lambda m: m.energy(1.0, 1.0) <= 2.0)
    assert eo.solve(capped).status == "optimal"
    with pytest.raises(
        eo.InvalidProblemError, match=r"energy_front takes a StochasticSplit or a GraphSplit, not a Con"
    ):
        energy_front(capped, 1.0, 1.0)
    with pytest.raises(eo.InvalidProblemError, match="not a Constrained"):
        eo.split_map(capped)
