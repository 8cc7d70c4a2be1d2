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

from ..formulations.graph_split import GraphSplit, GraphSplitDecision
from ..formulations.placement.costs import PlacementCosts
from ..formulations.placement.links import between_tiers, link_rates
from ..formulations.split import SplitDecision, StochasticSplit
from ..model.batch_axis import batch_of
from ..model.errors import InvalidProblemError
from ..solvers.shortest_path import least_latency
from .envelopes import Line, envelope, least_slope
from .graph_lines import GraphLines

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray


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
    decisions : tuple of SplitDecision or GraphSplitDecision
        Placement of each piece.
    """

    breaks: NDArray[np.float64]
    intercepts: NDArray[np.float64]
    slopes: NDArray[np.float64]
    decisions: tuple[Any, ...]

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

    def decision(self, rate: float) -> Any:
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
                "layers_sent": [_sent(decision) for decision in self.decisions],
            }
        )


def _sent(decision: SplitDecision | GraphSplitDecision) -> int:
    """Return how many layers, of all exits, leave the device."""
    chains = (decision.tiers,) if isinstance(decision, GraphSplitDecision) else decision.tiers
    return sum(int((tiers > 0).sum()) for tiers in chains)


def split_map(problem: StochasticSplit | GraphSplit, uplink_rates: ArrayLike | None = None) -> SplitMap:
    """Return the optimal split as a function of the uplink rate.

    Parameters
    ----------
    problem : StochasticSplit or GraphSplit
        Its own uplink rate does not matter. A downlink rate that it gives stays as it is; without one the downlink
        follows the uplink.
    uplink_rates : (low, high) or array of rates, optional
        Range to cover, bit/s; every rate above 0 by default.

    Raises
    ------
    InvalidProblemError
        If the problem is a batch or none of the two, or the range is empty or not above 0.
    """
    if not isinstance(problem, (StochasticSplit, GraphSplit)):
        raise InvalidProblemError(
            f"split_map takes a StochasticSplit or a GraphSplit, and not a {type(problem).__name__}; solve it once for "
            "each rate"
        )
    if batch_of(problem) is not None:
        raise InvalidProblemError("split_map takes one problem; take problem.instance(i) of a batch")
    low, high = _range(uplink_rates)
    lines = GraphLines(problem) if isinstance(problem, GraphSplit) else ChainLines(problem)
    fast = lines.best(1.0 / high)
    slow = least_slope(lines) if low == 0.0 else lines.best(1.0 / low)
    pieces = envelope(lines, slow, fast)
    return SplitMap(
        np.array([pieces[k].meets(pieces[k + 1]) for k in range(len(pieces) - 1)]),
        np.array([line.intercept for line in pieces]),
        np.array([line.slope for line in pieces]),
        tuple(lines.decision(line) for line in pieces),
    )


def _range(rates: ArrayLike | None) -> tuple[float, float]:
    if rates is None:
        return 0.0, math.inf
    given = np.asarray(rates, float)
    if given.size == 0 or not np.all(given > 0):
        raise InvalidProblemError(f"uplink_rates is {rates!r}; expected rates above 0 bit/s")
    return float(given.min()), float(given.max())


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


class ChainLines:
    """The lines of a problem's placements; asks the exact solver for the lowest one at an inverse rate."""

    def __init__(self, problem: StochasticSplit) -> None:
        costs = problem.costs
        self.first_link, others = by_first_link(problem)
        self.rest = replace(costs, per_bit=others)
        runs = np.where(np.isfinite(costs.tree.exec_time), 0.0, math.inf)
        tree = replace(costs.tree, exec_time=runs)
        self.crossing = PlacementCosts(tree, costs.weights, self.first_link, 0.0 * costs.per_crossing)
        self.constant, self.decision_at = float(problem.constant), problem.decision_at
        self.least = self.of(least_latency(self.crossing)[1]).slope

    def best(self, inverse: float) -> Line:
        """Return a line that is lowest at an inverse rate."""
        costs = replace(self.rest, per_bit=self.rest.per_bit + inverse * self.first_link)
        return self.of(least_latency(costs)[1])

    def of(self, tiers: NDArray[Any]) -> Line:
        """Return the line of a placement."""
        intercept = float(self.rest.expected_latency(tiers)) + self.constant
        return Line(intercept, float(self.crossing.expected_latency(tiers)), tiers)

    def decision(self, line: Line) -> SplitDecision:
        """Return the placement of a line."""
        return self.decision_at(line.tiers)
