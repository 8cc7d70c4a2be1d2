"""The value of a tree at a point, on plain arrays: what the judge reads, by code that the compiler does not share.

The same reader works in rational numbers, under torch, for a batch (one more axis in front of everything), and for
magnitudes (each term taken absolutely), which say how much of a value may be rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from .arithmetic import Arithmetic
from .axes import Axes

if TYPE_CHECKING:
    from .expression import Expression
    from .scalars import Scalars

_NUMPY = Arithmetic()


class Values:
    """Reader of values.

    Parameters
    ----------
    fields, points : mapping
        Array of each field and of each variable; with a batch one axis more in front, of the batch's length or 1.
    arithmetic : Arithmetic
        What the arrays are.
    batched : bool
        Whether arrays carry that axis.
    magnitude : bool
        Whether each term of variables is taken absolutely.
    """

    def __init__(
        self,
        fields: Mapping[str, Any],
        points: Mapping[str, Any],
        arithmetic: Arithmetic = _NUMPY,
        *,
        batched: bool = False,
        magnitude: bool = False,
    ) -> None:
        self.fields, self.points, self.arithmetic = fields, points, arithmetic
        self.lead = 1 if batched else 0
        self.data = Values(fields, points, arithmetic, batched=batched) if magnitude else None
        self._known: dict[int, tuple[Expression, Any]] = {}
        self._flat: Any = None

    def of(self, node: Expression) -> Any:
        """Return the value of `node`, an array over its axes."""
        if (known := self._known.get(id(node))) is not None:
            return known[1]
        if self.data is not None and node.owner is None:
            found = self.arithmetic.apply("absolute", self.data.of(node))
        else:
            found = self.arithmetic.as_array(_READERS[node.kind](self, node))
        if node.operands:  # kept with the node, so that no other one can get its identity
            self._known[id(node)] = (node, found)
        return found

    def over(self, node: Expression, axes: Axes) -> Any:
        """Return the value of `node` with its axes in the places that they have in `axes`, length 1 for others."""
        return self.expanded(self.of(node), node.axes, axes)

    def expanded(self, array: Any, own: Axes, axes: Axes) -> Any:
        """Return an array over `own` with the axes of `axes`, length 1 where it lacks one."""
        if own == axes:
            return array
        places = {axis.name: place for place, axis in enumerate(own)}
        order = [places[axis.name] for axis in axes if axis.name in places]
        if order != sorted(order):
            array = self.arithmetic.moved(array, [*range(self.lead), *(self.lead + place for place in order)])
        return array.reshape([*array.shape[: self.lead], *(a.size if a.name in places else 1 for a in axes)])

    def full(self, node: Expression, axes: Axes) -> Any:
        """Return the value of `node` broadcast over `axes`."""
        array = self.over(node, axes)
        wanted = (*array.shape[: self.lead], *(axis.size for axis in axes))
        return array if tuple(array.shape) == wanted else self.arithmetic.spread(array, wanted)

    def flat_points(self, start: Mapping[str, int]) -> Any:
        """Return the entries of all variables one after the other, as ``start`` numbers them."""
        if self._flat is None:
            ordered = sorted(start, key=lambda name: start[name])
            parts = [self.points[name].reshape([*self.points[name].shape[: self.lead], -1]) for name in ordered]
            self._flat = self.arithmetic.joined(parts, self.lead)
        return self._flat


def _field(values: Values, node: Expression) -> Any:
    return values.fields[node.detail]


def _variable(values: Values, node: Expression) -> Any:
    point = values.points[node.detail.name]
    return point if values.data is None else values.arithmetic.apply("absolute", point)


def _constant(values: Values, node: Expression) -> Any:
    found = values.arithmetic.constant(node.detail)
    return found.reshape([1, *found.shape]) if values.lead else found


def _scalars(values: Values, node: Scalars) -> Any:
    """Sum of picked entries."""
    magnitude = values.data is not None
    flat: Any = values.flat_points(node.owner.starts) if node.terms else None
    total: Any = values.arithmetic.constant(np.asarray(abs(node.offset) if magnitude else node.offset))
    for coefficient, column, field, place in node.terms:
        part = (abs(coefficient) if magnitude else coefficient) * values.arithmetic.constant(np.asarray(1.0))
        if field is not None:
            factor = picked(values, field, place)
            part = part * (abs(factor) if magnitude else factor)
        entry: Any = flat[..., column]
        total = total + part * (abs(entry) if magnitude else entry)
    for coefficient, field, place in node.references:
        part = values.arithmetic.constant(np.asarray(coefficient)) * picked(values, field, place)
        total = total + (abs(part) if magnitude else part)
    total = values.arithmetic.as_array(total)
    return total if not values.lead or total.ndim else total.reshape([1])


def _linear(values: Values, node: Expression) -> Any:
    """Sum of coefficients times columns, entry by entry."""
    row, column, coefficient = node.detail
    part = values.arithmetic.constant(coefficient)
    if values.lead:
        part = part.reshape([1, -1])
    part = part * values.flat_points(node.owner.starts)[..., column]
    if values.data is not None:
        part = values.arithmetic.apply("absolute", part)
    found = values.arithmetic.grouped(part, row, values.lead, node.size)
    return found.reshape([*found.shape[: values.lead], *node.shape])


def picked(values: Values, field: str, place: Any) -> Any:
    """Return entries of a field by their positions among all its entries."""
    array = values.fields[field]
    return array.reshape([*array.shape[: values.lead], -1])[..., place]


def _apply(values: Values, node: Expression) -> Any:
    if node.detail in ("add", "subtract"):
        return _sum_of_addends(values, node)
    signs = values.data is not None and node.owner is not None
    if signs and node.detail == "negative":
        return values.of(node.operands[0])
    return values.arithmetic.apply(node.detail, *(values.over(operand, node.axes) for operand in node.operands))


def addends(node: Expression) -> list[tuple[float, Expression]]:
    """Return what a sum adds up, each with its sign; a stack, not recursion: sums may be thousands deep."""
    found: list[tuple[float, Expression]] = []
    stack = [(1.0, node)]
    while stack:
        sign, part = stack.pop()
        if part.kind == "apply" and part.detail in ("add", "subtract"):
            first, second = part.operands
            stack.append((-sign if part.detail == "subtract" else sign, second))
            stack.append((sign, first))
        elif part.kind == "apply" and part.detail == "negative":
            stack.append((-sign, part.operands[0]))
        else:
            found.append((sign, part))
    return found


def _sum_of_addends(values: Values, node: Expression) -> Any:
    total = None
    for sign, part in addends(node):
        value = values.over(part, node.axes)
        if total is None:
            total = -value if sign < 0 and values.data is None else value
        else:
            total = total - value if sign < 0 and values.data is None else total + value
    total = values.arithmetic.as_array(total)
    wanted = (*total.shape[: values.lead], *(axis.size for axis in node.axes))
    return total if tuple(total.shape) == wanted else values.arithmetic.spread(total, wanted)


def _reduce(values: Values, node: Expression) -> Any:
    operation, over = node.detail
    operand = node.operands[0]
    array = values.of(operand)
    places = tuple(values.lead + place for place, axis in enumerate(operand.axes) if axis in over)
    if operation == "sum":
        return values.arithmetic.total(array, places)
    return values.arithmetic.extreme(operation, array, places)


def _take(values: Values, node: Expression) -> Any:
    name, index, axes, _ = node.detail
    operand = node.operands[0]
    place = next(i for i, axis in enumerate(operand.axes) if axis.name == name)
    array = values.of(operand)
    rest = operand.axes[:place] + operand.axes[place + 1 :]
    if not set(axes) & set(rest):
        return array[(slice(None),) * (values.lead + place) + (index,)]
    # An index over a dimension that stays: entry by entry, by an open grid over the result's axes.
    grid = []
    for axis in operand.axes:
        own, positions = (axes, index) if axis.name == name else ((axis,), np.arange(axis.size))
        order = sorted(range(len(own)), key=lambda i: node.axes.index(own[i]))
        grid.append(positions.transpose(order).reshape([a.size if a in own else 1 for a in node.axes]))
    return array[(slice(None),) * values.lead + tuple(grid)]


def _group(values: Values, node: Expression) -> Any:
    name, index, into, _ = node.detail
    operand = node.operands[0]
    place = next(i for i, axis in enumerate(operand.axes) if axis.name == name)
    return values.arithmetic.grouped(values.of(operand), index, values.lead + place, into.size)


def _shift(values: Values, node: Expression) -> Any:
    operand, first = node.operands
    place = next(i for i, axis in enumerate(operand.axes) if axis.name == node.detail)
    array = values.of(operand)
    one = tuple(axis._replace(size=1) if axis.name == node.detail else axis for axis in operand.axes)
    start = values.expanded(values.of(first), first.axes, one)
    at = values.lead + place
    rest = array[(slice(None),) * at + (slice(0, -1),)]
    # In a batch one of the two may be the same for all instances.
    lead = [max(array.shape[0], start.shape[0])] if values.lead else []
    shape = [axis.size for axis in operand.axes]
    whole = [
        values.arithmetic.spread(part, (*lead, *shape[:place], size, *shape[place + 1 :]))
        for part, size in ((start, 1), (rest, max(0, shape[place] - 1)))
    ]
    return values.arithmetic.joined(whole if shape[place] else whole[1:], at)


def _rename(values: Values, node: Expression) -> Any:
    return values.of(node.operands[0])


_READERS: dict[str, Callable[[Values, Any], Any]] = {
    "field": _field,
    "variable": _variable,
    "constant": _constant,
    "scalars": _scalars,
    "linear": _linear,
    "apply": _apply,
    "reduce": _reduce,
    "take": _take,
    "group": _group,
    "shift": _shift,
    "rename": _rename,
}
