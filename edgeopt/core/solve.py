"""``solve``: choose a solver, run it, and believe nothing that the problem's own data do not support."""

from __future__ import annotations

import inspect
import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .batch import judge_batch, solve_in_turn, witnessed_batch
from .errors import (
    ExtraNotInstalledError,
    InvalidOptionError,
    InvalidProblemError,
    SolverNotInstalledError,
    UnknownSolverError,
    UnsupportedPairError,
)
from .instance import problem_of
from .outcome import Options, Outcome, Status
from .problem import Decision, Problem
from .program import Point, Program
from .registry import Solver, choose
from .solution import Solution
from .tolerance import INTEGRALITY
from .verify import judge
from .witness import witnessed

if TYPE_CHECKING:
    from collections.abc import Callable

    from .instance import Instance

logger = logging.getLogger("edgeopt")

_CALLERS = (
    InvalidOptionError, UnsupportedPairError, UnknownSolverError, SolverNotInstalledError, ExtraNotInstalledError
)  # fmt: skip
"""Errors that a solver may raise because the caller, not the solver, is to mend something."""


def solve(
    problem: Problem | Instance,
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
) -> Solution:
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
        Run the solver in its own process under hard limits: a crash or hang costs this call only.
    memory_limit : float, optional
        Bytes that an isolated worker and what it starts may hold, Python and packages (some hundred MB) included.
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
        If an option is unknown or cannot be honoured.
    """
    problem = problem_of(problem)
    if not isinstance(problem, Problem):
        raise UnsupportedPairError(f"problem is a {type(problem).__name__}; expected a formulation or a Program")
    if memory_limit is not None and not isolate:
        raise InvalidOptionError("memory_limit needs isolate=True: only a process of its own can be limited")
    options = Options(time_limit, relative_gap, _start(problem, warm_start), seed, threads, log, extra=extra)
    # From outside, these can be enforced on any solver.
    demanded = replace(options, time_limit=None, threads=None) if isolate else options
    chosen, variant = choose(problem, solver, demanded)
    options = replace(options, variant=variant)
    if time_limit == 0:
        outcome = Outcome(Status.NO_SOLUTION, message="the time limit is 0")
        return conclude(problem, chosen, options, outcome, 0.0)
    if isolate:
        from .isolate import solve_isolated

        return solve_isolated(problem, chosen, options, memory_limit, warm_up)
    return run_warm(problem, chosen, options, warm_up)


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
    """Run `chosen` in this process and judge what it returns."""
    started = time.perf_counter()
    try:
        in_turn = problem.batch is not None and not chosen.batched
        outcome = solve_in_turn(problem, chosen, options) if in_turn else _call(problem, chosen, options)
    except (KeyboardInterrupt, *_CALLERS):
        raise
    except BaseException as error:  # whatever a foreign library raises, a panic or an exit too, costs this call only
        logger.debug("solver %s raised", chosen.name, exc_info=True)
        outcome = Outcome.failed(f"the solver raised {type(error).__name__}: {error}")
    return conclude(problem, chosen, options, outcome, time.perf_counter() - started)


def conclude(problem: Problem, chosen: Solver, options: Options, outcome: Outcome, wall_time: float) -> Solution:
    """Judge `outcome` and return the solution that its evidence supports."""
    started = time.perf_counter()
    label = f"{chosen.name}:{options.variant}" if options.variant else chosen.name
    if problem.batch is None:
        outcome = witnessed(problem, _judgeable(problem, chosen, outcome), label, options)
        found = judge(problem, outcome, options.relative_gap)
    else:
        outcome = witnessed_batch(problem, outcome)
        found = judge_batch(problem, outcome, options.relative_gap)
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


def _call(problem: Problem, chosen: Solver, options: Options) -> Outcome:
    if not chosen.reads_program(problem):
        return chosen(problem, options)
    begun = time.perf_counter()
    program, factor = problem.program().normalised()
    built = {"build_time": time.perf_counter() - begun}
    if options.warm_start is not None:
        options = replace(options, warm_start=problem.encode(options.warm_start))
    outcome = chosen(program, options)
    if not isinstance(outcome, Outcome):
        return outcome
    return replace(outcome.rescaled(factor), statistics=built | outcome.statistics)


def _judgeable(problem: Problem, chosen: Solver, outcome: Any) -> Outcome:
    """Return an outcome whose decision is in the problem's own words; whatever is not one becomes a failure."""
    if not isinstance(outcome, Outcome):
        return Outcome.failed(f"the solver returned a {type(outcome).__name__}; expected an Outcome")
    if not isinstance(outcome.claim, Status):
        return Outcome.failed(f"the solver claims {outcome.claim!r}; expected a Status")
    if outcome.claim.has_decision and outcome.decision is None:
        return Outcome.failed(f"the solver says {outcome.claim} but returned no decision")
    if not outcome.claim.has_decision:
        return replace(outcome, decision=None)
    if not chosen.reads_program(problem) or isinstance(problem, Program):
        return outcome
    return _decoded(problem, outcome)


def _decoded(problem: Problem, outcome: Outcome) -> Outcome:
    program = problem.program()
    try:
        program.check(outcome.decision)
    except InvalidProblemError as error:
        return Outcome.failed(f"the solver's point is malformed: {error}")
    point: Point = outcome.decision
    values = point.values
    if program.integral:
        rounded = np.where(program.integrality, np.round(values), values)
        worst = int(np.abs(values - rounded).argmax())
        if abs(values[worst] - rounded[worst]) > INTEGRALITY:
            name = program.column_names[worst]
            return Outcome.failed(f"the solver's point is not integer: {name} is {float(values[worst])!r}")
        values = rounded
    return replace(outcome, decision=problem.decode(values))
