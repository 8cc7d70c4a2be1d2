"""Weights of a cost: one number, or one for each service, checked and brought to the arrays that they weigh."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ..model.errors import InvalidOptionError
from ..model.records import plain

if TYPE_CHECKING:
    from numpy.typing import NDArray

Weights: TypeAlias = "float | Sequence[float] | NDArray[np.floating[Any]]"
"""One number for all services, or one for each of them."""


def excess_of(allocation: Any, demand: Any) -> tuple[Any, Any]:
    """Return the array library of the arguments, and allocation minus demand in it."""
    torch = sys.modules.get("torch")
    if torch is None or not (torch.is_tensor(allocation) or torch.is_tensor(demand)):
        return np, np.asarray(allocation, dtype=float) - np.asarray(demand, dtype=float)
    given = allocation if torch.is_tensor(allocation) else demand
    tensors = (torch.as_tensor(item, device=given.device) for item in (allocation, demand))
    return torch, next(tensors) - next(tensors)


def terms(allocation: Any, demand: Any, **weights: Weights) -> tuple[Any, Any, list[Any]]:
    """Return library and excess, and each of the weights as a number, or as an array of that library."""
    library, excess = excess_of(allocation, demand)
    return library, excess, [_fitting(name, value, library, excess) for name, value in weights.items()]


def _fitting(name: str, value: Weights, library: Any, excess: Any) -> Any:
    """Return checked weights that broadcast along the last axis of the excess."""
    array = checked(name, value, positive=name == "epsilon")
    if not array.ndim:
        return float(array)
    if not excess.shape or excess.shape[-1] != len(array):
        raise InvalidOptionError(
            f"{name} has {len(array)} weights, but the allocation has shape {tuple(excess.shape)}, services last; "
            "give one weight for each service, or one number for all"
        )
    return array if library is np else library.as_tensor(array, dtype=excess.dtype, device=excess.device)


def checked(name: str, value: Any, *, positive: bool = False, most_dimensions: int = 1) -> NDArray[np.float64]:
    """Return a weight as an array of no or one dimension, or say what is wrong with it."""
    array = plain(value, name)
    if array.dtype.kind not in "fiub" or array.ndim > most_dimensions or not array.size:
        wanted = "a number, or one for each service" if most_dimensions else "a number"
        raise InvalidOptionError(f"{name} is {value!r}; expected {wanted}")
    array = array.astype(np.float64)
    good = np.isfinite(array) & (array > 0 if positive else array >= 0)
    if not good.all():
        bad = int(np.argmin(good)) if array.ndim else None
        place, found = (name, array) if bad is None else (f"{name}[{bad}]", array[bad])
        wanted = "it must be finite and positive"
        if not positive:
            wanted = "a cost's weight must be finite and not negative, 0 for none"
        raise InvalidOptionError(f"{place} is {found}; {wanted}")
    return array
