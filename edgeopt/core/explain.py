"""Why a problem is infeasible, and the cheapest change that would repair it.

The conflict is an irreducible infeasible subsystem found by a deletion filter (Chinneck 2008, chapter 6), started from
the support of a Farkas ray where the linear relaxation is infeasible already. The repair is the elastic relaxation:
each bound may give way at a price relative to its size, and the total is minimised.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from scipy import sparse

from .certificate import CrossedBounds, FarkasRay
from .errors import NoSolutionError
from .outcome import Status
from .problem import Sense
from .program import IndexedNames, Point, Program
from .tolerance import FEASIBILITY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from .problem import Problem

Field = Literal["row_lower", "row_upper", "lower", "upper"]


@dataclass(frozen=True)
class Repair:
    """The cheapest change that makes a problem feasible.

    Attributes
    ----------
    text : str
        What to change, in the problem's own words.
    problem : Problem
        The infeasible problem.
    changes : dict
        New value of each field that changes.
    """

    text: str
    problem: Problem
    changes: dict[str, Any]

    def apply(self) -> Any:
        """Return the repaired problem; the infeasible one stays as it is."""
        return replace(self.problem, **self.changes)  # type: ignore[type-var]


@dataclass(frozen=True)
class Explanation:
    """A minimal conflict and its cheapest repair; ``print`` it.

    Attributes
    ----------
    conflict : tuple of str
        Demands that cannot hold together; without any one of them the others can. Empty for a feasible problem.
    repair : Repair or None
        None for a feasible problem.
    members : tuple
        The same demands as :class:`Bound` objects, for a bare program.
    minimal : bool
        Whether it was shown that every member is needed; False where an integer program was too hard to decide.
    note : str
        Says so where a problem that was called infeasible has a point within tolerance. With a conflict beside it, the
        demands contradict each other by less than that.
    """

    conflict: tuple[str, ...]
    repair: Repair | None
    members: tuple[Bound, ...] = ()
    minimal: bool = True
    note: str = ""

    def __str__(self) -> str:
        if not self.conflict:
            return f"the problem is feasible: {self.note or 'there is nothing to explain'}"
        doubt = "" if self.minimal else " (perhaps not all of them are needed)"
        lines = [f"these demands contradict each other{doubt}:", *(f"  - {member}" for member in self.conflict)]
        lines += [f"cheapest repair: {self.repair.text}"] if self.repair else []
        return "\n".join(lines + ([f"but {self.note}"] if self.note else []))


@dataclass(frozen=True)
class Bound:
    """One finite bound of a row or column of a program."""

    field: Field
    index: int

    def drop(self, program: Program) -> Program:
        """Return the program without this bound."""
        return _with(program, [self], [np.inf if "upper" in self.field else -np.inf])

    def value(self, program: Program) -> float:
        """Return the bound itself."""
        return float(getattr(program, self.field)[self.index])

    def describe(self, program: Program) -> str:
        """Return the bound in words, with the name of its row or column."""
        row = self.field.startswith("row")
        name = (program.row_names if row else program.column_names)[self.index]
        relation = "<=" if "upper" in self.field else ">="
        return f"{'row' if row else 'column'} {name} {relation} {self.value(program):g}"


def explain_program(program: Program) -> Explanation:
    """Explain an infeasible program by a minimal conflict of its bounds and the cheapest change of them.

    Raises
    ------
    NoSolutionError
        If feasibility itself could not be decided, or the program is called infeasible and nothing shows what is
        missing.
    """
    feasibility = replace(program, cost=np.zeros(program.columns), offset=0.0, sense=Sense.MINIMIZE)
    feasible = _feasible(feasibility)
    if feasible is None:
        raise NoSolutionError(f"whether the program is feasible could not be decided within {_PATIENCE:g} s")
    if feasible:
        return Explanation((), None)
    near = _stretched(program)
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
    from .solve import solve

    return solve(program, "highs", time_limit=_PATIENCE)


def _feasible(program: Program) -> bool | None:
    """Whether the program is feasible; None where that could not be decided."""
    status = _solve(program).status
    if status is Status.INFEASIBLE:
        return False
    return True if status in (Status.OPTIMAL, Status.FEASIBLE, Status.UNBOUNDED) else None


def _suspects(program: Program) -> list[Bound]:
    """Bounds that together are infeasible: the support of a Farkas ray, or all finite bounds of an integer program."""
    if isinstance(crossed := program.refute(), CrossedBounds):
        pair: tuple[Field, Field] = ("row_lower", "row_upper") if crossed.row else ("lower", "upper")
        return [Bound(side, crossed.index) for side in pair]
    relaxed = _solve(program.relaxation())
    if not isinstance(relaxed.certificate, FarkasRay):
        fields: tuple[Field, ...] = ("row_lower", "row_upper", "lower", "upper")
        return [Bound(f, int(i)) for f in fields for i in np.flatnonzero(np.isfinite(getattr(program, f)))]
    y = relaxed.certificate.row_multiplier
    combined = y @ program.matrix
    parts: tuple[tuple[Field, Any], ...] = (
        ("row_lower", y > 0), ("row_upper", y < 0), ("upper", combined > 0), ("lower", combined < 0),
    )  # fmt: skip
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
        program, row_lower=np.full(program.rows, -np.inf), row_upper=np.full(program.rows, np.inf),
        lower=np.full(program.columns, -np.inf), upper=np.full(program.columns, np.inf),
    )  # fmt: skip
    return _with(free, members, [member.value(program) for member in members])


def _with(program: Program, members: Sequence[Bound], values: Sequence[float]) -> Program:
    arrays: dict[str, Any] = {}
    for member, value in zip(members, values, strict=True):
        arrays.setdefault(member.field, getattr(program, member.field).copy())[member.index] = value
    return replace(program, **arrays)


@dataclass(frozen=True)
class _Stretched:
    """The cheapest point outside the bounds: which of them it needs moved, and how far."""

    point: NDArray[np.float64]
    used: list[tuple[Bound, float]]


def _stretched(program: Program) -> _Stretched | None:
    elastic, bounds = _elastic(program)
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
    repaired = _with(program, [bound for bound, _ in used], relaxed)
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
