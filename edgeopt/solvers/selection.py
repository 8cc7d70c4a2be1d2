"""Exact offline offloading: keep the decisions whose cloud benefit is smallest.

The program of Giannakas et al. (2025, eq. 11) has one coupling constraint, so its Lagrangian separates by sample and
the optimum is a threshold on the benefit b = local - remote. A partial sort finds the threshold in O(K); one full sort
gives the whole curve of optimal cost against local fraction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..formulations.offloading import LocalFractionMultiplier, OfflineOffloading, OffloadingDecision
from ..model.outcome import Options, Outcome, Status
from ..model.solver import solver

if TYPE_CHECKING:
    from numpy.typing import NDArray


@solver("selection", solves=OfflineOffloading, exact=True, rank=1, options=("time_limit", "relative_gap", "threads"))
def selection(problem: OfflineOffloading, options: Options) -> Outcome:
    """Keep all negative benefits local, or the `min_local` smallest if those are fewer; ties go by index."""
    if refutation := problem.infeasibility_certificate():
        return Outcome(Status.INFEASIBLE, certificate=refutation)
    local = smallest(problem.benefit, problem.min_local, problem.multiplier)
    return Outcome.optimal(
        OffloadingDecision(local.reshape(problem.shape)), LocalFractionMultiplier(problem.multiplier)
    )


def smallest(benefit: NDArray[np.float64], at_least: int, threshold: float) -> NDArray[np.bool_]:
    """Mask of the negative benefits, filled up to `at_least` with the next smallest.

    Parameters
    ----------
    benefit : (decisions,) float
        What sending saves.
    at_least : int
        Smallest number of True entries.
    threshold : float
        The `at_least`-th smallest benefit, or 0 where that is negative.

    Returns
    -------
    (decisions,) bool
        Ties at the threshold go to the smaller index.
    """
    local = benefit < threshold
    missing = at_least - int(np.count_nonzero(local))
    if missing > 0:
        local[np.flatnonzero(benefit == threshold)[:missing]] = True
    return local
