"""GPipe's partition (Huang et al. 2019): blocks of layers of balanced computing time, whatever they send.

The paper balances the estimated computing time of the blocks and takes no account of the links; here each tier has
times of its own, and a block stays within its memory. Links then decide how far from the best the pipeline is.

References
----------
Y. Huang et al., "GPipe: Efficient training of giant neural networks using pipeline parallelism", NeurIPS 2019.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from ..formulations.pipelined_split import PipelinedSplit
from ..model.outcome import Options, Outcome, Status
from ..model.solver import solver
from .stage_bisection import fastest_within, least_period


@solver("gpipe", solves=PipelinedSplit, exact=False, options=("time_limit", "threads"))
def gpipe(problem: PipelinedSplit, options: Options) -> Outcome:
    """Make the slowest tier as fast as possible, as if nothing had to be sent; else the fastest frame in the caps."""
    if refutation := problem.infeasibility_certificate():
        return Outcome(Status.INFEASIBLE, certificate=refutation)
    silent = replace(
        problem, output_bits=np.zeros(problem.layers + 1), goal="period", max_period=None, max_latency=None
    )
    start = fastest_within(silent, math.inf)
    if start.latency == math.inf:
        return Outcome(Status.NO_SOLUTION, message="no blocks of layers fit")
    decision, _, _ = least_period(silent, start.decision, math.inf)
    if problem.violations(decision):
        limit = math.inf if problem.max_period is None else problem.max_period + problem.allowed
        decision = fastest_within(problem, limit).decision
    return Outcome.feasible(decision)
