"""Folders of isolated calls: locked while in use, and removed by the next call if their owner was killed.

The system drops a lock with the process that holds it, so a folder without one has no owner, whoever has taken the
process number since. Only folders with the name that this module gives, of the same user, are ever touched.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

if sys.platform != "win32":
    import fcntl

PREFIX = "edgeopt-isolated-"
_NAME = re.compile(re.escape(PREFIX) + "[a-z0-9_]{8}")


@contextmanager
def workplace() -> Iterator[Path]:
    """Give a new temporary folder that is locked until it is removed at the end; remove those that have no owner.

    Where folders cannot be locked (Windows, some network file systems) none is removed but the caller's own.
    """
    remove_abandoned(gettempdir())
    folder, lock = _claim()
    try:
        with folder:
            work = Path(folder.name) / "call"  # below the lock: to save into a folder, a writer locks it as well
            work.mkdir()
            yield work
    finally:
        if lock is not None:
            os.close(lock)


def _claim() -> tuple[TemporaryDirectory[str], int | None]:
    """Return a new folder and its lock."""
    while True:
        folder = TemporaryDirectory(prefix=PREFIX)
        try:
            lock = _lock(folder.name)
        except (BlockingIOError, FileNotFoundError):  # swept by another call before it could be locked
            lock = None
        except OSError:  # this file system has no locks, for other calls neither
            return folder, None
        if sys.platform == "win32" or (lock is not None and _is_at(lock, folder.name)):
            return folder, lock
        if lock is not None:
            os.close(lock)
        folder.cleanup()


def _lock(folder: str) -> int | None:
    """Lock a folder without waiting; raise an OSError if that cannot be done."""
    if sys.platform == "win32":
        return None
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException:
        os.close(opened)
        raise
    return opened


def _is_at(opened: int, folder: str) -> bool:
    """Whether the folder that was opened still has its name: it may have been removed just before the lock."""
    try:
        return os.path.samestat(os.fstat(opened), os.stat(folder, follow_symlinks=False))
    except FileNotFoundError:
        return False


def remove_abandoned(parent: str) -> None:
    """Remove the folders of killed calls in `parent`; what belongs to others, or is in use, stays."""
    try:
        names = [name for name in os.listdir(parent) if _NAME.fullmatch(name)]
    except OSError:
        return
    for name in names:
        _remove_if_abandoned(os.path.join(parent, name))


def _remove_if_abandoned(folder: str) -> None:
    if sys.platform == "win32":
        return
    try:
        lock = _lock(folder)
    except OSError:
        return
    if lock is None:
        return
    try:
        found = os.fstat(lock)
        if found.st_uid == os.geteuid() and stat.S_IMODE(found.st_mode) & 0o777 == 0o700 and _is_at(lock, folder):
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(lock)
