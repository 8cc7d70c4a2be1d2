"""The split map of general graphs: the envelope of all placements; what the energy front says of them."""

from __future__ import annotations

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


def test_a_graph_on_a_chain_has_the_chain_s_map() -> None:
    rng = np.random.default_rng(9)
    times, bits = rng.gamma(1.0, 1.0, (6, 2)) / [1, 4], rng.gamma(1.0, 1.0, 7)
    chain = eo.StochasticSplit([eo.Exit(1.0, times, bits)], [1.0], 1.0)
    graph = eo.GraphSplit(times, [(n - 1, n) for n in range(6)], bits[0], bits[1:], 1.0)
    assert eo.split_map(graph).breaks == pytest.approx(eo.split_map(chain).breaks)


def test_what_has_no_map_or_front_is_told() -> None:
    graph = eo.GraphSplit([[1.0, 1.0]] * 4, DIAMOND, 1.0, [1.0] * 4, 1.0)
    with pytest.raises(eo.InvalidProblemError, match=r"energy_front takes a StochasticSplit.*subject_to"):
        energy_front(graph, 1.0, 1.0)
    capped = graph.subject_to(joules=lambda m: m.energy(1.0, 1.0) <= 2.0)
    assert eo.solve(capped).status == "optimal"
    with pytest.raises(eo.InvalidProblemError, match="not a Constrained"):
        eo.split_map(capped)
