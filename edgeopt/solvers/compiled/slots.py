"""The slot loop: queues, rates and splits, slot after slot, run after run."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from numba import types

from ...model.tolerance import ON_TIME
from .jit import njit, part
from .offset_lambert import offset_lambert
from .signature import array

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LAMBERT_W, TWO_REGIME, LOCAL_ONLY, REMOTE_ONLY = 0, 1, 2, 3
"""How a slot is decided."""

_LATEST = 1.0 + ON_TIME
"""Part of the deadline up to which a delay is on time."""


class Splits(NamedTuple):
    """What one image costs at each split, (splits,): device seconds, FLOPs of the host, bits sent, joule computing."""

    local_seconds: NDArray[np.float64]
    remote_flops: NDArray[np.float64]
    payload: NDArray[np.float64]
    local_energy: NDArray[np.float64]


class Slot(NamedTuple):
    """What a slot shows: images, power gain of the channel, FLOP/s of the host, least and largest rate in bit/s."""

    images: float
    gain: float
    remote_speed: float
    low: float
    high: float


class Band(NamedTuple):
    """Bandwidth in hertz and noise density in watt per hertz."""

    bandwidth: float
    noise_density: float


class Weights(NamedTuple):
    """Weights of delay (Z), of a missed deadline (H) and of energy (V), and the deadline in seconds."""

    z: float
    h: float
    v: float
    deadline: float


@part
def _free_rate(rule, slot, band, weights, noise):
    """Return the best rate where no deadline holds it, which is that of all splits (Labriji et al. 2023, eq. 19)."""
    z, h, v, deadline = weights
    if rule > TWO_REGIME:
        return slot.high
    rate = slot.high
    # The paper weighs the step at the deadline as if it were a slope.
    urgency = z + h / deadline if rule == LAMBERT_W else z
    if urgency == 0.0:
        rate = slot.low
    elif v * noise > 0.0:
        rate = band.bandwidth / math.log(2.0) * offset_lambert(urgency / (v * noise))
    return min(max(rate, slot.low), slot.high)


@part
def _just_in_time(sent, computing, local_energy, slot, band, weights, noise):
    """Return value, rate and energy of sending so that the deadline is just met; inf where no rate is fast enough.

    Where the free rate is late this is the best rate that is on time, as the value is convex in the rate.
    """
    needed = sent / (weights.deadline - computing)
    if needed > slot.high:
        return math.inf, needed, math.inf
    power = noise * math.expm1(needed * math.log(2.0) / band.bandwidth)
    energy = slot.images * local_energy + power * sent / needed
    return weights.z * weights.deadline + weights.v * energy, needed, energy


@part
def _decide(rule, splits, slot, band, weights):
    """Return the best split, its rate, delay and energy, and whether it is late."""
    z, h, v, deadline = weights
    images, count = slot.images, splits.local_seconds.size
    if images == 0.0:
        return count - 1, 0.0, 0.0, 0.0, False
    noise = band.noise_density * band.bandwidth / slot.gain
    linked = slot.low <= slot.high and slot.high > 0.0
    rate = _free_rate(rule, slot, band, weights, noise)
    power = noise * math.expm1(rate * math.log(2.0) / band.bandwidth) if linked else 0.0
    best, best_value, best_rate, best_delay, best_energy = count - 1, math.inf, 0.0, math.inf, math.inf
    # Divisions are what a split would cost most.
    per_bit = 1.0 / rate if rate > 0.0 else math.inf
    per_flop = 1.0 / slot.remote_speed if slot.remote_speed > 0.0 else math.inf
    first, last = (0, count) if rule <= TWO_REGIME else ((count - 1, count) if rule == LOCAL_ONLY else (0, 1))
    for k in range(first, last):
        sent = images * splits.payload[k]
        computing = images * splits.local_seconds[k]
        if splits.remote_flops[k] > 0.0:
            computing += images * splits.remote_flops[k] * per_flop
        if (sent > 0.0 and not linked) or computing == math.inf:
            continue
        used = rate if sent > 0.0 else 0.0
        sending = sent * per_bit if sent > 0.0 else 0.0
        delay = computing + sending
        energy = images * splits.local_energy[k] + power * sending
        smooth = z * delay + v * energy
        if smooth >= best_value:  # the rate is the best without the step, so nothing else of this split is better
            continue
        if not delay > deadline * _LATEST or h == 0.0:
            best, best_value, best_rate, best_delay, best_energy = k, smooth, used, delay, energy
            continue
        if smooth + h < best_value:
            best, best_value, best_rate, best_delay, best_energy = k, smooth + h, used, delay, energy
        if rule == TWO_REGIME and sent > 0.0 and computing < deadline:
            value, needed, energy = _just_in_time(sent, computing, splits.local_energy[k], slot, band, weights, noise)
            if value < best_value:
                best, best_value, best_rate, best_delay, best_energy = k, value, needed, deadline, energy
    return best, best_rate, best_delay, best_energy, best_delay > deadline * _LATEST


@njit(nogil=True, error_model="numpy")
def decide(rule, splits, slot, band, weights):
    """Decide one slot: return the split, rate, delay, energy and whether the deadline is missed.

    Parameters
    ----------
    rule : int
        How.
    splits, slot, band, weights : Splits, Slot, Band, Weights
        Or plain tuples of the same.
    """
    return _decide(rule, Splits(*splits), Slot(*slot), Band(*band), Weights(*weights))


@part
def _rates(gain, limit, band, powers):
    """Return the least and the largest rate of a slot: Shannon's, at the least and the largest transmit power."""
    signal = gain / (band.noise_density * band.bandwidth)
    scale = band.bandwidth / math.log(2.0)
    # The limit holds both: a link that is slower than the least power allows is slow, not dead.
    return min(scale * math.log1p(powers[0] * signal), limit), min(scale * math.log1p(powers[1] * signal), limit)


@part
def _count(totals, row, k, delay, energy, late, z, h):
    """Add a slot to the sums of its batch."""
    _, sums, chosen = totals
    sums[row, 0] += delay
    sums[row, 1] += energy
    sums[row, 2] += late
    sums[row, 3] += k
    sums[row, 4] += 1.0
    sums[row, 5] = max(sums[row, 5], z)
    sums[row, 6] = max(sums[row, 6], h)
    chosen[k] += 1.0


_F = types.float64
_ARRAY = array(_F, 1)
_TOTALS = types.Tuple((array(_F, 1, False), array(_F, 2, False), array(_F, 1, False)))


@njit(
    types.void(
        types.intp,
        types.UniTuple(_ARRAY, 4),
        types.UniTuple(_ARRAY, 5),
        types.UniTuple(_F, 3),
        types.UniTuple(_F, 4),
        types.UniTuple(types.intp, 3),
        _TOTALS,
        array(_F, 2, False),
    ),
    nogil=True,
    error_model="numpy",
)
def run_slots(rule, costs, block, link, control, clock, totals, kept):
    """Run a block of slots.

    Parameters
    ----------
    rule : int
        How the slots are decided.
    costs : tuple of (splits,) float
        What `Splits` holds.
    block : tuple of (slots,) float
        Arrivals, channel gains, FLOP/s of the host, rate limits, and bandwidths.
    link : tuple of float
        Noise density, least and largest power.
    control : tuple of float
        Weight V of energy, mean delay that is allowed, deadline, and share of slots that may miss it.
    clock : tuple of int
        Number of the block's first slot, of the first one that counts, and slots of a batch.
    totals : tuple
        Queues (Z, H), which are read and left as they are after the block; sums of each batch (batches, 7): delay,
        energy, late, split, slots, largest Z, largest H; and how often each split was chosen (splits,).
    kept : (slots, 7) or (0, 7) float
        Where to write split, rate, delay, energy, late and the queues before each slot, if they are wanted.
    """
    splits, powers = Splits(*costs), link[1:]
    arrivals, gains, speeds, limits, bandwidths = block
    v, average, deadline, allowed = control
    first, warm_up, batch = clock
    queues, sums, _ = totals
    z, h = queues[0], queues[1]
    for t in range(arrivals.size):
        band = Band(bandwidths[t], link[0])
        low, high = _rates(gains[t], limits[t], band, powers)
        slot = Slot(arrivals[t], gains[t], speeds[t], low, high)
        k, rate, delay, energy, missed = _decide(rule, splits, slot, band, Weights(z, h, v, deadline))
        late = 1.0 if missed else 0.0
        if kept.shape[0] > 0:
            kept[t, 0], kept[t, 1], kept[t, 2], kept[t, 3] = k, rate, delay, energy
            kept[t, 4], kept[t, 5], kept[t, 6] = late, z, h
        z = max(0.0, z + delay - average)
        h = max(0.0, h + late - allowed)
        if first + t >= warm_up:
            row = min((first + t - warm_up) // batch, sums.shape[0] - 1)
            _count(totals, row, k, delay, energy, late, z, h)
    queues[0], queues[1] = z, h
