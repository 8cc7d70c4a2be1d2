"""Exchanges of a few binary columns that lower the cost and keep the rows: chains, each flip of which mends a row.

A column that would lower the cost breaks a row, or a single flip would have taken it. Another column mends that row,
perhaps breaks a further one, and so on, up to a few flips. A chain is kept once no row is broken and the cost is lower.
"""

from __future__ import annotations

import numpy as np
from numba import types

from .jit import njit
from .signature import array

_F, _I = types.float64, types.int32
_MATRIX = (array(_I, 1), array(_I, 1), array(_F, 1))
_ROWWISE = (array(types.intp, 1), array(types.intp, 1), array(_F, 1))


@njit(
    types.Tuple((_F, _F))(
        array(types.intp, 1),
        *_MATRIX,
        *_ROWWISE,
        array(_F, 1),
        array(_F, 1),
        array(_F, 1),
        array(_F, 1),
        array(_F, 1, False),
        array(types.boolean, 1, False),
        types.intp,
        types.intp,
        _F,
        _F,
    ),
    nogil=True,
    error_model="numpy",
)
def exchange(  # noqa: C901
    near,
    indptr,
    indices,
    data,
    row_start,
    row_column,
    row_data,
    cost,
    lower,
    upper,
    allowed,
    activity,
    taken,
    depth,
    width,
    least,
    work,
):
    """Apply chains of up to `depth` flips that begin with each of the columns `near`; return what they save.

    ``row_column[row_start[i] : row_start[i + 1]]`` are the columns that may mend row i, the likeliest first, of which
    `width` are tried, and `row_data` their coefficients. A chain saves at least `least`. Ends after about `work`
    visits of matrix entries; what is left of them is returned too.
    """
    chain, place, tried = np.empty(depth, np.int64), np.empty(depth, np.int64), np.empty(depth, np.int64)
    need, broken_row = np.empty(depth), np.empty(depth, np.int64)
    saved = 0.0
    for begin in near:
        gain = cost[begin] if taken[begin] else -cost[begin]
        if gain < least or work <= 0:
            continue
        # Flip the first column.
        chain[0] = begin
        sign = -1.0 if taken[begin] else 1.0
        for k in range(indptr[begin], indptr[begin + 1]):
            activity[indices[k]] += sign * data[k]
        taken[begin] = not taken[begin]
        total, length, fresh = gain, 1, True
        while length > 0:
            if fresh:
                # The first row that the chain has broken, by columns from the last to the first.
                row, missing = -1, 0.0
                for c in range(length - 1, -1, -1):
                    j = chain[c]
                    for k in range(indptr[j], indptr[j + 1]):
                        i = indices[k]
                        if lower[i] - activity[i] > allowed[i]:
                            row, missing = i, lower[i] - activity[i]
                            break
                        if activity[i] - upper[i] > allowed[i]:
                            row, missing = i, upper[i] - activity[i]
                            break
                    work -= indptr[j + 1] - indptr[j]
                    if row >= 0:
                        break
                if row < 0 and total >= least:
                    saved += total
                    break
                level = length - 1
                broken_row[level], need[level], tried[level] = row, missing, 0
                place[level] = row_start[row] if row >= 0 and length < depth else -1
            level = length - 1
            fresh = False
            # The next column that moves the broken row the right way and leaves something saved.
            if place[level] >= 0:
                row, missing = broken_row[level], need[level]
                while place[level] < row_start[row + 1] and tried[level] < width:
                    at = place[level]
                    j = row_column[at]
                    place[level] += 1
                    work -= 1
                    sign = -1.0 if taken[j] else 1.0
                    if sign * row_data[at] * missing <= 0.0:
                        continue
                    more = -sign * cost[j]
                    tried[level] += 1
                    if length == depth - 1 and total + more < least:
                        continue
                    inside = False
                    for c in range(length):
                        inside |= chain[c] == j
                    if inside:
                        continue
                    for k in range(indptr[j], indptr[j + 1]):
                        activity[indices[k]] += sign * data[k]
                    taken[j] = not taken[j]
                    total += more
                    chain[length] = j
                    length += 1
                    fresh = True
                    break
            if not fresh:  # nothing is left to try: take the last flip back
                j = chain[level]
                sign = -1.0 if taken[j] else 1.0
                for k in range(indptr[j], indptr[j + 1]):
                    activity[indices[k]] += sign * data[k]
                total -= sign * cost[j]
                taken[j] = not taken[j]
                length -= 1
    return saved, work
