"""How far points of a batch of linear programs are from being what their bases claim: one pass over the matrix each.

Everything is measured on the program's own data. By how much a bound or a row is left is relative to its own size; how
much better the optimum can be is a sum of complementarity terms, none of which cancels another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numba import types

from ...model.basis import BASIC, LOWER, UPPER
from .jit import njit, part
from .signature import array
from .simplex_state import Given, Matrix

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ROUNDING = 16.0 * 2.0**-53
"""Part of a reduced cost's terms, for each of them, below which its sign is rounding."""


class _Vertex(NamedTuple):
    """Values of the columns (n,), statuses of columns and rows (n,) and (m,)."""

    x: NDArray[np.float64]
    columns: NDArray[np.int8]
    rows: NDArray[np.int8]


@part
def _outside(value, size, low, high):
    """By how much `value` leaves its bounds, relative to ``|bound| + size``."""
    if value < low:
        return (low - value) / (abs(low) + size) if np.isfinite(low) else np.inf
    if value > high:
        return (value - high) / (abs(high) + size) if np.isfinite(high) else np.inf
    return 0.0 if value == value else np.inf


@part
def _off(value, size, side):
    """By how much `value` misses the bound at which its status says it stands, relative to ``|bound| + size``."""
    return abs(value - side) / (abs(side) + size) if np.isfinite(side) and value == value else np.inf


@part
def _terms(pointers, indices, data, line, values):
    """Sum of the absolute terms of a row or a column."""
    total = 0.0
    for e in range(pointers[line], pointers[line + 1]):
        total += abs(data[e] * values[indices[e]])
    return total


@part
def _usable_prices(given, dual, price):
    """Write to `price` (m,) the row duals that are worth something; return inf where one is no number, else 0."""
    worst = 0.0
    for i in range(dual.size):
        price[i] = dual[i]
        if dual[i] != 0.0:
            side = given.row_lower[i] if dual[i] > 0.0 else given.row_upper[i]
            # A price on a side that the row does not have is worth nothing; 0 is as valid as any other.
            if not np.isfinite(side):
                price[i] = 0.0
            if dual[i] != dual[i]:
                worst = np.inf
    return worst


@part
def _lost_by_column(matrix, given, x, price, j, reduced):
    """Return how much the dual bound loses to the objective by column `j`; inf where it proves nothing."""
    side = given.lower[j] if reduced > 0.0 else given.upper[j]
    if np.isfinite(side):
        return reduced * (x[j] - side)
    # Without a bound on this side the reduced cost must be 0, which rounding may hide.
    own = abs(given.cost[j]) + _terms(matrix.col_ptr, matrix.col_rows, matrix.col_data, j, price)
    if abs(reduced) <= _ROUNDING * (matrix.col_ptr[j + 1] - matrix.col_ptr[j] + 3) * own:
        return abs(reduced * x[j])
    return np.inf


@part
def _measure_columns(matrix, given, vertex, price, activity):
    """Measure the columns and fill `activity` (m,).

    Returns the largest excess, what the dual bound loses, the objective, the size of its terms, and the number of
    basic columns.
    """
    lower, upper, x, columns = given.lower, given.upper, vertex.x, vertex.columns
    worst, lost, value, size, basic = 0.0, 0.0, 0.0, 0.0, 0
    for i in range(activity.size):
        activity[i] = 0.0
    for j in range(x.size):
        v, reduced = x[j], given.cost[j]
        for e in range(matrix.col_ptr[j], matrix.col_ptr[j + 1]):
            activity[matrix.col_rows[e]] += matrix.col_data[e] * v
            reduced -= matrix.col_data[e] * price[matrix.col_rows[e]]
        value += given.cost[j] * v
        size += abs(given.cost[j] * v)
        if not lower[j] <= v <= upper[j]:
            worst = max(worst, _outside(v, abs(v), lower[j], upper[j]))
        if columns[j] == BASIC:
            basic += 1
        else:
            side = lower[j] if columns[j] == LOWER else (upper[j] if columns[j] == UPPER else 0.0)
            if v != side:
                worst = max(worst, _off(v, abs(v), side))
        if reduced != 0.0:
            lost += _lost_by_column(matrix, given, x, price, j, reduced)
    return worst, lost, value, size, basic


@part
def _measure_rows(matrix, given, vertex, price, activity, worst, lost, size):
    """Measure the rows; return excess, loss and size with theirs, and the number of binding rows."""
    low, high, rows, x = given.row_lower, given.row_upper, vertex.rows, vertex.x
    row_ptr, row_cols, row_data = matrix.row_ptr, matrix.row_cols, matrix.row_data
    binding, outside = 0, 0
    for i in range(rows.size):
        binding += rows[i] != BASIC
        outside += not low[i] <= activity[i] <= high[i]
    for i in range(rows.size):
        if outside > 0 and not low[i] <= activity[i] <= high[i]:
            own = _terms(row_ptr, row_cols, row_data, i, x)
            worst = max(worst, _outside(activity[i], own, low[i], high[i]))
        if rows[i] != BASIC:
            side = low[i] if rows[i] == LOWER else high[i]
            if activity[i] != side:
                worst = max(worst, _off(activity[i], _terms(row_ptr, row_cols, row_data, i, x), side))
        if price[i] != 0.0:
            lost += price[i] * (activity[i] - (low[i] if price[i] > 0.0 else high[i]))
            size += abs(price[i] * activity[i])
    return worst, lost, size, binding


@part
def _relative_gap(lost, value, size, feasibility):
    """Return what is lost beyond the part `feasibility` of the terms, relative to objective or bound."""
    if not (np.isfinite(lost) and np.isfinite(size)):
        return np.inf
    over = lost - feasibility * size
    largest = max(abs(value), abs(value - lost))
    return 0.0 if over <= 0.0 else (over / largest if largest < np.inf else np.inf)


_SPARSE = types.Tuple((array(types.int32, 1), array(types.int32, 1), array(types.float64, 1)))
_GIVEN = types.Tuple((array(types.float64, 2),) * 5)
_FOUND = types.Tuple((array(types.float64, 2), array(types.float64, 2), array(types.int8, 2), array(types.int8, 2)))
_MEASURE = array(types.float64, 1, False)


@njit(
    types.void(types.intp, types.intp, _SPARSE, _SPARSE, _GIVEN, _FOUND, _MEASURE, _MEASURE, types.float64),
    nogil=True,
    error_model="numpy",
)
def measure_range(first, last, columnwise, rowwise, given, found, excess, gap, feasibility):
    """Measure the instances from `first` to `last`; an axis of length 1 in place of the batch is shared by all.

    Parameters
    ----------
    first, last : int
    columnwise, rowwise : tuple of (pointers, places, values)
        The matrix as CSC and CSR arrays.
    given : tuple of (batch or 1, n) and (batch or 1, m) float
        Costs, lower and upper bounds of columns, lower and upper bounds of rows.
    found : tuple
        Points (batch, n), row duals (batch, m), statuses of columns and rows (batch, n) and (batch, m).
    excess, gap : (batch,) float
        To be filled: the largest relative excess over a bound or distance from a basis's bound, and the relative gap
        that the duals leave; inf where they prove nothing.
    feasibility : float
        Where costs cancel their terms are the scale: this part of them is no gap.
    """
    matrix = Matrix(*(columnwise + rowwise))
    costs, lowers, uppers, row_lowers, row_uppers = given
    points, duals, column_status, row_status = found
    m = duals.shape[1]
    activity, price = np.empty(m), np.empty(m)
    for b in range(first, last):
        one = Given(
            costs[b % costs.shape[0]],
            lowers[b % lowers.shape[0]],
            uppers[b % uppers.shape[0]],
            row_lowers[b % row_lowers.shape[0]],
            row_uppers[b % row_uppers.shape[0]],
        )
        vertex = _Vertex(points[b], column_status[b], row_status[b])
        false = _usable_prices(one, duals[b], price)
        worst, lost, value, size, basic = _measure_columns(matrix, one, vertex, price, activity)
        worst, lost, size, binding = _measure_rows(matrix, one, vertex, price, activity, max(false, worst), lost, size)
        excess[b] = worst if basic == binding else np.inf
        gap[b] = _relative_gap(lost, value, size, feasibility)
