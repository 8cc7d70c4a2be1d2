"""Bounds that hold although they are computed in float64: every rounding error is charged to the bound.

For any row prices y, ``min over the column bounds of (c - A'y) x`` plus the rows' share bounds the optimum from below
(weak duality). In float64 a reduced cost is known up to the error of its own terms; where a column has finite bounds
that error costs little, and where it has none the sign of the reduced cost is settled in rational arithmetic.

References
----------
A. Neumaier and O. Shcherbina, "Safe bounds in linear and mixed-integer linear programming", Math. Prog. 99, 2004.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from .tolerance import UNIT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from .program import Program

_TINY = 2.0**-1074
"""Absolute error of a product that underflows."""

_SMALLEST_NORMAL = 2.0**-1022
"""Products below this lose digits."""

_EXACT_ENTRIES = 100_000
"""Most matrix entries over which signs are settled in rational arithmetic."""


def dual_bound(
    program: Program, row_dual: NDArray[np.float64], lower: NDArray[np.float64], upper: NDArray[np.float64]
) -> float:
    """Return a proven lower bound of ``sign * objective`` over the rows and ``lower <= x <= upper``; -inf if none.

    Parameters
    ----------
    row_dual : (rows,) float
        Row prices in the program's own sense, any at all.
    lower, upper : (columns,) float
        Bounds of the columns.
    """
    sign = program.sense.sign
    y = sign * row_dual
    # A price on a side that the row does not have is worth nothing; 0 in its place is as valid as any other.
    y = np.where(np.isinf(np.where(y > 0, program.row_lower, program.row_upper)), 0.0, y)
    with np.errstate(over="ignore", invalid="ignore"):
        low, high = _reduced_costs(program, y)
        _settle(program, y, low, high, lower, upper)
        columns = _least(low, high, lower, upper)
        used = y != 0
        rows = _product(y[used], np.where(y > 0, program.row_lower, program.row_upper)[used])
        terms = np.concatenate([columns, rows, [sign * program.offset]])
        if np.isnan(terms).any() or np.isneginf(terms).any():
            return -math.inf
        total = _sum(terms)
        error = 4 * UNIT * float(np.abs(terms).sum())
    bound = total - error - 2 * UNIT * abs(total)
    return bound if math.isfinite(bound) else -math.inf


def _sum(terms: NDArray[np.float64]) -> float:
    try:
        return math.fsum(terms)
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


def _settle(
    program: Program,
    y: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    lower: NDArray[np.float64],
    upper: NDArray[np.float64],
) -> None:
    """Compute exactly, in place, the reduced costs whose sign decides whether the bound is infinite."""
    open_ended = (np.isinf(lower) & (high > 0)) | (np.isinf(upper) & (low < 0))
    unsure = np.flatnonzero(open_ended & (low <= 0) & (high >= 0))
    counts = np.diff(program.matrix.indptr)
    if not unsure.size or counts[unsure].sum() > _EXACT_ENTRIES:
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
    """Whether a step along `direction` leaves no bound however long it is, and improves the objective; exact."""
    d = direction
    falls, rises = d < 0, d > 0
    if (falls & np.isfinite(program.lower)).any() or (rises & np.isfinite(program.upper)).any():
        return False
    size = np.abs(d)
    terms = -program.sense.sign * program.cost * d
    if _sum(terms) <= 4 * UNIT * float(np.abs(terms).sum()):
        costs = ((j, c) for j, c in enumerate(program.cost.tolist()) if c)
        if program.sense.sign * _dot(costs, d) >= 0:
            return False
    change = program.matrix @ d
    error = (program.columns + 3) * UNIT * (abs(program.matrix) @ size) + _TINY
    falls, rises = change < error, change > -error
    unsure = (falls & np.isfinite(program.row_lower)) | (rises & np.isfinite(program.row_upper))
    return all(_recedes(program, int(i), d) for i in np.flatnonzero(unsure))


def _recedes(program: Program, row: int, d: NDArray[np.float64]) -> bool:
    """Whether the row never leaves its bounds along `d`, in rational arithmetic."""
    rowwise: Any = program.rowwise
    entries = slice(rowwise.indptr[row], rowwise.indptr[row + 1])
    pairs = zip(rowwise.indices[entries].tolist(), rowwise.data[entries].tolist(), strict=True)
    change = _dot(iter(pairs), d)
    falls = change < 0 and math.isfinite(program.row_lower[row])
    rises = change > 0 and math.isfinite(program.row_upper[row])
    return not (falls or rises)
