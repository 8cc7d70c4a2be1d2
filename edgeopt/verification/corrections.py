"""Small sparse linear systems in rational arithmetic, solved by as few unknowns as their rank.

A float64 vector that should satisfy some equations misses them by rounding errors. What has to be added to it is
found here exactly; unknowns that no pivot needs are left at 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_EQUATIONS = 500
"""Most equations that are solved: about a second, where they are sparse."""

_MOST_WORK = 200_000
"""Most multiplications of rational numbers; a system that fills up is given up."""

Row = dict[int, Fraction]


def correction(equations: Sequence[tuple[Row, Fraction]]) -> Row | None:
    """Return an exact solution ``x`` of ``sum_k row[k] x[k] = right``; None if there is none or it is out of reach.

    Parameters
    ----------
    equations : sequence of (row, right)
        Coefficients by unknown, and the right-hand side.
    """
    if len(equations) > MOST_EQUATIONS:
        return None
    left = [_Equation({k: a for k, a in row.items() if a}, right) for row, right in equations]
    solved: list[tuple[int, _Equation]] = []
    work = 0
    while left:
        # The equation with the fewest unknowns fills the others up least; its largest coefficient is the pivot.
        left.sort(key=lambda equation: len(equation.row), reverse=True)
        chosen = left.pop()
        if not chosen.row:
            if chosen.right:
                return None
            continue
        pivot = chosen.normalise()
        work += sum(equation.eliminate(pivot, chosen) for equation in left)
        if work > _MOST_WORK:
            return None
        solved.append((pivot, chosen))
    found: Row = {}
    for pivot, equation in reversed(solved):
        found[pivot] = equation.right - sum((a * found[k] for k, a in equation.row.items() if k in found), Fraction(0))
    return found


@dataclass(slots=True)
class _Equation:
    row: Row
    right: Fraction

    def normalise(self) -> int:
        """Take the unknown with the largest coefficient out of the row, with coefficient 1; return it."""
        pivot = max(self.row, key=lambda k: abs(self.row[k]))
        scale = self.row.pop(pivot)
        self.row = {k: a / scale for k, a in self.row.items()}
        self.right /= scale
        return pivot

    def eliminate(self, pivot: int, other: _Equation) -> int:
        """Remove the unknown `pivot` by means of the equation that it was taken from; return the multiplications."""
        factor = self.row.pop(pivot, None)
        if factor is None:
            return 0
        for k, a in other.row.items():
            changed = self.row.get(k, Fraction(0)) - factor * a
            if changed:
                self.row[k] = changed
            else:
                del self.row[k]
        self.right -= factor * other.right
        return len(other.row) + 1
