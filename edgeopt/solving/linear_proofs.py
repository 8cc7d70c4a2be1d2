"""Proofs for linear programs where a back end's duals, taken as they are, prove nothing in float64.

A basic column without an upper bound has a reduced cost of 0, which float64 leaves at 1e-17: of the wrong sign, times
an infinite bound. Two ways out: duals of slightly smaller costs, whose reduced costs are clearly positive at the
original ones, and a few pivots in rational arithmetic from where the back end stopped.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ..model.outcome import Options, Outcome, Status
from ..model.program import Point
from ..model.scaling import matrix_scaling
from ..model.tolerance import SOLVER
from ..verification.infeasibility import FarkasRay
from ..verification.linear_dual import LinearDual
from ..verification.rational_simplex import MOST_ENTRIES, ExactBasis, exact_basis
from ..verification.related_programs import equilibrated, least_violation, recession
from ..verification.unboundedness import PrimalRay
from .prepared import Prepared, prepared
from .registry import solvers

if TYPE_CHECKING:
    from ..model.certificate import Certificate
    from ..model.program import Program

_SHIFT = 20 * SOLVER
"""By how much costs are shifted, in scaled units: well beyond the tolerance of the back end's duals."""


def shifted(program: Program, seconds: float) -> Outcome:
    """Solve with costs shifted so that columns without a bound get reduced costs of the right sign.

    Its duals prove a bound that is lower by about the shift times these columns; its point counts for nothing.
    """
    ready = prepared(program)
    scaled, sign = ready.program, program.sense.sign
    shift = np.where(np.isinf(scaled.upper), _SHIFT, 0.0) - np.where(np.isinf(scaled.lower), _SHIFT, 0.0)
    eased = replace(scaled, cost=scaled.cost - sign * shift)
    found = Prepared(eased, ready.scaling).restore(solvers()["highs"](eased, Options(time_limit=seconds)))
    dual = found.certificate
    # The basis is that of the shifted costs.
    return replace(found, certificate=LinearDual(dual.row_dual) if isinstance(dual, LinearDual) else None)


def finished_exactly(program: Program, certificate: Certificate | None, seconds: float) -> Outcome | None:
    """Solve a small linear program in rational arithmetic, from the basis at hand; None if it is too large or none."""
    if max(1, program.rows) * program.columns > MOST_ENTRIES or program.integral or program.quadratic:
        return None
    scaling, scaled = matrix_scaling(program), equilibrated(program)
    start = certificate if isinstance(certificate, LinearDual) else LinearDual(np.zeros(program.rows))
    found = exact_basis(scaled, start.column_basis, start.row_basis, seconds=seconds)
    message = "finished in rational arithmetic"
    point = np.clip(scaling.point(found.point), program.lower, program.upper)
    match found.ended:
        case "optimal":
            dual = LinearDual(scaling.prices(found.row_dual), found.column_status, found.row_status)
            return Outcome(Status.OPTIMAL, Point(point), dual, message=message)
        case "infeasible":
            ray = _solved(least_violation(scaled), seconds)
            return (
                None
                if ray is None
                else Outcome(
                    Status.INFEASIBLE,
                    certificate=FarkasRay(scaling.multipliers(ray.row_dual), ray.column_status, ray.row_status),
                    message=message,
                )
            )
        case "unbounded":
            cone = _solved(recession(scaled), seconds)
            return (
                None
                if cone is None
                else Outcome(
                    Status.UNBOUNDED,
                    certificate=PrimalRay(point, scaling.point(cone.point), cone.column_status, cone.row_status),
                    message=message,
                )
            )
    return None


def _solved(program: Program, seconds: float) -> ExactBasis | None:
    found = exact_basis(program, seconds=seconds)
    return found if found.ended == "optimal" else None
