"""Witnesses for the claims of solvers that give none: a second, independent linear solve supplies them.

A solver without duals or rays (``scipy``'s MILP, CP-SAT) is not believed on its word where a linear program can speak.
HiGHS solves the linear relaxation; its duals or its ray are then checked like any other certificate. Only that an
integer program has no integer point, while its relaxation has points, cannot be checked so: there another solver is
asked.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from .certificate import LinearDual, MixedIntegerBound, PrimalRay, SolverClaim, StatusCertificate
from .errors import UnsupportedPairError
from .outcome import Options, Outcome, Status
from .registry import solvers

if TYPE_CHECKING:
    from .certificate import Certificate
    from .problem import Problem
    from .program import Program


_PATIENCE = 60.0
"""Seconds for a supplied witness where the caller set no limit."""


def witnessed(problem: Problem, outcome: Outcome, solver: str, options: Options) -> Outcome:
    """Return `outcome` with the best certificate at hand: the problem's own, the solver's, or a supplied one."""
    certificate: Certificate | None
    if outcome.claim.has_decision:
        certificate = outcome.certificate
        if certificate is None or isinstance(certificate, (LinearDual, MixedIntegerBound)):
            certificate = problem.certify(outcome.decision) or certificate  # in the problem's own words
        if certificate is None and problem.linear:
            certificate = _quality(problem.program(), outcome, solver, options)
    elif outcome.claim in (Status.INFEASIBLE, Status.UNBOUNDED):
        certificate = problem.refute() if outcome.claim is Status.INFEASIBLE else None
        if not isinstance(outcome.certificate, SolverClaim):  # a word is given here, never taken
            certificate = certificate or outcome.certificate
        if certificate is None and problem.linear:
            certificate = status_witness(problem.program(), outcome.claim, solver, options)
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


def status_witness(program: Program, claim: Status, solver: str, options: Options) -> Certificate | None:
    """Return a witness that `program` is infeasible or unbounded, or None where the claim of `solver` finds none."""
    relaxed = _relaxed(program, options)
    certificate = relaxed.certificate if isinstance(relaxed.certificate, StatusCertificate) else None
    if not program.integral:
        return certificate if relaxed.claim is claim else None
    if claim is Status.UNBOUNDED:
        return _integer_ray(program, certificate, options)
    if relaxed.claim is Status.INFEASIBLE and certificate is not None:
        return certificate
    return _second_opinion(program, solver, options)


def _integer_ray(program: Program, certificate: StatusCertificate | None, options: Options) -> Certificate | None:
    """Return the relaxation's ray from an integer point, from which it serves the integer program too (Meyer 1974)."""
    if not isinstance(certificate, PrimalRay):
        return None
    start = _run("highs", replace(program, cost=np.zeros(program.columns), offset=0.0), options)
    return PrimalRay(start.decision.values, certificate.direction) if start.claim.has_decision else None


def _second_opinion(program: Program, solver: str, options: Options) -> Certificate | None:
    """Ask another solver whether an integer program is infeasible; a point that it finds refutes the claim."""
    feasibility = replace(program, cost=np.zeros(program.columns), offset=0.0)
    for name in ("cp-sat", "highs", "scipy"):
        other = solvers()[name]
        if name == solver.partition(":")[0] or other.refusal(program):
            continue
        try:
            claim = _run(name, feasibility, options).claim
        except UnsupportedPairError:
            continue
        if claim.has_decision:
            return None
        if claim is Status.INFEASIBLE:
            return SolverClaim(str(claim), f"{solver} and {name}")
    return SolverClaim(str(Status.INFEASIBLE), solver)


def _relaxed(program: Program, options: Options) -> Outcome:
    return _run("highs", program.relaxation() if program.integral else program, options)


def _run(name: str, program: Program, options: Options) -> Outcome:
    scaled, factor = program.normalised()
    limit = _PATIENCE if options.time_limit is None else max(1.0, options.remaining())
    return solvers()[name](scaled, Options(time_limit=limit)).rescaled(factor)
