"""Placements of language models, their optima found by running every placement pass by pass."""

from __future__ import annotations

import math
from itertools import product

import numpy as np

from ...formulations.language_split import LanguageSplit
from ..case import Case


def request_seconds(problem: LanguageSplit, tiers) -> tuple[float, float]:
    """Return the time of the first token and of one more token, step by step along the chain, in scalars."""
    found = []
    for phase in ("prefill", "decode"):
        times, bits = getattr(problem, f"{phase}_time"), getattr(problem, f"{phase}_input_bits")
        seconds, here = 0.0, 0
        for layer, there in enumerate([*tiers, 0]):
            carried = float(problem.token_bits) if layer == len(tiers) else float(bits[layer])
            for link in range(min(here, there), max(here, there)):
                rate = problem.uplink_rate if there > here else problem.downlink_rate
                seconds += carried / float(rate[link]) + float(problem.link_delay[link])
            seconds += float(times[layer, there]) if layer < len(tiers) else 0.0
            here = there
        found.append(seconds)
    return found[0], found[1]


def language_enumerated(problem: LanguageSplit) -> float:
    """Return the least expected time of all placements that fit; inf where there is none."""
    layers, count = problem.prefill_time.shape
    best = math.inf
    for tiers in product(range(count), repeat=layers):
        used = [0.0] * count
        for layer, tier in enumerate(tiers):
            used[tier] += float(problem.weight_bits[layer]) + float(problem.cache_bits[layer])
        if all(used[tier] <= problem.memory[tier] for tier in range(count)):
            first, token = request_seconds(problem, tiers)
            best = min(best, first + float(problem.decode_steps) * token)
    return best


def drawn(seed: int, layers: int, tiers: int, room: float) -> LanguageSplit:
    """Return a random problem in eighths, whose sums are exact; `room` is the share of all bits that a tier holds."""
    rng = np.random.default_rng(seed)
    eighths = lambda low, high, *shape: rng.integers(8 * low, 8 * high, shape) / 8.0  # noqa: E731
    weights, cache = eighths(1, 4, layers), eighths(0, 2, layers)
    down = eighths(1, 9, tiers - 1)
    return LanguageSplit(
        prefill_time=eighths(1, 9, layers, tiers),
        decode_time=eighths(0, 2, layers, tiers),
        prefill_input_bits=eighths(1, 9, layers),
        decode_input_bits=eighths(0, 2, layers),
        token_bits=0.125,
        decode_steps=float(rng.integers(0, 6)),
        uplink_rate=np.ldexp(1.0, rng.integers(-1, 3, tiers - 1)),
        downlink_rate=np.ldexp(1.0, np.ceil(np.log2(down)).astype(int)),
        link_delay=eighths(0, 1, tiers - 1),
        weight_bits=weights,
        cache_bits=cache,
        memory=np.full(tiers, np.ceil(room * (weights + cache).sum())),
    )


def cases() -> list[Case]:
    """Return small placements with ample, with scarce and with too little memory."""
    found = []
    for seed, (layers, tiers, room) in enumerate([(1, 2, 1.0), (4, 2, 1.0), (4, 2, 0.6), (3, 3, 0.5), (3, 2, 0.2)]):
        problem = drawn(seed, layers, tiers, room)
        best = language_enumerated(problem)
        name = f"{layers} layers, {tiers} tiers, room {room:g}"
        known = ("infeasible", None, 1.0) if math.isinf(best) else ("optimal", best, best)
        found.append(Case(name, problem, *known))
    return found
