"""Derivatives of a vertex: one transposed solve with the `k` by `k` matrix of its basis, instance after instance.

At a vertex the basic columns solve ``W x_S = b_R - A_RN x_N`` and the prices of the binding rows ``W' y_R = c_S``. So a
gradient ``g`` with respect to `x` costs one solve ``W' h = g_S``: ``h`` belongs to the bounds of the binding rows, and
``g_N - A_RN' h`` to the bounds at which the other columns stand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numba import types

from ...model.basis import BASIC
from .compact_inverse import gather
from .jit import njit, part
from .signature import array

if TYPE_CHECKING:
    from numpy.typing import NDArray


class _Place(NamedTuple):
    """Basic columns and binding rows (size,), and where each row stands among the latter (m,), -1 where it does not."""

    basic: NDArray[np.int64]
    binding: NDArray[np.int64]
    row_place: NDArray[np.int64]


class _Factors(NamedTuple):
    """LU factors (size, size) with their order of rows (size,), and right-hand side, scratch, solution (size,)."""

    w: NDArray[np.float64]
    order: NDArray[np.int64]
    given: NDArray[np.float64]
    scratch: NDArray[np.float64]
    found: NDArray[np.float64]


@part
def _factorise(w, order, k):  # noqa: C901
    """LU factors of `w` in place, with row pivoting; False where it is singular."""
    for i in range(k):
        order[i] = i
    for c in range(k):
        pivot = c
        for i in range(c + 1, k):
            if abs(w[i, c]) > abs(w[pivot, c]):
                pivot = i
        if w[pivot, c] == 0.0:
            return False
        if pivot != c:
            order[c], order[pivot] = order[pivot], order[c]
            for j in range(k):
                w[c, j], w[pivot, j] = w[pivot, j], w[c, j]
        inverse = 1.0 / w[c, c]
        for i in range(c + 1, k):
            if w[i, c] != 0.0:
                factor = w[i, c] * inverse
                w[i, c] = factor
                for j in range(c + 1, k):
                    w[i, j] -= factor * w[c, j]
    return True


@part
def _solve(w, order, given, found, k):
    """Solve ``W found = given`` from the factors."""
    for i in range(k):
        total = given[order[i]]
        for j in range(i):
            total -= w[i, j] * found[j]
        found[i] = total
    for i in range(k - 1, -1, -1):
        total = found[i]
        for j in range(i + 1, k):
            total -= w[i, j] * found[j]
        found[i] = total / w[i, i]


@part
def _solve_transposed(w, order, given, scratch, found, k):
    """Solve ``W' found = given`` from the factors."""
    for i in range(k):
        total = given[i]
        for j in range(i):
            total -= w[j, i] * scratch[j]
        scratch[i] = total / w[i, i]
    for i in range(k - 1, -1, -1):
        total = scratch[i]
        for j in range(i + 1, k):
            total -= w[j, i] * scratch[j]
        scratch[i] = total
        found[order[i]] = total


@part
def _take_up(columns, rows, place):
    """List basic columns and binding rows as the statuses say; return their numbers, which may exceed the room."""
    k, count, size = 0, 0, place.basic.size
    for j in range(columns.size):
        if columns[j] == BASIC:
            if k < size:
                place.basic[k] = j
            k += 1
    for i in range(rows.size):
        place.row_place[i] = -1
        if rows[i] != BASIC:
            if count < size:
                place.row_place[i] = count
                place.binding[count] = i
            count += 1
    return k, count


@part
def _to_bounds(matrix, columns, place, factors, of_point, to_bound, to_row, k):
    """Pull the gradient of one point back to the bounds of its columns and rows."""
    col_ptr, col_rows, col_data = matrix
    for i in range(to_row.size):
        to_row[i] = 0.0
    for s in range(k):
        factors.given[s] = of_point[place.basic[s]]
    _solve_transposed(factors.w, factors.order, factors.given, factors.scratch, factors.found, k)
    for r in range(k):
        to_row[place.binding[r]] = factors.found[r]
    for j in range(columns.size):
        total = 0.0
        if columns[j] != BASIC:
            total = of_point[j]
            for e in range(col_ptr[j], col_ptr[j + 1]):
                total -= to_row[col_rows[e]] * col_data[e]
        to_bound[j] = total


@part
def _to_costs(place, factors, of_dual, to_cost, k):
    """Pull the gradient of one vertex's row duals back to its costs."""
    for j in range(to_cost.size):
        to_cost[j] = 0.0
    for r in range(k):
        factors.given[r] = of_dual[place.binding[r]]
    _solve(factors.w, factors.order, factors.given, factors.found, k)
    for s in range(k):
        to_cost[place.basic[s]] = factors.found[s]


_SPARSE = types.Tuple((array(types.int32, 1), array(types.int32, 1), array(types.float64, 1)))
_BASES = types.Tuple((array(types.int8, 2),) * 2)
_INCOMING = types.Tuple((array(types.float64, 2),) * 2)
_PULLED = types.Tuple((*(array(types.float64, 2, False),) * 3, array(types.boolean, 1, False)))


@njit(types.void(types.intp, types.intp, _SPARSE, _BASES, _INCOMING, _PULLED), nogil=True, error_model="numpy")
def gradient_range(first, last, columnwise, bases, incoming, pulled):
    """Pull gradients with respect to points and row duals back to bounds, row bounds and costs.

    Parameters
    ----------
    first, last : int
        Which instances.
    columnwise : tuple of (pointers, places, values)
        The matrix as CSC arrays.
    bases : tuple of (batch, n) and (batch, m) int8
        Statuses of columns and rows.
    incoming : tuple of (batch, n) and (batch or 0, m) float
        Gradients with respect to points and row duals; none of the latter where no dual was used.
    pulled : tuple
        To be filled: gradients with respect to column bounds (batch, n), row bounds (batch, m) and costs (batch or 0,
        n), nan where a basis is singular, and which are not (batch,).
    """
    matrix, (column_status, row_status), (of_point, of_dual) = columnwise, bases, incoming
    to_bound, to_row, to_cost, regular = pulled
    m, priced = row_status.shape[1], of_dual.shape[0] > 0
    size = min(column_status.shape[1], m)
    place = _Place(np.empty(size, np.int64), np.empty(size, np.int64), np.empty(m, np.int64))
    factors = _Factors(np.empty((size, size)), np.empty(size, np.int64), np.empty(size), np.empty(size), np.empty(size))
    for b in range(first, last):
        k, binding = _take_up(column_status[b], row_status[b], place)
        regular[b] = k == binding and k <= size
        if regular[b]:
            gather(matrix[0], matrix[1], matrix[2], place.basic, place.row_place, factors.w, k)
            regular[b] = _factorise(factors.w, factors.order, k)
        if not regular[b]:
            to_bound[b, :] = np.nan
            to_row[b, :] = np.nan
            if priced:
                to_cost[b, :] = np.nan
            continue
        _to_bounds(matrix, column_status[b], place, factors, of_point[b], to_bound[b], to_row[b], k)
        if priced:
            _to_costs(place, factors, of_dual[b], to_cost[b], k)
