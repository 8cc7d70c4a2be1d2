"""The derivative of a batch of vertices as a linear map of arrays, and its transpose, by the names of parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..model.basis import BASIC, LOWER, UPPER
from ..solvers.compiled.lp_batch import OPTIMAL, Bases
from .vertex import pull_back, push_forward

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from ..solvers.compiled.lp_batch import Constraints
    from .given import Call
    from .lp import LinearProgramLayer

    Array = NDArray[np.float64]
    Basis = tuple[Bases, NDArray[np.int8], Array | None]

PRICE, ANSWER = "price", "answer"
"""Beside the parameters: change of the bound of every binding row, and of the cost of every basic column."""


def kinds(call: Call, needed: Sequence[str]) -> tuple[str, ...]:
    """Return what is pulled back for the parameters in `needed`; the matrix is made of two of them."""
    plain = tuple(name for name in needed if name != "matrix")
    return (*plain, PRICE, ANSWER) if "matrix" in call.names else plain


def as_array(tensor: Tensor) -> Array:
    """Return a tensor's numbers in float64."""
    array: Array = tensor.detach().cpu().numpy().astype(np.float64, copy=False)
    return array


def basis_of(columns: Tensor, rows: Tensor, ended: Tensor, matrix: Tensor | None) -> Basis:
    """Return bases, how the instances ended, and their coefficients, as arrays."""
    return Bases(columns.numpy(), rows.numpy()), ended.numpy(), None if matrix is None else as_array(matrix)


def pulled(
    layer: LinearProgramLayer,
    call: Call,
    wanted: Sequence[str],
    basis: Basis,
    of_point: Array | None,
    of_dual: Array | None,
) -> list[Array]:
    """Return the gradients with respect to what `wanted` names, each (batch, size).

    An instance without an optimum has 0 where no gradient came in and nan where one did: never a number.
    """
    bases, ended, matrix = basis
    batch, columns = bases.columns.shape
    into = np.zeros((batch, columns)) if of_point is None else of_point
    parts = []
    for constraints, part in constraints_of(layer, call, matrix, batch):
        some = Bases(bases.columns[part], bases.rows[part])
        parts.append(
            pull_back(constraints, some, into[part], None if of_dual is None else of_dual[part], layer.threads)
        )
    bound, row = (_joined([getattr(one, name) for one in parts]) for name in ("bound", "row"))
    cost = np.zeros((batch, columns)) if of_dual is None else _joined([one.cost for one in parts])
    failed = np.flatnonzero(ended != OPTIMAL)
    used = np.zeros(failed.size, bool)
    for gradient in (of_point, of_dual):
        if gradient is not None:
            used |= gradient[failed].any(axis=1)
    found = []
    for kind in wanted:
        gradient = _select(kind, bases, bound, row, cost)
        gradient[failed] = np.where(used, np.nan, 0.0)[:, None]
        found.append(gradient)
    return found


def is_of_rows(kind: str) -> bool:
    """Whether a parameter has an entry for each row, not for each column."""
    return kind == PRICE or kind.startswith("row")


def _select(kind: str, bases: Bases, bound: Array, row: Array, cost: Array) -> Array:
    if kind in ("cost", ANSWER):
        return np.array(cost)
    if kind == PRICE:
        return np.array(row)
    array, status = (row, bases.rows) if kind.startswith("row") else (bound, bases.columns)
    return np.where(status == (LOWER if kind.endswith("lower") else UPPER), array, 0.0)


def pushed(
    layer: LinearProgramLayer,
    call: Call,
    moves: Mapping[str, Array],
    basis: Basis,
) -> tuple[Array, Array]:
    """Return how points and row duals move with the parameters, each (batch, size); nan without an optimum."""
    bases, ended, matrix = basis
    batch, columns = bases.columns.shape
    bound, row, cost = np.zeros((batch, columns)), np.zeros(bases.rows.shape), np.zeros((batch, columns))
    for kind, move in moves.items():
        if kind in ("cost", ANSWER):
            cost += move
        elif kind == PRICE:
            row += np.where(bases.rows != BASIC, move, 0.0)
        else:
            array, status = (row, bases.rows) if kind.startswith("row") else (bound, bases.columns)
            array += np.where(status == (LOWER if kind.endswith("lower") else UPPER), move, 0.0)
    parts = [
        push_forward(constraints, Bases(bases.columns[part], bases.rows[part]), bound[part], row[part], cost[part])
        for constraints, part in constraints_of(layer, call, matrix, batch)
    ]
    point, dual = (_joined([one[side] for one in parts]) for side in (0, 1))
    point[ended != OPTIMAL], dual[ended != OPTIMAL] = np.nan, np.nan
    return point, dual


def _joined(parts: Sequence[Any]) -> Array:
    joined: Array = parts[0] if len(parts) == 1 else np.concatenate(parts)
    return joined


def constraints_of(
    layer: LinearProgramLayer, call: Call, matrix: Array | None, batch: int
) -> list[tuple[Constraints, slice]]:
    """Return the constraints of the instances: one for all of them, or each its own."""
    if matrix is None or not batch:
        return [(layer.constraints, slice(0, batch))]
    if matrix.shape[0] == 1:
        return [(layer.constraints_with(call, matrix[0]), slice(0, batch))]
    return [(layer.constraints_with(call, row), slice(b, b + 1)) for b, row in enumerate(matrix)]
