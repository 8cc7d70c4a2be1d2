"""Traffic matrices in text, one a line: what their readers share."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..model.errors import DataFormatError
from .text_file import read_text


def read_lines(path: Path) -> list[str]:
    """Return the lines of a text file, plain or gzipped.

    Raises
    ------
    DataFormatError
        If the file is missing, damaged, or no text.
    """
    return read_text(path).splitlines(keepends=True)


def read_rates(path: Path, number: int, fields: list[str]) -> list[float]:
    """Return the rates of one line.

    Raises
    ------
    DataFormatError
        If a field is no number >= 0; names line and rate.
    """
    values = []
    for column, field in enumerate(fields):
        try:
            value = float(field)
        except ValueError:
            value = np.nan
        if not (np.isfinite(value) and value >= 0):
            raise DataFormatError(f"{path}, line {number}, rate {column + 1}: {field!r}; expected a number >= 0")
        values.append(value)
    return values
