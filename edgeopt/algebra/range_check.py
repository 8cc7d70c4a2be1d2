"""Coefficients that are far apart: what solvers do not see of the small ones, they get wrong without saying so."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from ..model.errors import CoefficientRangeWarning

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..model.program import Program

FAR = 1e9
"""Ratio of magnitudes from which a warning is given: float64 solvers hold rows to 1e-9 at best."""

_BLOCK = 65_536
"""Entries that are read at once, so that they stay in cache and no second array of their size is made."""


def warn_of_ranges(program: Program) -> None:
    """Warn if coefficients of one row, or of the objective, that are not 0 differ by more than a factor of 1e9.

    Rows in units of their own do no harm: programs are scaled row by row before a solver sees them.
    """
    for data, where in ((program.matrix.data, "a constraint"), (program.cost, "the objective")):
        smallest, largest = _extremes(data)
        if not largest > FAR * smallest:
            continue
        places = _widest_row(program) if where == "a constraint" else _places(np.abs(data), smallest, largest)
        if places is None:
            continue
        first, last = (_named(program, data, place) for place in places)
        factor = abs(data[places[1]] / data[places[0]])
        warnings.warn(
            f"coefficients of {where} range over a factor of {factor:.2g}, from {first} to {last}; solvers "
            "may lose the small ones: choose units in which they are closer",
            CoefficientRangeWarning,
            stacklevel=2,
        )


def _widest_row(program: Program) -> tuple[int, int] | None:
    """Return the places of the smallest and largest coefficient of the row that ranges most, if that is too far."""
    sizes, row = np.abs(program.matrix.data), program.matrix.indices
    least, most = np.full(program.rows, np.inf), np.zeros(program.rows)
    used = sizes > 0.0
    np.minimum.at(least, row[used], sizes[used])
    np.maximum.at(most, row[used], sizes[used])
    widest = int(np.argmax(most / least))
    if not most[widest] > FAR * least[widest]:
        return None
    return _places(np.where(row == widest, sizes, 0.0), least[widest], most[widest])


def _places(sizes: NDArray[np.float64], smallest: float, largest: float) -> tuple[int, int]:
    return int(np.flatnonzero(sizes == smallest)[0]), int(np.flatnonzero(sizes == largest)[0])


def _extremes(data: NDArray[np.float64]) -> tuple[float, float]:
    """Return the smallest and the largest magnitude that is not 0; inf and 0 where there is none."""
    smallest, largest = np.inf, 0.0
    for start in range(0, data.size, _BLOCK):
        sizes = np.abs(data[start : start + _BLOCK])
        low, high = float(sizes.min()), float(sizes.max())
        if low == 0.0 < high:
            low = float(sizes[sizes > 0.0].min())
        if high > 0.0:
            smallest, largest = min(smallest, low), max(largest, high)
    return smallest, largest


def _named(program: Program, data: NDArray[np.float64], place: int) -> str:
    """Return one coefficient with the names of its row and column."""
    if data is program.cost:
        return f"{data[place]:g} (objective, {program.column_names[place]})"
    column = int(np.searchsorted(program.matrix.indptr, place, side="right")) - 1
    row = int(program.matrix.indices[place])
    return f"{data[place]:g} ({program.row_names[row]}, {program.column_names[column]})"
