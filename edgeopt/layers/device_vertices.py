"""The vertices that interior points lean on, computed and checked on the device where the points were found.

Which bounds an interior point leans on is a guess of the optimal basis. Where the guess is a basis, two solves with its
matrix give the vertex and its duals, and their signs say whether the vertex is optimal. Only what fails this is left to
the simplex method.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from ..model.basis import BASIC, LOWER, UPPER
from ..model.tolerance import SOLVER
from .interior_point import times

if TYPE_CHECKING:
    from torch import Tensor

    from .interior_point import Batch


def optimal_vertices(batch: Batch, columns: Tensor, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the vertices of guessed bases, their row duals, and which of them are optimal.

    Parameters
    ----------
    batch : Batch
        Programs that share their matrix, in numbers that absolute tolerances can tell apart.
    columns, rows : (batch, columns), (batch, rows) int8 Tensor
        Where columns and rows stand.

    Returns
    -------
    point, dual : (batch, columns), (batch, rows) Tensor
        Of no meaning where the guess is not optimal.
    optimal : (batch,) bool Tensor
    """
    # Row activities are variables too, A x - s = 0: a basis is one column of [A, -I] for each row.
    size, width = batch.matrix.shape
    unit = torch.eye(size, dtype=batch.matrix.dtype, device=batch.matrix.device)
    matrix = torch.cat([batch.matrix, -unit], dim=1)
    status = torch.cat([columns, rows], dim=1)
    low, high = torch.cat([batch.lower, batch.row_lower], dim=1), torch.cat([batch.upper, batch.row_upper], dim=1)
    cost = torch.cat([batch.cost, torch.zeros_like(batch.row_lower)], dim=1)
    standing = torch.where(status == LOWER, low, torch.where(status == UPPER, high, 0.0))
    basic = torch.argsort((status != BASIC).to(torch.int8), dim=1, stable=True)[:, :size]
    factors = torch.linalg.lu_factor_ex(matrix.T[basic].mT)[:2]
    value = standing.scatter(1, basic, _solve(factors, -times(matrix, standing)))
    dual = _solve(factors, cost.gather(1, basic), adjoint=True)
    price = cost - times(matrix.T, dual)
    inside = (value >= low - SOLVER * (1 + low.abs())) & (value <= high + SOLVER * (1 + high.abs()))
    right_side = torch.where(status == LOWER, price >= -SOLVER, (status == BASIC) | (price <= SOLVER))
    known = inside & (right_side | (low == high)) & price.isfinite()
    optimal = known.all(dim=1)
    return value[:, :width], dual, optimal


def _solve(factors: tuple[Tensor, ...], right: Tensor, adjoint: bool = False) -> Tensor:
    solved: Tensor = torch.linalg.lu_solve(*factors, right[..., None], adjoint=adjoint)[..., 0]
    return solved
