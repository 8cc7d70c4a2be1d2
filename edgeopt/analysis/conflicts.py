"""Why a problem is infeasible, and the cheapest change that would repair it.

The conflict is an irreducible infeasible subsystem found by a deletion filter (Chinneck 2008, chapter 6), started from
the support of a Farkas ray where the linear relaxation is infeasible already. The repair is the elastic relaxation:
each bound may give way at a price relative to its size, and the total is minimised.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from ..exchange.packages.foreign import problem_in
from ..model.errors import NoSolutionError
from ..model.explanation import Bound, Explanation, Field, Repair, with_bounds
from ..model.instance import Instance
from ..model.outcome import Status
from ..model.problem import Problem, Sense, with_program
from ..model.program import IndexedNames, Point, Program
from ..model.solution import Solution
from ..model.tolerance import FEASIBILITY
from ..verification.infeasibility import FarkasRay, without_value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def explain(given: Problem | Instance | Solution) -> Explanation:
    """Say why a problem is infeasible: a minimal conflict of its demands, and the cheapest repair, in its own words.

    Parameters
    ----------
    given : Problem, Instance or Solution
        What is infeasible; a solution answers for its problem.

    Raises
    ------
    NoSolutionError
        If feasibility could not be decided, or a solution is not infeasible or was loaded without its problem.
    UnsupportedPairError
        If it is none of these, or a problem without a program; says what to call with a model, a path or a list.
    """
    if isinstance(given, Solution):
        return given.explain()
    return with_program(problem_in(given, "eo.explain({})")).explain()


def explain_program(program: Program, movable: NDArray[np.intp] | None = None) -> Explanation:
    """Explain an infeasible program by a minimal conflict of its bounds and the cheapest change of them.

    Parameters
    ----------
    movable : (rows,) int, optional
        Rows whose sides a repair may move; by default it may move every bound.

    Raises
    ------
    NoSolutionError
        If feasibility itself could not be decided, or the program is called infeasible and nothing shows what is
        missing.
    """
    program = program.without_squares()  # feasibility is a matter of rows and bounds alone
    feasibility = replace(program, cost=np.zeros(program.columns), offset=0.0, sense=Sense.MINIMIZE)
    feasible = _feasible(feasibility)
    if feasible is None:
        raise NoSolutionError(f"whether the program is feasible could not be decided within {_PATIENCE:g} s")
    if feasible:
        return Explanation((), None)
    near = _stretched(program, movable)
    note = "" if near is None or near.used else _nothing_missing(program, near.point)
    if note and not _solve(feasibility).proved:
        return Explanation((), None, note=note)
    members, minimal = _irreducible(feasibility, _suspects(feasibility))
    words = [member.describe(program) for member in members]
    if program.integral and _feasible(_only(feasibility, members).relaxation()):
        words.append("integer columns take integer values")
    repair = None if near is None or not near.used else _repair(program, near.used)
    return Explanation(tuple(words), repair, tuple(members), minimal, note)


_PATIENCE = 10.0
"""Seconds for one question of feasibility: without bounds, a search over integers need not end."""


def _solve(program: Program) -> Any:
    from ..solving.solve import solve

    return solve(program, "highs", time_limit=_PATIENCE)


def _feasible(program: Program) -> bool | None:
    """Whether the program is feasible; None where that could not be decided."""
    status = _solve(program).status
    if status is Status.INFEASIBLE:
        return False
    return True if status in (Status.OPTIMAL, Status.FEASIBLE, Status.UNBOUNDED) else None


def _suspects(program: Program) -> list[Bound]:
    """Bounds that together are infeasible: the support of a Farkas ray, or all finite bounds of an integer program."""
    if (crossed := without_value(program)) is not None:
        pair: tuple[Field, Field] = ("row_lower", "row_upper") if crossed.row else ("lower", "upper")
        return [Bound(side, crossed.index) for side in pair]
    relaxed = _solve(program.relaxation())
    if not isinstance(relaxed.certificate, FarkasRay):
        fields: tuple[Field, ...] = ("row_lower", "row_upper", "lower", "upper")
        return [Bound(f, int(i)) for f in fields for i in np.flatnonzero(np.isfinite(getattr(program, f)))]
    y = relaxed.certificate.row_multiplier
    combined = y @ program.matrix
    parts: tuple[tuple[Field, Any], ...] = (
        ("row_lower", y > 0),
        ("row_upper", y < 0),
        ("upper", combined > 0),
        ("lower", combined < 0),
    )
    return [Bound(f, int(i)) for f, used in parts for i in np.flatnonzero(used & np.isfinite(getattr(program, f)))]


def _irreducible(program: Program, members: list[Bound]) -> tuple[list[Bound], bool]:
    """Drop blocks of members, then halves of blocks, as long as what is left is known to stay infeasible."""
    size = max(1, len(members) // 2)
    while True:
        start, decided = 0, True
        while start < len(members):
            kept = members[:start] + members[start + size :]
            feasible = _feasible(_only(program, kept))
            decided = decided and feasible is not None
            if feasible is False:
                members = kept
            else:
                start += size
        if size == 1:
            return members, decided
        size = max(1, size // 2)


def _only(program: Program, members: Sequence[Bound]) -> Program:
    """Return the program with all bounds dropped but `members`."""
    free = replace(
        program,
        row_lower=np.full(program.rows, -np.inf),
        row_upper=np.full(program.rows, np.inf),
        lower=np.full(program.columns, -np.inf),
        upper=np.full(program.columns, np.inf),
    )
    return with_bounds(free, members, [member.value(program) for member in members])


@dataclass(frozen=True)
class _Stretched:
    """The cheapest point outside the bounds: which of them it needs moved, and how far."""

    point: NDArray[np.float64]
    used: list[tuple[Bound, float]]


def _stretched(program: Program, movable: NDArray[np.intp] | None) -> _Stretched | None:
    elastic, bounds = _elastic(program) if movable is None else _elastic_rows(program, movable)
    # That a column is a yes or a no is no demand that could be given up: it is moved only where nothing else helps.
    solution = _solve(_keeping(elastic, program.columns, _binary_bounds(program, bounds)))
    if not solution.status.has_decision:
        solution = _solve(elastic)
    if not solution.status.has_decision:
        return None
    values = solution.decision.values
    stretches = [(bound, float(s)) for bound, s in zip(bounds, values[program.columns :], strict=True)]
    used = [(bound, s) for bound, s in stretches if s > FEASIBILITY]
    if not used:  # in small units all that matters is small
        used = [(bound, s) for bound, s in stretches if s > FEASIBILITY * abs(bound.value(program)) > 0]
    return _Stretched(values[: program.columns], used)


def _repair(program: Program, used: Sequence[tuple[Bound, float]]) -> Repair:
    relaxed, texts = [], []
    for bound, amount in used:
        old, outward = bound.value(program), 1.0 if "upper" in bound.field else -1.0
        new = f"{old + outward * amount:g}"
        moved = f" (it moves by {amount:.3g})" if new == f"{old:g}" else ""
        texts.append(f"{bound.describe(program)} becomes {new}{moved}")
        # A hair more than needed, so that rounding leaves the repaired problem feasible.
        relaxed.append(old + outward * (amount + FEASIBILITY * max(amount, abs(old))))
    repaired = with_bounds(program, [bound for bound, _ in used], relaxed)
    changes: dict[str, Any] = {bound.field: getattr(repaired, bound.field) for bound, _ in used}
    return Repair("; ".join(texts), program, changes)


def _nothing_missing(program: Program, point: NDArray[np.float64]) -> str:
    """Say that a program called infeasible has a point within tolerance.

    Raises
    ------
    NoSolutionError
        If the point, which moves no bound, is no point of the program all the same.
    """
    whole = np.where(program.integrality, np.round(point), point)
    broken = {name: v for name, v in program.violations(Point(whole)).items() if not v <= FEASIBILITY}
    if broken:
        worst = max(broken, key=lambda name: broken[name])
        raise NoSolutionError(
            "the program is called infeasible, but no repair of it was found: the point that moves no bound beyond the "
            f"solver's tolerance breaks {worst} by {broken[worst]:.3g} (relative); rescale the program"
        )
    return f"a point satisfies every bound within the tolerance of {FEASIBILITY:g}: nothing has to be repaired"


def _elastic(program: Program) -> tuple[Program, list[Bound]]:
    """Every bound as a row that a non-negative stretch relaxes, at a price relative to the bound's size."""
    fields: tuple[Field, ...] = ("row_lower", "lower", "row_upper", "upper")
    identity: Any = sparse.eye_array(program.columns, format="csr")
    bounds: list[Bound] = []
    matrix: list[Any] = []
    sides, signs = [], []
    for field in fields:
        values = getattr(program, field)
        index = np.flatnonzero(np.isfinite(values))
        block = (program.matrix.tocsr() if field.startswith("row") else identity)[index]
        matrix.append(block)
        bounds += [Bound(field, int(i)) for i in index]
        sides.append(values[index])
        signs.append(np.full(index.size, -1.0 if "upper" in field else 1.0))
    side, sign = np.concatenate(sides), np.concatenate(signs)
    stretch: Any = sparse.diags_array(sign)
    columns = program.columns + side.size
    elastic = Program(
        cost=np.concatenate([np.zeros(program.columns), 1.0 / np.maximum(1.0, np.abs(side))]),
        matrix=sparse.hstack([sparse.vstack(matrix), stretch]),
        row_lower=np.where(sign > 0, side, -np.inf),
        row_upper=np.where(sign < 0, side, np.inf),
        lower=np.concatenate([np.full(program.columns, -np.inf), np.zeros(side.size)]),
        integrality=np.concatenate([program.integrality, np.zeros(side.size, bool)]),
        column_names=IndexedNames("x", columns),
    )
    return elastic, bounds


def _binary_bounds(program: Program, bounds: Sequence[Bound]) -> NDArray[np.bool_]:
    """Which of the bounds are those of a column whose values are 0 and 1."""
    binary = program.integrality & (program.lower == 0) & (program.upper == 1)
    return np.array([not bound.field.startswith("row") and bool(binary[bound.index]) for bound in bounds], bool)


def _keeping(elastic: Program, columns: int, kept: NDArray[np.bool_]) -> Program:
    """Return the elastic program with the stretches of some bounds, which follow its first columns, held at 0."""
    stretches = np.where(kept, 0.0, elastic.upper[columns:])
    return replace(elastic, upper=np.concatenate([elastic.upper[:columns], stretches]))


def _elastic_rows(program: Program, movable: NDArray[np.intp]) -> tuple[Program, list[Bound]]:
    """Sides of some rows as those that a stretch relaxes, at a price relative to their size; all else as it is."""
    bounds: list[Bound] = []
    entries: list[tuple[int, int, float]] = []
    for field, sign in (("row_lower", 1.0), ("row_upper", -1.0)):
        values = getattr(program, field)
        for row in movable[np.isfinite(values[movable])].tolist():
            entries.append((row, len(bounds), sign))
            bounds.append(Bound(field, row))  # type: ignore[arg-type]
    rows, places, signs = (np.array(part) for part in zip(*entries, strict=True))
    stretch: Any = sparse.coo_array((signs, (rows, places)), shape=(program.rows, len(bounds)))
    prices = [1.0 / max(1.0, abs(bound.value(program))) for bound in bounds]
    elastic = Program(
        cost=np.r_[np.zeros(program.columns), prices],
        matrix=sparse.hstack([program.matrix, stretch]),
        row_lower=program.row_lower,
        row_upper=program.row_upper,
        lower=np.r_[program.lower, np.zeros(len(bounds))],
        upper=np.r_[program.upper, np.full(len(bounds), np.inf)],
        integrality=np.r_[program.integrality, np.zeros(len(bounds), bool)],
        column_names=IndexedNames("x", program.columns + len(bounds)),
    )
    return elastic, bounds
