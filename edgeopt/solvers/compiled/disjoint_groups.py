"""Binary columns in disjoint groups, each of which takes a number of columns within bounds: one selection for each.

A group takes the columns whose cost is negative; where those are too few, or too many, it takes the cheapest of all.
The cost at which it stops is the price of its row, which proves the choice.
"""

from __future__ import annotations

import numpy as np
from numba import types

from .jit import njit
from .signature import array

_F, _I = types.float64, types.int32


@njit(
    types.boolean(
        array(_I, 1),
        array(_I, 1),
        array(_F, 1),
        array(_F, 1),
        array(_F, 1),
        array(_F, 1, False),
        array(types.boolean, 1, False),
    ),
    nogil=True,
    error_model="numpy",
)
def choose_in_groups(indptr, indices, cost, least, most, price, taken):  # noqa: C901
    """Choose at least `least` and at most `most` (rows,) columns of each row; return whether all rows can be satisfied.

    Column j belongs to row ``indices[indptr[j]]``, or to none where it has no entry. Prices (rows,) and the columns
    taken are written; of equally dear ones the first are taken.
    """
    rows, columns = least.size, cost.size
    start = np.zeros(rows + 2, np.int64)
    for j in range(columns):
        if indptr[j + 1] > indptr[j]:
            start[indices[indptr[j]] + 2] += 1
        taken[j] = cost[j] < 0.0
    for i in range(rows):
        start[i + 2] += start[i + 1]
    member = np.empty(start[rows + 1], np.int64)
    for j in range(columns):  # each row's columns in their order; start[i + 1] moves on to the end of row i
        if indptr[j + 1] > indptr[j]:
            i = indices[indptr[j]]
            member[start[i + 1]] = j
            start[i + 1] += 1
    for i in range(rows):
        own = member[start[i] : start[i + 1]]
        wished = 0
        for j in own:
            wished += taken[j]
        number = min(max(float(wished), least[i]), most[i])
        price[i] = 0.0
        if number < least[i] or number > own.size or number < 0.0:
            return False
        if number == wished:
            continue
        count, costs = int(number), cost[own]
        if count == 0:
            price[i] = costs.min()
            for j in own:
                taken[j] = False
            continue
        price[i] = np.partition(costs, count - 1)[count - 1]
        for j in own:
            taken[j] = cost[j] < price[i]
            count -= taken[j]
        for j in own:
            if count > 0 and cost[j] == price[i]:
                taken[j] = True
                count -= 1
    return True
