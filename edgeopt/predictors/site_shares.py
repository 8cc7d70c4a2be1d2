"""Which series belong to which site, and what sites cannot share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..model.errors import InvalidOptionError
from .budgets import Budget

if TYPE_CHECKING:
    from torch import nn


def shares(series: int, sites: int | Sequence[Sequence[int]]) -> list[list[int]]:
    """Return the series of each site, which share them equally in their order where a number is given."""
    if isinstance(sites, int):
        if sites < 1 or series % sites:
            raise InvalidOptionError(f"sites is {sites}; {series} series cannot be shared equally among so many")
        each = series // sites
        return [list(range(i * each, (i + 1) * each)) for i in range(sites)]
    given = [[int(cell) for cell in own] for own in sites]
    if sorted(cell for own in given for cell in own) != list(range(series)):
        raise InvalidOptionError(f"sites must share the series 0 to {series - 1}: each at exactly one site")
    return given


def check_apart(within: nn.Module, cells: Sequence[Sequence[int]]) -> None:
    """Make sure that no budget reaches over several sites, each of which decides on its own."""
    groups = within.groups if isinstance(within, Budget) else None
    if groups is None or not all(any(set(group) <= set(own) for own in cells) for group in groups):
        raise InvalidOptionError(
            f"within joins series of several sites ({groups if groups is not None else type(within).__name__}), which "
            "cannot share it without asking each other; give a Budget with a group for each site, or exits=False"
        )
