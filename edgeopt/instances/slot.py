"""Instances of one slot: Labriji's device at several deadlines and loads, generated networks, and many users."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..formulations.shared_slot import SharedSlot
from ..formulations.slot import SlotProblem
from .family import Family, count, rounded

if TYPE_CHECKING:
    from ..profiles.energy import SplitCosts

NOISE = 3.9810717e-21
"""-174 dBm/Hz in W/Hz."""

GAIN = 4.6417e-11
"""Mean power gain at 50 m and 3.5 GHz with exponent 3 (Labriji et al. 2023, section IV), rounded."""


def labriji2023(
    arrivals: float = 10.0,
    fading: float = 1.0,
    availability: float = 0.5,
    delay_queue: float = 1.0,
    outage_queue: float = 0.5,
    tradeoff: float = 1.0,
    max_delay: float = 0.1,
) -> SlotProblem:
    """Decide one slot of MobileNetV2 on a Jetson TX2 beside a Xavier NX (Labriji et al. 2023, section IV)."""
    from ..profiles.energy import JETSON_TX2, XAVIER_NX_SPEED, mobilenet_splits

    bandwidth, gain = 200e6, float(rounded(GAIN * fading))
    rates = [bandwidth * np.log2(1 + power * gain / (NOISE * bandwidth)) for power in (0.01, 0.1)]
    return SlotProblem(
        **_costs(mobilenet_splits()),
        arrivals=arrivals,
        channel_gain=gain,
        bandwidth=bandwidth,
        noise_density=NOISE,
        local_speed=JETSON_TX2.speed,
        remote_speed=availability * XAVIER_NX_SPEED,
        rate_bounds=tuple(rounded(rates)),
        delay_queue=delay_queue,
        outage_queue=outage_queue,
        tradeoff=tradeoff,
        max_delay=max_delay,
    )


def _costs(costs: SplitCosts) -> dict[str, Any]:
    names = ("local_flops", "remote_flops", "payload_bits", "local_energy")
    return {name: rounded(getattr(costs, name)) for name in names}


def generated(splits: int = 20, seed: int = 0, max_delay: float = 0.1, tradeoff: float = 1.0) -> SlotProblem:
    """Draw a network of some splits with its slot."""
    rng = np.random.default_rng(seed)
    return SlotProblem(
        **_drawn(count(splits, "splits"), rng),
        arrivals=float(rng.integers(1, 20)),
        channel_gain=float(rounded(GAIN * rng.exponential())),
        bandwidth=2e8,
        noise_density=NOISE,
        local_speed=1.3e12,
        remote_speed=float(rounded(rng.uniform(1e12, 1e13))),
        rate_bounds=(1e7, 2e9),
        delay_queue=float(rounded(rng.exponential())),
        outage_queue=float(rounded(rng.exponential())),
        tradeoff=tradeoff,
        max_delay=max_delay,
    )


def _drawn(splits: int, rng: np.random.Generator) -> dict[str, Any]:
    flops = rounded(rng.gamma(1.0, 6e8 / splits, splits - 1))
    done = np.r_[0.0, np.cumsum(flops)]
    bits = rounded(np.r_[4.8e6, 4.8e6 * 0.9 ** np.arange(1, splits) * rng.gamma(2.0, 0.5, splits - 1)])
    bits[-1] = 0.0
    return {
        "local_flops": done,
        "remote_flops": done[-1] - done,
        "payload_bits": bits,
        "local_energy": rounded(done / 1.3e12 * 10.0),
    }


def crowd(
    users: int = 10, splits: int = 8, seed: int = 0, bandwidth: float = 2e7, max_delay: float = 0.1
) -> SharedSlot:
    """Draw users of one network who share a cell's band and its edge host; both grow with their number."""
    rng = np.random.default_rng(seed)
    n = count(users, "users")
    return SharedSlot(
        **_drawn(count(splits, "splits", 2), rng),
        arrivals=rng.integers(1, 15, n).astype(float),
        channel_gain=rounded(GAIN * rng.exponential(size=n)),
        bandwidth=bandwidth * n,
        noise_density=NOISE,
        local_speed=1.3e11,
        remote_speed=1e12 * n,
        max_power=0.1,
        min_rate=1e5,
        min_speed=1e9,
        delay_queue=rounded(rng.exponential(size=n)),
        outage_queue=rounded(rng.exponential(size=n)),
        tradeoff=1.0,
        max_delay=max_delay,
    )


FAMILIES = (
    Family(
        "slot/labriji2023",
        "MobileNetV2 on a Jetson TX2, Rayleigh fading, a busy edge host",
        "Labriji et al. 2023, section IV",
        labriji2023,
        {
            "typical": {},
            "busy-host": {"availability": 0.05},
            "deep-fade": {"fading": 0.02},
            "tight-deadline": {"max_delay": 0.03, "outage_queue": 9.0},
            "no-hurry": {"delay_queue": 0.0, "outage_queue": 0.0},
            "dear-energy": {"tradeoff": 300.0},
            "rush": {"arrivals": 40.0},
        },
    ),
    Family(
        "slot/generated",
        "networks with knobs for splits, deadline, weight of energy",
        "generated",
        generated,
        {
            "tiny": {"splits": 3},
            "small": {"splits": 20, "seed": 1},
            "medium": {"splits": 200, "seed": 2},
            "large": {"splits": 5000, "seed": 3},
            "tight": {"splits": 20, "seed": 4, "max_delay": 0.01},
            "dear-energy": {"splits": 20, "seed": 5, "tradeoff": 100.0},
        },
    ),
    Family(
        "shared-slot/crowd",
        "users of one network who share a cell's band and its edge host",
        "generated, around Labriji et al. 2023",
        crowd,
        {
            "two": {"users": 2},
            "ten": {"users": 10, "seed": 1},
            "twenty": {"users": 20, "splits": 12, "seed": 2},
            "hundred": {"users": 100, "seed": 3},
            "thousand": {"users": 1000, "seed": 4},
            "narrow": {"users": 10, "seed": 5, "bandwidth": 1e6},
        },
    ),
)
