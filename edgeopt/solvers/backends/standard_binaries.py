"""A program over binary columns as its prices are found: a minimisation over the free columns, of numbers near 1.

Rows and costs are scaled by powers of two, so that no digit changes on the way there and back.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from ...model.outcome import Outcome, Status
from ...model.program import Point, Program
from ...verification.infeasibility import FarkasRay
from .row_prices import PricedRows

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Standard:
    """A program as a minimisation over its free columns, rows and costs scaled by powers of two."""

    rows: PricedRows
    free: NDArray[np.bool_]
    fixed_cost: float
    cost_exponent: int
    row_exponent: NDArray[np.int64]
    program: Program

    @classmethod
    def of(cls, program: Program, threads: int) -> Standard:
        """Return a program whose columns are binary (or shares of a whole, as if they were), or fixed, in this form."""
        sign, matrix = program.sense.sign, program.matrix
        free = program.lower < program.upper
        (lower, upper), cost, fixed_cost = program.whole_sides, sign * program.cost, 0.0
        if not free.all():
            held = np.where(free, 0.0, program.lower)
            fixed_cost, activity = float(cost @ held), matrix @ held
            cost, matrix, lower, upper = cost[free], matrix[:, free], lower - activity, upper - activity
        largest = np.zeros(program.rows)
        np.maximum.at(largest, matrix.indices, np.abs(matrix.data))
        row_exponent = np.where(largest > 0, -np.frexp(np.where(largest > 0, largest, 1.0))[1] + 1, 0).astype(np.int64)
        cost_exponent = 1 - int(np.frexp(np.abs(cost).max(initial=0.0) or 1.0)[1])
        if row_exponent.any():
            data = np.ldexp(matrix.data, row_exponent[matrix.indices])
            matrix = sparse.csc_array((data, matrix.indices, matrix.indptr), shape=matrix.shape)
        rows = PricedRows(
            np.ldexp(cost, cost_exponent),
            matrix,
            np.ldexp(lower, row_exponent),
            np.ldexp(upper, row_exponent),
            threads,
        )
        return cls(rows, free, fixed_cost, cost_exponent, row_exponent, program)

    def objective(self, cost: float) -> float:
        """Return the program's objective (as a minimisation) of a scaled cost."""
        return math.ldexp(cost, -self.cost_exponent) + self.fixed_cost + self.program.sense.sign * self.program.offset

    def dual(self, price: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the program's own row duals of scaled prices."""
        unscaled: NDArray[np.float64] = np.ldexp(price, self.row_exponent - self.cost_exponent)
        return self.program.sense.sign * unscaled

    def refutation(self, price: NDArray[np.float64], bound: float, program: Program) -> Outcome | None:
        """Return the proof, by prices whose bound no cost reaches, that no point satisfies a program's rows; or None.

        The `program` has these rows, in its own numbers, over these columns or those of which they are shares.
        """
        if not self.rows.columns or bound <= self.rows.dearest:
            return None
        ray = FarkasRay(self.dual(price))
        if not ray.holds(program):
            return None
        return Outcome(Status.INFEASIBLE, certificate=ray, message="prices prove that no point satisfies the rows")

    def point(self, taken: NDArray[np.bool_]) -> Point:
        """Return the program's point of the columns taken."""
        if self.free.all():
            return Point(taken)
        values = self.program.lower.copy()
        values[self.free] = taken
        return Point(values)
