"""Sparse matrices as records hold them: CSC, float64, finite, read-only."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from .errors import InvalidProblemError
from .records import owned_read_only, plain, read_only, require


def csc_matrix(value: Any, field: str, columns: int | None, fits: str = "cost") -> sparse.csc_array:
    """Return `value` as a read-only CSC matrix with `columns` columns; None stands for one without rows.

    Parameters
    ----------
    value : matrix
        Any scipy sparse or dense matrix.
    field : str
        What an error calls it.
    columns : int, optional
        Number of columns that it must have; any by default.
    fits : str
        Field that says how many these are.

    Raises
    ------
    InvalidProblemError
        If it is no matrix of finite real numbers, or has another number of columns.
    """
    if value is None:
        value = sparse.csc_array((0, columns or 0), dtype=np.float64)
    if not sparse.issparse(value):
        value = plain(value, field)
    if np.iscomplexobj(value):
        raise InvalidProblemError(f"{field} holds complex values; expected real numbers")
    try:
        kept = (
            isinstance(value, sparse.csc_array)
            and owned_read_only(value.data, value.indices, value.indptr)
            and bool(value.has_canonical_format)  # else duplicates are to be summed, in a copy
        )
        matrix = sparse.csc_array(value, dtype=np.float64, copy=not kept)
    except (TypeError, ValueError) as error:
        raise InvalidProblemError(f"{field} is no (rows, columns) matrix of numbers: {error}") from error
    if matrix.ndim != 2 or (columns is not None and matrix.shape[1] != columns):
        wanted = "(rows, columns)" if columns is None else f"(rows, {columns}) to fit {fits}"
        raise InvalidProblemError(f"{field} has shape {matrix.shape}; expected {wanted}")
    matrix.sum_duplicates()
    matrix.indices = matrix.indices.astype(np.int32, copy=False)
    matrix.indptr = matrix.indptr.astype(np.int32, copy=False)
    require(f"{field}.data", matrix.data, np.isfinite(matrix.data), "must be finite")
    for part in (matrix.data, matrix.indices, matrix.indptr):
        read_only(part)
    return matrix
