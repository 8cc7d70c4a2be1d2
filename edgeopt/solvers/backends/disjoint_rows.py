"""Rows that count columns and share none (a floor per day, a ceiling per user): exact, by one selection for each row.

A row that counts all columns, as the share of local samples does, may stand beside them: where the groups' own choice
satisfies it too, it is worth nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .row_prices import PricedRows


class Chosen(NamedTuple):
    """The columns taken, and the prices of the rows that prove them optimal."""

    taken: NDArray[np.bool_]
    price: NDArray[np.float64]


def chosen_in_groups(rows: PricedRows) -> Chosen | None:
    """Return the optimum where the rows are disjoint counts with whole sides that can be met; None elsewhere."""
    from ..compiled.disjoint_groups import choose_in_groups

    indptr, indices, data = rows.entries
    if not rows.rows or not rows.columns or rows.matrix.nnz > 3 * rows.columns or not (data == 1.0).all():
        return None
    if not all((side == np.round(side)).all() for side in (rows.lower, rows.upper)):
        return None
    wide = np.bincount(indices, minlength=rows.rows) == rows.columns
    if wide.all():
        wide[0] = False
    part = rows.matrix[~wide] if wide.any() else rows.matrix
    if np.diff(part.indptr).max() > 1:
        return None
    taken, price = np.empty(rows.columns, bool), np.zeros(rows.rows)
    own = np.zeros(part.shape[0])
    sides = rows.lower[~wide], rows.upper[~wide]
    indptr, indices = part.indptr.astype(np.int32), part.indices.astype(np.int32)
    if not choose_in_groups(indptr, indices, rows.cost, *sides, own, taken):
        return None
    count = taken.sum()
    if (count < rows.lower[wide]).any() or (count > rows.upper[wide]).any():
        return None
    price[~wide] = own
    return Chosen(taken, price)
