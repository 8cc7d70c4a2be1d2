"""Users who share a band and a host, each on its own once both have a price.

At prices a user's cost of a split parts into computing, renting the host and sending. Renting is closed form. Sending
is convex in the logarithm of the spectral efficiency x (nat/s/Hz): the best bandwidth for x is closed form, and where
no bound holds it ``q(x) sqrt(x) = K`` gives x; from there the zero of the slope is found by a bracketed secant method.
"""

from __future__ import annotations

import math

import numpy as np
from numba import types

from .jit import njit
from .signature import array

_F = types.float64


@njit(nogil=True, error_model="numpy")
def power_slope(x, grown):
    """Return q, the slope of (exp(x) - 1) / x in log x; `grown` is exp(x) - 1."""
    if x < 1e-2:
        return x * (1 / 2 + x * (1 / 3 + x * (1 / 8 + x * (1 / 30 + x / 144))))
    return grown + 1.0 - grown / x


@njit(nogil=True, error_model="numpy")
def balance(s, urgent, joules, price, limits):
    """Return cost, bandwidth, and the imbalance at efficiency exp(s): log of what falls with s over what rises.

    The imbalance has the sign of the slope of the cost, and is nearly linear in s. `limits` are the widest bandwidth,
    power over noise, and the least rate in nat/s.
    """
    widest, fill, floor = limits
    x = math.exp(s)
    grown = math.expm1(x)
    least, filled = floor / x, fill / grown
    band = math.sqrt(urgent / (price * x)) if price > 0.0 else math.inf
    follows = 0.0
    if band <= least:
        band, follows = least, -1.0
    elif band >= filled and filled <= widest:
        band, follows = max(filled, least), -x * (grown + 1.0) / grown
    else:
        band = min(band, widest)
    waiting, renting = urgent / (band * x), price * band
    falls, rises = waiting - min(follows, 0.0) * renting, joules * power_slope(x, grown) - follows * waiting
    cost = waiting + joules * grown / x + renting
    return cost, band, math.log(rises / falls) if falls > 0.0 and rises > 0.0 else (1.0 if rises >= falls else -1.0)


@njit(nogil=True, error_model="numpy")
def free_efficiency(target):
    """Return about log x with ``q(x) sqrt(x) = target``: best where no bound holds the bandwidth."""
    goal = math.log(target)
    s = (goal + math.log(2.0)) / 1.5 if target < 1.0 else math.log1p(goal)
    x = math.exp(s)
    grown = math.expm1(x)
    q = power_slope(x, grown)
    return s - (math.log(q) + 0.5 * s - goal) / (x * (grown + 1.0) / q - 0.5)


@njit(nogil=True, error_model="numpy")
def send(urgent, joules, price, limits, low, high):
    """Return cost, efficiency and bandwidth of sending; `urgent` and `joules` are urgency and V N0 / h times nats."""
    s = 0.5 * (low + high)
    if joules > 0.0 and price > 0.0 and urgent > 0.0:
        s = min(max(free_efficiency(math.sqrt(urgent * price) / joules), low), high)
    cost, band, gap = balance(s, urgent, joules, price, limits)
    slope = 1.5 + math.exp(s)  # of the imbalance, about
    for turn in range(150):
        if (gap < 0.0 and s >= high) or (gap > 0.0 and s <= low) or abs(gap) < 1e-8 or high - low < 1e-13:
            break
        low, high = (s, high) if gap < 0.0 else (low, s)
        to = s - gap / slope
        # Where two bounds of the bandwidth meet the imbalance jumps, and a secant creeps: halve by turns.
        if turn > 8 and turn % 2:
            to = 0.5 * (low + high)
        elif not low < to < high:
            to = 0.5 * (low + high) if (low < s < high) or high - low < 0.1 else (low if gap > 0.0 else high)
        before = gap
        cost, band, gap = balance(to, urgent, joules, price, limits)
        slope = min(max((gap - before) / (to - s), 0.1), 1e3) if to != s else 1.5
        s = to
    return cost, math.exp(s), band


@njit(nogil=True, error_model="numpy")
def at_urgency(urgency, seconds, flops, nats, weight, prices, common, own):
    """Return cost (without local energy), delay, efficiency, bandwidth and speed of one split at one urgency.

    `weight` is V N0 / h; `common` holds bandwidth and host speed; `own` power over noise, least rate in nat/s, least
    speed, and the logarithms of least and largest efficiency of the user.
    """
    cost, delay, x, band, speed = urgency * seconds, seconds, 0.0, 0.0, 0.0
    if flops > 0.0:
        speed = math.sqrt(urgency * flops / prices[1]) if prices[1] > 0.0 else common[1]
        speed = min(max(speed, own[2]), common[1])
        cost += urgency * flops / speed + prices[1] * speed
        delay += flops / speed
    if nats > 0.0:
        limits = (common[0], own[0], own[1])
        sending, x, band = send(urgency * nats, weight * nats, prices[0], limits, own[3], own[4])
        cost += sending
        delay += nats / (band * x)
    return cost, delay, x, band, speed


@njit(nogil=True, error_model="numpy")
def in_time(deadline, queue, least, guess, spare, seconds, flops, nats, weight, prices, common, own):
    """Return the least urgency at which the deadline is met, from above; delay is about its inverse root.

    Or one at which being on time is proved to cost more than `spare`: then nothing more need be known.
    """
    low, high = math.log(least), math.inf
    s, slope, before, at = math.log(guess), -0.5, 0.0, math.nan
    for _ in range(100):
        urgency = math.exp(s)
        cost, delay, _, _, _ = at_urgency(urgency, seconds, flops, nats, weight, prices, common, own)
        if cost - (urgency - queue) * deadline >= spare:
            return urgency, False
        # What can still be gained is the delay beyond local computing.
        gap = math.log((delay - seconds) / (deadline - seconds))
        low, high = (low, s) if gap <= 0.0 else (s, high)
        if -1e-10 < gap <= 0.0 or high - low < 1e-14:
            break
        if at == at and gap != before and s != at:
            slope = min(max((gap - before) / (s - at), -1.0), -0.05)
        before, at = gap, s
        s -= gap / slope - 4e-11  # a little too urgent, so that the deadline is met
        if not low < s < high:
            s = 0.5 * (low + high) if high < math.inf else low + 2.0
    return math.exp(high if high < math.inf else low), True


@njit(nogil=True, error_model="numpy")
def cheapest(fixed, queue, flops, nats, weight, prices, own):
    """Return a quick lower bound of a split's cost: the best there would be without bounds and without fading."""
    waiting = math.sqrt(queue * flops * prices[1])
    hertz = queue * nats * prices[0]
    if hertz > 0.0:  # a channel that carries nothing has exp(-own[4]) = inf, and zero times that is nan
        waiting += math.sqrt(hertz * math.exp(-own[4]))
    return fixed + weight * nats + 2.0 * waiting


@njit(nogil=True, error_model="numpy")
def note(out, cost, split, on_time, delay, x, band, speed):
    """Write down the best choice so far: cost, split, side, delay, nat/s, hertz, FLOP/s."""
    out[0], out[1], out[2], out[3] = cost, split, on_time, delay
    out[4], out[5], out[6] = band * x, band, speed


@njit(nogil=True, error_model="numpy")
def raise_deadline_price(
    k, seconds, flops, nats, fixed, queue, weight, deadline, prices, common, own, room, deadline_price, out
):
    """Put split k on time, as far as that may be the best choice; it is late at its own pace."""
    _, slow, near = room
    scale = fixed + weight * nats + prices[0] * common[0] + prices[1] * common[1]
    least = queue if queue > 0.0 else 1e-12 * scale / deadline + 1e-300
    guess = queue + near[k] if near[k] > 0.0 else least * ((slow[k] - seconds) / (deadline - seconds)) ** 2
    urged, worth = in_time(
        deadline, queue, least, guess, out[0] - fixed, seconds, flops, nats, weight, prices, common, own
    )
    deadline_price[k] = urged - queue
    if not worth:
        return
    cost, delay, x, band, speed = at_urgency(urged, seconds, flops, nats, weight, prices, common, own)
    cost += fixed - deadline_price[k] * deadline
    if cost < out[0]:
        note(out, cost, k, 1.0, delay, x, band, speed)


@njit(nogil=True, error_model="numpy")
def choose(
    seconds,
    flops,
    nats,
    joules,
    queue,
    step,
    tradeoff,
    noise,
    deadline,
    prices,
    common,
    own,
    allowed,
    room,
    deadline_price,
    out,
):
    """Choose a user's split and side at given prices.

    `allowed` (splits, 2) says which splits may be late, and on time (where that is possible at all). Into `out` goes
    the choice, and into `deadline_price` the prices of the deadlines that were needed; what both hold from an earlier
    call is where this one starts.
    """
    weight, splits = tradeoff * noise, seconds.size
    free, slow, near = room
    first = int(out[1])
    out[0] = math.inf
    for turn in range(splits + 1):
        # First the last choice, which bounds what the others may cost; then all, from everything local on.
        k = first if turn == 0 else splits - turn
        if turn > 0 and k == first:
            continue
        free[k], near[k], deadline_price[k] = math.inf, deadline_price[k], 0.0
        fixed = tradeoff * joules[k]
        if not (allowed[k, 0] or allowed[k, 1]):
            continue
        if cheapest(fixed + queue * seconds[k], queue, flops[k], nats[k], weight, prices, own) >= out[0]:
            continue
        cost, delay, x, band, speed = at_urgency(queue, seconds[k], flops[k], nats[k], weight, prices, common, own)
        cost += fixed
        on_time = delay <= deadline and allowed[k, 1]
        value = cost if on_time else (cost + step if allowed[k, 0] else math.inf)
        if value < out[0]:
            note(out, value, k, 1.0 if on_time else 0.0, delay, x, band, speed)
        if allowed[k, 1] and not on_time and flops[k] + nats[k] > 0.0 and cost < out[0]:
            if turn > 0:
                free[k], slow[k] = cost, delay
                continue
            slow[k] = delay
            raise_deadline_price(
                k,
                seconds[k],
                flops[k],
                nats[k],
                fixed,
                queue,
                weight,
                deadline,
                prices,
                common,
                own,
                room,
                deadline_price,
                out,
            )
    for _ in range(splits):  # those that need a price of the deadline to be on time, the most promising first
        k = free.argmin()
        if free[k] >= out[0]:
            break
        free[k] = math.inf
        raise_deadline_price(
            k,
            seconds[k],
            flops[k],
            nats[k],
            tradeoff * joules[k],
            queue,
            weight,
            deadline,
            prices,
            common,
            own,
            room,
            deadline_price,
            out,
        )


@njit(
    types.void(
        *(array(_F, 2),) * 4,
        *(array(_F, 1),) * 2,
        _F,
        *(array(_F, 1),) * 4,
        array(_F, 2),
        array(types.boolean, 3),
        types.intp,
        types.intp,
        array(_F, 2, False),
        array(_F, 2, False),
    ),
    nogil=True,
    error_model="numpy",
)
def choose_all(
    seconds,
    flops,
    nats,
    joules,
    queue,
    step,
    tradeoff,
    noise,
    deadline,
    prices,
    common,
    own,
    allowed,
    first,
    last,
    deadline_price,
    out,
):
    """Let the users from `first` to `last` choose; each is on its own."""
    room = np.empty((3, seconds.shape[1]))
    for i in range(first, last):
        choose(
            seconds[i],
            flops[i],
            nats[i],
            joules[i],
            queue[i],
            step[i],
            tradeoff,
            noise[i],
            deadline[i],
            prices,
            common,
            own[i],
            allowed[i],
            room,
            deadline_price[i],
            out[i],
        )
