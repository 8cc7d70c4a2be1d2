"""How an instance ends: values refined and put at the bounds that they miss by a tolerance, or a ray that proves it.

Updates of the inverse leave errors that grow; at the end one step of iterative refinement squares what is left.
"""

from __future__ import annotations

import numpy as np

from .jit import part
from .simplex_state import FEASIBLE, ROUNDING

_SOUND = 1e-6
"""Residual of points and prices from which the inverse is computed anew."""

_ALLOWED = 10.0 * FEASIBLE
"""Violation, relative to ``1 + |bound|``, that refinement may uncover: pricing judged values that were less exact."""


@part
def refine(matrix, given, basis, point, work, k):
    """Remove what updates of the inverse left as error in points and prices; False where they need a new inverse."""
    sound = _refine_values(matrix, basis, point, work, k)
    sound = _refine_prices(matrix, given, basis, point, work, k) and sound
    return sound and _stays_inside(given, basis, point, k)


@part
def _refine_values(matrix, basis, point, work, k):
    """Correct the basic columns by what the binding rows still miss, and the activities with them."""
    col_ptr, col_rows, col_data = matrix.col_ptr, matrix.col_rows, matrix.col_data
    basic, row_place, inverse = basis.basic, basis.row_place, basis.inverse
    x, activity = point.x, point.activity
    target = work.target

    largest, size = 0.0, 0.0
    for s in range(k):
        j = basic[s]
        for e in range(col_ptr[j], col_ptr[j + 1]):
            r = row_place[col_rows[e]]
            if r >= 0:
                target[r] -= col_data[e] * x[j]
    for r in range(k):
        largest = max(largest, abs(target[r]))
    for s in range(k):
        total = 0.0
        for r in range(k):
            total += inverse[s, r] * target[r]
        j = basic[s]
        x[j] += total
        size = max(size, abs(x[j]))
        if total != 0.0:
            for e in range(col_ptr[j], col_ptr[j + 1]):
                activity[col_rows[e]] += col_data[e] * total
    return largest <= _SOUND * (1.0 + size)


@part
def _refine_prices(matrix, given, basis, point, work, k):
    """Correct the row duals by the reduced costs that basic columns still have."""
    col_ptr, col_rows, col_data = matrix.col_ptr, matrix.col_rows, matrix.col_data
    cost = given.cost
    basic, row_place, inverse, binding = basis.basic, basis.row_place, basis.inverse, basis.binding
    price = point.price
    column = work.column
    left, price = column, price
    sound = True
    for s in range(k):
        j = basic[s]
        total = cost[j]
        for e in range(col_ptr[j], col_ptr[j + 1]):
            if row_place[col_rows[e]] >= 0:
                total -= price[col_rows[e]] * col_data[e]
        left[s] = total
        sound = sound and abs(total) <= _SOUND * (1.0 + abs(cost[j]))
    for r in range(k):
        total = 0.0
        for s in range(k):
            total += left[s] * inverse[s, r]
        price[binding[r]] += total
    return sound


@part
def _stays_inside(given, basis, point, k):
    """Whether the refined values of basic columns and of rows that do not bind are within their bounds."""
    lower, upper, row_lower, row_upper = given.lower, given.upper, given.row_lower, given.row_upper
    basic, rows, row_place = basis.basic, basis.rows, basis.row_place
    x, activity = point.x, point.activity
    sound = True
    for s in range(k):
        j = basic[s]
        low, high = lower[j], upper[j]
        sound = sound and x[j] >= low - _ALLOWED * (1.0 + abs(low))
        sound = sound and x[j] <= high + _ALLOWED * (1.0 + abs(high))
    for i in range(rows.size):
        if row_place[i] < 0:
            low, high = row_lower[i], row_upper[i]
            sound = sound and activity[i] >= low - _ALLOWED * (1.0 + abs(low))
            sound = sound and activity[i] <= high + _ALLOWED * (1.0 + abs(high))
    return sound


@part
def write_optimum(given, basis, point, k, dual):
    """Write the row duals to `dual` (m,), and put at its bound a basic column that misses it by no more than rounding.

    Within the feasibility tolerance a basic column may stand outside its bounds; there it is at the bound.
    """
    lower, upper = given.lower, given.upper
    basic = basis.basic
    x = point.x
    for i in range(dual.size):
        dual[i] = point.price[i]
    largest = 0.0
    for j in range(x.size):
        largest = max(largest, abs(x[j]))
    for s in range(k):
        j = basic[s]
        low, high = lower[j], upper[j]
        scale = max(largest, abs(low) if low > -np.inf else 0.0, abs(high) if high < np.inf else 0.0)
        if x[j] < low + ROUNDING * scale:
            x[j] = low
        elif x[j] > high - ROUNDING * scale:
            x[j] = high


@part
def farkas_ray(basis, work, leaving, k, ray):
    """Write to `ray` (m,) the row of the tableau that nothing stops: its combination of rows has no point."""
    columns, binding = basis.columns, basis.binding
    weight = work.weight
    n = columns.size
    ray[:] = 0.0
    for r in range(k):
        ray[binding[r]] = weight[r] if leaving < n else -weight[r]
    if leaving >= n:
        ray[leaving - n] = 1.0
