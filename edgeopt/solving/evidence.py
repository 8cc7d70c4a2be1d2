"""Evidence for what solvers claim: the problem's own proof, the solver's, one that a linear solve supplies, or a word.

A solver is not believed on its word where a linear program can speak: HiGHS solves the linear relaxation, and its duals
or its ray are checked like any other certificate. An integer program's search tree is not kept by any solver, so what
the relaxation leaves open rests on engines: one that shares no code with the first is asked, and where it has a better
point the claim is refuted. Everything here has a limit of time.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from ..model.certificate import OptimalityCertificate, StatusCertificate, is_checkable, rebuilt
from ..model.errors import EdgeOptError
from ..model.outcome import Options, Outcome, Status
from ..model.problem import CertifiesInfeasibility, CertifiesOptimality, HasProgram
from ..model.program import Point, Program
from ..model.tolerance import AGREEMENT, FEASIBILITY, OPTIMALITY, ROUNDOFF
from ..verification.duality import holds_exactly
from ..verification.infeasibility import EmptyBox, FarkasRay, without_value
from ..verification.linear_dual import LinearDual
from ..verification.related_programs import least_violation, without_cost
from ..verification.solver_words import MixedIntegerBound, SolverClaim
from ..verification.unboundedness import PrimalRay
from .linear_proofs import finished_exactly, shifted
from .prepared import prepared
from .quadratic_proofs import polished
from .registry import solvers
from .repair import repaired
from .risk import CP_SAT_STALLS, STALLING_RANGE, may_stall, risky

if TYPE_CHECKING:
    from ..model.certificate import Certificate
    from ..model.problem import Problem

_LEAST = 1.0
"""Seconds that evidence may always take; beyond them it takes at most as long as the solve itself."""

_GLANCE = 0.25
"""Seconds for the relaxation of an integer program whose solver stopped at a limit."""

_TINY, _SMALL = 50, 200
"""Columns up to which a second engine is asked about every integer optimum, and up to which if it answers at once."""

_AT_ONCE, _SHARE = 0.02, 0.1
"""Seconds, or share of the solve's own time, that an answer at once may take."""


@dataclass(slots=True)
class Budget:
    """Seconds for evidence, counted from when it is made, and those that the solve itself took."""

    seconds: float
    solve: float = 0.0
    begun: float = field(default_factory=time.monotonic)

    def left(self) -> float:
        """Seconds left, but time enough to begin."""
        return max(_AT_ONCE, self.seconds - (time.monotonic() - self.begun))

    def allow(self, function: Callable[[], None]) -> None:
        """Call `function` off the clock."""
        begun = time.monotonic()
        function()
        self.begun += time.monotonic() - begun

    @property
    def spent(self) -> bool:
        """Whether all is used up."""
        return time.monotonic() - self.begun >= self.seconds


def with_evidence(problem: Problem, outcome: Outcome, solver: str, options: Options, spent: float = 0.0) -> Outcome:
    """Return `outcome` with the best certificate at hand: the problem's own, the solver's, or a supplied one.

    Parameters
    ----------
    solver : str
        Who claims it.
    spent : float
        Seconds that the solve took; evidence may take as long, and a second in any case.
    """
    budget = Budget(max(_LEAST, min(spent, options.remaining())), spent)
    outcome = of_its_fields(outcome)
    if not is_checkable(outcome.certificate, problem):
        outcome = replace(outcome, certificate=None)
    if outcome.claim.has_decision:
        return _quality(problem, outcome, solver, options, budget)
    if outcome.claim not in (Status.INFEASIBLE, Status.UNBOUNDED):
        if not outcome.approximate or not isinstance(problem, HasProgram):
            return outcome
        return _finished(problem, outcome, budget) or outcome
    return _status(problem, outcome, solver, budget)


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
        certificate = _own(problem, outcome) or certificate  # in the problem's own words
    outcome = replace(outcome, certificate=certificate)
    if (certificate is not None and not isinstance(certificate, LinearDual)) or not isinstance(problem, HasProgram):
        return outcome
    if outcome.claim is Status.OPTIMAL and problem.quadratic and not problem.integral:
        # A point that misses rows by as little as the back end's tolerances is put back onto them.
        outcome = _polished(problem, outcome, outcome)
    if not _feasible(problem, outcome.decision):
        # Where a simplex code stopped there is a basis to go on from.
        basis = isinstance(certificate, LinearDual) and certificate.column_basis is not None
        return (_finished(problem, outcome, budget) if basis else None) or outcome
    if problem.integral:
        return _integer_quality(problem, outcome, solver, options, budget)
    return outcome if outcome.claim is not Status.OPTIMAL else _linear_quality(problem, outcome, options, budget)


def _linear_quality(problem: HasProgram, outcome: Outcome, options: Options, budget: Budget) -> Outcome:
    """Prove a linear program's optimum by the solver's duals, by supplied ones, or in rational arithmetic.

    Of a quadratic program the point is moved to the optimum's last digits first.
    """
    program = problem.program()
    if program.quadratic:
        return _quadratic_quality(problem, outcome, options, budget)
    for supply in (_relaxed, shifted):
        if _closed(problem, outcome, options.relative_gap):
            return outcome
        found = supply(program, budget.left()).certificate
        if isinstance(found, LinearDual):
            outcome = _tighter(problem, outcome, found)
    if _closed(problem, outcome, options.relative_gap) or _bounded(problem, outcome):
        return outcome
    return _finished(problem, outcome, budget) or outcome


def _quadratic_quality(problem: HasProgram, outcome: Outcome, options: Options, budget: Budget) -> Outcome:
    """Prove a quadratic program's optimum from the solver's own point, or else by duals that HiGHS supplies."""
    if not _closed(problem, outcome, options.relative_gap) and not budget.spent:
        other = _relaxed(problem.program(), budget.left())
        if isinstance(other.certificate, PrimalRay) and other.certificate.holds(problem):
            message = "the solver says optimal; HiGHS found a ray along which the objective improves for ever"
            return replace(other, message=message, statistics=outcome.statistics)
        if isinstance(other.certificate, LinearDual):
            outcome = _tighter(problem, outcome, other.certificate)
            outcome = _polished(problem, outcome, replace(other, decision=problem.decode(other.decision.values)))
    return outcome


def _polished(problem: HasProgram, outcome: Outcome, near: Outcome) -> Outcome:
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
    if not apart <= AGREEMENT * terms or not _feasible(problem, decision):
        return outcome
    if isinstance(own, LinearDual) and _feasible(problem, outcome.decision):
        before = own.optimality_gap(problem, outcome.decision)
        if found[1].optimality_gap(problem, decision) > max(before, ROUNDOFF * terms):
            return outcome
    return replace(outcome, decision=decision, certificate=found[1], objective=None)


def _finished(problem: HasProgram, outcome: Outcome, budget: Budget) -> Outcome | None:
    """Outcome of a small linear program in rational arithmetic, in the problem's own words."""
    finished = finished_exactly(problem.program(), outcome.certificate, budget.left())
    if finished is None:
        return None
    if isinstance(finished.decision, Point):
        finished = replace(finished, decision=problem.decode(finished.decision.values))
    return replace(finished, statistics=outcome.statistics)


def _bounded(problem: Problem, outcome: Outcome) -> bool:
    """Whether anything is proved of the decision."""
    certificate = outcome.certificate
    return isinstance(certificate, LinearDual) and math.isfinite(certificate.optimality_gap(problem, outcome.decision))


def _own(problem: Problem, outcome: Outcome) -> Certificate | None:
    """Certificate of the problem itself; None for a decision that is not one."""
    try:
        problem.check(outcome.decision)
    except EdgeOptError:  # the judge says so
        return None
    return problem.certify(outcome.decision) if isinstance(problem, CertifiesOptimality) else None


def _feasible(problem: Problem, decision: Any) -> bool:
    """Whether `decision` is worth a proof."""
    try:
        problem.check(decision)
    except EdgeOptError:
        return False
    return all(v <= FEASIBILITY for v in problem.violations(decision).values())


def _closed(problem: Problem, outcome: Outcome, relative_gap: float | None) -> bool:
    """Whether the certificate at hand proves the decision optimal."""
    if not isinstance(outcome.certificate, OptimalityCertificate):
        return False
    gap = float(outcome.certificate.optimality_gap(problem, outcome.decision))
    objective = problem.objective(outcome.decision)
    tolerance = OPTIMALITY if relative_gap is None else relative_gap
    return gap <= max(tolerance * abs(objective), ROUNDOFF * problem.magnitude(outcome.decision))


def _tighter(problem: Problem, outcome: Outcome, supplied: LinearDual) -> Outcome:
    """Return `outcome` with the supplied duals where the solver's own prove less."""
    own = outcome.certificate
    if isinstance(own, LinearDual) and not own.optimality_gap(problem, outcome.decision) > supplied.optimality_gap(
        problem, outcome.decision
    ):
        return outcome
    return replace(outcome, certificate=supplied)


def _integer_quality(problem: HasProgram, outcome: Outcome, solver: str, options: Options, budget: Budget) -> Outcome:
    """Bound of the relaxation, and for a claim of optimality that it leaves open the word of a second engine."""
    program, objective = problem.program(), problem.objective(outcome.decision)
    own = outcome.certificate if isinstance(outcome.certificate, LinearDual) else None
    if outcome.claim is not Status.OPTIMAL:
        if outcome.bound is None:
            return outcome
        # A limit was hit: a glance at the relaxation is all that is left of the time.
        dual = _duals(program, Budget(_GLANCE))
        return replace(outcome, certificate=_word(program, objective, outcome.bound, solver, dual))
    stated = objective if outcome.bound is None else outcome.bound
    if not _possible(problem, stated, outcome.decision):
        return outcome  # the judge says so
    if own is not None and _closed(problem, outcome, options.relative_gap):
        return outcome  # the solver's own prices are proof enough
    relaxed = _relaxed(program, budget.left())
    if relaxed.claim is Status.UNBOUNDED:
        return _beyond_all_bounds(problem, outcome, relaxed, solver, options.relative_gap, budget)
    dual = relaxed.certificate if isinstance(relaxed.certificate, LinearDual) else None
    if own is not None and (
        dual is None or own.optimality_gap(problem, outcome.decision) <= dual.optimality_gap(problem, outcome.decision)
    ):
        dual = own
    outcome = replace(outcome, certificate=_word(program, objective, stated, solver, dual))
    if _closed(problem, outcome, options.relative_gap):
        return outcome
    if program.columns > _TINY and not risky(program):
        if program.columns > _SMALL:
            return outcome
        budget = Budget(max(_AT_ONCE, _SHARE * budget.solve))
    return _asked(problem, outcome, solver, options.relative_gap, budget)


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
    asked = _asked(problem, replace(outcome, certificate=word), solver, relative_gap, budget)
    if not isinstance(asked.certificate, MixedIntegerBound) or asked.certificate.solver != solver:
        return asked
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
    found = _relaxed(program, budget.left()).certificate
    return found if isinstance(found, LinearDual) else None


def _asked(
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
    for name, other in _opinions(program, "" if again else solver, budget):
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


_ENGINES = ("cp-sat", "scip", "highs")
"""Who is asked for a second opinion, in this order: CP-SAT counts in whole numbers."""


@lru_cache
def _load(name: str) -> None:
    """Let a solver import what it needs, which may take longer than many an answer."""
    two: Any = np.ones(2)
    solvers()[name](Program(two, two[None, :], two[:1], upper=two, integrality=two > 0), Options())


def _opinions(program: Program, solver: str, budget: Budget) -> Iterator[tuple[str, Outcome]]:
    """Answers of engines of another kind than `solver`, each settled to a point of the program or none."""
    for name in _ENGINES:
        entry = solvers()[name]
        if budget.spent or name == engine(solver) or entry.refusal(program) or not entry.installed:
            continue
        if may_stall(program, CP_SAT_STALLS if name == "cp-sat" else STALLING_RANGE) and name != "scip":
            continue
        budget.allow(partial(_load, name))
        yield name, _held(program, _run(name, program, budget.left()))


def _held(program: Program, outcome: Outcome) -> Outcome:
    """Return the outcome, or none where its point does not hold: it would refute what is right."""
    if outcome.claim.has_decision and any(not v <= FEASIBILITY for v in program.violations(outcome.decision).values()):
        return Outcome(Status.NO_SOLUTION, message="its point breaks rows")
    return outcome


def _status(problem: Problem, outcome: Outcome, solver: str, budget: Budget) -> Outcome:
    certificate: Certificate | None = None
    if outcome.claim is Status.INFEASIBLE and isinstance(problem, CertifiesInfeasibility):
        certificate = problem.infeasibility_certificate()
    if certificate is None and isinstance(outcome.certificate, StatusCertificate):
        certificate = outcome.certificate if _proves(outcome.certificate, problem) else None
    if certificate is not None:
        return replace(outcome, certificate=certificate)
    if not isinstance(problem, HasProgram):
        return outcome if not isinstance(outcome.certificate, SolverClaim) else replace(outcome, certificate=None)
    return status_evidence(problem.program(), outcome, solver, budget)


def _proves(certificate: StatusCertificate, problem: Problem) -> bool:
    """Whether a solver's own certificate of its claim holds; a word is none: this module asks engines itself."""
    try:
        return not isinstance(certificate, SolverClaim) and certificate.holds(problem)
    except Exception:  # a certificate may be anything: what cannot be checked proves nothing
        return False


def status_evidence(program: Program, outcome: Outcome, solver: str, budget: Budget) -> Outcome:
    """Return the claim that `program` is infeasible or unbounded with its proof, or what is left of it without one."""
    if outcome.claim is Status.INFEASIBLE:
        if (crossed := without_value(program)) is not None:
            return replace(outcome, certificate=crossed)
        if EmptyBox().holds(program):
            return replace(outcome, certificate=EmptyBox())
    relaxed, certificate = _relaxed_status(program, budget)
    if not program.integral:
        return _linear_status(program, outcome, relaxed, certificate, budget)
    if outcome.claim is Status.UNBOUNDED:
        return replace(outcome, certificate=_integer_ray(program, certificate, budget))
    if isinstance(certificate, FarkasRay):
        return replace(outcome, certificate=certificate)
    return _second_opinion(program, outcome, solver, budget)


def _relaxed_status(program: Program, budget: Budget) -> tuple[Outcome, StatusCertificate | None]:
    """Outcome of the linear relaxation, scaled and else as it stands, and its ray if that holds."""
    linear = program.relaxation() if program.integral else program
    for scale in (True, False):
        # The second attempt takes as long as the first, however slow the machine is.
        relaxed = _run("highs", linear, max(_GLANCE, budget.left()), scale=scale)
        certificate = relaxed.certificate
        if isinstance(certificate, StatusCertificate) and certificate.holds(linear):
            return relaxed, certificate
        if relaxed.claim.has_decision:
            break
    return relaxed, None


def _linear_status(
    program: Program, outcome: Outcome, relaxed: Outcome, certificate: StatusCertificate | None, budget: Budget
) -> Outcome:
    if certificate is not None and relaxed.claim is outcome.claim:
        return replace(outcome, certificate=certificate)
    finished = finished_exactly(program, relaxed.certificate, budget.left())
    if finished is not None and finished.claim is outcome.claim:
        return replace(finished, statistics=outcome.statistics)
    if relaxed.claim.has_decision or finished is not None:
        return replace(outcome, certificate=None)
    unsettled = f"the solver says {outcome.claim}, which rounding leaves open and rational arithmetic did not settle"
    return Outcome(Status.NO_SOLUTION, message=unsettled)


def _integer_ray(program: Program, certificate: StatusCertificate | None, budget: Budget) -> Certificate | None:
    """Return the relaxation's ray from an integer point, from which it serves the integer program too (Meyer 1974)."""
    if not isinstance(certificate, PrimalRay):
        return None
    start = _run("highs", without_cost(program), budget.left())
    return replace(certificate, point=start.decision.values) if start.claim.has_decision else None


def _second_opinion(program: Program, outcome: Outcome, solver: str, budget: Budget) -> Outcome:
    """Try cheap points, then ask other engines whether an integer program is infeasible; a point refutes the claim."""
    feasibility = without_cost(program)
    for point in _cheap_points(program):
        if not program.violations(Point(point)):
            return Outcome.failed(f"{solver} says infeasible, but the program has a point: a rounded one is feasible")
    if (repaired := _least_violated(program, budget)) is not None and not program.violations(repaired):
        return Outcome.failed(f"{solver} says infeasible, but the program has a point: its rows need no repair")
    for name, other in _opinions(feasibility, solver, budget):
        if other.claim.has_decision and program.integrality.all() and not holds_exactly(program, other.decision.values):
            continue  # a float64 engine's point that whole numbers refute
        if other.claim.has_decision:
            return Outcome.failed(f"{solver} says infeasible, but {name} has a feasible point")
        if other.claim is Status.INFEASIBLE:
            return replace(outcome, certificate=SolverClaim(str(other.claim), f"{solver} and {name}"))
    unsettled = f"{solver} says infeasible; one engine's word is not enough, and no other could settle it in time"
    return Outcome(Status.NO_SOLUTION, message=unsettled)


def _least_violated(program: Program, budget: Budget) -> Point | None:
    """Point that violates the rows least, made whole, or None; with no violation left it is a feasible point."""
    if may_stall(program):
        return None
    elastic = least_violation(program)
    whole = np.concatenate([program.integrality, np.zeros(2 * program.rows, bool)])
    found = _run("highs", replace(elastic, integrality=whole), budget.left())
    if not found.claim.has_decision:
        return None
    near = Outcome.feasible(Point(found.decision.values[: program.columns]))
    point = repaired(program, near, budget.left())
    return point.decision if point.claim.has_decision else None


def _cheap_points(program: Program) -> Iterator[np.ndarray]:
    """Corners of the column bounds and 0, as far as they are finite."""
    zero = np.clip(0.0, program.lower, program.upper)
    for corner in (zero, program.lower, program.upper):
        point = np.where(np.isfinite(corner), corner, zero)
        yield np.where(program.integrality, np.round(point), point)


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
        outcome = replace(outcome, certificate=_own(problem, outcome) or certificate)
        word = outcome.certificate
        if outcome.claim is not Status.OPTIMAL or not isinstance(word, MixedIntegerBound):
            return outcome
        if not isinstance(problem, HasProgram) or not _feasible(problem, outcome.decision):
            return outcome
        if _closed(problem, outcome, None):
            return outcome
        return _asked(problem, outcome, word.solver, None, budget, again=True)
    if isinstance(certificate, SolverClaim) and isinstance(problem, HasProgram):
        fresh = status_evidence(problem.program(), replace(outcome, certificate=None), "", budget)
        return replace(fresh, message=fresh.message or outcome.message)
    return outcome


def _relaxed(program: Program, seconds: float) -> Outcome:
    relaxed = program.relaxation() if program.integral else program
    found = _run("highs", relaxed, seconds)
    if not relaxed.quadratic or not found.claim.has_decision:
        return found
    return _polished(relaxed, found, found)


def _run(name: str, program: Program, seconds: float, *, scale: bool = True) -> Outcome:
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
        return _run(name, program, left, scale=False)
    return found
