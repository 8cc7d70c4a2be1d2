"""Bounds that hold although they are computed in float64: every rounding error is charged to the bound.

For any row prices y, ``min over the column bounds of (c - A'y) x`` plus the rows' share bounds the optimum from below
(weak duality). In float64 a reduced cost is known up to the error of its own terms; where a column has finite bounds
that error costs little, and where it has none the sign of the reduced cost is settled in rational arithmetic. Where it
is wrong by a rounding error, the prices are corrected by as much, in rational numbers, so that it is exactly 0.

A convex quadratic objective adds rows that are soft. ``w z**2`` lies above each of its tangents,
``p z - p**2 / (4 w)``: so the expression ``z = F x + g`` gets a row ``F x = -g`` whose price ``-p`` costs the bound
``p**2 / (4 w)`` (Dorn 1960), and nothing else changes.

References
----------
W. S. Dorn, "Duality in quadratic programming", Quart. Appl. Math. 18, 1960.

A. Neumaier and O. Shcherbina, "Safe bounds in linear and mixed-integer linear programming", Math. Prog. 99, 2004.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from ..model.tolerance import UNIT
from .corrections import Row, correction
from .existence import solution_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from ..model.program import Program

_TINY = 2.0**-1074
"""Absolute error of a product that underflows."""

_SMALLEST_NORMAL = 2.0**-1022
"""Products below this lose digits."""

_EXACT_ENTRIES = 100_000
"""Most matrix entries over which signs are settled in rational arithmetic."""

_FEW_ENTRIES = 2_000
"""The same for quadratic programs, whose reduced costs are rarely exact: they are corrected."""


def dual_bound(
    program: Program,
    row_dual: NDArray[np.float64],
    lower: NDArray[np.float64],
    upper: NDArray[np.float64],
    *,
    corrected: bool = False,
    softness: NDArray[np.float64] | None = None,
) -> float:
    """Return a proven lower bound of ``sign * objective`` over the rows and ``lower <= x <= upper``; -inf if none.

    In a linear integer program, sides of rows in whole numbers count as the next whole numbers, which no point misses.

    Parameters
    ----------
    row_dual : (rows,) float
        Row prices in the program's own sense, any at all.
    lower, upper : (columns,) float
        Bounds of the columns.
    corrected : bool
        Whether prices that leave a column without a bound a reduced cost of the wrong sign are corrected. It may take
        a second.
    softness : (rows,) float, optional
        What the square of a row's price costs the bound: at least ``1 / (4 w)`` for a row of both sides that stands for
        a square of weight w, and 0 for others.
    """
    sign = program.sense.sign
    y = sign * row_dual
    # What stands under a square need not be whole at 0: its rows keep their sides.
    row_lower, row_upper = program.whole_sides if softness is None else (program.row_lower, program.row_upper)
    # A price on a side that the row does not have is worth nothing; 0 in its place is as valid as any other.
    y = np.where(np.isinf(np.where(y > 0, row_lower, row_upper)), 0.0, y)
    with np.errstate(over="ignore", invalid="ignore"):
        low, high = _reduced_costs(program, y)
        _compute_exactly(program, y, low, high, lower, upper, _EXACT_ENTRIES if softness is None else _FEW_ENTRIES)
        given = _corrected(program, y, low, high, lower, upper, (row_lower, row_upper), softness) if corrected else 0.0
        if softness is not None:
            priced = y != 0
            given += _above_sum(softness[priced] * y[priced] * y[priced])
        columns = _least(low, high, lower, upper)
        used = y != 0
        rows = _product(y[used], np.where(y > 0, row_lower, row_upper)[used])
        terms = np.concatenate([columns, rows, [sign * program.offset, -given]])
        if np.isnan(terms).any() or np.isneginf(terms).any():
            return -math.inf
        total = _sum(terms)
        error = 4 * UNIT * float(np.abs(terms).sum())
    bound = total - error - 2 * UNIT * abs(total)
    return bound if math.isfinite(bound) else -math.inf


def _above_sum(terms: NDArray[np.float64]) -> float:
    """Return a float64 that is not below the sum of products of a few factors, none of them negative."""
    return float(terms.sum()) * (1.0 + (terms.size + 8) * UNIT) + terms.size * _TINY


def _sum(terms: NDArray[np.float64]) -> float:
    try:
        return math.fsum(terms.tolist())  # twice as fast as over an array's own numbers
    except (OverflowError, ValueError):
        return -math.inf


def _reduced_costs(program: Program, y: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lower and upper ends of the intervals in which the exact reduced costs lie."""
    cost = program.sense.sign * program.cost
    matrix = program.matrix
    reduced = cost - y @ matrix
    size = np.abs(cost) + np.abs(y) @ abs(matrix)
    error = (np.diff(matrix.indptr) + 3.0) * (UNIT * size * (1.0 + 1e-9) + _TINY)
    error = np.where(size == 0, 0.0, error)
    return reduced - error, reduced + error


def _compute_exactly(
    program: Program,
    y: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    lower: NDArray[np.float64],
    upper: NDArray[np.float64],
    most: int,
) -> None:
    """Compute exactly, in place, the reduced costs whose sign decides whether the bound is infinite.

    Nothing is done where they have more than `most` entries.
    """
    unsure = np.flatnonzero(_may_be_infinite(low, high, lower, upper) & (low <= 0) & (high >= 0))
    counts = np.diff(program.matrix.indptr)
    if not unsure.size or counts[unsure].sum() > most:
        return
    cost = program.sense.sign * program.cost
    for j in unsure.tolist():
        exact = Fraction(float(cost[j])) - _dot(_column(program, j), y)
        # The float nearest to the exact value has its sign, and is 0 only where the value is.
        nearest = _nearest(exact)
        low[j], high[j] = (0.0, 0.0) if exact == 0 else (np.nextafter(nearest, -np.inf), np.nextafter(nearest, np.inf))
        if exact > 0:
            low[j] = max(low[j], 0.0)
        if exact < 0:
            high[j] = min(high[j], 0.0)


def _may_be_infinite(
    low: NDArray[np.float64], high: NDArray[np.float64], lower: NDArray[np.float64], upper: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Columns whose reduced cost may have the sign that multiplies an infinite bound."""
    return (np.isinf(lower) & (high > 0)) | (np.isinf(upper) & (low < 0))


_ROUNDS = 5
"""Corrections, each of which may push further reduced costs across 0."""


def _corrected(
    program: Program,
    y: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    lower: NDArray[np.float64],
    upper: NDArray[np.float64],
    sides: tuple[NDArray[np.float64], NDArray[np.float64]],
    softness: NDArray[np.float64] | None,
) -> float:
    """Correct the prices so that reduced costs that multiply an infinite bound are exactly 0; widen the others.

    The correction itself is never rounded to float64: it is known to exist, and what it changes is charged to the
    intervals, in place, and to the bound: by the value returned.
    """
    pinned = np.zeros(program.columns, bool)
    equations: dict[int, tuple[Row, Fraction]] = {}
    movable = (y != 0) | (np.isfinite(program.row_lower) & np.isfinite(program.row_upper))
    if softness is not None:
        movable &= np.isfinite(softness)
    more = np.flatnonzero(_may_be_infinite(low, high, lower, upper))
    for _ in range(_ROUNDS):
        pinned[more] = True
        size = None
        if softness is not None and more.size:
            size = _existing(program, y, np.maximum(np.abs(low), np.abs(high)), pinned, movable)
        if size is None:
            size = _rational(program, y, np.flatnonzero(pinned), movable, equations)
        if size is None:
            return 0.0
        moved = (size @ abs(program.matrix)) * (1.0 + program.rows * UNIT)
        new_low = np.where(pinned, 0.0, np.nextafter(low - moved, -np.inf))
        new_high = np.where(pinned, 0.0, np.nextafter(high + moved, np.inf))
        more = np.flatnonzero(_may_be_infinite(new_low, new_high, lower, upper))
        if not more.size:
            low[:], high[:] = new_low, new_high
            given = float(size @ np.maximum(*map(_finite_size, sides))) * (1.0 + program.rows * UNIT)
            if softness is not None:
                moves = size != 0
                given += _above_sum((softness * (2.0 * np.abs(y) + size) * size)[moves])
            return given
    return 0.0


def _rational(
    program: Program,
    y: NDArray[np.float64],
    pinned: NDArray[np.int64],
    movable: NDArray[np.bool_],
    equations: dict[int, tuple[Row, Fraction]],
) -> NDArray[np.float64] | None:
    """Sizes (rows,) of a correction in rational numbers; those of the `equations` that are known are kept there."""
    cost = program.sense.sign * program.cost
    for j in pinned.tolist():
        if j not in equations:
            missing = Fraction(float(cost[j])) - _dot(_column(program, j), y)
            equations[j] = ({i: Fraction(a) for i, a in _column(program, j) if movable[i]}, missing)
    change = correction(list(equations.values())) if equations else None
    if change is None or not _keeps_signs(program, y, change):
        return None
    size = np.zeros(program.rows)
    size[list(change)] = [_above(value) for value in change.values()]
    return size


def _existing(
    program: Program,
    y: NDArray[np.float64],
    missing: NDArray[np.float64],
    pinned: NDArray[np.bool_],
    movable: NDArray[np.bool_],
) -> NDArray[np.float64] | None:
    """Sizes (rows,) of a correction that exists where reduced costs differ from 0 by at most `missing`, or None."""
    part = program.rowwise[np.flatnonzero(movable).tolist()][:, np.flatnonzero(pinned).tolist()]
    found = solution_size(part.T, missing[pinned])
    if found is None:
        return None
    size = np.zeros(program.rows)
    size[movable] = found
    fixed = np.isfinite(program.row_lower) & np.isfinite(program.row_upper)
    return size if (fixed | (np.abs(y) >= size)).all() else None


def _keeps_signs(program: Program, y: NDArray[np.float64], change: Row) -> bool:
    """Whether no price of a row with a single side leaves that side."""
    for i, value in change.items():
        price = Fraction(float(y[i])) + value
        if (price > 0 and np.isinf(program.row_lower[i])) or (price < 0 and np.isinf(program.row_upper[i])):
            return False
    return True


def _above(value: Fraction) -> float:
    """Float64 that is not below the size of `value`."""
    return float(np.nextafter(abs(_nearest(value)), np.inf))


def _finite_size(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.isfinite(values), np.abs(values), 0.0)


def _nearest(value: Fraction) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _column(program: Program, j: int) -> Iterator[tuple[int, float]]:
    entries = slice(program.matrix.indptr[j], program.matrix.indptr[j + 1])
    return zip(program.matrix.indices[entries].tolist(), program.matrix.data[entries].tolist(), strict=True)


def _dot(entries: Iterator[tuple[int, float]], y: NDArray[np.float64]) -> Fraction:
    return sum((Fraction(a) * Fraction(float(y[i])) for i, a in entries if y[i]), Fraction(0))


def _least(
    low: NDArray[np.float64], high: NDArray[np.float64], lower: NDArray[np.float64], upper: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Smallest value of ``r x`` for ``low <= r <= high`` and ``lower <= x <= upper``, column by column."""
    least: NDArray[np.float64] = np.minimum.reduce([_product(r, x) for r in (low, high) for x in (lower, upper)])
    return least


def _product(r: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
    """``r x``, not above it where it underflows, and 0 where r is."""
    product = np.where(r == 0, 0.0, r * x)
    underflows = (np.abs(product) < _SMALLEST_NORMAL) & (r != 0) & (x != 0)
    return np.where(underflows, product - _TINY, product)


def improves_for_ever(program: Program, direction: NDArray[np.float64]) -> bool:
    """Whether a step along `direction` leaves no bound however long it is, and improves the objective; exact.

    Where rounding lets the direction leave a row, it is corrected by as much, in rational numbers.
    """
    d = direction
    falls, rises = d < 0, d > 0
    if (falls & np.isfinite(program.lower)).any() or (rises & np.isfinite(program.upper)).any():
        return False
    size = np.abs(d)
    change = program.matrix @ d
    error = (program.columns + 3) * UNIT * (abs(program.matrix) @ size) + _TINY
    left = [int(i) for i in np.flatnonzero(_leaves(program, change, error)) if not _recedes(program, int(i), d)]
    corrected = _straightened(program, d, change, error, left) if left else {}
    return corrected is not None and _improves(program, d, corrected)


def _improves(program: Program, d: NDArray[np.float64], corrected: Row) -> bool:
    sign = program.sense.sign
    terms = -sign * program.cost * d
    if not corrected and _sum(terms) > 4 * UNIT * float(np.abs(terms).sum()):
        return True
    costs = [(j, c) for j, c in enumerate(program.cost.tolist()) if c]
    change = _dot(iter(costs), d) + sum((Fraction(c) * corrected[j] for j, c in costs if j in corrected), Fraction(0))
    return sign * change < 0


def _leaves(program: Program, change: NDArray[np.float64], error: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Rows that may leave a side, whose activity changes by `change` up to `error`."""
    return ((change < error) & np.isfinite(program.row_lower)) | ((change > -error) & np.isfinite(program.row_upper))


def _straightened(
    program: Program, d: NDArray[np.float64], change: NDArray[np.float64], error: NDArray[np.float64], left: list[int]
) -> Row | None:
    """Return what to add to the direction so that it leaves no row; those in `left` keep their activity. Or None."""
    equations: list[tuple[Row, Fraction]] = []
    kept = np.zeros(program.rows, bool)
    for _ in range(_ROUNDS):
        for i in left:
            entries = list(_row(program, i))
            equations.append(({j: Fraction(a) for j, a in entries if d[j]}, -_dot(iter(entries), d)))
        kept[left] = True
        found = correction(equations)
        if found is None or not _keeps_bounds(program, d, found):
            return None
        size = np.zeros(program.columns)
        size[list(found)] = [_above(value) for value in found.values()]
        moved = (abs(program.matrix) @ size) * (1.0 + program.columns * UNIT)
        unsure = _leaves(program, change, np.nextafter(error + moved, np.inf)) & ~kept
        # A row that the correction does not touch recedes as it did.
        left = [int(i) for i in np.flatnonzero(unsure) if moved[i] or not _recedes(program, int(i), d)]
        if not left:
            return found
    return None


def _keeps_bounds(program: Program, d: NDArray[np.float64], found: Row) -> bool:
    """Whether no column turns towards a bound that it has."""
    for j, value in found.items():
        step = Fraction(float(d[j])) + value
        if (step < 0 and math.isfinite(program.lower[j])) or (step > 0 and math.isfinite(program.upper[j])):
            return False
    return True


def _row(program: Program, i: int) -> Iterator[tuple[int, float]]:
    rowwise: Any = program.rowwise
    entries = slice(rowwise.indptr[i], rowwise.indptr[i + 1])
    return zip(rowwise.indices[entries].tolist(), rowwise.data[entries].tolist(), strict=True)


def _recedes(program: Program, row: int, d: NDArray[np.float64]) -> bool:
    """Whether the row never leaves its bounds along `d`, in rational arithmetic."""
    change = _dot(_row(program, row), d)
    falls = change < 0 and math.isfinite(program.row_lower[row])
    rises = change > 0 and math.isfinite(program.row_upper[row])
    return not (falls or rises)


def holds_exactly(program: Program, values: NDArray[np.float64]) -> bool:
    """Whether a point (columns,) satisfies the rows in rational arithmetic."""
    sides = zip(program.row_lower.tolist(), program.row_upper.tolist(), strict=True)
    return all(low <= _dot(_row(program, i), values) <= high for i, (low, high) in enumerate(sides))
