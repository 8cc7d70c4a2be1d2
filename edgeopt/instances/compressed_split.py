"""Instances of compressed splits: chains whose tensors cross in several precisions, the smaller ones at a loss."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..formulations.compressed_split import CompressedSplit
from ..model.errors import InvalidOptionError
from .family import Family, count, fraction, rounded

SHARES, NAMES = (1.0, 0.5, 0.25, 0.1), ("float32", "float16", "int8", "top-k")
"""Of a tensor's bits in each precision: top-k keeps a twentieth of the values, each with its place."""


def generated(
    layers: int = 20,
    tiers: int = 3,
    precisions: int = 4,
    seed: int = 0,
    budget: float = 0.02,
    cap: str = "none",
    share: float = 0.8,
    adversarial: bool = False,
) -> CompressedSplit:
    """Draw a chain: times fall from tier to tier, tensors shrink with depth, losses grow with what is saved.

    Parameters
    ----------
    layers, tiers, precisions : int
        How many.
    seed : int
        Of times, sizes and losses.
    budget : float
        Accuracy that may be lost.
    cap : str
        ``"none"``, or ``"energy"`` for an energy of at most `share` of what running everything on the device takes.
    adversarial : bool
        Whether what a precision saves in time it loses in accuracy, nearly in proportion, so that many choices tie.
    """
    rng = np.random.default_rng(seed)
    n, m = count(layers, "layers"), count(tiers, "tiers", 2, 10)
    q = count(precisions, "precisions", 1, len(SHARES))
    kept = np.array(SHARES[:q])
    if adversarial:
        bits = rng.uniform(1e5, 2e5, n + 1)
        times = rng.uniform(0.01, 0.02, (n, m))
        loss = bits[:, None] * (1 - kept) / 2e7 * rng.uniform(0.9, 1.1, (n + 1, q))
    else:
        bits = 1e6 * 0.99 ** np.arange(n + 1) * rng.gamma(2.0, 0.5, n + 1)
        times = rng.gamma(1.0, 0.02, (n, m)) / (1 + 2 * np.arange(m))
        loss = rng.gamma(1.0, 0.004, (n + 1, 1)) * np.arange(q) ** 1.5 / len(SHARES)
    data: dict[str, Any] = {"accuracy": 0.78, "accuracy_floor": round(0.78 - fraction(budget, "budget"), 9)}
    data |= {"backhaul_rate": [1e8] * (m - 2) if m > 2 else None, "precisions": NAMES[:q]}
    if cap not in ("none", "energy"):
        raise InvalidOptionError(f"cap is {cap!r}; expected 'none' or 'energy'")
    times = rounded(times)
    if cap == "energy":
        most = 3.0 * float(times[:, 0].sum()) * fraction(share, "share")
        watts = 3.0 * (1.0 + np.arange(m)) ** 2  # servers are faster, and need more for it
        data |= {"compute_power": watts, "radio_power": [1.5] * (m - 1), "max_energy": round(most, 6)}
    return CompressedSplit(times, rounded(bits)[:, None] * kept, rounded(loss, 6), 2e7, **data)


FAMILIES = (
    Family(
        "compressed-split/generated",
        "chains with knobs for length, tiers, precisions, the accuracy that may be lost, a cap on the energy",
        "generated",
        generated,
        {
            "tiny": {"layers": 4, "tiers": 2, "precisions": 2, "budget": 0.004},
            "small": {},
            "typical": {"layers": 200, "seed": 1, "budget": 0.03},
            "frugal": {"layers": 40, "seed": 2, "cap": "energy", "share": 0.7},
            "adversarial": {"layers": 200, "seed": 3, "budget": 0.03, "adversarial": True},
        },
    ),
)
