"""Text files, plain or gzipped: read whole, or refused with the reason."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from ..exchange.file_limits import gunzip, read, size_of
from ..model.errors import DataFormatError

_GZIP = b"\x1f\x8b"
"""How every gzip file begins, and no text."""


def read_text(path: Path) -> str:
    """Return the text of a file, plain or gzipped.

    Raises
    ------
    DataFormatError
        If the file is missing, damaged, unpacks to too much, or is no UTF-8 text.
    """
    raw = read(path)
    with damaged_gzip(path):
        return decoded(path, gunzip(path, raw) if path.suffix == ".gz" or raw.startswith(_GZIP) else raw)


def decoded(path: Path, raw: bytes) -> str:
    """Return `raw`, the content of `path`, as text without a byte order mark.

    Raises
    ------
    DataFormatError
        If it is no UTF-8 text.
    """
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataFormatError(f"{path}: not text ({error.reason} at byte {error.start})") from error


def compression(path: Path) -> Literal["gzip"] | None:
    """Return how pandas has to unpack a file: ``"gzip"`` by its name ``.gz`` or its first bytes, else None.

    Raises
    ------
    DataFormatError
        If it is no file, or cannot be read.
    """
    size_of(path)
    try:
        with path.open("rb") as file:
            return "gzip" if path.suffix == ".gz" or file.read(len(_GZIP)) == _GZIP else None
    except OSError as error:
        raise DataFormatError(f"{path} cannot be read: {error.strerror or error}") from error


@contextmanager
def damaged_gzip(path: Path) -> Iterator[None]:
    """Turn what a cut or damaged gzip file raises into a `DataFormatError`; refuse what is no file at all."""
    size_of(path)
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataFormatError(f"{path}: damaged gzip ({error}); fetch or copy the file again") from error
