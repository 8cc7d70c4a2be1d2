"""Archives of arrays of numbers (``.npz``): read, or refused with the reason."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..exchange.file_limits import check_zip
from ..model.errors import DataFormatError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


def read_arrays(path: Path, wanted: Callable[[str], bool] = lambda name: True) -> dict[str, NDArray[np.generic]]:
    """Return the arrays of a npz archive by name; nothing is ever unpickled.

    Parameters
    ----------
    path : Path
        The archive.
    wanted : callable
        Which names to read; the others are in the result too, as empty arrays.

    Raises
    ------
    DataFormatError
        If it is missing, unpacks to too much, or is no readable archive of plain arrays.
    """
    check_zip(path)
    try:
        with path.open("rb") as file:
            held = np.load(file, allow_pickle=False)
            if not isinstance(held, np.lib.npyio.NpzFile):
                raise ValueError("a single array")
            return {name: held[name] if wanted(name) else np.empty(0) for name in held.files}
    except Exception as error:  # zipfile and numpy raise a dozen kinds of errors for damaged archives
        raise DataFormatError(
            f"{path}: no readable array archive ({error}); expected a npz archive of plain arrays"
        ) from error


def amounts(place: str, values: NDArray[np.generic]) -> NDArray[np.float64]:
    """Return an array of real numbers as float64.

    Raises
    ------
    DataFormatError
        If it holds texts, complex numbers or the like.
    """
    if values.dtype.kind not in "iuf":
        raise DataFormatError(f"{place} has type {values.dtype}; expected real numbers")
    return values.astype(np.float64)
