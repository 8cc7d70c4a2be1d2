"""The squares of a convex quadratic objective: each a weight of at least 0 times a linear expression squared.

A sum of such squares is convex by the way it is written, so nothing has to be said of eigenvalues; and every square
lies above each of its tangents, which is what proofs rest on (:mod:`edgeopt.verification.linear_dual`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from .errors import InvalidProblemError
from .matrices import csc_matrix
from .records import Record, assign, float_array, require

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Squares(Record):
    """``sum_i weight[i] * (matrix[i] @ x + offset[i]) ** 2``, the convex part of a program's costs; immutable.

    A program adds it to an objective that is minimised and subtracts it from one that is maximised.

    Attributes
    ----------
    matrix : (squares, columns) sparse float
        Coefficients within the squares; any scipy sparse or dense matrix, stored as CSC.
    offset : (squares,) float, optional
        Constants within the squares; 0 by default.
    weight : (squares,) float, optional
        What each square is multiplied by, at least 0; 1 by default.

    Raises
    ------
    InvalidProblemError
        If shapes disagree, a number is not finite, or a weight is negative.

    Examples
    --------
    >>> distance = Squares(np.eye(2), offset=[-1.0, -2.0])
    >>> distance.total(np.zeros(2))
    5.0
    """

    matrix: sparse.csc_array
    offset: NDArray[np.float64] = None  # type: ignore[assignment]
    weight: NDArray[np.float64] = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        assign(self, matrix=csc_matrix(self.matrix, "squares.matrix", None))
        for name, default in (("offset", 0.0), ("weight", 1.0)):
            given: Any = getattr(self, name)
            array = np.full(self.count, default) if given is None else given
            array = float_array(array, f"squares.{name}")
            if array.shape != (self.count,):
                raise InvalidProblemError(
                    f"squares.{name} has shape {array.shape}; expected ({self.count},), one value for each square"
                )
            assign(self, **{name: array})
        require(
            "squares.weight",
            self.weight,
            self.weight >= 0,
            "must be at least 0: only then the sum is convex (from a maximised objective squares are subtracted)",
        )

    @property
    def count(self) -> int:
        """Number of squares."""
        return int(self.matrix.shape[0])

    @property
    def columns(self) -> int:
        """Number of columns."""
        return int(self.matrix.shape[1])

    def values(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return (squares,) what is squared at the point `x`."""
        found: NDArray[np.float64] = self.matrix @ x + self.offset
        return found

    def total(self, x: NDArray[np.float64]) -> float:
        """Return the weighted sum of the squares at the point `x`."""
        return float(self.weight @ self.values(x) ** 2)

    def magnitude(self, x: NDArray[np.float64]) -> float:
        """Return the weighted sum of the squares of the summed absolute terms at the point `x`."""
        return float(self.weight @ (abs(self.matrix) @ np.abs(x) + np.abs(self.offset)) ** 2)

    def slopes(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return (squares,) the derivative of each weighted square by what is squared, at the point `x`."""
        return 2.0 * self.weight * self.values(x)

    def gradient(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return (columns,) the gradient of the sum at the point `x`."""
        found: NDArray[np.float64] = self.slopes(x) @ self.matrix
        return found

    def expanded(self) -> tuple[sparse.csc_array, NDArray[np.float64], float]:
        """Return Q, q and a constant with ``x Q x / 2 + q x + constant`` equal to the sum, up to rounding."""
        weighted = sparse.diags_array(2.0 * self.weight) @ self.matrix
        hessian = sparse.csc_array(self.matrix.T @ weighted)
        # Products are rounded alike on both sides of the diagonal only if they are summed in the same order.
        hessian = sparse.csc_array((hessian + hessian.T) / 2.0)
        hessian.sum_duplicates()
        return hessian, np.asarray(self.offset @ weighted), float(self.weight @ self.offset**2)
