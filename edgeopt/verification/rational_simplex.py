"""The simplex method in rational arithmetic, for small linear programs that float64 leaves open.

Every float64 is a rational number, so a program's data are exact and so is every step: the basis at which the method
ends is optimal, or proves that there is no feasible point or no finite optimum, without any tolerance. It starts from
the basis at which a float64 code stopped, which is mostly a few pivots away.

The rows are kept as a dictionary: each basic variable (a column, or the activity of a row) as a linear function of the
nonbasic ones, which stand at a bound (Chvátal 1983, chapters 2 and 3). Bland's rule prevents cycles.

References
----------
V. Chvátal, "Linear Programming", Freeman, 1983. R. G. Bland, "New finite pivoting rules for the simplex method",
Mathematics of Operations Research 2(2), 1977.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

import numpy as np

from ..model.basis import BasisStatus

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..model.program import Program

MOST_ENTRIES = 4000
"""Largest product of rows and columns that the dense dictionary is meant for."""

Ended = Literal["optimal", "infeasible", "unbounded", "unfinished"]


@dataclass(frozen=True, slots=True)
class ExactBasis:
    """Where the method ended.

    Attributes
    ----------
    ended : str
        ``"optimal"``, ``"infeasible"``, ``"unbounded"``, or ``"unfinished"`` at the time limit.
    column_status, row_status : (columns,), (rows,) int8
        The last basis, in the codes of :class:`BasisStatus`.
    point : (columns,) float
        The last vertex, each value the float64 next to the exact one.
    row_dual : (rows,) float
        Prices of the rows in the program's own sense, likewise.
    """

    ended: Ended
    column_status: NDArray[np.int8]
    row_status: NDArray[np.int8]
    point: NDArray[np.float64]
    row_dual: NDArray[np.float64]


def exact_basis(
    program: Program,
    column_status: NDArray[np.int8] | None = None,
    row_status: NDArray[np.int8] | None = None,
    *,
    seconds: float = 1.0,
) -> ExactBasis:
    """Solve a small linear program (integrality aside) in rational arithmetic.

    Parameters
    ----------
    column_status, row_status : (columns,), (rows,) int8, optional
        Basis to start from, in the codes of :class:`BasisStatus`; all rows basic by default.
    seconds : float
        Time limit.
    """
    dictionary = _Dictionary(program)
    if column_status is not None and row_status is not None:
        dictionary.start(column_status.tolist() + row_status.tolist())
    deadline = time.monotonic() + seconds
    ended: Ended = "unfinished"
    while time.monotonic() < deadline:
        step = dictionary.step()
        if step != "moved":
            ended = step
            break
    return dictionary.result(ended)


class _Dictionary:
    """Basic variables as functions of the nonbasic ones; variables are the columns, then the activities of the rows."""

    def __init__(self, program: Program) -> None:
        self.program = program
        columns, rows = program.columns, program.rows
        self.low = [_side(v) for v in (*program.lower.tolist(), *program.row_lower.tolist())]
        self.high = [_side(v) for v in (*program.upper.tolist(), *program.row_upper.tolist())]
        sign = int(program.sense.sign)
        self.cost = [sign * Fraction(c) for c in program.cost.tolist()] + [Fraction(0)] * rows
        self.nonbasic = list(range(columns))
        self.basic = list(range(columns, columns + rows))
        self.table = [[Fraction(v) for v in row] for row in program.matrix.toarray().tolist()]
        self.at: dict[int, BasisStatus] = {}
        for j in range(columns + rows):
            self._rest(j)
        self.values = self._values()

    def _rest(self, j: int, wanted: int | None = None) -> None:
        """Put a variable at a bound that it has, `wanted` if it may be."""
        if wanted == BasisStatus.UPPER and self.high[j] is not None:
            self.at[j] = BasisStatus.UPPER
        elif self.low[j] is not None:
            self.at[j] = BasisStatus.LOWER
        else:
            self.at[j] = BasisStatus.ZERO if self.high[j] is None else BasisStatus.UPPER

    def _bound(self, j: int) -> Fraction:
        side = {BasisStatus.LOWER: self.low[j], BasisStatus.UPPER: self.high[j]}.get(self.at[j])
        return Fraction(0) if side is None else side

    def _values(self) -> list[Fraction]:
        """Values of the basic variables."""
        resting = [self._bound(j) for j in self.nonbasic]
        return [sum((d * v for d, v in zip(row, resting, strict=True) if d and v), Fraction(0)) for row in self.table]

    def start(self, statuses: list[int]) -> None:
        """Pivot to a given basis as far as it is one."""
        for j, status in enumerate(statuses):
            if status != BasisStatus.BASIC:
                self._rest(j, status)
        for j in [j for j in self.nonbasic if statuses[j] == BasisStatus.BASIC]:
            place = self.nonbasic.index(j)
            leaving = next(
                (i for i, k in enumerate(self.basic) if statuses[k] != BasisStatus.BASIC and self.table[i][place]), None
            )
            if leaving is not None:
                self._pivot(leaving, place)
        self.values = self._values()

    def step(self) -> Ended | Literal["moved"]:
        """Take one pivot, or say how the method ended."""
        wanted = [self._violated(i) for i in range(len(self.basic))]
        feasible = not any(wanted)
        prices = self._prices(None if feasible else wanted)
        entering = self._entering(prices)
        if entering is None:
            return "optimal" if feasible else "infeasible"
        place, direction = entering
        if not self._move(place, direction, wanted):
            return "unbounded"
        return "moved"

    def _violated(self, i: int) -> int:
        """-1 where a basic variable is below its bounds, 1 where it is above, else 0."""
        j, value = self.basic[i], self.values[i]
        if (low := self.low[j]) is not None and value < low:
            return -1
        return 1 if (high := self.high[j]) is not None and value > high else 0

    def _prices(self, wanted: list[int] | None) -> list[Fraction]:
        """Change of the objective (of the total violation, given `wanted`) for each unit of a nonbasic variable."""
        if wanted is None:
            prices = [self.cost[j] for j in self.nonbasic]
            weights = [self.cost[j] for j in self.basic]
        else:
            prices, weights = [Fraction(0)] * len(self.nonbasic), [Fraction(w) for w in wanted]
        for weight, row in zip(weights, self.table, strict=True):
            if weight:
                prices = [p + weight * d if d else p for p, d in zip(prices, row, strict=True)]
        return prices

    def _entering(self, prices: list[Fraction]) -> tuple[int, int] | None:
        """First nonbasic variable, by number, whose move in an allowed direction helps (Bland's rule)."""
        best: tuple[int, int, int] | None = None
        for place, (j, price) in enumerate(zip(self.nonbasic, prices, strict=True)):
            if price == 0 or (best is not None and j > best[0]):
                continue
            if self.low[j] is not None and self.low[j] == self.high[j]:
                continue
            direction = -1 if price > 0 else 1
            if self.at[j] in (BasisStatus.ZERO, BasisStatus.LOWER if direction > 0 else BasisStatus.UPPER):
                best = (j, place, direction)
        return None if best is None else best[1:]

    def _move(self, place: int, direction: int, wanted: list[int]) -> bool:
        """Move a nonbasic variable until something blocks it; False where nothing does."""
        entering = self.nonbasic[place]
        low, high = self.low[entering], self.high[entering]
        length = None if low is None or high is None else high - low
        blocking: tuple[int, int] | None = None  # variable, row
        for i, row in enumerate(self.table):
            rate = row[place] * direction
            if not rate or (side := self._side_ahead(i, rate, wanted[i])) is None:
                continue
            distance = (side - self.values[i]) / rate
            if (
                length is None
                or distance < length
                or (distance == length and (blocking is None or self.basic[i] < blocking[0]))
            ):
                length, blocking = distance, (self.basic[i], i)
        if length is None:
            return False
        self.values = [v + row[place] * direction * length for v, row in zip(self.values, self.table, strict=True)]
        if blocking is None:
            self.at[entering] = BasisStatus.UPPER if direction > 0 else BasisStatus.LOWER
            return True
        leaving, i = blocking
        value = self._bound(entering) + direction * length
        self.at[leaving] = BasisStatus.LOWER if self.values[i] == self.low[leaving] else BasisStatus.UPPER
        self._pivot(i, place)
        self.values[i] = value
        return True

    def _side_ahead(self, i: int, rate: Fraction, violated: int) -> Fraction | None:
        """Bound that a basic variable meets when it moves at this rate; a violated one is met from outside."""
        j = self.basic[i]
        if violated:
            toward = -1 if violated > 0 else 1
            return (self.low[j] if violated < 0 else self.high[j]) if rate * toward > 0 else None
        return self.high[j] if rate > 0 else self.low[j]

    def _pivot(self, i: int, place: int) -> None:
        """Exchange the basic variable of row `i` and the nonbasic one at `place`."""
        pivot_row = self.table[i]
        pivot = pivot_row[place]
        solved = [-d / pivot if d else d for d in pivot_row]
        solved[place] = 1 / pivot
        for k, row in enumerate(self.table):
            factor = row[place]
            if k != i and factor:
                new = [d + factor * s if s else d for d, s in zip(row, solved, strict=True)]
                new[place] = factor * solved[place]
                self.table[k] = new
        self.table[i] = solved
        self.basic[i], self.nonbasic[place] = self.nonbasic[place], self.basic[i]

    def result(self, ended: Ended) -> ExactBasis:
        columns, sign = self.program.columns, self.program.sense.sign
        status = np.full(columns + self.program.rows, BasisStatus.BASIC, dtype=np.int8)
        point, dual = np.zeros(columns), np.zeros(self.program.rows)
        for j, price in zip(self.nonbasic, self._prices(None), strict=True):
            status[j] = self.at[j]
            if j < columns:
                point[j] = float(self._bound(j))
            else:
                dual[j - columns] = sign * float(price)
        for j, value in zip(self.basic, self.values, strict=True):
            if j < columns:
                point[j] = float(value)
        return ExactBasis(ended, status[:columns], status[columns:], point, dual)


def _side(value: float) -> Fraction | None:
    return None if math.isinf(value) else Fraction(value)
