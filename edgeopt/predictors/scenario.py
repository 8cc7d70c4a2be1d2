"""From traffic to a decision problem: what each slot costs when the edge allocates, and when the cloud does.

The life of one datum: a frame of traffic (:mod:`edgeopt.data`) is scaled and cut into samples; both allocators are
fitted on the first part of it; the samples of the rest, in time order, become the samples of an `OfflineOffloading`
problem. A sample's cost is the **sum over cells** of the exact cost (Giannakas et al. 2025, eqs. 3, 7 and 8); the
objective of the problem is the mean over samples.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..model.errors import InvalidOptionError, InvalidProblemError
from ..profiles.costs import AllocationCost
from .allocators import Allocator, CloudAllocator, EdgeAllocator
from .samples import MinMax, windows

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from ..formulations.offloading import OfflineOffloading
    from ..profiles.cost_weights import Weights
    from ..profiles.own_costs import Cost


def offloading_costs(
    traffic: pd.DataFrame,
    *,
    window: int = 6,
    under: Weights = 1.0,
    over: Weights = 1.0,
    kind: str = "deepcog",
    cost: Cost | None = None,
    train_fraction: float = 0.7,
    seed: int = 0,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Train both allocators on the start of `traffic`; return what their answers cost on the rest.

    Parameters
    ----------
    traffic : DataFrame, time x cell
        Demand without gaps, as the readers and the generator of :mod:`edgeopt.data` return it.
    window : int
        Number N of past slots that an allocator sees; 6 (one hour) and 25 in Giannakas et al. (2025).
    under, over : float or (cells,) float
        Weights c_u and c_o of the cost, in units of each cell's demand scaled to [0, 1] over the training period: one
        for all cells, or one for each, in the order of the columns.
    kind : {"deepcog", "quadratic-linear", "least-squares"}
        Which cost; see `edgeopt.profiles.costs.AllocationCost`.
    cost : Cost, optional
        A cost of one's own (`edgeopt.profiles.own_costs`), instead of `under`, `over` and `kind`.
    train_fraction : float
        Share of the slots, from the start, that scaling and training may see; between 0 and 1.
    seed : int
        Fixes the training.

    Returns
    -------
    local_cost, remote_cost : (samples,) float
        Exact cost per test slot, summed over cells; samples in time order, one for each slot after the training period.

    Raises
    ------
    InvalidProblemError
        If the traffic has gaps, or a cell that never changes in the training period.
    InvalidOptionError
        If a weight, the window or the fraction is out of range, or there is not one weight for each cell.
    """
    price: Cost = AllocationCost(under=under, over=over, kind=kind)
    if cost is not None:
        if price != AllocationCost(under=1.0):
            raise InvalidOptionError("cost stands for under, over and kind; give either the one or the others")
        price = cost
    demand, split = _split(traffic, window, train_fraction)
    past, target = windows(MinMax.fit(demand[:split]).normalise(demand), window)
    # Sample k is about slot k + window: these, and no later, are known when the training period ends.
    known = split - window

    def total(allocator: Allocator) -> NDArray[np.float64]:
        allocation = allocator.fit(past[:known], target[:known]).allocate(past[known:])
        return np.asarray(price.exact(allocation, target[known:]).sum(axis=-1))

    return total(EdgeAllocator(price, seed=seed)), total(CloudAllocator(price, seed=seed))


def offloading_problem(
    traffic: pd.DataFrame,
    *,
    min_local_fraction: float = 0.0,
    window: int = 6,
    under: Weights = 1.0,
    over: Weights = 1.0,
    kind: str = "deepcog",
    cost: Cost | None = None,
    train_fraction: float = 0.7,
    seed: int = 0,
) -> OfflineOffloading:
    """Declare the offloading problem that `traffic` makes (Giannakas et al. 2025, eq. 11).

    Parameters
    ----------
    traffic : DataFrame, time x cell
        Demand without gaps.
    min_local_fraction : float
        Share L0 of the samples that must stay at the edge.
    window, under, over, kind, cost, train_fraction, seed
        As in `offloading_costs`.

    Returns
    -------
    OfflineOffloading
        One sample per test slot.

    Raises
    ------
    InvalidProblemError, InvalidOptionError
        As in `offloading_costs`, and for a fraction outside [0, 1].
    """
    from ..formulations.offloading import OfflineOffloading

    local_cost, remote_cost = offloading_costs(
        traffic, window=window, under=under, over=over, kind=kind, cost=cost, train_fraction=train_fraction, seed=seed
    )
    return OfflineOffloading(local_cost=local_cost, remote_cost=remote_cost, min_local_fraction=min_local_fraction)


def _split(traffic: pd.DataFrame, window: int, train_fraction: float) -> tuple[NDArray[np.float64], int]:
    """Return the demand as an array, and the slot at which the test period starts."""
    if not 0 < train_fraction < 1:
        raise InvalidOptionError(f"train_fraction is {train_fraction}; it must lie between 0 and 1")
    demand = traffic.to_numpy(dtype=np.float64)
    if not np.isfinite(demand).all():
        step, cell = np.argwhere(~np.isfinite(demand))[0]
        raise InvalidProblemError(
            f"traffic of cell {traffic.columns[cell]} at {traffic.index[step]} is {demand[step, cell]}; "
            "fill the gaps first (DataFrame.interpolate) or drop the cell"
        )
    split = round(len(demand) * train_fraction)
    if not 1 <= window < split:
        raise InvalidOptionError(f"window is {window}; a training period of {split} slots allows 1 to {split - 1}")
    return demand, split
