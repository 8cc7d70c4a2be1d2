"""The links between neighbouring tiers, and what it costs to move a tensor from one tier to another.

Tiers stand in a line: device, edge[, cloud, …]. A tensor that goes from the device to the cloud crosses every link on
the way (Zuo 2024, eq. 4.5), so the time per bit between two tiers is the sum of the inverse rates between them.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import numpy as np

from ...model.errors import InvalidProblemError
from ...model.records import float_array, read_only, require

if TYPE_CHECKING:
    from numpy.typing import NDArray

logger = logging.getLogger(__name__)

_DOUBTFUL = 3600.0
"""Seconds that one transfer or one layer hardly takes where somebody waits for an inference."""


def rate_array(value: Any, field: str) -> NDArray[np.float64]:
    """Return rates in bit/s as a read-only array of any shape; every one finite and above 0.

    Raises
    ------
    InvalidProblemError
        If a rate is zero, negative, infinite or no number: a link that is down belongs to a problem without its tier.
    """
    array = float_array(value, field, ndim=(0, 1, 2))
    require(field, np.atleast_1d(array), np.atleast_1d(array > 0), "must be a rate above 0 bit/s (leave the tier out)")
    return array


def link_rates(uplink: NDArray[np.float64], backhaul: NDArray[np.float64] | None, tiers: int) -> NDArray[np.float64]:
    """Return the (..., tiers - 1) rates of the links, nearest to the device first.

    Raises
    ------
    InvalidProblemError
        If there is not one rate for each link.
    """
    if uplink.ndim > 1:
        raise InvalidProblemError(f"uplink_rate has shape {uplink.shape}; expected a number, or (batch,) of them")
    given = 0 if backhaul is None else 1 if backhaul.ndim == 0 else backhaul.shape[-1]
    if given != tiers - 2:
        raise InvalidProblemError(
            f"backhaul_rate has {given} rate(s) for {tiers} tiers; expected {tiers - 2}, one for each link beyond the "
            "edge (shape (batch, links) in a batch)"
        )
    first = uplink[..., None]
    if backhaul is None:
        return np.ascontiguousarray(first)
    rest = np.atleast_1d(backhaul)
    batch = np.broadcast_shapes(first.shape[:-1], rest.shape[:-1])
    parts = [np.broadcast_to(part, (*batch, part.shape[-1])) for part in (first, rest)]
    return np.concatenate(parts, axis=-1)


def seconds_per_bit(
    uplink: NDArray[np.float64], downlink: NDArray[np.float64] | None, backhaul: NDArray[np.float64] | None, tiers: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (..., tiers - 1) seconds per bit over each link, away from the device and towards it.

    The first link carries the uplink's rate back too where no downlink is given; rates near 0 take infinite seconds.

    Raises
    ------
    InvalidProblemError
        If there is not one rate for each link.
    """
    rates = (link_rates(rate, backhaul, tiers) for rate in (uplink, uplink if downlink is None else downlink))
    with np.errstate(over="ignore"):
        up, down = (1.0 / rate for rate in rates)
    return up, down


def doubt_units(uplink: NDArray[np.float64], input_bits: float, longest: float) -> None:
    """Log a warning where a rate or a time looks as if given in another unit: nobody waits an hour for an answer.

    Parameters
    ----------
    uplink : (...) float
        Rates of the first link, bit/s.
    input_bits : float
        Bits of the raw input.
    longest : float
        The longest finite execution time of a layer, seconds.
    """
    if _trusted.get():
        return
    slowest = float(uplink.min())
    if input_bits > _DOUBTFUL * slowest:
        logger.warning(
            "uplink_rate is %g bit/s: the raw input, %g bits, takes %g s; rates are in bit/s. Did you mean %g?",
            slowest,
            input_bits,
            input_bits / slowest,
            1e6 * slowest,
        )
    if longest > _DOUBTFUL:
        logger.warning(
            "exec_time holds %g s for one layer; times are in seconds. Did you mean %g?", longest, 1e-3 * longest
        )


_trusted = ContextVar("units are trusted", default=False)


@contextmanager
def trusted_units() -> Iterator[None]:
    """Log no doubts of units inside: rates that an analysis tries are not the user's."""
    token = _trusted.set(True)
    try:
        yield
    finally:
        _trusted.reset(token)


def link_delays(value: Any, links: int) -> NDArray[np.float64]:
    """Return the (links,) seconds that each crossing takes besides; a number counts for every link.

    Raises
    ------
    InvalidProblemError
        If a delay is negative, or there is not one for each link.
    """
    array = float_array(value, "link_delay", ndim=(0, 1))
    if array.ndim and array.shape != (links,):
        raise InvalidProblemError(f"link_delay has shape {array.shape}; expected a number or ({links},), one a link")
    require("link_delay", np.atleast_1d(array), np.atleast_1d(array) >= 0, "must be a time in seconds, >= 0")
    delays = np.broadcast_to(array, (links,)).copy()
    return read_only(delays)


def between_tiers(up: NDArray[np.float64], down: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (..., tiers, tiers): entry [a, b] sums `up` over the links from tier a to a higher b, else `down`.

    Parameters
    ----------
    up, down : (..., tiers - 1) float
        What each link costs away from the device and towards it: seconds per bit, or seconds.
    """
    tiers = up.shape[-1] + 1
    total = np.zeros((*np.broadcast_shapes(up.shape, down.shape)[:-1], tiers, tiers))
    # Summed afresh for each pair: a difference of running sums would lose a fast link beside a slow one.
    for near in range(tiers):
        for far in range(near + 1, tiers):
            total[..., near, far] = up[..., near:far].sum(axis=-1)
            total[..., far, near] = down[..., near:far].sum(axis=-1)
    return total
