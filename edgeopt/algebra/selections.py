"""Selections along dimensions: slices, masks, index fields, groups, and the position before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..model.errors import InvalidProblemError
from . import axes as named
from . import scalars as scalars
from .axes import Axes, Axis
from .expression import Expression, as_expression
from .named_array import NamedArray

if TYPE_CHECKING:
    from numpy.typing import NDArray


def taken(operand: Expression, key: Any) -> Expression:
    """Return ``operand[key]``: one key a dimension, in their order.

    A number drops its dimension; a slice, a mask or a plain list of positions keeps its name with fewer positions; an
    index field puts its own dimensions in the place of the one that it points into.
    """
    keys = key if type(key) is tuple else (key,)
    if len(keys) > len(operand.axes):
        raise InvalidProblemError(
            f"{len(keys)} indices for the dimensions {named.shown(operand.axes)}; give at most one for each"
        )
    if operand.kind in ("variable", "field") and len(keys) == len(operand.axes) and all(type(k) is int for k in keys):
        return scalars.entry(operand, keys)
    found = operand
    for axis, one in zip(operand.axes, keys, strict=False):
        found = _taken_one(found, axis, one)
    return found


def _taken_one(operand: Expression, axis: Axis, key: Any) -> Expression:
    if isinstance(key, slice):
        if key == slice(None):
            return operand
        index = np.arange(axis.size)[key]
        return _take(operand, axis.name, index, (Axis(axis.name, index.size),), ("slice", key))
    if isinstance(key, (int, np.integer)) and not isinstance(key, bool):
        index = np.asarray(_within(np.asarray(key), axis))
        return _take(operand, axis.name, index, (), ("position", int(index)))
    if isinstance(key, Expression) or key is None or key is Ellipsis:
        raise InvalidProblemError(
            f"index {key!r} along {axis.name!r}: indices are whole numbers or booleans that are known while the "
            "problem is declared: an Index or Mask field, a list, m.constant(self.field) compared"
        )
    if isinstance(key, NamedArray) and key.axes is not None and key.dtype.kind in "iu":
        if key.into and key.into != axis.name:
            raise InvalidProblemError(f"{key.name or 'the index'} points into {key.into!r}, not into {axis.name!r}")
        return _take(operand, axis.name, _within(np.asarray(key), axis), key.axes, ("index", key.name))
    plain = np.asarray(key)
    if plain.dtype == bool:
        if plain.shape != (axis.size,):
            raise InvalidProblemError(
                f"a mask of shape {plain.shape} along {axis.name!r}; expected ({axis.size},), one a position"
            )
        plain = np.flatnonzero(plain)
    if plain.ndim != 1 or plain.dtype.kind not in "iu":
        raise InvalidProblemError(f"index {key!r} along {axis.name!r}; expected positions, a slice or a mask")
    return _take(operand, axis.name, _within(plain, axis), (Axis(axis.name, plain.size),), ("positions", ""))


def _within(index: NDArray[Any], axis: Axis) -> NDArray[np.int64]:
    """Return positions from 0 on; single ones may count from the end, as in numpy."""
    if index.ndim == 0 and index < 0:
        index = index + axis.size
    bad = (index < 0) | (index >= axis.size)
    if bad.any():
        value = int(np.atleast_1d(index)[np.atleast_1d(bad)][0])
        raise InvalidProblemError(
            f"index {value} along {axis.name!r} is outside its {axis.size} positions, which count from 0"
        )
    return index.astype(np.int64)


def taken_along(operand: Expression, name: str, index: NDArray[np.int64], axes: Axes) -> Expression:
    """Return `operand` with the dimension `name` replaced by `axes`, along which `index` says which position."""
    return _take(operand, name, index, axes, ("positions", ""))


def _take(operand: Expression, name: str, index: NDArray[np.int64], axes: Axes, symbol: tuple[str, Any]) -> Expression:
    place = named.position(operand.axes, name, "[]")
    before, after = operand.axes[:place], operand.axes[place + 1 :]
    # An index over a dimension that is there already picks position by position: y[user, site_of_user].
    result = named.union((before, axes, after), "[]")
    return Expression("take", (operand,), result, (name, index, axes, symbol))


def grouped(operand: Expression, group: Any, into: str | None) -> Expression:
    """Return ``operand.sum_by(group, into)``: see :meth:`Expression.sum_by`."""
    if not isinstance(group, NamedArray) or group.axes is None or len(group.axes) != 1 or group.dtype.kind not in "iu":
        raise InvalidProblemError("sum_by needs an Index field over one dimension, as self.user_of_pair")
    target = into or group.into
    size = group.sizes.get(target)
    if not target or size is None:
        raise InvalidProblemError(
            f"sum_by: {group.name or 'the index'} points into {target or 'no dimension'!r}, whose size is not known; "
            "declare the field with into=, and where no field has that dimension say m.dimension(name, size)"
        )
    axis = group.axes[0]
    place = named.position(operand.axes, axis.name, f"sum_by({group.name})")
    if operand.axes[place].size != axis.size:
        raise InvalidProblemError(f"sum_by({group.name}): {axis.name!r} has {operand.axes[place].size} positions here")
    return grouped_by(
        operand, axis.name, _within(np.asarray(group), Axis(target, size)), Axis(target, size), group.name
    )


def grouped_by(operand: Expression, name: str, index: NDArray[np.int64], into: Axis, symbol: str = "") -> Expression:
    """Return the sums over the positions of `name` that `index` puts to the same position of `into`."""
    place = named.position(operand.axes, name, "sum_by")
    rest = operand.axes[:place] + operand.axes[place + 1 :]
    if into.name in named.names(rest):
        raise InvalidProblemError(f"sum_by: {into.name!r} is a dimension of the expression already")
    axes = (*operand.axes[:place], into, *operand.axes[place + 1 :])
    return Expression("group", (operand,), axes, (name, index, into, symbol))


def shifted(operand: Expression, dimension: str, first: Any) -> Expression:
    """Return ``operand.previous(dimension, first)``: see :meth:`Expression.previous`."""
    place = named.position(operand.axes, dimension, "previous")
    rest = operand.axes[:place] + operand.axes[place + 1 :]
    start = as_expression(first, Expression("constant", axes=rest, detail=None))
    if extra := [axis for axis in start.axes if axis not in rest]:
        raise InvalidProblemError(f"previous: first has the dimension {extra[0].name!r}, which the expression lacks")
    return Expression("shift", (operand, start), operand.axes, dimension)
