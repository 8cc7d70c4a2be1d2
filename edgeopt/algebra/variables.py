"""Variables of a declaration: a name, dimensions, what values they take, and which entries there are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from . import axes as named
from .axes import Axes

if TYPE_CHECKING:
    from .expression import Expression


@dataclass(frozen=True, eq=False)
class Variable:
    """One named array of unknowns.

    Attributes
    ----------
    name : str
        Its name in decisions, rows and reports.
    axes : tuple of Axis
        Its dimensions.
    kind : str
        ``"binary"``, ``"integer"`` or ``"continuous"``.
    lower, upper : Expression
        Bounds of its entries: data over its dimensions.
    mask : array of bool, optional
        Entries that there are; others are 0 and no column stands for them.
    start : int
        Position of its first entry among the entries of all variables.
    epigraph : int
        1 for the smallest number above others (a maximum), -1 for the largest below, 0 for a variable of its own.
    """

    name: str
    axes: Axes
    kind: str
    lower: Expression
    upper: Expression
    mask: Any
    start: int
    epigraph: int = 0

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of its dimensions."""
        return named.shape(self.axes)

    @property
    def size(self) -> int:
        """Number of its entries, those that a mask drops included."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def integral(self) -> bool:
        """Whether its entries are whole numbers."""
        return self.kind != "continuous"
