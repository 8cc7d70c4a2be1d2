"""Batches in numbers that absolute tolerances can tell apart: one scaling by powers of two for all instances.

The instances share their matrix, so they share its factors; costs and bounds enter by the largest of the batch. Nothing
is rounded: a vertex of the scaled instances is one of the original ones, with the same basis.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ...model.program import Program
from ...model.scaling import FARTHEST_BOUND, NEAREST_BOUND, WELL_SCALED, Scaling, scaling_of
from .lp_batch import Constraints, Instances, Vertices

if TYPE_CHECKING:
    from numpy.typing import NDArray


def batch_scaling(instances: Instances) -> Scaling:
    """Return the factors under which the instances can be handed to a back end."""
    if _well_scaled(instances):
        rows, columns = instances.constraints.shape
        return Scaling(np.zeros(rows, np.int64), np.zeros(columns, np.int64), 0)
    cost, lower, upper, row_lower, row_upper = map(_largest, instances.parts)
    return scaling_of(
        Program(
            # Sizes are all that counts of a bound, and these cannot cross.
            cost,
            instances.matrix(),
            row_lower=-row_lower,
            row_upper=row_upper,
            lower=-lower,
            upper=upper,
        )
    )


def scaled(instances: Instances, scaling: Scaling) -> Instances:
    """Return the instances in scaled numbers."""
    if scaling.trivial:
        return instances
    row, backwards = np.ldexp(1.0, scaling.row), np.ldexp(1.0, -scaling.column)
    cost, lower, upper, row_lower, row_upper = instances.parts
    matrix = instances.matrix()
    matrix.data = np.ldexp(matrix.data, scaling.row[matrix.indices] + np.repeat(scaling.column, np.diff(matrix.indptr)))
    return Instances(
        Constraints.of(matrix),
        cost * np.ldexp(1.0, scaling.column + scaling.cost),
        lower * backwards,
        upper * backwards,
        row_lower * row,
        row_upper * row,
    )


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
    finite = np.where(np.isfinite(size), size, -1.0).max(axis=0)
    return np.where(finite < 0, np.inf, finite)


def _well_scaled(instances: Instances) -> bool:
    """Whether nothing is to be gained: a look at the extremes alone, as a batch may be small."""
    from .extremes import within

    cost, *bounds = (np.ascontiguousarray(part, np.float64) for part in instances.parts)
    return (
        instances.constraints.near_one
        and within(cost, 2.0**-WELL_SCALED, 2.0**WELL_SCALED)
        and all(within(bound, 2.0**NEAREST_BOUND, 2.0**FARTHEST_BOUND) for bound in bounds)
    )
