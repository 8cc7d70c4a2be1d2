"""Why no placement fits, in the words of a placement, and its repair as a change of the problem's own fields."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ...model.explanation import Explanation, Repair
from ...model.late import late

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...model.problem import HasProgram


def explained(
    problem: HasProgram, caps: NDArray[np.intp], fields: Callable[[NDArray[np.float64]], dict[str, Any]]
) -> Explanation:
    """Return the explanation of a placement that is infeasible.

    Parameters
    ----------
    caps : (rows,) int
        Rows of the program whose upper sides a repair may move.
    fields : function of (rows,) float
        New values of the problem's fields where the program's rows have these upper sides; those that stay left out.
    """
    found: Explanation = late("explain_program")(problem.program(), caps if caps.size else None)
    if not found.conflict:
        return found
    lines = problem.in_words(found.members) + list(found.conflict[len(found.members) :])
    repair = None
    if found.repair is not None and caps.size:
        changes = fields(found.repair.changes["row_upper"])
        texts = [f"{name} {_shown(getattr(problem, name))} becomes {_shown(value)}" for name, value in changes.items()]
        repair = Repair("; ".join(texts), problem, changes)
    return replace(found, conflict=tuple(lines), repair=repair)


def _shown(value: Any) -> str:
    if np.ndim(value):
        return f"({', '.join(f'{one:g}' for one in np.asarray(value).tolist())})"
    return f"{value:g}"
