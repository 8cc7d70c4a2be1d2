"""Bounded dual simplex for linear programs with few rows and many bounded columns, one instance after another.

The basis is kept in its compact form. Of ``rows + columns`` variables (columns, and the activity of each row) those at
a bound are nonbasic. With `k` basic columns there are `k` binding rows, and all linear algebra happens in the `k` by
`k` matrix where they meet, whose inverse is updated by one rank-one term in each iteration. A step passes every column
whose range is too short to stop it (the long-step rule): one iteration moves many columns from bound to bound.

References
----------
A. Koberstein, "The dual simplex method, techniques for a fast and stable implementation", Paderborn 2005.
R. Fourer, "Notes on the dual simplex method", Northwestern University 1994.
I. Maros, "A generalized dual phase-2 simplex algorithm", European Journal of Operational Research 149, 2003.
"""

from __future__ import annotations

import numpy as np
from numba import types

from .jit import njit, part
from .lp_batch import INFEASIBLE, NO_START, OPTIMAL, UNFINISHED
from .signature import array
from .simplex_end import farkas_ray, refine, write_optimum
from .simplex_exchange import exchange, flip, move_duals
from .simplex_iteration import breakpoints, compute_values, furthest_outside, ratio_test, tableau_row
from .simplex_kept import Kept, copy_kept, keep
from .simplex_start import NOWHERE, READY, begin
from .simplex_state import Basis, Given, Matrix, Point, empty_basis, empty_point, work_arrays

_REFACTOR = 60
"""Updates of an inverse after which it is computed anew."""


@part
def _bound(given, variable, sign, n):
    """Return the bound that a leaving variable goes to: the lower one where it was below it (`sign` > 0)."""
    if variable < n:
        return given.lower[variable] if sign > 0.0 else given.upper[variable]
    return given.row_lower[variable - n] if sign > 0.0 else given.row_upper[variable - n]


@part
def _solve_one(matrix, given, basis, point, work, kept, shared, most, dual):  # noqa: C901 (the method itself)
    """Solve one instance from its basis; return how it ended and its iterations. Fills statuses, `point` and `dual`."""
    n, k, ready, updates, iterations = basis.columns.size, 0, False, 0, 0
    if kept.size[0] >= 0:
        k, ready = copy_kept(matrix, given, kept, basis, point)
    fresh = ready  # whether the inverse was computed from this very basis, so that its answers are final
    for _ in range(2 * most):
        if not ready:
            k, came = begin(matrix, given, basis, point, work)
            if came == NOWHERE:
                return NO_START, iterations
            if came != READY:
                continue
            ready, fresh, updates = True, True, 0
            if shared and kept.size[0] < 0 and iterations == 0:
                keep(kept, basis, point, k)
        compute_values(matrix, given, basis, point, work, k)
        worst, leaving, sign = furthest_outside(given, basis, point, k)
        if leaving < 0:
            if fresh or refine(matrix, given, basis, point, work, k):
                write_optimum(given, basis, point, k, dual)
                return OPTIMAL, iterations
            ready = False
            continue
        if iterations >= most:
            break
        if updates >= _REFACTOR:
            ready = False
            continue
        tableau_row(matrix, basis, work, leaving, k)
        found = breakpoints(given, basis, point, work, sign, k)
        bound = _bound(given, leaving, sign, n)
        passed, entering, step = ratio_test(given, basis, work, found, worst, bound)
        if entering < 0:
            if fresh:
                farkas_ray(basis, work, leaving, k, dual)
                return INFEASIBLE, iterations
            ready = False
            continue
        flip(matrix, given, basis, point, work, passed)
        move_duals(basis, point, work, sign * step, k)
        k = exchange(matrix, basis, point, work, leaving, entering, sign, bound, sign * step, k)
        iterations, updates, fresh = iterations + 1, updates + 1, False
    return UNFINISHED, iterations


_SPARSE = types.Tuple((array(types.int32, 1), array(types.int32, 1), array(types.float64, 1)))
_GIVEN = types.Tuple((array(types.float64, 2),) * 5)
_START = types.Tuple((array(types.int8, 2),) * 2)
_FOUND = types.Tuple(
    (
        *(array(types.float64, 2, False),) * 2,
        *(array(types.int8, 2, False),) * 2,
        array(types.int8, 1, False),
        array(types.int64, 1, False),
    )
)


# One signature, compiled once and kept on disk, whatever is batched. Plain tuples: numba matches named ones exactly,
# and of arrays that are only read some are read-only and some are not.
@njit(
    types.void(types.intp, types.intp, _SPARSE, _SPARSE, _GIVEN, _START, _FOUND, types.intp),
    nogil=True,
    error_model="numpy",
)
def solve_range(first, last, columnwise, rowwise, given, start, found, most):
    """Solve the instances from `first` to `last`; an axis of length 1 in place of the batch is shared by all.

    Takes at most `most` iterations for each; what is unfinished then goes on from the statuses it left.

    Parameters
    ----------
    first, last, most : int
    columnwise, rowwise : tuple of (pointers, places, values)
        The matrix as CSC and CSR arrays.
    given : tuple of (batch or 1, n) and (batch or 1, m) float
        Costs, lower and upper bounds of columns, lower and upper bounds of rows.
    start : tuple of (batch or 1, n) and (batch or 1, m) int8
        Statuses of columns and rows to start from.
    found : tuple
        To be filled: points (batch, n), row duals (batch, m) (a Farkas ray where infeasible), statuses of columns and
        rows (batch, n) and (batch, m), how each instance ended and its iterations (batch,).
    """
    matrix = Matrix(*(columnwise + rowwise))
    costs, lowers, uppers, row_lowers, row_uppers = given
    start_columns, start_rows = start
    points, duals, column_status, row_status, ended, iterations = found
    n, m = points.shape[1], duals.shape[1]
    shared = start_columns.shape[0] == 1 and start_rows.shape[0] == 1 and costs.shape[0] == 1
    work, room, values = work_arrays(n, m), empty_basis(n, m), empty_point(n, m)
    kept = Kept(np.full(1, -1), empty_basis(n, m), np.empty(n), np.empty(m))
    for b in range(first, last):
        one = Given(
            costs[b % costs.shape[0]],
            lowers[b % lowers.shape[0]],
            uppers[b % uppers.shape[0]],
            row_lowers[b % row_lowers.shape[0]],
            row_uppers[b % row_uppers.shape[0]],
        )
        basis = Basis(
            column_status[b], row_status[b], room.basic, room.binding, room.place, room.row_place, room.inverse
        )
        point = Point(points[b], values.activity, values.fixed_part, values.reduced, values.price)
        basis.columns[:] = start_columns[b % start_columns.shape[0]]
        basis.rows[:] = start_rows[b % start_rows.shape[0]]
        if (one.lower > one.upper).any() or (one.row_lower > one.row_upper).any():
            duals[b, :] = 0.0
            ended[b], iterations[b] = INFEASIBLE, 0
        else:
            ended[b], iterations[b] = _solve_one(matrix, one, basis, point, work, kept, shared, most, duals[b])
