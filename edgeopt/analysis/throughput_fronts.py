"""Latency against throughput: every pipeline that no other beats in both, exactly.

From the fastest frame on, the limit on all stages is put just below the longest stage of the point before; the least
latency within it is the next point. Each step is one pass over tiers and cuts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ..model.errors import InvalidProblemError, NoSolutionError
from ..model.tolerance import UNIT

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from ..formulations.pipelined_split import PipelinedSplit, PipelinedSplitDecision

_CLOSE = 1e-12
"""Relative distance of two sums of stages that float64 cannot tell apart."""


@dataclass(frozen=True, eq=False)
class ThroughputFront:
    """All pipelines that no other beats in both latency and period.

    Attributes
    ----------
    latency, period : (points,) float
        Seconds, ascending and descending.
    decisions : tuple of PipelinedSplitDecision
        Placement of each point.
    """

    latency: NDArray[np.float64]
    period: NDArray[np.float64]
    decisions: tuple[PipelinedSplitDecision, ...]

    def __len__(self) -> int:
        return len(self.decisions)

    @property
    def throughput(self) -> NDArray[np.float64]:
        """(points,) frames a second; inf where no stage takes time."""
        with np.errstate(divide="ignore"):
            return np.asarray(1.0 / self.period)

    def fastest_at(self, rate: float) -> PipelinedSplitDecision:
        """Placement of least latency that keeps up with `rate` frames a second.

        Raises
        ------
        InvalidProblemError
            If none does; says how many are possible.
        """
        able = np.flatnonzero(self.throughput >= rate)
        if not able.size:
            most = float(self.throughput[-1])
            raise InvalidProblemError(f"rate is {rate:g} frames a second; at most {most:g} are possible")
        return self.decisions[int(able[0])]

    def frame(self) -> pd.DataFrame:
        """Return latency, period, throughput and the number of layers that leave the device, one row a point."""
        import pandas as pd

        sent = [int((decision.tiers > 0).sum()) for decision in self.decisions]
        columns = {"latency": self.latency, "period": self.period, "throughput": self.throughput}
        return pd.DataFrame(columns | {"layers_sent": sent})


def throughput_front(problem: PipelinedSplit) -> ThroughputFront:
    """Return the Pareto front of latency and period.

    Parameters
    ----------
    problem : PipelinedSplit
        Its goal does not matter; its cap on latency or period ends the front.

    Raises
    ------
    NoSolutionError
        If no placement keeps memory, co-location and the cap.
    """
    from ..solvers.stage_bisection import fastest_within

    free = replace(problem, goal="latency", max_latency=None, max_period=None)
    most = math.inf if problem.max_latency is None else problem.max_latency + problem.allowed
    limit = math.inf if problem.max_period is None else problem.max_period + problem.allowed
    rounding = problem.layers * UNIT * float(problem.stages.work.max())
    points: list[tuple[float, float, PipelinedSplitDecision]] = []
    while (found := fastest_within(free, limit)).latency <= most and found.latency < math.inf:
        latency, period = problem.latency(found.decision), problem.period(found.decision)
        # As fast as the point before and with a shorter period, it takes that one's place.
        while points and points[-1][0] >= latency * (1.0 - _CLOSE):
            points.pop()
        points.append((latency, period, found.decision))
        limit = min(limit, period) * (1.0 - _CLOSE) - rounding
        if limit <= 0.0:
            break
    if not points:
        raise NoSolutionError("no placement keeps memory, co-location and the cap; problem.explain() says why")
    latencies, periods, decisions = zip(*points, strict=True)
    return ThroughputFront(np.array(latencies), np.array(periods), tuple(decisions))
