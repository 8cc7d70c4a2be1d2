"""Programs whose columns are all binary and whose rows are few beside them: solved by prices of the rows.

The prices are found on a sample of the columns first, then on all; after each round the columns' own choices are put
onto the rows. A column whose reduced cost exceeds what is still missing to the bound is as in every better point: once
few others are left, an integer program over these ends the search.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...model.outcome import Options, Outcome, Status
from ...model.program import Program
from ...model.tolerance import FEASIBILITY, OPTIMALITY, ROUNDOFF, SOLVER
from ...verification.linear_dual import LinearDual
from .adapter_outcome import trivial
from .disjoint_rows import chosen_in_groups
from .open_columns import finish
from .polished_prices import linear_prices, polishable
from .price_rounds import price_rounds
from .priced_points import Found, allowance, nearest, rounded
from .row_prices import Choice, threads_of
from .standard_binaries import Standard

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_ROWS, MOST_ENTRIES, COLUMNS_PER_ROW = 2_000, 300_000_000, 30
"""Rows whose curvature is held dense, matrix entries that are passed over again and again, and columns for each row
below which integer programming is faster."""

_SMALL_CORE, _LARGE_CORE = 1_000, 20_000
"""Open columns that an integer program is always asked about, and most that it is asked about at all."""

_NEAR_CORE = 2
"""Columns for each row, nearest to their threshold, among which a better point is sought where more are open."""

_PATIENCE = 2.0
"""Seconds, or times what the prices took, that the integer program may take at most."""


def refusal(program: Program) -> str | None:
    """Say why a program is not for prices, or None."""
    free = program.lower < program.upper
    binary = program.integrality & (program.lower == 0.0) & (program.upper == 1.0)
    whole = np.isin(program.lower, (0.0, 1.0))
    if not (binary | (~free & whole)).all():
        return "prices rows over binary columns only"
    return None


@dataclass
class _Search:
    """What is known so far: the best prices with what the columns choose at them, and the best point."""

    problem: Standard
    options: Options
    price: NDArray[np.float64]
    choice: Choice | None = None
    found: Found | None = None
    word: float | None = None
    """Bound on the scaled cost that an integer program states."""
    impossible: bool = False
    """Whether an integer program over all columns says that no point satisfies the rows."""

    @property
    def bound(self) -> float:
        return -math.inf if self.choice is None else self.choice.bound

    @property
    def missing(self) -> float:
        """Scaled cost between the best point and the bound."""
        return math.inf if self.found is None else max(0.0, self.found.cost - self.bound)

    def gap(self, bound: float | None = None) -> float:
        """Return the relative gap of the objective, to the proved bound or to another."""
        if self.found is None or self.choice is None:
            return math.inf
        low = self.problem.objective(self.bound if bound is None else bound)
        high = self.problem.objective(self.found.cost)
        return max(0.0, high - low) / max(abs(high), abs(low), np.finfo(float).tiny)

    def within(self, asked: float, bound: float | None = None) -> bool:
        """Whether the gap, to the proved bound or to another, is as small as asked for, or mere rounding."""
        if self.found is None or self.choice is None:
            return False
        missing = self.missing if bound is None else self.found.cost - bound
        terms = float(np.abs(self.problem.rows.cost[self.found.taken]).sum())
        return self.gap(bound) <= asked or missing <= ROUNDOFF * terms

    @property
    def closed(self) -> bool:
        """Whether the proved gap is as small as asked for."""
        return self.within(OPTIMALITY if self.options.relative_gap is None else self.options.relative_gap)

    def note(self, price: NDArray[np.float64], allowed: NDArray[np.float64]) -> None:
        """Take prices, and the point that follows from them, where they are better than what is known."""
        choice = self.problem.rows.choice(price)
        found = rounded(self.problem.rows, choice, allowed, self.options)
        if choice.bound > self.bound:
            self.price, self.choice = price, choice
        if found is not None and (self.found is None or found.cost < self.found.cost):
            self.found = found


def price_binaries(program: Program, options: Options) -> Outcome:
    """Return a point of a program that :func:`refusal` takes, with the row duals that prove how good it is."""
    if (known := trivial(program)) is not None:
        return known
    started = time.monotonic()
    problem = Standard.of(program, threads_of(options))
    if (chosen := chosen_in_groups(problem.rows)) is not None:
        return Outcome.optimal(problem.point(chosen.taken), LinearDual(problem.dual(chosen.price)))
    search = _Search(problem, options, np.zeros(program.rows))
    rounds = _find_prices(search)
    if (refuted := problem.refutation(search.price, search.bound, program)) is not None:
        return refuted
    _finish(search, time.monotonic() - started)
    return _outcome(search, rounds)


def _find_prices(search: _Search) -> int:
    """Improve prices and point round by round; return the number of rounds."""
    rows, options = search.problem.rows, search.options
    allowed, polished, rounds = allowance(rows), polishable(rows), 0
    for price, smoothed in price_rounds(rows, options):
        search.note(price, allowed)
        rounds += 1
        if search.closed or search.bound > rows.dearest or options.remaining() <= 0:
            return rounds
        # Once prices are far better than the point, sharper ones bring it no nearer.
        enough = _ROUGH if polished and search.found else _SHARP
        if smoothed.exact - smoothed.value < enough * search.missing and rounds > _LEAST_ROUNDS * (not polished):
            break
    if polished and search.choice is not None:
        exact = linear_prices(rows, search.choice, options)
        if exact is not None:
            search.note(exact, allowed)
    return rounds


_LEAST_ROUNDS = 3
"""Rounds after which sharp prices end the search for others, where no linear program follows: each gives a point."""

_SHARP, _ROUGH = 0.01, 0.5
"""What the smoothing may be worth, in units of what the point misses: where prices are final, and before a linear
program makes them so."""


def _finish(search: _Search, spent: float) -> None:
    """Let an integer program over the columns that are still open close the gap, where they are few."""
    if search.choice is None or search.options.remaining() <= 0:
        return
    distance = np.abs(search.choice.reduced)
    # In a point better than the best one, what misplaced columns cost adds up to less than is missing.
    open_ = np.flatnonzero(distance <= search.missing * (1.0 + 1e-9)) if search.found else np.empty(0, int)
    complete = search.found is not None and open_.size <= _LARGE_CORE
    if search.closed and (search.options.relative_gap is not None or not 0 < open_.size <= _SMALL_CORE):
        return
    if not complete:
        open_ = np.sort(
            nearest(search.choice.reduced, min(_LARGE_CORE, max(2_000, _NEAR_CORE * search.problem.rows.rows)))
        )
        complete = open_.size == search.problem.rows.columns
    if open_.size:
        _solve_core(search, open_, complete, max(_PATIENCE, _PATIENCE * spent))
    elif search.found is None:
        search.impossible = True
    else:
        search.word = search.found.cost  # every column of a better point is held, and so held it is no better


def _solve_core(search: _Search, open_: NDArray[np.intp], complete: bool, seconds: float) -> None:
    """Solve the program over the `open_` columns; with `complete` its bound holds for all points."""
    rows, choice = search.problem.rows, search.choice
    assert choice is not None
    taken = choice.taken.copy()
    taken[open_] = False
    held_cost = float(rows.cost[taken].sum())
    activity = rows.matrix @ taken.astype(float)
    part = rows.matrix[:, open_]
    core = Program(
        rows.cost[open_],
        part,
        rows.lower - activity,
        rows.upper - activity,
        upper=np.ones(open_.size),
        integrality=np.ones(open_.size, bool),
    )
    gap = SOLVER if search.options.relative_gap is None else search.options.relative_gap
    size = abs(search.problem.objective(search.bound))
    allowed = math.ldexp(gap * size, search.problem.cost_exponent)
    start = None if search.found is None else search.found.taken[open_]
    # A point within the gap that was asked for ends a search that cannot prove more than the prices do.
    enough = -math.inf if complete else search.bound + 0.99 * allowed - held_cost
    ended = finish(core, start, 0.5 * allowed, seconds, search.options, enough)
    if ended.values is not None:
        taken[open_] = ended.values
        cost = float(rows.cost[taken].sum())
        if search.found is None or cost < search.found.cost:
            broken = search.problem.program.violations(search.problem.point(taken))
            if all(amount <= FEASIBILITY for amount in broken.values()):
                search.found = Found(taken, cost)
    search.impossible = complete and search.found is None and ended.ending == "infeasible"
    if complete and search.found is not None and ended.ending in ("solved", "limit"):
        search.word = min(search.found.cost, max(search.bound, ended.bound + held_cost))


def _outcome(search: _Search, rounds: int) -> Outcome:
    """Return what the search found, claimed optimal where it is within the gap."""
    sign, problem = search.problem.program.sense.sign, search.problem
    statistics = {"rounds": rounds}
    if search.impossible:
        return Outcome(Status.INFEASIBLE, statistics=statistics)
    late = search.options.remaining() <= 0
    if search.found is None:
        message = "no point was found by prices; a general solver may find one"
        message = "the time limit ended the search before there was a point" if late else message
        return Outcome(Status.NO_SOLUTION, message=message, statistics=statistics)
    point, dual = problem.point(search.found.taken), LinearDual(problem.dual(search.price))
    if search.closed:
        return Outcome.optimal(point, dual, statistics=statistics)
    asked = SOLVER if search.options.relative_gap is None else search.options.relative_gap
    if search.word is not None and search.within(asked, search.word):
        bound = sign * problem.objective(search.word)
        return Outcome.optimal(point, dual, bound=bound, statistics=statistics)
    why = "the prices cannot be improved, so the rest is the duality gap of whole decisions or a better one not found"
    why = "the time limit ended the search" if late else why
    return Outcome.feasible(point, dual, statistics=statistics, message=f"a gap of {search.gap():.2g} is left: {why}")
