"""The evidence that a solver did not bring, for decisions and for the claim that there is none."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ...model.certificate import OptimalityCertificate, is_checkable, rebuilt
from ...model.outcome import Options, Outcome, Status
from ...model.problem import HasProgram
from ...verification.linear_dual import LinearDual
from ...verification.solver_words import MixedIntegerBound, SolverClaim
from .budget import LEAST, Budget
from .engines import polished_outcome
from .integer_optima import asked, integer_quality
from .linear_optima import finish, linear_quality
from .proved import is_proved, own_certificate, worth_a_proof
from .statuses import status_evidence, with_status_evidence

if TYPE_CHECKING:
    from ...model.problem import Problem


def with_evidence(problem: Problem, outcome: Outcome, solver: str, options: Options, spent: float = 0.0) -> Outcome:
    """Return `outcome` with the best certificate at hand: the problem's own, the solver's, or a supplied one.

    Parameters
    ----------
    solver : str
        Who claims it.
    spent : float
        Seconds that the solve took; evidence may take as long, and a second in any case.
    """
    budget = Budget(max(LEAST, min(spent, options.remaining())), spent)
    outcome = of_its_fields(outcome)
    if not is_checkable(outcome.certificate, problem):
        outcome = replace(outcome, certificate=None)
    if outcome.claim.has_decision:
        return _quality(problem, outcome, solver, options, budget)
    if outcome.claim not in (Status.INFEASIBLE, Status.UNBOUNDED):
        if not outcome.approximate or not isinstance(problem, HasProgram):
            return outcome
        return finish(problem, outcome, budget) or outcome
    return with_status_evidence(problem, outcome, solver, budget)


def of_its_fields(outcome: Outcome) -> Outcome:
    """Return the outcome with its certificate made anew: what a solver hung on the object would be believed."""
    try:
        return outcome if outcome.certificate is None else replace(outcome, certificate=rebuilt(outcome.certificate))
    except Exception:  # what cannot be built is no certificate
        return replace(outcome, certificate=None)


def _quality(problem: Problem, outcome: Outcome, solver: str, options: Options, budget: Budget) -> Outcome:
    certificate = outcome.certificate
    if isinstance(certificate, MixedIntegerBound):
        certificate = None  # a solver's word, which this function supplies itself
    if certificate is None or isinstance(certificate, LinearDual):
        certificate = own_certificate(problem, outcome) or certificate  # in the problem's own words
    outcome = replace(outcome, certificate=certificate)
    if (certificate is not None and not isinstance(certificate, LinearDual)) or not isinstance(problem, HasProgram):
        return outcome
    if outcome.claim is Status.OPTIMAL and problem.quadratic and not problem.integral:
        # A point that misses rows by as little as the back end's tolerances is put back onto them.
        outcome = polished_outcome(problem, outcome, outcome)
    if not worth_a_proof(problem, outcome.decision):
        # Where a simplex code stopped there is a basis to go on from.
        basis = isinstance(certificate, LinearDual) and certificate.column_basis is not None
        return (finish(problem, outcome, budget) if basis else None) or outcome
    if problem.integral:
        return integer_quality(problem, outcome, solver, options, budget)
    return outcome if outcome.claim is not Status.OPTIMAL else linear_quality(problem, outcome, options, budget)


def reexamined(problem: Problem, outcome: Outcome, seconds: float) -> Outcome:
    """Return `outcome` as it is after a fresh look: no word that it carries is taken.

    The problem's own certificate replaces a solver's; where there is none, an engine has to repeat an integer
    program's optimum or infeasibility within `seconds`.
    """
    outcome = of_its_fields(outcome)
    budget, certificate = Budget(seconds), outcome.certificate
    if outcome.claim.has_decision:
        if isinstance(certificate, OptimalityCertificate) and not isinstance(certificate, MixedIntegerBound):
            return outcome
        outcome = replace(outcome, certificate=own_certificate(problem, outcome) or certificate)
        word = outcome.certificate
        if outcome.claim is not Status.OPTIMAL or not isinstance(word, MixedIntegerBound):
            return outcome
        if not isinstance(problem, HasProgram) or not worth_a_proof(problem, outcome.decision):
            return outcome
        if is_proved(problem, outcome, None):
            return outcome
        return asked(problem, outcome, word.solver, None, budget, again=True)
    if isinstance(certificate, SolverClaim) and isinstance(problem, HasProgram):
        fresh = status_evidence(problem.program(), replace(outcome, certificate=None), "", budget)
        return replace(fresh, message=fresh.message or outcome.message)
    return outcome
