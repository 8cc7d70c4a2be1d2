"""The choice in one iteration of the compiled dual simplex: values, pricing, row of the tableau, ratio test.

The ratio test is the long-step rule (bound flipping ratio test: Fourer 1994; Maros 2003; Koberstein 2005). Along the
dual ray the slope of the dual objective starts as the infeasibility of the leaving variable, and falls at each
breakpoint by pivot times range of the variable that loses its dual sign there. While it stays positive that variable
moves to its other bound, where its sign is right again, and the step goes on. Ratios are compared as they are, without
Harris' tolerances; among those that tie the largest pivot is taken.

Pricing takes the largest infeasibility (Dantzig's rule); weights of steepest edge (Forrest and Goldfarb 1992) are not
kept.
"""

from __future__ import annotations

from ...model.basis import LOWER, ZERO
from .jit import part
from .simplex_state import FEASIBLE

_PIVOT = 1e-9
"""Size of a pivot that counts as none."""

_TIED = 1e-12
"""Relative difference of two ratios that counts as none."""


@part
def compute_values(matrix, given, basis, point, work, k):
    """Compute the values of the basic columns and the activity of every row."""
    col_ptr, col_rows, col_data = matrix.col_ptr, matrix.col_rows, matrix.col_data
    row_lower, row_upper = given.row_lower, given.row_upper
    binding, rows, inverse, basic = basis.binding, basis.rows, basis.inverse, basis.basic
    activity, x, fixed_part = point.activity, point.x, point.fixed_part
    target = work.target
    for r in range(k):
        i = binding[r]
        bound = row_lower[i] if rows[i] == LOWER else row_upper[i]
        target[r] = bound - fixed_part[i]
    for i in range(activity.size):
        activity[i] = fixed_part[i]
    for s in range(k):
        total = 0.0
        for r in range(k):
            total += inverse[s, r] * target[r]
        j = basic[s]
        x[j] = total
        for e in range(col_ptr[j], col_ptr[j + 1]):
            activity[col_rows[e]] += col_data[e] * total


@part
def furthest_outside(given, basis, point, k):
    """Return how far the basic variable that is furthest outside its bounds is, which one, and the sign of its way."""
    lower, upper, row_lower, row_upper = given.lower, given.upper, given.row_lower, given.row_upper
    columns, basic, rows, row_place = basis.columns, basis.basic, basis.rows, basis.row_place
    x, activity = point.x, point.activity
    n = columns.size
    worst, leaving, sign = 0.0, -1, 1.0
    for s in range(k):
        j = basic[s]
        short, over = lower[j] - x[j], x[j] - upper[j]
        if short > FEASIBLE * (1.0 + abs(lower[j])) and short > worst:
            worst, leaving, sign = short, j, 1.0
        if over > FEASIBLE * (1.0 + abs(upper[j])) and over > worst:
            worst, leaving, sign = over, j, -1.0
    for i in range(rows.size):
        if row_place[i] < 0:
            short, over = row_lower[i] - activity[i], activity[i] - row_upper[i]
            if short > FEASIBLE * (1.0 + abs(row_lower[i])) and short > worst:
                worst, leaving, sign = short, n + i, 1.0
            if over > FEASIBLE * (1.0 + abs(row_upper[i])) and over > worst:
                worst, leaving, sign = over, n + i, -1.0
    return worst, leaving, sign


@part
def tableau_row(matrix, basis, work, leaving, k):  # noqa: C901 (two kinds of rows, each two nested loops)
    """Compute the row of the leaving variable over binding rows (`weight`) and nonbasic columns (`alpha`)."""
    row_ptr, row_cols, row_data = matrix.row_ptr, matrix.row_cols, matrix.row_data
    columns, place, inverse, binding = basis.columns, basis.place, basis.inverse, basis.binding
    alpha, weight = work.alpha, work.weight
    n = columns.size
    for j in range(n):
        alpha[j] = 0.0
    if leaving < n:
        p = place[leaving]
        for r in range(k):
            weight[r] = inverse[p, r]
    else:
        i = leaving - n
        for r in range(k):
            weight[r] = 0.0
        for e in range(row_ptr[i], row_ptr[i + 1]):
            s = place[row_cols[e]]
            if s >= 0:
                for r in range(k):
                    weight[r] += row_data[e] * inverse[s, r]
            else:
                alpha[row_cols[e]] = row_data[e]
    for r in range(k):
        share = weight[r]
        if share != 0.0:
            i = binding[r]
            for e in range(row_ptr[i], row_ptr[i + 1]):
                alpha[row_cols[e]] -= share * row_data[e]


@part
def breakpoints(given, basis, point, work, sign, k):
    """List who would lose its dual sign on the way, and at which step; return how many there are."""
    lower, upper, row_lower, row_upper = given.lower, given.upper, given.row_lower, given.row_upper
    columns, place, binding, rows = basis.columns, basis.place, basis.binding, basis.rows
    reduced, price = point.reduced, point.price
    candidate, ratio, alpha, weight = work.candidate, work.ratio, work.alpha, work.weight
    n = columns.size
    found = 0
    for j in range(n):
        a = sign * alpha[j]
        if place[j] >= 0 or abs(a) <= _PIVOT or lower[j] == upper[j]:
            continue
        if columns[j] == ZERO or (a > 0.0) == (columns[j] == LOWER):
            candidate[found] = j
            ratio[found] = abs(reduced[j]) / abs(a)
            found += 1
    for r in range(k):
        a, i = sign * weight[r], binding[r]
        if abs(a) <= _PIVOT or row_lower[i] == row_upper[i]:
            continue
        if (a > 0.0) == (rows[i] == LOWER):
            candidate[found] = n + i
            ratio[found] = abs(price[i]) / abs(a)
            found += 1
    return found


@part
def next_breakpoint(basis, work, first, found):
    """Move the nearest breakpoint from `first` on to place `first`; return the size of its pivot.

    Among ties the largest pivot is the stable one.
    """
    columns, row_place = basis.columns, basis.row_place
    candidate, ratio, alpha, weight = work.candidate, work.ratio, work.alpha, work.weight
    n = columns.size
    best = first
    for q in range(first + 1, found):
        if ratio[q] < ratio[best]:
            best = q
    step = ratio[best]
    tied = best
    strongest = -1.0
    for q in range(first, found):
        if ratio[q] <= step + _TIED * (1.0 + step):
            v = candidate[q]
            pivot = abs(alpha[v]) if v < n else abs(weight[row_place[v - n]])
            if pivot > strongest:
                strongest, tied = pivot, q
    candidate[first], candidate[tied] = candidate[tied], candidate[first]
    ratio[first], ratio[tied] = ratio[tied], ratio[first]
    return strongest


@part
def ratio_test(given, basis, work, found, worst, bound):
    """Return how many breakpoints the step passes, the entering variable (-1 where nothing stops it), and its length.

    The step ends where those passed bring the leaving variable, which is `worst` outside, within the tolerance of its
    `bound`.
    """
    upper, lower, row_upper, row_lower = given.upper, given.lower, given.row_upper, given.row_lower
    columns = basis.columns
    candidate, ratio = work.candidate, work.ratio
    n, enough = columns.size, FEASIBLE * (1.0 + abs(bound))
    slope, step = worst, 0.0
    for passed in range(found):
        pivot = next_breakpoint(basis, work, passed, found)
        v = candidate[passed]
        reach = upper[v] - lower[v] if v < n else row_upper[v - n] - row_lower[v - n]
        step = ratio[passed]
        slope -= pivot * reach
        if not slope > enough:
            return passed, v, step
    return found, -1, step
