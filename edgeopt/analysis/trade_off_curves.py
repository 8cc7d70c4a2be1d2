"""The whole curve of optimal cost against local fraction of offline offloading, from one sort."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..formulations.offloading import OfflineOffloading
from ..model.errors import InvalidProblemError
from ..model.records import number
from ..model.tolerance import ROUNDOFF

if TYPE_CHECKING:
    from numpy.typing import NDArray


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
