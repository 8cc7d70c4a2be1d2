"""Evidence for the claim that there is no point, or no best one: a ray, or the word of engines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ...model.certificate import StatusCertificate
from ...model.outcome import Outcome, Status
from ...model.problem import CertifiesInfeasibility, HasProgram
from ...model.program import Point, Program
from ...verification.duality import holds_exactly
from ...verification.infeasibility import EmptyBox, FarkasRay, without_value
from ...verification.related_programs import least_violation, without_cost
from ...verification.solver_words import SolverClaim
from ...verification.unboundedness import PrimalRay
from ..linear_proofs import finished_exactly
from ..repair import repaired
from ..risk import may_stall
from .budget import GLANCE, Budget
from .engines import answer, opinions

if TYPE_CHECKING:
    from ...model.certificate import Certificate
    from ...model.problem import Problem


def with_status_evidence(problem: Problem, outcome: Outcome, solver: str, budget: Budget) -> Outcome:
    """Return the claim with the problem's own proof, the solver's where it holds, or one of the program."""
    certificate: Certificate | None = None
    if outcome.claim is Status.INFEASIBLE and isinstance(problem, CertifiesInfeasibility):
        certificate = problem.infeasibility_certificate()
    if certificate is None and isinstance(outcome.certificate, StatusCertificate):
        certificate = outcome.certificate if _proves(outcome.certificate, problem) else None
    if certificate is not None:
        return replace(outcome, certificate=certificate)
    if not isinstance(problem, HasProgram):
        return outcome if not isinstance(outcome.certificate, SolverClaim) else replace(outcome, certificate=None)
    return status_evidence(problem.program(), outcome, solver, budget)


def status_evidence(program: Program, outcome: Outcome, solver: str, budget: Budget) -> Outcome:
    """Return the claim that `program` is infeasible or unbounded with its proof, or what is left of it without one."""
    if outcome.claim is Status.INFEASIBLE:
        if (crossed := without_value(program)) is not None:
            return replace(outcome, certificate=crossed)
        if EmptyBox().holds(program):
            return replace(outcome, certificate=EmptyBox())
    relaxed, certificate = _relaxed_status(program, budget)
    if not program.integral:
        return _linear_status(program, outcome, relaxed, certificate, budget)
    if outcome.claim is Status.UNBOUNDED:
        return replace(outcome, certificate=_integer_ray(program, certificate, budget))
    if isinstance(certificate, FarkasRay):
        return replace(outcome, certificate=certificate)
    return _second_opinion(program, outcome, solver, budget)


def _proves(certificate: StatusCertificate, problem: Problem) -> bool:
    """Whether a solver's own certificate of its claim holds; a word is none: this module asks engines itself."""
    try:
        return not isinstance(certificate, SolverClaim) and certificate.holds(problem)
    except Exception:  # a certificate may be anything: what cannot be checked proves nothing
        return False


def _relaxed_status(program: Program, budget: Budget) -> tuple[Outcome, StatusCertificate | None]:
    """Outcome of the linear relaxation, scaled and else as it stands, and its ray if that holds."""
    linear = program.relaxation() if program.integral else program
    for scale in (True, False):
        # The second attempt takes as long as the first, however slow the machine is.
        relaxed = answer("highs", linear, max(GLANCE, budget.left()), scale=scale)
        certificate = relaxed.certificate
        if isinstance(certificate, StatusCertificate) and certificate.holds(linear):
            return relaxed, certificate
        if relaxed.claim.has_decision:
            break
    return relaxed, None


def _linear_status(
    program: Program, outcome: Outcome, relaxed: Outcome, certificate: StatusCertificate | None, budget: Budget
) -> Outcome:
    if certificate is not None and relaxed.claim is outcome.claim:
        return replace(outcome, certificate=certificate)
    finished = finished_exactly(program, relaxed.certificate, budget.left())
    if finished is not None and finished.claim is outcome.claim:
        return replace(finished, statistics=outcome.statistics)
    if relaxed.claim.has_decision or finished is not None:
        return replace(outcome, certificate=None)
    unsettled = f"the solver says {outcome.claim}, which rounding leaves open and rational arithmetic did not settle"
    return Outcome(Status.NO_SOLUTION, message=unsettled)


def _integer_ray(program: Program, certificate: StatusCertificate | None, budget: Budget) -> Certificate | None:
    """Return the relaxation's ray from an integer point, from which it serves the integer program too (Meyer 1974)."""
    if not isinstance(certificate, PrimalRay):
        return None
    start = answer("highs", without_cost(program), budget.left())
    return replace(certificate, point=start.decision.values) if start.claim.has_decision else None


def _second_opinion(program: Program, outcome: Outcome, solver: str, budget: Budget) -> Outcome:
    """Try cheap points, then ask other engines whether an integer program is infeasible; a point refutes the claim."""
    feasibility = without_cost(program)
    for point in _cheap_points(program):
        if not program.violations(Point(point)):
            return Outcome.failed(f"{solver} says infeasible, but the program has a point: a rounded one is feasible")
    if (repaired := _least_violated(program, budget)) is not None and not program.violations(repaired):
        return Outcome.failed(f"{solver} says infeasible, but the program has a point: its rows need no repair")
    for name, other in opinions(feasibility, solver, budget):
        if other.claim.has_decision and program.integrality.all() and not holds_exactly(program, other.decision.values):
            continue  # a float64 engine's point that whole numbers refute
        if other.claim.has_decision:
            return Outcome.failed(f"{solver} says infeasible, but {name} has a feasible point")
        if other.claim is Status.INFEASIBLE:
            return replace(outcome, certificate=SolverClaim(str(other.claim), f"{solver} and {name}"))
    unsettled = f"{solver} says infeasible; one engine's word is not enough, and no other could settle it in time"
    return Outcome(Status.NO_SOLUTION, message=unsettled)


def _least_violated(program: Program, budget: Budget) -> Point | None:
    """Point that violates the rows least, made whole, or None; with no violation left it is a feasible point."""
    if may_stall(program):
        return None
    elastic = least_violation(program)
    whole = np.concatenate([program.integrality, np.zeros(2 * program.rows, bool)])
    found = answer("highs", replace(elastic, integrality=whole), budget.left())
    if not found.claim.has_decision:
        return None
    near = Outcome.feasible(Point(found.decision.values[: program.columns]))
    point = repaired(program, near, budget.left())
    return point.decision if point.claim.has_decision else None


def _cheap_points(program: Program) -> Iterator[np.ndarray]:
    """Corners of the column bounds and 0, as far as they are finite."""
    zero = np.clip(0.0, program.lower, program.upper)
    for corner in (zero, program.lower, program.upper):
        point = np.where(np.isfinite(corner), corner, zero)
        yield np.where(program.integrality, np.round(point), point)
