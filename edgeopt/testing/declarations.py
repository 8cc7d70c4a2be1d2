"""What a declared problem owes beside other formulations: brute force agrees, and so does what is written by hand."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from ..algebra.declared import Declared
from ..algebra.formulation import Formulation
from ..model.batch_axis import batch_of
from ..model.outcome import Status
from ..model.program import Program
from ..model.tolerance import FEASIBILITY
from ..solving.solve import solve

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST = 1 << 12
"""Points up to which every one is tried."""

_AGREED = 1e-9
_MIXED = (Status.OPTIMAL, Status.INFEASIBLE, Status.UNBOUNDED)


def points_of(problem: Formulation) -> int | None:
    """Return how many points of whole numbers there are, or None where a variable is continuous or unbounded."""
    program = problem.program()
    if not program.integrality.all() or not np.isfinite([program.lower, program.upper]).all():
        return None
    sizes = np.floor(program.upper) - np.ceil(program.lower) + 1
    return int(min(float(np.prod(np.maximum(0.0, sizes))), 1e18))


def brute_force(problem: Formulation, most: int = MOST) -> float | None:
    """Return the best objective among all points, judged by the declaration; None if none is feasible.

    Raises
    ------
    ValueError
        If there are more than `most` points, or endlessly many.
    """
    count = points_of(problem)
    if count is None or count > most:
        raise ValueError(f"{problem!r} has {'endless' if count is None else count} points; brute force takes {most}")
    program = problem.program()
    ranges = [range(int(np.ceil(a)), int(np.floor(b)) + 1) for a, b in zip(program.lower, program.upper, strict=True)]
    best: float | None = None
    for point in product(*ranges):
        decision = problem.decode(np.array(point, dtype=np.float64))
        if any(not v <= FEASIBILITY for v in problem.violations(decision).values()):
            continue
        value = float(problem.objective(decision))
        if best is None or problem.sense.sign * (value - best) < 0:
            best = value
    return best


def meets_brute_force(problem: Formulation) -> None:
    """Check that the solved optimum of a small problem is the best of all its points."""
    count = points_of(problem) if problem.batch is None else None
    if count is None or count > MOST:
        return
    best, found = brute_force(problem), solve(problem)
    if best is None:
        if found.status is not Status.INFEASIBLE:
            raise AssertionError(f"no point is feasible, and it was solved: {found!r}")
        return
    if not found.status.has_decision or abs(found.objective - best) > _AGREED * max(
        1.0, problem.magnitude(found.decision)
    ):
        raise AssertionError(f"the best of {count} points is {best!r}; it was solved: {found!r}")


def check_override(problem: Declared, draws: int = 8, seed: int = 0) -> None:
    """Hold what a class writes by hand (``program``, ``objective``, ``violations``, …) equal to its declaration.

    Objectives are compared at random decisions, programs by their optima under random costs: two programs over the same
    columns that have one feasible set agree on all of them. Of a batch all numbers are compared at once, and each
    instance like a problem of its own.

    Raises
    ------
    AssertionError
        Names what differs.
    """
    rng = np.random.default_rng(seed)
    if (batch := batch_of(problem)) is not None:
        _check_batch(problem, batch, rng)
        for index in range(batch):
            check_override(problem.instance(index), draws, seed + 1 + index)  # type: ignore[attr-defined]
        return
    mine, theirs = problem.program(), Declared.program(problem)
    if mine.columns != theirs.columns or not np.array_equal(mine.integrality, theirs.integrality):
        raise AssertionError(
            f"program() has {mine.columns} columns, the declaration {theirs.columns}, or other integers"
        )
    if not mine.sense is problem.sense is theirs.sense:
        raise AssertionError(f"the problem is to {problem.sense}, program() to {mine.sense}, theirs to {theirs.sense}")
    for _ in range(draws):
        decision = Declared.decode(problem, _drawn(theirs, rng))
        _same_numbers(problem, decision)
        if not np.array_equal(problem.encode(decision), Declared.encode(problem, decision)):
            raise AssertionError("encode() differs from the declaration's")
        _same_optimum(mine, theirs, rng.normal(size=mine.columns))
    _same_optimum(mine, theirs, None)


def _check_batch(problem: Any, batch: int, rng: np.random.Generator) -> None:
    """Compare the numbers of a batch at one decision for all instances."""
    instances = [problem.instance(index) for index in range(batch)]
    points = [_drawn(Declared.program(one), rng) for one in instances]
    decisions = [Declared.decode(one, point) for one, point in zip(instances, points, strict=True)]
    _same_numbers(problem, problem.stack(decisions))


def _drawn(program: Program, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return a random point within the columns' bounds, where they are finite; now and then a little outside."""
    low = np.where(np.isfinite(program.lower), program.lower, -1.0)
    high = np.where(np.isfinite(program.upper), program.upper, low + 2.0)
    beyond = rng.choice([0.0, 0.0, 0.25])
    share = rng.uniform(-beyond, rng.choice([0.1, 0.5, 1.0]) + beyond, program.columns)
    return np.asarray(low + share * (high - low))


def _same_numbers(problem: Declared, decision: Any) -> None:
    """Compare the methods of the class with those that every declaration has."""
    allowed = _AGREED * np.maximum(1.0, Declared.magnitude(problem, decision))
    mine, theirs = problem.objective(decision), Declared.objective(problem, decision)
    if np.shape(mine) != np.shape(theirs) or not np.all(np.abs(np.subtract(mine, theirs)) <= allowed):
        raise AssertionError(f"objective() gives {mine!r}, the declaration {theirs!r}, of {decision!r}")
    both = problem.violations(decision), Declared.violations(problem, decision)
    broken, declared = ({name for name, v in one.items() if v > FEASIBILITY} for one in both)
    if bool(broken) != bool(declared):
        raise AssertionError(f"violations() names {sorted(broken)}, the declaration {sorted(declared)}")


def _same_optimum(mine: Program, theirs: Program, cost: Any) -> None:
    programs = [p if cost is None else replace(p, cost=cost, offset=0.0) for p in (mine, theirs)]
    first, second = (solve(p, "highs") for p in programs)
    if first.status not in _MIXED or first.status is not second.status:
        raise AssertionError(f"program() ends {first!r}, the declaration {second!r}")
    if first.objective is not None and abs(first.objective - second.objective) > 1e-7 * max(1.0, abs(first.objective)):
        raise AssertionError(f"program() has the optimum {first.objective!r}, the declaration {second.objective!r}")
