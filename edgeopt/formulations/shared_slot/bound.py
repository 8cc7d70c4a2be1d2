"""Lower bounds of a shared slot's objective by prices of band, host and deadlines (Lagrange)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...model.tolerance import ON_TIME
from .problem import LN2, quotient

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .problem import SharedSlot


def lower_bound(
    problem: SharedSlot,
    band_price: float,
    host_price: float,
    deadline_price: NDArray[np.float64],
    allowed: NDArray[np.bool_],
) -> float:
    """Proved lower bound of the objective over the allowed choices, by prices (Lagrange).

    Parameters
    ----------
    deadline_price : (users, splits) float
        Prices of the deadlines.
    allowed : (users, splits, 2) bool
        Choices: late and on time.
    """
    queue = problem.delay_queue[:, None]
    free = _least(problem, band_price, host_price, np.broadcast_to(queue, problem.available.shape))
    refund = deadline_price * problem.max_delay[:, None] * (1 + ON_TIME)
    on_time = _least(problem, band_price, host_price, queue + deadline_price) - refund
    sides = np.stack([free + problem.outage_queue[:, None], on_time], axis=2)
    each = np.where(problem.choices & allowed, sides, np.inf).min(axis=(1, 2))
    return float(each.sum() - band_price * problem.bandwidth - host_price * problem.remote_speed)


def _least(
    problem: SharedSlot, band_price: float, host_price: float, urgency: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(users, splits) least cost at prices of band, host and time, each by a bound that the slope proves."""
    fixed = urgency * problem.local_seconds + problem.tradeoff * problem.local_joules
    speed = np.sqrt(quotient(urgency * problem.remote, np.full(1, host_price)))
    speed = np.where(host_price > 0, speed, np.inf)
    speed = np.clip(speed, np.minimum(problem.min_speed, problem.remote_speed)[:, None], problem.remote_speed)
    host = np.where(problem.remote > 0, urgency * problem.remote / speed + host_price * speed, 0.0)
    return np.asarray(fixed + host + np.where(problem.sent > 0, _least_sending(problem, band_price, urgency), 0.0))


def _least_sending(problem: SharedSlot, price: float, urgency: NDArray[np.float64]) -> NDArray[np.float64]:
    """(users, splits) lower bound of the cost of sending: its slope in log efficiency changes sign once."""
    linked = problem.efficiency[:, 0] <= problem.efficiency[:, 1]
    ends = np.log(np.where(linked[:, None], problem.efficiency, 1.0))
    low, high = (np.repeat(ends[:, i, None], problem.splits, axis=1) for i in (0, 1))
    for _ in range(60):
        middle = (low + high) / 2
        falls = _sending(problem, price, urgency, np.exp(middle))[1] < 0
        low, high = np.where(falls, middle, low), np.where(falls, high, middle)
    # Convex: nothing below `low`, where the cost falls, is less, and nothing above `high`, where it rises.
    value, slope = _sending(problem, price, urgency, np.exp(high))
    between = value - np.maximum(slope, 0.0) * (high - low)
    return np.asarray(np.minimum(_sending(problem, price, urgency, np.exp(low))[0], between))


def _sending(
    problem: SharedSlot, price: float, urgency: NDArray[np.float64], x: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Cost of sending at efficiency `x` (nat/s/Hz) and its best bandwidth, and the slope in log x."""
    bits = problem.sent * LN2
    least = (problem.min_rate * LN2)[:, None] / x
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        filled = (problem.max_power / problem.noise)[:, None] / np.expm1(x)
        band = np.where(price > 0, np.sqrt(quotient(urgency * bits, price * x)), np.inf)
    most = np.maximum(np.minimum(problem.bandwidth, filled), least)
    band = np.clip(band, least, most)
    waiting, renting = urgency * bits / (band * x), price * band
    joules = problem.tradeoff * problem.noise[:, None] * bits
    # What a relative change of x brings directly, and through the bandwidth where a bound holds it.
    follows = np.where(band == least, -1.0, np.where(band == filled, -x * np.exp(x) / np.expm1(x), 0.0))
    slope = -waiting + joules * _power_slope(x) + follows * (renting - waiting)
    return waiting + joules * np.expm1(x) / x + renting, slope


def _power_slope(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Slope of ``(exp(x) - 1) / x`` in log x, summed where it would cancel."""
    series = x * (1 / 2 + x * (1 / 3 + x * (1 / 8 + x * (1 / 30 + x / 144))))
    return np.where(x < 1e-2, series, np.exp(x) - np.expm1(x) / np.maximum(x, 1e-2))
