"""Exact offline offloading: keep the decisions whose cloud benefit is smallest.

The program of Giannakas et al. (2025, eq. 11) has one coupling constraint, so its Lagrangian separates by sample and
the optimum is a threshold on the benefit b = local - remote. A partial sort finds the threshold in O(K); one full sort
gives the whole curve of optimal cost against local fraction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..core.errors import InvalidProblemError
from ..core.outcome import Options, Outcome, Status
from ..core.records import number
from ..core.registry import solver
from ..core.tolerance import ROUNDOFF
from ..formulations.offloading import LocalFractionMultiplier, OfflineOffloading, OffloadingDecision

if TYPE_CHECKING:
    from numpy.typing import NDArray


@solver("selection", solves=OfflineOffloading, exact=True, rank=1, honours=("time_limit", "relative_gap", "threads"))
def selection(problem: OfflineOffloading, options: Options) -> Outcome:
    """Keep all negative benefits local, or the `min_local` smallest if those are fewer; ties go by index."""
    if refutation := problem.refute():
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


@dataclass(frozen=True, eq=False)
class TradeOffCurve:
    """Exact optimum for every local fraction; convex where all samples must be decided by the constraint.

    Attributes
    ----------
    local_fraction : (decisions + 1,) float
        0, 1/K, …, 1.
    cost : (decisions + 1,) float
        Smallest mean cost with exactly this fraction local.
    multiplier : (decisions + 1,) float
        The benefit of the last decision taken locally (``b*`` of Giannakas et al. 2025): the transmission cost ``C_T``
        that would make this fraction optimal without the constraint (Ehsanian and Spyropoulos 2025). Any value from
        here to the next entry does; it is -inf at fraction 0.
    """

    local_fraction: NDArray[np.float64]
    cost: NDArray[np.float64]
    multiplier: NDArray[np.float64]

    @property
    def best(self) -> int:
        """Index of the cheapest fraction: the optimum without a minimum local fraction."""
        return int(np.argmin(self.cost))

    def at(self, min_local_fraction: float) -> float:
        """Smallest mean cost subject to ``mean(l) >= min_local_fraction``.

        Raises
        ------
        InvalidProblemError
            If the fraction is not within [0, 1], or more than can stay local.
        """
        fraction = number(min_local_fraction, "min_local_fraction", at_least=0.0, at_most=1.0)
        first = int(np.searchsorted(self.local_fraction, fraction * (1.0 - ROUNDOFF)))
        if first == self.cost.size:
            largest = self.local_fraction[-1]
            raise InvalidProblemError(f"min_local_fraction is {fraction}; {largest:g} is the largest feasible one")
        return float(self.cost[first:].min())


def trade_off_curve(problem: OfflineOffloading) -> TradeOffCurve:
    """Return the exact curve (local fraction, mean cost, multiplier) for all fractions, from one sort.

    The problem's own `min_local_fraction` is ignored; decisions that cannot be local end the curve early.
    """
    benefit = np.sort(problem.benefit[problem.available])
    fraction = np.arange(benefit.size + 1) / problem.benefit.size
    cost = (problem.remote_totals.sum() + np.concatenate([[0.0], np.cumsum(benefit)])) / problem.samples
    return TradeOffCurve(fraction, cost, np.concatenate([[-np.inf], benefit]))
