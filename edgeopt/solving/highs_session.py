"""A program that stays inside HiGHS, so that one that differs only in costs and bounds starts from the last basis."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..model.forked import Lock
from ..model.outcome import Options, Outcome, Status
from ..model.program import Point, Program
from ..model.scaling import cost_exponent, matrix_scaling
from ..solvers.backends.adapter_outcome import trivial
from ..solvers.backends.highs_model import load
from ..solvers.backends.highs_outcome import outcome
from ..solvers.highs import highs, solve_anew, solve_loaded, start_from
from .prepared import Prepared, with_whole_bounds
from .repair import repaired
from .solve import conclude

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from ..model.solution import Solution


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
        program.require_linear("a HighsSession")
        self._options = Options(threads=threads, seed=seed, log=log, extra=extra)
        if error := highs.refusal(program, self._options):
            raise error
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
    ) -> Solution[Point]:
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
            start_from(self._model, self._last)
        solve_loaded(self._model, scaled, options)
        found = outcome(self._model, scaled, options, solve_anew)
        if found.claim.has_decision:
            self._last = found.decision.values
        return repaired(self._program, ready.restore(found), options.remaining())
