"""Judging: what edgeopt itself recomputes of an answer, and the status that the recomputation supports.

The judge sees the problem, a decision, a certificate and a claim. It recomputes objective and violations from the
problem's own data, asks the certificate how far the optimum can be, and lets a claim stand only where this agrees.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from .certificate import LinearDual, MixedIntegerBound, OptimalityCertificate, SolverClaim, StatusCertificate
from .errors import InvalidProblemError, NoSolutionError
from .instance import Instance, problem_of
from .outcome import Options, Outcome, Status
from .tolerance import AGREEMENT, FEASIBILITY, OPTIMALITY, ROUNDOFF

if TYPE_CHECKING:
    from .problem import Problem
    from .solution import Solution


@dataclass(frozen=True, slots=True)
class Verification:
    """What the judge found.

    Attributes
    ----------
    holds : bool
        Whether everything that was claimed is supported.
    status : Status
        The status that is supported; ``failed`` where the claim is not.
    objective : float, optional
        Objective, recomputed; (batch,), like bound and gap, for a batched problem.
    bound : float, optional
        Best objective that can exist, proved by the certificate (or, for an integer program, by the solver).
    gap : float, optional
        Relative distance of the two.
    violations : dict
        Broken constraints beyond tolerance.
    message : str
        Why the claim does not hold, or how it was proved.
    exact : bool
        Whether the optimum was also proved in rational arithmetic.
    """

    holds: bool
    status: Status
    objective: Any = None
    bound: Any = None
    gap: Any = None
    violations: dict[str, float] = field(default_factory=dict)
    message: str = ""
    exact: bool = False

    def __bool__(self) -> bool:
        return self.holds


def judge(problem: Problem, outcome: Outcome, relative_gap: float | None = None) -> Verification:
    """Return what of `outcome` is supported by `problem`'s own data.

    Parameters
    ----------
    relative_gap : float, optional
        Gap that still counts as optimal; :data:`~edgeopt.core.tolerance.OPTIMALITY` by default.
    """
    if outcome.claim in (Status.INFEASIBLE, Status.UNBOUNDED):
        return _judge_status(problem, outcome)
    if not outcome.claim.has_decision:
        return Verification(False, outcome.claim, message=outcome.message or "there is no answer to verify")
    try:
        problem.check(outcome.decision)
    except InvalidProblemError as error:
        return _refused(f"the decision is malformed: {error}")
    violations = {name: v for name, v in problem.violations(outcome.decision).items() if not v <= FEASIBILITY}
    if violations:
        worst = max(violations, key=lambda name: violations[name])
        return _refused(
            f"the decision is infeasible: {worst} is violated by {violations[worst]:.3g} (relative)", violations
        )
    objective = problem.objective(outcome.decision)
    if not math.isfinite(objective):
        return _refused(f"the objective of the decision is {objective}")
    return _judge_quality(problem, outcome, objective, OPTIMALITY if relative_gap is None else relative_gap)


def _refused(message: str, violations: dict[str, float] | None = None) -> Verification:
    return Verification(False, Status.FAILED, violations=violations or {}, message=message)


def _judge_status(problem: Problem, outcome: Outcome) -> Verification:
    certificate = outcome.certificate
    try:
        proved = isinstance(certificate, StatusCertificate) and certificate.holds(problem)
    except Exception as error:  # a witness may be anything: what cannot be checked proves nothing
        return _refused(f"the solver says {outcome.claim}, but its witness cannot be checked: {error}")
    if proved:
        return Verification(True, outcome.claim, message=str(certificate))
    reason = "no witness was given" if certificate is None else f"its witness ({certificate}) proves nothing"
    return _refused(f"the solver says {outcome.claim}, but {reason}")


def _judge_quality(problem: Problem, outcome: Outcome, objective: float, tolerance: float) -> Verification:
    if contradiction := _contradiction(problem, outcome, objective):
        return _refused(contradiction)
    try:
        slack = _slack(problem, outcome)
    except Exception as error:  # a certificate may be anything: what cannot be checked proves nothing
        return _refused(f"its certificate cannot be checked: {type(error).__name__}: {error}")
    if math.isnan(slack):
        return _refused(f"its certificate ({outcome.certificate}) is not a number")
    if slack < 0:
        best = objective - problem.sense.sign * slack
        if _contradicts(problem, outcome, best, objective):
            return _refused(
                f"the decision's objective {objective!r} is better than its certificate allows, {best!r}: "
                "it lives off the feasibility tolerance; scale the problem up"
            )
        slack = 0.0
    return _judge_gap(problem, outcome, objective, slack, tolerance)


def _judge_gap(problem: Problem, outcome: Outcome, objective: float, slack: float, tolerance: float) -> Verification:
    magnitude = problem.magnitude(outcome.decision) if slack > 0 else 0.0
    if not math.isfinite(magnitude):  # an overflow excuses nothing
        magnitude = 0.0
    if slack <= ROUNDOFF * magnitude:
        slack = 0.0
    bound: float | None = objective - problem.sense.sign * slack if math.isfinite(slack) else None
    gap = None if bound is None else relative_gap_of(objective, bound)
    if outcome.claim is not Status.OPTIMAL or (gap is not None and gap <= tolerance):
        return Verification(True, outcome.claim, objective, bound, gap, message=outcome.message)
    if slack <= OPTIMALITY * magnitude:
        # The terms cancel: what is left of the objective lies within the solver's own tolerances.
        message = "not proved optimal: the gap is within the solver's tolerance for costs of this size"
        return Verification(True, Status.FEASIBLE, objective, bound, gap, message=message)
    proved = "nothing" if gap is None else f"only {bound!r}, a relative gap of {gap:.3g}"
    why = "no certificate was given" if outcome.certificate is None else f"its certificate proves {proved}"
    return _refused(f"the solver says optimal with objective {objective!r}, but {why}")


def _contradiction(problem: Problem, outcome: Outcome, objective: float) -> str | None:
    """Say which number that the solver reports cannot be true."""
    reported = outcome.objective
    if reported is not None and not _close(problem, outcome, reported, objective):
        return f"the solver reports objective {reported!r}; the decision's objective is {objective!r}"
    for claimed in _claimed_bounds(outcome):
        if _contradicts(problem, outcome, claimed, objective):
            return f"the solver's bound {claimed!r} contradicts the decision's objective {objective!r}"
    return None


def _slack(problem: Problem, outcome: Outcome) -> float:
    """Proven distance of the decision from the optimum; inf where nothing is proved."""
    certificate = outcome.certificate
    if not isinstance(certificate, OptimalityCertificate):
        return math.inf
    return float(certificate.slack(problem, outcome.decision))


def _claimed_bounds(outcome: Outcome) -> list[Any]:
    """Bounds that rest on the solver's word."""
    claimed = [outcome.bound, outcome.certificate.bound if isinstance(outcome.certificate, MixedIntegerBound) else None]
    return [bound for bound in claimed if bound is not None]


def _contradicts(problem: Problem, outcome: Outcome, bound: Any, objective: float) -> bool:
    """Whether `bound` says that an objective as good as this one is impossible."""
    if not isinstance(bound, Real) or math.isnan(bound):
        return True
    beyond = problem.sense.sign * (float(bound) - objective)
    if beyond <= 0 or _close(problem, outcome, bound, objective):
        return False
    # A decision of no cost leaves no scale to measure rounding by; the bound was summed from the program's costs.
    return bool(beyond > ROUNDOFF * np.abs(problem.program().cost).max(initial=0.0))


def _close(problem: Problem, outcome: Outcome, reported: Any, objective: float) -> bool:
    if not isinstance(reported, Real) or not math.isfinite(reported):
        return False
    reported = float(reported)
    difference = abs(reported - objective)
    if difference <= AGREEMENT * max(abs(reported), abs(objective)):
        return True
    return bool(difference <= AGREEMENT * problem.magnitude(outcome.decision))


def relative_gap_of(objective: float, bound: float) -> float:
    """``|objective - bound| / max(|objective|, |bound|)``; 0 where both are equal."""
    if objective == bound:
        return 0.0
    return abs(objective - bound) / max(abs(objective), abs(bound))


def verify(problem: Problem | Instance, solution: Solution, *, exact: bool = False) -> Verification:
    """Check `solution` against `problem` independently of the solver that gave it.

    Parameters
    ----------
    exact : bool
        Also prove a linear program's optimum in rational arithmetic, from its basis (small and medium programs).

    Returns
    -------
    Verification
        True in a boolean context if status, objective and bound are what the problem's own data support.
    """
    problem = problem_of(problem)
    outcome = Outcome(
        solution.status, solution.found if solution.status.has_decision else None, solution.certificate,
        objective=solution.objective, message=solution.message,
    )  # fmt: skip
    if problem.batch is not None:
        return _verify_batch(problem, solution, outcome)
    if isinstance(solution.certificate, SolverClaim):
        from .witness import status_witness

        fresh = status_witness(problem.program(), solution.status, solution.solver, Options())
        outcome = replace(outcome, certificate=fresh)
    found = judge(problem, outcome, solution.options.get("relative_gap"))
    if not found.holds or not found.status.has_decision:
        return found
    if solution.bound is not None and (found.bound is None or not _supported(problem, solution.bound, found.bound)):
        return _refused(f"the solution states the bound {solution.bound!r}; its certificate proves {found.bound!r}")
    if solution.gap is not None and (found.gap is None or not solution.gap >= found.gap - AGREEMENT):
        return _refused(f"the solution states the gap {solution.gap!r}; its certificate proves {found.gap!r}")
    return _prove_exactly(problem, solution, found) if exact else found


def _verify_batch(problem: Problem, solution: Solution, outcome: Outcome) -> Verification:
    from .batch import judge_batch

    found = judge_batch(problem, outcome, solution.options.get("relative_gap"))
    for name in ("objective", "bound", "gap") if found.holds else ():
        stated, proved = getattr(solution, name), getattr(found, name)
        if stated is None:
            continue
        if proved is None or not np.allclose(stated, proved, rtol=AGREEMENT, atol=AGREEMENT if name == "gap" else 0.0):
            return _refused(f"the solution states another {name} than its certificate proves")
    return found


def _supported(problem: Problem, stated: float, proved: float) -> bool:
    return problem.sense.sign * (stated - proved) <= AGREEMENT * max(abs(stated), abs(proved))


def _prove_exactly(problem: Problem, solution: Solution, found: Verification) -> Verification:
    from .rational import exact_vertex

    certificate = solution.certificate
    if not isinstance(certificate, LinearDual) or certificate.column_basis is None or certificate.row_basis is None:
        return replace(found, message="exact check needs an optimal basis: solve a linear program with 'highs'")
    program = problem.program()
    try:
        vertex = exact_vertex(
            program.sense.sign * program.cost, program.sense.sign * program.offset, program.matrix,
            program.row_lower, program.row_upper, program.lower, program.upper,
            certificate.column_basis, certificate.row_basis,
        )  # fmt: skip
    except NoSolutionError as error:
        return replace(found, message=f"no exact check: {error}")
    if vertex.primal_violation or vertex.dual_violation:
        missed = f"{float(vertex.primal_violation):.3g} (primal) and {float(vertex.dual_violation):.3g} (dual)"
        return replace(found, holds=False, message=f"in exact arithmetic the basis misses feasibility by {missed}")
    value = float(program.sense.sign * vertex.objective)
    if found.objective is None or abs(value - found.objective) > AGREEMENT * max(abs(value), abs(found.objective)):
        return replace(found, holds=False, message=f"the basis proves the optimum {value!r}, not this objective")
    return replace(found, exact=True, message=f"proved optimal in rational arithmetic; objective {value!r}")
