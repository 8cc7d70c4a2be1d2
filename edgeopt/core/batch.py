"""Batched problems: many instances that share their structure, solved and judged as one.

A solver that takes batches gets the whole problem and works on arrays; for any other the instances are solved in turn.
Either way one solution comes back, whose objective, bound and gap have one entry for each instance, and whose status is
the worst of all: what is reported as optimal was proved for every instance.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .certificate import OptimalityCertificate
from .errors import InvalidOptionError, InvalidProblemError
from .outcome import Options, Outcome, Status
from .solution import Solution
from .tolerance import AGREEMENT, FEASIBILITY, OPTIMALITY, ROUNDOFF
from .verify import Verification

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .problem import Decision, Problem
    from .registry import Solver

_WORST_FIRST = (
    Status.FAILED, Status.NO_SOLUTION, Status.INFEASIBLE, Status.UNBOUNDED, Status.FEASIBLE, Status.OPTIMAL
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class BatchCertificate(OptimalityCertificate):
    """One certificate for each instance of a batch.

    Attributes
    ----------
    certificates : tuple
        Certificates in the order of the instances; None where an instance has none.
    """

    certificates: tuple[OptimalityCertificate | None, ...]

    def slack(self, problem: Problem, decision: Decision) -> Any:
        """(batch,) slack of each instance."""
        pairs = zip(self.certificates, range(problem.batch or 0), strict=True)
        return np.array([
            np.inf if certificate is None else certificate.slack(problem.instance(i), problem.pick(decision, i))
            for certificate, i in pairs
        ])  # fmt: skip

    def __str__(self) -> str:
        return f"{len(self.certificates)} certificates, the first: {self.certificates[0]}"


def witnessed_batch(problem: Problem, outcome: Outcome) -> Outcome:
    """Return a batched `outcome` with the problem's own certificate where the solver gives none."""
    if outcome.certificate is not None or not outcome.claim.has_decision:
        return outcome
    try:
        problem.check(outcome.decision)
    except InvalidProblemError:  # the judge says so
        return outcome
    return replace(outcome, certificate=problem.certify(outcome.decision))


def judge_batch(problem: Problem, outcome: Outcome, relative_gap: float | None = None) -> Verification:
    """Return what of a batched `outcome` the problem's own data support; every instance has to pass."""
    if not outcome.claim.has_decision:
        return Verification(False, outcome.claim, message=outcome.message or "there is no answer to verify")
    try:
        problem.check(outcome.decision)
    except InvalidProblemError as error:
        return _refused(f"the decision is malformed: {error}")
    violations = {name: v for name, v in problem.violations(outcome.decision).items() if not v <= FEASIBILITY}
    if violations:
        return _refused(f"the decision is infeasible: {max(violations, key=lambda name: violations[name])} is violated")
    objective: Any = problem.objective(outcome.decision)
    if not np.isfinite(objective).all():
        return _refused(f"the objective of instance {int((~np.isfinite(objective)).argmax())} is not finite")
    if not isinstance(outcome.certificate, OptimalityCertificate):
        return _without_proof(outcome, objective)
    try:
        slack = np.asarray(outcome.certificate.slack(problem, outcome.decision), float)
    except Exception as error:  # a certificate may be anything: what cannot be checked proves nothing
        return _refused(f"its certificate cannot be checked: {type(error).__name__}: {error}")
    return _judge_gaps(problem, outcome, objective, slack, OPTIMALITY if relative_gap is None else relative_gap)


def _refused(message: str) -> Verification:
    return Verification(False, Status.FAILED, message=message)


def _without_proof(outcome: Outcome, objective: Any) -> Verification:
    if outcome.claim is Status.OPTIMAL:
        return _refused("the solver says optimal, but no certificate was given")
    return Verification(True, outcome.claim, objective, message=outcome.message)


def _judge_gaps(
    problem: Problem, outcome: Outcome, objective: Any, slack: NDArray[np.float64], tolerance: float
) -> Verification:
    if slack.shape != objective.shape or np.isnan(slack).any():
        return _refused(f"its certificate ({outcome.certificate}) is no number for each instance")
    magnitude = problem.magnitude(outcome.decision) if slack.any() else 0.0
    if (slack < -AGREEMENT * magnitude).any():
        return _refused(f"instance {int(slack.argmin())} has an objective better than its certificate allows")
    slack = np.where(slack <= ROUNDOFF * magnitude, 0.0, slack)
    bound = objective - problem.sense.sign * slack
    largest = np.maximum(np.abs(objective), np.abs(bound))
    gap = np.divide(slack, largest, out=np.zeros_like(slack), where=(slack > 0) & np.isfinite(slack))
    gap[np.isinf(slack)] = np.inf
    if outcome.claim is Status.OPTIMAL and not (gap <= tolerance).all():
        worst = int(gap.argmax())
        return _refused(f"the solver says optimal, but instance {worst}'s certificate leaves a gap of {gap[worst]:.3g}")
    return Verification(True, outcome.claim, objective, bound, gap, message=outcome.message)


def solve_in_turn(problem: Problem, chosen: Solver, options: Options) -> Outcome:
    """Solve the instances one by one with a solver that knows no batches."""
    from .solve import run

    if options.warm_start is not None:
        raise InvalidOptionError(f"solver {chosen.name!r} takes no warm_start for a batch; solve each instance(i)")
    solutions = []
    for index in range(problem.batch or 0):
        left = None if options.time_limit is None else max(options.remaining(), 1e-3)
        fresh = replace(options, time_limit=left, started=time.monotonic())
        solutions.append(run(problem.instance(index), chosen, fresh))
    worst = min(solutions, key=lambda solution: _WORST_FIRST.index(solution.status))
    if not worst.status.has_decision:
        where = solutions.index(worst)
        return Outcome(Status.FAILED if worst.status is not Status.NO_SOLUTION else worst.status,
                       message=f"instance {where} ended {worst.status}: {worst.message}")  # fmt: skip
    return Outcome(
        worst.status,
        problem.stack([solution.decision for solution in solutions]),
        BatchCertificate(tuple(_quality(solution) for solution in solutions)),
    )


def _quality(solution: Solution) -> OptimalityCertificate | None:
    return solution.certificate if isinstance(solution.certificate, OptimalityCertificate) else None
