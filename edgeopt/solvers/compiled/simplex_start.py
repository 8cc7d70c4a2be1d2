"""Where an instance starts, or starts over: a factorised basis whose nonbasics stand on their dual side.

With boxed columns every basis is dual feasible once each nonbasic column stands at the bound that the sign of its
reduced cost asks for, so no first phase is needed (Koberstein 2005). Where the bound asked for is infinite
the basis is given up for the slack basis, and where that asks for one too there is no start.
"""

from __future__ import annotations

import numpy as np

from ...model.basis import BASIC, LOWER, UPPER, ZERO
from .compact_inverse import gather, invert
from .jit import part
from .simplex_state import ROUNDING

READY, ANEW, NOWHERE = 0, 1, 2
"""What came of a start: a basis, the slack basis to be tried next, or nothing."""

_WRONG_SIDE = 1e-9
"""Share of its terms up to which a reduced cost of the wrong sign is noise."""


@part
def begin(matrix, given, basis, point, work):
    """Take up the statuses, factorise and put every nonbasic on its dual side: return `k` and what came of it."""
    size = min(basis.columns.size, basis.rows.size)
    k, binding = _take_up(basis, size)
    sound = k == binding and k <= size
    if sound:
        gather(matrix.col_ptr, matrix.col_rows, matrix.col_data, basis.basic, basis.row_place, work.square, k)
        sound = invert(work.square, basis.inverse, k)
    sound = sound and _price_rows(given, basis, point, k)
    sound = sound and _place_columns(matrix, given, basis, point)
    if sound:
        return k, READY
    if k == 0 and binding == 0:
        return k, NOWHERE
    # The slack basis is nonsingular, whatever the start was.
    basis.columns[:] = LOWER
    basis.rows[:] = BASIC
    return k, ANEW


@part
def _take_up(basis, size):
    """List basic columns and binding rows as the statuses say; return their numbers, which may exceed `size`."""
    columns, basic, place = basis.columns, basis.basic, basis.place
    rows, binding, row_place = basis.rows, basis.binding, basis.row_place
    k, count = 0, 0
    for j in range(columns.size):
        place[j] = -1
        if columns[j] == BASIC:
            if k < size:
                basic[k] = j
                place[j] = k
            k += 1
    for i in range(rows.size):
        row_place[i] = -1
        if rows[i] != BASIC:
            if count < size:
                binding[count] = i
                row_place[i] = count
            count += 1
    return k, count


@part
def _price_rows(given, basis, point, k):
    """Compute row duals and put each binding row at the bound of its dual's sign; False where it has none."""
    cost, row_lower, row_upper = given.cost, given.row_lower, given.row_upper
    rows, basic, inverse, binding = basis.rows, basis.basic, basis.inverse, basis.binding
    price = point.price
    price[:] = 0.0
    for r in range(k):
        total = 0.0
        for s in range(k):
            total += cost[basic[s]] * inverse[s, r]
        price[binding[r]] = total
    largest = 0.0
    for r in range(k):
        largest = max(largest, abs(price[binding[r]]))
    noise = _WRONG_SIDE * largest
    sound = True
    for r in range(k):
        i = binding[r]
        low, high = row_lower[i], row_upper[i]
        # What is left of an equation's price may have either sign.
        if price[i] > 0.0 or (price[i] == 0.0 and rows[i] == LOWER and low > -np.inf):
            rows[i] = LOWER
        elif price[i] < 0.0 or high < np.inf:
            rows[i] = UPPER
        else:
            rows[i] = LOWER
        bound = low if rows[i] == LOWER else high
        if not np.isfinite(bound):
            other = high if rows[i] == LOWER else low
            if abs(price[i]) <= noise and np.isfinite(other):
                rows[i] = UPPER if rows[i] == LOWER else LOWER
                price[i] = 0.0
            else:
                sound = False
    return sound


@part
def _place_columns(matrix, given, basis, point):
    """Compute reduced costs and put each nonbasic column at the bound that they ask for; False where it has none."""
    col_ptr, col_rows, col_data = matrix.col_ptr, matrix.col_rows, matrix.col_data
    cost, lower, upper = given.cost, given.lower, given.upper
    columns, place = basis.columns, basis.place
    fixed_part, x, reduced, price = point.fixed_part, point.x, point.reduced, point.price
    fixed_part[:] = 0.0
    for j in range(columns.size):
        if place[j] >= 0:
            reduced[j] = 0.0
            continue
        total, terms = cost[j], abs(cost[j])
        for e in range(col_ptr[j], col_ptr[j + 1]):
            term = price[col_rows[e]] * col_data[e]
            total -= term
            terms += abs(term)
        if abs(total) <= ROUNDING * terms:
            total = 0.0
        reduced[j] = total
        low, high = lower[j], upper[j]
        # Without a reduced cost both bounds are right: the one at which it stands is kept where it exists.
        stays = total == 0.0 and (columns[j] != UPPER or high == np.inf)
        side = LOWER if total > 0.0 or stays else UPPER
        value = low if side == LOWER else high
        if not np.isfinite(value):
            if abs(total) > _WRONG_SIDE * terms:
                return False
            if np.isfinite(high):
                side, value = UPPER, high
            elif np.isfinite(low):
                side, value = LOWER, low
            else:
                side, value = ZERO, 0.0
        columns[j] = side
        x[j] = value
        add_column(matrix, fixed_part, j, value)
    return True


@part
def add_column(matrix, rows, j, value):
    """Add `value` of column `j` to `rows` (m,)."""
    col_ptr, col_rows, col_data = matrix.col_ptr, matrix.col_rows, matrix.col_data
    if value != 0.0:
        for e in range(col_ptr[j], col_ptr[j + 1]):
            rows[col_rows[e]] += col_data[e] * value
