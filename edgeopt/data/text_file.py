"""Text files, plain or gzipped: read whole, or refused with the reason."""

from __future__ import annotations

from pathlib import Path

from ..exchange.file_limits import gunzip, read
from ..model.errors import DataFormatError
from .telecom_italia import damaged_gzip


def read_text(path: Path) -> str:
    """Return the text of a file; gzipped if its name ends in ``.gz``.

    Raises
    ------
    DataFormatError
        If the file is missing, damaged, unpacks to too much, or is no UTF-8 text.
    """
    raw = read(path)
    with damaged_gzip(path):
        return decoded(path, gunzip(path, raw) if path.suffix == ".gz" else raw)


def decoded(path: Path, raw: bytes) -> str:
    """Return `raw`, the content of `path`, as text.

    Raises
    ------
    DataFormatError
        If it is no UTF-8 text.
    """
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise DataFormatError(f"{path}: not text ({error.reason} at byte {error.start})") from error
