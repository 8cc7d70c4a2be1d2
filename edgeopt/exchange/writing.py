"""Write files whole or not at all, one writer at a time in a folder, and clear up after writers that were killed.

New content goes to a file beside the old one that is then renamed. Where the system can lock a folder, a writer knows
that it is alone: what carries a temporary name then was left by one that was killed, and is taken over or removed.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ..model.errors import DataFormatError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

PATIENCE = 60.0
"""Seconds to wait for another writer; one that takes longer is taken to hang, and no longer waited for."""
_POLL = 0.005
_ENDING = ".part"


def write_atomically(path: Path, content: bytes) -> None:
    """Write `content` to a temporary file beside `path`, then rename it: the file is whole or absent.

    Raises
    ------
    DataFormatError
        If it cannot be written there.
    """
    with alone_in(path.parent) as alone:
        replace_files([(path, part_of(path), content)], alone)


def part_of(path: Path) -> Path:
    """Return the name that the new content of `path` has until it is whole."""
    return path.with_name(f".{path.name}{_ENDING}")


def replace_files(files: Sequence[tuple[Path, Path, bytes]], alone: bool) -> None:
    """Write all `files` (path, temporary path, content), then rename them in this order; for who is in `alone_in`.

    A writer that is alone uses the temporary names as they are, so that it takes over what a killed one left.

    Raises
    ------
    DataFormatError
        If one cannot be written; those before it may be in place then.
    """
    staged: list[Path] = []
    try:
        for _, part, content in files:
            staged.append(part if alone else _random(part))
            _fill(staged[-1], content)
        for (path, _, _), part in zip(files, staged, strict=True):
            part.replace(path)
    except BaseException as error:
        for part in staged:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
        if isinstance(error, (OSError, ValueError)):
            words = getattr(error, "strerror", None) or error
            raise DataFormatError(f"{files[-1][0]} cannot be written: {words}") from error
        raise


def _random(part: Path) -> Path:
    """Return a temporary name that no other writer uses."""
    return part.with_name(part.name.removesuffix(_ENDING) + f".{secrets.token_hex(4)}{_ENDING}")


def _fill(part: Path, content: bytes) -> None:
    part.unlink(missing_ok=True)  # never through a link that lies there
    with part.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.chmod(0o644)


@contextmanager
def alone_in(folder: Path) -> Iterator[bool]:
    """Hold `folder` against other writers; yields whether the system could grant that."""
    held = _lock(folder)
    try:
        yield held is not None
    finally:
        if held is not None:
            fcntl.flock(held, fcntl.LOCK_UN)  # closing alone would leave it to a child that was forked meanwhile
            os.close(held)


def _lock(folder: Path) -> int | None:
    """Return a handle of the folder, locked; None where that cannot be had."""
    if fcntl is None:
        return None
    try:
        opened = os.open(folder, os.O_RDONLY)
    except OSError:
        return None
    try:
        locked = _locked(opened)
    except BaseException:
        os.close(opened)
        raise
    if not locked:
        os.close(opened)
    return opened if locked else None


def _locked(opened: int) -> bool:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_POLL)
        except OSError:  # a file system without locks
            return False
        else:
            return True
    return False


def remove_others(path: Path, pattern: str, keep: str | None) -> None:
    """Remove the files beside `path` whose whole names match `pattern`, but for the one called `keep`."""
    for entry in list(os.scandir(path.parent)):
        if entry.name != keep and re.fullmatch(pattern, entry.name):
            with contextlib.suppress(OSError):
                os.unlink(entry.path)
