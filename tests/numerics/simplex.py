"""A simplex method in whole numbers: no tolerance, no rounding, Bland's rule, so it always ends with the truth.

Rows and bounds are multiplied until they are whole. The tableau states each basic column as a combination of the
nonbasic ones, its entries as whole numbers over one common denominator (the fraction-free pivots of Edmonds 1967 and
Bareiss 1968: every division is exact). Feasibility is reached as in Dutertre and de Moura (2006): the first basic
column outside its bounds is moved onto the one it breaks by the first nonbasic column that can do so; where there is
none, the row itself proves that no point exists.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from fractions import Fraction

Bound = int | None
"""A scaled bound; None where there is none."""


class OutOfTimeError(Exception):
    """The deadline passed."""


class Simplex:
    """Bounds on `columns` and on whole combinations of them, and a whole cost to be minimised."""

    def __init__(
        self,
        cost: Sequence[int],
        rows: Sequence[Sequence[int]],
        lower: Sequence[Bound],
        upper: Sequence[Bound],
        deadline: float,
    ) -> None:
        """Start from the basis of the rows; `lower` and `upper` hold the columns' bounds, then the rows'."""
        columns = len(cost)
        self.table = [list(row) for row in rows] + [list(cost)]
        self.denominator = 1
        self.nonbasic = list(range(columns))
        self.basic = list(range(columns, columns + len(rows)))
        self.lower, self.upper = list(lower), list(upper)
        self.deadline = deadline
        self.value = [_start(lower[j], upper[j]) for j in range(columns)]

    def copy(self) -> Simplex:
        """Return a second tableau that can go its own way."""
        other = object.__new__(Simplex)
        other.table = [list(row) for row in self.table]
        other.denominator = self.denominator
        other.nonbasic, other.basic = list(self.nonbasic), list(self.basic)
        other.lower, other.upper = list(self.lower), list(self.upper)
        other.deadline = self.deadline
        other.value = list(self.value)
        return other

    def restrict(self, column: int, lower: Bound, upper: Bound) -> None:
        """Change the bounds of a column; a nonbasic one moves inside."""
        self.lower[column], self.upper[column] = lower, upper
        if column in self.nonbasic:
            place = self.nonbasic.index(column)
            if lower is not None and self.value[place] < lower:
                self.value[place] = lower
            if upper is not None and self.value[place] > upper:
                self.value[place] = upper

    def solve(self) -> str:
        """Return ``optimal``, ``infeasible`` or ``unbounded``."""
        if any(
            low is not None and high is not None and low > high
            for low, high in zip(self.lower, self.upper, strict=True)
        ):
            return "infeasible"
        if not self._feasible():
            return "infeasible"
        return "optimal" if self._improve() else "unbounded"

    def point(self) -> dict[int, Fraction]:
        """Return the value of each column and row, by its number."""
        found = {column: Fraction(value) for column, value in zip(self.nonbasic, self.value, strict=True)}
        for column, numerator in zip(self.basic, self._numerators(), strict=True):
            found[column] = Fraction(numerator, self.denominator)
        return found

    def objective(self) -> Fraction:
        """Return the cost of the present point."""
        return Fraction(self._dot(self.table[-1]), self.denominator)

    def _dot(self, row: list[int]) -> int:
        return sum(entry * value for entry, value in zip(row, self.value, strict=True) if entry)

    def _numerators(self) -> list[int]:
        return [self._dot(row) for row in self.table[:-1]]

    def _feasible(self) -> bool:
        while True:
            self._check_time()
            broken = self._first_broken()
            if broken is None:
                return True
            row, target, up = broken
            place = self._helper(row, up)
            if place is None:
                return False
            self._pivot(row, place, target)

    def _first_broken(self) -> tuple[int, int, bool] | None:
        best: tuple[int, int, int, bool] | None = None
        for row, (column, numerator) in enumerate(zip(self.basic, self._numerators(), strict=True)):
            low, high = self.lower[column], self.upper[column]
            if low is not None and numerator < low * self.denominator:
                found = (column, row, low, True)
            elif high is not None and numerator > high * self.denominator:
                found = (column, row, high, False)
            else:
                continue
            if best is None or found[0] < best[0]:
                best = found
        return None if best is None else best[1:]

    def _helper(self, row: int, up: bool) -> int | None:
        """Place of the first nonbasic column whose move lets the row's column go `up` (or down)."""
        places = [p for p, entry in enumerate(self.table[row]) if entry and self._free(p, (entry > 0) == up)]
        return min(places, key=self.nonbasic.__getitem__, default=None)

    def _free(self, place: int, up: bool) -> bool:
        limit = (self.upper if up else self.lower)[self.nonbasic[place]]
        return limit is None or (self.value[place] < limit if up else self.value[place] > limit)

    def _improve(self) -> bool:
        """Pivot to the optimum; False if the cost falls for ever."""
        while True:
            self._check_time()
            places = [p for p, price in enumerate(self.table[-1]) if price and self._free(p, price < 0)]
            place = min(places, key=self.nonbasic.__getitem__, default=None)
            if place is None:
                return True
            if not self._advance(place, self.table[-1][place] < 0):
                return False

    def _advance(self, place: int, up: bool) -> bool:
        """Move a nonbasic column as far as it goes; False if it goes for ever."""
        sign = 1 if up else -1
        limit = (self.upper if up else self.lower)[self.nonbasic[place]]
        best: tuple[Fraction, int, int, int] | None = None
        if limit is not None:
            best = (Fraction(abs(limit - self.value[place])), self.nonbasic[place], -1, limit)
        for row, (column, numerator) in enumerate(zip(self.basic, self._numerators(), strict=True)):
            rate = self.table[row][place] * sign
            if not rate:
                continue
            target = (self.upper if rate > 0 else self.lower)[column]
            if target is None:
                continue
            step = Fraction(target * self.denominator - numerator, rate)
            if best is None or (step, column) < best[:2]:
                best = (step, column, row, target)
        if best is None:
            return False
        if best[2] < 0:
            self.value[place] = best[3]
        else:
            self._pivot(best[2], place, best[3])
        return True

    def _pivot(self, row: int, place: int, target: int) -> None:
        """Exchange a basic column, which stops at `target`, for a nonbasic one."""
        old, line = self.denominator, self.table[row]
        pivot = line[place]
        for other, entries in enumerate(self.table):
            if other == row:
                continue
            factor = entries[place]
            if factor:
                entries[:] = [(entry * pivot - factor * top) // old for entry, top in zip(entries, line, strict=True)]
            else:
                entries[:] = [entry * pivot // old for entry in entries]
            entries[place] = factor
        line[:] = [-entry for entry in line]
        line[place] = old
        self.denominator = pivot
        if pivot < 0:
            self.denominator = -pivot
            for entries in self.table:
                entries[:] = [-entry for entry in entries]
        self.basic[row], self.nonbasic[place] = self.nonbasic[place], self.basic[row]
        self.value[place] = target

    def _check_time(self) -> None:
        if time.monotonic() > self.deadline:
            raise OutOfTimeError


def _start(lower: Bound, upper: Bound) -> int:
    if lower is not None:
        return lower
    return 0 if upper is None else upper


def whole_scale(values: Sequence[Fraction]) -> int:
    """Return the smallest multiplier under which all `values` are whole."""
    return math.lcm(1, *(value.denominator for value in values))
