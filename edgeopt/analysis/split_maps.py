"""The optimal split as a function of the link rate: which placement for which rate, with exact break-points.

For a fixed placement the expected latency is a line in the inverse rate x = 1 / r: its intercept is what does not
depend on the first link, its slope the expected bits that cross it. The optimum over placements is the lower envelope
of these lines, concave and piecewise linear, found exactly by solving where two neighbouring lines meet (Eisner and
Severance 1976): either both are optimal there, which makes it a break-point, or a new line appears below them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..formulations.placement.costs import PlacementCosts
from ..formulations.placement.links import between_tiers, link_rates
from ..model.errors import InvalidProblemError
from ..solvers.shortest_path import least_latency

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

    from ..formulations.split import SplitDecision, StochasticSplit

_SAME = 1e-12
"""Two latencies closer than this, relatively, are one: float64 can tell no break-point between them."""


@dataclass(frozen=True, eq=False)
class SplitMap:
    """Optimal placements for all rates of a range, from slow to fast.

    Attributes
    ----------
    breaks : (pieces - 1,) float
        Rates at which the optimal placement changes, bit/s, ascending; both neighbours are optimal there.
    intercepts : (pieces,) float
        Expected latency of each piece without the first link, seconds.
    slopes : (pieces,) float
        Expected bits of each piece over the first link.
    decisions : tuple of SplitDecision
        Placement of each piece.
    """

    breaks: NDArray[np.float64]
    intercepts: NDArray[np.float64]
    slopes: NDArray[np.float64]
    decisions: tuple[SplitDecision, ...]

    def __len__(self) -> int:
        return len(self.decisions)

    def piece(self, rates: ArrayLike) -> NDArray[np.intp]:
        """Index of the piece that is optimal at each rate."""
        return np.searchsorted(self.breaks, rates, side="right")

    def latency(self, rates: ArrayLike) -> NDArray[np.float64]:
        """Least expected latency at each rate, seconds."""
        piece = self.piece(rates)
        latency: NDArray[np.float64] = self.intercepts[piece] + self.slopes[piece] / np.asarray(rates, float)
        return latency

    def decision(self, rate: float) -> SplitDecision:
        """Optimal placement at a rate."""
        return self.decisions[int(self.piece(rate))]

    def frame(self) -> pd.DataFrame:
        """Return one row for each piece: its range of rates, its line, and how many layers leave the device."""
        import pandas as pd

        edges = np.r_[0.0, self.breaks, math.inf]
        return pd.DataFrame(
            {
                "from_rate": edges[:-1],
                "to_rate": edges[1:],
                "intercept": self.intercepts,
                "slope": self.slopes,
                "layers_sent": [sum(int((t > 0).sum()) for t in d.tiers) for d in self.decisions],
            }
        )


def split_map(problem: StochasticSplit, uplink_rates: ArrayLike | None = None) -> SplitMap:
    """Return the optimal split as a function of the uplink rate.

    Parameters
    ----------
    problem : StochasticSplit
        Its own uplink rate does not matter. A downlink rate that it gives stays as it is; without one the downlink
        follows the uplink.
    uplink_rates : (low, high) or array of rates, optional
        Range to cover, bit/s; every rate above 0 by default.

    Raises
    ------
    InvalidProblemError
        If the problem is a batch, or the range is empty or not above 0.
    """
    if problem.batch is not None:
        raise InvalidProblemError("split_map takes one problem; take problem.instance(i) of a batch")
    low, high = _range(uplink_rates)
    lines = _Lines(problem)
    fast = lines.best(1.0 / high)
    slow = lines.steepest_rate(low) if low == 0.0 else lines.best(1.0 / low)
    pieces = _envelope(lines, slow, fast)
    return SplitMap(
        np.array([pieces[k].meets(pieces[k + 1]) for k in range(len(pieces) - 1)]),
        np.array([line.intercept for line in pieces]),
        np.array([line.slope for line in pieces]),
        tuple(problem.decision_at(line.tiers) for line in pieces),
    )


def _range(rates: ArrayLike | None) -> tuple[float, float]:
    if rates is None:
        return 0.0, math.inf
    given = np.asarray(rates, float)
    if given.size == 0 or not np.all(given > 0):
        raise InvalidProblemError(f"uplink_rates is {rates!r}; expected rates above 0 bit/s")
    return float(given.min()), float(given.max())


@dataclass(frozen=True)
class _Line:
    """Expected latency of one placement over the inverse rate."""

    intercept: float
    slope: float
    tiers: NDArray[Any]

    def at(self, inverse: float) -> float:
        return self.intercept + self.slope * inverse

    def meets(self, other: _Line) -> float:
        """Rate at which this line and a steeper one on the faster side are equal."""
        return (other.slope - self.slope) / (self.intercept - other.intercept)


def by_first_link(problem: StochasticSplit) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return what the uplink rate moves, (tiers, tiers) crossings of the first link, and what it does not.

    Seconds per bit between two tiers are the first divided by the uplink rate plus the second, in seconds per bit.
    """
    follows = problem.downlink_rate is None
    first = np.zeros(problem.tiers - 1)
    first[0] = 1.0
    rates = link_rates(np.ones(()), problem.backhaul_rate, problem.tiers)
    others = np.where(first > 0, 0.0, 1.0 / rates)
    back = others if follows else np.where(first > 0, 1.0 / np.asarray(problem.downlink_rate), others)
    return between_tiers(first, first if follows else 0.0 * first), between_tiers(others, back)


class _Lines:
    """The lines of a problem's placements; asks the exact solver for the lowest one at an inverse rate."""

    def __init__(self, problem: StochasticSplit) -> None:
        costs = problem.costs
        self.first_link, others = by_first_link(problem)
        self.rest = replace(costs, per_bit=others)
        runs = np.where(np.isfinite(costs.tree.exec_time), 0.0, math.inf)
        tree = replace(costs.tree, exec_time=runs)
        self.crossing = PlacementCosts(tree, costs.weights, self.first_link, 0.0 * costs.per_crossing)
        self.constant = float(problem.constant)

    def best(self, inverse: float) -> _Line:
        """Return a line that is lowest at an inverse rate."""
        costs = replace(self.rest, per_bit=self.rest.per_bit + inverse * self.first_link)
        return self.of(least_latency(costs)[1])

    def of(self, tiers: NDArray[Any]) -> _Line:
        """Return the line of a placement."""
        intercept = float(self.rest.expected_latency(tiers)) + self.constant
        return _Line(intercept, float(self.crossing.expected_latency(tiers)), tiers)

    def steepest_rate(self, low: float) -> _Line:
        """Return the line that is lowest for ever slower rates: of least slope, and among those of least intercept."""
        least = self.of(least_latency(self.crossing)[1]).slope
        inverse = 1.0
        line = self.best(inverse)
        while line.slope > least * (1 + _SAME) and inverse < 1e300:
            inverse *= 16.0
            line = self.best(inverse)
        return line


def _envelope(lines: _Lines, slow: _Line, fast: _Line) -> list[_Line]:
    """Lines of the lower envelope from `slow` to `fast`, each steeper than the one before."""
    pieces, ahead = [slow], [fast]
    while ahead:
        here, there = pieces[-1], ahead.pop()
        if not _apart(here, there):
            continue
        inverse = 1.0 / here.meets(there)
        found = lines.best(inverse)
        if found.at(inverse) >= here.at(inverse) * (1 - _SAME) or not _apart(here, found):
            pieces.append(there)
        else:
            ahead += [there, found] if _apart(found, there) else [found]
    return pieces


def _apart(slow: _Line, fast: _Line) -> bool:
    """Whether each of two lines is below the other somewhere, by more than rounding."""
    return fast.slope > slow.slope * (1 + _SAME) and fast.intercept < slow.intercept * (1 - _SAME)
