"""Compile a loop and keep the result on disk, or in memory alone where no folder can be written.

Numba keeps what it compiled beside the source or in the user's cache folder, and refuses to compile at all where it may
write to neither: a package installed for all users, run by an account without a home.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numba


def njit(*signature: Any, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Return what ``numba.njit(…, cache=True)`` does, with one warning where nothing can be kept on disk."""

    def compiled(function: Callable[..., Any]) -> Any:
        try:
            return _compiled(function, signature, {"cache": True, **options})
        except (RuntimeError, OSError) as error:
            if isinstance(error, RuntimeError) and "cannot cache" not in str(error):
                raise
            _warn(error)
            return _compiled(function, signature, options)

    return compiled


def part(function: Callable[..., Any]) -> Any:
    """Compile a part of a loop, to be called from compiled code alone: it costs no more than the lines it stands for.

    Tuples of arrays come apart when LLVM inlines the part. It borrows its arrays: counting references to each of them
    takes longer than many a part itself, so that it may not allocate (no new array, no copy of a slice). On disk it is
    kept as a part of its callers only.
    """
    make: Any = numba.njit
    return make(
        nogil=True,
        error_model="numpy",
        _nrt=False,
        forceinline=True,
        no_cpython_wrapper=True,
        no_cfunc_wrapper=True,
    )(function)


def _compiled(function: Callable[..., Any], signature: tuple[Any, ...], options: dict[str, Any]) -> Any:
    make: Any = numba.njit
    dispatcher = make(**options)(function)
    if hasattr(dispatcher, "compile"):  # not where NUMBA_DISABLE_JIT is set
        _renew_with_its_parts(dispatcher)
        for types in signature:
            dispatcher.compile(types)
            dispatcher.disable_compile()
    return dispatcher


def _renew_with_its_parts(dispatcher: Any) -> None:
    """Let what is kept count only as long as no file of this folder changes.

    Numba looks at the file of the function alone, while its parts, from other files, are compiled into it.
    """
    kept: Any = getattr(getattr(dispatcher, "_cache", None), "_cache_file", None)
    if hasattr(kept, "_source_stamp"):
        kept._source_stamp = kept._source_stamp, _stamp()


@lru_cache(maxsize=1)
def _stamp() -> tuple[tuple[str, float, int], ...]:
    """Name, time of change and size of each file of this folder."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return tuple((file.name, file.stat().st_mtime, file.stat().st_size) for file in files)


_warned: list[str] = []


def _warn(error: Exception) -> None:
    if _warned:
        return
    _warned.append(str(error))
    warnings.warn(
        f"compiled loops cannot be kept on disk ({error}), so that each process compiles them anew, which takes "
        "seconds; set the environment variable NUMBA_CACHE_DIR to a folder that can be written",
        RuntimeWarning,
        stacklevel=2,
    )
