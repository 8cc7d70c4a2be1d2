"""Bounds of columns that follow from the rows, rounded outwards so that no feasible point is lost.

From ``a x_j + rest <= U`` follows ``x_j <= (U - min rest) / a`` for a > 0, where the rest is as small as the bounds of
the other columns allow (Savelsbergh 1994). Every float64 result is moved outwards by more than its rounding error, so
the bounds that come out hold for every point that satisfies the rows and the bounds that went in, and a column whose
bounds cross proves that there is no such point.

References
----------
M. W. P. Savelsbergh, "Preprocessing and probing techniques for mixed integer programming problems", ORSA Journal on
Computing 6(4), 1994.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..model.cached import cached_property
from ..model.tolerance import UNIT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..model.program import Program

ROUNDS = 20
"""Passes over the rows; bounds that still move then converge slowly, and the first moves are the large ones."""


@dataclass(frozen=True, eq=False)
class Rows:
    """Entries of a program's rows, and of a row that holds the objective to a value at least as good as a cutoff."""

    program: Program
    cutoff: float | None = None

    @cached_property
    def entries(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """Row, column and coefficient of every entry that is not 0."""
        matrix = self.program.matrix
        rows = matrix.indices.astype(np.int64)
        columns = np.repeat(np.arange(self.program.columns), np.diff(matrix.indptr))
        values = matrix.data
        if self.cutoff is not None:
            costly = np.flatnonzero(self.program.cost)
            rows = np.concatenate([rows, np.full(costly.size, self.program.rows)])
            columns = np.concatenate([columns, costly])
            values = np.concatenate([values, self.program.sense.sign * self.program.cost[costly]])
        used = values != 0
        return rows[used], columns[used], values[used]

    @cached_property
    def sides(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lower and upper bounds of the rows."""
        program = self.program
        if self.cutoff is None:
            return program.row_lower, program.row_upper
        most = program.sense.sign * (self.cutoff - program.offset)
        most += 4 * UNIT * (abs(self.cutoff) + abs(program.offset))
        return np.append(program.row_lower, -np.inf), np.append(program.row_upper, most)


def propagated(
    program: Program, cutoff: float | None = None, rounds: int = ROUNDS
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (columns,) lower and upper bounds that hold for every feasible point; where they cross there is none.

    Parameters
    ----------
    cutoff : float, optional
        Objective: then the bounds hold for every feasible point whose objective is at least as good.
    rounds : int
        Most passes over the rows.
    """
    rows = Rows(program, cutoff)
    lower, upper = whole_bounds(program)
    if not rows.entries[0].size:
        return lower, upper
    for _ in range(rounds):
        new_lower, new_upper = _pass(rows, lower, upper, program.integrality)
        moved = _moved(lower, new_lower) | _moved(upper, new_upper)
        lower, upper = new_lower, new_upper
        if not moved.any() or (lower > upper).any():
            break
    return lower, upper


def whole_bounds(program: Program) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Bounds of the columns, those of integer columns moved inwards to the next integer."""
    if not program.integral:
        return program.lower, program.upper
    lower = np.where(program.integrality, np.ceil(program.lower), program.lower)
    return lower, np.where(program.integrality, np.floor(program.upper), program.upper)


def _moved(old: NDArray[np.float64], new: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether a bound became finite or moved by more than a thousandth of its size."""
    with np.errstate(invalid="ignore"):
        return (np.isinf(old) & np.isfinite(new)) | (np.abs(new - old) > 1e-3 * np.maximum(np.abs(old), np.abs(new)))


def _pass(
    rows: Rows, lower: NDArray[np.float64], upper: NDArray[np.float64], integrality: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    owner, column, a = rows.entries
    floor, ceiling = (side[owner] for side in rows.sides)
    rises = a > 0
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        least, slack_least = rest_of_row(a * np.where(rises, lower[column], upper[column]), owner, -np.inf)
        most, slack_most = rest_of_row(a * np.where(rises, upper[column], lower[column]), owner, np.inf)
        above = outwards((ceiling - least), slack_least + UNIT * (np.abs(ceiling) + np.abs(least)), a, np.inf)
        below = outwards((floor - most), slack_most + UNIT * (np.abs(floor) + np.abs(most)), a, -np.inf)
    new_lower, new_upper = lower.copy(), upper.copy()
    np.maximum.at(new_lower, column, np.where(rises, below, above))
    np.minimum.at(new_upper, column, np.where(rises, above, below))
    new_lower[integrality] = np.ceil(new_lower[integrality])
    new_upper[integrality] = np.floor(new_upper[integrality])
    return new_lower, new_upper


def rest_of_row(
    terms: NDArray[np.float64], owner: NDArray[np.int64], infinite: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the sum of a row's other terms, for each term, and its rounding error; `infinite` where one of them is."""
    unbounded = ~np.isfinite(terms)
    own = np.where(unbounded, 0.0, terms)
    others = np.bincount(owner, unbounded)[owner] - unbounded
    count = np.bincount(owner)[owner]
    lone = count == 1  # the rest of a lone term is 0, not what rounding leaves of it
    total = np.where(lone, 0.0, np.bincount(owner, own)[owner] - own)
    error = np.where(lone, 0.0, (count + 4.0) * UNIT * np.bincount(owner, np.abs(own))[owner])
    return np.where(others > 0, infinite, total), error


def outwards(
    numerator: NDArray[np.float64], error: NDArray[np.float64], a: NDArray[np.float64], direction: float
) -> NDArray[Any]:
    """Return ``numerator / a`` for a bound in the row's `direction`, moved outwards by its error."""
    moved = numerator + np.copysign(error, direction)
    quotient = moved / a
    outer = np.where(a > 0, direction, -direction)
    outside = quotient + np.copysign(2 * UNIT * np.abs(quotient), outer)
    return np.where(np.isnan(outside), outer, np.nextafter(outside, outer))
