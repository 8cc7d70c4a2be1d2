"""The cheapest placement of a tree of layers whose weight has a cap: a price of the weight, then what is still open.

Node n on tier b with its parent on tier a costs ``cost[n, a, b]`` and weighs ``weight[n, a, b]``; all roots' parent is
on tier 0. At a price p of the weight the best placement is found by one pass over the nodes. The best price lies where
two placements, one too heavy and one that fits, meet (Handler and Zang 1980); what is left between the bound at that
price and the best placement that fits is searched by labels: pairs of cost and weight of a subtree, of which a label
goes where another is no dearer and no heavier, or where bounds of what surrounds the subtree show that nothing good
comes of it.

References
----------
G. Y. Handler and I. Zang, "A dual algorithm for the constrained shortest path problem", Networks 10, 1980.
"""

from __future__ import annotations

import numpy as np
from numba import types

from .jit import njit
from .signature import array

_F, _I = types.float64, types.int64

_LITTLE = 1e-12
"""Relative rounding of a placement's cost that is summed in another order."""


@njit(nogil=True, error_model="numpy")
def promising(c, w, around, price, cap, best):
    """Whether a label may be part of a placement that fits and is cheaper than `best`; `around` bounds the rest of it.

    `around` holds the least priced, cost and weight of the rest.
    """
    return w + around[2] <= cap and c + around[1] < best and c + price * w + around[0] - price * cap < best


@njit(nogil=True, error_model="numpy")
def thinned(labels, first, last):
    """Sort the labels from `first` to `last` by cost and keep those that are lighter than all before; return their end.

    `labels` are (labels, 5): cost, weight, tier (or -1 for a pair of labels), and the labels that it is made of.
    """
    part = labels[first:last].copy()
    order = np.argsort(part[:, 0])
    end, lightest, at = first, np.inf, -np.inf
    for k in order:
        if part[k, 1] < lightest:
            # Of equal cost only the lightest is kept: it takes the place of the one before.
            if end > first and part[k, 0] == at:
                end -= 1
            labels[end] = part[k]
            lightest, at = part[k, 1], part[k, 0]
            end += 1
    return end


@njit(nogil=True, error_model="numpy")
def grown(labels, needed):
    """Return the labels in an array with room for `needed`."""
    if needed <= labels.shape[0]:
        return labels
    larger = np.empty((max(needed, 2 * labels.shape[0]), 5))
    larger[: labels.shape[0]] = labels
    return larger


@njit(nogil=True, error_model="numpy")
def paired(labels, end, left, right, around, price, cap, best, most):
    """Append the promising pairs of two spans of labels, thinned; return labels and end, which is -1 beyond `most`."""
    first = end
    for i in range(left[0], left[1]):
        for j in range(right[0], right[1]):
            c, w = labels[i, 0] + labels[j, 0], labels[i, 1] + labels[j, 1]
            if promising(c, w, around, price, cap, best):
                if end >= most:
                    return labels, -1
                labels = grown(labels, end + 1)
                labels[end, 0], labels[end, 1], labels[end, 2] = c, w, -1.0
                labels[end, 3], labels[end, 4] = i, j
                end += 1
    return labels, thinned(labels, first, end)


@njit(nogil=True, error_model="numpy")
def unfold(parent, labels, chosen, tiers):
    """Write the placement that a label stands for into `tiers`."""
    # A label of node n leads to the joined labels of its children, whose pairs name the later child first: children are
    # joined from the last to the first, so the right of a pair is one child's and the left that of the later ones.
    nodes = parent.size
    todo = np.empty(nodes + 1, np.int64)
    for n in range(nodes):
        todo[n] = -1
    todo[nodes] = chosen
    left = np.zeros(nodes + 1, np.int64)  # children still to be read of each node
    for n in range(nodes):
        left[parent[n]] += 1
    for n in range(nodes):
        up = parent[n]
        k = int(todo[up])
        if left[up] > 1:
            own, others = int(labels[k, 4]), int(labels[k, 3])
            todo[up] = others
        else:
            own = k
        left[up] -= 1
        tiers[n] = int(labels[own, 2])
        todo[n] = int(labels[own, 3])


@njit(
    types.Tuple((_F, _F, _I))(
        array(_I, 1),
        array(_F, 3),
        array(_F, 3),
        _F,
        _F,
        _F,
        array(_F, 3),
        array(_F, 3),
        array(_F, 3),
        array(_F, 2),
        _I,
        array(_I, 1, False),
    ),
    nogil=True,
    error_model="numpy",
)
def search(parent, cost, weight, price, cap, best, inside, outside, around, heavy, most, tiers):  # noqa: C901
    """Search the placements that fit and cost less than `best`; return cost, weight and number of labels.

    `inside`, `outside` and `around` are (3, nodes, tiers): priced, cost alone, weight alone; `heavy` (nodes, tiers) is
    what the priced surroundings weigh: where they fit beside a label, both are a placement, which lowers `best`. Where
    there is such a placement the cheapest is written into `tiers`; elsewhere the cost is inf. The number is -1 beyond
    `most` labels.
    """
    nodes, count = cost.shape[0], cost.shape[1]
    labels = np.empty((1024, 5))
    # Spans of labels: of a node and what is below it by its parent's tier, of all children so far by the node's own.
    span, kids = np.zeros((nodes + 1, count, 2), np.int64), np.zeros((nodes + 1, count, 2), np.int64)
    waiting = np.zeros((3, nodes + 1, count))  # least of the children that have not been joined yet
    labels[0] = 0.0
    labels[0, 2], labels[0, 3], labels[0, 4] = -1.0, -1.0, -1.0
    end = 1
    kids[:, :, 1] = 1  # the empty label: nothing below
    for n in range(nodes):
        for a in range(count):
            for which in range(3):
                waiting[which, parent[n], a] += inside[which, n, a]  # the roots' parent is the last entry
    rest = np.empty(3)
    for n in range(nodes - 1, -1, -1):
        for a in range(count):
            if parent[n] < 0 and a > 0:
                break
            first = end
            for b in range(count):
                if cost[n, a, b] == np.inf:
                    continue
                for k in range(kids[n, b, 0], kids[n, b, 1]):
                    c, w = labels[k, 0] + cost[n, a, b], labels[k, 1] + weight[n, a, b]
                    for which in range(3):
                        rest[which] = outside[which, n, a]
                    if promising(c, w, rest, price, cap, best):
                        if w + heavy[n, a] <= cap:
                            # A little more than it costs, so that rounding does not throw out the placement itself.
                            whole = c + rest[0] - price * heavy[n, a]
                            best = min(best, whole + _LITTLE * (abs(whole) + price * abs(cap)))
                        if end >= most:
                            return np.inf, 0.0, -1
                        labels = grown(labels, end + 1)
                        labels[end, 0], labels[end, 1], labels[end, 2] = c, w, b
                        labels[end, 3], labels[end, 4] = k, -1.0
                        end += 1
            end = thinned(labels, first, end)
            span[n, a, 0], span[n, a, 1] = first, end
        # Join the parent's labels, by each of its tiers; those of all roots wait for tier 0 in the last entry.
        up = parent[n]
        for a in range(count):
            if up < 0 and a > 0:
                break
            for which in range(3):
                waiting[which, up, a] -= inside[which, n, a]
                rest[which] = waiting[which, up, a] + (around[which, up, a] if up >= 0 else 0.0)
                if not rest[which] < np.inf:
                    rest[which] = np.inf
            if kids[up, a, 0] == 0 and kids[up, a, 1] == 1:
                kids[up, a] = span[n, a]
                continue
            first = end
            labels, end = paired(labels, end, kids[up, a], span[n, a], rest, price, cap, best, most)
            if end < 0:
                return np.inf, 0.0, -1
            kids[up, a, 0], kids[up, a, 1] = first, end
    least, chosen = np.inf, -1
    for k in range(kids[-1, 0, 0], kids[-1, 0, 1]):
        if labels[k, 0] < least:
            least, chosen = labels[k, 0], k
    if chosen < 0:
        return np.inf, 0.0, end
    unfold(parent, labels, chosen, tiers)
    return least, labels[chosen, 1], end
