"""Every registered solver meets every family of every formulation that it claims; nobody keeps a list.

A case is a problem and what an independent enumeration, or a hand, says about it. ``entry`` and ``case`` are
parametrised over all pairs that the registry allows, ``exact`` or ``heuristic`` and ``case`` over those of one kind.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
import pytest
from scipy import sparse, stats

import edgeopt as eo
from edgeopt.model.problem import Problem
from edgeopt.model.solver import Solver
from edgeopt.solving.registry import solvers


@dataclass(frozen=True)
class Case:
    """A problem with its status and, where it is optimal, its objective and the scale of its data."""

    name: str
    problem: Problem
    status: str
    objective: float | None = None
    scale: float = 1.0


def enumerated(name: str, problem: eo.OfflineOffloading) -> Case:
    """Return the case of a small offloading problem, its optimum found by trying everything."""
    local, remote = problem.local_cost, problem.remote_cost + problem.transmission_cost
    if local.ndim == 2 and not problem.independent_sites:
        local = local.sum(axis=1)
    local, remote = local.ravel(), np.broadcast_to(remote, problem.remote_cost.shape).ravel()
    able = np.ones(local.size, bool) if problem.local_available is None else problem.local_available.ravel()
    best = np.inf
    for choice in product((False, True), repeat=local.size):
        kept = np.array(choice)
        if kept.mean() >= problem.min_local_fraction * (1 - 1e-12) and not (kept & ~able).any():
            best = min(best, float(np.where(kept, local, remote).sum()) / problem.samples)
    scale = float(np.abs(local).sum() + np.abs(remote).sum()) / problem.samples
    return Case(name, problem, "optimal" if np.isfinite(best) else "infeasible", best, scale)


def offloading_cases() -> list[Case]:
    """Return the families of offline offloading."""
    rng = np.random.default_rng(7)
    drawn = lambda n: rng.gamma(2.0, 1.0, n)  # noqa: E731
    tied = lambda n: rng.integers(0, 3, n).astype(float)  # noqa: E731
    make = eo.OfflineOffloading
    return [
        enumerated("tiny", make([3.0, 1.0, 2.0], [1.0, 1.5, 1.0], 0.6)),
        enumerated("typical", make(drawn(10), drawn(10), 0.45)),
        enumerated("unconstrained", make(drawn(9), drawn(9), 0.0)),
        enumerated("all local", make(drawn(8), drawn(8), 1.0)),
        enumerated("degenerate", make(np.ones(6), np.zeros(6), 0.5)),
        enumerated("indifferent", make(np.ones(6), np.ones(6), 0.5)),
        enumerated("tied", make(tied(10), tied(10), 0.7)),
        enumerated("negative", make(-drawn(9), -drawn(9), 0.3)),
        enumerated("huge", make(1e300 * drawn(6), 1e300 * drawn(6), 0.5)),
        enumerated("small", make(1e-300 * drawn(6), 1e-300 * drawn(6), 0.5)),
        enumerated("single", make([2.0], [1.0], 1.0)),
        enumerated("single free", make([2.0], [1.0], 0.0)),
        enumerated("charged", make(drawn(9), drawn(9), 0.2, transmission_cost=0.8)),
        enumerated("two sites", make(drawn((8, 2)), drawn(8), 0.5)),
        enumerated("independent", make(drawn((5, 2)), drawn((5, 2)), 0.5, independent_sites=True)),
        enumerated("outage", make(drawn(8), drawn(8), 0.5, local_available=np.arange(8) % 3 > 0)),
        enumerated("infeasible", make(drawn(4), drawn(4), 0.9, local_available=np.array([True, True, False, True]))),
    ]


def split_latency(problem: eo.StochasticSplit, k: int, tiers) -> float:
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


def split_enumerated(name: str, problem: eo.StochasticSplit) -> Case:
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


def split_cases() -> list[Case]:
    """Return the families of stochastic splits."""
    rng = np.random.default_rng(11)

    def chain(layers: int, tiers: int = 2, accuracy: float = 0.5, unit: float = 1.0, **rest) -> eo.Exit:
        return eo.Exit(accuracy, unit * rng.gamma(1.0, 1.0, (layers, tiers)), rng.gamma(1.0, 1.0, layers + 1), **rest)

    def tied(layers: int, accuracy: float) -> eo.Exit:
        return eo.Exit(accuracy, rng.integers(0, 2, (layers, 2)), rng.integers(0, 2, layers + 1))

    names = ("a", "b", "c", "d")
    trunk = chain(4, 3, 0.9, names=names)
    stems = [
        eo.Exit(0.3 * n, trunk.exec_time[:n], trunk.output_bits[: n + 1], names[:n]) for n in (1, 2)
    ] + [trunk]  # fmt: skip
    pinned = eo.Exit(0.7, [[1.0, np.inf], [5.0, 0.1], [np.inf, 0.2]], [9.0, 1.0, 1.0, 0.5])
    make = eo.StochasticSplit
    two = [chain(2, 2, 0.4), chain(4, 2, 0.6)]
    hand = eo.Exit(0.8, [[3.0, 1.0], [8.0, 2.0]], [40.0, 10.0, 2.0])  # 3 + 10/5 + 2 + 2/5 s by hand
    return [
        Case("hand", make([hand], [1.0], 5.0), "optimal", 7.4, 7.4),
        split_enumerated("typical", make(two, stats.norm(0.5, 0.1), 2.0)),
        split_enumerated("three tiers", make([chain(3, 3, 0.4), chain(4, 3, 0.6)], [0.4, 0.6], 2.0, 5.0)),
        split_enumerated("four tiers", make([chain(4, 4)], [1.0], 2.0, [5.0, 0.3], link_delay=[0.1, 0.2, 0.3])),
        split_enumerated("shared trunk", make(stems, [0.2, 0.3, 0.4, 0.1], 2.0, 5.0, shared_trunk=True)),
        split_enumerated("asymmetric", make(two, [0.5, 0.5], 2.0, downlink_rate=50.0, link_delay=0.01)),
        split_enumerated("tied", make([tied(3, 0.3), tied(4, 0.5)], [0.5, 0.5], 1.0)),
        split_enumerated("all equal", make([eo.Exit(0.5, np.ones((3, 2)), np.zeros(4))], [1.0], 1.0)),
        split_enumerated("one layer", make([chain(1)], [1.0], 1.0)),
        split_enumerated("equal accuracies", make([chain(2), chain(2)], stats.uniform(0, 1), 1.0)),
        split_enumerated("demand outside", make(two, stats.norm(5.0, 0.1), 1.0)),
        split_enumerated("penalty", make(two, [0.3, 0.3, 0.4], 1.0, unmet_penalty=7.0)),
        split_enumerated("samples", make(two, eo.DemandSamples([0.4, 0.41, 0.6, 0.2]), 1.0)),
        split_enumerated("pinned", make([pinned], [1.0], 1.0)),
        split_enumerated("slow", make([chain(3, unit=1e9)], [1.0], 1e-9)),
        split_enumerated("fast", make([chain(3, unit=1e-9)], [1.0], 1e9)),
        split_enumerated("loading", make([chain(3, fixed_time=4.0)], [1.0], 1.0)),
    ]


def graph_cases() -> list[Case]:
    """Return the families of splits of general graphs, their optima found by trying every placement."""
    rng = np.random.default_rng(13)
    diamond = [(-1, 0), (0, 1), (0, 2), (1, 3), (2, 3)]
    dense = [(p, c) for c in range(5) for p in range(-1, c)]
    drawn = lambda *shape: rng.gamma(1.0, 1.0, shape)  # noqa: E731
    make = eo.GraphSplit
    pinned = drawn(4, 3)
    pinned[0, 1:], pinned[2, 0] = np.inf, np.inf
    problems = {
        "diamond": make([[1, 9], [8, 1], [8, 1], [1, 9]], diamond, 9.0, [2.0, 1.0, 1.0, 0.0], 1.0),
        "dense": make(drawn(5, 3), dense, 1.0, drawn(5), 1.5, 2.5, link_delay=0.05),
        "four tiers": make(drawn(4, 4), diamond, 1.0, drawn(4), 1.5, [2.5, 0.5], 3.0),
        "tied": make(rng.integers(0, 2, (5, 2)), dense, 1.0, rng.integers(0, 2, 5), 1.0),
        "pinned": make(pinned, diamond, 1.0, drawn(4), 1.5, 2.5),
        "single": make([[2.0, 1.0]], [(-1, 0)], 1.0, [0.5], 1.0),
        "nothing to do": make(np.zeros((4, 2)), diamond, 0.0, np.zeros(4), 1.0),
        "slow": make(1e9 * drawn(4, 2), diamond, 1.0, drawn(4), 1e-9),
        "fast": make(1e-9 * drawn(4, 2), diamond, 1.0, drawn(4), 1e9),
    }
    cases = []
    for name, problem in problems.items():
        places = product(range(problem.tiers), repeat=problem.layers)
        best = min(problem.objective(eo.GraphSplitDecision(tiers)) for tiers in places)
        cases.append(Case(name, problem, "optimal", best, best))
    return cases


def revenue_enumerated(name: str, problem: eo.RevenueMaximization) -> Case:
    """Return the case of a small revenue program, its optimum the best of all vertices."""
    n = problem.services
    rows = np.vstack([problem.density.toarray(), np.eye(n), -np.eye(n)])
    sides = np.r_[problem.capacity, problem.traffic, np.zeros(n)]
    keep = np.isfinite(sides)
    rows, sides = rows[keep], sides[keep]
    best = -np.inf
    for chosen in combinations(range(len(sides)), n):
        corner, side = rows[list(chosen)], sides[list(chosen)]
        if abs(np.linalg.det(corner)) > 1e-12:
            point = np.linalg.solve(corner, side)
            if (rows @ point <= sides + 1e-9 * (1.0 + np.abs(sides))).all():
                best = max(best, float(problem.unit_profit @ point))
    return Case(name, problem, "optimal", best, float(np.abs(problem.unit_profit) @ problem.traffic))


def revenue_cases() -> list[Case]:
    """Return the families of network-revenue programs."""
    rng = np.random.default_rng(17)
    drawn = lambda *shape: rng.gamma(2.0, 1.0, shape)  # noqa: E731
    make = eo.RevenueMaximization

    def network(services: int, servers: int = 2, links: int = 2, unit: float = 1.0, **rest) -> eo.RevenueMaximization:
        paths = rng.random((servers + links, services)) < 0.7
        density = paths * drawn(servers + links, services)
        fields = {
            "unit_revenue": unit * drawn(services), "compute_density": density[:servers],
            "link_density": sparse.csr_array(density[servers:]), "compute_capacity": 2 * drawn(servers),
            "link_capacity": 2 * drawn(links), "traffic": drawn(services),
        }  # fmt: skip
        return make(**fields | rest)

    twice = np.ones((2, 3))
    return [
        # max 2 a + b, a + b <= 2, a, b <= 2 by hand: 4
        Case("hand", make([2.0, 1.0], [[1.0, 1.0]], np.zeros((0, 2)), [2.0], [], [2.0, 2.0]), "optimal", 4.0, 6.0),
        revenue_enumerated("typical", network(4, 3, 3)),
        revenue_enumerated("priced", network(4, compute_price=0.3, link_price=[0.1, 0.9])),
        revenue_enumerated("all at a loss", network(3, compute_price=100.0)),
        revenue_enumerated("tied", make(np.ones(4), np.ones((2, 4)), np.ones((1, 4)), [3.0, 3.0], [2.0], np.ones(4))),
        revenue_enumerated("duplicate rows", make([3.0, 2.0, 1.0], twice, twice, [2.0, 2.0], [2.0, 2.0], np.ones(3))),
        revenue_enumerated("no capacity", network(3, compute_capacity=[0.0, 0.0])),
        revenue_enumerated("no traffic", network(3, traffic=np.zeros(3))),
        revenue_enumerated("ample", network(4, compute_capacity=[1e6, 1e6], link_capacity=[np.inf, np.inf])),
        revenue_enumerated("dear", network(4, unit=1e12)),
        revenue_enumerated("cheap", network(4, unit=1e-12)),
        revenue_enumerated("single", network(1, 1, 0)),
        revenue_enumerated("no resources", make([1.0, -1.0], np.zeros((0, 2)), np.zeros((0, 2)), [], [], [2.0, 2.0])),
    ]


def slot_searched(name: str, problem: eo.SlotProblem) -> Case:
    """Return the case of a slot, its optimum found by golden section on both sides of the deadline of each split."""
    best = np.inf
    for k in np.flatnonzero(problem.able):
        if problem.sent[k] == 0:
            best = min(best, problem.objective(eo.SlotDecision(int(k), 0.0)))
            continue
        low, high = np.log(np.maximum(problem.rate_bounds, 1e-300))
        left = problem.max_delay - problem.computing[k]
        edge = np.log(problem.sent[k] / left) if left > 0 else np.inf
        for a, b in ((max(low, edge), high), (low, min(high, edge))):
            if a > b:
                continue
            ends = [problem.objective(eo.SlotDecision(int(k), float(np.exp(x)))) for x in (a, b)]
            for _ in range(120):
                c, d = a + 0.381966 * (b - a), b - 0.381966 * (b - a)
                value = [problem.smooth(int(k), float(np.exp(x))) for x in (c, d)]
                a, b = (a, d) if value[0] < value[1] else (c, b)
            middle = problem.objective(eo.SlotDecision(int(k), float(np.exp((a + b) / 2))))
            best = min(best, middle, *ends)
    return Case(name, problem, "optimal", best, best)


def slot_cases() -> list[Case]:
    """Return the families of slots."""
    fields = {
        "local_flops": [0.0, 2e8, 6e8], "remote_flops": [6e8, 4e8, 0.0], "payload_bits": [4.8e6, 1e6, 0.0],
        "local_energy": [0.0, 0.05, 0.14], "arrivals": 10.0, "channel_gain": 4e-10, "bandwidth": 2e8,
        "noise_density": 4e-21, "local_speed": 1.3e12, "remote_speed": 5e12, "rate_bounds": (1e8, 1e9),
        "delay_queue": 1.0, "outage_queue": 0.5, "tradeoff": 1.0, "max_delay": 0.1,
    }  # fmt: skip
    one = {name: fields[name][-1:] for name in ("local_flops", "remote_flops", "payload_bits", "local_energy")}
    families = {
        "typical": {}, "tight": {"max_delay": 0.03, "outage_queue": 9.0}, "loose": {"max_delay": 10.0},
        "dear energy": {"tradeoff": 300.0}, "free energy": {"tradeoff": 0.0}, "no hurry": {"delay_queue": 0.0},
        "slow device": {"local_speed": 1e9}, "faded": {"rate_bounds": (1e9, 1e8)}, "no host": {"remote_speed": 0.0},
        "no images": {"arrivals": 0.0}, "one split": one,
    }  # fmt: skip
    return [slot_searched(name, eo.SlotProblem(**fields | changes)) for name, changes in families.items()]


def golden(function, low: float, high: float, rounds: int) -> float:
    """Return the least value of a unimodal function."""
    for _ in range(rounds):
        c, d = low + 0.381966 * (high - low), high - 0.381966 * (high - low)
        low, high = (low, d) if function(c) < function(d) else (c, high)
    return min(function(low), function(high))


def edge(function, inside: float, outside: float) -> float:
    """Return the last point from `inside` towards `outside` at which the function is finite."""
    for _ in range(60):
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if np.isfinite(function(middle)) else (inside, middle)
    return inside


SHARED = {
    "local_flops": [0.0, 2e8, 6e8], "remote_flops": [6e8, 4e8, 0.0], "payload_bits": [4.8e6, 1e6, 0.0],
    "local_energy": [0.0, 0.05, 0.14], "arrivals": [10.0, 8.0], "channel_gain": [4e-10, 1e-10], "bandwidth": 1e8,
    "noise_density": 4e-21, "local_speed": 1.3e11, "remote_speed": 5e12, "max_power": 0.1, "min_rate": 1e6,
    "min_speed": 1e9, "delay_queue": [1.0, 2.0], "outage_queue": [0.5, 0.0], "tradeoff": 1.0, "max_delay": 0.05,
}  # fmt: skip


def user_alone(problem: eo.SharedSlot, user: int, band: float, host: float, split: int, met: bool) -> float:
    """Return the least cost of one user with this band and host, split and side of the deadline, over its rate."""
    sent, noise = problem.sent[user, split], problem.noise_density / problem.channel_gain[user]
    seconds = problem.local_seconds[user, split] + problem.remote[user, split] / host
    top = band * np.log2(1 + problem.max_power[user] / (noise * band))
    left = problem.max_delay[user] * (1 + 1e-12) - seconds
    low = max(problem.min_rate[user], sent / left if met and left > 0 else 0.0)
    if (met and left < 0) or (sent > 0 and low > top):
        return np.inf

    def cost(log_rate: float) -> float:
        rate = np.exp(log_rate)
        power = noise * band * np.expm1(rate * np.log(2) / band)
        sending = sent / rate if sent > 0 else 0.0
        joules = problem.local_joules[user, split] + power * sending
        return problem.delay_queue[user] * (seconds + sending) + problem.tradeoff * joules

    best = golden(cost, np.log(low), np.log(top), 60) if sent > 0 else cost(0.0)
    return best + (0.0 if met else problem.outage_queue[user])


def shared_searched(name: str, problem: eo.SharedSlot) -> Case:
    """Return the case of a slot of one user, or of two who share the band alone, by nested golden sections."""
    choices = list(product(range(problem.splits), (True, False)))
    if problem.users == 1:
        best = min(user_alone(problem, 0, problem.bandwidth, problem.remote_speed, *choice) for choice in choices)
        return Case(name, problem, "optimal", best, best)
    best = np.inf
    for first, second in product(choices, choices):
        both = lambda odds: (  # noqa: E731
            user_alone(problem, 0, problem.bandwidth / (1 + np.exp(-odds)), np.inf, *first)  # noqa: B023
            + user_alone(problem, 1, problem.bandwidth / (1 + np.exp(odds)), np.inf, *second)  # noqa: B023
        )
        # Where a share is too small for a choice the cost is infinite: start where both are possible.
        able = [odds for odds in np.linspace(-20, 20, 161) if np.isfinite(both(odds))]
        if able:
            best = min(best, golden(both, edge(both, min(able), -20.0), edge(both, max(able), 20.0), 60))
    return Case(name, problem, "optimal", best, best)


def shared_cases() -> list[Case]:
    """Return the families of slots that users share."""
    first = {name: value[:1] for name, value in SHARED.items() if isinstance(value, list) and len(value) == 2}
    no_host = {"remote_flops": [0.0, 0.0, 0.0]}
    families = {
        "alone": first, "alone in a hurry": first | {"max_delay": 0.02, "outage_queue": [9.0]},
        "alone, dear energy": first | {"tradeoff": 300.0}, "alone, free energy": first | {"tradeoff": 0.0},
        "alone, no hurry": first | {"delay_queue": [0.0]}, "alone, faded": first | {"channel_gain": [1e-22]},
        "no images": first | {"arrivals": [0.0]}, "two": no_host, "two in a hurry": no_host | {"max_delay": 0.02},
    }  # fmt: skip
    return [shared_searched(name, eo.SharedSlot(**SHARED | changes)) for name, changes in families.items()]


def program_cases() -> list[Case]:
    """Return bare programs whose optima were worked by hand."""
    inf = np.inf
    knapsack = eo.Program([5.0, 4.0, 3.0], [[2.0, 3.0, 1.0]], row_upper=[5.0], upper=1.0, integrality=True,
                          sense="maximize")  # fmt: skip
    return [
        Case("lp", eo.Program([-3.0, -5.0], [[1, 0], [0, 2], [3, 2]], row_upper=[4.0, 12.0, 18.0]), "optimal", -36.0),
        Case("maximise", eo.Program([3.0, 5.0], [[1, 0], [0, 2], [3, 2]], row_upper=[4.0, 12.0, 18.0],
                                    sense="maximize", offset=2.0), "optimal", 38.0),
        Case("equality", eo.Program([1.0, 2.0, 0.0], [[1.0, 1.0, 1.0]], [1.0], [1.0]), "optimal", 0.0),
        Case("free", eo.Program([1.0, 1.0], [[1.0, 2.0], [3.0, 1.0]], [4.0, 6.0], lower=-inf), "optimal", 2.8),
        Case("range", eo.Program([-1.0], [[1.0]], [2.0], [3.0], upper=[10.0]), "optimal", -3.0),
        Case("degenerate", eo.Program([-1.0, -1.0], [[1, 0], [1, 0], [1, 1]], row_upper=[1.0, 1.0, 2.0]),
             "optimal", -2.0),
        Case("tied", eo.Program([1.0, 1.0], [[1.0, 1.0]], [1.0]), "optimal", 1.0),
        Case("box", eo.Program([1.0, -1.0], lower=[-2.0, 0.0], upper=[3.0, 4.0]), "optimal", -6.0),
        Case("single", eo.Program([2.0], lower=[1.0]), "optimal", 2.0),
        Case("small costs", eo.Program([1e-200, 2e-200], [[1.0, 1.0]], [1.0]), "optimal", 1e-200, 1e-200),
        Case("large costs", eo.Program([1e200, 2e200], [[1.0, 1.0]], [1.0]), "optimal", 1e200, 1e200),
        Case("sparse", eo.Program(np.ones(40), sparse.eye_array(40), np.arange(40.0)), "optimal", 780.0),
        Case("infeasible", eo.Program([1.0], [[1.0], [1.0]], [2.0, -inf], [inf, 1.0]), "infeasible"),
        Case("crossed bounds", eo.Program([1.0], lower=[2.0], upper=[1.0]), "infeasible"),
        Case("unbounded", eo.Program([-1.0, 0.0], [[1.0, -1.0]], [0.0], [0.0]), "unbounded"),
        Case("knapsack", knapsack, "optimal", 9.0),
        Case("integers", eo.Program([-1.0, -1.0], [[2.0, 1.0], [1.0, 2.0]], row_upper=[4.0, 4.0], upper=9.0,
                                    integrality=True), "optimal", -2.0),
        Case("infeasible integers", eo.Program([1.0], [[2.0]], [1.0], [1.0], upper=[9.0], integrality=True),
             "infeasible"),
    ]  # fmt: skip


CASES = [
    *offloading_cases(),
    *split_cases(),
    *graph_cases(),
    *revenue_cases(),
    *slot_cases(),
    *shared_cases(),
    *program_cases(),
]
PAIRS = [(entry, case) for entry in solvers().values() for case in CASES if not entry.refusal(case.problem)]


def _marks(entry: Solver, case: Case) -> list[pytest.MarkDecorator]:
    """Return the marks of a pair: Pyomo takes seconds for a slot, so that `make test` has it meet few of them."""
    many = entry.name == "pyomo" and isinstance(case.problem, (eo.SlotProblem, eo.SharedSlot))
    return [pytest.mark.slow] if many and case.name not in ("typical", "alone") else []


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test that asks for a solver and a case every pair that the registry allows."""
    asked = set(metafunc.fixturenames)
    for name in asked & {"entry", "exact", "heuristic"} if "case" in asked else ():
        pairs = [(entry, case) for entry, case in PAIRS if name in ("entry", entry.kind)]
        ids = [f"{entry.name}-{type(case.problem).__name__}-{case.name}" for entry, case in pairs]
        marked = [pytest.param(*pair, id=name, marks=_marks(*pair)) for pair, name in zip(pairs, ids, strict=True)]
        metafunc.parametrize((name, "case"), marked)
    if "entry" in asked and "case" not in asked:
        metafunc.parametrize("entry", list(solvers().values()), ids=lambda entry: entry.name)


@pytest.fixture(scope="session")
def close_enough():
    """Return the test that an exact solver's objective is the optimum: 1e-9, or its own proved gap."""

    def compare(entry: Solver, solution: eo.Solution, case: Case) -> bool:
        own_gap = 2 * (solution.gap or 0.0) if entry.general else 0.0
        allowed = max(1e-9, own_gap) * abs(case.objective) + 1e-12 * case.scale
        return abs(solution.objective - case.objective) <= allowed

    return compare
