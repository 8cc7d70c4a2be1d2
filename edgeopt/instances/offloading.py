"""Instances of offline offloading: generated costs, and costs of two forecasts of Milano's traffic."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..formulations.offloading import OfflineOffloading
from .family import Family, count, fraction, rounded, with_ties

if TYPE_CHECKING:
    from pathlib import Path


def generated(
    samples: int = 1000,
    seed: int = 0,
    tightness: float = 0.5,
    correlation: float = 0.5,
    ties: float = 0.0,
    degeneracy: float = 0.0,
    sites: int = 1,
) -> OfflineOffloading:
    """Draw gamma costs; `tightness` is the minimum local fraction, `degeneracy` the share of indifferent samples."""
    rng = np.random.default_rng(seed)
    k, common = count(samples, "samples"), fraction(correlation, "correlation")
    shared = rng.gamma(2.0, 1.0, (k, 1))
    local = common * shared + (1 - common) * rng.gamma(2.0, 1.0, (k, count(sites, "sites")))
    remote = (common * shared[:, 0] + (1 - common) * rng.gamma(2.0, 0.8, k)) * sites
    local = with_ties(local, fraction(ties, "ties"), rng)
    remote = with_ties(remote, ties, rng)
    indifferent = rng.random(k) < fraction(degeneracy, "degeneracy")
    local, remote = rounded(local), rounded(remote)
    # After rounding: equal sums are meant to be equal to the last bit.
    remote[indifferent] = local.sum(axis=1)[indifferent]
    return OfflineOffloading(local[:, 0] if sites == 1 else local, remote, fraction(tightness, "tightness"))


def milano(data: Path, under: float = 1.0, tightness: float = 0.5, transmission_cost: float = 0.0) -> OfflineOffloading:
    """Price two forecasts of 25 cells, November 2013: each cell's own last slot, and least squares over all cells.

    Both get the margin per cell that is cheapest on the first half; the second half is the instance. The costs are
    DeepCog's (Giannakas et al. 2025, eq. 3), summed over cells, on traffic normalised by the first half.
    """
    from ..data.milano import read_25_cells
    from ..profiles.costs import deepcog

    frame = read_25_cells(data / "milano" / "milano_internet_25cells_10min.csv.gz").to_numpy(float)
    half, window = len(frame) // 2, 6
    low, high = frame[:half].min(axis=0), frame[:half].max(axis=0)
    demand = (frame - low) / (high - low)
    past = np.stack([demand[i : i + len(demand) - window] for i in range(window)], axis=1)
    target, edge = demand[window:], past[:, -1]
    seen = np.column_stack([past.reshape(len(past), -1), np.ones(len(past))])
    gram = seen[:half].T @ seen[:half] + 1e-2 * np.eye(seen.shape[1])
    cloud = seen @ np.linalg.solve(gram, seen[:half].T @ target[:half])
    costs = [
        rounded(deepcog(forecast + _margin(forecast[:half], target[:half], under), target, under).sum(axis=1)[half:], 6)
        for forecast in (edge, cloud)
    ]
    return OfflineOffloading(costs[0], costs[1], fraction(tightness, "tightness"), transmission_cost)


def _margin(forecast: np.ndarray, target: np.ndarray, under: float) -> np.ndarray:
    """(cells,) margin of least mean cost among a hundred quantiles of the shortfall."""
    from ..profiles.costs import deepcog

    tried = np.quantile(target - forecast, np.linspace(0.0, 1.0, 101), axis=0)
    cost = np.stack([deepcog(forecast + margin, target, under).mean(axis=0) for margin in tried])
    return np.asarray(np.take_along_axis(tried, cost.argmin(axis=0)[None], axis=0)[0])


FAMILIES = (
    Family(
        "offloading/generated",
        "gamma costs with knobs for ties, tightness, correlation and indifferent samples",
        "generated",
        generated,
        {
            "tiny": {"samples": 12},
            "small": {"samples": 200, "seed": 1},
            "medium": {"samples": 10_000, "seed": 2},
            "large": {"samples": 100_000, "seed": 3},
            "huge": {"samples": 1_000_000, "seed": 4},
            "tied": {"samples": 200, "seed": 5, "ties": 1.0},
            "tight": {"samples": 200, "seed": 6, "tightness": 0.99},
            "correlated": {"samples": 200, "seed": 7, "correlation": 0.99},
            "degenerate": {"samples": 200, "seed": 8, "degeneracy": 0.5, "tightness": 0.7},
            "sites": {"samples": 200, "seed": 9, "sites": 4},
        },
    ),
    Family(
        "offloading/milano",
        "costs of an edge and a cloud forecast for 25 cells",
        "Telecom Italia's Milano traffic (data set milano; ODbL)",
        milano,
        {
            "cheap-shortfall": {"under": 0.5},
            "even": {"under": 1.0},
            "dear-shortfall": {"under": 10.0},
            "mostly-local": {"under": 1.0, "tightness": 0.9},
            "paid-link": {"under": 1.0, "transmission_cost": 0.1},
        },
    ),
)
