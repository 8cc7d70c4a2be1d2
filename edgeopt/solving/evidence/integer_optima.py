"""Evidence for a claimed optimum of an integer program: its relaxation's bound and the word of engines."""

from __future__ import annotations

import math
from dataclasses import replace
from numbers import Real
from typing import Any

import numpy as np

from ...model.outcome import Options, Outcome, Status
from ...model.problem import HasProgram
from ...model.program import Program
from ...model.tolerance import OPTIMALITY, ROUNDOFF
from ...verification.linear_dual import LinearDual
from ...verification.solver_words import MixedIntegerBound
from ...verification.unboundedness import PrimalRay
from ..risk import risky
from .budget import AT_ONCE, GLANCE, SHARE, Budget
from .engines import opinions, relaxed_answer
from .proved import is_proved

_TINY, _SMALL = 50, 200
"""Columns up to which a second engine is asked about every integer optimum, and up to which if it answers at once."""


def integer_quality(problem: HasProgram, outcome: Outcome, solver: str, options: Options, budget: Budget) -> Outcome:
    """Bound of the relaxation, and for a claim of optimality that it leaves open the word of a second engine."""
    program, objective = problem.program(), problem.objective(outcome.decision)
    own = outcome.certificate if isinstance(outcome.certificate, LinearDual) else None
    if outcome.claim is not Status.OPTIMAL:
        if outcome.bound is None:
            return outcome
        # A limit was hit: a glance at the relaxation is all that is left of the time.
        dual = _duals(program, Budget(GLANCE))
        return replace(outcome, certificate=_word(program, objective, outcome.bound, solver, dual))
    stated = objective if outcome.bound is None else outcome.bound
    if not _possible(problem, stated, outcome.decision):
        return outcome  # the judge says so
    if own is not None and is_proved(problem, outcome, options.relative_gap):
        return outcome  # the solver's own prices are proof enough
    relaxed = relaxed_answer(program, budget.left())
    if relaxed.claim is Status.UNBOUNDED:
        return _beyond_all_bounds(problem, outcome, relaxed, solver, options.relative_gap, budget)
    dual = relaxed.certificate if isinstance(relaxed.certificate, LinearDual) else None
    if own is not None and (
        dual is None or own.optimality_gap(problem, outcome.decision) <= dual.optimality_gap(problem, outcome.decision)
    ):
        dual = own
    outcome = replace(outcome, certificate=_word(program, objective, stated, solver, dual))
    if is_proved(problem, outcome, options.relative_gap):
        return outcome
    if program.columns > _TINY and not risky(program):
        if program.columns > _SMALL:
            return outcome
        budget = Budget(max(AT_ONCE, SHARE * budget.solve))
    return asked(problem, outcome, solver, options.relative_gap, budget)


def _beyond_all_bounds(
    problem: HasProgram, outcome: Outcome, relaxed: Outcome, solver: str, relative_gap: float | None, budget: Budget
) -> Outcome:
    """Outcome of a claimed optimum whose relaxation is unbounded: with a ray, the program is unbounded (Meyer 1974)."""
    program, ray = problem.program(), relaxed.certificate
    if isinstance(ray, PrimalRay):
        ray = replace(ray, point=problem.encode(outcome.decision))
        if ray.holds(program):
            message = f"{solver} says optimal; its point can go on for ever along a ray of the relaxation"
            return Outcome(Status.UNBOUNDED, certificate=ray, message=message, statistics=outcome.statistics)
    objective = problem.objective(outcome.decision)
    word = _word(program, objective, objective, solver, None)
    repeated = asked(problem, replace(outcome, certificate=word), solver, relative_gap, budget)
    if not isinstance(repeated.certificate, MixedIntegerBound) or repeated.certificate.solver != solver:
        return repeated
    message = f"{solver} says optimal; the linear relaxation is unbounded, and no other engine agrees"
    return replace(outcome, claim=Status.FEASIBLE, certificate=None, bound=None, message=message)


def _possible(problem: HasProgram, bound: Any, decision: Any) -> bool:
    """Whether a stated bound allows the objective that was found, rounding allowed for."""
    if not isinstance(bound, Real) or math.isnan(bound) or bound == problem.sense.sign * math.inf:
        return False
    objective = problem.objective(decision)
    terms = problem.magnitude(decision) + float(np.abs(problem.program().cost).max(initial=0.0))
    allowed = max(OPTIMALITY * max(abs(objective), abs(float(bound))), ROUNDOFF * terms)
    return problem.sense.sign * (float(bound) - objective) <= allowed


def _word(program: Program, objective: float, bound: float, solver: str, dual: LinearDual | None) -> MixedIntegerBound:
    proved = -math.inf * program.sense.sign if dual is None else dual.proved(program, objective)
    return MixedIntegerBound(bound, solver, dual, proved)


def _duals(program: Program, budget: Budget) -> LinearDual | None:
    found = relaxed_answer(program, budget.left()).certificate
    return found if isinstance(found, LinearDual) else None


def asked(
    problem: HasProgram,
    outcome: Outcome,
    solver: str,
    relative_gap: float | None,
    budget: Budget,
    *,
    again: bool = False,
) -> Outcome:
    """Ask engines that share no code with `solver` whether the decision of `outcome` is optimal.

    A better point refutes the claim. With `again` any engine will do, and one has to agree.
    """
    program = problem.program()
    objective, sign = problem.objective(outcome.decision), problem.sense.sign
    tolerance = OPTIMALITY if relative_gap is None else relative_gap
    allowed = max(tolerance * abs(objective), ROUNDOFF * problem.magnitude(outcome.decision))
    for name, other in opinions(program, "" if again else solver, budget):
        if not other.claim.has_decision:
            continue
        value = program.objective(other.decision)
        if sign * (objective - value) > allowed:
            message = f"{solver} says optimal with objective {objective!r}; {name} has a point of objective {value!r}"
            return Outcome.failed(message)
        if other.claim is Status.OPTIMAL:
            word = outcome.certificate
            if isinstance(word, MixedIntegerBound):
                return replace(outcome, certificate=replace(word, solver=name if again else f"{solver} and {name}"))
            return outcome
    if again:
        return Outcome.failed(f"its optimum rests on the word of {solver}, which no engine here could repeat in time")
    return outcome
