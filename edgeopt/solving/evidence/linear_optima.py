"""Evidence for a claimed optimum of a program over continuous columns, linear or convex quadratic."""

from __future__ import annotations

from dataclasses import replace

from ...model.outcome import Options, Outcome
from ...model.problem import HasProgram
from ...model.program import Point
from ...verification.linear_dual import LinearDual
from ...verification.unboundedness import PrimalRay
from ..linear_proofs import finished_exactly, shifted
from .budget import Budget
from .engines import polished_outcome, relaxed_answer
from .proved import is_bounded, is_proved, with_tighter


def linear_quality(problem: HasProgram, outcome: Outcome, options: Options, budget: Budget) -> Outcome:
    """Prove a linear program's optimum by the solver's duals, by supplied ones, or in rational arithmetic.

    Of a quadratic program the point is moved to the optimum's last digits first.
    """
    program = problem.program()
    if program.quadratic:
        return _quadratic_quality(problem, outcome, options, budget)
    for supply in (relaxed_answer, shifted):
        if is_proved(problem, outcome, options.relative_gap):
            return outcome
        found = supply(program, budget.left()).certificate
        if isinstance(found, LinearDual):
            outcome = with_tighter(problem, outcome, found)
    if is_proved(problem, outcome, options.relative_gap) or is_bounded(problem, outcome):
        return outcome
    return finish(problem, outcome, budget) or outcome


def _quadratic_quality(problem: HasProgram, outcome: Outcome, options: Options, budget: Budget) -> Outcome:
    """Prove a quadratic program's optimum from the solver's own point, or else by duals that HiGHS supplies."""
    if not is_proved(problem, outcome, options.relative_gap) and not budget.spent:
        other = relaxed_answer(problem.program(), budget.left())
        if isinstance(other.certificate, PrimalRay) and other.certificate.holds(problem):
            message = "the solver says optimal; HiGHS found a ray along which the objective improves for ever"
            return replace(other, message=message, statistics=outcome.statistics)
        if isinstance(other.certificate, LinearDual):
            outcome = with_tighter(problem, outcome, other.certificate)
            outcome = polished_outcome(problem, outcome, replace(other, decision=problem.decode(other.decision.values)))
    return outcome


def finish(problem: HasProgram, outcome: Outcome, budget: Budget) -> Outcome | None:
    """Outcome of a small linear program in rational arithmetic, in the problem's own words."""
    finished = finished_exactly(problem.program(), outcome.certificate, budget.left())
    if finished is None:
        return None
    if isinstance(finished.decision, Point):
        finished = replace(finished, decision=problem.decode(finished.decision.values))
    return replace(finished, statistics=outcome.statistics)
