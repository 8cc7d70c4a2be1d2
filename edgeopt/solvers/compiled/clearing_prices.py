"""Prices at which users, each with one choice left, ask for all there is and not more: the optimum of a convex problem.

What is asked for of the band falls with the price of the band, and, where the band's price follows the host's so that
the band fits, what is asked for of the host falls with the price of the host: the slope of a concave function, of which
a part has been maximised. Two nested searches by bisection and secants (Brent 1973) therefore find both prices, also
where Newton-like methods are thrown back: where a user who holds all but a trace of the host cannot ask for more.
What stays unused is worth its price; that is all by which the decision misses the bound of the prices.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ...formulations.shared_slot import LN2, SharedSlotDecision
from ...model.outcome import Options
from ...model.tolerance import NEXT_TO_NOTHING

if TYPE_CHECKING:
    from .market import Asked, Market

_LEAST, _MOST = 1e-30, 1e15
"""Range of the worth of all band, or of the whole host, over all costs and worths at the start, that is searched."""
_MARGIN = 1e-13
"""Share of band and host that is left over on purpose: the compiled loop is exact to about this."""
_EXACT = 1e-14
"""Relative width of a price at which a search ends."""


def waste(market: Market, asked: Asked) -> float:
    """Worth of what nobody asks for: the distance of the users' objective from the bound of the prices."""
    return float(asked.prices @ np.maximum(market.capacity - asked.load, 0.0))


def cleared(market: Market, asked: Asked) -> Asked | None:
    """Return what is asked for at prices at which all of it fits and nearly nothing is left; None where it never fits.

    `market` allows each user one choice; the search starts from the prices at which `asked` was asked for.
    """
    worth = abs(asked.bound) + float(asked.prices @ market.capacity)
    scale = max(worth, 1e-200) / market.capacity
    start = np.clip(asked.prices, _LEAST * scale, _MOST * scale)

    def at_host_price(price: float) -> Asked | None:
        return _lowest(lambda band: market.asked(np.array([band, price]), asked), 0, start[0], scale[0], market)

    return _lowest(at_host_price, 1, start[1], scale[1], market)


def _lowest(
    ask: Callable[[float], Asked | None], which: int, start: float, scale: float, market: Market
) -> Asked | None:
    """Return the answer at the lowest price at which no more is asked for of band (0) or host (1) than there is.

    None from `ask` means that the band is too small at this price of the host; then no higher one leaves more of it.
    """
    room = math.log(market.capacity[which]) + math.log1p(-_MARGIN)
    fits: dict[float, Asked] = {}

    def excess(logarithm: float) -> float:
        found = ask(math.exp(logarithm))
        if found is None:
            return math.nan
        over = math.log(max(float(found.load[which]), NEXT_TO_NOTHING)) - room
        if over <= 0.0:
            fits[logarithm] = found
        return over

    ends = _bracket(excess, math.log(start), math.log(_LEAST * scale), math.log(_MOST * scale))
    if ends is not None:
        from scipy.optimize import brentq

        brentq(excess, *ends, xtol=_EXACT, rtol=4 * np.finfo(float).eps, maxiter=200, disp=False)
    return fits[min(fits)] if fits else None


def _bracket(excess: Callable[[float], float], start: float, least: float, most: float) -> tuple[float, float] | None:
    """Return prices (logarithms) of which the lower one is too low and the higher one is not, or None."""
    here = excess(start)
    end, sign = (most, 1.0) if here > 0.0 else (least, -1.0)
    step, at = 1e-3, start
    while here == here and at != end:
        there = at + sign * step
        there = min(there, end) if sign > 0.0 else max(there, end)
        value = excess(there)
        if value != value:
            return None
        if (value > 0.0) != (here > 0.0):
            return (at, there) if sign > 0.0 else (there, at)
        at, step = there, 4.0 * step
    return None


_ROUNDS = 60
"""Most prices at which choices are tried until some fit."""


def share_out(market: Market, asked: Asked, tolerance: float, options: Options) -> SharedSlotDecision | None:
    """Return a decision: choices that fit at these prices, or else at higher ones, and the best shares for them.

    None where no prices make them fit, which can only be where some users may not stay local.
    """
    for turn in range(_ROUNDS):
        split, on_time = asked.chosen[:, 1].astype(np.intp), asked.chosen[:, 2] > 0
        shared = _shared(market.only(split, on_time), asked, tolerance, options, thorough=turn == 0)
        if shared is not None:
            return SharedSlotDecision(split, shared.chosen[:, 4] / LN2, shared.chosen[:, 5], shared.chosen[:, 6])
        asked = market.asked(market.raised(asked.prices) * 1.2 ** (turn + 1), asked)
    return None


def _shared(market: Market, asked: Asked, tolerance: float, options: Options, *, thorough: bool) -> Asked | None:
    """Share all of it out to users with one choice each, by a quick search of prices and else by a safe one."""
    quick = market.fitting(market.balance(market.asked(asked.prices, 0), tolerance, options, whole=True), tolerance)
    enough = waste(market, quick) <= tolerance * abs(quick.bound) if quick is not None else not thorough
    if enough or options.remaining() <= 0:
        return quick
    safe = cleared(market, market.asked(asked.prices, 0))
    found = [one for one in (quick, safe) if one is not None]
    return min(found, key=lambda one: one.bound + waste(market, one), default=None)
