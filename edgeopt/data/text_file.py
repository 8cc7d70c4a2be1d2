"""Text files, plain or gzipped: read whole, or refused with the reason."""

from __future__ import annotations

import gzip
from pathlib import Path

from ..core.errors import DataFormatError
from .telecom_italia import damaged_gzip


def read_text(path: Path) -> str:
    """Return the text of a file; gzipped if its name ends in ``.gz``.

    Raises
    ------
    DataFormatError
        If the file is missing, damaged, or no UTF-8 text.
    """
    try:
        with damaged_gzip(path):
            raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except OSError as error:
        raise DataFormatError(f"{path} cannot be read: {error.strerror or error}") from error
    return decoded(path, raw)


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
