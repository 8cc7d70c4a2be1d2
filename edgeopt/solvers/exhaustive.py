"""Every decision, one by one: the reference that the other solvers must agree with on small instances."""

from __future__ import annotations

import numpy as np

from ..core.outcome import Options, Outcome, Status
from ..core.registry import solver
from ..formulations.offloading import OfflineOffloading, OffloadingDecision

_MOST = 20


def _too_large(problem: OfflineOffloading) -> str | None:
    count = problem.local_totals.size
    return f"would try 2^{count} choices and takes at most {_MOST} decisions" if count > _MOST else None


@solver(
    "exhaustive", solves=OfflineOffloading, exact=True, rank=95,
    honours=("time_limit", "relative_gap", "threads"), declines=_too_large,
)  # fmt: skip
def exhaustive(problem: OfflineOffloading, options: Options) -> Outcome:
    """Evaluate all 2^n choices; refuses more than 20 decisions with their count."""
    count = problem.local_totals.size
    choices = (np.arange(2**count)[:, None] >> np.arange(count)) & 1 == 1
    allowed = (choices.sum(axis=1) >= problem.min_local) & ~(choices & ~problem.available).any(axis=1)
    if not allowed.any():
        return Outcome(Status.INFEASIBLE)
    costs = np.where(choices, problem.local_totals, problem.remote_totals).sum(axis=1)
    best = int(np.where(allowed, costs, np.inf).argmin())
    return Outcome.optimal(OffloadingDecision(choices[best].reshape(problem.shape)))
