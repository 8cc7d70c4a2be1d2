"""Ctrl-C while a small program is solved: HiGHS is asked to stop without a change of threads.

Handing a call to another thread costs some fifty microseconds, half of what HiGHS needs for a handful of columns. While
the main thread is inside HiGHS the system can still write the number of a signal to a file (``set_wakeup_fd``); a
thread that sleeps at the other end reads it and has HiGHS stop, and back in Python the signal's handler raises. That
costs some ten microseconds, but is only for a library that stops soon once asked.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading

# What `signal.getsignal` calls before it tries to make an enumeration's member of a function: ten times as fast.
from _signal import getsignal as handler_of  # type: ignore[import-not-found]
from collections.abc import Callable
from typing import Any

from ...model.forked import in_child

_ANSWER = 0.5
"""Seconds in which the thread at the other end has surely heard of a signal."""


def can_listen() -> bool:
    """Whether Ctrl-C is sure to raise in this thread, so that a solve that is stopped for it never returns."""
    # Bytes of Windows' signals may only go to a socket, and another handler may not raise at all.
    return bool(
        sys.platform != "win32"
        and threading.current_thread() is threading.main_thread()
        and handler_of(signal.SIGINT) is signal.default_int_handler
    )


def listening(work: Callable[[], Any], stop: Callable[[], object]) -> Any:
    """Return ``work()``; on Ctrl-C have `stop` called from another thread meanwhile. Only where `can_listen`."""
    ears = _ears[0] if _ears else _Ears()
    outer, ears.stop = ears.stop, stop
    before = signal.set_wakeup_fd(ears.entry, warn_on_full_buffer=False)
    ears.onward = before if before != ears.entry else ears.onward
    try:
        return work()
    except KeyboardInterrupt:
        ears.heard.wait(_ANSWER)  # or it would be heard in the middle of what is solved next
        raise
    finally:
        signal.set_wakeup_fd(before, warn_on_full_buffer=False)
        ears.stop = outer
        ears.heard.clear()


class _Ears:
    """A pipe that the system writes signals to, and a thread that reads it."""

    def __init__(self) -> None:
        self._exit, self.entry = os.pipe()
        os.set_blocking(self.entry, False)
        self.stop: Callable[[], object] | None = None
        self.onward = -1  # where signals were written to before, by asyncio for one
        self.heard = threading.Event()
        threading.Thread(target=self._serve, name="edgeopt signals", daemon=True).start()
        _ears.append(self)

    def _serve(self) -> None:
        while numbers := os.read(self._exit, 64):
            if self.onward >= 0:
                with contextlib.suppress(OSError):
                    os.write(self.onward, numbers)
            if signal.SIGINT in numbers:
                if self.stop is not None:
                    self.stop()
                self.heard.set()


_ears: list[_Ears] = []


def _begin_anew() -> None:
    """Leave the pipe to the parent, and have no signal of this process written to it."""
    if _ears and (now := signal.set_wakeup_fd(-1)) != _ears[0].entry:
        signal.set_wakeup_fd(now)
    _ears.clear()


in_child(_begin_anew)
