r"""Unpack a downloaded archive without letting it write anywhere else.

A member's name is a claim by a stranger: ``../../.bashrc``, ``/etc/passwd``, ``C:\x`` or a link to a folder outside
would all be followed by a naive extraction. Every member is judged before the first byte is written. Links are refused
whether or not they seem to stay inside: a data set needs none, and two harmless ones can make an escape together.
"""

from __future__ import annotations

import lzma
import re
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from ..exchange.file_limits import size_of, within
from ..exchange.writing import alone_in
from ..model.errors import DataFormatError

_STAGING = ".unpacking-"

Member = tuple[str, Callable[[], IO[bytes] | None]]


def unpack(archive: str | Path, directory: str | Path) -> list[Path]:
    """Unpack a tar (plain, gz, bz2, xz) or zip archive into `directory`, all of it or nothing.

    Parameters
    ----------
    archive : path
        File to unpack; it is left in place.
    directory : path
        Where to put the members; made if missing. A file that is already there is replaced.

    Returns
    -------
    list of Path
        The unpacked files, in the archive's order.

    Raises
    ------
    DataFormatError
        If a member's path is absolute or leaves the directory, a member is a link or a device, a member cannot be put
        there (a file lies where it needs a folder, its name is too long, …), the members are too large together, or
        the archive is damaged. Nothing has been written to `directory` then.
    """
    archive, directory = Path(archive), Path(directory)
    with _staging(archive, directory) as staging, _readable(archive) as members:
        names = [_extract(archive, source, staging, name) for name, source in members]
        # An archive that holds a name twice means the later one.
        unique = list(dict.fromkeys(names))
        for name in unique:
            _check_place(archive, directory, name)
        for name in unique:
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            (staging / name).replace(directory / name)
    return [directory / name for name in unique]


@contextmanager
def _staging(archive: Path, directory: Path) -> Iterator[Path]:
    """Make a folder for the members beside their places; remove those of calls that were killed."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataFormatError(f"{archive} cannot be unpacked into {directory}: {error.strerror or error}") from error
    with alone_in(directory) as alone:
        for left in directory.glob(f"{_STAGING}*") if alone else ():
            shutil.rmtree(left, ignore_errors=True)
        with tempfile.TemporaryDirectory(dir=directory, prefix=_STAGING) as staging:
            yield Path(staging)


def _extract(archive: Path, source: Callable[[], IO[bytes] | None], root: Path, name: str) -> str:
    stream = source()
    if stream is None:  # pragma: no cover - a regular member always has content
        raise DataFormatError(f"member {name} has no content")
    target = root / name
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        file = target.open("wb")
    except OSError as error:
        stream.close()
        raise _misplaced(archive, name, error.strerror or str(error)) from error
    with stream, file:
        shutil.copyfileobj(stream, file)
    return name


def _check_place(archive: Path, directory: Path, name: str) -> None:
    """Refuse a member whose place is taken by a folder, or one of whose folders is a file."""
    place = directory / name
    if place.is_dir():
        raise _misplaced(archive, name, f"{place} is a folder")
    for folder in place.parents:
        if folder == directory:
            return
        if folder.exists() and not folder.is_dir():
            raise _misplaced(archive, name, f"{folder} is a file")


def _misplaced(archive: Path, name: str, words: str) -> DataFormatError:
    shown = name if len(name) <= 80 else f"{name[:77]}… ({len(name)} characters)"
    return DataFormatError(
        f"{archive}: member {shown} cannot be unpacked ({words}); choose another folder, or unpack it by other means"
    )


@contextmanager
def _readable(archive: Path) -> Iterator[list[Member]]:
    """Open the archive, judge every member, and yield the files among them."""
    size = size_of(archive)
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as opened:
                listed = within(archive, size, opened.infolist(), lambda info: info.file_size)
                yield [_zip_member(archive, opened, info) for info in listed if not info.is_dir()]
        else:
            with tarfile.open(archive) as packed:
                judged = within(archive, size, packed, lambda info: info.size)
                yield [_tar_member(archive, packed, info) for info in judged if not _is_plain_folder(archive, info)]
    except (tarfile.TarError, zipfile.BadZipFile, lzma.LZMAError, zlib.error, EOFError, RuntimeError) as error:
        # RuntimeError: a password is wanted, or a compression that this Python does not know.
        raise DataFormatError(f"{archive}: damaged, or no tar or zip archive ({error}); fetch it again") from error
    except OSError as error:
        raise DataFormatError(f"{archive} cannot be unpacked: {error.strerror or error}") from error


def _zip_member(archive: Path, opened: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member:
    # The upper half of the attributes is the Unix mode; 0o12 marks a symbolic link.
    if info.external_attr >> 28 == 0o12:
        raise DataFormatError(f"{archive}: member {info.filename} is a link; expected files and folders only")
    return _safe_name(archive, info.filename), lambda: opened.open(info)


def _tar_member(archive: Path, packed: tarfile.TarFile, info: tarfile.TarInfo) -> Member:
    if not info.isreg():
        kind = f"a link to {info.linkname}" if info.issym() or info.islnk() else "a device"
        raise DataFormatError(f"{archive}: member {info.name} is {kind}; expected files and folders only")
    return _safe_name(archive, info.name), lambda: packed.extractfile(info)


def _is_plain_folder(archive: Path, info: tarfile.TarInfo) -> bool:
    # `tar -C folder .` writes a member for the folder itself.
    return info.isdir() and (info.name == "." or bool(_safe_name(archive, info.name)))


def _safe_name(archive: Path, name: str) -> str:
    """Return the member's relative path, or refuse it."""
    path = PurePosixPath(name)
    windows = "\\" in name or re.match(r"[A-Za-z]:", name)
    if path.is_absolute() or ".." in path.parts or windows or "\0" in name or not path.parts:
        raise DataFormatError(f"{archive}: member {name!r} leaves the folder; expected relative paths without '..'")
    return str(path)
