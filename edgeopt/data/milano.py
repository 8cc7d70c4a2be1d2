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

import zlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from ..exchange.file_limits import check_zip
from ..model.errors import DataFormatError, InvalidOptionError
from .record_sums import RecordSums
from .telecom_italia import KAGGLE, ORIGINAL, SQUARES, TIME_ZONE, Activity, Layout, pieces
from .text_file import compression, damaged_gzip
from .traffic_frames import demand_dense

if TYPE_CHECKING:
    import pandas as pd

SLOT = "10min"


def read_original(
    paths: str | Path | Iterable[str | Path],
    activity: Activity = "internet",
    *,
    cells: Sequence[int] | None = None,
    city: Literal["milano", "trentino"] = "milano",
) -> pd.DataFrame:
    """Read original files ``sms-call-internet-mi-*.txt`` (``-tn-*.txt``), plain or gzipped, as one frame.

    A line holds one square, interval and country code; the codes of a square and interval are summed, within a file and
    across files. Fields may be empty, trailing ones may be missing. A cell and time without any record of `activity` is
    nan. Files are read in pieces: memory is that of the result, of half a million lines, and of a byte or two for each
    record, by which repeated ones are known.

    Parameters
    ----------
    paths : path or iterable of paths
        Files in any order; those of the campaign hold one day each.
    activity : {"internet", "sms_in", "sms_out", "call_in", "call_out"}
        Which number to keep.
    cells : sequence of int, optional
        Squares to keep, in this order; by default all that occur in the files, ascending.
    city : {"milano", "trentino"}
        Whose grid the squares are of: 10,000 or 11,466 squares.

    Returns
    -------
    DataFrame, time x cell
        Regular 10-minute grid from the first to the last interval of the files, in local time.

    Raises
    ------
    DataFormatError
        If a line is malformed (names file, line, field and what was expected), a file is missing, empty or damaged, or
        a square, interval and country code is there twice: the same day in two files, or a repeated line.
    InvalidOptionError
        If the activity or city is unknown, a square not in the grid or given twice, or no path is given.
    """
    if city not in ORIGINAL:
        raise InvalidOptionError(f"city is {city!r}; choose from {', '.join(ORIGINAL)}")
    return _summed(paths, ORIGINAL[city], activity, cells)


def read_kaggle(
    paths: str | Path | Iterable[str | Path], activity: Activity = "internet", *, cells: Sequence[int] | None = None
) -> pd.DataFrame:
    """Read Kaggle's copy ``sms-call-internet-mi-*.csv`` ("Mobile phone activity in a city"): the same, hour by hour.

    Its columns are datetime (local time), CellID, countrycode, smsin, smsout, callin, callout and internet.

    Parameters
    ----------
    paths, activity, cells
        As for `read_original`.

    Returns
    -------
    DataFrame, time x cell
        Regular hourly grid from the first to the last hour of the files, in local time.

    Raises
    ------
    DataFormatError, InvalidOptionError
        As `read_original`; also if the header is another.
    """
    return _summed(paths, KAGGLE, activity, cells)


def _summed(
    paths: str | Path | Iterable[str | Path], layout: Layout, activity: Activity, cells: Sequence[int] | None
) -> pd.DataFrame:
    import pandas as pd

    files = [Path(paths)] if isinstance(paths, str | Path) else [Path(path) for path in paths]
    if not files:
        raise InvalidOptionError("paths is empty; give at least one file")
    if activity not in get_args(Activity):
        raise InvalidOptionError(f"activity is {activity!r}; choose from {', '.join(get_args(Activity))}")
    sums = RecordSums(cells, layout)
    for path in files:
        sums.begin(path)
        for piece in pieces(path, layout):
            sums.add(*(piece[name].to_numpy() for name in ("square", "time", "country", activity)))
    values, first_ms, squares = sums.grid()
    first = pd.Timestamp(first_ms, unit="ms", tz="UTC")
    return pd.DataFrame(values, index=_time_index(first, len(values), layout.slot), columns=_columns(squares))


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
        If the header, a time or a number is not as promised, a square outside of the grid or there twice, or a number
        negative or infinite; an empty field is a gap.
    """
    import pandas as pd

    path = Path(path)
    try:
        with damaged_gzip(path):
            raw = pd.read_csv(
                path,
                index_col=0,
                dtype={"time_local_CET": str},
                compression=compression(path),
            )
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
    _demand_squares(f"{path}, line 1", frame.columns.to_numpy())
    _demand_amounts(frame, lambda row: f"{path}, line {row + 2}")
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
    _demand_squares(f"{path}, array square_id", squares)
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
        _demand_amounts(blocks[name], lambda row, block=name: f"{path}: array {block}, row {row}")  # type: ignore[misc]
    return blocks


def _demand_squares(place: str, squares: Any) -> None:
    """Refuse squares that are none, or there twice."""
    import pandas as pd

    wrong = (squares < 1) | (squares > SQUARES) | pd.Index(squares).duplicated()
    if wrong.any():
        raise DataFormatError(f"{place}: square {squares[wrong][0]}; expected 1 to {SQUARES}, each once")


def _demand_amounts(frame: pd.DataFrame, place: Callable[[int], str]) -> None:
    """Refuse activities that are negative or infinite."""
    values = frame.to_numpy()
    bad = np.argwhere(np.isinf(values) | (values < 0))
    if len(bad):
        row, column = bad[0]
        raise DataFormatError(
            f"{place(int(row))}: square {frame.columns[column]} is {values[row, column]:g}; expected a finite number "
            ">= 0, or nothing where there is a gap"
        )


def _time_index(first: pd.Timestamp, steps: int, slot: str = SLOT) -> pd.DatetimeIndex:
    """Return `steps` intervals of elapsed time, labelled in local time."""
    import pandas as pd

    return pd.date_range(first.tz_convert(TIME_ZONE), periods=steps, freq=slot, name="time", unit="ms")


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
