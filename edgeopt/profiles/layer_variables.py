"""The variables of a regression, read from a table of layers: checked, and refused with layer and column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..model.errors import InvalidProblemError
from ..model.records import require

if TYPE_CHECKING:
    from numpy.typing import NDArray


def measured_seconds(table: Any) -> NDArray[np.float64]:
    """Return the column ``seconds``; every entry finite and >= 0."""
    seconds = column(table, "seconds").astype(np.float64)
    require("seconds", seconds, np.isfinite(seconds) & (seconds >= 0), "must be a finite time >= 0")
    return seconds


def frame_of(layers: Any) -> Any:
    """Return the columns of `layers`: a table as it is, or what its ``frame()`` gives."""
    return layers.frame() if callable(getattr(layers, "frame", None)) else layers


def column(table: Any, name: str) -> NDArray[Any]:
    """Return a column as an array.

    Raises
    ------
    InvalidProblemError
        If the table has no such column.
    """
    try:
        return np.asarray(table[name])
    except (KeyError, TypeError, IndexError):
        known = ", ".join(map(str, getattr(table, "columns", table))) if hasattr(table, "__iter__") else "none"
        raise InvalidProblemError(f"the table of layers has no column {name!r}; its columns: {known}") from None


def names_of(table: Any) -> tuple[str, ...]:
    """Return the layers' names, or their numbers where the table has none."""
    if "name" in table:
        return tuple(column(table, "name").astype(str).tolist())
    return tuple(f"layer {row}" for row in range(len(column(table, "kind"))))


def variables_of(table: Any, variables: Sequence[str], rows: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return the values of `variables` for some rows.

    Returns
    -------
    (rows, variables) float

    Raises
    ------
    InvalidProblemError
        If a column is missing, or a value is negative, nan or infinite; names layer and column.
    """
    values = np.empty((len(rows), len(variables)))
    for position, variable in enumerate(variables):
        if variable == "feature_maps":
            values[:, position] = _numbers(table, "in_channels", rows)
        elif variable == "filter_size":
            values[:, position] = _filter_size(table, rows)
        else:
            values[:, position] = _numbers(table, variable, rows)
    return values


def _filter_size(table: Any, rows: NDArray[np.intp]) -> NDArray[np.float64]:
    needed = ("kernel", "stride", "in_channels", "out_channels")
    kernel, stride, inputs, outputs = (_numbers(table, name, rows) for name in needed)
    groups = _numbers(table, "groups", rows) if "groups" in table else np.ones(len(rows))
    for name, array in (("stride", stride), ("groups", groups)):
        if (array <= 0).any():
            raise _refused(table, name, rows[np.argmax(array <= 0)], "a number above 0")
    return (kernel / stride) ** 2 * outputs * inputs / groups


def _numbers(table: Any, name: str, rows: NDArray[np.intp]) -> NDArray[np.float64]:
    try:
        values = column(table, name)[rows].astype(np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidProblemError(f"column {name!r} of the table of layers holds no numbers: {error}") from None
    good = np.isfinite(values) & (values >= 0)
    if not good.all():
        raise _refused(table, name, rows[np.argmin(good)], "a finite number >= 0")
    return values


def _refused(table: Any, name: str, row: np.intp, expected: str) -> InvalidProblemError:
    value, layer = column(table, name)[row], names_of(table)[row]
    kind = column(table, "kind")[row]
    return InvalidProblemError(f"{name}[{row}] of layer {layer} ({kind}) is {value}; expected {expected}")
