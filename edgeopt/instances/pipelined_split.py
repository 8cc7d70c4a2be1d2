"""Instances of pipelined splits: chains of which frames follow each other."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..formulations.pipelined_split import PipelinedSplit
from ..solving.solve import solve
from .family import Family, count, fraction, rounded, with_ties


def generated(
    layers: int = 20,
    tiers: int = 3,
    seed: int = 0,
    slack: float = 0.0,
    memory: float = 0.0,
    ties: float = 0.0,
    goal: str = "period",
) -> PipelinedSplit:
    """Draw a chain: times fall from tier to tier, tensors shrink with depth, weights grow with it.

    Parameters
    ----------
    layers, tiers : int
        How many.
    seed : int
        Of times, sizes and weights.
    slack : float
        Where not 0, the latency may exceed the least one by this share; of a ``"latency"`` the period that of half the
        device's time.
    memory : float
        Where not 0, the device holds this share of all weights.
    ties : float
        Share of the times that are moved to five common levels.
    goal : str
        ``"period"`` or ``"latency"``.
    """
    rng = np.random.default_rng(seed)
    n, m = count(layers, "layers"), count(tiers, "tiers", 2, 10)
    times = rng.gamma(1.0, 0.02, (n, m)) / (1 + np.arange(m))
    times = rounded(with_ties(times, fraction(ties, "ties"), rng))
    bits = rounded(1e6 * 0.99 ** np.arange(n + 1) * rng.gamma(2.0, 0.5, n + 1))
    data: dict[str, Any] = {"backhaul_rate": [1e8] * (m - 2) if m > 2 else None, "goal": goal}
    if fraction(memory, "memory"):
        weights = rounded(1e5 * np.arange(1, n + 1) * rng.gamma(2.0, 0.5, n))
        most = round(memory * float(weights.sum()))
        data |= {"weight_bytes": weights, "activation_bytes": bits[1:] / 8, "memory": [most] + [np.inf] * (m - 1)}
    if fraction(slack, "slack"):
        if goal == "latency":
            data["max_period"] = round(0.5 * float(times[:, 0].sum()), 6)
        else:
            least = solve(PipelinedSplit(times, bits, 2e7, **(data | {"goal": "latency"}))).objective
            data["max_latency"] = round((1.0 + slack) * least, 6)
    return PipelinedSplit(times, bits, 2e7, **data)


FAMILIES = (
    Family(
        "pipelined-split/generated",
        "chains with knobs for length, tiers, a cap on the latency, the device's memory, ties",
        "generated",
        generated,
        {
            "tiny": {"layers": 4, "tiers": 2},
            "small": {},
            "typical": {"layers": 200, "seed": 1, "slack": 0.2},
            "memory": {"layers": 40, "seed": 2, "memory": 0.1},
            "rate": {"layers": 40, "seed": 3, "goal": "latency", "slack": 0.5},
            "adversarial": {"layers": 2000, "tiers": 4, "seed": 4, "ties": 1.0},
        },
    ),
)
