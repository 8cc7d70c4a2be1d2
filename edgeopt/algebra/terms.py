"""Lowering: every linear tree is a sum of terms, each a coefficient, a column and a row over a space that is iterated.

A term keeps its arrays apart by axis: a variable over requests and models is one short array of positions for each, and
no large array is made before the entries are written where they belong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np

from .linear import positions
from .values import Values, addends

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .axes import Axes
    from .expression import Expression
    from .scalars import Scalars

Part = tuple[tuple[int, ...], Any]
"""Identities of the iterated axes, and an array over them."""

_identities = count()


@dataclass(frozen=True, slots=True)
class Term:
    """``scale * product(factors) * x[base + sum(columns)]`` in row ``rows``, for every point of the iterated space.

    Attributes
    ----------
    sizes : dict
        Length of each iterated axis, by its identity.
    rows : dict
        For each dimension of the result its iterated axis, and positions along it (None: one after the other).
    base, columns
        Position of the variable's entry among all entries: the sum of a number and of arrays over iterated axes.
    factors : tuple of Part
        Arrays that are multiplied.
    """

    sizes: dict[int, int]
    rows: dict[str, tuple[int, NDArray[np.int64] | None]]
    base: int
    columns: tuple[Part, ...]
    factors: tuple[Part, ...]
    scale: float


def _with(term: Term, scale: float, rows: Any = None) -> Term:
    """Return the term with another scale and rows; ``dataclasses.replace`` would take five times as long."""
    return Term(term.sizes, term.rows if rows is None else rows, term.base, term.columns, term.factors, scale)


def lowered(node: Expression, values: Values) -> list[Term]:
    """Return the terms of `node` that hold variables."""
    found = []
    for sign, part in addends(node):
        if part.owner is not None:
            terms = _LOWERERS[part.kind](part, values)
            found += terms if sign > 0 else [_with(term, scale=-term.scale) for term in terms]
    return found


def _variable(node: Expression, values: Values) -> list[Term]:
    sizes: dict[int, int] = {}
    rows: dict[str, tuple[int, NDArray[np.int64] | None]] = {}
    columns: list[Part] = []
    stride = 1
    for axis in reversed(node.axes):
        one = next(_identities)
        sizes[one] = axis.size
        rows[axis.name] = (one, None)
        columns.append(((one,), np.arange(axis.size, dtype=np.int64) * stride))
        stride *= axis.size
    return [Term(sizes, rows, node.detail.start, tuple(columns), (), 1.0)]


def _scalars(node: Scalars, values: Values) -> list[Term]:
    from .values import picked

    found = []
    for coefficient, column, field, place in node.terms:
        factor = coefficient if field is None else coefficient * float(picked(values, field, place))
        found.append(Term({}, {}, column, (), (), factor))
    return found


def _linear(node: Expression, values: Values) -> list[Term]:
    """One iterated axis runs over all coefficients; every dimension of the result is read along it."""
    one = next(_identities)
    rows = {name: (one, places) for name, places in positions(node).items()}
    _, column, coefficient = node.detail
    return [Term({one: column.size}, dict(rows), 0, (((one,), column),), (((one,), coefficient),), 1.0)]


def _apply(node: Expression, values: Values) -> list[Term]:
    first = node.operands[0]
    if node.detail == "divide":
        divisor = node.operands[1]
        inverse = values.arithmetic.apply("divide", 1.0, values.of(divisor))
        return [_multiplied(term, inverse, divisor.axes) for term in lowered(first, values)]
    data, linear = (first, node.operands[1]) if first.owner is None else (node.operands[1], first)
    array = values.of(data)
    return [_multiplied(term, array, data.axes) for term in lowered(linear, values)]


def _multiplied(term: Term, array: Any, axes: Axes) -> Term:
    """Return the term times data; dimensions of the data that it lacks are iterated over as well."""
    if not axes:
        return _with(term, scale=term.scale * float(array))
    sizes, rows, own = dict(term.sizes), dict(term.rows), []
    for place, axis in enumerate(axes):
        if axis.name not in rows:
            one = next(_identities)
            sizes[one], rows[axis.name] = axis.size, (one, None)
        one, positions = rows[axis.name]
        if positions is not None:
            array = np.take(array, positions, axis=place)
        own.append(one)
    factors = (*term.factors, _distinct(tuple(own), array))
    return Term(sizes, rows, term.base, term.columns, factors, term.scale)


def _distinct(axes: tuple[int, ...], array: Any) -> Part:
    """Return a part whose axes stand once each: of an axis that stands twice, the diagonal."""
    while (twice := next((one for one in axes if axes.count(one) > 1), None)) is not None:
        first, second = (place for place, one in enumerate(axes) if one == twice)
        array = np.diagonal(array, axis1=first, axis2=second)
        axes = (*(one for place, one in enumerate(axes) if place not in (first, second)), twice)
    return axes, array


def _reduce(node: Expression, values: Values) -> list[Term]:
    found = []
    for term in lowered(node.operands[0], values):
        rows, scale = dict(term.rows), term.scale
        for axis in node.detail[1]:
            if rows.pop(axis.name, None) is None:
                scale *= axis.size
        found.append(_with(term, rows=rows, scale=scale))
    return found


def _take(node: Expression, values: Values) -> list[Term]:
    name, index, axes, _ = node.detail
    return [_taken(term, name, index, axes) for term in lowered(node.operands[0], values)]


def _taken(term: Term, name: str, index: NDArray[np.int64], axes: Axes) -> Term:
    if name not in term.rows:
        return term  # it is the same along that dimension, so wherever it is read
    if not axes:
        return _joined(term, name, index.reshape(1), None)
    if len(axes) == 1 and axes[0].name not in {n for n in term.rows if n != name}:
        return _joined(term, name, index, axes[0].name)
    return _gridded(term, name, index, axes)


def _joined(term: Term, name: str, index: NDArray[np.int64], new: str | None) -> Term:
    """Return the term at the positions `index` of a dimension; every entry that lies at one of them is iterated."""
    old, positions = term.rows[name]
    if positions is None:
        entries, result = index, None
    else:
        order = np.argsort(positions, kind="stable")
        start = np.searchsorted(positions, index, side="left", sorter=order)
        length = np.searchsorted(positions, index, side="right", sorter=order) - start
        result = np.repeat(np.arange(index.size), length)
        within = np.arange(result.size) - np.repeat(np.cumsum(length) - length, length)
        entries = order[np.repeat(start, length) + within]
    # Several dimensions may be iterated by one axis (a diagonal); they are read along it all together.
    rows = {n: (one, p) for n, (one, p) in term.rows.items() if n != name}
    one = next(_identities)
    for other, (axis, places) in rows.items():
        if axis == old:
            rows[other] = (one, entries if places is None else places[entries])
    if new is not None:
        rows[new] = (one, result)
    return _regathered(term, rows, old, one, entries)


def _regathered(term: Term, rows: Any, old: int, new: int, entries: NDArray[np.int64]) -> Term:
    def gathered(part: Part) -> Part:
        axes, array = part
        if old not in axes:
            return part
        place = axes.index(old)
        return (*axes[:place], new, *axes[place + 1 :]), np.take(array, entries, axis=place)

    sizes = {one: size for one, size in term.sizes.items() if one != old} | {new: entries.size}
    return replace(
        term,
        sizes=sizes,
        rows=rows,
        columns=tuple(map(gathered, term.columns)),
        factors=tuple(map(gathered, term.factors)),
    )


def _gridded(term: Term, name: str, index: NDArray[np.int64], axes: Axes) -> Term:
    """Return the term at an index over several dimensions, or over one that the term has: as one iterated axis."""
    sizes, rows = dict(term.sizes), dict(term.rows)
    target = rows.pop(name)
    wide = replace(term, sizes=sizes, rows=rows)
    for axis in axes:
        if axis.name not in rows:
            one = next(_identities)
            sizes[one], rows[axis.name] = axis.size, (one, None)
    involved = list(dict.fromkeys([target[0], *(rows[axis.name][0] for axis in axes)]))
    grids = [grid.ravel() for grid in np.indices([sizes[one] for one in involved])]
    at = dict(zip(involved, grids, strict=True))
    where = tuple(_places(rows[axis.name], at) for axis in axes)
    kept = np.flatnonzero(_places(target, at) == index[where])
    one = next(_identities)
    merged = {n: (one, _places(row, at)[kept]) if row[0] in at else row for n, row in rows.items()}

    def flat(part: Part) -> Part:
        own, array = part
        if not set(own) & set(involved):
            return part
        inside = [place for place, a in enumerate(own) if a in at]
        outside = [place for place, a in enumerate(own) if a not in at]
        moved = np.asarray(array).transpose([*inside, *outside])
        return (one, *(own[p] for p in outside)), moved[tuple(at[own[p]][kept] for p in inside)]

    left = {a: size for a, size in sizes.items() if a not in at} | {one: kept.size}
    return replace(
        wide, sizes=left, rows=merged, columns=tuple(map(flat, term.columns)), factors=tuple(map(flat, term.factors))
    )


def _places(row: tuple[int, NDArray[np.int64] | None], at: Mapping[int, NDArray[np.int64]]) -> NDArray[np.int64]:
    one, positions = row
    return at[one] if positions is None else positions[at[one]]


def _group(node: Expression, values: Values) -> list[Term]:
    name, index, into, _ = node.detail
    found = []
    for term in lowered(node.operands[0], values):
        rows, sizes = dict(term.rows), dict(term.sizes)
        if name not in rows:
            one = next(_identities)
            sizes[one], rows[name] = index.size, (one, None)
        one, positions = rows.pop(name)
        rows[into.name] = (one, index if positions is None else index[positions])
        found.append(replace(term, rows=rows, sizes=sizes))
    return found


def _shift(node: Expression, values: Values) -> list[Term]:
    operand, first = node.operands
    size = next(axis.size for axis in node.axes if axis.name == node.detail)
    found = []
    for term in lowered(operand, values):
        wide = _with_axis(term, node.detail, size)
        before = _joined(wide, node.detail, np.arange(max(0, size - 1)), node.detail)
        found.append(_moved(before, node.detail, 1))
    for term in lowered(first, values) if size else []:
        found.append(_with_axis(term, node.detail, 1))
    return found


def _with_axis(term: Term, name: str, size: int) -> Term:
    if name in term.rows:
        return term
    one = next(_identities)
    return replace(term, sizes=term.sizes | {one: size}, rows=term.rows | {name: (one, np.arange(size))})


def _moved(term: Term, name: str, by: int) -> Term:
    one, positions = term.rows[name]
    places = np.arange(term.sizes[one]) if positions is None else positions
    return replace(term, rows=term.rows | {name: (one, places + by)})


def _rename(node: Expression, values: Values) -> list[Term]:
    names = {old.name: new.name for old, new in zip(node.operands[0].axes, node.axes, strict=True)}
    return [
        replace(term, rows={names[n]: row for n, row in term.rows.items()})
        for term in lowered(node.operands[0], values)
    ]


_LOWERERS: dict[str, Callable[[Any, Values], list[Term]]] = {
    "variable": _variable,
    "scalars": _scalars,
    "linear": _linear,
    "apply": _apply,
    "reduce": _reduce,
    "take": _take,
    "group": _group,
    "shift": _shift,
    "rename": _rename,
}
