"""What the text formats of linear programs share: how they spell infinity, what they cannot hold, how errors read."""

from __future__ import annotations

import decimal
import math
from typing import TYPE_CHECKING

import numpy as np

from ...model.errors import DataFormatError, InvalidProblemError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...model.program import Program

INFINITE = 1e20
"""Bounds of this size or more mean infinity in a model file."""

EXACT = decimal.Context(prec=1500)
"""Decimal arithmetic in which sums and differences of float64 numbers (at most 1100 digits) never round."""


def lines(text: str) -> list[str]:
    """Return the lines of a file; what else Unicode calls a line break may stand within one."""
    return text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n").split("\n")


def in_file(place: str, line: int, found: str, remedy: str) -> DataFormatError:
    """Return the error that names file, line, what was found and what to do about it."""
    return DataFormatError(f"{place}, line {line}: {found}; {remedy}")


def decimal_number(token: str) -> float:
    """Return the number that `token` spells (Fortran's ``1D5`` too); nan where it spells none."""
    try:
        return math.nan if "_" in token else float(token)
    except ValueError:
        pass
    try:
        return float(token.replace("D", "E").replace("d", "e"))
    except ValueError:
        return math.nan


def without_huge(
    lower: NDArray[np.float64], upper: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return bounds in which sizes that stand for infinity are infinite."""
    return (
        np.where(np.abs(lower) >= INFINITE, np.copysign(np.inf, lower), lower),
        np.where(np.abs(upper) >= INFINITE, np.copysign(np.inf, upper), upper),
    )


def check_side(place: str, line: int, what: str, lower: float, upper: float, lower_given: bool) -> None:
    """Refuse bounds that no number satisfies by their nature, or on whose meaning readers disagree.

    Raises
    ------
    DataFormatError
        Names the line.
    """
    if lower == np.inf or upper == -np.inf:
        raise in_file(place, line, f"{what} has bounds [{lower}, {upper}]", "expected room for a finite number")
    if upper < 0 and lower == 0 and not lower_given:
        raise in_file(
            place,
            line,
            f"{what} has the upper bound {upper} below the default lower bound 0",
            "readers disagree on whether it is then free below: state its lower bound too",
        )


def check_writable(program: Program) -> None:
    """Raise unless the program's name and bounds are ones that a model file can hold.

    Raises
    ------
    InvalidProblemError
        Names what cannot be written.
    """
    if program.name != program.name.strip() or not program.name.isprintable():
        raise InvalidProblemError(
            f"name {program.name!r} cannot be written: expected printable text without outer spaces"
        )
    for low, high, kind, names in (
        ("row_lower", "row_upper", "row", program.row_names),
        ("lower", "upper", "column", program.column_names),
    ):
        lower, upper = getattr(program, low), getattr(program, high)
        bad = (lower == np.inf) | (upper == -np.inf)
        for bounds in (lower, upper):
            bad |= np.isfinite(bounds) & (np.abs(bounds) >= INFINITE)
        if bad.any():
            index = int(bad.argmax())
            raise InvalidProblemError(
                f"{kind} {names[index]} has bounds [{lower[index]}, {upper[index]}]; model files take sizes of "
                f"{INFINITE:g} and more for infinity: use inf, or a smaller bound"
            )
