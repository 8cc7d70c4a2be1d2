"""Three ways to the same vertices: compiled dual simplex, warm-started HiGHS, interior point on the whole batch.

Each returns vertices with their bases; an instance that it cannot finish is left open for `solve_open`. All work in
scaled numbers; what they return is measured in the program's own by :mod:`.judge`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from ..model.basis import BASIC, LOWER, UPPER
from ..model.tolerance import SOLVER
from ..solvers.backends.interrupt import interruptible
from ..solvers.compiled.lp_batch import OPTIMAL, UNFINISHED, Bases, Instances, Vertices
from ..solvers.compiled.lp_scaling import batch_scaling, scaled, unscaled
from ..solvers.simplex import dual_simplex, in_chunks

if TYPE_CHECKING:
    from numpy.typing import NDArray


def by_simplex(instances: Instances, start: Bases | None, threads: int | None, device: str) -> Vertices:
    """Use the compiled bounded dual simplex: best for few rows and many bounded columns."""
    return dual_simplex(instances, start, threads)


def by_highs(instances: Instances, start: Bases | None, threads: int | None, device: str) -> Vertices:
    """Use HiGHS's dual simplex, each instance from the basis of the one before; for large sparse programs."""
    scaling = batch_scaling(instances)
    found = unscaled(_by_highs(scaled(instances, scaling), start, threads), scaling)
    # What HiGHS leaves outside by its tolerance is put back; where it was further off, the rows do not hold then.
    found.point[:] = np.clip(found.point, *instances.full()[1:3])
    return found


def _by_highs(instances: Instances, start: Bases | None, threads: int | None) -> Vertices:
    rows, columns = instances.constraints.shape
    batch = instances.batch
    found = Vertices(
        np.full((batch, columns), np.nan),
        np.full((batch, rows), np.nan),
        Bases(np.zeros((batch, columns), np.int8), np.ones((batch, rows), np.int8)),
        np.full(batch, UNFINISHED, np.int8),
        np.zeros(batch, np.int64),
    )
    given_up: list[bool] = []

    def part(first: int, last: int) -> None:
        _with_one_model(instances, found, start, first, last, given_up)

    # A slice begins without a basis, which takes as long as many instances that have one: one slice for each thread.
    # One instance takes HiGHS little time, so that Ctrl-C is obeyed between two of them.
    interruptible(
        lambda: in_chunks(part, batch, found.point.size, threads, slices_each=1), lambda: given_up.append(True)
    )
    return found


_HIGHS: Mapping[str, Any] = MappingProxyType(
    {
        "presolve": "off",
        "threads": 1,
        "solver": "simplex",
        "primal_feasibility_tolerance": SOLVER,
        "dual_feasibility_tolerance": SOLVER,
    }
)


def _with_one_model(
    instances: Instances, found: Vertices, start: Bases | None, first: int, last: int, given_up: list[bool]
) -> None:
    from ..solvers.backends.highs_model import load, set_option

    rows, columns = instances.constraints.shape
    model = load(instances.program(int(first)))
    for name, value in _HIGHS.items():
        set_option(model, name, value)
    all_columns, all_rows = np.arange(columns, dtype=np.int32), np.arange(rows, dtype=np.int32)
    activity, reduced = np.empty((last - first, rows)), np.empty((last - first, columns))
    for b in range(first, last):
        if given_up:
            return
        cost, lower, upper, row_lower, row_upper = (part[b % part.shape[0]] for part in instances.parts)
        if b > first:
            if instances.cost.shape[0] > 1:
                model.changeColsCost(columns, all_columns, cost)
            if instances.lower.shape[0] > 1 or instances.upper.shape[0] > 1:
                model.changeColsBounds(columns, all_columns, lower, upper)
            if instances.row_lower.shape[0] > 1 or instances.row_upper.shape[0] > 1:
                model.changeRowsBounds(rows, all_rows, row_lower, row_upper)
        if start is not None:
            _set_basis(model, start.columns[b % start.columns.shape[0]], start.rows[b % start.rows.shape[0]])
        model.run()
        _read(model, found, b, activity[b - first], reduced[b - first])
    part = slice(first, last)
    lower, upper, row_lower, row_upper = (bound[part] for bound in instances.full()[1:])
    for at, low, high, price, codes in (
        (found.point[part], lower, upper, reduced, found.bases.columns[part]),
        (activity, row_lower, row_upper, found.dual[part], found.bases.rows[part]),
    ):
        side = _side(at, low, high, price)
        np.copyto(codes, side, where=codes != BASIC)


def _set_basis(model: Any, columns: NDArray[np.int8], rows: NDArray[np.int8]) -> None:
    import highspy

    basis = highspy.HighsBasis()
    basis.col_status = [highspy.HighsBasisStatus(int(code)) for code in columns]
    basis.row_status = [highspy.HighsBasisStatus(int(code)) for code in rows]
    basis.valid = True
    model.setBasis(basis)


def _read(model: Any, found: Vertices, b: int, activity: NDArray[np.float64], reduced: NDArray[np.float64]) -> None:
    """Copy one optimum; at which bound nonbasic variables stand is found out for the whole slice at once."""
    import highspy

    if model.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        return
    solution = model.getSolution()
    status, basic = model.getBasicVariables()
    if status == highspy.HighsStatus.kError:
        return
    found.point[b], found.dual[b] = solution.col_value, solution.row_dual
    activity[:], reduced[:] = solution.row_value, solution.col_dual
    found.bases.columns[b], found.bases.rows[b] = UPPER, UPPER
    found.bases.columns[b][basic[basic >= 0]] = BASIC
    found.bases.rows[b][-1 - basic[basic < 0]] = BASIC
    found.ended[b] = OPTIMAL


def _side(
    value: NDArray[np.float64], lower: NDArray[np.float64], upper: NDArray[np.float64], dual: NDArray[np.float64]
) -> NDArray[np.int8]:
    """Say at which bound a nonbasic variable stands; where both are one, its dual says it."""
    with np.errstate(invalid="ignore"):  # what HiGHS did not solve is nan
        at_lower = np.abs(value - lower) < np.abs(value - upper)
    at_lower |= (lower == upper) & (dual >= 0)
    return np.where(at_lower, LOWER, UPPER).astype(np.int8)


def by_interior_point(instances: Instances, start: Bases | None, threads: int | None, device: str) -> Vertices:
    """Use an interior point method on all instances at once, and finish their vertices, on `device`."""
    from .device_vertices import optimal_vertices
    from .interior_point import bases_near_optimum, tensors

    scaling = batch_scaling(instances)
    batch = tensors(scaled(instances, scaling), device)
    columns, rows = bases_near_optimum(batch)
    point, dual, optimal = (part.cpu().numpy() for part in optimal_vertices(batch, columns, rows))
    guess = Bases(columns.cpu().numpy(), rows.cpu().numpy())
    ended = np.where(optimal, OPTIMAL, UNFINISHED).astype(np.int8)
    found = unscaled(Vertices(point, dual, guess, ended, np.zeros(instances.batch, np.int64)), scaling)
    if not optimal.all():
        _finish(instances, found, threads)
    return found


def _finish(instances: Instances, found: Vertices, threads: int | None) -> None:
    """Go on from the bases of unfinished instances by the simplex method: no iteration to few where they are near."""
    left = np.flatnonzero(found.ended == UNFINISHED)
    further = dual_simplex(instances.some(left), Bases(found.bases.columns[left], found.bases.rows[left]), threads)
    for name in ("point", "dual", "ended", "iterations"):
        getattr(found, name)[left] = getattr(further, name)
    found.bases.columns[left], found.bases.rows[left] = further.bases.columns, further.bases.rows


Backend = Callable[[Instances, "Bases | None", "int | None", str], Vertices]

BACKENDS: Mapping[str, Backend] = MappingProxyType(
    {"simplex": by_simplex, "highs": by_highs, "batched": by_interior_point}
)
"""The back ends by name."""
