"""Pipelined splits, their optima found by trying every placement."""

from __future__ import annotations

import math
from itertools import combinations_with_replacement

import numpy as np

from ...formulations.pipelined_split import PipelinedSplit
from ..case import Case


def pipelined_value(problem: PipelinedSplit, tiers) -> tuple[float, float]:
    """Return period and latency of a placement straight from the fields, in scalars; inf where it is not allowed."""
    up = [float(problem.uplink_rate), *(np.ravel(problem.backhaul_rate) if problem.backhaul_rate is not None else [])]
    down = up if problem.downlink_rate is None else [float(problem.downlink_rate), *up[1:]]
    stages: list[float] = []
    latency = 0.0
    for tier in range(problem.tiers):
        own = [n for n, place in enumerate(tiers) if place == tier]
        stages.append(float(sum(float(problem.exec_time[n, tier]) for n in own)))
        need = float(sum(float(problem.weight_bytes[n]) for n in own))
        need += max((float(problem.activation_bytes[n]) for n in own), default=0.0)
        if need > problem.memory[tier]:
            return math.inf, math.inf
    for link in range(tiers[-1]):
        crossing = sum(1 for place in tiers if place <= link)
        out, back = float(problem.output_bits[crossing]) / up[link], float(problem.output_bits[-1]) / down[link]
        stages += [out + back] if problem.half_duplex else [out, back]
        latency += 2.0 * float(problem.link_delay[link])
    if any(tiers[first] != tiers[last] for first, last in problem.together.tolist()):
        return math.inf, math.inf
    return max(stages), latency + sum(stages)


def pipelined_enumerated(problem: PipelinedSplit) -> float:
    """Return the least objective of all placements within the caps; inf where there is none."""
    best = math.inf
    for tiers in combinations_with_replacement(range(problem.tiers), problem.layers):
        period, latency = pipelined_value(problem, tiers)
        fits = problem.max_latency is None or latency <= problem.max_latency * (1 + 1e-12)
        if fits and (problem.max_period is None or period <= problem.max_period * (1 + 1e-12)):
            best = min(best, period if problem.goal == "period" else latency)
    return best


def cases() -> list[Case]:
    """Return the families of pipelined splits."""
    rng = np.random.default_rng(19)

    def drawn(*shape: int):
        return np.round(256.0 * rng.gamma(1.0, 1.0, shape)) / 256.0  # sums of binary fractions are exact

    def make(layers: int = 5, tiers: int = 2, unit: float = 1.0, **changes) -> PipelinedSplit:
        data = {
            "exec_time": unit * drawn(layers, tiers) / 2.0 ** np.arange(tiers),
            "output_bits": drawn(layers + 1),
            "uplink_rate": 1.0 / unit,
            "backhaul_rate": [4.0 / unit] * (tiers - 2) if tiers > 2 else None,
        }
        return PipelinedSplit(**(data | changes))

    pinned = [[1.0, np.inf], [np.inf, 2.0], [3.0, 1.0]]
    falls = [[1.0, np.inf], [np.inf, 2.0], [3.0, np.inf]]  # tier 0 would have to be visited twice
    bytes_ = {"weight_bytes": [4, 2, 1, 1, 3], "activation_bytes": [1, 2, 4, 1, 1]}
    problems = {
        "typical": make(),
        "three tiers": make(6, 3, link_delay=[0.0625, 0.125]),
        "four tiers": make(5, 4),
        "latency capped": make(6, 3, max_latency=4.0),
        "at a given rate": make(6, 3, goal="latency", max_period=2.0),
        "latency alone": make(goal="latency"),
        "memory": make(**bytes_, memory=[7.0, np.inf]),
        "too little memory": make(**bytes_, memory=[7.0, 4.0]),
        "together": make(together=[(1, 3)]),
        "half duplex": make(half_duplex=True, downlink_rate=0.5),
        "pinned": make(3, exec_time=pinned, output_bits=[1.0, 0.5, 2.0, 0.25]),
        "back to the device": make(3, exec_time=falls, output_bits=[1.0, 0.5, 2.0, 0.25]),
        "too fast": make(max_latency=0.001),
        "tied": make(4, exec_time=np.ones((4, 2)), output_bits=np.ones(5)),
        "nothing to do": make(3, exec_time=np.zeros((3, 2)), output_bits=np.zeros(4)),
        "one layer": make(1),
        "slow": make(unit=2.0**30),
        "fast": make(unit=2.0**-20),
    }
    cases = []
    for name, problem in problems.items():
        best = pipelined_enumerated(problem)
        known = (name, problem, "optimal", best, best) if best < math.inf else (name, problem, "infeasible")
        cases.append(Case(*known))
    return cases
