"""Two sets that others made from the Milano files: 25 squares over a month, and short blocks of the whole grid."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..model.errors import DataFormatError
from .array_file import amounts, read_arrays
from .telecom_italia import SQUARES, TIME_ZONE
from .text_file import amount, read_text
from .traffic_frames import demand_dense

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

SLOT = "10min"
_CLOCK = "%Y-%m-%d %H:%M:%S"


def read_25_cells(path: str | Path) -> pd.DataFrame:
    """Read the processed set of 25 neighbouring squares: internet activity, November 2013.

    Parameters
    ----------
    path : path
        CSV, plain or gzipped: a column ``time_local_CET``, then one column per square.

    Returns
    -------
    DataFrame, time x cell
        4320 x 25 for the whole file; an empty field is nan, and an interval missing from the file a row of nan.

    Raises
    ------
    DataFormatError
        If the header, a time or a number is not as promised, a line has another number of fields than the header, times
        do not ascend on the grid, a square is outside of the grid or there twice, or the file holds no number.
    """
    import pandas as pd

    path = Path(path)
    lines = [(number, row) for number, row in enumerate(csv.reader(read_text(path).splitlines()), 1) if row]
    head, *rows = lines or [(1, [""])]
    squares = _squares_of(path, *head)
    times = _times_of(path, rows)
    values = np.array([_numbers_of(f"{path}, line {number}", row[1:], squares) for number, row in rows])
    if np.isnan(values).all():
        raise DataFormatError(f"{path}: no number in it; expected the activity of each square")
    steps = (times[-1] - times[0]) // pd.Timedelta(SLOT) + 1
    demand_dense(len(rows), steps, f"{times[0]} to {times[-1]} in {path}")
    grid = time_index(times[0], steps)
    if not times.is_unique or not times.isin(grid).all():
        bad = next(i for i, time in enumerate(times) if time not in grid or time in times[:i])
        raise DataFormatError(
            f"{path}, line {rows[bad][0]}: time {rows[bad][1][0]}; expected ascending multiples of 10 minutes"
        )
    return pd.DataFrame(values, index=times, columns=cell_columns(squares)).reindex(grid)


def _squares_of(path: Path, number: int, header: list[str]) -> NDArray[np.int64]:
    """Return the squares that the header names."""
    if header[0] != "time_local_CET":
        raise DataFormatError(
            f"{path}, line {number}: first column is {header[0]!r}; expected time_local_CET, and rows"
        )
    for column, name in enumerate(header[1:], 2):
        if not (name.isascii() and name.isdigit()):
            raise DataFormatError(f"{path}, line {number}, column {column}: {name!r}; expected the number of a square")
    squares = np.array([int(name) for name in header[1:]], dtype=np.int64)
    demand_squares(f"{path}, line {number}", squares)
    return squares


def _times_of(path: Path, rows: list[tuple[int, list[str]]]) -> pd.DatetimeIndex:
    import pandas as pd

    if not rows:
        raise DataFormatError(f"{path}, line 1: no line after the header; expected rows of time_local_CET")
    naive = pd.DatetimeIndex(pd.to_datetime([row[0] for _, row in rows], format=_CLOCK, errors="coerce"))
    # CET all year: the hour that a clock shows twice is no time of this set, nor is the one that it leaves out.
    times = naive.tz_localize(TIME_ZONE, ambiguous="NaT", nonexistent="NaT")
    if times.hasnans:
        number, row = rows[int(times.isna().argmax())]
        raise DataFormatError(f"{path}, line {number}: time {row[0]!r}; expected YYYY-MM-DD HH:MM:SS, local time")
    return times


def _numbers_of(place: str, fields: list[str], squares: NDArray[np.int64]) -> list[float]:
    """Return the numbers of a line, nan where a field is empty."""
    if len(fields) != len(squares):
        raise DataFormatError(f"{place}: {len(fields)} numbers; expected one for each of {len(squares)} squares")
    values = [amount(field) if field.strip() else math.nan for field in fields]
    for square, field, value in zip(squares, fields, values, strict=True):
        if math.isnan(value) and field.strip():
            raise DataFormatError(
                f"{place}: square {square} is {field!r}; expected a finite number >= 0, or nothing where there is a gap"
            )
    return values


def read_grid_blocks(path: str | Path) -> dict[str, pd.DataFrame]:
    """Read the processed set of short blocks of all 10,000 squares: internet activity.

    Parameters
    ----------
    path : path
        A npz archive: per block an array (steps, 10000), ``square_id`` (10000,), and ``NAME_start``, such as
        "2013-11-03T00:00 CET", where the date is known. Nothing is ever unpickled.

    Returns
    -------
    dict of DataFrame, time x cell
        By block name. A block without a date is indexed by the time elapsed since its first row (``elapsed``). A gap is
        nan.

    Raises
    ------
    DataFormatError
        If the archive cannot be read or holds no block, an array has another shape or type, or a block has no number.
    """
    path = Path(path)
    arrays = read_arrays(path)
    squares = arrays.pop("square_id", None)
    if squares is None or squares.ndim != 1 or squares.dtype.kind not in "iu" or not squares.size:
        raise DataFormatError(f"{path}: no array square_id; expected one square id per column of the blocks")
    demand_squares(f"{path}, array square_id", squares)
    starts = {name: arrays.pop(name) for name in list(arrays) if name.endswith("_start")}
    if unknown := [name for name in starts if name.removesuffix("_start") not in arrays]:
        raise DataFormatError(f"{path}: {unknown[0]} without its block {unknown[0].removesuffix('_start')}")
    if not arrays:
        raise DataFormatError(f"{path}: no block in it; expected arrays of (steps, {len(squares)})")
    return {name: _block(path, name, values, squares, starts.get(f"{name}_start")) for name, values in arrays.items()}


def _block(path: Path, name: str, values: Any, squares: Any, start: Any) -> pd.DataFrame:
    import pandas as pd

    if values.ndim != 2 or values.shape[1] != len(squares) or not len(values):
        raise DataFormatError(f"{path}: array {name} has shape {values.shape}; expected (steps, {len(squares)})")
    index: Any = pd.timedelta_range(0, periods=len(values), freq=SLOT, name="elapsed")
    if start is not None:
        index = time_index(_block_start(path, name, str(start)), len(values))
    numbers = amounts(f"{path}: array {name}", values)
    bad = np.argwhere(np.isinf(numbers) | (numbers < 0))
    if len(bad):
        row, column = bad[0]
        raise DataFormatError(
            f"{path}: array {name}, row {row}: square {squares[column]} is {numbers[row, column]:g}; expected a finite "
            "number >= 0, or nan where there is a gap"
        )
    if np.isnan(numbers).all():
        raise DataFormatError(f"{path}: array {name} holds no number; expected the activity of each square")
    return pd.DataFrame(numbers, index=index, columns=cell_columns(squares))


def demand_squares(place: str, squares: NDArray[Any]) -> None:
    """Refuse squares that are none, or there twice, or no square at all.

    Raises
    ------
    DataFormatError
        Names the first.
    """
    import pandas as pd

    if not squares.size:
        raise DataFormatError(f"{place}: no square; expected a column for each")
    wrong = (squares < 1) | (squares > SQUARES) | pd.Index(squares).duplicated()
    if wrong.any():
        raise DataFormatError(f"{place}: square {squares[wrong][0]}; expected 1 to {SQUARES}, each once")


def time_index(first: pd.Timestamp, steps: int, slot: str = SLOT) -> pd.DatetimeIndex:
    """Return `steps` intervals of elapsed time, labelled in local time."""
    import pandas as pd

    return pd.date_range(first.tz_convert(TIME_ZONE), periods=steps, freq=slot, name="time", unit="ms")


def cell_columns(squares: Any) -> pd.Index:
    """Return squares as the columns of a frame."""
    import pandas as pd

    return pd.Index(np.asarray(squares, dtype=np.int64), name="cell")


def _block_start(path: Path, name: str, text: str) -> pd.Timestamp:
    import pandas as pd

    moment, _, zone = text.partition(" ")
    try:
        start = pd.Timestamp(moment)
        if zone != "CET" or pd.isna(start):
            raise ValueError(f"time {moment!r} in zone {zone!r}")
        return start.tz_localize(TIME_ZONE)
    except (ValueError, TypeError) as error:
        raise DataFormatError(f"{path}: {name}_start is {text!r} ({error}); expected 'YYYY-MM-DDTHH:MM CET'") from error
