"""How far points of a batch of linear programs are from being what their bases claim: one pass over the matrix each.

Everything is measured on the program's own data. By how much a bound or a row is left is relative to its own size; how
much better the optimum can be is a sum of complementarity terms, none of which cancels another.
"""

from __future__ import annotations

import numpy as np
from numba import types

from ...model.basis import BASIC, LOWER, UPPER
from .jit import njit
from .signature import array

_ROUNDING = 16.0 * 2.0**-53
"""Part of a reduced cost's terms, for each of them, below which its sign is rounding."""


@njit(nogil=True, error_model="numpy")
def _outside(value, size, low, high):
    """By how much `value` leaves its bounds, relative to ``|bound| + size``."""
    if value < low:
        return (low - value) / (abs(low) + size) if np.isfinite(low) else np.inf
    if value > high:
        return (value - high) / (abs(high) + size) if np.isfinite(high) else np.inf
    return 0.0 if value == value else np.inf


@njit(nogil=True, error_model="numpy")
def _off(value, size, side):
    """By how much `value` misses the bound at which its status says it stands, relative to ``|bound| + size``."""
    return abs(value - side) / (abs(side) + size) if np.isfinite(side) and value == value else np.inf


@njit(nogil=True, error_model="numpy")
def _terms(pointers, indices, data, line, values):
    """Sum of the absolute terms of a row or a column."""
    total = 0.0
    for e in range(pointers[line], pointers[line + 1]):
        total += abs(data[e] * values[indices[e]])
    return total


@njit(
    types.void(
        types.intp, types.intp, *(array(types.int32, 1), array(types.int32, 1), array(types.float64, 1)) * 2,
        *(array(types.float64, 2),) * 7, *(array(types.int8, 2),) * 2,
        *(array(types.float64, 1, False),) * 2, types.float64,
    ),
    nogil=True, error_model="numpy",
)  # fmt: skip
def measure_range(  # noqa: C901
    first, last, indptr, indices, data, row_ptr, row_cols, row_data,
    cost, lower, upper, row_lower, row_upper, point, dual, column_status, row_status, excess, gap, feasibility,
):  # fmt: skip
    """Measure the instances from `first` to `last`; an axis of length 1 in place of the batch is shared by all.

    Fills the largest relative `excess` over a bound or distance from a basis's bound, and the relative `gap` that the
    duals leave, inf where they prove nothing. Where costs cancel their terms are the scale: of them the part
    `feasibility` is no gap.
    """
    n, m = indptr.size - 1, dual.shape[1]
    activity, price = np.empty(m), np.empty(m)
    for b in range(first, last):
        c = cost[b % cost.shape[0]]
        lo, up = lower[b % lower.shape[0]], upper[b % upper.shape[0]]
        rlo, rup = row_lower[b % row_lower.shape[0]], row_upper[b % row_upper.shape[0]]
        x, y, status, rstatus = point[b], dual[b], column_status[b], row_status[b]
        worst, lost, value, size, basic = 0.0, 0.0, 0.0, 0.0, 0
        activity[:] = 0.0
        price[:] = y
        for i in range(m):
            if y[i] != 0.0:
                side = rlo[i] if y[i] > 0.0 else rup[i]
                # A price on a side that the row does not have is worth nothing; 0 is as valid as any other.
                if not np.isfinite(side):
                    price[i] = 0.0
                if y[i] != y[i]:
                    worst = np.inf
        for j in range(n):
            v, reduced = x[j], c[j]
            for e in range(indptr[j], indptr[j + 1]):
                activity[indices[e]] += data[e] * v
                reduced -= data[e] * price[indices[e]]
            value += c[j] * v
            size += abs(c[j] * v)
            if not lo[j] <= v <= up[j]:
                worst = max(worst, _outside(v, abs(v), lo[j], up[j]))
            if status[j] == BASIC:
                basic += 1
            else:
                side = lo[j] if status[j] == LOWER else (up[j] if status[j] == UPPER else 0.0)
                if v != side:
                    worst = max(worst, _off(v, abs(v), side))
            if reduced == 0.0:
                continue
            side = lo[j] if reduced > 0.0 else up[j]
            if np.isfinite(side):
                lost += reduced * (v - side)
                continue
            own = abs(c[j]) + _terms(indptr, indices, data, j, price)
            if abs(reduced) <= _ROUNDING * (indptr[j + 1] - indptr[j] + 3) * own:
                lost += abs(reduced * v)
            else:
                lost = np.inf
        outside = 0
        for i in range(m):
            basic -= rstatus[i] != BASIC
            outside += not rlo[i] <= activity[i] <= rup[i]
        for i in range(m):
            if outside > 0 and not rlo[i] <= activity[i] <= rup[i]:
                own = _terms(row_ptr, row_cols, row_data, i, x)
                worst = max(worst, _outside(activity[i], own, rlo[i], rup[i]))
            if rstatus[i] != BASIC:
                side = rlo[i] if rstatus[i] == LOWER else rup[i]
                if activity[i] != side:
                    worst = max(worst, _off(activity[i], _terms(row_ptr, row_cols, row_data, i, x), side))
            if price[i] != 0.0:
                lost += price[i] * (activity[i] - (rlo[i] if price[i] > 0.0 else rup[i]))
                size += abs(price[i] * activity[i])
        excess[b] = worst if basic == 0 else np.inf
        over = lost - feasibility * size
        largest = max(abs(value), abs(value - lost))
        gap[b] = 0.0 if over <= 0.0 else (over / largest if largest < np.inf else np.inf)
        if not (np.isfinite(lost) and np.isfinite(size)):
            gap[b] = np.inf
