"""What a general solver is handed: the program with whole bounds, in numbers that back ends can be trusted with.

Bounds of integer columns, and sides of rows in whole numbers, are moved inwards to whole numbers, because back ends
mishandle fractional ones; the columns' are tightened by the rows, because back ends mishandle very large ones. Rows and
columns are scaled by powers of two (:mod:`.scaling`). An outcome is carried back to the original program without
rounding.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ..model.program import Point, Program
from ..model.scaling import Scaling, extreme_cost_exponent, scaling_of
from ..verification.infeasibility import FarkasRay
from ..verification.linear_dual import LinearDual
from ..verification.propagation import propagated, rest_of_row
from ..verification.unboundedness import PrimalRay

if TYPE_CHECKING:
    from ..model.certificate import Certificate
    from ..model.outcome import Outcome


@dataclass(frozen=True, eq=False)
class Prepared:
    """A program as back ends get it.

    Attributes
    ----------
    program : Program
        What is handed over.
    scaling : Scaling
        Its factors.
    """

    program: Program
    scaling: Scaling

    def restore(self, outcome: Outcome) -> Outcome:
        """Return the outcome of the original program from that of the prepared one."""
        if self.scaling.trivial:
            return outcome
        decision = outcome.decision
        if isinstance(decision, Point) and decision.values.shape == (self.program.columns,):
            decision = Point(self.scaling.point(decision.values))
        return replace(
            outcome,
            decision=decision,
            objective=self.scaling.objective(outcome.objective),
            bound=self.scaling.objective(outcome.bound),
            certificate=self._restored(outcome.certificate),
        )

    def _restored(self, certificate: Certificate | None) -> Certificate | None:
        match certificate:
            case LinearDual() if certificate.row_dual.shape == (self.program.rows,):
                slopes = self.scaling.slopes(certificate.square_dual)
                return replace(certificate, row_dual=self.scaling.prices(certificate.row_dual), square_dual=slopes)
            case FarkasRay() if certificate.row_multiplier.shape == (self.program.rows,):
                return replace(certificate, row_multiplier=self.scaling.multipliers(certificate.row_multiplier))
            case PrimalRay() if certificate.direction.shape == certificate.point.shape == (self.program.columns,):
                point, direction = map(self.scaling.point, (certificate.point, certificate.direction))
                return replace(certificate, point=point, direction=direction)
            case _:
                return certificate


def prepared(program: Program, *, scale: bool = True) -> Prepared:
    """Return what to hand to a back end for `program`; its outcome goes through :meth:`Prepared.restore`.

    Parameters
    ----------
    scale : bool
        Whether rows, columns and costs are scaled; otherwise costs are where they are near the ends of float64. Whole
        bounds and switches as small as the rows allow are given either way.
    """
    whole = with_small_switches(with_whole_bounds(program))
    if not scale:
        costs = extreme_cost_exponent(program)
        scaling = Scaling(np.zeros(program.rows, np.int64), np.zeros(program.columns, np.int64), costs)
        return Prepared(scaling.apply(whole), scaling)
    scaling = scaling_of(whole)
    return Prepared(scaling.apply(whole), scaling)


def unprepared(program: Program) -> Prepared:
    """Return `program` for a back end that takes it as it is."""
    return Prepared(program, Scaling(np.zeros(program.rows, np.int64), np.zeros(program.columns, np.int64), 0))


def with_whole_bounds(program: Program) -> Program:
    """Return the program with bounds of integer columns whole and as tight as the rows make them.

    Sides of rows in whole numbers are whole too: such rows have to hold exactly, and a back end takes 7 for enough
    where 7.000000000000001 is asked for. Where bounds cross, the program is infeasible; the crossed bounds are kept, so
    that the solver is told so.
    """
    if not program.integral:
        return program
    row_lower, row_upper = program.whole_sides
    if not (np.array_equal(row_lower, program.row_lower) and np.array_equal(row_upper, program.row_upper)):
        program = replace(program, row_lower=row_lower, row_upper=row_upper)
    lower, upper = propagated(program)
    # Tighter bounds of continuous columns help no back end, and cost its relaxations their vertices.
    lower = np.where(program.integrality, lower, program.lower)
    upper = np.where(program.integrality, upper, program.upper)
    if np.array_equal(lower, program.lower) and np.array_equal(upper, program.upper):
        return program
    return replace(program, lower=lower, upper=upper)


_LARGE = 1e3
"""How many times what a row can need a coefficient of a binary has to be to be replaced."""


def with_small_switches(program: Program) -> Program:
    """Return the program with big-M coefficients of binaries no larger than the bounds of the other columns need.

    In ``rest - M z <= b`` any M of at least ``max rest - b`` allows the same points, z being 0 or 1 (Savelsbergh 1994).
    A back end takes 1e-9 for 0, and M times that is what it lets through. Other switches of the row add nothing to
    ``max rest``, so that all can be replaced at once.
    """
    binary = program.integrality & (program.lower == 0.0) & (program.upper == 1.0)
    one_sided = np.isfinite(program.row_lower) != np.isfinite(program.row_upper)
    if not binary.any() or not one_sided.any():
        return program
    matrix = program.rowwise
    owner = np.repeat(np.arange(program.rows), np.diff(matrix.indptr))
    # Every row as rest + a z <= b.
    sign = np.where(np.isfinite(program.row_upper), 1.0, -1.0)
    b = np.where(one_sided, sign * np.where(sign > 0, program.row_upper, program.row_lower), 0.0)
    a = sign[owner] * matrix.data
    with np.errstate(invalid="ignore"):
        terms = a * np.where(a > 0, program.upper[matrix.indices], program.lower[matrix.indices])
        most, error = rest_of_row(np.where(a == 0, 0.0, terms), owner, np.inf)
        needed = most - b[owner] + error + _MORE * (np.abs(most) + np.abs(b[owner]))
    needed = np.maximum(np.where(program.whole_rows[owner], np.ceil(needed), needed), 0.0)  # whole rows stay whole
    large = binary[matrix.indices] & one_sided[owner] & (a < 0) & (_LARGE * needed < -a)
    if not large.any():
        return program
    small = matrix.copy()
    small.data[large] = (-sign[owner] * needed)[large]
    return replace(program, matrix=small.tocsc())


_MORE = 1e-9
"""By how much more than needed a switch is left to let through, relative to what makes it up."""
