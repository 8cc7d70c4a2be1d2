"""Linear and integer programs by HiGHS (Huangfu and Hall 2018), handed over as arrays.

An integer program is solved to a relative gap of 1e-9 unless another is asked for, a linear one to tolerances of 1e-9;
where HiGHS does not get there it is asked again with its own. :class:`HighsSession` keeps a program inside HiGHS, so
that a program which differs only in costs and bounds starts from the last basis.

References
----------
Q. Huangfu and J. A. J. Hall, "Parallelizing the dual revised simplex method", Math. Prog. Comp. 10, 2018.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.forked import Lock
from ..core.outcome import Options, Outcome, Status
from ..core.prepared import Prepared, with_whole_bounds
from ..core.program import Program
from ..core.registry import solver
from ..core.scaling import cost_exponent, matrix_scaling
from ..core.settled import settled
from ..core.solve import conclude
from .claim import infeasible, trivial
from .highs_model import EASIER, HELD, configure, highs_options, load, run
from .highs_outcome import dual_ray, meaning, outcome
from .ranges import require_range

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from ..core.solution import Solution


@solver(
    "highs", solves=Program, exact=True, honours=("time_limit", "relative_gap", "warm_start", "threads"),
    accepts=highs_options, requires=("highspy",), install="highspy==1.14.*", rank=20,
)  # fmt: skip
def highs(program: Program, options: Options) -> Outcome:
    """Solve by simplex, or by branch and cut.

    Every option of HiGHS is accepted by its name; its choice of algorithm, ``solver``, is called ``method`` here.
    Without ``threads`` HiGHS decides (simplex uses one). A warm start is a point: a first incumbent for an integer
    program, the place of the starting vertex for a linear one.
    """
    if (known := trivial(program)) is not None:
        return known
    require_range(program, HELD, "highs")
    model = load(program)
    if options.warm_start is not None:
        _start_from(model, np.asarray(options.warm_start, dtype=np.float64))
    _solve_loaded(model, program, options)
    return outcome(model, program, options, _solve_anew)


def _start_from(model: Any, point: NDArray[np.float64]) -> None:
    model.setSolution(point.size, np.arange(point.size, dtype=np.int32), point)


def _solve_loaded(model: Any, program: Program, options: Options) -> None:
    configure(model, program, options)
    run(model, options)
    if program.integral:
        return
    for easier in EASIER:
        if not _doubtful(model, program):
            return
        model.clearSolver()
        configure(model, program, options, **easier)
        run(model, options)


def _doubtful(model: Any, program: Program) -> bool:
    """Whether what HiGHS says of a linear program is no answer, or one that its own ray or the costs contradict."""
    match meaning(model):
        case "unsure" | "broken":
            return True
        case "unbounded" | "undecided":
            return _bounded(program)
        case "infeasible":
            return infeasible(program, dual_ray(model)).certificate is None
    return False


def _bounded(program: Program) -> bool:
    """Whether every column that has a cost is bounded where it improves the objective."""
    cost = program.sense.sign * program.cost
    best = np.where(cost > 0, program.lower, program.upper)
    return bool(np.isfinite(best[cost != 0]).all())


def _solve_anew(program: Program, options: Options) -> Any:
    """Solve a program that settles a question about another one; only limits carry over."""
    model = load(program)
    _solve_loaded(model, program, replace(options, warm_start=None, extra={}))
    return model


class HighsSession:
    """A program that stays inside HiGHS while its costs and bounds change.

    Parameters
    ----------
    program : Program
        The first program.
    threads, seed, log, **extra
        As for :func:`edgeopt.solve`.

    Raises
    ------
    InvalidOptionError
        If an option is unknown or has an impossible value.

    Examples
    --------
    >>> session = HighsSession(program)  # doctest: +SKIP
    >>> for capacity in capacities:  # doctest: +SKIP
    ...     solution = session.solve(row_upper=capacity)
    """

    def __init__(
        self, program: Program, *, threads: int | None = None, seed: int = 0, log: bool = False, **extra: Any
    ) -> None:
        self._options = Options(threads=threads, seed=seed, log=log, extra=extra)
        highs.demand_installed()
        highs.check(self._options)
        self._lock = Lock()
        self._program = program
        # The rows and columns keep their factors whatever changes; the costs get theirs anew.
        self._rows_and_columns = matrix_scaling(program)
        self._model = load(self._prepared().program)
        self._last: NDArray[np.float64] | None = None

    def _prepared(self) -> Prepared:
        """Return the program as HiGHS holds it."""
        factors = self._rows_and_columns
        scaling = replace(factors, cost=cost_exponent(self._program, factors.column))
        return Prepared(scaling.apply(with_whole_bounds(self._program)), scaling)

    @property
    def program(self) -> Program:
        """The program as it was last solved."""
        return self._program

    def solve(
        self,
        *,
        cost: ArrayLike | None = None,
        row_lower: ArrayLike | None = None,
        row_upper: ArrayLike | None = None,
        lower: ArrayLike | None = None,
        upper: ArrayLike | None = None,
        time_limit: float | None = None,
        relative_gap: float | None = None,
    ) -> Solution:
        """Change what is given, keep the rest, and solve from where the last solve ended.

        Returns
        -------
        Solution
            Verified against the changed program, exactly as by :func:`edgeopt.solve`.

        Raises
        ------
        InvalidProblemError
            If an array does not fit the program; the session then stays as it was.
        """
        given = {"cost": cost, "row_lower": row_lower, "row_upper": row_upper, "lower": lower, "upper": upper}
        with self._lock:
            options = replace(self._options, time_limit=time_limit, relative_gap=relative_gap, started=time.monotonic())
            started = time.perf_counter()
            self._change({name: value for name, value in given.items() if value is not None})
            found = self._solve(options)
            return conclude(self._program, highs, options, found, time.perf_counter() - started)

    def _change(self, changes: dict[str, Any]) -> None:
        if not changes:
            return
        self._program = replace(self._program, **changes)
        scaled = self._prepared().program
        columns, rows = np.arange(scaled.columns, dtype=np.int32), np.arange(scaled.rows, dtype=np.int32)
        if "cost" in changes:
            self._model.changeColsCost(scaled.columns, columns, scaled.cost)
            self._model.changeObjectiveOffset(scaled.offset)
        # The rows tighten the bounds of integer columns.
        if changes.keys() & {"lower", "upper"} or (scaled.integral and changes.keys() & {"row_lower", "row_upper"}):
            self._model.changeColsBounds(scaled.columns, columns, scaled.lower, scaled.upper)
        if changes.keys() & {"row_lower", "row_upper"}:
            self._model.changeRowsBounds(scaled.rows, rows, scaled.row_lower, scaled.row_upper)

    def _solve(self, options: Options) -> Outcome:
        ready = self._prepared()
        scaled = ready.program
        if options.time_limit == 0:
            return Outcome(Status.NO_SOLUTION, message="the time limit is 0")
        if (known := trivial(scaled)) is not None:
            return ready.restore(known)
        if scaled.integral and self._last is not None:
            _start_from(self._model, self._last)
        _solve_loaded(self._model, scaled, options)
        found = outcome(self._model, scaled, options, _solve_anew)
        if found.claim.has_decision:
            self._last = found.decision.values
        return settled(self._program, ready.restore(found), options.remaining())
