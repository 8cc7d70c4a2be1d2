"""The point that a back end leaves behind, made a point of the program: whole where it has to be, and within the rows.

Back ends return integers with an error (and let a binary of 5e-7 open a big M of 1e7), and rows that hold within an
absolute tolerance. Integer columns are rounded; where the rows do not hold then, the continuous columns are solved for
anew with the integers fixed, or the vertex is computed from its basis in rational arithmetic.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from .certificate import LinearDual
from .errors import EdgeOptError
from .outcome import Options, Outcome, Status
from .prepared import prepared
from .program import Point
from .rational import EXACT_ROWS, vertex_point
from .registry import solvers
from .tolerance import FEASIBILITY, INTEGRALITY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .program import Program


def settled(program: Program, outcome: Outcome, seconds: float = 10.0) -> Outcome:
    """Return `outcome` with a point that satisfies `program`, if its own, rounded, is near one.

    Parameters
    ----------
    outcome : Outcome
        Of a general solver, in the numbers of `program`.
    seconds : float
        Time limit of a linear program for the continuous columns.
    """
    if not outcome.claim.has_decision:
        return outcome
    try:
        program.check(outcome.decision)
    except EdgeOptError as error:
        return Outcome.failed(f"the solver's point is malformed: {error}")
    values: NDArray[np.float64] = outcome.decision.values
    if program.integral:
        rounded = np.where(program.integrality, np.round(values), values)
        worst = int(np.abs(values - rounded).argmax())
        if abs(values[worst] - rounded[worst]) > INTEGRALITY * max(1.0, abs(values[worst])):
            name = program.column_names[worst]
            return Outcome.failed(f"the solver's point is not integer: {name} is {float(values[worst])!r}")
        values = rounded
    if not _broken(program, values):
        return replace(outcome, decision=Point(values))
    return _repaired(program, outcome, values, seconds)


def _broken(program: Program, values: NDArray[np.float64]) -> dict[str, float]:
    return {name: v for name, v in program.violations(Point(values)).items() if not v <= FEASIBILITY}


def _repaired(program: Program, outcome: Outcome, values: NDArray[np.float64], seconds: float) -> Outcome:
    """Return the outcome at a point that holds; without one, an unfinished search found nothing."""
    near = _vertex(program, outcome) if not program.integral else _refitted(program, values, seconds)
    if near is not None and not _broken(program, near):
        return replace(outcome, decision=Point(near), objective=None)
    if not outcome.approximate:
        return replace(outcome, decision=Point(values))  # the judge says so
    broken = _broken(program, values)
    name = max(broken, key=lambda key: broken[key])
    message = f"the point left behind is infeasible: {name} is broken by {broken[name]:.3g}"
    return Outcome(Status.NO_SOLUTION, message=message, statistics=outcome.statistics)


def _vertex(program: Program, outcome: Outcome) -> NDArray[np.float64] | None:
    dual = outcome.certificate
    if not isinstance(dual, LinearDual) or dual.column_basis is None or dual.row_basis is None:
        return None
    return vertex_point(program, dual.column_basis, dual.row_basis, EXACT_ROWS)


def _refitted(program: Program, values: NDArray[np.float64], seconds: float) -> NDArray[np.float64] | None:
    """Best continuous columns beside the integers of `values`."""
    if program.integrality.all():
        return None
    whole = program.integrality
    fixed = replace(
        program.relaxation(),
        lower=np.where(whole, values, program.lower),
        upper=np.where(whole, values, program.upper),
    )
    ready = prepared(fixed)
    found = ready.restore(solvers()["highs"](ready.program, Options(time_limit=max(0.1, seconds))))
    if not found.claim.has_decision:
        return None
    point: NDArray[np.float64] = found.decision.values
    return np.clip(np.where(whole, values, point), program.lower, program.upper)
