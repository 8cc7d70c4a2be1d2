r"""Mobile traffic of Milano: the original Telecom Italia files, and two processed sets made from them.

The Big Data Challenge of Telecom Italia counted calls, messages and internet sessions in every 235 m square of Milano,
every 10 minutes, from 1 November 2013 to 1 January 2014 (Barlacchi et al., Scientific Data 2:150055, 2015;
doi:10.7910/DVN/EGZHFV, licence ODbL 1.0). The numbers are proportional to the activity, without a unit. Squares are
numbered ``1 + 100 * row + column``, rows from the south, 1 to 10000.

All readers return the same thing: a pandas frame, **time x cell**, float64, one row for every 10 minutes between the
first and the last (index ``time`` in local time, Europe/Rome), one column per square. **A gap is a nan, never a zero**:
the original files leave out what was not recorded, whether for want of activity or by an outage, and cannot tell which.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from ..exchange.file_limits import check_zip
from ..model.errors import DataFormatError, InvalidOptionError
from .telecom_italia import SLOT_MS, SQUARES, Activity, damaged_gzip, pieces
from .traffic_frames import demand_dense

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

TIME_ZONE = "Europe/Rome"
SLOT = "10min"


def read_original(
    paths: str | Path | Iterable[str | Path], activity: Activity = "internet", *, cells: Sequence[int] | None = None
) -> pd.DataFrame:
    """Read original files ``sms-call-internet-mi-*.txt``, plain or gzipped, as one frame.

    A line holds one square, interval and country code; the codes of a square and interval are summed, within a file and
    across files. Fields may be empty, trailing ones may be missing. A cell and time without any record of `activity` is
    nan. Files are read in pieces: memory is that of the result and of half a million lines.

    Parameters
    ----------
    paths : path or iterable of paths
        Files in any order; those of the campaign hold one day each.
    activity : {"internet", "sms_in", "sms_out", "call_in", "call_out"}
        Which number to keep.
    cells : sequence of int, optional
        Squares to keep, in this order; by default all that occur in the files, ascending.

    Returns
    -------
    DataFrame, time x cell
        Regular 10-minute grid from the first to the last interval of the files, in local time.

    Raises
    ------
    DataFormatError
        If a line is malformed (names file, line, field and what was expected), a file is empty or its gzip damaged.
    InvalidOptionError
        If the activity is unknown, a square not in 1 ... 10000 or given twice, or no path is given.
    """
    import pandas as pd

    files = [Path(paths)] if isinstance(paths, str | Path) else [Path(path) for path in paths]
    if not files:
        raise InvalidOptionError("paths is empty; give at least one file")
    if activity not in get_args(Activity):
        raise InvalidOptionError(f"activity is {activity!r}; choose from {', '.join(get_args(Activity))}")
    sums = _Sums(cells)
    for path in files:
        for piece in pieces(path):
            sums.add(piece["square"].to_numpy(), piece["time"].to_numpy(), piece[activity].to_numpy())
    values, first_ms, squares = sums.grid()
    return pd.DataFrame(
        values, index=_time_index(pd.Timestamp(first_ms, unit="ms", tz="UTC"), len(values)), columns=_columns(squares)
    )


def read_25_cells(path: str | Path) -> pd.DataFrame:
    """Read the processed set of 25 neighbouring squares: internet activity, November 2013.

    Parameters
    ----------
    path : path
        CSV, plain or gzipped: a column ``time_local_CET``, then one column per square.

    Returns
    -------
    DataFrame, time x cell
        4320 x 25 for the whole file; intervals missing from it appear as rows of nan.

    Raises
    ------
    DataFormatError
        If the header, a time or a number is not as promised.
    """
    import pandas as pd

    path = Path(path)
    try:
        with damaged_gzip(path):
            raw = pd.read_csv(path, index_col=0, dtype={"time_local_CET": str})
        raw.columns = _columns([int(name) for name in raw.columns])
        frame = raw.astype(np.float64)
        times = pd.DatetimeIndex(pd.to_datetime(frame.index, format="%Y-%m-%d %H:%M:%S")).tz_localize(TIME_ZONE)
    except DataFormatError:
        raise
    except (ValueError, TypeError, OverflowError) as error:
        expected = "expected CSV: a column time_local_CET (YYYY-MM-DD HH:MM:SS), then one column of numbers per square"
        raise DataFormatError(f"{path}: {error}; {expected}") from error
    if raw.index.name != "time_local_CET" or not len(frame):
        raise DataFormatError(f"{path}, line 1: first column is {raw.index.name!r}; expected time_local_CET, and rows")
    steps = (times[-1] - times[0]) // pd.Timedelta(SLOT) + 1
    demand_dense(len(frame), steps, f"{times[0]} to {times[-1]} in {path}")
    grid = _time_index(times[0], steps)
    if not times.is_unique or not times.isin(grid).all():
        bad = next(i for i, time in enumerate(times) if time not in grid or time in times[:i])
        raise DataFormatError(
            f"{path}, line {bad + 2}: time {raw.index[bad]}; expected ascending multiples of 10 minutes"
        )
    return frame.set_axis(times, axis=0).reindex(grid)


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
        By block name. A block without a date is indexed by the time elapsed since its first row (``elapsed``).

    Raises
    ------
    DataFormatError
        If the archive cannot be read, or an array has another shape.
    """
    import pandas as pd

    path = Path(path)
    check_zip(path)
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (ValueError, OSError, zlib.error, EOFError) as error:
        raise DataFormatError(f"{path}: {error}; expected a npz archive of plain arrays") from error
    squares = arrays.pop("square_id", None)
    if squares is None:
        raise DataFormatError(f"{path}: no array square_id; expected one square id per column of the blocks")
    starts = {name: arrays.pop(name) for name in list(arrays) if name.endswith("_start")}
    blocks = {}
    for name, values in arrays.items():
        if values.ndim != 2 or values.shape[1] != len(squares) or not len(values):
            raise DataFormatError(f"{path}: array {name} has shape {values.shape}; expected (steps, {len(squares)})")
        start = starts.get(f"{name}_start")
        index: Any = pd.timedelta_range(0, periods=len(values), freq=SLOT, name="elapsed")
        if start is not None:
            index = _time_index(_block_start(path, name, str(start)), len(values))
        blocks[name] = pd.DataFrame(values.astype(np.float64), index=index, columns=_columns(squares))
    return blocks


class _Sums:
    """Running sums per interval and square; a row per interval seen, nan where nothing was recorded."""

    def __init__(self, cells: Sequence[int] | None) -> None:
        self.chosen = None if cells is None else np.asarray(cells, dtype=np.int64)
        squares = np.arange(1, SQUARES + 1) if self.chosen is None else self.chosen
        good = (squares >= 1) & (squares <= SQUARES)
        if not good.all():
            raise InvalidOptionError(f"cells holds {squares[~good][0]}; squares are numbered 1 to {SQUARES}")
        if len(np.unique(squares)) < len(squares) or not len(squares):
            raise InvalidOptionError("cells must name at least one square, and none twice")
        self.squares = squares
        self.column = np.full(SQUARES + 1, -1)
        self.column[squares] = np.arange(len(squares))
        self.seen = np.zeros(len(squares), dtype=bool)
        self.rows: dict[int, NDArray[np.float64]] = {}

    def add(self, square: NDArray[np.int64], time: NDArray[np.int64], value: NDArray[np.float64]) -> None:
        """Add records; an interval counts as seen, and a square too, even where `value` is nan."""
        columns = self.column[square]
        times, slot = np.unique(time, return_inverse=True)
        for moment in times:
            if moment not in self.rows:
                self.rows[int(moment)] = np.full(len(self.squares), np.nan)
        self.seen[columns[columns >= 0]] = True
        kept = (columns >= 0) & ~np.isnan(value)
        key = slot[kept] * len(self.squares) + columns[kept]
        shape = (len(times), len(self.squares))
        total = np.bincount(key, weights=value[kept], minlength=math.prod(shape)).reshape(shape)
        found = np.bincount(key, minlength=math.prod(shape)).reshape(shape) > 0
        for moment, sums, present in zip(times, total, found, strict=True):
            row = self.rows[int(moment)]
            row[present] = np.where(np.isnan(row[present]), 0.0, row[present]) + sums[present]

    def grid(self) -> tuple[NDArray[np.float64], int, NDArray[np.int64]]:
        """Return (steps, squares) values on the regular grid, the first interval, and the squares."""
        keep = self.seen if self.chosen is None else np.ones(len(self.squares), dtype=bool)
        first = min(self.rows)
        steps = (max(self.rows) - first) // SLOT_MS + 1
        demand_dense(len(self.rows), steps, f"{first} to {max(self.rows)} ms")
        values = np.full((steps, int(keep.sum())), np.nan)
        for moment in sorted(self.rows):
            values[(moment - first) // SLOT_MS] = self.rows.pop(moment)[keep]
        return values, first, self.squares[keep]


def _time_index(first: pd.Timestamp, steps: int) -> pd.DatetimeIndex:
    """Return `steps` intervals of 10 minutes of elapsed time, labelled in local time."""
    import pandas as pd

    return pd.date_range(first.tz_convert(TIME_ZONE), periods=steps, freq=SLOT, name="time", unit="ms")


def _columns(squares: Any) -> pd.Index:
    import pandas as pd

    return pd.Index(np.asarray(squares, dtype=np.int64), name="cell")


def _block_start(path: Path, name: str, text: str) -> pd.Timestamp:
    import pandas as pd

    moment, _, zone = text.partition(" ")
    try:
        if zone != "CET":
            raise ValueError(f"time zone {zone!r}")
        return pd.Timestamp(moment).tz_localize(TIME_ZONE)
    except ValueError as error:
        raise DataFormatError(f"{path}: {name}_start is {text!r} ({error}); expected 'YYYY-MM-DDTHH:MM CET'") from error
