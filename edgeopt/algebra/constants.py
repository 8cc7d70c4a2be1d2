"""The part of a linear tree that holds no variable, as a tree of its own: right-hand sides and offsets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .expression import Expression, apply
from .scalars import Scalars
from .values import addends

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .axes import Axes


def constant_part(node: Expression) -> Expression | None:
    """Return what `node` is where all variables are 0, or None where that is 0."""
    return total((sign, part if part.owner is None else _inside(part)) for sign, part in addends(node))


def total(parts: Iterable[tuple[float, Expression | None]]) -> Expression | None:
    """Return the sum of what there is, each with its sign; None if there is nothing."""
    found: Expression | None = None
    for sign, part in parts:
        if part is None:
            continue
        if found is None:
            found = part if sign > 0 else -part
        else:
            found = apply("add" if sign > 0 else "subtract", found, part)
    return found


def _inside(node: Expression) -> Expression | None:
    if node.kind in ("variable", "linear"):
        return None
    if isinstance(node, Scalars):
        return Scalars(None, (), node.references, node.offset) if node.references or node.offset else None
    parts = [operand if operand.owner is None else constant_part(operand) for operand in node.operands]
    if node.kind == "apply":  # of sums only products and quotients are left here
        return None if any(part is None for part in parts) else apply(node.detail, *parts)
    if node.kind == "shift":
        return _shifted(node, parts[0], parts[1])
    inner = parts[0]
    if inner is None:
        return None
    # The part may lack dimensions of the whole: it is the same along them.
    return Expression(node.kind, (_broadcast(inner, node.operands[0].axes),), node.axes, node.detail)


def _shifted(node: Expression, inner: Expression | None, first: Expression | None) -> Expression | None:
    zero = Expression("constant", detail=_ZERO)
    if inner is None and (first is None or (first.kind == "constant" and not first.detail.any())):
        return None
    whole = _broadcast(zero if inner is None else inner, node.axes)
    return Expression("shift", (whole, zero if first is None else first), node.axes, node.detail)


def _broadcast(node: Expression, axes: Axes) -> Expression:
    if node.axes == axes:
        return node
    ones = Expression("constant", axes=axes, detail=np.ones([axis.size for axis in axes]))
    return apply("multiply", ones, node)


_ZERO = np.zeros(())
