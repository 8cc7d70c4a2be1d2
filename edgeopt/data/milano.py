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

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from ..model.errors import DataFormatError, InvalidOptionError
from .milano_sets import cell_columns, read_25_cells, read_grid_blocks, time_index
from .record_sums import RecordSums
from .telecom_italia import KAGGLE, ORIGINAL, Activity, Layout, pieces

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["read_25_cells", "read_grid_blocks", "read_kaggle", "read_original"]


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
        a square, interval and country code is there twice: the same day in two files, or a repeated line; or no record
        of `activity` is among the files and `cells`.
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
    if np.isnan(values).all():
        whose = "" if cells is None else f" of the squares {', '.join(map(str, cells[:5]))}{', …' * (len(cells) > 5)}"
        raise DataFormatError(
            f"{files[0]}: no record of {activity}{whose} in {len(files)} file{'s' * (len(files) > 1)}; choose another "
            "activity or other squares"
        )
    first = pd.Timestamp(first_ms, unit="ms", tz="UTC")
    return pd.DataFrame(values, index=time_index(first, len(values), layout.slot), columns=cell_columns(squares))
