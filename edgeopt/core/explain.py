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
from .program import IndexedNames, Program
from .tolerance import FEASIBILITY

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    """

    conflict: tuple[str, ...]
    repair: Repair | None
    members: tuple[Bound, ...] = ()
    minimal: bool = True

    def __str__(self) -> str:
        if not self.conflict:
            return "the problem is feasible: there is nothing to explain"
        doubt = "" if self.minimal else " (perhaps not all of them are needed)"
        lines = [f"these demands contradict each other{doubt}:", *(f"  - {member}" for member in self.conflict)]
        return "\n".join(lines + ([f"cheapest repair: {self.repair.text}"] if self.repair else []))


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
        If feasibility itself could not be decided.
    """
    feasibility = replace(program, cost=np.zeros(program.columns), offset=0.0, sense=Sense.MINIMIZE)
    feasible = _feasible(feasibility)
    if feasible is None:
        raise NoSolutionError(f"whether the program is feasible could not be decided within {_PATIENCE:g} s")
    if feasible:
        return Explanation((), None)
    members, minimal = _irreducible(feasibility, _suspects(feasibility))
    words = [member.describe(program) for member in members]
    if program.integral and _feasible(_only(feasibility, members).relaxation()):
        words.append("integer columns take integer values")
    return Explanation(tuple(words), _cheapest_repair(program), tuple(members), minimal)


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


def _cheapest_repair(program: Program) -> Repair | None:
    elastic, bounds = _elastic(program)
    solution = _solve(elastic)
    if not solution.status.has_decision:
        return None
    stretch = solution.decision.values[program.columns :]
    used = [(bound, float(s)) for bound, s in zip(bounds, stretch, strict=True) if s > FEASIBILITY]
    relaxed, texts = [], []
    for bound, amount in used:
        old, outward = bound.value(program), 1.0 if "upper" in bound.field else -1.0
        texts.append(f"{bound.describe(program)} becomes {old + outward * amount:g}")
        # A hair more than needed, so that rounding leaves the repaired problem feasible.
        relaxed.append(old + outward * (amount + FEASIBILITY * max(1.0, abs(old))))
    repaired = _with(program, [bound for bound, _ in used], relaxed)
    changes: dict[str, Any] = {bound.field: getattr(repaired, bound.field) for bound, _ in used}
    return Repair("; ".join(texts), program, changes)


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
