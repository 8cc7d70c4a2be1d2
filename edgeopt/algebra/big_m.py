"""Indicators: a row that a binary switches on, by the smallest constant that the bounds of its variables allow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..model.errors import InvalidProblemError
from .values import Values

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .compiled import Block
    from .declaration import Declaration
    from .families import Family


def switched(
    m: Declaration, family: Family, block: Block, values: Values, lower: NDArray[Any], upper: NDArray[Any]
) -> Block:
    """Return the rows ``a x + M y <= b + M`` of ``(a x <= b).when(y)``, with M the most by which ``a x`` can exceed b.

    Raises
    ------
    InvalidProblemError
        If a bound that M needs is missing; names it. If the switch is not binary.
    """
    from .compiled import Block, entries_of
    from .terms import lowered

    switch = family.constraint.switch
    assert switch is not None
    _check_binary(m, family, lowered(switch, values))
    own = entries_of(lowered(switch, values), family.axes, m.entries)
    excess = _largest_excess(m, family, block, lower, upper)
    sign = _sign(family)
    data = np.concatenate([block.data, sign * excess[own[0]] * own[2]])
    rows, columns = np.concatenate([block.rows, own[0]]), np.concatenate([block.columns, own[1]])
    side = (block.upper if sign > 0 else block.lower) + sign * excess
    free = np.full(side.size, np.inf)
    return Block(rows, columns, data, *((-free, side) if sign > 0 else (side, free)), largest=excess)


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
    m: Declaration, family: Family, block: Block, lower: NDArray[Any], upper: NDArray[Any]
) -> NDArray[np.float64]:
    """Most by which each row's activity can leave its bound, from the bounds of its variables."""
    sign = _sign(family)
    coefficient = sign * block.data
    reach = np.where(coefficient > 0, upper[block.columns], lower[block.columns])
    missing = ~np.isfinite(reach) & (coefficient != 0)
    if missing.any():
        from .compiled import column_names_of

        place = int(missing.argmax())
        which = "upper" if coefficient[place] > 0 else "lower"
        raise InvalidProblemError(
            f"{family.name}: (…).when(…) needs to know how far its left side can go, and "
            f"{column_names_of(m, int(block.columns[place]))} has no finite {which} bound; give {which}= to its variable"
        )
    part = np.where(coefficient == 0, 0.0, coefficient * np.where(missing, 0.0, reach))
    most = np.bincount(block.rows, weights=part, minlength=block.count)
    bound = block.upper if sign > 0 else -block.lower
    return np.maximum(0.0, most - bound)
