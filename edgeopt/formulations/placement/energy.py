"""Joules in the place of seconds: what running layers and carrying tensors takes, at given powers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ...model.errors import InvalidProblemError
from ...model.records import float_array, require
from .links import between_tiers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .costs import PlacementCosts


def powers(value: Any, field: str, size: int) -> NDArray[np.float64]:
    """Return (size,) watts; a number is the first one's, and the others take none.

    Raises
    ------
    InvalidProblemError
        If a power is negative, or there is not one for each.
    """
    array = float_array(value, field, ndim=(0, 1))
    if array.ndim and array.shape != (size,):
        raise InvalidProblemError(f"{field} has shape {array.shape}; expected a number or ({size},)")
    require(field, np.atleast_1d(array), np.atleast_1d(array >= 0), "must be a power in watts, >= 0")
    return np.r_[float(array), np.zeros(size - 1)] if array.ndim == 0 else array


def all_powers(
    compute: Any, radio: Any, receive: Any, tiers: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return watts of each tier while it computes, and of each link away from the device and towards it."""
    sending = powers(radio, "radio_power", tiers - 1)
    receiving = sending if receive is None else powers(receive, "receive_power", tiers - 1)
    return powers(compute, "compute_power", tiers), sending, receiving


def joules(seconds: NDArray[np.float64], watts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return seconds times watts; inf where the time is, at any power: there a layer cannot run."""
    finite = np.isfinite(seconds)
    # 0 watts times an infinite time is still a place where the layer cannot run.
    return np.where(finite, np.where(finite, seconds, 0.0) * watts, np.inf)


def energy_costs(costs: PlacementCosts, compute: Any, radio: Any, receive: Any) -> PlacementCosts:
    """Return costs with joule in place of seconds; a fixed delay of a link costs no energy.

    Parameters
    ----------
    compute : float or (tiers,) float
        Watts while a tier computes; a number is the device's, and the other tiers' energy does not count.
    radio : float or (tiers - 1,) float
        Watts while a link carries bits away from the device; a number is the first link's.
    receive : float or (tiers - 1,) float, optional
        Watts while it carries them towards the device, results included; as `radio` by default.
    """
    tiers = costs.tree.exec_time.shape[1]
    computing, sending, receiving = all_powers(compute, radio, receive, tiers)
    links = np.arange(tiers - 1)
    up, down = costs.per_bit[links, links + 1] * sending, costs.per_bit[links + 1, links] * receiving
    return replace(
        costs,
        tree=replace(costs.tree, exec_time=joules(costs.tree.exec_time, computing)),
        per_bit=between_tiers(up, down),
        per_crossing=0.0 * costs.per_crossing,
    )
