"""Dual ascent on the minimum local fraction: a heuristic with a proven bound.

Relaxing the one coupling constraint with a multiplier leaves one comparison per sample. The multiplier is found by
bisection on the number of local samples, and the decision is what the comparison then says, repaired at the threshold.
"""

from __future__ import annotations

import numpy as np

from ..core.outcome import Options, Outcome, Status
from ..core.registry import solver
from ..formulations.offloading import LocalFractionMultiplier, OfflineOffloading, OffloadingDecision


@solver("lagrangian", solves=OfflineOffloading, exact=False, honours=("time_limit", "threads"), accepts=("iterations",))
def lagrangian(problem: OfflineOffloading, options: Options) -> Outcome:
    """Bisect the multiplier (`iterations` times, 60 by default); keep what is priced below it local."""
    if refutation := problem.refute():
        return Outcome(Status.INFEASIBLE, certificate=refutation)
    multiplier = _bisect(problem, int(options.extra.get("iterations", 60)))
    local = problem.benefit <= multiplier if multiplier > 0 else problem.benefit < 0
    return Outcome.feasible(OffloadingDecision(local.reshape(problem.shape)), LocalFractionMultiplier(multiplier))


def _bisect(problem: OfflineOffloading, iterations: int) -> float:
    """Smallest multiplier found at which enough decisions are local; always feasible, whatever the iterations."""
    finite = problem.benefit[np.isfinite(problem.benefit)]
    if np.count_nonzero(finite < 0) >= problem.min_local:
        return 0.0
    low, high = 0.0, max(0.0, float(finite.max()))
    for _ in range(iterations):
        middle = low + (high - low) / 2
        if np.count_nonzero(finite <= middle) >= problem.min_local:
            high = middle
        else:
            low = middle
    return high
