"""One more constraint on a problem with a fast exact solver: the constraint gets a price, and the solver stays fast.

A side constraint moved into the objective, at a price, leaves the problem as easy as it was (Lagrange; Geoffrion 1974).
The best prices bound the optimum; a decision near that bound is put back onto the rows. The row duals that come with it
are the proof, which any program's checker reads. These kinds are taken:

- binary columns under many rows (offloading with rows per day, per user, over windows): smoothed prices, greedy repair;
  rows that count columns and share none: exact, by one selection for each;
- a fleet, where each device chooses one of several options and one row is shared: convex hulls merged by slope, and
  labels for what they leave open;
- linear programs over bounded columns (revenue with floors per region): exact, by sifting;
- a split of a network with one cap (energy, latency): exact, by labels within the gap that the price leaves.

References
----------
A. M. Geoffrion, "Lagrangean relaxation for integer programming", Mathematical Programming Study 2, 1974.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..formulations.constrained.cap_price import CapPrice, capped_split
from ..formulations.constrained.problem import Constrained
from ..model.outcome import Options, Outcome, Status
from ..model.program import Program
from ..model.solver import solver
from .backends.capped_split import cheapest_capped
from .backends.fleet_choice import Fleet, price_fleet
from .backends.priced_binaries import COLUMNS_PER_ROW, MOST_ENTRIES, MOST_ROWS, price_binaries
from .backends.priced_binaries import refusal as refusal_of_binaries
from .backends.sifting import refusal as refusal_of_linear
from .backends.sifting import sift
from .highs import highs

if TYPE_CHECKING:
    from ..formulations.placement.capped import CappedTree

FASTEST_FROM = 200_000
"""Columns from which prices beat integer programming whatever the rows; below, HiGHS closes gaps that prices leave."""


SIFTED_FROM = 10_000
"""Columns from which sifting beats the simplex method over all columns of a linear program."""


def _program_of(problem: Any) -> Program:
    """Return the program of a problem, or of the first instance of a batch."""
    several = getattr(problem, "batch", None) is not None
    program: Program = problem.instance(0).program() if several else problem.program()
    return program


def _declined(problem: Any) -> str | None:
    program = _program_of(problem)
    kind = refusal_of_binaries(program) if program.integral else refusal_of_linear(program)
    reason = kind or _too_large(program)
    return None if reason is None or Fleet.of(program) is not None else reason


def _too_large(program: Program) -> str | None:
    if program.rows > MOST_ROWS:
        return f"holds the curvature of at most {MOST_ROWS:,} rows, and these are {program.rows:,}"
    if program.matrix.nnz > MOST_ENTRIES:
        return f"takes at most {MOST_ENTRIES:,} matrix entries, and these are {program.matrix.nnz:,}"
    return None


def _defers(problem: Any) -> bool:
    if capped_split(problem) is not None:
        return False
    program = _program_of(problem)
    fastest = FASTEST_FROM if program.integral else SIFTED_FROM
    few = program.columns < max(fastest, COLUMNS_PER_ROW * program.rows)
    return few and (program.columns < 1000 or Fleet.of(program) is None)


def _price(program: Program, options: Options) -> Outcome:
    if not program.integral:
        return sift(program, options, highs)
    fleet = Fleet.of(program)
    return price_binaries(program, options) if fleet is None else price_fleet(fleet, options)


def _constrained(problem: Constrained, options: Options) -> Outcome:
    """Solve a split with one cap by labels, and everything else as a program."""
    tree = capped_split(problem)
    if tree is not None:
        return _capped(problem, tree)
    outcome = _price(problem.program(), options)
    if outcome.decision is None:
        return outcome
    return replace(outcome, decision=problem.decode(outcome.decision.values))


def _capped(problem: Constrained, tree: CappedTree) -> Outcome:
    found = cheapest_capped(tree)
    if found.tiers is None:
        return Outcome(Status.INFEASIBLE, message="the lightest placement exceeds the cap")
    decision, certificate = problem.base.decision_at(found.tiers), CapPrice(found.price)
    statistics = {"labels": found.labels}
    if not found.complete:
        message = "too many placements lie near the bound"
        return Outcome.feasible(decision, certificate, message=message, statistics=statistics)
    return Outcome.optimal(decision, certificate, statistics=statistics)


@solver(
    "priced",
    solves=Program,
    exact=True,
    unprepared=True,
    rank=15,
    options=("time_limit", "relative_gap", "threads"),
    requires=("highspy",),
    install="highspy==1.14.*",
    declines=_declined,
    defers=_defers,
    by_kind={Constrained: _constrained},
)
def priced(program: Program, options: Options) -> Outcome:
    """Price the rows of a program over binary decisions, and repair what the priced decisions choose; or sift it.

    A linear program is solved to its optimum: prices tell which columns matter, HiGHS solves the program over these.
    Without ``relative_gap`` it stops at a proved gap of 1e-6, or goes on to 1e-9 where few columns are still open.
    Where whole decisions leave a duality gap that is larger, it says ``feasible`` and how large the gap is, or
    ``optimal`` by the word of HiGHS where that settles the open columns within seconds.
    """
    return _price(program, options)
