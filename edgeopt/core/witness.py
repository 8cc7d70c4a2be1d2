"""Witnesses for the claims of solvers that give none: a second, independent linear solve supplies them.

A solver without duals or rays (``scipy``'s MILP, CP-SAT) is not believed on its word where a linear program can speak.
HiGHS solves the linear relaxation; its duals or its ray are then checked like any other certificate.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .certificate import LinearDual, MixedIntegerBound, PrimalRay, SolverClaim, StatusCertificate
from .outcome import Options, Outcome, Status
from .registry import solvers

if TYPE_CHECKING:
    from .certificate import Certificate
    from .problem import Problem
    from .program import Program


def witnessed(problem: Problem, outcome: Outcome, solver: str, options: Options) -> Outcome:
    """Return `outcome` with the best certificate at hand: the problem's own, the solver's, or a supplied one."""
    certificate: Certificate | None
    if outcome.claim.has_decision:
        certificate = problem.certify(outcome.decision) or outcome.certificate
        if certificate is None and problem.linear:
            certificate = _quality(problem.program(), outcome, solver, options)
    elif outcome.claim in (Status.INFEASIBLE, Status.UNBOUNDED):
        certificate = problem.refute() if outcome.claim is Status.INFEASIBLE else None
        certificate = certificate or outcome.certificate
        if certificate is None and problem.linear:
            certificate = _status(problem.program(), outcome.claim, solver, options)
    else:
        return outcome
    return replace(outcome, certificate=certificate)


def _quality(program: Program, outcome: Outcome, solver: str, options: Options) -> Certificate | None:
    if outcome.claim is not Status.OPTIMAL:  # a limit was hit: the solver's bound is all that its time pays for
        return None if outcome.bound is None else MixedIntegerBound(outcome.bound, solver)
    dual = _relaxed(program, options).certificate
    dual = dual if isinstance(dual, LinearDual) else None
    if not program.integral or outcome.bound is None:
        return dual
    return MixedIntegerBound(
        outcome.bound, solver, dual, -np.inf * program.sense.sign if dual is None else dual.bound(program)
    )


def _status(program: Program, claim: Status, solver: str, options: Options) -> Certificate | None:
    relaxed = _relaxed(program, options)
    certificate = relaxed.certificate
    if isinstance(certificate, StatusCertificate) and relaxed.claim is claim:
        if claim is Status.INFEASIBLE or not program.integral:
            return certificate
        if isinstance(certificate, PrimalRay):
            # The relaxation's ray also serves the integer program once it starts from an integer point.
            start = _highs(replace(program, cost=np.zeros(program.columns), offset=0.0), options)
            if start.claim.has_decision:
                return PrimalRay(start.decision.values, certificate.direction)
    return SolverClaim(str(claim), solver) if program.integral else None


def _relaxed(program: Program, options: Options) -> Outcome:
    return _highs(program.relaxation() if program.integral else program, options)


def _highs(program: Program, options: Options) -> Outcome:
    scaled, factor = program.normalised()
    limit = None if options.time_limit is None else max(1.0, options.remaining())
    outcome: Any = solvers()["highs"](scaled, Options(time_limit=limit, threads=options.threads))
    return outcome.rescaled(factor)  # type: ignore[no-any-return]
