"""A look at the sizes of a batch's numbers, short enough to be taken before every batch."""

from __future__ import annotations

import numpy as np
from numba import types

from .jit import njit
from .signature import array


@njit(types.boolean(array(types.float64, 2), types.float64, types.float64), nogil=True, error_model="numpy")
def within(part, smallest, largest):
    """Whether each column's largest finite size of the batch (batch, columns) is 0 or lies between the two."""
    size = np.zeros(part.shape[1])
    for b in range(part.shape[0]):
        for j in range(part.shape[1]):
            value = abs(part[b, j])
            if size[j] < value < np.inf:
                size[j] = value
    outside = (size > largest) | ((size > 0.0) & (size < smallest))
    return not outside.any()
