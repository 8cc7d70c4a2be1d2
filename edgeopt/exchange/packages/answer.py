"""What goes back into a model: the values of its variables and, of a linear program, the proved prices of its rows.

Both find their way by name. Prices are those of :class:`~edgeopt.verification.linear_dual.LinearDual`: what one unit
more on the active side of a row adds to the optimal objective, be it minimised or maximised. Some packages count them
with other signs, which their modules here know.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...model.cached import cached_property
from ...model.outcome import Status
from ...verification.linear_dual import LinearDual
from .shared import in_order_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...model.program import Program
    from ...model.solution import Solution


@dataclass(frozen=True)
class Answer:
    """A solution of a program, under the names of its columns and rows.

    Attributes
    ----------
    solution : Solution
        With a decision.
    program : Program
        What was solved.
    point : (columns,) float
        The decision as a point of the program.
    """

    solution: Solution
    program: Program
    point: NDArray[np.float64]

    @property
    def optimal(self) -> bool:
        """Whether the values are optimal, and not feasible only."""
        return self.solution.status is Status.OPTIMAL

    def values(self, wanted: Sequence[str], package: str) -> NDArray[np.float64]:
        """Return the value of each of the variables `wanted`.

        Raises
        ------
        InvalidProblemError
            If the model has other variables than the program that was solved; names one of them.
        """
        return in_order_of(wanted, self.program.column_names, self.point, package)

    def row_duals(self, wanted: Sequence[str]) -> NDArray[np.float64] | None:
        """Return the price of each of the rows `wanted`; None where none is proved, or the model has other rows."""
        if self._row_dual is None:
            return None
        price = dict(zip(self.program.row_names, self._row_dual.tolist(), strict=True))
        found = [price.pop(name, None) for name in wanted]
        # A row that the model lacks may be one without bounds; one with a price is part of the proof.
        if None in found or any(price.values()):
            return None
        return np.array(found, dtype=float)

    def reduced_costs(self, wanted: Sequence[str], package: str) -> NDArray[np.float64] | None:
        """Return cost less price of the rows for each of the variables `wanted`; None where no prices are proved."""
        y = self._row_dual
        if y is None:
            return None
        reduced = self.program.gradient(self.point) - y @ self.program.matrix
        return in_order_of(wanted, self.program.column_names, reduced + 0.0, package)

    @cached_property
    def _row_dual(self) -> NDArray[np.float64] | None:
        """Proved prices of the rows (rows,); None of an integer program, and where something else is the proof."""
        program, duals = self.program, self.solution.certificate
        if program.integral or not (self.optimal and self.solution.proved and isinstance(duals, LinearDual)):
            return None
        y = duals.row_dual
        if y.shape != (program.rows,):  # the certificate is of the formulation, not of its program
            return None
        # A price on a side that the row does not have counts as 0 in the proof.
        side = np.where(program.sense.sign * y > 0, program.row_lower, program.row_upper)
        return np.where(np.isinf(side), 0.0, y) + 0.0
