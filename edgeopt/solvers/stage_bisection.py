"""The exact pipeline: bisection over the longest stage, each step one pass over tiers and cuts.

With a limit on all stages, the least latency follows by dynamic programming over tiers and cuts; the blocks that a tier
may run form a window that moves forwards along the chain, so a pass takes O(layers tiers). Limits are halved until no
stage time lies between one that is too short and one that is attained; where stages are too long, the pass says which
of them is the shortest, below which nothing changes. Chains of blocks are classical (Bokhari 1988); here with links,
memory and a cap on the latency.

References
----------
S. H. Bokhari, "Partitioning problems in parallel, pipelined, and distributed computing", IEEE Trans. on Computers
37, 1988.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..formulations.pipelined_split import NoPipeline, PipelinedSplit, PipelinedSplitDecision, StageBounds
from ..model.outcome import Options, Outcome, Status
from ..model.solver import solver
from ..model.tolerance import UNIT

if TYPE_CHECKING:
    from numpy.typing import NDArray

_CLOSE = 1e-12
"""Relative distance of two stage times that float64 sums cannot tell apart."""
_MOST_PASSES = 200
"""Passes after which a float64 cannot be halved any more."""


class Pipeline(NamedTuple):
    """The fastest placement within a limit on the stages, and what was found on the way."""

    latency: float
    rejected: float
    decision: PipelinedSplitDecision
    bounds: NDArray[np.float64]


def fastest_within(problem: PipelinedSplit, limit: float) -> Pipeline:
    """Return the placement of least latency with all stages within `limit` seconds; its latency is inf without one."""
    from .compiled.pipelines import fastest

    stages = problem.stages
    bounds, tiers = np.empty(stages.work.shape), np.zeros(problem.layers, np.int64)
    data = (stages.work, stages.first, stages.crossing, stages.slowest, stages.cuts)
    latency, rejected = fastest(*data, limit, bounds, tiers)
    return Pipeline(latency, rejected, PipelinedSplitDecision(tiers), bounds)


@solver(
    "stage-bisection",
    solves=PipelinedSplit,
    exact=True,
    rank=10,
    options=("time_limit", "relative_gap", "threads"),
)
def stage_bisection(problem: PipelinedSplit, options: Options) -> Outcome:
    """Choose the blocks of layers by bisection over the longest stage."""
    limit = math.inf if problem.max_period is None else problem.max_period + problem.allowed
    most = math.inf if problem.max_latency is None else problem.max_latency + problem.allowed
    found = fastest_within(problem, limit)
    if found.latency > most or found.latency == math.inf:
        return Outcome(Status.INFEASIBLE, certificate=NoPipeline(found.bounds))
    if problem.goal == "latency":
        return Outcome.optimal(found.decision, StageBounds(limit, found.bounds))
    best, rounding, passes = least_period(problem, found.decision, most)
    # A little below: blocks that differ from the period by rounding alone are not below it.
    threshold = max(0.0, problem.period(best) * (1.0 - 4.0 * _CLOSE) - 16.0 * rounding)
    certificate = StageBounds(threshold, fastest_within(problem, threshold).bounds)
    return Outcome.optimal(best, certificate, statistics={"passes": passes})


def least_period(
    problem: PipelinedSplit, best: PipelinedSplitDecision, most: float
) -> tuple[PipelinedSplitDecision, float, int]:
    """Return the placement of least period whose latency is at most `most`, from one that keeps it.

    Also the rounding of stage times, seconds, and how many limits were tried.
    """
    low, high, passes = 0.0, problem.period(best), 0
    # Blocks are differences of running sums, whose rounding grows with the chain.
    rounding = problem.layers * UNIT * float(problem.stages.work.max())
    while low < high * (1.0 - _CLOSE) - rounding and passes < _MOST_PASSES:
        trial = 0.5 * (low + high)
        found = fastest_within(problem, trial)
        passes += 1
        if found.latency < math.inf and found.latency <= most:
            # A period that is attained, not the limit itself.
            high, best = min(high, problem.period(found.decision)), found.decision
        else:
            low = max(trial, found.rejected)
    return best, rounding, passes
