"""The functions of numpy that expressions take: ``np.sum``, ``np.where`` and a few more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import axes as named
from .expression import Expression, apply, as_expression, reduce


def by_function(function: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """Return what a function of numpy makes of expressions.

    Raises
    ------
    TypeError
        If it has no meaning here.
    """
    known = _KNOWN.get(function)
    if known is None:
        name = getattr(function, "__name__", function)
        raise TypeError(
            f"np.{name} has no meaning for fields and variables; m.constant(self.field) gives plain numbers"
        )
    return known(*args, **options)


def _over(expression: Expression, axis: Any) -> tuple[str, ...]:
    """Names of the dimensions at the positions `axis`."""
    if axis is None:
        return ()
    places = (axis,) if isinstance(axis, int) else tuple(axis)
    return tuple(expression.axes[place].name for place in places)


def _sum(expression: Expression, axis: Any = None) -> Expression:
    return reduce("sum", expression, _over(expression, axis))


def _mean(expression: Expression, axis: Any = None) -> Expression:
    return expression.mean(*_over(expression, axis))


def _max(expression: Expression, axis: Any = None) -> Expression:
    return reduce("max", expression, _over(expression, axis))


def _min(expression: Expression, axis: Any = None) -> Expression:
    return reduce("min", expression, _over(expression, axis))


def _where(mask: Any, yes: Any, no: Any) -> Expression:
    """Return ``mask * yes + (1 - mask) * no``, which is linear in both and whose mask is structure."""
    like = next(value for value in (yes, no) if isinstance(value, Expression))
    if isinstance(mask, Expression):
        raise TypeError("np.where: the mask depends on float fields; compare m.constant(self.field) instead")
    chosen = as_expression(mask, like)
    first, second = (as_expression(value, like) for value in (yes, no))
    if first.owner is None and second.owner is None:
        axes = named.union((chosen.axes, first.axes, second.axes), "np.where")
        return Expression("apply", (chosen, first, second), axes, "where")
    return apply("add", apply("multiply", chosen, first), apply("multiply", apply("subtract", 1.0, chosen), second))


_KNOWN: dict[Any, Callable[..., Any]] = {
    np.sum: _sum,
    np.mean: _mean,
    np.max: _max,
    np.min: _min,
    np.amax: _max,
    np.amin: _min,
    np.where: _where,
    np.shape: lambda expression: expression.shape,
    np.ndim: lambda expression: expression.ndim,
    np.transpose: lambda expression: expression.T,
}
