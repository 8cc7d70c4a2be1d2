"""The change in one iteration of the compiled dual simplex: flips, duals, and one variable in the place of another."""

from __future__ import annotations

from ...model.basis import BASIC, LOWER, UPPER
from .compact_inverse import grow, replace_column, replace_row, shrink
from .jit import part


@part
def flip(matrix, given, basis, point, work, passed):
    """Move the variables of the first `passed` breakpoints to their other bounds."""
    col_ptr, col_rows, col_data = matrix.col_ptr, matrix.col_rows, matrix.col_data
    lower, upper = given.lower, given.upper
    columns, rows = basis.columns, basis.rows
    x, fixed_part = point.x, point.fixed_part
    candidate = work.candidate
    n = columns.size
    for q in range(passed):
        v = candidate[q]
        if v < n:
            low, high = lower[v], upper[v]
            shift = high - low if columns[v] == LOWER else low - high
            columns[v] = UPPER if columns[v] == LOWER else LOWER
            x[v] = high if columns[v] == UPPER else low
            for e in range(col_ptr[v], col_ptr[v + 1]):
                fixed_part[col_rows[e]] += col_data[e] * shift
        else:
            rows[v - n] = UPPER if rows[v - n] == LOWER else LOWER


@part
def move_duals(basis, point, work, move, k):
    """Change reduced costs and row duals by `move` along the row of the tableau."""
    columns, place, binding = basis.columns, basis.place, basis.binding
    reduced, price = point.reduced, point.price
    alpha, weight = work.alpha, work.weight
    for j in range(columns.size):
        if place[j] < 0:
            reduced[j] -= move * alpha[j]
    for r in range(k):
        price[binding[r]] -= move * weight[r]


@part
def take_in(matrix, basis, point, work, entering, k):
    """Express the entering column by the basic ones, and take what it contributes to the rows out of `fixed_part`."""
    col_ptr, col_rows, col_data = matrix.col_ptr, matrix.col_rows, matrix.col_data
    row_place, inverse = basis.row_place, basis.inverse
    fixed_part, x = point.fixed_part, point.x
    column = work.column
    for r in range(k):
        column[r] = 0.0
    for e in range(col_ptr[entering], col_ptr[entering + 1]):
        i = col_rows[e]
        r = row_place[i]
        if r >= 0:
            for s in range(k):
                column[s] += inverse[s, r] * col_data[e]
        fixed_part[i] -= col_data[e] * x[entering]


@part
def let_column_leave(matrix, basis, point, work, leaving, entering, bound, k):
    """Put the leaving column at `bound` and its successor in its place; return the new `k`."""
    col_ptr, col_rows, col_data = matrix.col_ptr, matrix.col_rows, matrix.col_data
    columns, basic, place = basis.columns, basis.basic, basis.place
    binding, row_place, inverse = basis.binding, basis.row_place, basis.inverse
    fixed_part, x = point.fixed_part, point.x
    column = work.column
    n, p = columns.size, place[leaving]
    for e in range(col_ptr[leaving], col_ptr[leaving + 1]):
        fixed_part[col_rows[e]] += col_data[e] * bound
    x[leaving] = bound
    place[leaving] = -1
    if entering < n:
        replace_column(inverse, column, p, k)
        basic[p] = entering
        place[entering] = p
        return k
    # A binding row becomes basic: the basis loses this column and that row.
    q = row_place[entering - n]
    row_place[entering - n] = -1
    shrink(inverse, p, q, k)
    k -= 1
    if p != k:
        basic[p] = basic[k]
        place[basic[p]] = p
    if q != k:
        binding[q] = binding[k]
        row_place[binding[q]] = q
    return k


@part
def let_row_leave(basis, work, i, entering, k):
    """Let row `i` bind from now on, in the place of the entering variable; return the new `k`."""
    columns, basic, place = basis.columns, basis.basic, basis.place
    binding, row_place, inverse = basis.binding, basis.row_place, basis.inverse
    column, weight, alpha = work.column, work.weight, work.alpha
    n = columns.size
    if entering < n:
        # What the entering column does to the row that is not explained by the basic columns is the new pivot.
        grow(inverse, column, weight, alpha[entering], k)
        basic[k], binding[k] = entering, i
        place[entering], row_place[i] = k, k
        return k + 1
    q = row_place[entering - n]
    row_place[entering - n] = -1
    replace_row(inverse, weight, q, k)
    binding[q] = i
    row_place[i] = q
    return k


@part
def exchange(matrix, basis, point, work, leaving, entering, sign, bound, move, k):
    """Let `leaving` go to its `bound` and `entering` become basic; return the new number of basic columns."""
    columns, rows = basis.columns, basis.rows
    reduced, price = point.reduced, point.price
    n = columns.size
    side = LOWER if sign > 0.0 else UPPER
    if entering < n:
        take_in(matrix, basis, point, work, entering, k)
    if leaving < n:
        k = let_column_leave(matrix, basis, point, work, leaving, entering, bound, k)
        columns[leaving] = side
        reduced[leaving] = move
    else:
        k = let_row_leave(basis, work, leaving - n, entering, k)
        rows[leaving - n] = side
        price[leaving - n] = move
    if entering < n:
        columns[entering] = BASIC
        reduced[entering] = 0.0
    else:
        rows[entering - n] = BASIC
        price[entering - n] = 0.0
    return k
