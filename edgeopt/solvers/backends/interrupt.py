"""Ctrl-C while a compiled library solves: the caller gets ``KeyboardInterrupt`` at once, not when the library ends.

Python runs signal handlers in its main thread, between two of its own instructions; while that thread is inside a
library nothing happens. So the main thread hands the library's call to a helper thread and waits where Python can
interrupt it. On an interrupt the library is asked to stop; one that cannot be asked, or does not listen, is left behind
in its thread, where it ends by itself or with the process. The helper thread is kept for the next call: handing over
costs some ten microseconds. In other threads, which no signal reaches, calls are made directly.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import Any

from ...model.forked import in_child

STOPPING = 0.5
"""Seconds that a library is given to stop in before its thread is left behind."""

_GLANCE = 1.0
"""Seconds between two looks at signals where waiting for a lock does not end on one (Windows)."""


def interruptible(work: Callable[[], Any], stop: Callable[[], object] | None = None) -> Any:
    """Return ``work()``; an exception that a signal handler raises meanwhile (Ctrl-C) is raised here without delay.

    Parameters
    ----------
    work : callable
        Calls a library that releases Python's lock while it computes.
    stop : callable, optional
        Asks that library to stop; called from this thread while `work` still runs in another.
    """
    if threading.current_thread() is not threading.main_thread():
        return work()
    try:
        helper = _idle.pop()
    except IndexError:
        helper = _Helper()
    found = helper.run(work, stop)
    if isinstance(found, _Raised):
        raise found.error
    return found


def stop_highs(model: Any) -> None:
    """Have a HiGHS `model` that is being solved in another thread end: its clock is told that the time is up."""
    model.setOptionValue("time_limit", 0.0)


def stop_hidden_highs() -> None:
    """Have the HiGHS model end that another package solves in the helper thread and keeps to itself."""
    highspy = sys.modules.get("highspy")
    if highspy is None:
        return
    frames = sys._current_frames()
    for helper in _busy[-1:]:
        for held in list(_held_by(frames.get(helper.thread.ident or 0))):
            if isinstance(held, highspy.Highs):
                stop_highs(held)


def _held_by(frame: Any) -> Iterator[Any]:
    """Yield what the functions on a thread's stack hold: their variables, and the attributes of their objects."""
    while frame is not None:
        for value in list(frame.f_locals.values()):
            yield value
            yield from list(getattr(value, "__dict__", {}).values())
        frame = frame.f_back


class _Raised:
    """An exception on its way from the helper to the main thread."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


class _Helper:
    """A thread that does one call after another for the main thread."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[Callable[[], Any]] = SimpleQueue()
        self._done = threading.Lock()  # taken by the main thread each time the helper has given it back
        self._done.acquire()
        self._found: Any = None
        self.thread = threading.Thread(target=self._serve, name="edgeopt solver", daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        while True:
            work = self._calls.get()
            try:
                self._found = work()
            except BaseException as error:  # the main thread raises it
                self._found = _Raised(error)
            del work
            self._done.release()

    def run(self, work: Callable[[], Any], stop: Callable[[], object] | None) -> Any:
        """Have `work` done and wait for it, or for an interrupt."""
        _busy.append(self)
        try:
            self._calls.put(work)
            self._wait()
        except BaseException:
            if stop is not None:
                stop()
            if self._done.acquire(timeout=0.0 if stop is None else STOPPING):
                _idle.append(self)
            raise
        finally:
            _busy.remove(self)
        found, self._found = self._found, None
        _idle.append(self)
        return found

    def _wait(self) -> None:
        while not self._done.acquire(timeout=_GLANCE):
            pass


_idle: list[_Helper] = []
"""Helpers that wait for work: one, or more where a solve is called while another waits (by a signal handler)."""

_busy: list[_Helper] = []
"""Helpers whose call the main thread waits for, the innermost last."""

in_child(_idle.clear)
in_child(_busy.clear)
