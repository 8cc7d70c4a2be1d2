"""Slots, their optima found by golden sections."""

from __future__ import annotations

import numpy as np

from ...formulations.slot import SlotDecision, SlotProblem
from ..case import Case


def slot_searched(name: str, problem: SlotProblem) -> Case:
    """Return the case of a slot, its optimum found by golden section on both sides of the deadline of each split."""
    best = np.inf
    for k in np.flatnonzero(problem.available):
        if problem.sent[k] == 0:
            best = min(best, problem.objective(SlotDecision(int(k), 0.0)))
            continue
        low, high = np.log(np.maximum(problem.rate_bounds, 1e-300))
        left = problem.max_delay - problem.computing[k]
        edge = np.log(problem.sent[k] / left) if left > 0 else np.inf
        for a, b in ((max(low, edge), high), (low, min(high, edge))):
            if a > b:
                continue
            ends = [problem.objective(SlotDecision(int(k), float(np.exp(x)))) for x in (a, b)]
            for _ in range(120):
                c, d = a + 0.381966 * (b - a), b - 0.381966 * (b - a)
                value = [problem.smooth(int(k), float(np.exp(x))) for x in (c, d)]
                a, b = (a, d) if value[0] < value[1] else (c, b)
            middle = problem.objective(SlotDecision(int(k), float(np.exp((a + b) / 2))))
            best = min(best, middle, *ends)
    return Case(name, problem, "optimal", best, best)


def cases() -> list[Case]:
    """Return the families of slots."""
    fields = {
        "local_flops": [0.0, 2e8, 6e8],
        "remote_flops": [6e8, 4e8, 0.0],
        "payload_bits": [4.8e6, 1e6, 0.0],
        "local_energy": [0.0, 0.05, 0.14],
        "arrivals": 10.0,
        "channel_gain": 4e-10,
        "bandwidth": 2e8,
        "noise_density": 4e-21,
        "local_speed": 1.3e12,
        "remote_speed": 5e12,
        "rate_bounds": (1e8, 1e9),
        "delay_queue": 1.0,
        "outage_queue": 0.5,
        "tradeoff": 1.0,
        "max_delay": 0.1,
    }
    one = {name: fields[name][-1:] for name in ("local_flops", "remote_flops", "payload_bits", "local_energy")}
    families = {
        "typical": {},
        "tight": {"max_delay": 0.03, "outage_queue": 9.0},
        "loose": {"max_delay": 10.0},
        "dear energy": {"tradeoff": 300.0},
        "free energy": {"tradeoff": 0.0},
        "no hurry": {"delay_queue": 0.0},
        "slow device": {"local_speed": 1e9},
        "faded": {"rate_bounds": (1e9, 1e8)},
        "no host": {"remote_speed": 0.0},
        "no images": {"arrivals": 0.0},
        "one split": one,
    }
    return [slot_searched(name, SlotProblem(**fields | changes)) for name, changes in families.items()]
