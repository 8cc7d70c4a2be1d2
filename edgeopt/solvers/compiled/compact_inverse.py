"""The dense inverse of a compact basis: computed by elimination, then changed by one rank-one term in each iteration.

`W` is where the `k` binding rows meet the `k` basic columns. Of the four exchanges two replace a row or a column of W
(Sherman and Morrison's formula in the form of a Gauss-Jordan pivot); two let W grow or shrink by one row and one column
(bordering: the new pivot is the Schur complement of the old matrix).
"""

from __future__ import annotations

from .jit import part

_SINGULAR = 1e-11
"""Size of the largest pivot of a column from which a basis counts as singular."""


@part
def gather(col_ptr, col_rows, col_data, basic, row_place, square, k):
    """Fill `square` (k, k) with the entries where the `k` binding rows meet the `k` basic columns."""
    for i in range(k):
        for j in range(k):
            square[i, j] = 0.0
    for s in range(k):
        for e in range(col_ptr[basic[s]], col_ptr[basic[s] + 1]):
            r = row_place[col_rows[e]]
            if r >= 0:
                square[r, s] = col_data[e]


@part
def invert(w, inverse, k):  # noqa: C901
    """Gauss-Jordan elimination with row pivoting; False where `w` is singular. Destroys `w`."""
    for i in range(k):
        for j in range(k):
            inverse[i, j] = 1.0 if i == j else 0.0
    for c in range(k):
        pivot = c
        for i in range(c + 1, k):
            if abs(w[i, c]) > abs(w[pivot, c]):
                pivot = i
        largest = abs(w[pivot, c])
        if largest < _SINGULAR:
            return False
        if pivot != c:
            for j in range(k):
                w[c, j], w[pivot, j] = w[pivot, j], w[c, j]
                inverse[c, j], inverse[pivot, j] = inverse[pivot, j], inverse[c, j]
        scale = 1.0 / w[c, c]
        for j in range(k):
            w[c, j] *= scale
            inverse[c, j] *= scale
        for i in range(k):
            factor = w[i, c]
            if i != c and factor != 0.0:
                for j in range(k):
                    w[i, j] -= factor * w[c, j]
                    inverse[i, j] -= factor * inverse[c, j]
    return True


@part
def replace_column(inverse, entering, p, k):
    """Let a column take the place of basic column `p`; `entering` (k,) is its representation by the basic columns."""
    pivot = 1.0 / entering[p]
    for r in range(k):
        inverse[p, r] *= pivot
    for s in range(k):
        factor = entering[s]
        if s != p and factor != 0.0:
            for r in range(k):
                inverse[s, r] -= factor * inverse[p, r]


@part
def replace_row(inverse, weight, q, k):
    """Let a row take the place of binding row `q`; `weight` (k,) is its representation by the binding rows."""
    pivot = 1.0 / weight[q]
    for s in range(k):
        inverse[s, q] *= pivot
        factor = inverse[s, q]
        if factor != 0.0:
            for r in range(k):
                if r != q:
                    inverse[s, r] -= weight[r] * factor


@part
def grow(inverse, entering, weight, complement, k):
    """Border `k` rows and columns by one of each, with the Schur complement `complement` where they meet."""
    pivot = 1.0 / complement
    for s in range(k):
        factor = entering[s] * pivot
        if factor != 0.0:
            for r in range(k):
                inverse[s, r] += factor * weight[r]
        inverse[s, k] = -factor
    for r in range(k):
        inverse[k, r] = -pivot * weight[r]
    inverse[k, k] = pivot


@part
def shrink(inverse, p, q, k):
    """Remove basic column `p` and binding row `q` of `k`; the last row and column take the places that became free."""
    pivot = 1.0 / inverse[p, q]
    for s in range(k):
        factor = inverse[s, q] * pivot
        if s != p and factor != 0.0:
            for r in range(k):
                if r != q:
                    inverse[s, r] -= factor * inverse[p, r]
    last = k - 1
    if p != last:
        for r in range(k):
            inverse[p, r] = inverse[last, r]
    if q != last:
        for s in range(last):
            inverse[s, q] = inverse[s, last]
