"""The fastest pipeline whose stages are within a limit: one pass over tiers and cuts, its windows moving forwards."""

from __future__ import annotations

import numpy as np
from numba import types

from .jit import njit
from .signature import array

_F, _I = types.float64, types.int64


@njit(
    types.UniTuple(_F, 2)(
        array(_F, 2),
        array(_I, 2),
        array(_F, 2),
        array(_F, 2),
        array(types.boolean, 1),
        _F,
        array(_F, 2, False),
        array(_I, 1, False),
    ),
    nogil=True,
    error_model="numpy",
)
def fastest(work, first, crossing, slowest, cuts, limit, bounds, tiers):  # noqa: C901 (one loop nest)
    """Find the least latency with stages within `limit`; return it, and the shortest stage that was too long.

    The arrays are those of :class:`~edgeopt.formulations.pipelined_split.stages.Stages`. Into `bounds` (tiers, layers
    + 1) goes the least latency up to each cut, into `tiers` (layers,) the placement. Below the shortest stage that was
    too long, every limit allows what this one does.
    """
    count, size = work.shape
    came = np.zeros((count, size), np.int64)
    entry, queue = np.full(size, np.inf), np.empty(size, np.int64)
    entry[0] = 0.0
    rejected = np.inf
    for k in range(count):
        head, tail, start = 0, 0, 0  # cuts in the queue, least entry less work first
        for j in range(size):
            if entry[j] < np.inf:
                key = entry[j] - work[k, j]
                while tail > head and entry[queue[tail - 1]] - work[k, queue[tail - 1]] >= key:
                    tail -= 1
                queue[tail] = j
                tail += 1
            while start < j and (start < first[k, j] or work[k, j] - work[k, start] > limit):
                if start >= first[k, j]:
                    rejected = min(rejected, work[k, j] - work[k, start])
                start += 1
            while head < tail and queue[head] < start:
                head += 1
            if head < tail:
                i = queue[head]
                bounds[k, j], came[k, j] = entry[i] + (work[k, j] - work[k, i]), i
            else:
                bounds[k, j] = np.inf
        if k < count - 1:
            for j in range(size):
                entry[j] = np.inf
                if cuts[j] and bounds[k, j] < np.inf:
                    if slowest[k, j] <= limit:
                        entry[j] = bounds[k, j] + crossing[k, j]
                    else:
                        rejected = min(rejected, slowest[k, j])
    best, k = np.inf, -1
    for one in range(count):
        if bounds[one, size - 1] < best:
            best, k = bounds[one, size - 1], one
    j = size - 1
    while k >= 0:
        for n in range(came[k, j], j):
            tiers[n] = k
        j = came[k, j]
        k -= 1
    return best, rejected
