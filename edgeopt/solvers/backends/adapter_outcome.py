"""What an adapter says of what its back end left behind, and the programs that need no back end.

An adapter passes on what its back end claims, with the duals or the ray at hand; ``solve`` makes the point whole,
judges it, and supplies the proof that is missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...model.outcome import Outcome, Status
from ...model.program import Point
from ...model.tolerance import PROJECTION
from ...verification.infeasibility import FarkasRay
from ...verification.linear_dual import LinearDual
from ...verification.propagation import whole_bounds
from ...verification.unboundedness import PrimalRay

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...model.program import Program


def trivial(program: Program) -> Outcome | None:
    """Answer a program that needs no solver: contradictory bounds, or no columns at all; None otherwise."""
    for names, lower, upper in (
        (program.column_names, *whole_bounds(program)),
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
    filled[program.matrix.indices[program.matrix.data != 0]] = True
    wrong = ~filled & ((program.row_lower > 0) | (program.row_upper < 0))
    if not wrong.any():
        return None
    multiplier = np.zeros(program.rows)
    row = int(wrong.argmax())
    multiplier[row] = 1.0 if program.row_lower[row] > 0 else -1.0
    message = f"row {program.row_names[row]} has no entries and its bounds exclude 0"
    return Outcome(Status.INFEASIBLE, certificate=FarkasRay(multiplier), message=message)


def _without_columns(program: Program) -> Outcome:
    point = Point(np.empty(0))
    slopes = None if program.squares is None else program.sense.sign * program.squares.slopes(point.values)
    dual, value = LinearDual(np.zeros(program.rows), square_dual=slopes), program.objective(point)
    return Outcome.optimal(point, dual, objective=value, bound=value)


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
    """Return what a back end says of `values`, put back within the bounds of their columns; ``solve`` judges it.

    Parameters
    ----------
    values : (columns,) float
        The back end's point.
    finished : bool
        Whether the back end says that it solved the program (and did not stop at a limit).
    dual : (rows,) float or LinearDual, optional
        Row duals in the program's own sense.
    relative_gap : float, optional
        Gap that counts as optimal.
    bound : float, optional
        Bound that the back end reports.
    **rest
        Further fields of the outcome.
    """
    if values.shape != (program.columns,) or not np.isfinite(values).all():
        message = "the point left behind is not a finite value for each column"
        return Outcome(Status.NO_SOLUTION, **{**rest, "message": message})
    point = Point(within_bounds(program, values))
    objective = program.objective(point)
    if finished and program.integral and bound is None:
        # The back end states no bound, but that it is done: then it is within the gap asked for.
        bound = objective - program.sense.sign * (relative_gap or 0.0) * abs(objective)
    claim = Status.OPTIMAL if finished else Status.FEASIBLE
    rest["approximate"] = rest.get("approximate", False) or not finished
    return Outcome(claim, point, _certificate(program, dual, point.values), objective=objective, bound=bound, **rest)


def within_bounds(program: Program, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return `values` with what leaves its column's bounds by a back end's tolerance put back on them."""
    inside = np.clip(values, program.lower, program.upper)
    near = np.abs(values - inside) <= PROJECTION * np.maximum(1.0, np.abs(inside))
    return np.where(near, inside, values)


def _certificate(
    program: Program, dual: NDArray[np.float64] | LinearDual | None, values: NDArray[np.float64]
) -> LinearDual | None:
    squares = program.squares
    slopes = None if squares is None else program.sense.sign * squares.slopes(values)
    if isinstance(dual, np.ndarray):
        dual = LinearDual(dual, square_dual=slopes)
    if dual is None or dual.row_dual.shape != (program.rows,) or not np.isfinite(dual.row_dual).all():
        return None
    return dual


def infeasible(program: Program, ray: NDArray[np.float64] | FarkasRay | None = None, message: str = "") -> Outcome:
    """Return the claim that `program` is infeasible, with `ray` (rows,) where it, or its opposite, proves it."""
    if isinstance(ray, FarkasRay):
        # Its basis is that of the program as back ends get it: whether it holds is seen once the scaling is undone.
        return Outcome(Status.INFEASIBLE, certificate=ray, message=message)
    rays = () if ray is None else (FarkasRay(ray), FarkasRay(-ray))
    certificate = next((candidate for candidate in rays if candidate.holds(program)), None)
    return Outcome(Status.INFEASIBLE, certificate=certificate, message=message)


def unbounded(
    program: Program,
    point: NDArray[np.float64] | None = None,
    direction: NDArray[np.float64] | None = None,
    message: str = "",
    **basis: Any,
) -> Outcome:
    """Return the claim that `program` is unbounded, with `point` and `direction` where they prove it."""
    if point is not None and direction is not None:
        ray = PrimalRay(within_bounds(program, point), direction, **basis)
        if basis or ray.holds(program):
            return Outcome(Status.UNBOUNDED, certificate=ray, message=message)
    return Outcome(Status.UNBOUNDED, message=message)
