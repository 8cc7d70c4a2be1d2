"""Batches of linear programs that share their matrix: the instances, their bases, and the vertices that were found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from ...model.cached import cached_property
from ...model.program import Program
from ...model.scaling import WELL_SCALED

if TYPE_CHECKING:
    from numpy.typing import NDArray

OPTIMAL, INFEASIBLE, NO_START, UNFINISHED, UNBOUNDED, FAILED = 0, 1, 2, 3, 4, 5
"""How an instance ended. `NO_START`: its costs ask for a bound that a column does not have."""


@dataclass(frozen=True, eq=False)
class Constraints:
    """The matrix of a program by columns and by rows, as the compiled loops read it.

    Attributes
    ----------
    columnwise, rowwise : tuple of (ptr, indices, data)
        CSC and CSR arrays, int32 and float64.
    shape : (rows, columns)
        Its shape.
    """

    columnwise: tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float64]]
    rowwise: tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float64]]
    shape: tuple[int, int]

    @cached_property
    def near_one(self) -> bool:
        """Whether the coefficients lie so near 1 that scaling them gains nothing."""
        size = np.abs(self.columnwise[2])
        used = size[size > 0]
        return not used.size or bool(used.min() >= 2.0**-WELL_SCALED and used.max() <= 2.0**WELL_SCALED)

    @classmethod
    def of(cls, matrix: Any) -> Constraints:
        """Return the constraints of a sparse or dense (rows, columns) `matrix`."""
        by_column, by_row = sparse.csc_array(matrix), sparse.csr_array(matrix)
        return cls(_parts(by_column), _parts(by_row), (int(by_column.shape[0]), int(by_column.shape[1])))


def _parts(matrix: Any) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float64]]:
    return matrix.indptr.astype(np.int32), matrix.indices.astype(np.int32), matrix.data.astype(np.float64)


@dataclass(frozen=True, eq=False)
class Instances:
    """Minimise ``cost @ x`` in each instance; an array of one row is shared by all.

    Attributes
    ----------
    constraints : Constraints
        The matrix they share.
    cost, lower, upper : (batch or 1, columns) float
        Costs and column bounds.
    row_lower, row_upper : (batch or 1, rows) float
        Row bounds.
    """

    constraints: Constraints
    cost: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    row_lower: NDArray[np.float64]
    row_upper: NDArray[np.float64]

    @property
    def parts(self) -> tuple[NDArray[np.float64], ...]:
        """Costs, column bounds, row bounds."""
        return self.cost, self.lower, self.upper, self.row_lower, self.row_upper

    @property
    def batch(self) -> int:
        """Number of instances."""
        return max(int(part.shape[0]) for part in self.parts)

    def full(self) -> tuple[NDArray[np.float64], ...]:
        """Return the parts with one row for each instance."""
        return tuple(np.broadcast_to(part, (self.batch, part.shape[1])) for part in self.parts)

    def some(self, which: NDArray[np.intp]) -> Instances:
        """Return some of the instances; what all share stays shared."""
        return Instances(self.constraints, *(part if part.shape[0] == 1 else part[which] for part in self.parts))

    def matrix(self) -> sparse.csc_array:
        """Return the shared matrix."""
        pointers, indices, data = self.constraints.columnwise
        return sparse.csc_array((data, indices, pointers), shape=self.constraints.shape)

    def program(self, index: int) -> Program:
        """Return one instance as a program."""
        cost, lower, upper, row_lower, row_upper = (part[index % part.shape[0]] for part in self.parts)
        return Program(cost, self.matrix(), row_lower, row_upper, lower, upper)


@dataclass(frozen=True, eq=False)
class Bases:
    """Where every column and row of each instance stands, in the codes of :mod:`edgeopt.model.basis`.

    Attributes
    ----------
    columns : (batch, columns) int8
    rows : (batch, rows) int8
    """

    columns: NDArray[np.int8]
    rows: NDArray[np.int8]


@dataclass(frozen=True, eq=False)
class Vertices:
    """What the dual simplex found.

    Attributes
    ----------
    point : (batch, columns) float
        Primal solutions.
    dual : (batch, rows) float
        Row duals, of the sign of ``cost - matrix.T @ dual >= 0`` at a lower bound; a Farkas ray where infeasible.
    bases : Bases
        Optimal bases.
    ended : (batch,) int8
        0 optimal, 1 infeasible, 2 no dual feasible start, 3 unfinished.
    iterations : (batch,) int
        Simplex iterations.
    """

    point: NDArray[np.float64]
    dual: NDArray[np.float64]
    bases: Bases
    ended: NDArray[np.int8]
    iterations: NDArray[np.int64]
