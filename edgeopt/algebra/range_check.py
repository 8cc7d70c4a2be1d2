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
    """Warn if coefficients of the rows, or of the objective, that are not 0 differ by more than a factor of 1e9."""
    for data, where in ((program.matrix.data, "the constraints"), (program.cost, "the objective")):
        smallest, largest = _extremes(data)
        if not largest > FAR * smallest:
            continue
        sizes = np.abs(data)
        first, last = (_named(program, data, int(np.flatnonzero(sizes == size)[0])) for size in (smallest, largest))
        warnings.warn(
            f"coefficients of {where} range over a factor of {largest / smallest:.2g}, from {first} to {last}; solvers "
            "may lose the small ones: choose units in which they are closer",
            CoefficientRangeWarning,
            stacklevel=2,
        )


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
