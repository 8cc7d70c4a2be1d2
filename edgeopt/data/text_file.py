"""Text files, plain or gzipped: read whole, or refused with the reason."""

from __future__ import annotations

import gzip
import math
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from ..exchange.file_limits import gunzip, read, size_of
from ..model.errors import DataFormatError

_GZIP = b"\x1f\x8b"
"""How every gzip file begins, and no text."""
_PACKED = {b"PK\x03\x04": "zip archive", b"BZh": "bzip2 file", b"\xfd7zXZ\0": "xz file"}
"""How files begin that have to be unpacked first."""
_ENCODING = re.compile(rb"<\?xml [^>]*encoding=[\"'](iso-8859-1|latin-1)[\"']", re.IGNORECASE)
"""How XML files declare the one other encoding in use, SNDlib's."""
_TAR, _TAR_PLACE = b"ustar", 257
"""What a tar archive holds there, and no text."""


def amount(text: str) -> float:
    """Return the number >= 0 that `text` writes; nan if it writes none, or one that is not finite."""
    try:
        value = float(text)
    except ValueError:
        return math.nan
    # Python's own notation of numbers knows underscores and the digits of all scripts; files of numbers do not.
    return value if 0 <= value < math.inf and "_" not in text and text.isascii() else math.nan


def read_text(path: Path) -> str:
    """Return the text of a file, plain or gzipped.

    Raises
    ------
    DataFormatError
        If the file is missing, damaged, an archive, unpacks to too much, or is no text.
    """
    return text_of(path, read(path))


def text_of(path: Path, raw: bytes) -> str:
    """Return `raw`, the content of `path`, plain or gzipped, as text without a byte order mark.

    Text is UTF-8, or what the first line of an XML file declares.

    Raises
    ------
    DataFormatError
        If it is damaged, an archive, unpacks to too much, or is no text.
    """
    with damaged_gzip_of(path):
        content = gunzip(path, raw) if path.suffix == ".gz" or raw.startswith(_GZIP) else raw
    _demand_no_archive(path, content)
    declared = _ENCODING.match(content)
    try:
        return content.decode("iso-8859-1" if declared else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataFormatError(
            f"{path}: not text ({error.reason} at byte {error.start}); expected UTF-8, save it so"
        ) from error


def compression(path: Path) -> Literal["gzip"] | None:
    """Return how pandas has to unpack a file: ``"gzip"`` by its name ``.gz`` or its first bytes, else None.

    Raises
    ------
    DataFormatError
        If it is no file, cannot be read, or is an archive.
    """
    size_of(path)
    try:
        with path.open("rb") as file:
            packed = path.suffix == ".gz" or file.read(len(_GZIP)) == _GZIP
        with damaged_gzip(path), gzip.open(path) if packed else path.open("rb") as content:
            _demand_no_archive(path, content.read(_TAR_PLACE + len(_TAR)))
    except OSError as error:
        raise DataFormatError(f"{path} cannot be read: {error.strerror or error}") from error
    return "gzip" if packed else None


def _demand_no_archive(path: Path, content: bytes) -> None:
    kind = next((kind for head, kind in _PACKED.items() if content.startswith(head)), "")
    if content[_TAR_PLACE:].startswith(_TAR):
        kind = "tar archive"
    if kind:
        raise DataFormatError(f"{path}: a {kind}; expected a text file, plain or gzipped. Unpack it first")


@contextmanager
def damaged_gzip(path: Path) -> Iterator[None]:
    """Turn what a cut or damaged gzip file raises into a `DataFormatError`; refuse what is no file at all."""
    size_of(path)
    with damaged_gzip_of(path):
        yield


@contextmanager
def damaged_gzip_of(path: Path) -> Iterator[None]:
    """Turn what cut or damaged gzip content raises into a `DataFormatError`; `path` may lie within an archive."""
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataFormatError(f"{path}: damaged gzip ({error}); fetch or copy the file again") from error
