"""The CSV tables of published DNN profiles: read as text, checked column by column, refused with the line at fault.

Each collection has its own reader (`layer_timings`, `scission`, `portend`); this is what they share. Units change in
the readers: the files hold milliseconds, bytes and Mbit/s, edgeopt works in seconds, bits and bit/s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from ..model.errors import DataFormatError
from .text_file import compression, damaged_gzip

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

Column = Literal["text", "count", "positive", "amount"]
"""What a column holds: text, a whole number >= 0 or >= 1, or a finite number >= 0."""

_EXPECTED: Mapping[Column, str] = {
    "text": "a text",
    "count": "a whole number >= 0",
    "positive": "a whole number >= 1",
    "amount": "a finite number >= 0",
}


def read_columns(path: str | Path, columns: Mapping[str, Column], once: Sequence[str] = ()) -> pd.DataFrame:
    """Read a CSV file with a header, plain or gzipped.

    Parameters
    ----------
    path : path
        The file.
    columns : mapping of str to Column
        The columns to keep and what each holds; others are ignored.
    once : sequence of str
        The columns whose fields together are in one line only; none if lines may repeat.

    Returns
    -------
    DataFrame
        These columns: str, int64 or float64.

    Raises
    ------
    DataFormatError
        If the file is missing, empty or damaged, lacks a column or has it twice, a field is not what its column holds,
        or a line repeats another; names file, line, column and value.
    """
    path = Path(path)
    raw = _text(path)
    if twice := [name for name in columns if f"{name}.1" in raw.columns]:
        # The parser numbers a name that is there again.
        raise DataFormatError(f"{path}, line 1: column {twice[0]!r} is there twice; drop or rename one of them")
    if missing := [name for name in columns if name not in raw.columns]:
        raise DataFormatError(f"{path}, line 1: no column {missing[0]!r}; found {', '.join(map(str, raw.columns))}")
    if raw.empty:
        raise DataFormatError(f"{path}: no line after the header; expected {', '.join(columns)}")
    parsed = {name: _parsed(path, name, raw[name], kind) for name, kind in columns.items()}
    frame = raw[list(columns)].assign(**parsed)
    if once:
        demand_once(path, frame, once)
    return frame


def demand_once(path: str | Path, frame: pd.DataFrame, columns: Sequence[str]) -> None:
    """Refuse a line of a table, a row for each line, that has the fields of an earlier one in `columns`.

    Raises
    ------
    DataFormatError
        Names both lines and the fields.
    """
    repeated = frame.duplicated(list(columns)).to_numpy()
    if repeated.any():
        row = int(np.argmax(repeated))
        same = (frame[list(columns)] == frame[list(columns)].iloc[row]).all(axis=1).to_numpy()
        fields = ", ".join(f"{name} {frame[name].iloc[row]}" for name in columns)
        raise DataFormatError(
            f"{path}, line {row + 2}: {fields} is in line {int(np.argmax(same)) + 2} already; drop one of the two"
        )


def find(folder: str | Path, name: str) -> Path:
    """Return the file `name` of a folder, or ``NAME.gz`` if only that is there.

    Raises
    ------
    DataFormatError
        If neither is there.
    """
    plain = Path(folder) / name
    for path in (plain, plain.with_name(f"{name}.gz")):
        if path.is_file():
            return path
    raise DataFormatError(f"{plain}: no such file, nor {name}.gz; expected it in the folder of the data set")


def _text(path: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        with damaged_gzip(path):
            # Blank lines are kept, so that a row's number tells its line; an index of its own is a line too long.
            frame = pd.read_csv(
                path,
                dtype=str,
                keep_default_na=False,
                skip_blank_lines=False,
                skipinitialspace=True,
                compression=compression(path),
            )
    except DataFormatError:
        raise
    except OSError as error:
        raise DataFormatError(f"{path} cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise DataFormatError(f"{path}: {str(error).strip()}; expected CSV with a header") from error
    if not isinstance(frame.index, pd.RangeIndex):
        raise DataFormatError(f"{path}, line 2: more fields than the {len(frame.columns)} of the header")
    return frame


def _parsed(path: Path, name: str, text: pd.Series[str], kind: Column) -> NDArray[np.float64 | np.int64 | np.object_]:
    import pandas as pd

    if kind == "text":
        good = (text.fillna("") != "").to_numpy()
        values: NDArray[np.float64 | np.int64 | np.object_] = text.to_numpy(object)
    else:
        numbers = pd.to_numeric(text, errors="coerce").to_numpy(np.float64, na_value=np.nan)
        good = np.isfinite(numbers) & (numbers >= (1 if kind == "positive" else 0))
        if kind != "amount":
            good &= numbers == np.floor(np.where(good, numbers, 0.0))
        values = numbers
    if not good.all():
        row = int(np.argmin(good))
        raise DataFormatError(f"{path}, line {row + 2}: {name} is {text.iloc[row]!r}; expected {_EXPECTED[kind]}")
    return values.astype(np.int64) if kind in ("count", "positive") else values
