"""What is proved of a decision that a solver returned."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ...model.certificate import OptimalityCertificate
from ...model.errors import EdgeOptError
from ...model.outcome import Outcome
from ...model.problem import CertifiesOptimality
from ...model.tolerance import FEASIBILITY, OPTIMALITY, ROUNDOFF
from ...verification.linear_dual import LinearDual

if TYPE_CHECKING:
    from ...model.certificate import Certificate
    from ...model.problem import Problem


def own_certificate(problem: Problem, outcome: Outcome) -> Certificate | None:
    """Certificate of the problem itself; None for a decision that is not one."""
    try:
        problem.check(outcome.decision)
    except EdgeOptError:  # the judge says so
        return None
    return problem.certify(outcome.decision) if isinstance(problem, CertifiesOptimality) else None


def worth_a_proof(problem: Problem, decision: Any) -> bool:
    """Whether `decision` is worth a proof."""
    try:
        problem.check(decision)
    except EdgeOptError:
        return False
    return all(v <= FEASIBILITY for v in problem.violations(decision).values())


def is_proved(problem: Problem, outcome: Outcome, relative_gap: float | None) -> bool:
    """Whether the certificate at hand proves the decision optimal."""
    if not isinstance(outcome.certificate, OptimalityCertificate):
        return False
    gap = float(outcome.certificate.optimality_gap(problem, outcome.decision))
    objective = problem.objective(outcome.decision)
    tolerance = OPTIMALITY if relative_gap is None else relative_gap
    return gap <= max(tolerance * abs(objective), ROUNDOFF * problem.magnitude(outcome.decision))


def is_bounded(problem: Problem, outcome: Outcome) -> bool:
    """Whether anything is proved of the decision."""
    certificate = outcome.certificate
    return isinstance(certificate, LinearDual) and math.isfinite(certificate.optimality_gap(problem, outcome.decision))


def with_tighter(problem: Problem, outcome: Outcome, supplied: LinearDual) -> Outcome:
    """Return `outcome` with the supplied duals where the solver's own prove less."""
    own = outcome.certificate
    if isinstance(own, LinearDual) and not own.optimality_gap(problem, outcome.decision) > supplied.optimality_gap(
        problem, outcome.decision
    ):
        return outcome
    return replace(outcome, certificate=supplied)
