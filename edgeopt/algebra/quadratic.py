"""Squares in the objective: each is taken out of the tree, so that what is left is linear in it.

A square stands in the tree like a variable: sums, means, products with data and picks of it are lowered as those of a
variable are, and give the factor that every square has in the end. What is squared is lowered as a row is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..model.errors import InvalidProblemError
from . import axes as named
from .constants import constant_part, total
from .entries import entries_of
from .expression import Expression
from .terms import lowered
from .values import addends

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from .declaration import Declaration
    from .values import Values


@dataclass(frozen=True, eq=False)
class Square:
    """One square of the tree.

    Attributes
    ----------
    inner : Expression
        What is squared.
    start : int
        Position of its first entry, behind those of all variables and of the squares before it.
    """

    inner: Expression
    start: int


def separated(goal: Expression, entries: int) -> tuple[Expression, list[Square]]:
    """Return the objective with a variable in the place of each square, and the squares.

    Parameters
    ----------
    entries : int
        Number of entries of all variables.
    """
    found: dict[int, tuple[Expression, Square]] = {}
    return _separated(goal, entries, found), [square for _, square in found.values()]


def _separated(node: Expression, entries: int, found: dict[int, tuple[Expression, Square]]) -> Expression:
    if not node.curved:
        return node
    if node.kind == "apply" and node.detail == "square":
        if id(node) not in found:
            start = entries + sum(square.inner.size for _, square in found.values())
            square = Square(node.operands[0], start)
            found[id(node)] = Expression("variable", axes=node.axes, detail=square, owner=node.owner), square
        return found[id(node)][0]
    if node.kind == "apply" and node.detail in ("add", "subtract", "negative"):
        # Sums may be thousands deep.
        parts = [(sign, _separated(part, entries, found)) for sign, part in addends(node)]
        whole = total(parts)
        assert whole is not None  # a sum has addends
        return whole
    return Expression(node.kind, tuple(_separated(o, entries, found) for o in node.operands), node.axes, node.detail)


def rows_of(squares: list[Square], values: Values, entries: int) -> tuple[Any, NDArray[np.float64]]:
    """Return (rows, columns, coefficients) of what is squared, over all variables' entries, and its constants."""
    parts: list[tuple[Any, ...]] = []
    offsets = []
    first = squares[0].start
    for square in squares:
        axes = square.inner.axes
        row, column, data = entries_of(lowered(square.inner, values), axes, entries)
        parts.append((np.asarray(row, np.int64) + (square.start - first), column, data))
        constant = constant_part(square.inner)
        own = np.zeros(square.inner.size)
        if constant is not None:
            own.reshape(square.inner.shape)[...] = values.over(constant, axes)
        offsets.append(own)
    return tuple(np.concatenate(column) for column in zip(*parts, strict=True)), np.concatenate(offsets)


def check_weights(m: Declaration, squares: list[Square], weight: NDArray[np.float64], values: Values) -> None:
    """Raise where a square makes the objective not convex.

    Parameters
    ----------
    weight : (squares,) float
        Factor of each square in the objective.

    Raises
    ------
    InvalidProblemError
        Names the square, its factor, and the field in which that stands where it is known.
    """
    with np.errstate(invalid="ignore"):
        wrong = ~(m.sense.sign * weight >= 0) | ~np.isfinite(weight)
    if not wrong.any():
        return
    place = int(wrong.argmax())
    first = squares[0].start
    square = next(s for s in reversed(squares) if s.start - first <= place)
    index = np.unravel_index(place - (square.start - first), square.inner.shape) if square.inner.axes else ()
    at = f" at {[int(i) for i in index]} of {named.shown(square.inner.axes)}" if index else ""
    assert m.goal is not None  # the squares are of it
    blamed = next(_wrong_factors(m.goal, values, m.sense.sign), "")
    wanted, shape = ("at least 0", "convex") if m.sense.sign > 0 else ("at most 0", "concave")
    raise InvalidProblemError(
        f"the objective, to {m.sense}, multiplies a square{at} by {float(weight[place])!r}{blamed}; squares need a "
        f"finite factor of {wanted}, else the objective is not {shape}"
    )


def _wrong_factors(node: Expression, values: Values, sign: float) -> Iterator[str]:
    """Yield the fields, or what is made of them, that multiply squares by a number of the wrong sign."""
    if not node.curved or (node.kind == "apply" and node.detail == "square"):
        return
    if node.kind == "apply" and node.detail in ("add", "subtract", "negative"):
        for turned, part in addends(node):
            yield from _wrong_factors(part, values, turned * sign)
        return
    curved = next(operand for operand in node.operands if operand.curved)
    if node.kind == "apply" and node.detail in ("multiply", "divide"):
        data = node.operands[1] if node.operands[0] is curved else node.operands[0]
        array = np.asarray(values.of(data))
        if fields := sorted(set(_fields_in(data))):
            # A divisor of 0 is wrong whatever its sign.
            wrong = np.argwhere(~(sign * array > 0) if node.detail == "divide" else ~(sign * array >= 0))
            if len(wrong):
                index = ", ".join(str(int(i)) for i in wrong[0])
                name = data.detail if data.kind == "field" else f"what is made of {', '.join(fields)}"
                yield f", for {name}{f'[{index}]' if index else ''} is {float(array[tuple(wrong[0])])!r}"
        elif array.size and (array <= 0).all():
            sign = -sign
    yield from _wrong_factors(curved, values, sign)


def _fields_in(node: Any) -> Iterator[str]:
    if node.kind == "field":
        yield node.detail
    elif node.kind == "scalars":
        yield from (name for _, name, _ in node.references)
    for operand in node.operands:
        yield from _fields_in(operand)
