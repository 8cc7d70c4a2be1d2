"""Dual ascent on the minimum local fraction: a heuristic with a proven bound.

Relaxing the one coupling constraint with a multiplier leaves one comparison per sample. The multiplier is found by
bisection on the number of local samples, and the decision is what the comparison then says: all that ties with the
multiplier stays local, so the constraint holds, at a cost above the optimum where ties or few iterations keep too many.
"""

from __future__ import annotations

import numpy as np

from ..core.errors import InvalidOptionError
from ..core.outcome import Options, Outcome, Status
from ..core.registry import solver
from ..formulations.offloading import LocalFractionMultiplier, OfflineOffloading, OffloadingDecision


@solver("lagrangian", solves=OfflineOffloading, exact=False, honours=("time_limit", "threads"), accepts=("iterations",))
def lagrangian(problem: OfflineOffloading, options: Options) -> Outcome:
    """Bisect the multiplier (`iterations` times, 60 by default); keep what is priced below it local."""
    if refutation := problem.refute():
        return Outcome(Status.INFEASIBLE, certificate=refutation)
    iterations = options.extra.get("iterations", 60)
    if not isinstance(iterations, int) or iterations < 0:
        raise InvalidOptionError(f"iterations is {iterations!r}; expected an integer >= 0")
    multiplier = _bisect(problem, iterations)
    local = problem.benefit < 0
    if np.count_nonzero(local) < problem.min_local:
        local = problem.benefit <= multiplier
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
