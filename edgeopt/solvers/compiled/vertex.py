"""Derivatives of a vertex: one transposed solve with the `k` by `k` matrix of its basis, instance after instance.

At a vertex the basic columns solve ``W x_S = b_R - A_RN x_N`` and the prices of the binding rows ``W' y_R = c_S``. So a
gradient ``g`` with respect to `x` costs one solve ``W' h = g_S``: ``h`` belongs to the bounds of the binding rows, and
``g_N - A_RN' h`` to the bounds at which the other columns stand.
"""

from __future__ import annotations

import numpy as np
from numba import types

from ...model.basis import BASIC
from .compact_inverse import gather
from .jit import njit
from .signature import array


@njit(nogil=True, error_model="numpy")
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


@njit(nogil=True, error_model="numpy")
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


@njit(nogil=True, error_model="numpy")
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


@njit(
    types.void(
        types.intp, types.intp, array(types.int32, 1), array(types.int32, 1), array(types.float64, 1),
        array(types.int8, 2), array(types.int8, 2), array(types.float64, 2), array(types.float64, 2),
        array(types.float64, 2, False), array(types.float64, 2, False), array(types.float64, 2, False),
        array(types.boolean, 1, False),
    ),
    nogil=True, error_model="numpy",
)  # fmt: skip
def gradient_range(  # noqa: C901
    first, last, indptr, indices, data, column_status, row_status, of_point, of_dual,
    to_bound, to_row, to_cost, regular,
):  # fmt: skip
    """Pull gradients with respect to points and row duals back to bounds, row bounds and costs.

    `of_dual` and `to_cost` may be empty where no dual was used. An instance whose basis is singular is not `regular`.
    """
    n, m = indptr.size - 1, row_status.shape[1]
    size = min(n, m)
    w, order = np.empty((size, size)), np.empty(size, np.int64)
    basic, row_place, binding = np.empty(size, np.int64), np.empty(m, np.int64), np.empty(size, np.int64)
    given, scratch, found = np.empty(size), np.empty(size), np.empty(size)
    for b in range(first, last):
        g, bound, row = of_point[b], to_bound[b], to_row[b]
        k, nb = 0, 0
        for j in range(n):
            if column_status[b, j] == BASIC:
                if k < size:
                    basic[k] = j
                k += 1
        for i in range(m):
            row_place[i] = -1
            row[i] = 0.0
            if row_status[b, i] != BASIC:
                if nb < size:
                    row_place[i] = nb
                    binding[nb] = i
                nb += 1
        regular[b] = k == nb and k <= size
        if regular[b]:
            gather(indptr, indices, data, basic, row_place, w, k)
            regular[b] = _factorise(w, order, k)
        if not regular[b]:
            bound[:] = np.nan
            row[:] = np.nan
            if of_dual.shape[0]:
                to_cost[b, :] = np.nan
            continue
        for s in range(k):
            given[s] = g[basic[s]]
        _solve_transposed(w, order, given, scratch, found, k)
        for r in range(k):
            row[binding[r]] = found[r]
        for j in range(n):
            total = 0.0
            if column_status[b, j] != BASIC:
                total = g[j]
                for e in range(indptr[j], indptr[j + 1]):
                    total -= row[indices[e]] * data[e]
            bound[j] = total
        if of_dual.shape[0]:
            to_cost[b, :] = 0.0
            for r in range(k):
                given[r] = of_dual[b, binding[r]]
            _solve(w, order, given, found, k)
            for s in range(k):
                to_cost[b, basic[s]] = found[s]
