"""A basis from which many instances start: factorised and priced once, then copied.

Instances of a batch that share cost and start differ in their bounds alone, on which neither inverse nor duals depend.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ...model.basis import LOWER, UPPER
from .jit import part
from .simplex_start import add_column
from .simplex_state import Basis

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Kept(NamedTuple):
    """Where all instances start from one basis at one cost: its factors and duals, computed once and copied.

    Attributes
    ----------
    size : (1,) int
        Number of basic columns; -1 as long as there is nothing to copy.
    basis : Basis
    reduced, price : (n,), (m,) float
    """

    size: NDArray[np.int64]
    basis: Basis
    reduced: NDArray[np.float64]
    price: NDArray[np.float64]


@part
def _copy_basis(source, target, k):
    """Copy statuses, lists and inverse; loops, as assigning a slice would have to allow for overlaps."""
    for j in range(source.columns.size):
        target.columns[j] = source.columns[j]
        target.place[j] = -1
    for i in range(source.rows.size):
        target.rows[i] = source.rows[i]
        target.row_place[i] = -1
    for s in range(k):
        target.basic[s], target.binding[s] = source.basic[s], source.binding[s]
        target.place[source.basic[s]], target.row_place[source.binding[s]] = s, s
        for r in range(k):
            target.inverse[s, r] = source.inverse[s, r]


@part
def keep(kept, basis, point, k):
    """Keep a basis for the instances to come."""
    kept.size[0] = k
    _copy_basis(basis, kept.basis, k)
    for j in range(basis.columns.size):
        kept.reduced[j] = point.reduced[j]
    for i in range(basis.rows.size):
        kept.price[i] = point.price[i]


@part
def copy_kept(matrix, given, kept, basis, point):
    """Take over the basis that was kept: return its `k`, and whether this instance has the bounds that it rests on."""
    k = kept.size[0]
    _copy_basis(kept.basis, basis, k)
    for j in range(basis.columns.size):
        point.reduced[j] = kept.reduced[j]
    for i in range(basis.rows.size):
        point.price[i] = kept.price[i]
    ready = True
    point.fixed_part[:] = 0.0
    for j in range(basis.columns.size):
        if basis.place[j] < 0:
            side = basis.columns[j]
            value = given.lower[j] if side == LOWER else (given.upper[j] if side == UPPER else 0.0)
            point.x[j] = value
            ready = ready and np.isfinite(value)
            add_column(matrix, point.fixed_part, j, value)
    for r in range(k):
        i = basis.binding[r]
        ready = ready and np.isfinite(given.row_lower[i] if basis.rows[i] == LOWER else given.row_upper[i])
    return k, ready
