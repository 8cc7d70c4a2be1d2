"""Everything at the edge: the papers' baseline "Edge"."""

from __future__ import annotations

from ..core.outcome import Options, Outcome, Status
from ..core.registry import solver
from ..formulations.offloading import OfflineOffloading, OffloadingDecision


@solver("local-only", solves=OfflineOffloading, exact=False, honours=("time_limit", "threads"))
def local_only(problem: OfflineOffloading, options: Options) -> Outcome:
    """Keep every available decision local."""
    if refutation := problem.refute():
        return Outcome(Status.INFEASIBLE, certificate=refutation)
    return Outcome.feasible(OffloadingDecision(problem.available.reshape(problem.shape)))
