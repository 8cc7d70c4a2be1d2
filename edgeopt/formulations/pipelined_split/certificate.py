"""Proof that no pipeline is faster: least latencies of all beginnings whose stages are within a threshold.

For each tier and each cut, a bound says how long a frame takes at least until the layers before the cut have run on
this tier or nearer, if no stage exceeds the threshold. A bound may not exceed what follows from those of the tier
before, over every block that is allowed; what it exceeds is taken off. Where those of whole chains are above the cap on
the latency, the slowest stage of every placement that keeps the cap is above the threshold.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...model.certificate import OptimalityCertificate, StatusCertificate
from ...model.errors import InvalidProblemError
from ...model.records import assign, float_array, number
from ...model.tolerance import UNIT

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from typing_extensions import TypeIs

    from ...model.problem import Problem
    from .problem import PipelinedSplit
    from .stages import Stages


@dataclass(frozen=True, eq=False)
class StageBounds(OptimalityCertificate):
    """Lower bounds on the latency of beginnings, for each tier and cut, whose stages are within a threshold.

    Attributes
    ----------
    threshold : float
        Seconds; where the latency is minimised, the largest period that is allowed.
    bounds : (tiers, layers + 1) float
        Seconds; inf where no beginning reaches the cut.
    """

    threshold: float
    bounds: NDArray[np.float64]

    def __post_init__(self) -> None:
        threshold = number(self.threshold, "threshold", at_least=0.0, finite=False)
        assign(self, threshold=threshold, bounds=float_array(self.bounds, "bounds", ndim=2, finite=False))

    def optimality_gap(self, problem: Problem, decision: Any) -> float:
        """Objective of the decision minus what the bounds prove; inf where they prove nothing."""
        if not _is_pipelined(problem):
            return math.inf
        try:
            problem.check(decision)
        except InvalidProblemError:
            return math.inf
        cost = problem.objective(decision)
        if problem.goal == "latency":
            within = problem.max_period is not None and self.threshold >= problem.max_period + problem.allowed
            known = within or self.threshold == math.inf
            return cost - least_latency(problem.stages, self) if known else math.inf
        most = math.inf if problem.max_latency is None else problem.max_latency + problem.allowed
        latency = least_latency(problem.stages, self)
        # Whatever keeps the cap has a stage above the threshold.
        excluded = latency == math.inf or latency > most
        return cost - (self.threshold if excluded else 0.0)

    def __str__(self) -> str:
        return f"least latencies of beginnings with stages within {self.threshold:.10g} s, by tier and cut"


@dataclass(frozen=True, eq=False)
class NoPipeline(StatusCertificate):
    """No placement keeps memory, co-location and caps: bounds of all beginnings, as in :class:`StageBounds`.

    Attributes
    ----------
    bounds : (tiers, layers + 1) float
        Seconds; inf where no beginning reaches the cut.
    """

    bounds: NDArray[np.float64]

    def __post_init__(self) -> None:
        assign(self, bounds=float_array(self.bounds, "bounds", ndim=2, finite=False))

    @classmethod
    def of(cls, problem: PipelinedSplit) -> NoPipeline | None:
        """Return the proof, or None where a placement fits."""
        period = math.inf if problem.max_period is None else problem.max_period + problem.allowed
        found = cls(_least_latencies(problem.stages, period))
        return found if found.holds(problem) else None

    def holds(self, problem: Problem) -> bool:
        """Whether every placement breaks a bound."""
        if not _is_pipelined(problem):
            return False
        period = math.inf if problem.max_period is None else problem.max_period + problem.allowed
        latency = least_latency(problem.stages, StageBounds(period, self.bounds))
        most = math.inf if problem.max_latency is None else problem.max_latency + problem.allowed
        return latency == math.inf or latency > most

    def __str__(self) -> str:
        return "no placement keeps memory, co-location and caps: least latencies by tier and cut"


def _least_latencies(stages: Stages, threshold: float) -> NDArray[np.float64]:
    """(tiers, layers + 1) least latency of the beginnings with stages within a threshold."""
    bounds = np.full(stages.work.shape, np.inf)
    entry = np.full(stages.work.shape[1], np.inf)
    entry[0] = 0.0
    for tier in range(len(bounds)):
        block, allowed = _blocks(stages, tier, threshold)
        bounds[tier] = np.where(allowed, entry[:, None] + block, np.inf).min(axis=0)
        if tier < len(bounds) - 1:
            good = stages.cuts & (stages.slowest[tier] <= threshold)
            entry = np.where(good, bounds[tier] + stages.crossing[tier], np.inf)
    return bounds


def _blocks(stages: Stages, tier: int, threshold: float) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """(cuts, cuts) seconds of the block from each cut to each other on a tier, and whether the tier may run it."""
    work, cut = stages.work[tier], np.arange(stages.work.shape[1])
    block = work - work[:, None]
    return block, (cut[:, None] >= stages.first[tier]) & (cut[:, None] <= cut) & (block <= threshold)


def _is_pipelined(problem: Problem) -> TypeIs[PipelinedSplit]:
    return hasattr(problem, "stages") and hasattr(problem, "max_period")


def least_latency(stages: Stages, claimed: StageBounds) -> float:
    """Return what the bounds prove of the latency of whole chains; -inf where they are none of this problem."""
    tiers, size = stages.work.shape
    bounds, threshold = claimed.bounds, claimed.threshold
    if bounds.shape != (tiers, size) or (bounds == -math.inf).any():
        return -math.inf
    finite = np.where(np.isfinite(bounds), bounds, 0.0)
    rounding = 8.0 * (size + tiers) * UNIT * float(stages.work.max() + np.abs(finite).max())
    entry, lost, best = np.full(size, np.inf), 0.0, math.inf
    entry[0] = 0.0
    for tier in range(tiers):
        block, allowed = _blocks(stages, tier, threshold + rounding)
        least = np.where(allowed, entry[:, None] + block, np.inf).min(axis=0)
        reached = np.isfinite(least)
        if not np.isfinite(bounds[tier, reached]).all():
            return -math.inf
        excess = bounds[tier, reached] - least[reached]
        lost += float(max(0.0, excess.max(initial=0.0)))
        best = min(best, float(bounds[tier, -1]))
        if tier < tiers - 1:
            good = stages.cuts & (stages.slowest[tier] <= threshold + rounding)
            entry = np.where(good, bounds[tier] + stages.crossing[tier], np.inf)
    return max(0.0, float(best - lost - tiers * rounding))
