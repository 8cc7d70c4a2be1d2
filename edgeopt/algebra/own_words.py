"""A program's explanation in the words of the declaration: constraints and fields instead of rows and columns."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..model.explanation import Bound, Explanation, Repair
from .families import Family

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .formulation import Formulation


def in_own_words(problem: Formulation, found: Explanation) -> Explanation:
    """Return the explanation with names of constraints, and a repair of a field where one field is the bound."""
    words = problem.in_words(found.members)
    words += found.conflict[len(found.members) :]
    repair = None if found.repair is None else _repair(problem, found.repair)
    return replace(found, conflict=tuple(words), repair=repair)


def _repair(problem: Formulation, repair: Repair) -> Repair:
    """Return the repair with fields of the problem changed where each bound that moves is a field; else as it is."""
    text = repair.text.replace("row ", "").replace("column ", "")
    program = problem.program()
    changes: dict[str, NDArray[np.float64]] = {}
    for side, array in repair.changes.items():
        if not side.startswith("row"):
            return replace(repair, text=text)
        for row in np.flatnonzero(array != getattr(program, side)):
            place = _field_entry(problem, Bound("row_upper", int(row)))
            if place is None:
                return replace(repair, text=text)
            name, index = place
            value = changes.setdefault(name, np.array(getattr(problem, name), dtype=np.float64))
            value[index] = array[row]
    given: dict[str, Any] = {name: float(v) if v.ndim == 0 else v for name, v in changes.items()}
    return Repair(text, problem, given)


def _field_entry(problem: Formulation, bound: Bound) -> tuple[str, tuple[int, ...]] | None:
    """Field and index that is the bound of a row, where the declaration compares with just that."""
    found = problem._compiled
    for name, family in problem.declaration.families.items():
        block = found.blocks[name]
        start = block.start
        if not start <= bound.index < start + block.count:
            continue
        if not isinstance(family, Family) or family.bound is None or family.constraint.switch is not None:
            return None
        node = family.bound
        if node.kind != "field" or family.lower_bound is not None or not set(node.axes) <= set(family.axes):
            return None
        entry = bound.index - start if block.kept is None else int(block.kept[bound.index - start])
        index = np.unravel_index(entry, [axis.size for axis in family.axes]) if family.axes else ()
        by_name = {axis.name: int(i) for axis, i in zip(family.axes, index, strict=True)}
        if node.axes != family.axes:
            return None  # other rows share the entry, and might want it where it is
        return node.detail, tuple(by_name[axis.name] for axis in node.axes)
    return None
