"""Points from prices: what the columns choose, put onto the rows, made as cheap as the rows let it, and polished.

Columns far from their threshold (whose reduced cost is large) stay as they chose. Near it a greedy repair flips those
that cost least, and what it flipped too much is flipped back. What is still missing to the bound is found by integer
programming over the columns nearest their threshold, all others held.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...model.outcome import Options
    from .row_prices import Choice, PricedRows

_NEAREST = 50
"""Columns for each row among which the repair looks first."""

_FLIPS, _WIDTH, _EXCHANGED, _LEAST_EXCHANGED = 3, 15, 10, 2_000
"""Columns that one exchange flips at most, that are tried to mend a row, and that exchanges are made of: for each row,
and at least."""

_EXCHANGE_WORK, _LEAST_SAVED = 2e7, 1e-13
"""Visits of matrix entries (a tenth of a second) for the exchanges of one point, and what one saves of the cost."""

_ROUNDING = 1e-11
"""What a row may miss by rounding, relative to its side and terms: less than the judge excuses."""


class Found(NamedTuple):
    """A point that satisfies the rows: the columns taken, and their cost."""

    taken: NDArray[np.bool_]
    cost: float


def allowance(rows: PricedRows) -> NDArray[np.float64]:
    """(rows,) what each row may miss by rounding."""
    size = np.bincount(rows.matrix.indices, np.abs(rows.matrix.data), minlength=rows.rows)
    whole = np.bincount(rows.matrix.indices, rows.matrix.data != np.floor(rows.matrix.data), minlength=rows.rows) == 0
    return np.where(whole, 0.0, _ROUNDING * size)


def nearest(reduced: NDArray[np.float64], count: int) -> NDArray[np.intp]:
    """Return the `count` columns whose reduced costs are nearest 0, the nearest first; ties by index."""
    distance = np.abs(reduced)
    if count < distance.size:
        near = np.argpartition(distance, count)[:count]
        near.sort()
    else:
        near = np.arange(distance.size)
    return near[np.argsort(distance[near], kind="stable")]


def rounded(rows: PricedRows, choice: Choice, allowed: NDArray[np.float64], options: Options) -> Found | None:
    """Return the columns' choice after a greedy repair, or None where a row stays broken or the time is up."""
    from ..compiled.priced_columns import improve

    count = max(20_000, _NEAREST * rows.rows)
    for number, attempt in enumerate(_ATTEMPTS):
        if number > 0 and options.remaining() <= 0:
            return None
        taken, activity = choice.taken.copy(), choice.activity.copy()
        order = nearest(choice.reduced, count if attempt.near else rows.columns)
        for lower, upper in attempt.sides:
            _repair(rows, order, lower, upper, allowed, activity, taken)
        if not _broken(rows, activity, allowed):
            break
    else:
        return None
    # What the repair took too much goes first, the dearest of it before the rest, then whatever else the rows spare.
    flipped = taken[order] != choice.taken[order]
    again = np.concatenate([order[flipped][::-1], order[~flipped]])
    improve(again, *rows.entries, rows.cost, rows.lower, rows.upper, allowed, activity, taken)
    return exchanged(rows, order, allowed, Found(taken, float(rows.cost[taken].sum())), options)


def exchanged(
    rows: PricedRows, order: NDArray[np.intp], allowed: NDArray[np.float64], found: Found, options: Options
) -> Found:
    """Return a point made cheaper by flips of a few columns at a time, all among the first of `order`."""
    from ..compiled.priced_exchanges import exchange

    near = order[: max(_LEAST_EXCHANGED, _EXCHANGED * rows.rows)]
    # The entries of each row stand in the order of `near`, so the columns nearest to their threshold come first.
    part = rows.matrix[:, near].tocsr()
    rowwise = part.indptr.astype(np.intp), near[part.indices], part.data
    taken, work, saved = found.taken.copy(), _EXCHANGE_WORK, 1.0
    activity = rows.matrix @ taken.astype(float)
    least = _LEAST_SAVED * max(abs(found.cost), rows.scale)
    sides = rows.lower, rows.upper, allowed
    while saved > 0.0 and work > 0.0 and options.remaining() > 0:
        saved, work = exchange(
            near, *rows.entries, *rowwise, rows.cost, *sides, activity, taken, _FLIPS, _WIDTH, least, work
        )
    # Sums that went to and fro are added up anew.
    cost, broken = float(rows.cost[taken].sum()), _broken(rows, rows.matrix @ taken.astype(float), allowed)
    return Found(taken, cost) if cost < found.cost and not broken else found


class _Attempt(NamedTuple):
    """Whether only columns near their threshold are flipped, and which sides of rows are mended, turn after turn."""

    near: bool
    sides: tuple[tuple[bool, bool], ...]


_BOTH, _LOWER, _UPPER = (True, True), (True, False), (False, True)
_ATTEMPTS = tuple(
    _Attempt(near, sides)
    for near in (True, False)
    # Where rows pull a column both ways, one kind of sides is first mended at the cost of the other.
    for sides in ((_BOTH,), (_UPPER, _BOTH), (_LOWER, _BOTH), (_UPPER, _LOWER, _UPPER, _BOTH, _BOTH))
)


def _repair(
    rows: PricedRows, order: NDArray[np.intp], lower: bool, upper: bool, allowed: NDArray[np.float64], *state: Any
) -> None:
    from ..compiled.priced_columns import repair

    none = np.full(rows.rows, np.inf)
    sides = (rows.lower if lower else -none, rows.upper if upper else none)
    while repair(order, *rows.entries, *sides, allowed, *state):
        pass


def _broken(rows: PricedRows, activity: NDArray[np.float64], allowed: NDArray[np.float64]) -> bool:
    return bool(((rows.lower - activity > allowed) | (activity - rows.upper > allowed)).any())
