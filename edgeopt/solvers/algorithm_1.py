"""Algorithm 1 of Giannakas et al. (2025) exactly as printed: a percentile of the benefits as threshold.

It is kept beside the exact ``selection`` so that the difference can be seen. With ties, or where the percentile falls
on a sample, the strict comparison keeps too few samples local and violates eq. 11b; with many negative benefits it
keeps only a fraction L0 of them and misses the optimum. ``solve`` reports an infeasible outcome as ``failed``.
"""

from __future__ import annotations

import numpy as np

from ..formulations.offloading import OfflineOffloading, OffloadingDecision
from ..model.outcome import Options, Outcome
from ..model.solver import solver


def _outage(problem: OfflineOffloading) -> str | None:
    return None if problem.available.all() else "knows no local exits that are unavailable"


@solver("algorithm-1", solves=OfflineOffloading, exact=False, options=("time_limit", "threads"), declines=_outage)
def algorithm_1(problem: OfflineOffloading, options: Options) -> Outcome:
    """Label as easy (local) what lies strictly below the linear percentile L0 of the benefits (lines 1 to 4)."""
    threshold = np.quantile(problem.benefit, problem.min_local_fraction)
    return Outcome.feasible(OffloadingDecision((problem.benefit < threshold).reshape(problem.shape)))
