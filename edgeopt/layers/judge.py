"""No back end is believed: every vertex of every batch is measured on the program's own data.

A vertex stands where its point respects bounds and rows, lies where its basis says, and its duals prove that no point
is better. The measures are those of the judge of single answers, as one compiled pass over the batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..model.tolerance import AGREEMENT, FEASIBILITY, OPTIMALITY, ROUNDOFF
from ..solvers.compiled.lp_batch import FAILED, OPTIMAL, UNFINISHED, Bases, Vertices
from ..solvers.simplex import in_chunks
from .reference import solve_open

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..solvers.compiled.lp_batch import Instances


_COLUMNS_OF_A_THREAD = 4
"""How many times as many columns as a solve the judge takes to be worth another thread."""


def judged(instances: Instances, found: Vertices, threads: int | None = None) -> Vertices:
    """Return the vertices that hold; the others settled by HiGHS, and failed where that contradicts the back end.

    A vertex is exact but for rounding. One that is further off may be inexact, or live off a tolerance, or be false: it
    is solved anew, like one that is called infeasible or unbounded, and the objectives tell which it was.
    """
    if not _well_shaped(instances, found):
        return _failed(instances)
    excess, gap = measured(instances, found, threads)
    claimed_optimal, holds = found.ended == OPTIMAL, (excess <= ROUNDOFF) & (gap <= OPTIMALITY)
    if (claimed_optimal & holds).all():
        return found
    refused = np.flatnonzero(claimed_optimal & ~holds)
    claimed = _objectives(instances, found, refused)
    found.ended[refused] = UNFINISHED
    solve_open(instances, found)
    contradicted = (found.ended[refused] == OPTIMAL) & ~_agree(claimed, *_objectives(instances, found, refused))
    for part in (found.point, found.dual):
        part[refused[contradicted]] = np.nan
    found.ended[refused[contradicted]] = FAILED
    return found


def _objectives(
    instances: Instances, found: Vertices, which: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Objectives of some instances, and how large their terms are, or could be within finite bounds."""
    cost, lower, upper = (part[which % part.shape[0]] for part in instances.parts[:3])
    point = found.point[which]
    with np.errstate(all="ignore"):  # a false point may be anything
        reach = np.max([np.where(np.isfinite(part), np.abs(part), 0.0) for part in (lower, upper)], axis=0)
        return (cost * point).sum(axis=1), (np.abs(cost) * np.maximum(np.abs(point), reach)).sum(axis=1)


def _agree(
    claimed: tuple[NDArray[np.float64], NDArray[np.float64]], value: NDArray[np.float64], size: NDArray[np.float64]
) -> NDArray[np.bool_]:
    with np.errstate(invalid="ignore"):
        largest = np.maximum(np.abs(claimed[0]), np.abs(value))
        agree: NDArray[np.bool_] = np.abs(claimed[0] - value) <= AGREEMENT * largest + ROUNDOFF * size
    return agree & np.isfinite(claimed[1])


def _well_shaped(instances: Instances, found: Vertices) -> bool:
    batch, (rows, columns) = instances.batch, instances.constraints.shape
    shapes = found.point.shape, found.dual.shape, found.bases.columns.shape, found.bases.rows.shape
    return (*shapes, found.ended.shape) == (*((batch, columns), (batch, rows)) * 2, (batch,))


def _failed(instances: Instances) -> Vertices:
    batch, (rows, columns) = instances.batch, instances.constraints.shape
    bases = Bases(np.zeros((batch, columns), np.int8), np.ones((batch, rows), np.int8))
    point, dual = np.full((batch, columns), np.nan), np.full((batch, rows), np.nan)
    return Vertices(point, dual, bases, np.full(batch, FAILED, np.int8), np.zeros(batch, np.int64))


def measured(
    instances: Instances, found: Vertices, threads: int | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(batch,) relative errors of each vertex: how far it leaves bounds, rows or basis, and its gap to the optimum."""
    from ..solvers.compiled.optimality import measure_range

    batch = instances.batch
    excess, gap = np.empty((2, batch))
    data = (
        instances.constraints.columnwise,
        instances.constraints.rowwise,
        tuple(np.ascontiguousarray(part, np.float64) for part in instances.parts),
        (
            *(np.ascontiguousarray(part, np.float64) for part in (found.point, found.dual)),
            *(np.ascontiguousarray(part, np.int8) for part in (found.bases.columns, found.bases.rows)),
        ),
        excess,
        gap,
        FEASIBILITY,
    )
    work = found.point.size // _COLUMNS_OF_A_THREAD
    in_chunks(lambda first, last: measure_range(first, last, *data), batch, work, threads)
    return excess, gap
