"""Certificates that a program has no feasible point: a Farkas ray, or bounds that cross."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..model.certificate import StatusCertificate
from ..model.problem import Problem, with_program
from ..model.program import Program
from ..model.records import assign
from .duality import dual_bound
from .linear_dual import frozen
from .propagation import propagated, whole_bounds
from .rational import EXACT_ROWS, vertex_of
from .related_programs import equilibrated, least_violation, without_cost

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Box = tuple[NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class FarkasRay(StatusCertificate):
    """Row multipliers that combine the rows into one that no point within the column bounds satisfies (Farkas 1902).

    Attributes
    ----------
    row_multiplier : (rows,) float
        Multiplier of each row.
    column_basis, row_basis : (columns + 2 rows,), (rows,) int8, optional
        Optimal basis of the program of least violation (:func:`least_violation`): where rounding hides what the
        multipliers prove, its duals do in rational arithmetic.
    """

    row_multiplier: NDArray[np.float64]
    column_basis: NDArray[np.int8] | None = None
    row_basis: NDArray[np.int8] | None = None

    def __post_init__(self) -> None:
        assign(self, row_multiplier=frozen(self.row_multiplier, "row_multiplier", np.float64))
        for name in ("column_basis", "row_basis"):
            if (basis := getattr(self, name)) is not None:
                assign(self, **{name: frozen(basis, name, np.int8)})

    def holds(self, problem: Problem) -> bool:
        """Whether the combined row's smallest allowed value exceeds the largest reachable one, rounding allowed for."""
        program = with_program(problem).program()
        y = self.row_multiplier
        if y.shape != (program.rows,) or not np.isfinite(y).all():
            return False
        return self._combines(program, y) or self._exactly(program)

    @staticmethod
    def _combines(program: Program, y: NDArray[np.float64]) -> bool:
        if not y.any():
            return False
        y = np.ldexp(y, -int(np.frexp(np.abs(y).max())[1]))
        feasibility = without_cost(program)
        if dual_bound(feasibility, y, program.lower, program.upper) > 0.0:
            return True
        return dual_bound(feasibility, y, *propagated(program), corrected=True) > 0.0

    def _exactly(self, program: Program) -> bool:
        if self.column_basis is None or self.row_basis is None:
            return False
        elastic = least_violation(equilibrated(program))
        found = vertex_of(elastic, self.column_basis, self.row_basis, EXACT_ROWS)
        return found is not None and not found.dual_violation and found.objective > 0

    def __str__(self) -> str:
        return f"Farkas ray over {int(np.count_nonzero(self.row_multiplier))} rows"


@dataclass(frozen=True, eq=False)
class CrossedBounds(StatusCertificate):
    """A row or column whose own bounds leave no value: lower above upper, or no whole number between them.

    Attributes
    ----------
    row : bool
        Whether it is a row.
    index : int
        Which one.
    """

    row: bool
    index: int

    def holds(self, problem: Problem) -> bool:
        """Whether the bounds leave no value."""
        crossed = crossed_bounds(with_program(problem).program(), self.row)
        return 0 <= self.index < crossed.size and bool(crossed[self.index])

    def __str__(self) -> str:
        return f"the bounds of {'row' if self.row else 'column'} number {self.index} leave no value"


def crossed_bounds(program: Program, rows: bool) -> NDArray[np.bool_]:
    """Mask of the rows or columns whose own bounds leave no value.

    A row of whole coefficients over integer columns takes multiples of their greatest common divisor only.
    """
    if rows:
        lower, upper = program.row_lower, program.row_upper
        crossed: NDArray[np.bool_] = (lower > upper) | (lower == np.inf) | (upper == -np.inf)
        for i in np.flatnonzero(program.whole_rows & ~crossed & np.isfinite(lower) & np.isfinite(upper)).tolist():
            crossed[i] = not _has_multiple(program, i)
        return crossed
    lower, upper = whole_bounds(program)
    crossed = (lower > upper) | (lower == np.inf) | (upper == -np.inf)
    return crossed


def without_value(program: Program) -> CrossedBounds | None:
    """Return a row or column whose own bounds leave no value, if there is one."""
    for rows in (True, False):
        if (crossed := np.flatnonzero(crossed_bounds(program, rows))).size:
            return CrossedBounds(rows, int(crossed[0]))
    return None


def _has_multiple(program: Program, row: int) -> bool:
    """Whether a multiple of the greatest common divisor of the row's coefficients lies between its sides."""
    values = program.rowwise.data[program.rowwise.indptr[row] : program.rowwise.indptr[row + 1]]
    divisor = math.gcd(*(int(value) for value in values.tolist()))
    low, high = math.ceil(float(program.row_lower[row])), math.floor(float(program.row_upper[row]))
    return low <= 0 <= high if divisor == 0 else -(-low // divisor) <= high // divisor


@dataclass(frozen=True, eq=False)
class EmptyBox(StatusCertificate):
    """The rows leave some column no value: bounds that follow from them, rounded outwards, cross."""

    def holds(self, problem: Problem) -> bool:
        """Whether propagating the rows' bounds leaves a column no value."""
        lower, upper = propagated(with_program(problem).program())
        return bool((lower > upper).any())

    def __str__(self) -> str:
        return "bounds that follow from the rows leave a column no value"
