"""Everything in the cloud, as far as the minimum local fraction allows: the papers' baseline "Cloud"."""

from __future__ import annotations

import numpy as np

from ..core.outcome import Options, Outcome, Status
from ..core.registry import solver
from ..formulations.offloading import OfflineOffloading, OffloadingDecision


@solver("remote-only", solves=OfflineOffloading, exact=False, honours=("time_limit", "threads"))
def remote_only(problem: OfflineOffloading, options: Options) -> Outcome:
    """Send everything but the first `min_local` available decisions, which the constraint keeps local."""
    if refutation := problem.refute():
        return Outcome(Status.INFEASIBLE, certificate=refutation)
    local = np.zeros(problem.local_totals.size, dtype=bool)
    local[np.flatnonzero(problem.available)[: problem.min_local]] = True
    return Outcome.feasible(OffloadingDecision(local.reshape(problem.shape)))
