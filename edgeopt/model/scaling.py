"""Scaling by powers of two: what a back end is handed has numbers that its absolute tolerances can tell apart.

Back ends judge rows, reduced costs and gaps by absolute tolerances (1e-6 to 1e-9) and drop coefficients that are small
or huge. A program in watts and bits, or one with a penalty cost, is solved wrongly unless it is scaled first. Factors
are powers of two, so no number is rounded and every statement about the scaled program is one about the original.

With row factors R, column factors C and a cost factor s, the scaled program is

    minimise (s C c) x'   subject to   R l <= (R A C) x' <= R u,   x = C x',   y = R y' / s.

Squares ``w (F x + g)**2`` of a quadratic objective become ``(s w) (F C x' + g)**2``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .program import Program
    from .squares import Squares

WELL_SCALED = 10
"""Coefficients between ``2**-10`` and ``2**10`` are left as they are."""

_PASSES = 3
"""Geometric passes over rows and columns; more change little."""

_LARGEST_COST, _SMALLEST_COST = 33, -14
"""Exponents of the largest cost of an integer program and the smallest one of a linear program."""

_LARGEST_LINEAR_COST = 60
"""Exponent of the largest cost of a linear program, whatever becomes of the smallest."""

NEAREST_BOUND, FARTHEST_BOUND = -16, 40
"""Exponents between which bounds are kept: tolerances swallow smaller ones, and back ends take 1e20 for infinite."""

_SMALL_COEFFICIENT = -16
"""Exponent down to which a row's largest coefficient is scaled so that its bound comes near 1, too."""

_LARGEST = 1000
"""Largest exponent of a scaled number; those of float64 end at 1023."""

_EXTREME = 400
"""Largest exponent of a factor; products of three stay within float64."""


@dataclass(frozen=True, eq=False)
class Scaling:
    """Exponents of the factors.

    Attributes
    ----------
    row, column : (rows,), (columns,) int
        Exponents of R and C; those of integer columns are 0.
    cost : int
        Exponent of s.
    """

    row: NDArray[np.int64]
    column: NDArray[np.int64]
    cost: int

    @property
    def trivial(self) -> bool:
        """Whether nothing is scaled."""
        return not (self.cost or self.row.any() or self.column.any())

    def apply(self, program: Program) -> Program:
        """Return the scaled program."""
        if self.trivial:
            return program
        if not (self.row.any() or self.column.any()):
            cost, offset = np.ldexp(program.cost, self.cost), float(np.ldexp(program.offset, self.cost))
            return replace(program, cost=cost, offset=offset, squares=self._squares(program.squares))
        matrix = program.matrix.copy()
        matrix.data = np.ldexp(matrix.data, self.row[matrix.indices] + np.repeat(self.column, np.diff(matrix.indptr)))
        return replace(
            program,
            cost=np.ldexp(program.cost, self.column + self.cost),
            matrix=matrix,
            row_lower=np.ldexp(program.row_lower, self.row),
            row_upper=np.ldexp(program.row_upper, self.row),
            lower=np.ldexp(program.lower, -self.column),
            upper=np.ldexp(program.upper, -self.column),
            offset=float(np.ldexp(program.offset, self.cost)),
            squares=self._squares(program.squares),
        )

    def _squares(self, squares: Squares | None) -> Squares | None:
        if squares is None:
            return None
        matrix = squares.matrix.copy()
        matrix.data = np.ldexp(matrix.data, np.repeat(self.column, np.diff(matrix.indptr)))
        return replace(squares, matrix=matrix, weight=np.ldexp(squares.weight, self.cost))

    def point(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Point or direction of the original program from one of the scaled program."""
        return np.ldexp(values, self.column) if self.column.any() else values

    def scaled_point(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Point of the scaled program from one of the original program."""
        return np.ldexp(values, -self.column) if self.column.any() else values

    def prices(self, row_dual: NDArray[np.float64]) -> NDArray[np.float64]:
        """Row duals of the original program from those of the scaled program."""
        return np.ldexp(row_dual, self.row - self.cost)

    def slopes(self, square_dual: NDArray[np.float64] | None) -> NDArray[np.float64] | None:
        """Duals of squares of the original program from those of the scaled program."""
        return None if square_dual is None else np.ldexp(square_dual, -self.cost)

    def multipliers(self, ray: NDArray[np.float64]) -> NDArray[np.float64]:
        """Row multipliers of the original program from those of the scaled program, costs left out."""
        return np.ldexp(ray, self.row)

    def objective(self, value: Any) -> Any:
        """Objective or bound of the original program from one of the scaled program."""
        return None if value is None else float(np.ldexp(value, -self.cost))


def scaling_of(program: Program) -> Scaling:
    """Return the factors under which back ends can be trusted with `program`."""
    row, column = _equilibrated(program)
    return Scaling(row, column, cost_exponent(program, column))


def matrix_scaling(program: Program) -> Scaling:
    """Return factors for rows and columns alone."""
    return Scaling(*_equilibrated(program), 0)


def _equilibrated(program: Program) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    matrix = program.matrix
    used = matrix.data != 0
    row = np.zeros(program.rows, np.int64)
    column = np.zeros(program.columns, np.int64)
    size = np.log2(np.abs(matrix.data[used]))
    near = np.abs(size).max(initial=0.0) <= WELL_SCALED
    if near and not _bound_shift(program, row, column).any():
        return row, column
    rows = matrix.indices[used]
    columns = np.repeat(np.arange(program.columns), np.diff(matrix.indptr))[used]
    free = ~program.integrality
    if not near:
        for _ in range(_PASSES):
            row = -_mean(size + column[columns], rows, program.rows)
            column = np.where(free, -_mean(size + row[rows], columns, program.columns), 0)
    row = _row_exponents(program, rows, size + column[columns])
    column = column + _bound_shift(program, row, column)
    row = _row_exponents(program, rows, size + column[columns])
    return np.clip(row, -_EXTREME, _EXTREME), np.clip(column, -_EXTREME, _EXTREME)


def _row_exponents(program: Program, rows: NDArray[Any], size: NDArray[np.float64]) -> NDArray[np.int64]:
    """Factors after which the larger of a row's coefficients and its finite sides is about 1.

    Back ends measure a row's violation absolutely, so a row of many terms and a far side would have to hold to more
    digits than there are; but no coefficient is made so small for it that it might be dropped.
    """
    largest = np.full(program.rows, -np.inf)
    np.maximum.at(largest, rows, size)
    largest = np.ceil(np.where(np.isfinite(largest), largest, 0.0)).astype(np.int64)
    side = _exponent(program.row_lower, program.row_upper)
    wanted = np.minimum(np.where(side == _NONE, largest, side), largest - _SMALL_COEFFICIENT)
    exponents: NDArray[np.int64] = -np.maximum(largest, wanted)
    return exponents


def _mean(values: NDArray[np.float64], owner: NDArray[Any], count: int) -> NDArray[np.int64]:
    """Return the rounded mean of each owner's values; 0 where it has none."""
    number = np.bincount(owner, minlength=count)
    return np.rint(np.bincount(owner, values, count) / np.maximum(number, 1)).astype(np.int64)


_NONE = -(2**31)


def _exponent(lower: NDArray[np.float64], upper: NDArray[np.float64]) -> NDArray[np.int64]:
    """Exponent of the larger finite bound that is not 0; ``_NONE`` where there is none."""
    size = np.maximum(*(np.where(np.isfinite(side), np.abs(side), 0.0) for side in (lower, upper)))
    return np.where(size > 0, np.frexp(size)[1], _NONE).astype(np.int64)


def _bound_shift(program: Program, row: NDArray[np.int64], column: NDArray[np.int64]) -> NDArray[np.int64]:
    """By how much more continuous columns are to be scaled so that the bounds come within reach of tolerances."""
    own = _exponent(program.lower, program.upper)
    bounded, scaled = own != _NONE, own - column
    far, near = bounded & (scaled > FARTHEST_BOUND), bounded & (scaled < NEAREST_BOUND)
    shift = np.where(far, scaled - FARTHEST_BOUND, np.where(near, scaled, 0))
    sides = _exponent(program.row_lower, program.row_upper)
    sides = (sides + row)[sides != _NONE]
    # Columns without bounds are as large as the rows make them.
    if sides.size and sides.max() < NEAREST_BOUND:
        shift = np.where(bounded, shift, int(sides.max()))
    return np.where(program.integrality, 0, shift)


def extreme_cost_exponent(program: Program) -> int:
    """Exponent of a factor for costs so large or small that arithmetic with them may leave float64; else 0."""
    largest = int(np.frexp(_sizes_of_costs(program).max(initial=0.0))[1])
    if abs(largest) <= _EXTREME // 4:
        return 0
    offset = int(np.frexp(program.offset)[1]) if program.offset else largest
    return min(-largest, _LARGEST - max(largest, offset))


def cost_exponent(program: Program, column: NDArray[np.int64]) -> int:
    """Exponent of the factor under which tolerances of 1e-9 resolve the smallest cost.

    The smallest cost of an integer program becomes at least 1 as long as the largest stays below ``2**33``; the
    geometric mean of a linear program's costs becomes 1 as long as the smallest stays above ``2**-14``.
    """
    sizes = _sizes_of_costs(program, column)
    used = sizes != 0
    if not used.any():
        return 0
    exponent = np.frexp(sizes[used])[1]
    smallest, largest = int(exponent.min()), int(exponent.max())
    if program.integral:
        wanted = 0 if smallest > 0 and largest <= _LARGEST_COST else min(1 - smallest, _LARGEST_COST - largest)
    elif smallest >= -WELL_SCALED and largest <= WELL_SCALED:
        wanted = 0
    else:
        wanted = min(max(-round(float(exponent.mean())), _SMALLEST_COST - smallest), _LARGEST_LINEAR_COST - largest)
    # Neither the largest cost nor the offset may leave float64.
    offset = int(np.frexp(program.offset)[1]) if program.offset else largest
    return min(wanted, _LARGEST - max(largest, offset))


def _sizes_of_costs(program: Program, column: NDArray[np.int64] | None = None) -> NDArray[np.float64]:
    """Sizes of the costs of columns scaled by `column`, then of what multiplies their squares where there are any.

    Parameters
    ----------
    column : (columns,) int, optional
        Exponents of the columns' factors; 0 by default.
    """
    shift = 0 if column is None else column
    cost = np.ldexp(np.abs(program.cost), shift)
    if program.squares is None:
        return cost
    matrix, weight = program.squares.matrix, program.squares.weight
    curvature = weight @ matrix.multiply(matrix)
    return np.concatenate([cost, np.ldexp(curvature, 2 * np.asarray(shift))])
