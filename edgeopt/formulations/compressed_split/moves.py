"""What each move of a tensor costs: from which tier, to which, in which precision, and the layer that reads it there.

Everything about a compressed split is a sum over tensors of a number that depends on where the tensor lies, where its
reader runs, and in which precision it is sent between the two. So a placement is a path through (tensors + 1) x tiers
states whose arcs are these moves, several of them side by side.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from ...model.program import Program

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Caps:
    """Costs and capped weights of moves, (tensors, tiers, tiers, precisions) each: tier before, tier of the reader.

    Attributes
    ----------
    cost : array
        What is minimised; inf where a move is not possible.
    weights : (caps, …) array
        What each cap sums; 0 where a move is not possible.
    caps : (caps,) float
        Largest sums.
    allowed : (caps,) float
        What each sum may exceed its cap by rounding.
    names : tuple of str
        Fields that the caps come from.
    """

    cost: NDArray[np.float64]
    weights: NDArray[np.float64]
    caps: NDArray[np.float64]
    allowed: NDArray[np.float64]
    names: tuple[str, ...]

    @classmethod
    def of(cls, cost: NDArray[np.float64], capped: list[tuple[str, NDArray[np.float64], float]]) -> Caps:
        """Return the moves with a cap for each (name, weights, cap)."""
        possible = np.isfinite(cost)
        weights = np.array([np.where(possible, weight, 0.0) for _, weight, _ in capped])
        caps = np.array([cap for _, _, cap in capped])
        allowed = _ROUNDING * (np.abs(weights).max(axis=(2, 3, 4)).sum(axis=1) + np.abs(caps))
        return cls(cost, weights, caps, allowed, tuple(name for name, _, _ in capped))

    @property
    def possible(self) -> NDArray[np.bool_]:
        """(tensors, tiers, tiers, precisions) moves that there are."""
        return np.isfinite(self.cost)

    def costs_of(self, tiers: NDArray[np.int64], precision: NDArray[np.int64]) -> NDArray[np.float64]:
        """(candidates,) cost of placements, inf where a cap is exceeded.

        Parameters
        ----------
        tiers : (candidates, layers) int
            Of each layer.
        precision : (candidates, tensors) int
            Of each tensor; what a tensor that stays has does not count.
        """
        path = np.pad(tiers, ((0, 0), (1, 1)))
        stays = path[:, :-1] == path[:, 1:]
        index = np.arange(precision.shape[1]), path[:, :-1], path[:, 1:], np.where(stays, 0, precision)
        costs: NDArray[np.float64] = self.cost[index].sum(axis=1)
        for weight, cap in zip(self.weights, self.caps + self.allowed, strict=True):
            costs = np.where(weight[index].sum(axis=1) <= cap, costs, np.inf)
        return costs


_ROUNDING = 1e-12
"""Part of the largest weights by which a sum may exceed its cap: less than the judge excuses."""


def move_columns(possible: NDArray[np.bool_]) -> tuple[NDArray[np.intp], ...]:
    """(columns,) tensor, tier before, tier of the reader and precision of each column of the program."""
    return np.nonzero(possible)


def path_program(caps: Caps, name: str) -> Program:
    """Return the placement as one unit of flow through the states, with one row for each cap."""
    tensor, before, here, precision = move_columns(caps.possible)
    tensors, tiers = caps.cost.shape[:2]
    columns = np.arange(tensor.size)
    # Row ``flow[n, a]``: what moves tensor n away from tier a is what brought its producer there; 1 enters at [0, 0].
    row = np.where(tensor > 0, 1 + (tensor - 1) * tiers + before, 0)
    fed = tensor < tensors - 1
    entries = [(row, columns, np.ones(columns.size))]
    entries.append((1 + tensor[fed] * tiers + here[fed], columns[fed], -np.ones(int(fed.sum()))))
    flows = 1 + (tensors - 1) * tiers
    for k, weight in enumerate(caps.weights):
        values = weight[tensor, before, here, precision]
        entries.append((np.full(columns.size, flows + k), columns, values))
    rows, cols, values = (np.concatenate(parts) for parts in zip(*entries, strict=True))
    shape = (flows + caps.caps.size, columns.size)
    right = np.zeros(flows)
    right[0] = 1.0
    return Program(
        cost=caps.cost[tensor, before, here, precision],
        matrix=sparse.csc_array(sparse.coo_array((values, (rows, cols)), shape=shape)),
        row_lower=np.r_[right, np.full(caps.caps.size, -np.inf)],
        row_upper=np.r_[right, caps.caps],
        upper=np.ones(columns.size),
        integrality=np.ones(columns.size, bool),
        column_names=[f"move[{n},{a},{b},{q}]" for n, a, b, q in zip(tensor, before, here, precision, strict=True)],
        row_names=[
            "flow[0,0]",
            *(f"flow[{n},{a}]" for n in range(1, tensors) for a in range(tiers)),
            *(f"cap[{field}]" for field in caps.names),
        ],
        name=name,
    )


def path_of(tiers: NDArray[Any], precision: NDArray[Any]) -> tuple[NDArray[Any], ...]:
    """(tensors,) each: the move of every tensor, as an index of arrays of moves; a tensor that stays has entry 0."""
    path = np.r_[0, tiers, 0]
    return np.arange(precision.size), path[:-1], path[1:], np.maximum(precision, 0)
