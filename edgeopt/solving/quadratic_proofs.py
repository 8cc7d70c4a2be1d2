"""The optimum of a convex quadratic program to the last digits, from a point near it: what proofs of it are made of.

Back ends stop where their tolerances allow (HiGHS adds 1e-7 to the second derivatives), and a bound that is proved from
their duals is as far off. Where it is known which rows and columns stand at which of their bounds, the optimum solves
linear equations; they are solved as OSQP polishes its answers (Stellato et al. 2020, section 5.2). Whether the result
is better is left to the judge.

References
----------
B. Stellato et al., "OSQP: an operator splitting solver for quadratic programs", Math. Prog. Comp. 12, 2020.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from ..model.basis import BasisStatus
from ..model.program import Point
from ..model.tolerance import FEASIBILITY, ROUNDOFF, UNIT
from ..verification.linear_dual import LinearDual

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from ..model.program import Program

    Codes = NDArray[np.int8]

_NEAR = (1e-7, 1e-5)
"""Relative distances from a bound within which a value is taken to stand at it."""

_PRICED = 1e-6
"""Share of the largest price from which on a row that is no equation is taken to be held by its bound."""

_REGULAR = 1e-9
"""What is added to the diagonal, relative to the largest coefficient, so that the equations have one solution."""

_REFINEMENTS = 20
"""Steps that take the effect of the addition out again."""

_MOST_EQUATIONS = 50_000
"""Equations up to which a factorisation is tried."""


def polished(
    program: Program, values: NDArray[np.float64], dual: LinearDual | None
) -> tuple[NDArray[np.float64], LinearDual] | None:
    """Return a feasible point near `values` and duals that prove the most of it; None where no attempt succeeds.

    Parameters
    ----------
    values : (columns,) float
        Point near the optimum.
    dual : LinearDual, optional
        Prices of rows near those at the optimum.
    """
    assert program.squares is not None
    if program.columns + program.rows + program.squares.count > _MOST_EQUATIONS:
        return None
    best, least = None, np.inf
    for codes in _active_sets(program, values, dual):
        found = _solved(program, *codes, values, dual)
        if found is None or any(not v <= FEASIBILITY for v in program.violations(Point(found[0])).values()):
            continue
        gap = found[1].optimality_gap(program, Point(found[0]))
        if gap < least:
            best, least = found, gap
        if least <= ROUNDOFF * program.magnitude(Point(found[0])):
            break
    return best


def _active_sets(
    program: Program, values: NDArray[np.float64], dual: LinearDual | None
) -> Iterator[tuple[Codes, Codes]]:
    """Yield which columns and rows may stand at which bounds at the optimum; the others are basic."""
    activity = program.matrix @ values
    size = abs(program.matrix) @ np.abs(values)
    gradient = _gradient(program, values)
    prices = None
    if dual is not None and dual.row_dual.shape == (program.rows,):
        prices = program.sense.sign * dual.row_dual
        gradient = gradient - prices @ program.matrix
    seen: set[bytes] = set()
    for near in _NEAR:
        for held in (True, False):
            columns = _standing(values, np.abs(values), program.lower, program.upper, near, gradient if held else None)
            rows = _standing(activity, size, program.row_lower, program.row_upper, near, prices if held else None)
            key = columns.tobytes() + rows.tobytes()
            if key not in seen:
                seen.add(key)
                yield columns, rows


def _gradient(program: Program, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Gradient of what is to be small."""
    assert program.squares is not None
    return program.sense.sign * program.cost + program.squares.gradient(values)


def _standing(
    value: NDArray[np.float64],
    size: NDArray[np.float64],
    lower: NDArray[np.float64],
    upper: NDArray[np.float64],
    near: float,
    price: NDArray[np.float64] | None,
) -> Codes:
    """Which values stand at a bound, given by its code; with prices only those that their price holds there."""
    with np.errstate(invalid="ignore"):
        low = np.isfinite(lower) & (value - lower <= near * np.maximum(1.0, size))
        high = np.isfinite(upper) & (upper - value <= near * np.maximum(1.0, size)) & ~(low & (lower < upper))
    fixed = lower == upper
    if price is not None:
        least = _PRICED * np.abs(price).max(initial=0.0)
        low, high = low & (price > least), high & (price < -least)
    codes = np.full(value.size, BasisStatus.BASIC, np.int8)
    codes[high] = BasisStatus.UPPER
    codes[low | fixed] = BasisStatus.LOWER
    return codes


def _solved(
    program: Program, columns: Codes, rows: Codes, near: NDArray[np.float64], dual: LinearDual | None
) -> tuple[NDArray[np.float64], LinearDual] | None:
    """Point and duals at which nothing can be gained within the bounds at which columns and rows stand.

    Where there are several, it is one as near to the point and duals at hand as refinement leads.
    """
    squares, sign = program.squares, program.sense.sign
    assert squares is not None
    free, tight = np.flatnonzero(columns == BasisStatus.BASIC), np.flatnonzero(rows != BasisStatus.BASIC)
    curved = np.flatnonzero(squares.weight > 0)
    values = np.where(columns == BasisStatus.UPPER, program.upper, program.lower)
    values[free] = 0.0
    form = squares.matrix.tocsr()[curved]
    part, held = form[:, free], program.rowwise[tight][:, free]
    side = np.where(rows == BasisStatus.UPPER, program.row_upper, program.row_lower)[tight]
    right = (
        -sign * program.cost[free],
        -squares.offset[curved] - form @ values,
        side - program.rowwise[tight] @ values,
    )
    known = dual is not None and dual.row_dual.shape == (program.rows,)
    price = sign * dual.row_dual[tight] if known and dual is not None else np.zeros(tight.size)
    if free.size:
        softness = sparse.diags_array(-0.5 / squares.weight[curved])
        matrix = sparse.block_array([[None, part.T, held.T], [part, softness, None], [held, None, None]], format="csc")
        signs = np.concatenate([np.ones(free.size), -np.ones(curved.size + tight.size)])
        start = np.concatenate([near[free], squares.slopes(near)[curved], -price])
        solution = _refined(matrix, np.concatenate(right), signs, start)
        if solution is None:
            return None
        values[free] = solution[: free.size]
        values = np.clip(values, program.lower, program.upper)
        price = -solution[free.size + curved.size :]
    row_dual = np.zeros(program.rows)
    row_dual[tight] = sign * price
    return values, LinearDual(row_dual, columns, rows, sign * squares.slopes(values))


def _refined(
    matrix: sparse.csc_array, right: NDArray[np.float64], signs: NDArray[np.float64], start: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """Solve ``matrix @ x = right``, which may be singular, by refinement from `start` with a regular matrix near it."""
    added = _REGULAR * max(1.0, float(np.abs(matrix.data).max(initial=0.0)))
    try:
        factor = splu(sparse.csc_array(matrix + sparse.diags_array(added * signs)))
    except RuntimeError:
        return None
    x, missing = start, right - matrix @ start
    size = float(np.abs(missing).max(initial=0.0))
    for _ in range(_REFINEMENTS):
        if size <= UNIT * float(np.abs(right).max(initial=0.0)):
            break
        near = x + factor.solve(missing)
        left = right - matrix @ near
        if not (largest := float(np.abs(left).max(initial=0.0))) < size:
            break
        x, missing, size = near, left, largest
    return x if np.isfinite(x).all() else None
