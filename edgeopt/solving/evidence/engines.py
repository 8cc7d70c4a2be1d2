"""Engines that are asked about another solver's claim, and what they answer."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any

import numpy as np

from ...model.errors import EdgeOptError
from ...model.outcome import Options, Outcome, Status
from ...model.problem import HasProgram
from ...model.program import Program
from ...model.tolerance import AGREEMENT, FEASIBILITY, ROUNDOFF
from ...verification.linear_dual import LinearDual
from ..prepared import prepared
from ..quadratic_proofs import polished
from ..registry import solvers
from ..repair import repaired
from ..risk import CP_SAT_STALLS, STALLING_RANGE, may_stall
from .budget import Budget
from .proved import worth_a_proof

_ENGINES = ("cp-sat", "scip", "highs")
"""Who is asked for a second opinion, in this order: CP-SAT counts in whole numbers."""


def engine(solver: str, *, quadratic: bool = False) -> str:
    """Return the name of the code behind a solver: highs, scipy, pyomo and cvxpy run HiGHS unless told otherwise.

    Parameters
    ----------
    quadratic : bool
        Whether the objective is: then cvxpy runs Clarabel.
    """
    stem, _, variant = solver.partition(":")
    if quadratic and stem == "cvxpy" and not variant:
        return "clarabel"
    if stem in ("highs", "scipy", "pyomo", "cvxpy"):
        return variant.lower().removesuffix("_direct").removesuffix("_persistent") or "highs"
    return stem


def opinions(program: Program, solver: str, budget: Budget) -> Iterator[tuple[str, Outcome]]:
    """Answers of engines of another kind than `solver`, each settled to a point of the program or none."""
    for name in _ENGINES:
        entry = solvers()[name]
        if budget.spent or name == engine(solver) or entry.refusal(program) or not entry.installed:
            continue
        if may_stall(program, CP_SAT_STALLS if name == "cp-sat" else STALLING_RANGE) and name != "scip":
            continue
        budget.allow(partial(_load, name))
        yield name, _held(program, answer(name, program, budget.left()))


@lru_cache
def _load(name: str) -> None:
    """Let a solver import what it needs, which may take longer than many an answer."""
    two: Any = np.ones(2)
    solvers()[name](Program(two, two[None, :], two[:1], upper=two, integrality=two > 0), Options())


def _held(program: Program, outcome: Outcome) -> Outcome:
    """Return the outcome, or none where its point does not hold: it would refute what is right."""
    if outcome.claim.has_decision and any(not v <= FEASIBILITY for v in program.violations(outcome.decision).values()):
        return Outcome(Status.NO_SOLUTION, message="its point breaks rows")
    return outcome


def relaxed_answer(program: Program, seconds: float) -> Outcome:
    """Answer of HiGHS to the relaxation, moved to the last digits of its optimum where that is quadratic."""
    relaxed = program.relaxation() if program.integral else program
    found = answer("highs", relaxed, seconds)
    if not relaxed.quadratic or not found.claim.has_decision:
        return found
    return polished_outcome(relaxed, found, found)


def answer(name: str, program: Program, seconds: float, *, scale: bool = True) -> Outcome:
    """Outcome of a solver that settles a question about another's; one that cannot take the program has none."""
    begun = time.monotonic()
    ready = prepared(program, scale=scale and name != "cp-sat")
    try:
        found = ready.restore(solvers()[name](ready.program, Options(time_limit=seconds)))
    except EdgeOptError as error:
        found = Outcome.failed(str(error))
    found = repaired(program, found, seconds)
    left = seconds - (time.monotonic() - begun)
    again = program.integral and not ready.scaling.trivial and left > 0
    if again and not (found.claim is Status.INFEASIBLE or _held(program, found).claim.has_decision):
        return answer(name, program, left, scale=False)
    return found


def polished_outcome(problem: HasProgram, outcome: Outcome, near: Outcome) -> Outcome:
    """Outcome at the optimum that lies near another one's point, where more is proved of it than of its own.

    It replaces rounding only: an objective that the solver's own does not agree with leaves the outcome as it is.
    """
    program, dual = problem.program(), near.certificate
    try:
        problem.check(near.decision)
        problem.check(outcome.decision)
    except EdgeOptError:  # the judge says so
        return outcome
    found = polished(program, problem.encode(near.decision), dual if isinstance(dual, LinearDual) else None)
    if found is None:
        return outcome
    decision, own = problem.decode(found[0]), outcome.certificate
    terms = problem.magnitude(decision)
    apart = abs(problem.objective(decision) - problem.objective(outcome.decision))
    if not apart <= AGREEMENT * terms or not worth_a_proof(problem, decision):
        return outcome
    if isinstance(own, LinearDual) and worth_a_proof(problem, outcome.decision):
        before = own.optimality_gap(problem, outcome.decision)
        if found[1].optimality_gap(problem, decision) > max(before, ROUNDOFF * terms):
            return outcome
    return replace(outcome, decision=decision, certificate=found[1], objective=None)
