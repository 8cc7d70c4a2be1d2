"""How much a file may unpack to, and which files are read at all: the bounds of all readers, in one place.

A few megabytes of zip or gzip can stand for terabytes of zeros, and a named pipe for a file that never ends. Readers
ask here first, and refuse with the file, its size and what to do.
"""

from __future__ import annotations

import os
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from ..model.errors import DataFormatError, InvalidOptionError

Member = TypeVar("Member")

LEAST = 2**30
"""Bytes that any file may unpack to, however small it is."""
RATIO = 100
"""How many times its size a larger file may unpack to; text and tables reach some tens."""
MEMBERS = 100_000
"""Most members of an archive."""
VARIABLE = "EDGEOPT_MAX_UNPACKED"
"""Environment variable with another bound, bytes, for files that are trusted."""


def most(packed: int) -> int:
    """Return how many bytes a file of `packed` bytes may unpack to.

    Raises
    ------
    InvalidOptionError
        If the environment variable is no number of bytes.
    """
    if not (given := os.environ.get(VARIABLE, "")):
        return max(LEAST, RATIO * packed)
    if not given.isdecimal():
        raise InvalidOptionError(f"{VARIABLE} is {given!r}; expected a number of bytes")
    return int(given)


def size_of(path: Path, shown: str = "") -> int:
    """Return the size of a regular file, which an error calls `shown` (its path by default).

    Raises
    ------
    DataFormatError
        If there is none, or if it is a folder, pipe, socket or device.
    """
    try:
        found = path.stat()
    except (OSError, ValueError) as error:
        words = getattr(error, "strerror", None) or error
        raise DataFormatError(f"{shown or path} cannot be read: {words}") from error
    if not stat.S_ISREG(found.st_mode):
        kind = "a folder" if stat.S_ISDIR(found.st_mode) else "a pipe, socket or device"
        raise DataFormatError(f"{shown or path} cannot be read: it is {kind}; expected a file")
    return found.st_size


def read(path: Path, shown: str = "") -> bytes:
    """Return the content of a regular file, which an error calls `shown` (its path by default).

    Raises
    ------
    DataFormatError
        If there is none, or if it cannot be read.
    """
    size_of(path, shown)
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataFormatError(f"{shown or path} cannot be read: {error.strerror or error}") from error


def gunzip(path: Path, packed: bytes) -> bytes:
    """Return what `packed`, the content of gzip file `path`, unpacks to.

    Raises
    ------
    DataFormatError
        If it would unpack to more than a file of its size may.
    EOFError, zlib.error
        If it is cut or damaged.
    """
    bound, found, rest = most(len(packed)), bytearray(), packed
    while rest:
        stream = zlib.decompressobj(wbits=31)
        found += stream.decompress(rest, bound + 1 - len(found))
        if len(found) > bound or stream.unconsumed_tail:
            raise _too_large(path, len(packed), "more", bound)
        if not stream.eof:
            raise EOFError("it ends before its end marker")
        rest = stream.unused_data.lstrip(b"\0")  # another part may follow, or padding
    return bytes(found)


def within(path: Path, packed: int, members: Iterable[Member], size: Callable[[Member], int]) -> Iterator[Member]:
    """Yield an archive's members while they unpack to no more than they may together.

    Raises
    ------
    DataFormatError
        At the member with which they are too many, or too large.
    """
    bound, total = most(packed), 0
    for count, member in enumerate(members, 1):
        total += size(member)
        if total > bound:
            raise _too_large(path, packed, f"{total} or more", bound)
        if count > MEMBERS:
            raise DataFormatError(f"{path} holds more than {MEMBERS} members; unpack what you need of it yourself")
        yield member


def check_zip(path: Path) -> None:
    """Refuse a zip archive (npz is one) that unpacks to too much; one that is damaged is left to its reader.

    Raises
    ------
    DataFormatError
        If it is no regular file, or its members are too many or too large.
    """
    packed = size_of(path)
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except Exception:  # zipfile raises a dozen kinds of errors for damaged archives, and so will the reader
        return
    for _ in within(path, packed, members, lambda member: member.file_size):
        pass


def _too_large(path: Path, packed: int, unpacked: str, bound: int) -> DataFormatError:
    return DataFormatError(
        f"{path} has {packed} bytes and would unpack to {unpacked}; the limit is {bound}. If you trust the file, "
        f"set the environment variable {VARIABLE} to a larger number of bytes"
    )
