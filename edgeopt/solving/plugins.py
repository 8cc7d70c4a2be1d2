"""What other packages add through entry points: a bad one costs what it would have added, and one warning.

An entry point is a stranger's code. It may point at anything, raise anything while it is imported, ``SystemExit``
included, or claim a name that is taken; none of this may keep the rest from working.
"""

from __future__ import annotations

import importlib.metadata
import signal
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any


def added(group: str, items_of: Callable[[Any], Iterable[Any]], taken: Iterable[str]) -> list[Any]:
    """Return what the entry points of `group` add.

    Parameters
    ----------
    group : str
        Name of the group of entry points.
    items_of : callable
        Returns the items, each with a ``name``, that a loaded entry holds; raises where it is not what it should be.
    taken : iterable of str
        Names that no item may have.
    """
    names, found = set(taken), []
    for point in sorted(importlib.metadata.entry_points(group=group), key=lambda one: (one.name, one.value)):
        try:
            items = _loaded(point, items_of)
        except _CtrlC:
            raise KeyboardInterrupt from None
        except BaseException as error:  # whatever an import may end with
            _warn(f"the plug-in {point.name!r} ({point.value}) cannot be loaded: {_words(error)}")
            continue
        for item in items:
            if item.name in names:
                _warn(f"the plug-in {point.name!r} ({point.value}) adds {item.name!r}, a name that is taken; rename it")
                continue
            names.add(item.name)
            found.append(item)
    return found


def _loaded(point: Any, items_of: Callable[[Any], Iterable[Any]]) -> list[Any]:
    with _users_interrupt():
        items = list(items_of(point.load()))
    if not items:
        raise TypeError("it holds nothing that this group is for")
    return items


class _CtrlC(BaseException):
    """The user's own interrupt, which is not the plug-in's."""


@contextmanager
def _users_interrupt() -> Iterator[None]:
    """Tell Ctrl-C from a ``KeyboardInterrupt`` that the plug-in raises."""
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return

    def pressed(number: int, frame: Any) -> None:
        raise _CtrlC

    signal.signal(signal.SIGINT, pressed)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _words(error: BaseException) -> str:
    return f"{error}" if isinstance(error, Exception) and str(error) else f"{type(error).__name__} {error}".strip()


def _warn(message: str) -> None:
    warnings.warn(message, stacklevel=4)
