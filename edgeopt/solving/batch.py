"""Batched problems: many instances that share their structure, solved and judged as one.

A solver that takes batches gets the whole problem and works on arrays; for any other the instances are solved in turn.
Either way one solution comes back, whose objective, bound and gap have one entry for each instance, and whose status is
the worst of all: what is reported as optimal was proved for every instance.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from ..model.batch_axis import BatchAxis
from ..model.certificate import OptimalityCertificate, is_checkable, word_of
from ..model.errors import InvalidOptionError, InvalidProblemError
from ..model.outcome import Options, Outcome, Status
from ..model.problem import CertifiesOptimality
from ..model.solution import Solution
from ..verification.batch_certificate import BatchCertificate
from .evidence import of_its_fields, reexamined

if TYPE_CHECKING:
    from ..model.problem import Problem
    from ..model.solver import Solver

Run = Callable[["Problem", "Solver", Options], Solution]

_WORST_FIRST = (Status.FAILED, Status.NO_SOLUTION, Status.INFEASIBLE, Status.UNBOUNDED, Status.FEASIBLE, Status.OPTIMAL)


def batch_with_evidence(problem: Problem, outcome: Outcome) -> Outcome:
    """Return a batched `outcome` with the problem's own certificate where the solver gives none."""
    outcome = of_its_fields(outcome)
    if not is_checkable(outcome.certificate, problem):
        outcome = replace(outcome, certificate=None)
    if outcome.certificate is not None or not outcome.claim.has_decision:
        return outcome
    if not _is_of(problem, outcome.decision) or not isinstance(problem, CertifiesOptimality):
        return outcome  # the judge says so
    return replace(outcome, certificate=problem.certify(outcome.decision))


def without_words(problem: Problem, outcome: Outcome) -> Outcome:
    """Return a batched `outcome` with the problem's own certificate in place of what rests on a solver's word."""
    given = outcome.certificate
    parts = given.certificates if isinstance(given, BatchCertificate) else (given,)
    if all(isinstance(part, OptimalityCertificate) and not word_of(part) for part in parts):
        return outcome
    own = batch_with_evidence(problem, replace(outcome, certificate=None))
    return outcome if own.certificate is None else own


def reexamined_in_turn(problem: BatchAxis, outcome: Outcome, seconds: float) -> Outcome:
    """Return a batched outcome as it is after a fresh look: what an instance has by word, an engine has to repeat.

    Parameters
    ----------
    seconds : float
        Most time for all instances together.
    """
    outcome = without_words(problem, of_its_fields(outcome))
    given, begun = outcome.certificate, time.monotonic()
    if not isinstance(given, BatchCertificate) or not outcome.claim.has_decision:
        return outcome
    parts = list(given.certificates)
    if len(parts) != problem.batch or not _is_of(problem, outcome.decision):
        return outcome  # the judge says so
    for index, part in enumerate(parts):
        if not word_of(part):
            continue
        one = Outcome(outcome.claim, problem.pick(outcome.decision, index), part)
        found = reexamined(problem.instance(index), one, seconds - (time.monotonic() - begun))
        if found.claim is not one.claim:
            return replace(found, message=f"instance {index}: {found.message}")
        parts[index] = found.certificate if isinstance(found.certificate, OptimalityCertificate) else None
    return replace(outcome, certificate=BatchCertificate(tuple(parts)))


def _is_of(problem: Problem, decision: object) -> bool:
    try:
        problem.check(decision)
    except InvalidProblemError:
        return False
    return True


def solve_in_turn(problem: BatchAxis, chosen: Solver, options: Options, run: Run) -> Outcome:
    """Solve the instances one by one, by `run`, with a solver that knows no batches."""
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
        return Outcome(
            Status.FAILED if worst.status is not Status.NO_SOLUTION else worst.status,
            message=f"instance {where} ended {worst.status}: {worst.message}",
        )
    return Outcome(
        worst.status,
        problem.stack([solution.decision for solution in solutions]),
        BatchCertificate(tuple(_quality(solution) for solution in solutions)),
    )


def _quality(solution: Solution) -> OptimalityCertificate | None:
    return solution.certificate if isinstance(solution.certificate, OptimalityCertificate) else None
