"""Convex hulls of the choices of many devices that share one row, and the walk down their merged edges.

Device d chooses one of the columns ``start[d]`` to ``start[d + 1]``, each of which costs and weighs something. On the
lower hull of a device's choices, from the lightest to the cheapest, each edge saves cost for weight at a rate; taken in
the order of their rates, the edges of all devices trace the optimum of the linear relaxation for every cap (Sinha and
Zoltners 1979).

References
----------
P. Sinha and A. A. Zoltners, "The multiple-choice knapsack problem", Operations Research 27(3), 1979.
"""

from __future__ import annotations

import numpy as np
from numba import types

from .jit import njit
from .signature import array

_F, _I = types.float64, types.int64


@njit(
    _I(array(_I, 1), array(_F, 1), array(_F, 1), array(_I, 1, False), array(_I, 1, False), array(_F, 1, False)),
    nogil=True,
    error_model="numpy",
)
def hulls(start, cost, weight, lightest, edges, rates):
    """Write each device's lightest choice, and all edges of the hulls: their heavier end and rate; return their number.

    A device's edges follow each other, their rates falling. Choices of infinite cost are none; -1 stands for the
    lightest of a device that has no other.
    """
    count = 0
    for d in range(start.size - 1):
        first, last = start[d], start[d + 1]
        order = first + np.argsort(weight[first:last])
        begun = count
        lightest[d] = -1
        for j in order:
            if cost[j] == np.inf:
                continue
            if lightest[d] < 0:
                lightest[d] = j
                continue
            # Take off edges that the new choice, which is no lighter, passes below.
            while True:
                before = edges[count - 1] if count > begun else lightest[d]
                if cost[j] >= cost[before]:
                    break
                heavier = weight[j] - weight[before]
                rate = (cost[before] - cost[j]) / heavier if heavier > 0.0 else np.inf
                if count > begun and rate >= rates[count - 1]:
                    count -= 1
                    continue
                if weight[j] == weight[before]:  # no edges are left: as light, and cheaper
                    lightest[d] = j
                    break
                edges[count], rates[count] = j, rate
                count += 1
                break
    return count


@njit(
    types.UniTuple(_F, 2)(
        array(_I, 1), array(_I, 1), array(_I, 1), array(_F, 1), array(_F, 1), _F, array(_I, 1, False)
    ),
    nogil=True,
    error_model="numpy",
)
def walk(order, edges, device, cost, weight, room, chosen):
    """Take edges in this `order` while there is `room`; return the first edge that did not fit and the room left.

    `chosen` (devices,) holds the lightest choices, and in the end those of a placement that fits. After the first edge
    that does not fit, later ones are taken where they do. The edge is returned as a float, -1 where all fitted.
    """
    broken = -1.0
    for e in order:
        j, d = edges[e], device[edges[e]]
        now = chosen[d]
        if cost[j] >= cost[now]:
            continue
        more = weight[j] - weight[now]
        if more <= room:
            room -= more
            chosen[d] = j
        elif broken < 0.0:
            broken = float(e)
    return broken, room


@njit(
    types.UniTuple(_I, 2)(array(_I, 1), array(_F, 1), array(_F, 1), _F, array(_I, 1)), nogil=True, error_model="numpy"
)
def best_switch(start, cost, weight, room, chosen):
    """Return the device and choice whose switch saves most within the `room`, or -1 and -1."""
    most, best, which = 0.0, -1, -1
    for d in range(chosen.size):
        now = chosen[d]
        for j in range(start[d], start[d + 1]):
            saved = cost[now] - cost[j]
            if saved > most and weight[j] - weight[now] <= room:
                most, best, which = saved, d, j
    return best, which
