"""The cheapest path through layers, tiers and precisions under two caps: bounds of each state, then labels.

A move of tensor n from tier a to tier b in precision q costs ``cost[n, a, b, q]`` (inf where there is none) and weighs
``weight[k, n, a, b, q]`` in two sums that are capped. A label is a beginning of a path: its cost, its weights, its last
move, and the label before. In each state (tensor, tier) a label goes where another is no dearer and no heavier in
either weight, or where least sums of what follows show that nothing good comes of it.
"""

from __future__ import annotations

import numpy as np
from numba import types

from .jit import njit, part
from .signature import array

_F, _I = types.float64, types.int64
_LITTLE = 1e-12
"""Relative rounding of a path's cost that is summed in another order."""


@njit(types.void(array(_F, 4), array(_I, 1, False), array(_I, 1, False)), nogil=True, error_model="numpy")
def cheapest_path(value, tiers, precision):
    """Write the path of least `value` (tensors, tiers, tiers, precisions) into `tiers` and `precision` (tensors,)."""
    tensors, count, _, ways = value.shape
    rest = np.zeros((tensors + 1, count))
    tier, way = np.zeros((tensors, count), np.int64), np.zeros((tensors, count), np.int64)
    for n in range(tensors - 1, -1, -1):
        for a in range(count):
            least = np.inf
            for b in range(count):
                for q in range(ways):
                    total = value[n, a, b, q] + rest[n + 1, b]
                    if total < least:
                        least, tier[n, a], way[n, a] = total, b, q
            rest[n, a] = least
    a = 0
    for n in range(tensors):
        tiers[n], precision[n] = tier[n, a], way[n, a]
        a = tier[n, a]


@njit(
    types.void(array(_F, 4), array(_F, 5), array(_F, 2), array(_F, 3, False), array(_F, 3, False), array(_F, 3, False)),
    nogil=True,
    error_model="numpy",
)
def bounds_of_states(cost, weight, prices, priced, least, along):
    """Write least sums of what follows each state, at each of the `prices` (prices, 2), and of cost and weights alone.

    `priced` is (prices, tensors + 1, tiers), `least` (3, tensors + 1, tiers): cost, each weight. Into `along`, of the
    same shape, goes what the path of least sum at the first prices costs and weighs.
    """
    tensors, count, _, ways = cost.shape
    priced[:, tensors], least[:, tensors], along[:, tensors] = 0.0, 0.0, 0.0
    for n in range(tensors - 1, -1, -1):
        for a in range(count):
            priced[:, n, a], least[:, n, a], along[:, n, a] = np.inf, np.inf, np.inf
            for b in range(count):
                for q in range(ways):
                    c = cost[n, a, b, q]
                    if not c + least[0, n + 1, b] < np.inf:
                        continue
                    v, w = weight[0, n, a, b, q], weight[1, n, a, b, q]
                    least[0, n, a] = min(least[0, n, a], c + least[0, n + 1, b])
                    least[1, n, a] = min(least[1, n, a], v + least[1, n + 1, b])
                    least[2, n, a] = min(least[2, n, a], w + least[2, n + 1, b])
                    for i in range(len(prices)):
                        total = c + prices[i, 0] * v + prices[i, 1] * w + priced[i, n + 1, b]
                        if total < priced[i, n, a]:
                            priced[i, n, a] = total
                            if i == 0:
                                along[0, n, a] = c + along[0, n + 1, b]
                                along[1, n, a] = v + along[1, n + 1, b]
                                along[2, n, a] = w + along[2, n + 1, b]


@njit(nogil=True, error_model="numpy")
def thinned(labels, source, first, last):  # noqa: C901 (one loop nest)
    """Sort the labels from `first` to `last` by cost, keep those that none before outweighs; return their end.

    `labels` are (labels, 3): cost and two weights; `source` (labels, 3): label before, tier, precision.
    """
    size = last - first
    part, origin = labels[first:last].copy(), source[first:last].copy()
    order = np.argsort(part[:, 0])
    # The lightest so far: first weights rise, second weights fall.
    light, heavy = np.empty(size), np.empty(size)
    steps, end, i = 0, first, 0
    while i < size:
        # Equal costs come by weight: the sort leaves their order open.
        j = i
        while j < size and part[order[j], 0] == part[order[i], 0]:
            j += 1
        if j > i + 1:
            same = order[i:j].copy()
            for one in range(1, same.size):
                key, place = same[one], one
                while place > 0 and (
                    part[same[place - 1], 1] > part[key, 1]
                    or (part[same[place - 1], 1] == part[key, 1] and part[same[place - 1], 2] > part[key, 2])
                ):
                    same[place] = same[place - 1]
                    place -= 1
                same[place] = key
            order[i:j] = same
        for k in order[i:j]:
            v, w = part[k, 1], part[k, 2]
            place = np.searchsorted(light[:steps], v, side="right")  # steps before it are no heavier in the first
            if place > 0 and heavy[place - 1] <= w:
                continue
            start = place
            if place > 0 and light[place - 1] == v:
                start = place - 1
            stop = start
            while stop < steps and heavy[stop] >= w:
                stop += 1
            moved = steps - stop
            if stop > start:
                for m in range(moved):
                    light[start + 1 + m], heavy[start + 1 + m] = light[stop + m], heavy[stop + m]
            else:
                for m in range(moved - 1, -1, -1):
                    light[start + 1 + m], heavy[start + 1 + m] = light[stop + m], heavy[stop + m]
            light[start], heavy[start] = v, w
            steps = start + 1 + moved
            labels[end], source[end] = part[k], origin[k]
            end += 1
        i = j
    return end


@part
def promising(x, y, z, prices, priced, least, caps, best):
    """Whether a beginning of cost x and weights y and z may be part of a path that fits and costs less than `best`.

    `priced` (prices,) and `least` (3,) bound what follows. Many prices rule out more than the best one alone: what is
    left of the caps here may be worth more, or less, than at the start.
    """
    if y + least[1] > caps[0] or z + least[2] > caps[1] or not x + least[0] < best:
        return False
    for i in range(len(prices)):
        if not x + prices[i, 0] * (y - caps[0]) + prices[i, 1] * (z - caps[1]) + priced[i] < best:
            return False
    return True


@njit(
    types.Tuple((_F, _I))(
        array(_F, 4),
        array(_F, 5),
        array(_F, 2),
        array(_F, 1),
        _F,
        array(_F, 3),
        array(_F, 3),
        array(_F, 3),
        _I,
        array(_I, 1, False),
        array(_I, 1, False),
    ),
    nogil=True,
    error_model="numpy",
)
def search(cost, weight, prices, caps, best, priced, least, along, most, tiers, precision):  # noqa: C901 (one loop nest)
    """Search the paths that fit and cost less than `best`; return the cost of the cheapest, and the number of labels.

    Where there is none the cost is inf. The number is -1 beyond `most` labels. `priced`, `least` and `along` are those
    of `bounds_of_states`.
    """
    tensors, count, _, ways = cost.shape
    room = 1024
    labels, source = np.empty((room, 3)), np.empty((room, 3), np.int64)
    span = np.zeros((tensors + 1, count, 2), np.int64)
    labels[0], source[0] = 0.0, -1
    span[0, 0, 1] = 1
    end, dearest = 1, 0.0
    for i in range(len(prices)):
        dearest = max(dearest, abs(prices[i, 0] * caps[0]) + abs(prices[i, 1] * caps[1]))
    for n in range(tensors):
        for b in range(count):
            first = end
            bounds, alone = priced[:, n + 1, b].copy(), least[:, n + 1, b]
            for a in range(count):
                for q in range(ways):
                    c = cost[n, a, b, q]
                    if c == np.inf:
                        continue
                    v, w = weight[0, n, a, b, q], weight[1, n, a, b, q]
                    for k in range(span[n, a, 0], span[n, a, 1]):
                        x, y, z = labels[k, 0] + c, labels[k, 1] + v, labels[k, 2] + w
                        if not promising(x, y, z, prices, bounds, alone, caps, best):
                            continue
                        # The rest of least priced sum may fit: then both are a path.
                        if y + along[1, n + 1, b] <= caps[0] and z + along[2, n + 1, b] <= caps[1]:
                            whole = x + along[0, n + 1, b]
                            # A little more than it costs, so that rounding does not throw out the path itself.
                            best = min(best, whole + _LITTLE * (abs(whole) + dearest))
                        if end == room:
                            if end >= most:
                                return np.inf, -1
                            room *= 2
                            larger, sources = np.empty((room, 3)), np.empty((room, 3), np.int64)
                            larger[:end], sources[:end] = labels, source
                            labels, source = larger, sources
                        labels[end, 0], labels[end, 1], labels[end, 2] = x, y, z
                        source[end, 0], source[end, 1], source[end, 2] = k, b, q
                        end += 1
            end = thinned(labels, source, first, end)
            span[n + 1, b, 0], span[n + 1, b, 1] = first, end
    least, k = np.inf, -1
    for b in range(count):
        for one in range(span[tensors, b, 0], span[tensors, b, 1]):
            if labels[one, 0] < least:
                least, k = labels[one, 0], one
    if k < 0:
        return np.inf, end
    for n in range(tensors - 1, -1, -1):
        tiers[n], precision[n] = source[k, 1], source[k, 2]
        k = source[k, 0]
    return least, end
