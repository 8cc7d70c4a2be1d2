"""Compressed splits, their optima found by trying every placement and every precision."""

from __future__ import annotations

import math
from itertools import product

import numpy as np

from ...formulations.compressed_split import CompressedSplit
from ..case import Case


def compressed_value(problem: CompressedSplit, tiers, precision) -> tuple[float, float, float]:
    """Return latency, energy and loss of a placement straight from the fields, in scalars; `precision` by crossing."""
    up = [float(problem.uplink_rate), *(np.ravel(problem.backhaul_rate) if problem.backhaul_rate is not None else [])]
    down = up if problem.downlink_rate is None else [float(problem.downlink_rate), *up[1:]]
    watts, radio = problem.compute_power, problem.radio_power
    seconds = joules = loss = 0.0
    before = 0
    for tensor, tier in enumerate([*tiers, 0]):
        if tier != before:
            q = precision[tensor]
            loss += float(problem.loss[tensor, q])
            for link in range(min(before, tier), max(before, tier)):
                time = float(problem.sent_bits[tensor, q]) / (up if tier > before else down)[link]
                seconds += time + float(problem.link_delay[link])
                if watts is not None:
                    joules += time * float((radio if tier > before else problem.receive_power)[link])
            for table, place in ((problem.encode_time, before), (problem.decode_time, tier)):
                time = 0.0 if table is None else float(table[tensor, q, place])
                seconds += time
                joules += 0.0 if watts is None else time * float(watts[place])
        if tensor < problem.layers:
            time = float(problem.exec_time[tensor, tier])
            seconds += time
            joules += 0.0 if watts is None or math.isinf(time) else time * float(watts[tier])
        before = tier
    return seconds, joules, loss


def compressed_enumerated(problem: CompressedSplit) -> float:
    """Return the least objective of all placements and precisions within the caps; inf where there is none."""
    best, ways = math.inf, problem.sent_bits.shape[1]
    for tiers in product(range(problem.tiers), repeat=problem.layers):
        path = [0, *tiers, 0]
        crossing = [tensor for tensor in range(problem.layers + 1) if path[tensor] != path[tensor + 1]]
        for chosen in product(range(ways), repeat=len(crossing)):
            seconds, joules, loss = compressed_value(problem, tiers, dict(zip(crossing, chosen, strict=True)))
            fits = loss <= (problem.accuracy - problem.accuracy_floor) * (1 + 1e-12) + 1e-15
            fits = fits and (problem.max_energy is None or joules <= problem.max_energy)
            fits = fits and (problem.max_latency is None or seconds <= problem.max_latency)
            if fits and seconds < math.inf:
                best = min(best, seconds if problem.goal == "latency" else joules)
    return best


def dyadic(values, places: int = 8):
    """Round to binary places, of which sums are exact: solvers in whole numbers take them as they are."""
    return np.round(np.ldexp(values, places)) / 2.0**places


def cases() -> list[Case]:
    """Return the families of compressed splits."""
    rng = np.random.default_rng(17)

    def make(layers: int = 3, tiers: int = 2, ways: int = 2, unit: float = 1.0, **changes) -> CompressedSplit:
        share = 2.0 ** -np.arange(ways)
        loss = dyadic(rng.gamma(1.0, 0.01, (layers + 1, 1)), 12) * (1 - share)
        data = {
            "exec_time": unit * dyadic(rng.gamma(1.0, 1.0, (layers, tiers)) / (1 + np.arange(tiers))),
            "sent_bits": dyadic(rng.gamma(1.0, 1.0, (layers + 1, 1))) * share,
            "loss": loss,
            "uplink_rate": 1.0 / unit,
            "backhaul_rate": [3.0 / unit] * (tiers - 2) if tiers > 2 else None,
            "accuracy": 0.78,
            "accuracy_floor": 0.77,
        }
        return CompressedSplit(**(data | changes))

    watts = {"compute_power": [2.0, 1.0], "radio_power": [3.0], "receive_power": [0.5]}
    coding = {
        "encode_time": dyadic(rng.gamma(1.0, 0.1, (4, 2, 2))),
        "decode_time": dyadic(rng.gamma(1.0, 0.1, (4, 2, 2))),
    }
    pinned = [[1.0, np.inf], [5.0, 0.1], [np.inf, 0.2]]
    problems = {
        "typical": make(),
        "three tiers": make(3, 3, 3, link_delay=[0.05, 0.01]),
        "no loss allowed": make(accuracy_floor=0.78),
        "any loss": make(accuracy_floor=0.0),
        "one precision": make(ways=1),
        "coding": make(**coding),
        "pinned": make(exec_time=pinned),
        "energy capped": make(**watts, max_energy=4.0),
        "latency capped": make(**watts, goal="energy", max_latency=2.5),
        "tied": make(exec_time=[[1, 0], [1, 0], [0, 1]], sent_bits=np.ones((4, 2)), loss=np.full((4, 2), 0.005)),
        "negative loss": make(loss=[[0.0, -0.001]] * 4),
        "one layer": make(1),
        "must lose too much": make(exec_time=pinned, loss=np.full((4, 2), 0.1)),
        "too much energy": make(**watts, max_energy=0.001),
        "slow": make(unit=1e9),
        "fast": make(unit=1e-9),
    }
    cases = []
    for name, problem in problems.items():
        best = compressed_enumerated(problem)
        known = (name, problem, "optimal", best, best) if best < math.inf else (name, problem, "infeasible")
        cases.append(Case(*known))
    return cases
