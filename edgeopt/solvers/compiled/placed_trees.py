"""Bounds of the parts of a placement of a tree of layers: least sums of what is below a layer, and of all else.

Node n on tier b with its parent on tier a costs ``cost[n, a, b]`` and weighs ``weight[n, a, b]``; all roots' parent is
on tier 0. Where a tier cannot run a layer the cost is inf. At a price of the weight one pass from the leaves finds the
best placement, and one from the roots what surrounds each part of it.
"""

from __future__ import annotations

import numpy as np
from numba import types

from .jit import njit
from .signature import array

_F, _I = types.float64, types.int64


@njit(
    types.UniTuple(_F, 2)(
        array(_I, 1), array(_F, 3), array(_F, 3), _F, _F, array(_F, 2, False), array(_F, 2, False), array(_I, 1, False)
    ),
    nogil=True,
    error_model="numpy",
)
def place(parent, cost, weight, for_cost, for_weight, inside, below, tiers):
    """Find the placement with the least ``for_cost * cost + for_weight * weight``; return its cost and weight.

    Into `inside` (nodes, tiers) goes the least of a node and what is below it, by its parent's tier, into `below`
    (nodes, tiers) that of all its children, by its own tier, and into `tiers` the placement. Where a tier cannot run a
    layer the cost is inf.
    """
    nodes, count = inside.shape
    below[:] = 0.0
    for n in range(nodes - 1, -1, -1):
        for a in range(count):
            least = np.inf
            for b in range(count):
                if cost[n, a, b] < np.inf:
                    least = min(least, for_cost * cost[n, a, b] + for_weight * weight[n, a, b] + below[n, b])
            inside[n, a] = least
            if parent[n] >= 0:
                below[parent[n], a] += least
    dear, heavy = 0.0, 0.0
    for n in range(nodes):
        a = tiers[parent[n]] if parent[n] >= 0 else 0
        least, best = np.inf, 0
        for b in range(count):
            if cost[n, a, b] < np.inf:
                value = for_cost * cost[n, a, b] + for_weight * weight[n, a, b] + below[n, b]
                if value < least:
                    least, best = value, b
        tiers[n] = best
        dear += cost[n, a, best]
        heavy += weight[n, a, best]
    return dear, heavy


@njit(
    types.void(
        array(_I, 1),
        array(_F, 3),
        array(_F, 3),
        _F,
        _F,
        array(_F, 2, False),
        array(_F, 2, False),
        array(_F, 2, False),
        array(_F, 2, False),
    ),
    nogil=True,
    error_model="numpy",
)
def surround(parent, cost, weight, for_cost, for_weight, inside, below, outside, around):
    """Fill in what surrounds a subtree, from the `inside` and `below` of :func:`place`.

    Into `outside` (nodes, tiers) goes the least of everything but a node and what is below it, by its parent's tier;
    into `around` that of everything but what is below a node, by its own tier.
    """
    nodes, count = inside.shape
    roots = 0.0
    for n in range(nodes):
        if parent[n] < 0:
            roots += inside[n, 0]
    for n in range(nodes):
        for a in range(count):
            if parent[n] < 0:
                outside[n, a] = roots - inside[n, 0] if a == 0 else np.inf
            elif inside[n, a] < np.inf and around[parent[n], a] < np.inf:
                outside[n, a] = around[parent[n], a] + below[parent[n], a] - inside[n, a]
            else:
                outside[n, a] = np.inf
        for b in range(count):
            least = np.inf
            for a in range(count):
                if cost[n, a, b] < np.inf and outside[n, a] < np.inf:
                    least = min(least, outside[n, a] + for_cost * cost[n, a, b] + for_weight * weight[n, a, b])
            around[n, b] = least


@njit(
    types.void(array(_I, 1), array(_F, 3), array(_F, 3), _F, array(_F, 2), array(_F, 2), array(_F, 2, False)),
    nogil=True,
    error_model="numpy",
)
def weigh_surroundings(parent, cost, weight, price, below, outside, heavy):  # noqa: C901 (one loop nest)
    """Write into `heavy` (nodes, tiers) what the priced surroundings weigh whose least is in `outside`.

    `below` and `outside` are those of :func:`place` and :func:`surround` at this price of the weight.
    """
    nodes, count = outside.shape
    inside, beneath, around = np.zeros((nodes, count)), np.zeros((nodes, count)), np.zeros((nodes, count))
    whole = 0.0
    for n in range(nodes - 1, -1, -1):
        for a in range(count):
            least = np.inf
            for b in range(count):
                value = cost[n, a, b] + price * weight[n, a, b] + below[n, b]
                if value < least:
                    least = value
                    inside[n, a] = weight[n, a, b] + beneath[n, b]
            if parent[n] >= 0:
                beneath[parent[n], a] += inside[n, a]
        if parent[n] < 0:
            whole += inside[n, 0]
    for n in range(nodes):
        for a in range(count):
            if parent[n] < 0:
                heavy[n, a] = whole - inside[n, 0]
            else:
                heavy[n, a] = around[parent[n], a] + beneath[parent[n], a] - inside[n, a]
        for b in range(count):
            least = np.inf
            for a in range(count):
                value = outside[n, a] + cost[n, a, b] + price * weight[n, a, b]
                if value < least:
                    least = value
                    around[n, b] = heavy[n, a] + weight[n, a, b]
