"""Indicators: a row that a binary switches on, by the smallest constant that the bounds of its variables allow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..model.errors import InvalidProblemError
from .entries import Coordinates, entries_of
from .terms import lowered
from .values import Values

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .declaration import Declaration
    from .families import Family


def switched(
    m: Declaration,
    family: Family,
    entries: Coordinates,
    sides: tuple[NDArray[Any], NDArray[Any]],
    values: Values,
    lower: NDArray[Any],
    upper: NDArray[Any],
) -> tuple[Coordinates, tuple[NDArray[Any], NDArray[Any]], NDArray[np.float64]]:
    """Return the rows ``a x + M y <= b + M`` of ``(a x <= b).when(y)``, with M the most by which ``a x`` can exceed b.

    Raises
    ------
    InvalidProblemError
        If a bound that M needs is missing; names it. If the switch is not binary.
    """
    assert family.constraint.switch is not None
    terms = lowered(family.constraint.switch, values)
    _check_binary(m, family, terms)
    own = entries_of(terms, family.axes, m.entries)
    excess = _largest_excess(m, family, entries, sides, lower, upper)
    sign = _sign(family)
    parts = zip(entries, (own[0], own[1], sign * excess[own[0]] * own[2]), strict=True)
    rows, columns, data = (np.concatenate(pair) for pair in parts)
    low, high = sides
    found = (low, high + excess) if sign > 0 else (low - excess, high)
    return (rows, columns, data), found, excess


def _sign(family: Family) -> float:
    return 1.0 if family.relation == "<=" else -1.0


def _check_binary(m: Declaration, family: Family, terms: list[Any]) -> None:
    binary = {v.start: v for v in m.variables.values() if v.kind == "binary"}
    for term in terms:
        inside = any(v.start <= term.base < v.start + max(1, v.size) for v in binary.values())
        if not inside or term.scale != 1.0 or term.factors:
            raise InvalidProblemError(f"{family.name}: when(...) needs a binary variable itself, as m.binary makes it")
    if len(terms) != 1:
        raise InvalidProblemError(f"{family.name}: when(...) needs one binary variable, not a sum of {len(terms)}")


def _largest_excess(
    m: Declaration, family: Family, entries: Coordinates, sides: Any, lower: NDArray[Any], upper: NDArray[Any]
) -> NDArray[np.float64]:
    """Most by which each row's activity can leave its bound, from the bounds of its variables."""
    sign = _sign(family)
    rows, columns, data = entries
    coefficient = sign * data
    reach = np.where(coefficient > 0, upper[columns], lower[columns])
    missing = ~np.isfinite(reach) & (coefficient != 0)
    if missing.any():
        from .compiled import column_names_of

        place = int(missing.argmax())
        which = "upper" if coefficient[place] > 0 else "lower"
        raise InvalidProblemError(
            f"{family.name}: (…).when(…) needs to know how far its left side can go, and "
            f"{column_names_of(m, int(columns[place]))} has no finite {which} bound; give {which}= to its variable"
        )
    part = np.where(coefficient == 0, 0.0, coefficient * np.where(missing, 0.0, reach))
    most = np.bincount(rows, weights=part, minlength=family.rows)
    bound = sides[1] if sign > 0 else -sides[0]
    excess: NDArray[np.float64] = np.maximum(0.0, most - bound)
    return excess
