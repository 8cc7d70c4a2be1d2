"""Numbers that a back end would drop, refuse or take for infinite, found before it does so without a word."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...model.errors import UnsupportedPairError
from ...model.tolerance import SOLVER

if TYPE_CHECKING:
    from ...model.program import Program


@dataclass(frozen=True, slots=True)
class Range:
    """Sizes of numbers that a back end takes as they are.

    Attributes
    ----------
    smallest, largest : float
        Coefficients below the one are dropped, those from the other on are refused.
    infinite : float
        Bounds from here on count as infinite.
    """

    smallest: float
    largest: float
    infinite: float = 1e20


def require_range(program: Program, held: Range, solver: str) -> None:
    """Raise unless `solver` takes every number of `program` that matters as it is.

    Raises
    ------
    UnsupportedPairError
        Names the first number that it would drop, refuse or take for infinite.
    """
    if fault := out_of_range(program, held):
        raise UnsupportedPairError(f"{solver} cannot be trusted with this program: {fault}")


def out_of_range(program: Program, held: Range) -> str:
    """Say which number of `program` lies outside; empty if none does.

    A small coefficient counts in integer programs only, and where its column can move its row by more than rounding: a
    linear program's answer is proved on its own data, whatever the back end dropped.
    """
    size = np.abs(program.matrix.data)
    small = (size > 0) & (size < held.smallest)
    if program.integral and small.any():
        small &= _matters(program, size)
    else:
        small[:] = False
    for wrong, what in (
        (small, f"below {held.smallest:g}, which it drops"),
        (size >= held.largest, f"of {held.largest:g} or more, which it refuses"),
    ):
        if wrong.any():
            return f"{_coefficient(program, int(wrong.argmax()))} is {what}, also after scaling; change its unit"
    for names, sides, kind in (
        (program.row_names, (program.row_lower, program.row_upper), "row"),
        (program.column_names, (program.lower, program.upper), "column"),
    ):
        for side in sides:
            far = np.isfinite(side) & (np.abs(side) >= held.infinite)
            if far.any():
                i = int(far.argmax())
                return f"the bound {side[i]:g} of {kind} {names[i]} counts as infinite there; change its unit"
    return ""


def _coefficient(program: Program, entry: int) -> str:
    column = int(np.searchsorted(program.matrix.indptr, entry, side="right")) - 1
    row = int(program.matrix.indices[entry])
    value = float(program.matrix.data[entry])
    return f"the coefficient {value:g} of {program.column_names[column]} in row {program.row_names[row]}"


def _matters(program: Program, size: np.ndarray) -> np.ndarray:
    """Which coefficients can move their row by more than a tolerance of its largest coefficient or side."""
    columns = np.repeat(np.arange(program.columns), np.diff(program.matrix.indptr))
    reach = np.maximum(np.abs(program.lower), np.abs(program.upper))[columns]
    row_size = np.zeros(program.rows)
    np.maximum.at(row_size, program.matrix.indices, size)
    for side in (program.row_lower, program.row_upper):
        row_size = np.maximum(row_size, np.where(np.isfinite(side), np.abs(side), 0.0))
    matters: np.ndarray = size * reach > SOLVER * row_size[program.matrix.indices]
    return matters
