"""Why a problem with side constraints is infeasible: they by their names, the rest in the words of the base."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ...model.explanation import Bound, Explanation, Repair, grouped
from ...model.late import late

if TYPE_CHECKING:
    from .problem import Constrained


def in_words(problem: Constrained, bounds: Sequence[Bound]) -> list[str]:
    """Return side constraints by their names, then the demands of the base in its words."""
    program, columns = problem.program(), problem.extra.shape[1]
    first = program.rows - problem.extra.shape[0]
    own, defining, rest = [], [], []
    for bound in bounds:
        row = bound.field.startswith("row")
        if row and bound.index >= first:
            place = bound.index - first
            defines = -1 if problem.auxiliary is None else int(problem.auxiliary.defines[place])
            if defines < 0:
                own.append(bound)
            elif problem.auxiliary is not None:
                defining.append((problem.auxiliary.names[defines], int(problem.auxiliary.side[defines])))
        elif row or bound.index < columns:
            rest.append(bound)
    kinds = {1: "largest", -1: "smallest"}
    lines = [f"{name} is the {kinds[side]} of its expressions" for name, side in dict.fromkeys(defining)]
    return [*grouped(program, own), *lines, *(problem.base.in_words(rest) if rest else ())]


def explain(problem: Constrained) -> Explanation:
    """Return the base's explanation where it is infeasible itself; else what the side constraints contradict."""
    of_base: Explanation = problem.base.explain()
    if of_base.conflict:
        return of_base
    program, rows = problem.program(), problem.extra.shape[0]
    movable = np.arange(program.rows - rows, program.rows)
    if problem.auxiliary is not None:
        movable = movable[problem.auxiliary.defines < 0]
    found: Explanation = late("explain_program")(program, movable)
    if not found.conflict:
        return found
    lines = in_words(problem, found.members) + list(found.conflict[len(found.members) :])
    return replace(found, conflict=tuple(lines), repair=_repair(problem, found.repair))


def _repair(problem: Constrained, repair: Repair | None) -> Repair | None:
    """Return the repair as a change of the side constraints' sides."""
    if repair is None:
        return None
    rows = problem.extra.shape[0]
    names = {"row_lower": "extra_lower", "row_upper": "extra_upper"}
    changes = {names[field]: value[value.size - rows :] for field, value in repair.changes.items()}
    return Repair(repair.text.replace("row ", ""), problem, changes)
