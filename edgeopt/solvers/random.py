"""A seeded coin for each sample: the upper baseline of both offloading papers."""

from __future__ import annotations

import numpy as np

from ..core.outcome import Options, Outcome, Status
from ..core.registry import solver
from ..formulations.offloading import OfflineOffloading, OffloadingDecision


@solver("random", solves=OfflineOffloading, exact=False, honours=("time_limit", "threads"))
def random(problem: OfflineOffloading, options: Options) -> Outcome:
    """Keep a uniformly random set of `min_local` available decisions local, so that eq. 11b holds with equality.

    The papers' coin of bias L0 meets the fraction only on average; drawing a set of that size meets it always.
    """
    if refutation := problem.refute():
        return Outcome(Status.INFEASIBLE, certificate=refutation)
    local = np.zeros(problem.local_totals.size, dtype=bool)
    candidates = np.flatnonzero(problem.available)
    local[options.generator().choice(candidates, problem.min_local, replace=False)] = True
    return Outcome.feasible(OffloadingDecision(local.reshape(problem.shape)))
