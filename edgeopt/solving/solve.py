"""``solve``: choose a solver, run it, and believe nothing that the problem's own data do not support."""

from __future__ import annotations

import inspect
import logging
import time
from dataclasses import replace
from numbers import Real
from typing import TYPE_CHECKING, Any

from ..exchange.packages.foreign import problem_in
from ..formulations.constrained import Constrained
from ..model.batch_axis import BatchAxis, batch_of
from ..model.errors import (
    ExtraNotInstalledError,
    InvalidOptionError,
    InvalidProblemError,
    SolverNotInstalledError,
    UnknownSolverError,
    UnsupportedPairError,
)
from ..model.outcome import Options, Outcome, Status
from ..model.problem import Decision, DecisionT, HasProgram, Problem
from ..model.program import Point, Program
from ..model.solution import Solution
from ..model.solver import Columns, Solver
from ..verification.judge import judge
from .batch import batch_with_evidence, solve_in_turn
from .evidence import engine, with_evidence
from .isolate import solve_isolated
from .prepared import prepared, unprepared
from .registry import automatic, choose, solvers
from .repair import repaired
from .risk import CP_SAT_STALLS, may_stall
from .untouched import Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ..model.instance import Instance
    from .prepared import Prepared

logger = logging.getLogger("edgeopt")

_CALLERS = (
    InvalidOptionError,
    UnsupportedPairError,
    UnknownSolverError,
    SolverNotInstalledError,
    ExtraNotInstalledError,
)
"""Errors that a solver may raise because the caller, not the solver, is to mend something."""


def solve(
    problem: Problem[DecisionT] | Instance[DecisionT],
    solver: str | Solver = "auto",
    *,
    time_limit: float | None = None,
    relative_gap: float | None = None,
    warm_start: Decision | Solution | None = None,
    seed: int = 0,
    threads: int | None = None,
    log: bool = False,
    isolate: bool = False,
    memory_limit: float | None = None,
    warm_up: float = 0.0,
    **extra: Any,
) -> Solution[DecisionT]:
    """Solve `problem` and return a solution that was verified independently of the solver.

    Parameters
    ----------
    problem : Problem or Instance
        A formulation, a bare :class:`Program`, or a benchmark instance that holds one.
    solver : str or Solver
        A registered name (``edgeopt solvers`` lists them), ``name:variant`` where a solver has back ends, or
        ``"auto"``: the fastest exact solver for this problem.
    time_limit : float, optional
        Seconds; 0 gives ``no_solution`` at once.
    relative_gap : float, optional
        Stop once this gap is proved.
    warm_start : Decision or Solution, optional
        Where to start from.
    seed : int
        Seed of every random draw; the same seed gives the same answer.
    threads : int, optional
        Most threads to use.
    log : bool
        Let the solver write its own log.
    isolate : bool
        Run the solver in its own process under hard limits: a crash or hang costs this call only. On
        Linux every process that the solver starts ends with the call; elsewhere those of its process group.
    memory_limit : float, optional
        Bytes that an isolated worker and what it starts may hold, Python and packages (some hundred MB) included
        (Linux; not enforced elsewhere).
    warm_up : float
        A solve that took less than these seconds is done once more and the second one counts: its time is free of
        imports and compilation.
    **extra
        Options of this solver alone, by name.

    Returns
    -------
    Solution
        With status, decision, objective, bound, gap, certificate and timings.

    Raises
    ------
    UnsupportedPairError, UnknownSolverError, SolverNotInstalledError
        If the solver cannot take this problem, does not exist, or is not installed.
    InvalidOptionError
        If an option is unknown or is not supported.
    """
    problem = problem_in(problem)
    if memory_limit is not None and not isolate:
        raise InvalidOptionError("memory_limit needs isolate=True: only a process of its own can be limited")
    if isinstance(warm_up, bool) or not isinstance(warm_up, Real) or not warm_up >= 0:
        raise InvalidOptionError(f"warm_up is {warm_up!r}; expected seconds >= 0")
    options = Options(time_limit, relative_gap, _start(problem, warm_start), seed, threads, log, extra=extra)
    # From outside, these can be enforced on any solver.
    demanded = replace(options, time_limit=None, threads=None) if isolate else options

    def once(chosen: Solver, options: Options) -> Solution:
        if time_limit == 0:
            outcome = Outcome(Status.NO_SOLUTION, message="the time limit is 0")
            return conclude(problem, chosen, options, outcome, 0.0)
        if isolate or _needs_a_kill(problem, chosen, options):
            return solve_isolated(problem, chosen, options, memory_limit, warm_up, conclude)
        return run_warm(problem, chosen, options, warm_up)

    if solver == "auto":
        return _with_reason(problem, _first_settled(problem, automatic(problem, demanded), options, once))
    chosen, variant = choose(problem, solver, demanded)
    return once(chosen, replace(options, variant=variant))


def _with_reason(problem: Problem, found: Solution) -> Solution:
    """Return the solution, whose message says which solvers were passed over because the class derives from theirs."""
    others = [entry.name for entry in solvers().values() if entry.exact and entry.passed_over(problem)]
    if not others:
        return found
    kind, by = type(problem).__name__, ", ".join(others)
    reason = f"{by} passed over: {kind} derives from the formulation that it is made for, and may have changed it"
    return replace(found, message=f"{found.message}; {reason}" if found.message else reason)


def _needs_a_kill(problem: Problem, chosen: Solver, options: Options) -> bool:
    """Whether the time limit can only be kept from outside: HiGHS and CP-SAT do not return from some programs."""
    if options.time_limit is None or batch_of(problem) is not None or not chosen.reads_program(problem):
        return False
    if not problem.integral:
        return False
    name = engine(f"{chosen.name}:{options.variant or ''}")
    if name == "cp-sat":
        return may_stall(problem.program(), CP_SAT_STALLS)
    return name == "highs" and may_stall(problem.program())


def _first_settled(
    problem: Problem, candidates: Iterable[Solver], options: Options, once: Callable[[Solver, Options], Solution]
) -> Solution:
    """Return the first candidate's solution, or where it is none that stands, the best that another one finds.

    Only engines that share no code with one that was asked are asked as well, while there is time.
    """
    best: Solution | None = None
    asked: set[str] = set()
    quadratic = isinstance(problem, HasProgram) and problem.quadratic
    if options.time_limit is not None:
        # An engine that may have to be killed comes last.
        candidates = sorted(candidates, key=lambda entry: _needs_a_kill(problem, entry, options))
    refused: UnsupportedPairError | None = None
    for chosen in candidates:
        if (name := engine(chosen.name, quadratic=quadratic)) in asked:
            continue
        asked.add(name)
        try:
            found = once(chosen, options)
        except UnsupportedPairError as error:  # numbers that this one would drop or refuse
            refused = refused or error
            continue
        best = found if best is None else _better(best, found)
        if not _unsettled(best) or options.remaining() == 0:
            break
    if best is None and refused is not None:
        raise refused
    return best  # type: ignore[return-value]


RESERVED = frozenset(inspect.signature(solve).parameters) - {"extra"}
"""Arguments of ``solve``: no solver has options of its own by these names."""


def run_warm(
    problem: Problem, chosen: Solver, options: Options, warm_up: float, again: Callable[[], object] | None = None
) -> Solution:
    """Run `chosen`, and once more if that took less than `warm_up` seconds; `again` is called before."""
    solution = run(problem, chosen, replace(options, started=time.monotonic()))
    if solution.wall_time >= warm_up:
        return solution
    if again is not None:
        again()
    # A copy: whatever the first run left in the problem (its program, sorted costs) is to be made anew.
    counted = run(_copy(problem), chosen, replace(options, started=time.monotonic()))
    return replace(counted, problem=problem)


def _copy(problem: Any) -> Problem:
    """Return the same problem as a new object."""
    fresh: Problem = replace(problem)
    return fresh


def run(problem: Problem, chosen: Solver, options: Options) -> Solution:
    """Run `chosen` in this process and judge what it returns; a program whose answer does not hold is tried again."""
    if isinstance(problem, BatchAxis) and problem.batch is not None and not chosen.batched:
        watch, started = _watch(problem, chosen), time.perf_counter()
        outcome = solve_in_turn(problem, chosen, options, run)
        spent = time.perf_counter() - started
        return conclude(problem, chosen, options, _of_the_same(watch, outcome), spent)
    if not chosen.reads_program(problem):
        outcome, spent = _timed(chosen, problem, options)
        return conclude(problem, chosen, options, outcome, spent)
    return _run_program(problem, chosen, options)


def _run_program(problem: HasProgram, chosen: Solver, options: Options) -> Solution:
    """Hand over the program scaled, and where no answer comes of that as it stands; keep the better solution."""
    begun = time.perf_counter()
    # Whole numbers lose by scaling.
    program, scale = problem.program(), chosen.columns is not Columns.INTEGER and not chosen.unprepared
    # A problem from outside may not know that its program has squares.
    if program.quadratic and (error := chosen.refusal(program)):
        raise error
    scaled = unprepared(program) if chosen.unprepared else prepared(program, scale=scale)
    build_time = time.perf_counter() - begun
    best: Solution | None = None
    refused: UnsupportedPairError | None = None
    for ready in (scaled, None):
        if ready is None:
            if scaled.scaling.trivial or not scale or options.remaining() == 0:
                break
            if best is not None and not _unsettled(best):
                break
            ready = prepared(program, scale=False)
        try:
            outcome, spent = _timed(chosen, ready.program, _handed(problem, ready, options))
        except UnsupportedPairError as error:  # numbers that the solver would drop or refuse
            refused = refused or error
            continue
        outcome = repaired(program, ready.restore(outcome), options.remaining())
        outcome = replace(outcome, statistics={"build_time": build_time} | outcome.statistics)
        found = conclude(problem, chosen, options, _decoded(problem, outcome), spent + build_time)
        best = found if best is None else _better(best, found)
    if best is None and refused is not None:
        raise refused
    return best  # type: ignore[return-value]


_SETTLED = (Status.OPTIMAL, Status.INFEASIBLE, Status.UNBOUNDED)


def _unsettled(found: Solution) -> bool:
    """Whether another attempt may do better."""
    return found.status not in _SETTLED


def _better(first: Solution, second: Solution) -> Solution:
    """Return the solution that says more, with the time that both took."""
    order = (*_SETTLED, Status.FEASIBLE, Status.NO_SOLUTION, Status.FAILED)
    times = {name: getattr(first, name) + getattr(second, name) for name in ("wall_time", "verify_time")}
    return replace(min(first, second, key=lambda found: order.index(found.status)), **times)


def _handed(problem: HasProgram, ready: Prepared, options: Options) -> Options:
    if options.warm_start is None:
        return options
    return replace(options, warm_start=ready.scaling.scaled_point(problem.encode(options.warm_start)))


def _timed(chosen: Solver, problem: Problem, options: Options) -> tuple[Outcome, float]:
    """Outcome of one call, and the seconds that it took; whatever a solver returns or raises becomes an outcome."""
    watch, started = _watch(problem, chosen), time.perf_counter()
    try:
        outcome = _judgeable(chosen(problem, options))
    except (KeyboardInterrupt, *_CALLERS):
        raise
    except BaseException as error:  # whatever a foreign library raises, a panic or an exit too, costs this call only
        logger.debug("solver %s raised", chosen.name, exc_info=True)
        outcome = Outcome.failed(f"the solver raised {type(error).__name__}: {error}")
    spent = time.perf_counter() - started
    return _of_the_same(watch, outcome), spent


def _watch(problem: Problem, chosen: Solver) -> Watch | None:
    """Watch on the problem while a solver from outside has it; edgeopt's own are tested to leave it alone."""
    foreign = str(getattr(chosen.function, "__module__", "")).partition(".")[0] != __package__.partition(".")[0]
    return Watch(problem) if foreign else None


def _of_the_same(watch: Watch | None, outcome: Outcome) -> Outcome:
    """Return the outcome, or a failure where the problem is not what the solver was given."""
    if watch is None:
        return outcome
    fault = watch.fault()
    watch.forget_derived()
    return Outcome.failed(fault) if fault else outcome


def conclude(problem: Problem, chosen: Solver, options: Options, outcome: Outcome, wall_time: float) -> Solution:
    """Judge `outcome`, which is in the problem's own words, and return the solution that its evidence supports."""
    started = time.perf_counter()
    label = f"{chosen.name}:{options.variant}" if options.variant else chosen.name
    if batch_of(problem) is None:
        outcome = with_evidence(problem, outcome, label, options, wall_time)
    else:
        outcome = batch_with_evidence(problem, outcome)
    found = judge(problem, outcome, options.relative_gap)
    supported = found.status.has_decision
    return Solution(
        status=found.status,
        objective=found.objective,
        bound=found.bound,
        gap=found.gap,
        certificate=outcome.certificate if found.holds else None,
        wall_time=wall_time,
        verify_time=time.perf_counter() - started,
        solver=label,
        solver_version=chosen.version,
        options=options.recorded(),
        seed=options.seed,
        message=found.message,
        statistics=outcome.statistics,
        found=outcome.decision if supported else None,
        problem=problem,
        proved=found.proved,
        claimed_bound=found.claimed_bound,
    )


def _start(problem: Problem, warm_start: Decision | Solution | None) -> Any:
    decision = warm_start.decision if isinstance(warm_start, Solution) else warm_start
    if decision is None:
        return None
    try:
        problem.check(decision)
    except InvalidProblemError as error:
        raise InvalidOptionError(f"warm_start does not fit the problem: {error}") from error
    return decision


def _judgeable(outcome: Any) -> Outcome:
    """Return what a solver returned as an outcome whose parts fit each other; anything else becomes a failure."""
    if not isinstance(outcome, Outcome):
        return Outcome.failed(f"the solver returned a {type(outcome).__name__}; expected an Outcome")
    if not isinstance(outcome.claim, Status):
        return Outcome.failed(f"the solver claims {outcome.claim!r}; expected a Status")
    if outcome.claim.has_decision and outcome.decision is None:
        return Outcome.failed(f"the solver says {outcome.claim} but returned no decision")
    return outcome if outcome.claim.has_decision else replace(outcome, decision=None)


def _decoded(problem: HasProgram, outcome: Outcome) -> Outcome:
    """Return the outcome in the problem's own words."""
    if isinstance(problem, Program) or not isinstance(outcome.decision, Point):
        return outcome
    decision = problem.decode(outcome.decision.values)
    if isinstance(problem, Constrained) and problem.auxiliary is not None and outcome.claim is not Status.OPTIMAL:
        # A minimum may lie lower than it need in a point that is not optimal: the decision's own objective counts.
        return replace(outcome, decision=decision, objective=None)
    return replace(outcome, decision=decision)
