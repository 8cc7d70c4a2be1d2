"""Slots that users share, their optima found by nested golden sections."""

from __future__ import annotations

from itertools import product

import numpy as np

from ...formulations.shared_slot import SharedSlot
from ..case import Case


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
    "local_flops": [0.0, 2e8, 6e8],
    "remote_flops": [6e8, 4e8, 0.0],
    "payload_bits": [4.8e6, 1e6, 0.0],
    "local_energy": [0.0, 0.05, 0.14],
    "arrivals": [10.0, 8.0],
    "channel_gain": [4e-10, 1e-10],
    "bandwidth": 1e8,
    "noise_density": 4e-21,
    "local_speed": 1.3e11,
    "remote_speed": 5e12,
    "max_power": 0.1,
    "min_rate": 1e6,
    "min_speed": 1e9,
    "delay_queue": [1.0, 2.0],
    "outage_queue": [0.5, 0.0],
    "tradeoff": 1.0,
    "max_delay": 0.05,
}


def user_alone(problem: SharedSlot, user: int, band: float, host: float, split: int, met: bool) -> float:
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


def shared_searched(name: str, problem: SharedSlot) -> Case:
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
        available = [odds for odds in np.linspace(-20, 20, 161) if np.isfinite(both(odds))]
        if available:
            best = min(best, golden(both, edge(both, min(available), -20.0), edge(both, max(available), 20.0), 60))
    return Case(name, problem, "optimal", best, best)


def cases() -> list[Case]:
    """Return the families of slots that users share."""
    first = {name: value[:1] for name, value in SHARED.items() if isinstance(value, list) and len(value) == 2}
    no_host = {"remote_flops": [0.0, 0.0, 0.0]}
    families = {
        "alone": first,
        "alone in a hurry": first | {"max_delay": 0.02, "outage_queue": [9.0]},
        "alone, dear energy": first | {"tradeoff": 300.0},
        "alone, free energy": first | {"tradeoff": 0.0},
        "alone, no hurry": first | {"delay_queue": [0.0]},
        "alone, faded": first | {"channel_gain": [1e-22]},
        "no images": first | {"arrivals": [0.0]},
        "two": no_host,
        "two in a hurry": no_host | {"max_delay": 0.02},
    }
    return [shared_searched(name, SharedSlot(**SHARED | changes)) for name, changes in families.items()]
