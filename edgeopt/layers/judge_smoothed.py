"""Smoothed optima, measured on the program's own data: rows, bounds, and the conditions under which they are optimal.

The smoothed programs are convex, so a point within its bounds is optimal where the gradient of the objective is made up
by the prices of rows and bounds. An interior point method stops near such a point, so the tolerance is wider here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..model.program import bound_excess
from ..model.tolerance import INTERIOR
from .interior_point import FIXED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..solvers.compiled.lp_batch import Instances

    Array = NDArray[np.float64]


def smoothed_holds(
    instances: Instances, point: Array, dual: Array, quadratic: float = 0.0, barrier: float = 0.0
) -> NDArray[np.bool_]:
    """(batch,) whether points and row duals are those of the smoothed programs."""
    cost, lower, upper, row_lower, row_upper = instances.full()
    matrix = instances.matrix()
    with np.errstate(all="ignore"):  # what overflows does not hold
        activity, terms = (matrix @ point.T).T, (abs(matrix) @ np.abs(point).T).T
        slope, priced = cost + quadratic * point, (matrix.T @ dual.T).T
        size = np.abs(cost) + quadratic * np.abs(point) + (abs(matrix).T @ np.abs(dual).T).T
        largest = np.abs(cost).max(axis=1, initial=0.0, keepdims=True) + size
        errors = [
            bound_excess(point, np.abs(point), lower, upper),
            bound_excess(activity, terms, row_lower, row_upper),
            _unpriced(slope - priced, largest, point, lower, upper, barrier),
            _unpriced(dual, largest.max(axis=1, keepdims=True), activity, row_lower, row_upper, barrier),
        ]
    holds: NDArray[np.bool_] = np.all([(error <= INTERIOR).all(axis=1) for error in errors], axis=0)
    return holds


def _unpriced(price: Array, size: Array, value: Array, low: Array, high: Array, barrier: float) -> Array:
    """Relative part of each price that the bounds do not explain: a bound that is not met has none.

    With a barrier a bound at distance `d` has the price ``barrier / d``.
    """
    near, far = value - low, high - value
    fixed = high - low <= FIXED * (1.0 + np.abs(low))
    if barrier:
        pull = np.where(np.isfinite(low), barrier / near, 0.0) - np.where(np.isfinite(high), barrier / far, 0.0)
        return np.where(fixed, 0.0, np.abs(price - pull) / (size + np.abs(pull)))
    scale = (
        np.abs(value) + np.where(np.isfinite(low), np.abs(low), 0.0) + np.where(np.isfinite(high), np.abs(high), 0.0)
    )
    # A price is explained by its bound if that is met; both are small where an interior point stops.
    distance = np.where(price > 0, near, far) / np.maximum(scale, 1.0)
    return np.where(fixed, 0.0, np.minimum(np.abs(price) / size, distance))
