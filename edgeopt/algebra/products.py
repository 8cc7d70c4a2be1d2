"""``@``: a matrix or vector times an expression, contracted over the dimension that both name."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..model.errors import InvalidProblemError
from . import axes as named
from .axes import Axis
from .expression import Expression, as_expression, plain_array
from .named_array import NamedArray

_MOST_ENTRIES = 300_000_000
"""Entries of a plain matrix that an expression holds: each of them takes tens of bytes until the rows are written."""


def matmul(left: Any, right: Any) -> Expression:
    """Return ``left @ right``; the last dimension on the left must be the first on the right.

    A plain matrix on the left, dense or sparse, has rows of no name: a dimension of their own, which aligns with plain
    arrays of the same shape only (or name it by ``rename``).

    Raises
    ------
    InvalidProblemError
        If the dimensions do not meet.
    """
    if not isinstance(left, Expression) and not isinstance(left, NamedArray):
        return _plain_left(left, right)
    if not isinstance(right, (Expression, NamedArray)):
        like = as_expression(left)
        if not hasattr(right, "tocoo") and np.ndim(right) == 1 == like.ndim and np.shape(right) == like.shape:
            product: Expression = like * right
            return product.sum()
        raise InvalidProblemError("expression @ array: name the array's dimensions, as m.array(values, 'models')")
    first, second = as_expression(left), as_expression(right)
    if not first.axes or not second.axes or first.axes[-1].name != second.axes[0].name:
        inner = first.axes[-1].name if first.axes else "none"
        raise InvalidProblemError(
            f"@ needs the last dimension on the left to be the first on the right; {named.shown(first.axes)} @ "
            f"{named.shown(second.axes)} do not meet: write (a * x).sum({inner!r})"
        )
    shared = {axis.name for axis in first.axes[:-1]} & {axis.name for axis in second.axes}
    if shared:
        raise InvalidProblemError(
            f"@: {sorted(shared)[0]!r} is a dimension of both sides besides {first.axes[-1].name!r}; write "
            f"(a * x).sum({first.axes[-1].name!r})"
        )
    return (first * second).sum(first.axes[-1].name)


def _plain_left(left: Any, right: Expression) -> Expression:
    if not right.axes:
        raise InvalidProblemError("@: the right side is a single number; write * instead")
    inner, count = right.axes[0], np.shape(left)[-1] if np.ndim(left) or hasattr(left, "shape") else 0
    if len(getattr(left, "shape", np.shape(left))) not in (1, 2) or count != inner.size:
        raise InvalidProblemError(
            f"@: a matrix of shape {np.shape(left)} meets {named.shown(right.axes)}; expected {inner.size} columns, "
            f"one for each of {inner.name!r}"
        )
    sparse = hasattr(left, "tocoo")
    entries = int(left.nnz if sparse else np.size(left))
    if entries > _MOST_ENTRIES:
        remedy = "state fewer rows" if sparse else "hand over a scipy.sparse matrix of those that are not 0"
        raise InvalidProblemError(
            f"@: a matrix of shape {np.shape(left)} has {entries:,} entries, and at most {_MOST_ENTRIES:,} are held; "
            f"{remedy}"
        )
    if sparse:
        return _sparse_left(left, right)
    array = plain_array(left)
    if array.ndim == 1:
        return (Expression("constant", axes=(inner,), detail=_real(array)) * right).sum(inner.name)
    rows = Axis(_unused("row", right), array.shape[0])
    return (Expression("constant", axes=(rows, inner), detail=_real(array)) * right).sum(inner.name)


def _sparse_left(left: Any, right: Expression) -> Expression:
    """Return a sparse matrix's product as a sum over its entries: gathered, multiplied, summed by row."""
    from .selections import grouped_by, taken_along

    inner, matrix = right.axes[0], left.tocoo()
    entry = Axis(_unused("entry", right), matrix.data.size)
    rows = Axis(_unused("row", right), matrix.shape[0])
    picked = taken_along(right, inner.name, np.asarray(matrix.col, np.int64), (entry,))
    values = Expression("constant", axes=(entry,), detail=_real(matrix.data))
    return grouped_by(values * picked, entry.name, np.asarray(matrix.row, np.int64), rows)


def _real(array: Any) -> Any:
    return as_expression(array, Expression("constant", axes=tuple(Axis(f"_{n}", n) for n in array.shape))).detail


def _unused(stem: str, expression: Expression) -> str:
    """Name that no dimension of `expression` has."""
    taken, number = expression.dims, 0
    while (name := f"{stem}{number or ''}") in taken:
        number += 1
    return name
