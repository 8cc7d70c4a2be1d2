"""Latencies of a graph's placements as lines in the inverse rate of the first link, found by minimum cuts."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..formulations.graph_split import GraphSplit, GraphSplitDecision
from ..formulations.placement.links import trusted_units
from ..model.errors import NoSolutionError
from ..model.outcome import Status
from ..solving.solve import solve
from .envelopes import Line

if TYPE_CHECKING:
    from numpy.typing import NDArray

_INSTANT = 1e280
"""Bit/s at which any tensor takes no time."""


class GraphLines:
    """The lines of a problem's placements; asks a minimum cut for the lowest one at an inverse rate."""

    def __init__(self, problem: GraphSplit) -> None:
        self.problem, self.instant = problem, _changed(problem, uplink_rate=_INSTANT)
        # Each bit over the first link counts 1, and nothing else counts.
        backhaul = None if problem.backhaul_rate is None else np.full(np.shape(problem.backhaul_rate), _INSTANT)
        self.crossing = _changed(
            problem,
            exec_time=np.where(np.isfinite(problem.exec_time), 0.0, math.inf),
            link_delay=0.0,
            uplink_rate=1.0,
            backhaul_rate=backhaul,
            downlink_rate=None if problem.downlink_rate is None else _INSTANT,
        )
        self.least = self._of(_optimal(self.crossing)).slope

    def best(self, inverse: float) -> Line:
        """Return a line that is lowest at an inverse rate."""
        rate = _INSTANT if inverse == 0.0 else 1.0 / inverse
        return self._of(_optimal(_changed(self.problem, uplink_rate=rate)))

    def decision(self, line: Line) -> GraphSplitDecision:
        """Return the placement of a line."""
        return GraphSplitDecision(line.tiers)

    def _of(self, tiers: NDArray[np.int64]) -> Line:
        decision = GraphSplitDecision(tiers)
        return Line(self.instant.objective(decision), self.crossing.objective(decision), tiers)


def _changed(problem: GraphSplit, **changes: Any) -> GraphSplit:
    """Return the problem at a rate that is asked about, without doubts of its unit."""
    with trusted_units():
        return replace(problem, **changes)


def _optimal(problem: GraphSplit) -> NDArray[np.int64]:
    found = solve(problem)
    if found.status is not Status.OPTIMAL:
        raise NoSolutionError(f"the split map needs an exact split at every rate; {found.solver} ended {found.status}")
    return found.decision.tiers.astype(np.int64)
