"""Traffic matrices in text, one a line: what their readers share."""

from __future__ import annotations

import math
from pathlib import Path

from ..model.errors import DataFormatError
from .text_file import amount, read_text


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
    values = [amount(field) for field in fields]
    for column, value in enumerate(values):
        if math.isnan(value):
            raise DataFormatError(
                f"{path}, line {number}, rate {column + 1}: {fields[column]!r}; expected a number >= 0"
            )
    return values
