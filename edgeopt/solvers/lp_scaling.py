"""Batches in numbers that absolute tolerances can tell apart: one scaling by powers of two for all instances.

The instances share their matrix, so they share its factors; costs and bounds enter by the largest of the batch. Nothing
is rounded: a vertex of the scaled instances is one of the original ones, with the same basis.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ..core.program import Program
from ..core.scaling import FARTHEST_BOUND, NEAREST_BOUND, WELL_SCALED, Scaling, scaling_of
from .lp_batch import Constraints, Instances, Vertices

if TYPE_CHECKING:
    from numpy.typing import NDArray


def batch_scaling(instances: Instances) -> Scaling:
    """Return the factors under which the instances can be handed to a back end."""
    largest = [_largest(part) for part in instances.parts]
    if _well_scaled(instances, largest):
        rows, columns = instances.constraints.shape
        return Scaling(np.zeros(rows, np.int64), np.zeros(columns, np.int64), 0)
    cost, lower, upper, row_lower, row_upper = largest
    return scaling_of(
        Program(
            # Sizes are all that counts of a bound, and these cannot cross.
            cost, instances.matrix(), row_lower=-row_lower, row_upper=row_upper, lower=-lower, upper=upper,
        )
    )  # fmt: skip


def scaled(instances: Instances, scaling: Scaling) -> Instances:
    """Return the instances in scaled numbers."""
    if scaling.trivial:
        return instances
    row, backwards = np.ldexp(1.0, scaling.row), np.ldexp(1.0, -scaling.column)
    cost, lower, upper, row_lower, row_upper = instances.parts
    matrix = instances.matrix()
    matrix.data = np.ldexp(matrix.data, scaling.row[matrix.indices] + np.repeat(scaling.column, np.diff(matrix.indptr)))
    return Instances(
        Constraints.of(matrix), cost * np.ldexp(1.0, scaling.column + scaling.cost), lower * backwards,
        upper * backwards, row_lower * row, row_upper * row,
    )  # fmt: skip


def unscaled(found: Vertices, scaling: Scaling) -> Vertices:
    """Return the vertices of the original instances from those of the scaled ones."""
    if scaling.trivial:
        return found
    point = found.point * np.ldexp(1.0, scaling.column)
    return replace(found, point=point, dual=found.dual * np.ldexp(1.0, scaling.row - scaling.cost))


def rescaled(found: Vertices, scaling: Scaling) -> Vertices:
    """Return the vertices of the scaled instances from those of the original ones."""
    if scaling.trivial:
        return found
    point = found.point * np.ldexp(1.0, -scaling.column)
    return replace(found, point=point, dual=found.dual * np.ldexp(1.0, scaling.cost - scaling.row))


def _largest(part: NDArray[np.float64]) -> NDArray[np.float64]:
    """(size,) largest finite absolute value of the batch; inf where an instance has no bound at all."""
    size = np.abs(part)
    if size.shape[0] == 1:
        only: NDArray[np.float64] = size[0]
        return only
    largest: NDArray[np.float64] = size.max(axis=0)
    if largest.max(initial=0.0) < np.inf:
        return largest
    finite = np.where(np.isfinite(size), size, -1.0).max(axis=0)
    return np.where(finite < 0, np.inf, finite)


def _well_scaled(instances: Instances, largest: list[NDArray[np.float64]]) -> bool:
    """Whether nothing is to be gained: a look at the extremes alone, as a batch may be small."""
    cost, *bounds = largest
    return (
        instances.constraints.near_one
        and _within(cost, -WELL_SCALED, WELL_SCALED)
        and _within(np.concatenate(bounds), NEAREST_BOUND, FARTHEST_BOUND)
    )


def _within(sizes: NDArray[np.float64], smallest: int, largest: int) -> bool:
    used = sizes[(sizes > 0) & (sizes < np.inf)]
    return not used.size or bool(used.min() >= 2.0**smallest and used.max() <= 2.0**largest)
