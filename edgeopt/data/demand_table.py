"""Tables of one's own: a CSV file with a column of times and a column of demands for each slice."""

from __future__ import annotations

import csv
import io
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..model.errors import DataFormatError, InvalidOptionError
from .text_file import amount, read_text

if TYPE_CHECKING:
    import pandas as pd

_SEPARATORS = ",;\t"
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_OFFSET = re.compile(r"(Z|[+-]\d\d(:?\d\d)?)$")
_EXCHANGED = str.maketrans(",.", ".,")
_NUMBER = re.compile(r"[\d.,]+")


def read_demands(path: str | Path, *, decimal: str = ".") -> pd.DataFrame:
    """Read demands from a CSV file, plain or gzipped: the first column holds times, each other one a slice.

    Fields are separated by commas, semicolons or tabs. Numbers have no sign between thousands.

    Parameters
    ----------
    path : path
        Its first line names the columns. Times are dates with a time of day in ISO 8601, ``2013-11-01 00:10``, all
        with an offset from UTC or all without; those with one become times in UTC.
    decimal : {".", ","}
        Sign before the decimals of a number.

    Returns
    -------
    DataFrame, time x slice
        float64, in the order of the file; whether its slots are regular is for its reader to say.

    Raises
    ------
    DataFormatError
        If the file is missing or damaged, has no slice or no row, a name is missing or there twice, a line has more or
        fewer fields than the first, a time is none, or a demand is empty, no number, negative or not finite: names the
        line.
    InvalidOptionError
        If `decimal` is another sign.
    """
    import pandas as pd

    if decimal not in (".", ","):
        raise InvalidOptionError(f"decimal is {decimal!r}; expected '.' or ','")

    path = Path(path)
    text = read_text(path)
    first = text.split("\n", 1)[0]
    separator = max(_SEPARATORS, key=first.count)
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
        lines = [(reader.line_num, fields) for fields in reader if fields]
    except csv.Error as error:
        raise DataFormatError(f"{path} cannot be read as CSV: {error}") from error
    names = _names(path, lines[0][1] if lines else [])
    if len(lines) < 2:
        raise DataFormatError(f"{path} has no row below its first line; expected a row for each slot")
    for number, fields in lines[1:]:
        if len(fields) != len(names) + 1:
            raise DataFormatError(
                f"{path}, line {number}: {len(fields)} fields; the first line names {len(names) + 1} columns"
            )
    times = _times(path, [(number, fields[0].strip()) for number, fields in lines[1:]])
    values = np.empty((len(times), len(names)))
    for row, (number, fields) in enumerate(lines[1:]):
        values[row] = [
            _demand(path, number, name, field, decimal) for name, field in zip(names, fields[1:], strict=True)
        ]
    return pd.DataFrame(values, index=times, columns=names)


def _names(path: Path, fields: list[str]) -> list[str]:
    names = [field.strip() for field in fields[1:]]
    if not names:
        raise DataFormatError(
            f"{path}, line 1: expected the names of a column of times and of at least one slice, separated by commas, "
            "semicolons or tabs"
        )
    for place, name in enumerate(names):
        if not name:
            raise DataFormatError(f"{path}, line 1: column {place + 2} has no name; name the slice")
        if name in names[:place]:
            raise DataFormatError(f"{path}, line 1: the name {name!r} is there twice; each slice needs its own")
    return names


def _demand(path: Path, line: int, name: str, field: str, decimal: str) -> float:
    value = amount(field if decimal == "." else field.translate(_EXCHANGED))
    if math.isfinite(value):
        return value
    what = repr(field) if field.strip() else "empty"
    sign = "point" if decimal == "." else "comma"
    raise DataFormatError(
        f"{path}, line {line}: the demand of {name} is {what}; expected a finite number of at least 0, with a decimal "
        f"{sign} and no sign between thousands ({_remedy(field, decimal)})"
    )


def _remedy(field: str, decimal: str) -> str:
    """Return what helps with a demand that cannot be read."""
    if decimal == "." and "," in field:
        return "a decimal comma is read with --decimal ,; in Python, read_demands(path, decimal=',')"
    if decimal == "," and "." in field:
        return "a decimal point is read by default"
    return "fill gaps first"


def _times(path: Path, fields: list[tuple[int, str]]) -> pd.DatetimeIndex:
    import pandas as pd

    # pandas takes a bare number for a year, and a time without an offset among others for UTC.
    aware = [_OFFSET.search(text, 10) is not None for _, text in fields]
    plain = all(_DATE.match(text) for _, text in fields) and len(set(aware)) == 1
    if plain:
        try:
            return pd.DatetimeIndex(
                pd.to_datetime([text for _, text in fields], format="ISO8601", utc=aware[0]), name="time"
            )
        except ValueError:
            pass
    wrong = next((i for i, (_, text) in enumerate(fields) if not _is_time(text) or aware[i] != aware[0]), 0)
    line, text = fields[wrong]
    if _NUMBER.fullmatch(text):
        raise DataFormatError(
            f"{path}, line {line}: the time is {text!r}, a number; expected the times in the first column, as in "
            "2013-11-01 00:10 (drop a column of row numbers: to_csv(index=False); make times of seconds since 1970: "
            "pandas.to_datetime(column, unit='s'))"
        )
    raise DataFormatError(
        f"{path}, line {line}: the time is {text!r}; expected ISO 8601 as in 2013-11-01 00:10, with an offset from UTC "
        "on all lines or on none"
    )


def _is_time(text: str) -> bool:
    import pandas as pd

    try:
        return bool(_DATE.match(text)) and not pd.isna(pd.to_datetime(text, format="ISO8601"))
    except ValueError:
        return False
