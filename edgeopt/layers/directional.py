"""Left and right derivatives of the optimum along a change of bounds or coefficients: what no gradient says at a kink.

Where the optimum is degenerate its value has a kink in the right-hand sides, and each side has a derivative of its own:
the optimum of the program in which only the bounds that are met remain, each moved by its part of the direction (Gal
1984). A change of coefficients moves the bounds of rows by what it adds to their activity. The derivative from the left
is minus the one in the opposite direction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from ..model.errors import InvalidProblemError
from ..model.program import Program
from ..solvers.compiled.lp_batch import OPTIMAL, Instances, Vertices
from ..solving.solve import solve

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from torch import Tensor

_MET = 1e-9
"""Distance from a bound, relative to ``1 + |bound|``, at which it counts as met."""


@dataclass(frozen=True, eq=False)
class Directional:
    """One-sided derivatives along a direction.

    Attributes
    ----------
    left, right : (batch,) float Tensor
        Derivatives of the optimal objective from either side; nan where the program ceases to have an optimum there.
    point_left, point_right : (batch, columns) float Tensor
        Derivatives of the optimum itself (one of them, where the optimum is not unique).
    degenerate : (batch,) bool Tensor
        Where the optimal vertex is degenerate, so that the sides may differ.
    """

    left: Tensor
    right: Tensor
    point_left: Tensor
    point_right: Tensor
    degenerate: Tensor


def directional(
    instances: Instances,
    found: Vertices,
    degenerate: NDArray[np.bool_],
    sign: float,
    directions: Mapping[str, Tensor],
) -> Directional:
    """Return the one-sided derivatives of the optima of a batch.

    Parameters
    ----------
    instances, found :
        The batch, as minimisations, and its optimal vertices.
    degenerate : (batch,) bool
        Which of the vertices are degenerate.
    sign : float
        -1 where the objective was turned over to be minimised, else 1.
    directions : mapping of str to Tensor
        Change of each bound, (size,) or (batch, size): ``lower``, ``upper``, ``row_lower``, ``row_upper``; or of the
        stored coefficients, ``matrix`` (entries,) in the order of ``program.matrix.data``, exact where the optimum is
        unique. Of what is not named nothing changes.

    Raises
    ------
    InvalidProblemError
        If a direction is no bound, or has the wrong shape.
    """
    changes = _changes(instances, found, directions)
    sides = [[_derivative(instances, found, b, changes, side) for b in range(instances.batch)] for side in (-1.0, 1.0)]
    (left, point_left), (right, point_right) = (
        (torch.tensor([value for value, _ in side]), torch.tensor(np.array([point for _, point in side])))
        for side in sides
    )
    return Directional(sign * left, sign * right, point_left, point_right, torch.from_numpy(degenerate))


def _changes(instances: Instances, found: Vertices, directions: Mapping[str, Tensor]) -> dict[str, NDArray[np.float64]]:
    rows, columns = instances.constraints.shape
    matrix = instances.matrix()
    sizes = {"lower": columns, "upper": columns, "row_lower": rows, "row_upper": rows, "matrix": matrix.nnz}
    if unknown := sorted(set(directions) - set(sizes)):
        raise InvalidProblemError(f"{unknown[0]!r} is no bound; directions are given for {', '.join(sizes)}")
    changes = {name: np.zeros((instances.batch, size)) for name, size in sizes.items()}
    for name, direction in directions.items():
        array = np.asarray(direction.detach().cpu().numpy(), np.float64)
        if array.shape not in ((sizes[name],), (instances.batch, sizes[name])):
            raise InvalidProblemError(f"the direction of {name} has shape {array.shape}; expected ({sizes[name]},)")
        changes[name] = np.broadcast_to(array, changes[name].shape)
    for b, entries in enumerate(changes.pop("matrix")):
        if entries.any():
            matrix.data = np.array(entries)
            added = matrix @ found.point[b]
            for name in ("row_lower", "row_upper"):
                changes[name] = np.array(changes[name])
                changes[name][b] -= added
    return changes


def _derivative(
    instances: Instances, found: Vertices, index: int, changes: Mapping[str, NDArray[np.float64]], sign: float
) -> tuple[float, NDArray[np.float64]]:
    """Solve for the fastest change of one vertex that respects every bound it meets."""
    program = instances.program(index)
    nothing = np.full(program.columns, np.nan)
    if found.ended[index] != OPTIMAL:
        return np.nan, nothing
    point = found.point[index]
    change = {name: sign * array[index] for name, array in changes.items()}
    row_lower, row_upper = _moved(
        program.matrix @ point, program.row_lower, program.row_upper, change["row_lower"], change["row_upper"]
    )
    lower, upper = _moved(point, program.lower, program.upper, change["lower"], change["upper"])
    moving = solve(Program(program.cost, program.matrix, row_lower, row_upper, lower, upper), "highs")
    if moving.status != "optimal":
        return np.nan, nothing
    return sign * float(moving.objective or 0.0), sign * moving.decision.values


def _moved(
    value: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    low_change: NDArray[np.float64],
    high_change: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Bounds on the change: those that are met move, the others are far away."""
    met_low = value - low <= _MET * (1 + np.where(np.isfinite(low), np.abs(low), 0.0))
    met_high = high - value <= _MET * (1 + np.where(np.isfinite(high), np.abs(high), 0.0))
    return np.where(met_low, low_change, -np.inf), np.where(met_high, high_change, np.inf)
