"""The lines of the original Telecom Italia files: parsed fast, and judged one by one only when something is wrong.

A day of Milano is a file of 300 MB. The C parser of pandas reads it in pieces with fixed names and types, and each
piece is checked as a whole; neither can tell *which* line is at fault, so a second, slow pass finds the first one and
says why.
"""

from __future__ import annotations

import csv
import gzip
import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from ..exchange.file_limits import size_of
from ..model.errors import DataFormatError

if TYPE_CHECKING:
    import pandas as pd
    from pandas.io.parsers import TextFileReader

Activity = Literal["sms_in", "sms_out", "call_in", "call_out", "internet"]

SLOT_MS = 600_000
SQUARES = 10_000
ROWS_AT_ONCE = 500_000
"""Lines parsed at once: about 40 MB."""

# The campaign with a month to spare on either side (UTC): a time outside it is a damaged field, not a long gap.
_EARLIEST_MS = 1_380_585_600_000
_LATEST_MS = 1_391_212_800_000
_LAYOUT = ("square", "time", "country", *get_args(Activity))
_EXPECTED = (
    "expected square id, epoch milliseconds, country code, sms in, sms out, call in, call out, internet, "
    "separated by tabs; trailing fields may be missing"
)


def pieces(path: Path) -> Iterator[pd.DataFrame]:
    """Parse a file piece by piece.

    Parameters
    ----------
    path : Path
        Original file, gzipped if its name ends in ``.gz``.

    Yields
    ------
    DataFrame
        Columns square, time (epoch milliseconds, UTC), country, and one per activity (nan where the field is empty).

    Raises
    ------
    DataFormatError
        If a line is malformed (names file, line, field and what was expected), or the file empty or damaged.
    """
    import pandas as pd

    try:
        with damaged_gzip(path), _open(path) as reader:
            yield from _checked(path, reader)
    except pd.errors.EmptyDataError:
        # Some versions of pandas complain about a file without a line, others return no rows.
        raise _empty(path) from None
    except DataFormatError:
        raise
    except (ValueError, OverflowError) as error:
        raise _fault_in(path) from error


def _open(path: Path) -> TextFileReader:
    import pandas as pd

    whole = dict.fromkeys(("square", "time", "country"), "int64")
    return pd.read_csv(
        path,
        sep="\t",
        header=None,
        # A ninth name catches lines with too many fields, which pandas would otherwise cut short.
        names=[*_LAYOUT, "excess"],
        index_col=False,
        dtype={**dict.fromkeys(_LAYOUT, "float64"), **whole, "excess": "str"},
        na_values=[""],
        keep_default_na=False,
        quoting=csv.QUOTE_NONE,
        compression="gzip" if path.suffix == ".gz" else None,
        chunksize=ROWS_AT_ONCE,
        encoding="ascii",
    )


def _checked(path: Path, reader: TextFileReader) -> Iterator[pd.DataFrame]:
    """Pass on the pieces of a file, and refuse those that cannot be right."""
    doubtful, empty = True, True
    for piece in reader:
        empty = empty and piece.empty
        if not _plausible(piece):
            raise _fault_in(path)
        if doubtful and _has_empty_record(piece):
            # A line cut short looks the same here as a record whose numbers are all absent: ask once.
            if fault := _first_fault(path):
                raise fault
            doubtful = False
        yield piece
    if empty:
        raise _empty(path)


def _empty(path: Path) -> DataFormatError:
    return DataFormatError(f"{path}, line 1: the file is empty; {_EXPECTED}")


def _has_empty_record(piece: pd.DataFrame) -> bool:
    return bool(piece[list(get_args(Activity))].isna().all(axis=1).any())


def _plausible(piece: pd.DataFrame) -> bool:
    square, time, country = (piece[name].to_numpy() for name in ("square", "time", "country"))
    activities = piece[list(get_args(Activity))].to_numpy()
    return bool(
        ((square >= 1) & (square <= SQUARES)).all()
        and ((time >= _EARLIEST_MS) & (time < _LATEST_MS) & (time % SLOT_MS == 0)).all()
        and (country >= 0).all()
        and not np.isinf(activities).any()
        and not (activities < 0).any()
        and piece["excess"].isna().all()
    )


def _fault_in(path: Path) -> DataFormatError:
    """Return the error of a file that is known to have one."""
    return _first_fault(path) or DataFormatError(f"{path}: cannot be parsed; {_EXPECTED}")


def _first_fault(path: Path) -> DataFormatError | None:
    """Read the file line by line, slowly, and say what is wrong with the first line that is wrong, if any is."""
    with damaged_gzip(path), gzip.open(path) if path.suffix == ".gz" else path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            text = line.rstrip(b"\r\n")
            fault = _fault(text) if text else None
            if fault:
                return DataFormatError(f"{path}, line {number}: {fault}; {_EXPECTED}")
    return None


def _fault(line: bytes) -> str | None:
    """Say what is wrong with one line, if anything is."""
    fields = line.decode("ascii", errors="backslashreplace").split("\t")
    if not 4 <= len(fields) <= 8 and not (len(fields) == 9 and not fields[8]):
        return f"{len(fields)} fields, not 4 to 8"
    for name, field in zip(_LAYOUT[:3], fields, strict=False):
        if not field.isdigit():
            return f"{name} is {field!r}, not a whole number"
    square, time = int(fields[0]), int(fields[1])
    if not 1 <= square <= SQUARES:
        return f"square is {square}, not in 1 to {SQUARES}"
    if not _EARLIEST_MS <= time < _LATEST_MS or time % SLOT_MS:
        return f"time is {time}, not a multiple of 10 minutes between October 2013 and January 2014"
    for name, field in zip(_LAYOUT[3:], fields[3:8], strict=False):
        if field and not _is_amount(field):
            return f"{name} is {field!r}, not a finite number >= 0"
    return None


def _is_amount(field: str) -> bool:
    try:
        return math.isfinite(float(field)) and float(field) >= 0
    except ValueError:
        return False


@contextmanager
def damaged_gzip(path: Path) -> Iterator[None]:
    """Turn what a cut or damaged gzip file raises into a `DataFormatError`; refuse what is no file at all."""
    if path.exists():
        size_of(path)
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataFormatError(f"{path}: damaged gzip ({error}); fetch or copy the file again") from error
