"""Types of the compiled loops' arguments."""

from __future__ import annotations

from typing import Any

from numba import types


def array(kind: Any, dimensions: int, readonly: bool = True) -> Any:
    """Return the type of a C-contiguous array; what is only read may be read-only."""
    return types.Array(kind, dimensions, "C", readonly=readonly)
