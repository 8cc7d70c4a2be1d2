"""The lines of the Telecom Italia files: parsed fast, and judged one by one only when something is wrong.

A day of Milano is a file of 300 MB. The C parser of pandas reads it in pieces with fixed names and types, and each
piece is checked as a whole; neither can tell *which* line is at fault, so a second, slow pass finds the first one and
says why. The originals and Kaggle's hourly copy differ in their layout only.
"""

from __future__ import annotations

import csv
import gzip
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, get_args
from zoneinfo import ZoneInfo

import numpy as np

from ..model.errors import DataFormatError
from .text_file import amount, compression, damaged_gzip

if TYPE_CHECKING:
    import pandas as pd
    from pandas.io.parsers import TextFileReader

Activity = Literal["sms_in", "sms_out", "call_in", "call_out", "internet"]

TIME_ZONE = "Europe/Rome"
SQUARES = 10_000
ROWS_AT_ONCE = 500_000
"""Lines parsed at once: about 40 MB."""

# The campaign with a month to spare on either side (UTC): a time outside it is a damaged field, not a long gap.
_EARLIEST_MS = 1_380_585_600_000
_LATEST_MS = 1_391_212_800_000
_CLOCK = "%Y-%m-%d %H:%M:%S"
_KAGGLE_HEADER = "datetime,CellID,countrycode,smsin,smsout,callin,callout,internet"


@dataclass(frozen=True)
class Layout:
    """How a file writes its records.

    Attributes
    ----------
    separator, header : str
        What is between fields; the first line, empty if there is none.
    key : tuple of str
        The order of square, time and country; the activities follow.
    slot_ms, squares : int
        Milliseconds of an interval; the largest square id.
    expected : str
        What every error says that a line should be.
    """

    separator: str
    header: str
    key: tuple[str, str, str]
    slot_ms: int
    squares: int
    expected: str

    @property
    def slot(self) -> str:
        """Length of an interval, as pandas writes it."""
        return f"{self.slot_ms // 60_000}min"

    @property
    def names(self) -> tuple[str, ...]:
        """All fields in their order."""
        return (*self.key, *get_args(Activity))


def _original(squares: int) -> Layout:
    expected = (
        "expected square id, epoch milliseconds, country code, sms in, sms out, call in, call out, internet, "
        "separated by tabs; trailing fields may be missing"
    )
    return Layout("\t", "", ("square", "time", "country"), 600_000, squares, expected)


ORIGINAL: Mapping[str, Layout] = MappingProxyType({"milano": _original(SQUARES), "trentino": _original(11_466)})
"""The original files by city: Milano's grid has 100 x 100 squares, Trentino's 117 x 98."""
KAGGLE = Layout(
    ",", _KAGGLE_HEADER, ("time", "square", "country"), 3_600_000, SQUARES, f"expected the columns {_KAGGLE_HEADER}"
)
"""Kaggle's "Mobile phone activity in a city": the first week of November 2013, summed over the hour, in local time."""


def pieces(path: Path, layout: Layout) -> Iterator[pd.DataFrame]:
    """Parse a file piece by piece.

    Parameters
    ----------
    path : Path
        The file, plain or gzipped.
    layout : Layout
        How it writes its records.

    Yields
    ------
    DataFrame
        Columns square, time (epoch milliseconds, UTC), country, and one per activity (nan where the field is empty).

    Raises
    ------
    DataFormatError
        If a line is malformed (names file, line, field and what was expected), or the file missing, empty or damaged.
    """
    import pandas as pd

    if layout.header:
        _check_header(path, layout)
    try:
        with damaged_gzip(path), _open(path, layout) as reader:
            yield from _checked(path, layout, reader)
    except pd.errors.EmptyDataError:
        # Some versions of pandas complain about a file without a line, others return no rows.
        raise _empty(path, layout) from None
    except DataFormatError:
        raise
    except (ValueError, OverflowError) as error:
        raise _fault_in(path, layout) from error


def _check_header(path: Path, layout: Layout) -> None:
    for _, line in numbered_lines(path):
        text = line.decode("utf-8-sig", errors="backslashreplace")
        if text != layout.header:
            raise DataFormatError(f"{path}, line 1: {text[:80]!r}; {layout.expected}")
        return
    raise _empty(path, layout)


def _open(path: Path, layout: Layout) -> TextFileReader:
    import pandas as pd

    key = {"square": "int64", "time": "str" if layout.header else "int64", "country": "int64"}
    return pd.read_csv(
        path,
        sep=layout.separator,
        header=None,
        skiprows=1 if layout.header else 0,
        # A ninth name catches lines with too many fields, which pandas would otherwise cut short.
        names=[*layout.names, "excess"],
        index_col=False,
        dtype={**dict.fromkeys(get_args(Activity), "float64"), **key, "excess": "str"},
        na_values=[""],
        keep_default_na=False,
        quoting=csv.QUOTE_NONE,
        compression=compression(path),
        chunksize=ROWS_AT_ONCE,
        encoding="ascii" if not layout.header else "utf-8-sig",
    )


def _checked(path: Path, layout: Layout, reader: TextFileReader) -> Iterator[pd.DataFrame]:
    """Pass on the pieces of a file, and refuse those that cannot be right."""
    doubtful, rows = True, 0
    for piece in reader:
        rows += len(piece)
        if layout.header:
            piece["time"] = _epoch_ms(piece["time"])
        if not _plausible(piece, layout):
            raise _fault_in(path, layout)
        if doubtful and piece[list(get_args(Activity))].isna().all(axis=1).any():
            # A line cut short looks the same here as a record whose numbers are all absent: ask once.
            if fault := _first_fault(path, layout):
                raise fault
            doubtful = False
        yield piece
    if not rows:
        raise _empty(path, layout)
    # The parser fills up lines that are cut short; where none may be, the separators tell of them.
    if layout.header and _count(path, layout.separator) != (rows + 1) * (len(layout.names) - 1):
        raise _fault_in(path, layout)


def _count(path: Path, separator: str) -> int:
    return sum(line.count(separator.encode()) for _, line in numbered_lines(path))


def _epoch_ms(clock: pd.Series[str]) -> pd.Series[int]:
    """Return local times as milliseconds of the epoch; the campaign is over before a clock is put forward or back."""
    import pandas as pd

    local = pd.to_datetime(clock, format=_CLOCK).dt.tz_localize(TIME_ZONE)
    return local.dt.tz_convert("UTC").dt.tz_localize(None).astype("datetime64[ms]").astype("int64")


def _empty(path: Path, layout: Layout) -> DataFormatError:
    return DataFormatError(f"{path}, line 1: the file is empty; {layout.expected}")


def _plausible(piece: pd.DataFrame, layout: Layout) -> bool:
    square, time, country = (piece[name].to_numpy() for name in ("square", "time", "country"))
    activities = piece[list(get_args(Activity))].to_numpy()
    return bool(
        ((square >= 1) & (square <= layout.squares)).all()
        and ((time >= _EARLIEST_MS) & (time < _LATEST_MS) & (time % layout.slot_ms == 0)).all()
        and (country >= 0).all()
        and not np.isinf(activities).any()
        and not (activities < 0).any()
        and piece["excess"].isna().all()
    )


def _fault_in(path: Path, layout: Layout) -> DataFormatError:
    """Return the error of a file that is known to have one."""
    return _first_fault(path, layout) or DataFormatError(f"{path}: cannot be parsed; {layout.expected}")


def numbered_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield the lines of a file that are not empty, without their ends, and their numbers."""
    with damaged_gzip(path), gzip.open(path) if compression(path) else path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if text := line.rstrip(b"\r\n"):
                yield number, text


def record_lines(path: Path, layout: Layout, wanted: tuple[int, int, int]) -> Iterator[int]:
    """Yield the numbers of the lines whose square, epoch milliseconds and country are `wanted`; the file is sound."""
    square, time, country = wanted
    texts = {"square": square, "time": local_time(time) if layout.header else time, "country": country}
    for number, line in numbered_lines(path):
        fields = dict(zip(layout.key, line.decode("ascii", errors="replace").split(layout.separator), strict=False))
        if all(fields[name].lstrip("0") == str(text).lstrip("0") for name, text in texts.items()):
            yield number


def local_time(epoch_ms: int) -> str:
    """Return a time as Kaggle's copy writes it."""
    return datetime.fromtimestamp(epoch_ms / 1000, ZoneInfo(TIME_ZONE)).strftime(_CLOCK)


def _first_fault(path: Path, layout: Layout) -> DataFormatError | None:
    """Read the file line by line, slowly, and say what is wrong with the first line that is wrong, if any is."""
    for number, line in numbered_lines(path):
        if (number > 1 or not layout.header) and (fault := _fault(line, layout)):
            return DataFormatError(f"{path}, line {number}: {fault}; {layout.expected}")
    return None


def _fault(line: bytes, layout: Layout) -> str | None:
    """Say what is wrong with one line, if anything is."""
    text = line.decode("ascii", errors="backslashreplace")
    if not layout.header and text.removeprefix(r"\xef\xbb\xbf") == KAGGLE.header:
        return "this is Kaggle's hourly copy, for `milano.read_kaggle`"
    fields = text.split(layout.separator)
    if layout.header and len(fields) != len(layout.names):
        return f"{len(fields)} fields, not {len(layout.names)}"
    if not 4 <= len(fields) <= 8 and not (len(fields) == 9 and not fields[8]):
        return f"{len(fields)} fields, not 4 to 8"
    for name, field in zip(layout.key, fields, strict=False):
        if fault := _KEY_FAULTS[name](field, layout):
            return fault
    for name, field in zip(layout.names[3:], fields[3:8], strict=False):
        if field and math.isnan(amount(field)):
            return f"{name} is {field!r}, not a finite number >= 0"
    return None


def _square_fault(field: str, layout: Layout) -> str | None:
    if not field.isdigit():
        return f"square is {field[:40]!r}, not a whole number"
    if 1 <= int(field) <= layout.squares:
        return None
    known = int(field) <= ORIGINAL["trentino"].squares and int(field) > 0 and not layout.header
    other = " (it is in Trentino's grid, city='trentino')" if known else ""
    return f"square is {int(field)}, not in 1 to {layout.squares}{other}"


def _country_fault(field: str, layout: Layout) -> str | None:
    return None if field.isdigit() else f"country is {field!r}, not a whole number"


def _time_fault(field: str, layout: Layout) -> str | None:
    if layout.header:
        try:
            time = datetime.strptime(field, _CLOCK)
        except ValueError:
            time = datetime.min
        good = datetime(2013, 10, 1) <= time < datetime(2014, 2, 1) and not (time.minute or time.second)
        return None if good else f"time is {field!r}, not YYYY-MM-DD HH:00:00 between October 2013 and January 2014"
    if not field.isdigit():
        return f"time is {field!r}, not a whole number"
    if not _EARLIEST_MS <= int(field) < _LATEST_MS or int(field) % layout.slot_ms:
        return f"time is {int(field)}, not a multiple of 10 minutes between October 2013 and January 2014"
    return None


_KEY_FAULTS: Mapping[str, Callable[[str, Layout], str | None]] = MappingProxyType(
    {"square": _square_fault, "time": _time_fault, "country": _country_fault}
)
