"""Compile a loop and keep the result on disk, or in memory alone where no folder can be written.

Numba keeps what it compiled beside the source or in the user's cache folder, and refuses to compile at all where it may
write to neither: a package installed for all users, run by an account without a home.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numba


def njit(*signature: Any, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Return what ``numba.njit(…, cache=True)`` does, with one warning where nothing can be kept on disk."""
    make: Any = numba.njit

    def compiled(function: Callable[..., Any]) -> Any:
        try:
            return make(*signature, cache=True, **options)(function)
        except (RuntimeError, OSError) as error:
            if isinstance(error, RuntimeError) and "cannot cache" not in str(error):
                raise
            _warn(error)
            return make(*signature, **options)(function)

    return compiled


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
