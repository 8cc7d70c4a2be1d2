"""Options of an allocator: refused by name before anything is learned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..model.errors import InvalidOptionError
from ..model.records import number

if TYPE_CHECKING:
    from ..profiles.own_costs import Cost
    from .slice_allocator import SliceAllocator

_SEEDS = 2**32


def check_options(allocator: SliceAllocator) -> None:
    """Make sure that counts are whole numbers, and shares and budgets numbers; their users check the rest.

    Raises
    ------
    InvalidOptionError
        If one is not: names it and its value.
    """
    check_count("window", allocator.window, 1)
    check_count("epochs", allocator.epochs, 0)
    check_count("seed", allocator.seed, 0, _SEEDS - 1)
    for name in ("validation", "held_out"):
        number(getattr(allocator, name), name, at_least=0.0, at_most=1.0)
    budget = allocator.budget
    for limit in budget.values() if isinstance(budget, Mapping) else [] if budget is None else [budget]:
        number(limit, "budget", at_least=0.0)


def check_unchanged(allocator: SliceAllocator, before: Mapping[str, Any]) -> None:
    """Make sure that options are those of fitting: one that was saved with others would not be the same once loaded.

    Raises
    ------
    InvalidOptionError
        If one was changed: names it, and both values.
    """
    for name, value in allocator.options().items():
        if value != before[name]:
            raise InvalidOptionError(
                f"{name} is {value!r} and was {before[name]!r} when the allocator was fitted; fit it "
                "again, or set it back"
            )


def check_lowest(cost: Cost, services: int) -> None:
    """Make sure that a cost has a price where demands are at their lowest, which is 0 on the scale of each slice.

    Raises
    ------
    InvalidOptionError
        If it is not finite there, as one that divides by the demand.
    """
    demand = np.zeros((1, services))
    with np.errstate(all="ignore"):
        price = np.asarray(cost.exact(demand - 0.25, demand))
    if not np.isfinite(price).all():
        raise InvalidOptionError(
            f"{type(cost).__name__} costs {price[~np.isfinite(price)][0]} where a demand is 0, the lowest on the scale "
            "of each slice; write a price that is finite there, as one that divides by 0.1 + demand"
        )


def check_count(name: str, value: object, least: int, most: int | None = None) -> None:
    """Make sure that `value` is a whole number within its range."""
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not whole or value < least or (most is not None and value > most):  # type: ignore[operator]
        upto = f"of at least {least}" if most is None else f"from {least} to {most}"
        raise InvalidOptionError(f"{name} is {value!r}; expected a whole number {upto}")
