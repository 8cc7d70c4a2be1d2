"""Any cost for the same slices in another order, as a traffic box puts them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..profiles.costs import AllocationCost

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..profiles.own_costs import Cost


def reordered(cost: Cost, order: NDArray[np.intp]) -> Cost:
    """Return the cost of slices that stand in another order: place k holds what was slice ``order[k]``."""
    if isinstance(cost, AllocationCost):
        return cost.take(order)
    return _Reordered(cost, order, np.argsort(order))


@dataclass(frozen=True, eq=False)
class _Reordered:
    cost: Cost
    order: NDArray[np.intp]
    back: NDArray[np.intp]

    def exact(self, allocation: Any, demand: Any) -> Any:
        return self._asked(self.cost.exact, allocation, demand)

    def surrogate(self, allocation: Any, demand: Any) -> Any:
        return self._asked(self.cost.surrogate, allocation, demand)

    def _asked(self, method: Any, allocation: Any, demand: Any) -> Any:
        """Ask in the order of the cost; a last axis of one number for all slices stays as it is."""
        size = len(self.order)
        parts = [part[..., self.back] if np.shape(part)[-1:] == (size,) else part for part in (allocation, demand)]
        return method(*parts)[..., self.order]
