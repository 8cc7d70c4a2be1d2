"""Variables that side constraints define, whose values follow from the decision; and an objective that was stated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from ...algebra.reformulations import check_curvature
from ...model.block_names import BlockNames
from ...model.errors import InvalidProblemError
from ...model.problem import Sense
from ...model.records import Record, assign, float_array, plain, read_only

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Goal(Record):
    """An objective over the columns of a program, in place of its own.

    Attributes
    ----------
    sense : Sense
        Whether it is to be small or large.
    cost : (..., columns) float
        Coefficient of each column of the base's program; a batch may have its axis in front.
    offset : (...) float
        Constant.
    auxiliary_cost : (variables,) float
        Coefficient of each auxiliary variable.
    """

    sense: Sense
    cost: Any
    offset: Any
    auxiliary_cost: Any

    def __post_init__(self) -> None:
        if self.sense not in tuple(Sense):
            raise InvalidProblemError(f"sense is {self.sense!r}; expected {' or '.join(map(repr, map(str, Sense)))}")
        assign(
            self,
            sense=Sense(self.sense),
            cost=float_array(self.cost, "cost", ndim=(1, 2)),
            offset=float_array(self.offset, "offset", ndim=(0, 1)),
            auxiliary_cost=float_array(self.auxiliary_cost, "auxiliary_cost"),
        )
        if self.offset.shape != self.cost.shape[:-1]:
            raise InvalidProblemError(f"offset has shape {self.offset.shape}; expected {self.cost.shape[:-1]} (cost)")

    def pick(self, index: int) -> Goal:
        """Return the objective of one instance of a batch."""
        return self if self.cost.ndim == 1 else Goal(self.sense, self.cost[index], self.offset[index], self._own)

    @property
    def _own(self) -> NDArray[np.float64]:
        return self.auxiliary_cost  # type: ignore[no-any-return]


@dataclass(frozen=True, eq=False)
class Auxiliary(Record):
    """Minima and maxima of expressions; each is defined by the rows that it stands above or below.

    Attributes
    ----------
    names : BlockNames
        Their names.
    side : (variables,) int8
        1 for a maximum, -1 for a minimum.
    matrix : (rows, variables) sparse CSR
        Their coefficients in the side constraints' rows.
    defines : (rows,) int
        Which of them a row defines; -1 for rows that are constraints. A variable is defined by rows of those before it.
    """

    names: BlockNames
    side: Any
    matrix: Any
    defines: Any

    def __post_init__(self) -> None:
        names = self.names if isinstance(self.names, BlockNames) else block_names(self.names)
        side, defines = np.array(plain(self.side, "side")), np.array(plain(self.defines, "defines"))
        matrix = row_matrix(self.matrix, "auxiliary.matrix", len(names))
        if side.shape != (len(names),) or not np.isin(side, (-1, 1)).all():
            raise InvalidProblemError(f"side has shape {side.shape}; expected ({len(names)},), each 1 or -1")
        if defines.shape != (matrix.shape[0],) or not ((defines >= -1) & (defines < len(names))).all():
            raise InvalidProblemError(
                f"defines has shape {defines.shape}; expected ({matrix.shape[0]},) variables, or -1"
            )
        if not np.isin(np.arange(len(names)), defines).all():
            missing = int(np.flatnonzero(~np.isin(np.arange(len(names)), defines))[0])
            raise InvalidProblemError(f"no row defines the variable {names[missing]}")
        _check_order(names, matrix, defines)
        side, defines = read_only(side.astype(np.int8)), read_only(defines.astype(np.int64))
        assign(self, names=names, side=side, matrix=matrix, defines=defines)

    def __len__(self) -> int:
        return len(self.names)

    def values(
        self, activity: NDArray[np.float64], lower: NDArray[np.float64], upper: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """(variables,) values that follow from the decision: each variable as near to its rows as they allow.

        Parameters
        ----------
        activity : (rows,) float
            What the decision makes of each row, without the variables.
        lower, upper : (rows,) float
            Sides of the rows.
        """
        found = np.zeros(len(self))
        for block, rows in self._stages():
            # A row says t + rest >= lower where t is a maximum, t + rest <= upper where it is a minimum.
            rest = activity[rows] + self.matrix[rows] @ found
            places = self.defines[rows] - block.start
            if self.side[block.start] > 0:
                least = np.full(block.stop - block.start, -np.inf)
                np.maximum.at(least, places, lower[rows] - rest)
            else:
                least = np.full(block.stop - block.start, np.inf)
                np.minimum.at(least, places, upper[rows] - rest)
            found[block] = least
        return found

    def _stages(self) -> Iterator[tuple[slice, NDArray[np.int64]]]:
        """Yield each block of variables and its rows: later blocks may stand on earlier ones."""
        start = 0
        for count in self.names.counts:
            stop = start + count
            yield slice(start, stop), np.flatnonzero((self.defines >= start) & (self.defines < stop))
            start = stop

    def check(self, cost: NDArray[np.float64], lower: NDArray[np.float64], upper: NDArray[np.float64]) -> None:
        """Raise where a row or the objective gains if a variable lies further out than it is defined.

        Parameters
        ----------
        cost : (variables,) float
            Costs, to be small.
        lower, upper : (..., rows) float
            Sides of the rows.
        """
        entries = self.matrix.tocoo()
        other = self.defines[entries.row] != entries.col
        rows, columns, values = entries.row[other], entries.col[other], entries.data[other]
        finite = (np.isfinite(sides) if sides.ndim == 1 else np.isfinite(sides).any(axis=0) for sides in (lower, upper))
        low, high = (np.asarray(one)[rows] for one in finite)
        outward = self.side[columns] * values
        gains = ((outward > 0) & low) | ((outward < 0) & high)
        for place in [*columns[gains][:1], *np.flatnonzero(self.side * cost < 0)[:1]]:
            own = columns == place
            sides = np.where(low[own], 0.0, -np.inf), np.where(high[own], 0.0, np.inf)
            check_curvature(self.names[place], int(self.side[place]), cost[place], values[own], *sides)


def _check_order(names: BlockNames, matrix: sparse.csr_array, defines: NDArray[np.int64]) -> None:
    """Raise unless each row that defines a variable holds it once, as 1, and none of its block or behind."""
    first = np.repeat(np.cumsum([0, *names.counts])[:-1], names.counts)
    entries = matrix.tocoo()
    own = defines[entries.row]
    inside = own >= 0
    itself = inside & (entries.col == own)
    if np.count_nonzero(itself) != np.count_nonzero(defines >= 0) or not (entries.data[itself] == 1.0).all():
        raise InvalidProblemError("a row that defines a variable must hold it with the coefficient 1")
    behind = inside & ~itself
    if (entries.col[behind] >= first[own[behind]]).any():
        raise InvalidProblemError("a variable is defined by rows of variables that come after it")


def row_matrix(value: Any, field: str, columns: int) -> sparse.csr_array:
    """Return a read-only CSR matrix with so many columns, or say what is wrong with it."""
    given: Any = value if sparse.issparse(value) else plain(value, field)
    try:
        matrix = sparse.csr_array(given, dtype=np.float64, copy=True)
    except (TypeError, ValueError) as error:
        raise InvalidProblemError(f"{field} is no (rows, {columns}) matrix of numbers: {error}") from error
    if matrix.ndim != 2 or matrix.shape[1] != columns:
        raise InvalidProblemError(f"{field} has shape {matrix.shape}; expected (rows, {columns})")
    matrix.sum_duplicates()
    if not np.isfinite(matrix.data).all():
        place = int((~np.isfinite(matrix.data)).argmax())
        row = int(np.searchsorted(matrix.indptr, place, side="right")) - 1
        raise InvalidProblemError(
            f"{field}[{row}, {int(matrix.indices[place])}] is {matrix.data[place]}; coefficients must be finite"
        )
    for part in (matrix.data, matrix.indices, matrix.indptr):
        read_only(part)
    return matrix


def block_names(names: Sequence[str]) -> BlockNames:
    """Return names that were given one by one."""
    return BlockNames([str(name) for name in names], [[]] * len(names), [None] * len(names))


def joined_blocks(first: BlockNames, second: BlockNames) -> BlockNames:
    """Return the blocks of both, one after the other."""
    return BlockNames([*first.stems, *second.stems], [*first.shapes, *second.shapes], [*first.kept, *second.kept])
