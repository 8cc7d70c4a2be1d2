"""State of the compiled dual simplex, as named tuples of arrays that numba takes, and its tolerances.

Below, `n` is the number of columns, `m` of rows, `k` of basic columns, which is that of binding rows. Variable ``v`` is
column ``v`` where ``v < n`` and else the activity of row ``v - n``. The first `k` entries of whatever has room for
``size + 1``, where ``size = min(n, m)``, are in use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .jit import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray

FEASIBLE = 1e-9
"""Violation, relative to ``1 + |bound|``, for which no variable leaves the basis."""

ROUNDING = 1e-14
"""Share of its terms up to which a difference is rounding."""


class Matrix(NamedTuple):
    """The matrix by columns (CSC) and by rows (CSR): pointers (n + 1,) and (m + 1,), places and values (entries,)."""

    col_ptr: NDArray[np.int32]
    col_rows: NDArray[np.int32]
    col_data: NDArray[np.float64]
    row_ptr: NDArray[np.int32]
    row_cols: NDArray[np.int32]
    row_data: NDArray[np.float64]


class Given(NamedTuple):
    """Costs and bounds of one instance, (n,) and (m,)."""

    cost: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    row_lower: NDArray[np.float64]
    row_upper: NDArray[np.float64]


class Basis(NamedTuple):
    """A basis in its compact form.

    Attributes
    ----------
    columns, rows : (n,), (m,) int8
        Codes of :mod:`edgeopt.model.basis`.
    basic, binding : (size + 1,) int
        Basic columns and binding rows, in the order of the inverse's rows and columns.
    place, row_place : (n,), (m,) int
        Where a column stands in `basic` and a row in `binding`; -1 where it does not.
    inverse : (size + 1, size + 1) float
        Inverse of the matrix in which binding rows and basic columns meet; its rows go with `basic`.
    """

    columns: NDArray[np.int8]
    rows: NDArray[np.int8]
    basic: NDArray[np.int64]
    binding: NDArray[np.int64]
    place: NDArray[np.int64]
    row_place: NDArray[np.int64]
    inverse: NDArray[np.float64]


class Point(NamedTuple):
    """Primal and dual values of a basis.

    Attributes
    ----------
    x, activity : (n,), (m,) float
        Values of columns and rows.
    fixed_part : (m,) float
        What the nonbasic columns contribute to each row.
    reduced, price : (n,), (m,) float
        Reduced costs, 0 of basic columns, and row duals, 0 of rows that do not bind.
    """

    x: NDArray[np.float64]
    activity: NDArray[np.float64]
    fixed_part: NDArray[np.float64]
    reduced: NDArray[np.float64]
    price: NDArray[np.float64]


class Work(NamedTuple):
    """Arrays of one iteration.

    Attributes
    ----------
    alpha, weight : (n,), (size + 1,) float
        Row of the tableau of the leaving variable, over nonbasic columns and binding rows.
    column : (size + 1,) float
        Entering column in terms of the basic ones.
    target : (size + 1,) float
        Right-hand sides of the binding rows.
    candidate, ratio : (n + m,) int, float
        Variables that could enter, and how far the dual can go until each of them does.
    square : (size + 1, size + 1) float
        A matrix to be factorised.
    """

    alpha: NDArray[np.float64]
    weight: NDArray[np.float64]
    column: NDArray[np.float64]
    target: NDArray[np.float64]
    candidate: NDArray[np.int64]
    ratio: NDArray[np.float64]
    square: NDArray[np.float64]


@njit(nogil=True, error_model="numpy")
def work_arrays(n, m):
    """Return the arrays of one iteration, not filled."""
    size = min(n, m) + 1
    return Work(
        np.empty(n),
        np.empty(size),
        np.empty(size),
        np.empty(size),
        np.empty(n + m, np.int64),
        np.empty(n + m),
        np.empty((size, size)),
    )


@njit(nogil=True, error_model="numpy")
def empty_basis(n, m):
    """Return room for a basis, not filled."""
    size = min(n, m) + 1
    return Basis(
        np.empty(n, np.int8),
        np.empty(m, np.int8),
        np.empty(size, np.int64),
        np.empty(size, np.int64),
        np.empty(n, np.int64),
        np.empty(m, np.int64),
        np.empty((size, size)),
    )


@njit(nogil=True, error_model="numpy")
def empty_point(n, m):
    """Return room for the values of a basis, not filled."""
    return Point(np.empty(n), np.empty(m), np.empty(m), np.empty(n), np.empty(m))
