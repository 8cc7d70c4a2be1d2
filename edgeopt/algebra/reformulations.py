"""Maximum, minimum and absolute value of linear expressions, by a variable above or below them.

Such a variable may lie further out than the extreme. It does not where that costs: so its column is looked at when the
program is made, and refused where lying further out is of advantage.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..model.errors import InvalidProblemError
from . import axes as named
from .constraint import Constraint
from .expression import Expression, as_expression

if TYPE_CHECKING:
    from .declaration import Declaration


def extreme(
    m: Declaration, name: str, expressions: tuple[Any, ...], side: int, *, over_all: bool = False
) -> Expression:
    """Return a variable on the outer side of each expression: above for `side` 1, below for -1.

    With `over_all` it is a single one, on the outer side of all entries.
    """
    like = next((e for e in expressions if isinstance(e, Expression)), None)
    if like is None:
        raise InvalidProblemError(f"m.{_word(side)}({name!r}): expected at least one expression of variables")
    parts = [as_expression(e, like) for e in expressions]
    axes = () if over_all else named.union((part.axes for part in parts), f"m.{_word(side)}")
    found = m.variable_over(name, "continuous", axes, -np.inf, np.inf, epigraph=side)
    for number, part in enumerate(parts):
        # Not `found >= part`: Python asks picked entries first, which would put the variable on the right.
        row = Constraint(found, ">=" if side > 0 else "<=", part)
        m._add(f"{name}_{'above' if side > 0 else 'below'}_{number}", row, repeated=False, epigraph_of=name)
    return found


def _word(side: int) -> str:
    return "maximum" if side > 0 else "minimum"


def check_curvature(name: str, side: int, cost: Any, coefficients: Any, row_lower: Any, row_upper: Any) -> None:
    """Raise where lying further out is of advantage to a variable that stands for an extreme.

    Parameters
    ----------
    name : str
        The variable.
    side : int
        1 where it lies above others, -1 below.
    cost : (entries,) float
        Costs of its columns, to be small.
    coefficients, row_lower, row_upper : (entries,) float
        Coefficients of its columns in rows other than those that define it, and these rows' bounds.
    """
    outward = side * coefficients
    helps = (outward > 0) & np.isfinite(row_lower) | (outward < 0) & np.isfinite(row_upper)
    if (side * cost < 0).any() or helps.any():
        word = "maximum or absolute value" if side > 0 else "minimum"
        raise InvalidProblemError(
            f"{name} stands for a {word}, but {'the objective' if not helps.any() else 'a constraint'} gains where it "
            f"lies {'above' if side > 0 else 'below'} it: the problem is not convex there, and needs binaries"
        )
