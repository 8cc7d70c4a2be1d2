"""The point that a back end leaves behind, made a point of the program: whole where it has to be, and within the rows.

Back ends return integers with an error (and let a binary of 5e-7 open a big M of 1e7), and rows that hold within an
absolute tolerance. Integer columns are rounded; where the rows do not hold then, the continuous columns are solved for
anew with the integers fixed, the vertex is computed from its basis in rational arithmetic, or a point that came without
one is projected onto the rows.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import lsmr

from ..model.errors import EdgeOptError
from ..model.outcome import Options, Outcome, Status
from ..model.program import Point
from ..model.tolerance import FEASIBILITY, INTEGRALITY, PROJECTION, SOLVER, UNIT
from ..verification.linear_dual import LinearDual
from ..verification.rational import EXACT_ROWS, vertex_point
from .prepared import prepared
from .registry import solvers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from ..model.program import Program


def repaired(program: Program, outcome: Outcome, seconds: float = 10.0) -> Outcome:
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
    for near in _repairs(program, outcome, values, seconds):
        if near is not None and not _broken(program, near):
            return replace(outcome, decision=Point(near), objective=None)
    if not outcome.approximate:
        return replace(outcome, decision=Point(values))  # the judge says so
    broken = _broken(program, values)
    name = max(broken, key=lambda key: broken[key])
    message = f"the point left behind is infeasible: {name} is broken by {broken[name]:.3g}"
    return Outcome(Status.NO_SOLUTION, message=message, statistics=outcome.statistics)


def _repairs(
    program: Program, outcome: Outcome, values: NDArray[np.float64], seconds: float
) -> Iterator[NDArray[np.float64] | None]:
    if program.integral:
        yield _refitted(program, values, seconds)
    else:
        yield _vertex(program, outcome)
        # A search that was cut short is not near enough, and a point that is far off is wrong.
        near = _projected(program, values) if outcome.claim is Status.OPTIMAL else None
        if near is not None and np.allclose(near, values, rtol=PROJECTION, atol=PROJECTION):
            yield near


def _vertex(program: Program, outcome: Outcome) -> NDArray[np.float64] | None:
    dual = outcome.certificate
    if not isinstance(dual, LinearDual) or dual.column_basis is None or dual.row_basis is None or program.quadratic:
        return None
    return vertex_point(program, dual.column_basis, dual.row_basis, EXACT_ROWS)


_STEPS = 10
"""Projections; the first removes nearly all of what rows are broken by, unless columns meet their bounds on the way."""


_ITERATIONS = 3000
"""Iterations of one projection's least squares."""


def _projected(program: Program, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Point near `values` on the equations and broken rows, moved by least squares of the columns off their bounds."""
    values = _on_bounds(program, values)
    equations = program.row_lower == program.row_upper
    for _ in range(_STEPS):
        activity = program.matrix @ values
        missing = np.clip(activity, program.row_lower, program.row_upper) - activity
        if not missing.any() or not _broken(program, values):
            break
        rows = np.flatnonzero(equations | (missing != 0))
        # A column that is close to a bound moves little, so that it does not meet it.
        room = np.minimum(np.minimum(values - program.lower, program.upper - values), np.maximum(1.0, np.abs(values)))
        room = np.sqrt(room)
        part = program.rowwise[rows.tolist()] @ sparse.diags_array(room)
        values = _on_bounds(
            program, values + room * lsmr(part, missing[rows], atol=UNIT, btol=UNIT, maxiter=_ITERATIONS)[0]
        )
    return values


def _on_bounds(program: Program, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Put values on the bounds that they are within a back end's tolerance of; a row of such rests is all error."""
    values = np.clip(values, program.lower, program.upper)
    for bound in (program.lower, program.upper):
        near = np.isfinite(bound) & (np.abs(values - bound) <= SOLVER * np.maximum(1.0, np.abs(bound)))
        values = np.where(near, bound, values)
    return values


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
