"""Rows that hold only where literals are true, written with the smallest constants that the columns' bounds allow.

``y = 1 implies a x <= u`` is ``a x + M y <= u + M``, with M the largest that ``a x - u`` can be within the bounds of
the columns. Where a column that counts has no bound there is no such M, and the row is refused.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from .shared import Columns, Rows, refused

EXACT = 2.0**53
"""Whole numbers up to this size are exact in float64."""

Literal = tuple[int, bool]
"""A binary column, and the value at which it is true."""


def add_indicator(
    columns: Columns,
    rows: Rows,
    name: str,
    places: Sequence[int],
    values: Sequence[float],
    sides: tuple[float, float],
    literals: Sequence[Literal],
) -> None:
    """Add the row ``sides[0] <= values @ x[places] <= sides[1]``, which holds where all `literals` are true.

    Raises
    ------
    InvalidProblemError
        If a column that the constant depends on has no bound, or the constant is not exact.
    """
    lower, upper = sides
    least, most = _activity(columns, places, values)
    both = lower > least and upper < most
    if lower > least:
        _add_side(columns, rows, f"{name} (lower)" if both else name, places, values, lower, lower - least, literals)
    if upper < most:
        _add_side(columns, rows, f"{name} (upper)" if both else name, places, values, upper, upper - most, literals)


def _activity(columns: Columns, places: Sequence[int], values: Sequence[float]) -> tuple[float, float]:
    """Least and largest value of a row within the bounds of its columns."""
    least = most = 0.0
    for j, value in zip(places, values, strict=True):
        if value:
            low, high = value * columns.lower[j], value * columns.upper[j]
            least, most = least + min(low, high), most + max(low, high)
    return least, most


def _add_side(
    columns: Columns,
    rows: Rows,
    name: str,
    places: Sequence[int],
    values: Sequence[float],
    side: float,
    slack: float,
    literals: Sequence[Literal],
) -> None:
    """Add one side of a row: `slack` (positive below, negative above) is what each false literal gives it."""
    if math.isinf(slack):
        loose = next(j for j in places if math.isinf(columns.lower[j]) or math.isinf(columns.upper[j]))
        raise refused(
            f"constraint {name!r} holds only where a condition is true, and its variable {columns.names[loose]!r}",
            "has an infinite bound, so no linear row says the same",
            "give the variable finite bounds",
        )
    if not abs(slack) + abs(side) < EXACT:
        raise refused(
            f"constraint {name!r} holds only where a condition is true, and",
            f"needs a constant of {abs(slack):g}",
            "give its variables smaller bounds",
        )
    # Each false literal adds `slack`: true at 1 it adds slack * (1 - y), true at 0 it adds slack * y.
    weights = [-slack if true else slack for _, true in literals]
    side -= slack * sum(true for _, true in literals)
    where, terms = [*places, *(j for j, _ in literals)], [*values, *weights]
    rows.add(name, where, terms, side if slack > 0 else None, side if slack < 0 else None)
