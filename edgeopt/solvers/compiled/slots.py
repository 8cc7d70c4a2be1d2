"""The slot loop: queues, rates and splits, slot after slot, run after run."""

from __future__ import annotations

import math

from numba import types

from .jit import njit
from .offset_lambert import offset_lambert
from .signature import array

LAMBERT_W, TWO_REGIME, LOCAL_ONLY, REMOTE_ONLY = 0, 1, 2, 3
"""How a slot is decided."""

_ON_TIME = 1.0 + 1e-12


_F = types.float64


@njit(nogil=True, error_model="numpy")
def decide(  # noqa: C901
    rule, local_seconds, remote_flops, payload, local_energy, images, gain, remote_speed, low, high,
    bandwidth, noise_density, z, h, v, deadline,
):  # fmt: skip
    """Decide one slot: return the split, rate, delay, energy and whether the deadline is missed."""
    splits = local_seconds.size
    if images == 0.0:
        return splits - 1, 0.0, 0.0, 0.0, False
    noise = noise_density * bandwidth / gain
    linked = low <= high and high > 0.0
    rate = high
    if rule <= TWO_REGIME:
        urgency = z + h / deadline if rule == LAMBERT_W else z
        if urgency == 0.0:
            rate = low
        elif v * noise > 0.0:
            rate = bandwidth / math.log(2.0) * offset_lambert(urgency / (v * noise))
        rate = min(max(rate, low), high)
    power = noise * math.expm1(rate * math.log(2.0) / bandwidth) if linked else 0.0
    best, best_value, best_rate, best_delay, best_energy = splits - 1, math.inf, 0.0, math.inf, math.inf
    # Divisions are what a split would cost most.
    per_bit = 1.0 / rate if rate > 0.0 else math.inf
    per_flop = 1.0 / remote_speed if remote_speed > 0.0 else math.inf
    first, last = (0, splits) if rule <= TWO_REGIME else ((splits - 1, splits) if rule == LOCAL_ONLY else (0, 1))
    for k in range(first, last):
        sent = images * payload[k]
        computing = images * local_seconds[k]
        if remote_flops[k] > 0.0:
            computing += images * remote_flops[k] * per_flop
        if (sent > 0.0 and not linked) or computing == math.inf:
            continue
        used = rate if sent > 0.0 else 0.0
        sending = sent * per_bit if sent > 0.0 else 0.0
        delay = computing + sending
        energy = images * local_energy[k] + power * sending
        smooth = z * delay + v * energy
        if smooth >= best_value:  # the rate is the best without the step, so nothing else of this split is better
            continue
        late = delay > deadline * _ON_TIME
        if not late or h == 0.0:
            best, best_value, best_rate, best_delay, best_energy = k, smooth, used, delay, energy
            continue
        if smooth + h < best_value:
            best, best_value, best_rate, best_delay, best_energy = k, smooth + h, used, delay, energy
        if rule == TWO_REGIME and sent > 0.0 and computing < deadline:
            needed = sent / (deadline - computing)
            if needed <= high:  # late at the free rate, so just in time is the best on time
                cost = noise * math.expm1(needed * math.log(2.0) / bandwidth)
                energy = images * local_energy[k] + cost * sent / needed
                value = z * deadline + v * energy
                if value < best_value:
                    best, best_value, best_rate, best_delay, best_energy = k, value, needed, deadline, energy
    return best, best_rate, best_delay, best_energy, best_delay > deadline * _ON_TIME


@njit(
    types.void(
        types.intp, *(array(_F, 1),) * 8, *(_F,) * 8, *(types.intp,) * 3,
        array(_F, 1, False), array(_F, 2, False), array(_F, 1, False), array(_F, 2, False), types.boolean,
    ),
    nogil=True, error_model="numpy",
)  # fmt: skip
def run_slots(
    rule, local_seconds, remote_flops, payload, local_energy, images, gains, speeds, limits,
    bandwidth, noise_density, least_power, most_power, v, average, deadline, allowed, first, warm_up, batch,
    queues, sums, chosen, kept, keep,
):  # fmt: skip
    """Run a block of slots from the queues (Z, H), adding to sums of each batch: delay, energy, late, split, slots."""
    z, h = queues[0], queues[1]
    scale = bandwidth / math.log(2.0)
    for t in range(images.size):
        signal = gains[t] / (noise_density * bandwidth)
        low = scale * math.log1p(least_power * signal)
        high = min(scale * math.log1p(most_power * signal), limits[t])
        k, rate, delay, energy, late = decide(
            rule, local_seconds, remote_flops, payload, local_energy, images[t], gains[t], speeds[t], low, high,
            bandwidth, noise_density, z, h, v, deadline,
        )  # fmt: skip
        if keep:
            kept[t, 0], kept[t, 1], kept[t, 2], kept[t, 3] = k, rate, delay, energy
            kept[t, 4], kept[t, 5], kept[t, 6] = 1.0 if late else 0.0, z, h
        z = max(0.0, z + delay - average)
        h = max(0.0, h + (1.0 if late else 0.0) - allowed)
        slot = first + t
        if slot >= warm_up:
            row = (slot - warm_up) // batch
            row = min(row, sums.shape[0] - 1)
            sums[row, 0] += delay
            sums[row, 1] += energy
            sums[row, 2] += 1.0 if late else 0.0
            sums[row, 3] += k
            sums[row, 4] += 1.0
            sums[row, 5] = max(sums[row, 5], z)
            sums[row, 6] = max(sums[row, 6], h)
            chosen[k] += 1.0
    queues[0], queues[1] = z, h
