"""A leaf of the tree that is linear in the columns of a program: what a formulation says of its decision in numbers.

A split's latency is one: a row of coefficients over the columns that say where each layer runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy import sparse

from . import axes as named
from .axes import Axes
from .expression import Expression

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Coefficients(NamedTuple):
    """Entries of a matrix whose rows are the entries of an expression, and whose columns are those of a program."""

    row: NDArray[np.int64]
    column: NDArray[np.int64]
    value: NDArray[np.float64]


def linear(matrix: Any, axes: Axes, owner: Any) -> Expression:
    """Return ``matrix @ columns`` over `axes`, in C order.

    Parameters
    ----------
    matrix : (entries, columns) sparse or dense float
        One row for each entry of the expression.
    owner : object
        The declaration whose variables the columns are; its first entries are these columns.
    """
    entries = sparse.coo_array(matrix)
    parts = Coefficients(
        np.asarray(entries.row, np.int64), np.asarray(entries.col, np.int64), np.asarray(entries.data, np.float64)
    )
    return Expression("linear", axes=axes, detail=parts, owner=owner)


def positions(node: Expression) -> dict[str, NDArray[np.int64]]:
    """Return along each dimension the position of every coefficient."""
    if not node.axes:
        return {}
    places = np.unravel_index(node.detail.row, named.shape(node.axes))
    return {axis.name: np.asarray(place, np.int64) for axis, place in zip(node.axes, places, strict=True)}
