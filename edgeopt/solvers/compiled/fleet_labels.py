"""The best choice of many devices that share one row, near the choice that the row's price leads to: by labels.

At the price of the row every device has a cheapest choice; another one costs an excess, and room left free costs the
price. Few other choices have an excess below what the best known choice misses to the bound, so all their combinations
are gone through, device by device, the least excess first: a label is a combination's weight and excess. It goes where
another weighs no more and costs no more, or where nothing better comes of it (Pisinger 1995).

References
----------
D. Pisinger, "A minimal algorithm for the multiple-choice knapsack problem", European Journal of Operational Research
83(2), 1995.
"""

from __future__ import annotations

import numpy as np
from numba import types

from .jit import njit
from .signature import array

_F, _I = types.float64, types.int64


@njit(
    types.Tuple((_F, types.boolean))(
        array(_I, 1), array(_F, 1), array(_F, 1), _F, _F, _F, _F, types.intp, array(types.boolean, 1, False)
    ),
    nogil=True,
    error_model="numpy",
)
def search(first, shift, excess, price, room, allowed, missing, most, picked):  # noqa: C901
    """Write into `picked` the switches of the best choice that misses less than `missing`; return what it misses.

    Device d may switch to one of ``first[d]`` to ``first[d + 1]``, which adds ``shift`` to the weight and costs an
    ``excess``; devices, and the switches of each, come in ascending order of the excess. The choice without a switch
    leaves `room` in the row (below 0: it is too heavy), which may be missed by `allowed`. Nothing is picked where
    nothing is better. The second value says whether all was gone through: at most about `most` labels are made.
    """
    devices = first.size - 1
    # How far the devices from d on can still lower, and raise, the weight.
    down, up = np.zeros(devices + 1), np.zeros(devices + 1)
    for d in range(devices - 1, -1, -1):
        low, high = 0.0, 0.0
        for k in range(first[d], first[d + 1]):
            low, high = min(low, shift[k]), max(high, shift[k])
        down[d], up[d] = down[d + 1] + low, up[d + 1] + high
    # Of each label that was made: the one it was made from, and the switch.
    before, switch = np.empty(most, np.int64), np.empty(most, np.int64)
    made, best, complete = 0, -1, True
    old, now, new = np.zeros((most, 3)), np.empty((most, 3)), np.empty((most, 3))  # weight, excess, number
    old[0, 2], count = -1.0, 1
    for d in range(devices):
        if excess[first[d]] >= missing or not complete:
            break
        now[:count], size = old[:count], count
        for k in range(first[d], first[d + 1]):
            if excess[k] >= missing or made + count > most or size + count > most:
                complete = complete and excess[k] >= missing
                break
            # Both lists ascend in weight and descend in cost, and so does the merged one.
            i, j, merged, lowest = 0, 0, 0, np.inf
            while i < size or j < count:
                stays = j >= count or (i < size and now[i, 0] <= old[j, 0] + shift[k])
                if stays:
                    weight, more, number = now[i, 0], now[i, 1], now[i, 2]
                    i += 1
                else:
                    weight, more, number = old[j, 0] + shift[k], old[j, 1] + excess[k], old[j, 2]
                    j += 1
                cost = more - price * weight
                dominated = cost >= lowest or more >= missing
                heavy = weight + down[d] > room + allowed
                if dominated or heavy or more + price * (room - weight - up[d]) >= missing:
                    continue
                lowest = cost
                if not stays:
                    before[made], switch[made] = np.int64(number), k
                    number = float(made)
                    made += 1
                    misses = more + price * (room - weight)
                    if weight <= room + allowed and misses < missing:
                        missing, best = misses, made - 1
                new[merged, 0], new[merged, 1], new[merged, 2] = weight, more, number
                merged += 1
            now, new, size = new, now, merged
        # What is worth a switch of a further device.
        count = 0
        if d + 1 < devices:
            further = excess[first[d + 1]]
            for i in range(size):
                if now[i, 1] + further < missing and now[i, 0] + down[d + 1] <= room + allowed:
                    old[count] = now[i]
                    count += 1
    picked[:] = False
    while best >= 0:
        picked[switch[best]] = True
        best = before[best]
    return missing, complete
