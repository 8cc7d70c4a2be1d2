"""What every problem with a program owes a constraint of its user: a random row is kept, an impossible one is named."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from ..algebra.words import Words
from ..exchange.storage import load, save
from ..model.outcome import Status
from ..model.problem import HasProgram
from ..model.program import IndexedNames, Point, Program
from ..model.solution import Solution
from ..model.tolerance import FEASIBILITY
from ..solving.solve import solve
from ..solving.verify import verify

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..formulations.constrained import Constrained

MOST = 1 << 12
"""Points up to which every one is tried."""

_AGREED = 1e-6
_COLUMNS = 6


def keeps_a_drawn_row(problem: HasProgram, seed: int = 0) -> None:
    """Check a problem with a random row that cuts its optimum off, if there is one, against the bare program with it.

    Where the program has few points all of them are tried. The solution is read back from a file and verified.
    """
    program, base = problem.program(), _solved(problem)
    other = _solved(replace(program, cost=-program.cost, offset=-program.offset))
    if not base.status.has_decision or not other.status.has_decision:
        return
    row = _drawn(problem, np.random.default_rng(seed))
    first, second = (float(row @ p) for p in (problem.encode(base.decision), other.decision.values))
    side = 1.0 if second <= first else -1.0
    most = side * (first + second) / 2.0
    stated = problem.subject_to(drawn=lambda m: side * row @ m.columns <= most)
    by_hand = _with_row(program, side * row, most)
    found, expected = _solved(stated), _best(by_hand)
    if not found.status.has_decision:
        if expected is None:
            return
        raise AssertionError(f"with a row that has the point {expected!r} it ended {found!r}")
    problem.check(found.decision)
    allowed = _AGREED * max(abs(found.objective), 0.0 if expected is None else abs(expected))
    allowed += 1e-9 * problem.magnitude(found.decision)
    if expected is None or abs(found.objective - expected) > allowed:
        raise AssertionError(f"with a row the optimum is {expected!r}; it was solved: {found!r}")
    _survives_a_file(stated, found)


def names_an_impossible_row(problem: HasProgram, seed: int = 0) -> None:
    """Check that a row beyond all bounds makes the problem infeasible, and that the explanation names it."""
    program = problem.program()
    if not _solved(problem).status.has_decision:
        return
    row = np.abs(_drawn(problem, np.random.default_rng(seed)))
    row[~np.isfinite(program.upper)] = 0.0
    if not row.any():
        return
    largest = float(row @ np.where(row > 0, program.upper, 0.0))
    stated = problem.subject_to(beyond=lambda m: row @ m.columns >= largest + abs(largest) + 1.0)
    found = _solved(stated)
    if found.status is not Status.INFEASIBLE:
        raise AssertionError(f"with an impossible row it ended {found!r}")
    text = str(stated.explain())
    if "beyond" not in text:
        raise AssertionError(f"the explanation does not name the row 'beyond': {text}")


def _solved(problem: HasProgram) -> Solution:
    """Solve by HiGHS, or by SCIP what only SCIP takes."""
    program = problem.program()
    return solve(problem, "scip" if program.quadratic and program.integral else "highs")


def _drawn(problem: HasProgram, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return a random row over columns that no rows pull towards others, as they do a maximum."""
    program, words = problem.program(), Words(problem)
    free = np.ones(program.columns, bool)
    for block in words._declaration.blocks.values():
        if block.epigraph:
            free[block.start : block.start + block.size] = False
    columns = np.flatnonzero(free & (program.upper > program.lower))
    row = np.zeros(program.columns)
    chosen = rng.permutation(columns)[:_COLUMNS]
    row[chosen] = rng.integers(1, 4, chosen.size) * rng.choice([-1.0, 1.0], chosen.size)
    return row


def _with_row(program: Program, row: NDArray[np.float64], most: float) -> Program:
    last: Any = sparse.csc_array(row[None, :])
    return replace(
        program,
        matrix=sparse.vstack([program.matrix, last], format="csc"),
        row_lower=np.r_[program.row_lower, -np.inf],
        row_upper=np.r_[program.row_upper, most],
        row_names=IndexedNames("row", program.rows + 1),
    )


def _best(program: Program) -> float | None:
    """Best objective of a program: by trying all points where they are few, else by a solver."""
    finite = np.isfinite([program.lower, program.upper]).all()
    if program.integrality.all() and finite and np.prod(program.upper - program.lower + 1.0) <= MOST:
        ranges = [range(int(a), int(b) + 1) for a, b in zip(program.lower, program.upper, strict=True)]
        points = (Point(np.array(point, float)) for point in product(*ranges))
        kept = [p for p in points if all(v <= FEASIBILITY for v in program.violations(p).values())]
        values = [program.objective(p) for p in kept]
        return min(values, key=lambda value: program.sense.sign * value, default=None)
    found = _solved(program)
    return float(found.objective) if found.status.has_decision else None


def _survives_a_file(stated: Constrained, found: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, record in (("problem", stated), ("solution", found)):
            save(record, Path(folder) / f"{name}.json")
        again, answer = (load(Path(folder) / f"{name}.json") for name in ("problem", "solution"))
    checked = verify(again, answer)
    if not checked.holds:
        raise AssertionError(f"read back from a file, the solution does not verify: {checked.message}")
