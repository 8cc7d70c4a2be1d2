"""One more constraint on a problem with a fast exact solver: the constraint gets a price, and the solver stays fast.

A side constraint moved into the objective, at a price, leaves the problem as easy as it was (Lagrange; Geoffrion 1974).
The best prices bound the optimum; a decision near that bound is put back onto the rows. The row duals that come with it
are the proof, which any program's checker reads. Two kinds of programs are taken:

- binary columns under many rows (offloading with rows per day, per user, over windows): smoothed prices, greedy repair;
- a fleet, where each device chooses one of several options and one row is shared: convex hulls merged by slope.

References
----------
A. M. Geoffrion, "Lagrangean relaxation for integer programming", Mathematical Programming Study 2, 1974.
"""

from __future__ import annotations

from ..model.outcome import Options, Outcome
from ..model.problem import HasProgram
from ..model.program import Program
from ..model.solver import Columns, solver
from .backends.fleet_choice import Fleet, price_fleet
from .backends.priced_binaries import COLUMNS_PER_ROW, price_binaries, refusal

FASTEST_FROM = 200_000
"""Columns from which prices beat integer programming whatever the rows; below, HiGHS closes gaps that prices leave."""


def _declined(problem: HasProgram) -> str | None:
    program = problem.program()
    reason = refusal(program)
    return None if reason is None or Fleet.of(program) is not None else reason


def _defers(problem: HasProgram) -> bool:
    program = problem.program()
    few = program.columns < max(FASTEST_FROM, COLUMNS_PER_ROW * program.rows)
    return few and (program.columns < 1000 or Fleet.of(program) is None)


@solver(
    "priced",
    solves=Program,
    exact=True,
    columns=Columns.INTEGER,
    unprepared=True,
    rank=15,
    options=("time_limit", "relative_gap", "threads"),
    requires=("highspy",),
    install="highspy==1.14.*",
    declines=_declined,
    defers=_defers,
)
def priced(program: Program, options: Options) -> Outcome:
    """Price the rows of a program over binary decisions, and repair what the priced decisions choose.

    Without ``relative_gap`` it stops at a proved gap of 1e-6, or goes on to 1e-9 where few columns are still open.
    Where whole decisions leave a duality gap that is larger, it says ``feasible`` and how large the gap is, or
    ``optimal`` by the word of HiGHS where that settles the open columns within seconds.
    """
    fleet = Fleet.of(program)
    return price_binaries(program, options) if fleet is None else price_fleet(fleet, options)
