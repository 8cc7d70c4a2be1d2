"""The stages of a pipeline: what each tier may run as one block of layers, and what each link takes at each cut.

A cut j lies before layer j: the layers before it run on this tier or nearer to the device, the others beyond. Tiers do
not fall along the chain, so each tier runs one block of layers, and each link is crossed once on the way out and once
by the result.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Stages:
    """Times of blocks and of links.

    Attributes
    ----------
    work : (tiers, layers + 1) float
        Seconds of the layers before each cut on each tier, those that it cannot run left out.
    first : (tiers, layers + 1) int
        First layer from which a tier may run all up to a cut: what it can run, and what its memory holds.
    crossing : (tiers - 1, layers + 1) float
        Seconds that a cut at a link adds to the latency: the tensor, the result on its way back, both delays.
    slowest : (tiers - 1, layers + 1) float
        Seconds for which the link is busy with one frame: its slower direction, or both where they share it.
    cuts : (layers + 1,) bool
        Where the chain may be cut: not between layers that stay together, and not behind the last.
    """

    work: NDArray[np.float64]
    first: NDArray[np.int64]
    crossing: NDArray[np.float64]
    slowest: NDArray[np.float64]
    cuts: NDArray[np.bool_]


def first_layers(
    exec_time: NDArray[np.float64],
    weights: NDArray[np.float64],
    activations: NDArray[np.float64],
    memory: NDArray[np.float64],
) -> NDArray[np.int64]:
    """(tiers, layers + 1) first layer from which each tier can run, and hold, all layers up to each cut."""
    layers, tiers = exec_time.shape
    first = np.zeros((tiers, layers + 1), np.int64)
    for tier in range(tiers):
        start = 0
        for cut in range(1, layers + 1):
            if not np.isfinite(exec_time[cut - 1, tier]):
                start = cut
            # What a block holds grows with it, so its beginning only moves forwards.
            while start < cut and held(weights, activations, start, cut) > memory[tier]:
                start += 1
            first[tier, cut] = start
    return first


def held(weights: NDArray[np.float64], activations: NDArray[np.float64], start: int, stop: int) -> float:
    """Bytes that a block of layers needs: its weights, and the largest of its live activations."""
    return float(weights[start:stop].sum() + activations[start:stop].max(initial=0.0))
