"""Vertices of linear programs, batched: found by any back end, kept as bases, differentiated through them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from ..model.basis import BASIC
from ..solvers.compiled.lp_batch import Bases, Constraints
from ..solvers.simplex import in_chunks

if TYPE_CHECKING:
    from numpy.typing import NDArray

DENSE_ROWS = 500
"""Binding rows up to which a dense factorisation is used; beyond, a sparse one."""


@dataclass(frozen=True, eq=False)
class Pullback:
    """Gradients of a loss with respect to what a batch of vertices depends on.

    Attributes
    ----------
    bound : (batch, columns) float
        With respect to the bound at which each column stands; 0 for basic columns.
    row : (batch, rows) float
        With respect to the bound that each binding row meets; 0 for the others.
    cost : (batch, columns) float or None
        With respect to the costs, through the row duals.
    """

    bound: NDArray[np.float64]
    row: NDArray[np.float64]
    cost: NDArray[np.float64] | None


def pull_back(
    constraints: Constraints,
    bases: Bases,
    of_point: NDArray[np.float64],
    of_dual: NDArray[np.float64] | None = None,
    threads: int | None = None,
) -> Pullback:
    """Return the gradients that those of points (batch, columns) and row duals (batch, rows) imply."""
    if min(constraints.shape) > DENSE_ROWS:
        return _sparse(constraints, bases, of_point, of_dual)
    from ..solvers.compiled.vertex import gradient_range

    batch, columns = of_point.shape
    rows = constraints.shape[0]
    bound, row = np.empty((batch, columns)), np.empty((batch, rows))
    cost = np.empty((0 if of_dual is None else batch, columns))
    dual = np.empty((0, rows)) if of_dual is None else np.ascontiguousarray(of_dual)
    incoming, pulled = (np.ascontiguousarray(of_point), dual), (bound, row, cost, np.empty(batch, bool))
    data = constraints.columnwise, (bases.columns, bases.rows), incoming, pulled
    in_chunks(lambda first, last: gradient_range(first, last, *data), batch, of_point.size, threads)
    return Pullback(bound, row, None if of_dual is None else cost)


def _sparse(
    constraints: Constraints, bases: Bases, of_point: NDArray[np.float64], of_dual: NDArray[np.float64] | None
) -> Pullback:
    """Do the same by one sparse LU factorisation for each instance."""
    pointers, indices, data = constraints.columnwise
    matrix = sparse.csc_array((data, indices, pointers), shape=constraints.shape)
    bound, row = np.zeros_like(of_point), np.zeros((of_point.shape[0], constraints.shape[0]))
    cost = None if of_dual is None else np.zeros_like(of_point)
    for b in range(of_point.shape[0]):
        basic, binding = np.flatnonzero(bases.columns[b] == BASIC), np.flatnonzero(bases.rows[b] != BASIC)
        solve = _solver_of(matrix, basic, binding)
        if solve is None:
            bound[b], row[b] = np.nan, np.nan
            if cost is not None:
                cost[b] = np.nan
            continue
        row[b, binding] = solve(of_point[b, basic], "T")
        bound[b] = np.where(bases.columns[b] == BASIC, 0.0, of_point[b] - row[b] @ matrix)
        if cost is not None and of_dual is not None:
            cost[b, basic] = solve(of_dual[b, binding], "N")
    return Pullback(bound, row, cost)


def push_forward(
    constraints: Constraints,
    bases: Bases,
    bound: NDArray[np.float64],
    row: NDArray[np.float64],
    cost: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return how points (batch, columns) and row duals (batch, rows) move with bounds, row bounds and costs.

    The transpose of :func:`pull_back`: what forward mode and second derivatives ask for, one instance after another.

    Parameters
    ----------
    bound : (batch, columns) float
        Change of the bound at which each column stands; 0 for basic columns.
    row : (batch, rows) float
        Change of the bound that each binding row meets.
    cost : (batch, columns) float
        Change of the costs.
    """
    pointers, indices, data = constraints.columnwise
    matrix = sparse.csc_array((data, indices, pointers), shape=constraints.shape)
    point, dual = np.array(bound), np.zeros_like(row)
    for b in range(bound.shape[0]):
        basic, binding = np.flatnonzero(bases.columns[b] == BASIC), np.flatnonzero(bases.rows[b] != BASIC)
        solve = _solver_of(matrix, basic, binding)
        if solve is None:
            point[b], dual[b] = np.nan, np.nan
            continue
        point[b, basic] = solve((row[b] - matrix @ bound[b])[binding], "N")
        dual[b, binding] = solve(cost[b, basic], "T")
    return point, dual


def _solver_of(
    matrix: sparse.csc_array, basic: NDArray[np.intp], binding: NDArray[np.intp]
) -> Callable[..., Any] | None:
    """Return the solver for the basis (``"N"``) and its transpose (``"T"``), or None where it is singular."""
    from scipy.sparse.linalg import splu

    if basic.size != binding.size:
        return None
    if basic.size == 0:
        return lambda given, _: given
    try:
        return splu(sparse.csc_matrix(matrix[:, basic][binding])).solve
    except RuntimeError:  # exactly singular
        return None
