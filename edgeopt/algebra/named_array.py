"""Whole numbers and booleans that know their dimensions: structure, which a declaration may branch on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .axes import Axes


class NamedArray(np.ndarray[Any, Any]):
    """An array whose dimensions have names; what is computed from it has none.

    Attributes
    ----------
    axes : tuple of Axis or None
        Its dimensions.
    into : str
        The dimension that its entries are positions of; empty where they are none.
    name : str
        The field that it is.
    sizes : mapping
        Sizes of all dimensions that are known by now.
    """

    axes: Axes | None
    into: str
    name: str
    sizes: Mapping[str, int]

    def __array_finalize__(self, other: Any) -> None:
        self.axes = None
        self.into = ""
        self.name = ""
        self.sizes = {}


def named_array(
    values: Any, axes: Axes, name: str = "", into: str = "", sizes: Mapping[str, int] | None = None
) -> NamedArray:
    """Return a view of `values` with named dimensions."""
    found = np.asarray(values).view(NamedArray)
    found.axes, found.name, found.into, found.sizes = axes, name, into, sizes or {}
    return found
