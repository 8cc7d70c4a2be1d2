"""What a forked process must not inherit: threads that are not there, and locks that nobody will release.

``os.fork`` copies memory but only the thread that calls it. A pool of threads, or a lock that another thread held at
that moment, is a trap in the child: who waits for it waits for ever. Whatever in edgeopt keeps one names it here, and
this module alone registers with the system: pools and locks begin anew in the child, and two packages that keep
threads or locks of their own (HiGHS, numba) are brought to rest before the fork.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from types import TracebackType
from weakref import WeakSet

_resets: list[Callable[[], object]] = []
"""What a child calls to begin anew."""


def in_child(reset: Callable[[], object]) -> None:
    """Have `reset` called in every forked child, before anything else of edgeopt runs there."""
    _resets.append(reset)


class Lock:
    """A lock that is free in a forked child, whoever held it in the parent."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        _locks.add(self)

    def acquire(self, timeout: float = -1.0) -> bool:
        """Take the lock, or return False after `timeout` seconds (-1: wait for as long as it takes)."""
        return self._lock.acquire(timeout=min(timeout, threading.TIMEOUT_MAX))

    def release(self) -> None:
        """Give the lock back."""
        self._lock.release()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()

    def begin_anew(self) -> None:
        """Forget who holds the lock."""
        self._lock = threading.Lock()


_locks: WeakSet[Lock] = WeakSet()


def _before() -> None:
    _hold_compiler()
    _rest_highs()


def _after_in_child() -> None:
    _release_compiler()
    for lock in list(_locks):
        lock.begin_anew()
    for reset in _resets:
        reset()


def _rest_highs() -> None:
    """End the workers of this thread's HiGHS: its next solve, here or in the child, starts new ones."""
    highspy = sys.modules.get("highspy")
    if hasattr(highspy, "Highs"):
        highspy.Highs.resetGlobalScheduler(True)  # type: ignore[union-attr]


_held: list[object] = []


def _hold_compiler() -> None:
    """Wait for a compilation in another thread to end: the child could never enter numba's compiler again."""
    module = sys.modules.get("numba.core.compiler_lock")
    lock = getattr(module, "global_compiler_lock", None)
    if lock is not None:
        lock.acquire()
        _held.append(lock)


def _release_compiler() -> None:
    while _held:
        _held.pop().release()  # type: ignore[attr-defined]


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(before=_before, after_in_parent=_release_compiler, after_in_child=_after_in_child)
