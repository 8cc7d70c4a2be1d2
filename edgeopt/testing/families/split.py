"""Splits of multi-exit networks, their optima found by trying every placement."""

from __future__ import annotations

from itertools import product

import numpy as np
from scipy import stats

from ...formulations.placement.demand import DemandSamples
from ...formulations.placement.exits import Exit
from ...formulations.split import StochasticSplit
from ..case import Case


def split_latency(problem: StochasticSplit, k: int, tiers) -> float:
    """Return the latency of exit `k` straight from eq. 4.4 to 4.6 of Zuo (2024), in scalars."""
    entry = problem.exits[k]
    backhaul = [] if problem.backhaul_rate is None else np.ravel(problem.backhaul_rate)
    rates = [float(problem.uplink_rate), *backhaul]
    down = rates if problem.downlink_rate is None else [float(problem.downlink_rate), *rates[1:]]
    total, before = entry.fixed_time, 0
    for layer, tier in enumerate([*tiers, 0]):
        for link in range(min(before, tier), max(before, tier)):
            rate = rates[link] if tier > before else down[link]
            total += float(entry.output_bits[layer]) / rate + float(problem.link_delay[link])
        total += float(entry.exec_time[layer, tier]) if layer < entry.layers else 0.0
        before = tier
    return total


def split_enumerated(name: str, problem: StochasticSplit) -> Case:
    """Return the case of a small split, its optimum found by trying every placement."""
    weights = problem.demand[:-1].copy()
    if problem.unmet_penalty is None:
        weights[int(np.argmax([entry.accuracy for entry in problem.exits]))] += problem.demand[-1]
    places = [list(product(range(problem.tiers), repeat=entry.layers)) for entry in problem.exits]
    latency = [{tiers: split_latency(problem, k, tiers) for tiers in place} for k, place in enumerate(places)]
    if problem.shared_trunk:  # the longest exit holds the trunk of all
        longest = max(range(len(places)), key=lambda k: problem.exits[k].layers)
        assert all(entry.names == problem.exits[longest].names[: entry.layers] for entry in problem.exits)
        best = min(
            sum(w * latency[k][tiers[: problem.exits[k].layers]] for k, w in enumerate(weights))
            for tiers in places[longest]
        )
    else:
        best = sum(w * min(of.values()) for w, of in zip(weights, latency, strict=True))
    best += (problem.unmet_penalty or 0.0) * float(problem.demand[-1])
    return Case(name, problem, "optimal", best, best)


def cases() -> list[Case]:
    """Return the families of stochastic splits."""
    rng = np.random.default_rng(11)

    def chain(layers: int, tiers: int = 2, accuracy: float = 0.5, unit: float = 1.0, **rest) -> Exit:
        return Exit(accuracy, unit * rng.gamma(1.0, 1.0, (layers, tiers)), rng.gamma(1.0, 1.0, layers + 1), **rest)

    def tied(layers: int, accuracy: float) -> Exit:
        return Exit(accuracy, rng.integers(0, 2, (layers, 2)), rng.integers(0, 2, layers + 1))

    names = ("a", "b", "c", "d")
    trunk = chain(4, 3, 0.9, names=names)
    stems = [Exit(0.3 * n, trunk.exec_time[:n], trunk.output_bits[: n + 1], names[:n]) for n in (1, 2)] + [trunk]
    pinned = Exit(0.7, [[1.0, np.inf], [5.0, 0.1], [np.inf, 0.2]], [9.0, 1.0, 1.0, 0.5])
    make = StochasticSplit
    two = [chain(2, 2, 0.4), chain(4, 2, 0.6)]
    hand = Exit(0.8, [[3.0, 1.0], [8.0, 2.0]], [40.0, 10.0, 2.0])  # 3 + 10/5 + 2 + 2/5 s by hand
    return [
        Case("hand", make([hand], [1.0], 5.0), "optimal", 7.4, 7.4),
        split_enumerated("typical", make(two, stats.norm(0.5, 0.1), 2.0)),
        split_enumerated("three tiers", make([chain(3, 3, 0.4), chain(4, 3, 0.6)], [0.4, 0.6], 2.0, 5.0)),
        split_enumerated("four tiers", make([chain(4, 4)], [1.0], 2.0, [5.0, 0.3], link_delay=[0.1, 0.2, 0.3])),
        split_enumerated("shared trunk", make(stems, [0.2, 0.3, 0.4, 0.1], 2.0, 5.0, shared_trunk=True)),
        split_enumerated("asymmetric", make(two, [0.5, 0.5], 2.0, downlink_rate=50.0, link_delay=0.01)),
        split_enumerated("tied", make([tied(3, 0.3), tied(4, 0.5)], [0.5, 0.5], 1.0)),
        split_enumerated("all equal", make([Exit(0.5, np.ones((3, 2)), np.zeros(4))], [1.0], 1.0)),
        split_enumerated("one layer", make([chain(1)], [1.0], 1.0)),
        split_enumerated("equal accuracies", make([chain(2), chain(2)], stats.uniform(0, 1), 1.0)),
        split_enumerated("demand outside", make(two, stats.norm(5.0, 0.1), 1.0)),
        split_enumerated("penalty", make(two, [0.3, 0.3, 0.4], 1.0, unmet_penalty=7.0)),
        split_enumerated("samples", make(two, DemandSamples([0.4, 0.41, 0.6, 0.2]), 1.0)),
        split_enumerated("pinned", make([pinned], [1.0], 1.0)),
        split_enumerated("slow", make([chain(3, unit=1e9)], [1.0], 1e-9)),
        split_enumerated("fast", make([chain(3, unit=1e-9)], [1.0], 1e9)),
        split_enumerated("loading", make([chain(3, fixed_time=4.0)], [1.0], 1.0)),
    ]
