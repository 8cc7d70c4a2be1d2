"""Why a problem is infeasible: a minimal conflict of its demands, and the cheapest change that repairs it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from .problem import Problem
from .program import Program

if TYPE_CHECKING:
    pass

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
        return with_bounds(program, [self], [np.inf if "upper" in self.field else -np.inf])

    def value(self, program: Program) -> float:
        """Return the bound itself."""
        return float(getattr(program, self.field)[self.index])

    def describe(self, program: Program) -> str:
        """Return the bound in words, with the name of its row or column."""
        row = self.field.startswith("row")
        name = (program.row_names if row else program.column_names)[self.index]
        relation = "<=" if "upper" in self.field else ">="
        return f"{'row' if row else 'column'} {name} {relation} {self.value(program):g}"


_LISTED = 3
"""Members of one family that are told one by one; of more the first are named."""


def grouped(program: Program, members: Sequence[Bound]) -> list[str]:
    """Return bounds in words, by the names of rows and columns; those of one family with one value in a line."""
    groups: dict[tuple[str, str, float], list[str]] = {}
    for member in members:
        names = program.row_names if member.field.startswith("row") else program.column_names
        name, relation = names[member.index], "<=" if "upper" in member.field else ">="
        groups.setdefault((name.partition("[")[0], relation, member.value(program)), []).append(name)
    words = []
    for (stem, relation, value), names in groups.items():
        if len(names) <= _LISTED:
            words += [f"{name} {relation} {value:g}" for name in names]
        else:
            first = ", ".join(name.removeprefix(stem) for name in names[:_LISTED])
            words.append(f"{stem} {relation} {value:g} at {len(names)} places: {first}, …")
    return words


def with_bounds(program: Program, members: Sequence[Bound], values: Sequence[float]) -> Program:
    """Return the program with other values of some of its bounds."""
    arrays: dict[str, Any] = {}
    for member, value in zip(members, values, strict=True):
        arrays.setdefault(member.field, getattr(program, member.field).copy())[member.index] = value
    return replace(program, **arrays)
