"""What an adapter may claim of the point that its back end left behind.

Back ends mean different things by "solved": a first-order method stops near a solution, a time limit can leave a
violating point in the result. So an adapter claims ``optimal`` only where edgeopt's own judge would accept it,
``feasible`` only where the point satisfies the program, and says in the message what was missing otherwise.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.certificate import FarkasRay, LinearDual, PrimalRay
from ..core.outcome import Outcome, Status
from ..core.program import Point
from ..core.tolerance import FEASIBILITY, INTEGRALITY
from ..core.verify import judge

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..core.program import Program


def trivial(program: Program) -> Outcome | None:
    """Answer a program that needs no solver: contradictory bounds, or no columns at all; None otherwise."""
    for names, lower, upper in (
        (program.column_names, *_integer_bounds(program)),
        (program.row_names, program.row_lower, program.row_upper),
    ):
        empty = (lower > upper) | (lower == np.inf) | (upper == -np.inf)
        if empty.any():
            i = int(empty.argmax())
            message = f"the bounds of {names[i]} exclude each other: [{lower[i]:g}, {upper[i]:g}]"
            return Outcome(Status.INFEASIBLE, message=message)
    return _empty_rows(program) or (None if program.columns else _without_columns(program))


def _empty_rows(program: Program) -> Outcome | None:
    """Rows without entries are 0 whatever the point, so their bounds must allow it."""
    filled = np.zeros(program.rows, dtype=bool)
    filled[program.matrix.indices] = True
    wrong = ~filled & ((program.row_lower > FEASIBILITY) | (program.row_upper < -FEASIBILITY))
    if not wrong.any():
        return None
    multiplier = np.zeros(program.rows)
    row = int(wrong.argmax())
    multiplier[row] = 1.0 if program.row_lower[row] > 0 else -1.0
    message = f"row {program.row_names[row]} has no entries and its bounds exclude 0"
    return Outcome(Status.INFEASIBLE, certificate=FarkasRay(multiplier), message=message)


def _integer_bounds(program: Program) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Column bounds, moved inwards to the next integer where a column is integer."""
    lower = np.where(program.integrality, np.ceil(program.lower - INTEGRALITY), program.lower)
    upper = np.where(program.integrality, np.floor(program.upper + INTEGRALITY), program.upper)
    return lower, upper


def _without_columns(program: Program) -> Outcome:
    dual = LinearDual(np.zeros(program.rows))
    return Outcome.optimal(Point(np.empty(0)), dual, objective=program.offset, bound=program.offset)


def claimed(
    program: Program,
    values: NDArray[np.float64],
    *,
    finished: bool,
    dual: NDArray[np.float64] | LinearDual | None = None,
    relative_gap: float | None = None,
    bound: float | None = None,
    **rest: Any,
) -> Outcome:
    """Return the strongest outcome that `values` and `dual` support.

    Parameters
    ----------
    values : (columns,) float
        The back end's point.
    finished : bool
        Whether the back end says that it solved the program (and did not stop at a limit).
    dual : (rows,) float or LinearDual, optional
        Row duals in the program's own sense; without them a finished back end is taken at its word here, and
        ``solve`` asks for an independent witness.
    relative_gap : float, optional
        Gap that counts as optimal.
    bound : float, optional
        Bound that the back end reports.
    **rest
        Further fields of the outcome.
    """
    point = Point(values)
    if fault := infeasibility(program, values):
        return Outcome(Status.NO_SOLUTION, **{**rest, "message": f"the point left behind is infeasible: {fault}"})
    certificate = _certificate(program, dual)
    objective = program.objective(point)
    if finished and program.integral and bound is None:
        # The back end states no bound, but that it is done: then it is within the gap asked for.
        bound = objective - program.sense.sign * (relative_gap or 0.0) * abs(objective)
    found = Outcome.feasible(point, certificate, objective=objective, bound=bound, **rest)
    if not finished:
        return found
    best = replace(found, claim=Status.OPTIMAL)
    if certificate is None:
        return best
    verdict = judge(program, best, relative_gap)
    if verdict.holds:
        return best
    return replace(found, bound=None, message=f"not proved optimal: {verdict.message}")


def infeasibility(program: Program, values: NDArray[np.float64]) -> str:
    """Say which row, bound or integrality `values` break beyond tolerance; empty if none."""
    if values.shape != (program.columns,) or not np.isfinite(values).all():
        return "it is not a finite value for each column"
    broken = {name: v for name, v in program.violations(Point(values)).items() if not v <= FEASIBILITY}
    if not broken:
        return ""
    name = max(broken, key=lambda key: broken[key])
    return f"{name} is broken by {broken[name]:.3g}"


def _certificate(program: Program, dual: NDArray[np.float64] | LinearDual | None) -> LinearDual | None:
    if isinstance(dual, np.ndarray):
        dual = LinearDual(dual)
    if dual is None or dual.row_dual.shape != (program.rows,) or not np.isfinite(dual.row_dual).all():
        return None
    return dual


def infeasible(program: Program, ray: NDArray[np.float64] | None = None, message: str = "") -> Outcome:
    """Return the claim that `program` is infeasible, with `ray` (rows,) where it, or its opposite, proves it."""
    for candidate in () if ray is None else (FarkasRay(ray), FarkasRay(-ray)):
        if candidate.holds(program):
            return Outcome(Status.INFEASIBLE, certificate=candidate, message=message)
    return Outcome(Status.INFEASIBLE, message=message)


def unbounded(
    program: Program,
    point: NDArray[np.float64] | None = None,
    direction: NDArray[np.float64] | None = None,
    message: str = "",
) -> Outcome:
    """Return the claim that `program` is unbounded, with `point` and `direction` where they prove it."""
    if point is not None and direction is not None:
        ray = PrimalRay(point, direction)
        if ray.holds(program):
            return Outcome(Status.UNBOUNDED, certificate=ray, message=message)
    return Outcome(Status.UNBOUNDED, message=message)


def without_cost(program: Program) -> Program:
    """Return the program with zero cost: never unbounded, so it tells infeasible from unbounded."""
    return replace(program, cost=np.zeros(program.columns), offset=0.0)
