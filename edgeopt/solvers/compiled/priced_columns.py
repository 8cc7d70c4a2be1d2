"""Binary columns whose rows have prices: what they would choose, and how a choice is put onto the rows.

At row prices y a column j is on its own: taken where its reduced cost ``r = c_j - y a_j`` is negative. The sum of
``min(0, r)`` and of what the prices pay for the rows' sides bounds the optimum from below. Smoothed, a column takes
part to the share ``1 / (1 + exp(r / mu))``, and value, slope and curvature of the bound come from one pass over the
columns.

The rows are those of a CSC matrix, so that a pass reads the matrix once from its beginning to its end. A row's sides
are -inf or inf where it has none.
"""

from __future__ import annotations

import math

import numpy as np
from numba import types

from .jit import njit
from .signature import array

_F, _I = types.float64, types.int32
_MATRIX = (array(_I, 1), array(_I, 1), array(_F, 1))
_STATE = (array(_F, 1, False), array(types.boolean, 1, False))

_FAR = 36.0
"""Reduced cost, in units of the smoothing, beyond which a share is 0 or 1 up to float64's accuracy."""


@njit(
    types.UniTuple(_F, 2)(
        types.intp, types.intp, *_MATRIX, array(_F, 1), array(_F, 1), _F, array(_F, 1, False), array(_F, 2, False)
    ),
    nogil=True,
    error_model="numpy",
)
def smoothed(first, last, indptr, indices, data, cost, price, mu, activity, curvature):
    """Return the smoothed and the exact share of the columns `first` to `last` in the bound.

    To `activity` (rows,) is added what the shares make of the rows, to the upper triangle of `curvature` (rows, rows)
    the sum of ``p (1 - p) / mu a a'``: minus the second derivative of the smoothed bound.
    """
    soft, hard = 0.0, 0.0
    for j in range(first, last):
        begin, end = indptr[j], indptr[j + 1]
        reduced = cost[j]
        for k in range(begin, end):
            reduced -= price[indices[k]] * data[k]
        scaled = reduced / mu
        if scaled > _FAR:
            continue
        if reduced < 0.0:
            hard += reduced
        if scaled < -_FAR:
            soft += reduced
            for k in range(begin, end):
                activity[indices[k]] += data[k]
            continue
        small = math.exp(-abs(scaled))
        soft += min(reduced, 0.0) - mu * math.log1p(small)
        share = (1.0 if reduced < 0.0 else small) / (1.0 + small)
        weight = small / ((1.0 + small) * (1.0 + small) * mu)
        for k in range(begin, end):
            activity[indices[k]] += share * data[k]
            # Indices ascend within a column, so that only the upper triangle is written.
            each = weight * data[k]
            for other in range(k, end):
                curvature[indices[k], indices[other]] += each * data[other]
    return soft, hard


@njit(
    types.intp(array(_F, 2), array(_F, 1), _F, types.intp, array(_F, 1, False)),
    nogil=True,
    error_model="numpy",
    fastmath=True,
)
def conjugate_gradients(curvature, gradient, accuracy, most, step):  # noqa: C901
    """Write into `step` about the solution of ``curvature step = gradient`` over the rows of a gradient other than 0.

    Only the upper triangle of the curvature is read; its diagonal is positive. Conjugate gradients, preconditioned by
    the diagonal, stop at a relative residual of `accuracy`, or after `most` products, whose number is returned. A
    library's factorisation takes as long in one thread, and many times that where its threads wait for a busy core.
    """
    rows = gradient.size
    residual, direction, product = np.empty(rows), np.empty(rows), np.empty(rows)
    size, begun = 0.0, 0.0
    for i in range(rows):
        step[i] = 0.0
        residual[i] = gradient[i]
        direction[i] = gradient[i] / curvature[i, i]
        size += gradient[i] * direction[i]
    begun = size
    for turn in range(most):
        if not size > accuracy * accuracy * begun:
            return turn
        product[:] = 0.0
        for i in range(rows):
            along, total = direction[i], curvature[i, i] * direction[i]
            if gradient[i] == 0.0:
                continue
            for k in range(i + 1, rows):
                total += curvature[i, k] * direction[k]
                product[k] += curvature[i, k] * along
            product[i] += total
        bend = 0.0
        for i in range(rows):
            if gradient[i] == 0.0:
                product[i] = 0.0
            bend += direction[i] * product[i]
        if not bend > 0.0:
            return turn
        length, before = size / bend, size
        size = 0.0
        for i in range(rows):
            step[i] += length * direction[i]
            residual[i] -= length * product[i]
            size += residual[i] * residual[i] / curvature[i, i]
        for i in range(rows):
            direction[i] = residual[i] / curvature[i, i] + size / before * direction[i]
    return most


@njit(
    _F(
        types.intp,
        types.intp,
        *_MATRIX,
        array(_F, 1),
        array(_F, 1),
        array(_F, 1, False),
        array(types.boolean, 1, False),
        array(_F, 1, False),
    ),
    nogil=True,
    error_model="numpy",
)
def decided(first, last, indptr, indices, data, cost, price, reduced, taken, activity):
    """Write reduced costs and choices of the columns `first` to `last`; return the sum of the negative ones.

    To `activity` (rows,) is added what the taken columns make of the rows.
    """
    total = 0.0
    for j in range(first, last):
        value = cost[j]
        for k in range(indptr[j], indptr[j + 1]):
            value -= price[indices[k]] * data[k]
        reduced[j] = value
        taken[j] = value < 0.0
        if value < 0.0:
            total += value
            for k in range(indptr[j], indptr[j + 1]):
                activity[indices[k]] += data[k]
    return total


@njit(
    types.intp(array(types.intp, 1), *_MATRIX, array(_F, 1), array(_F, 1), array(_F, 1), *_STATE),
    nogil=True,
    error_model="numpy",
)
def repair(order, indptr, indices, data, lower, upper, allowed, activity, taken):
    """Flip columns, in this `order`, that bring broken rows nearer to their sides; return how many were flipped.

    A column is flipped where it helps at least one broken row and breaks no row, nor breaks one further. It may
    overshoot a row with two sides only as far as that row's other side, as what it leaves behind counts like any other
    breach.
    `allowed` (rows,) is what a row may miss by rounding.
    """
    flipped = 0
    for place in range(order.size):
        j = order[place]
        sign = -1.0 if taken[j] else 1.0
        helps = False
        for k in range(indptr[j], indptr[j + 1]):
            i, step = indices[k], sign * data[k]
            before = max(lower[i] - activity[i], activity[i] - upper[i]) - allowed[i]
            after = max(lower[i] - activity[i] - step, activity[i] + step - upper[i]) - allowed[i]
            if after > 0.0 and after > before:
                helps = False
                break
            if before > 0.0 and after < before:
                helps = True
        if helps:
            for k in range(indptr[j], indptr[j + 1]):
                activity[indices[k]] += sign * data[k]
            taken[j] = not taken[j]
            flipped += 1
    return flipped


@njit(
    _F(array(types.intp, 1), *_MATRIX, array(_F, 1), array(_F, 1), array(_F, 1), array(_F, 1), *_STATE),
    nogil=True,
    error_model="numpy",
)
def improve(order, indptr, indices, data, cost, lower, upper, allowed, activity, taken):
    """Flip columns, in this `order`, that lower the cost and break no row; return by how much the cost falls."""
    saved = 0.0
    for place in range(order.size):
        j = order[place]
        gain = cost[j] if taken[j] else -cost[j]
        if gain <= 0.0:
            continue
        sign = -1.0 if taken[j] else 1.0
        fits = True
        for k in range(indptr[j], indptr[j + 1]):
            i, after = indices[k], activity[indices[k]] + sign * data[k]
            if after < lower[i] - allowed[i] or after > upper[i] + allowed[i]:
                fits = False
                break
        if fits:
            for k in range(indptr[j], indptr[j + 1]):
                activity[indices[k]] += sign * data[k]
            taken[j] = not taken[j]
            saved += gain
    return saved
