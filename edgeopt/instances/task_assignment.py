"""Instances of task assignment: devices and servers in an area, and classes of the generalised assignment problem."""

from __future__ import annotations

import numpy as np

from ..formulations.task_assignment import TaskAssignment
from ..model.errors import InvalidOptionError
from .family import Family, count, fraction, rounded

BANDWIDTH, NOISE, CARRIER, EXPONENT = 1e7, 4e-21, 3.5e9, 3.0
"""Of each device's link to a server: hertz, watt per hertz (-174 dBm), hertz, of the path loss in a city."""
POWER, CAPACITANCE, CLOCK = 0.1, 1e-27, 1e9
"""Of a device: watt when it sends, effective switched capacitance, cycles a second (Mao et al. 2017, eq. 1)."""


def area(
    tasks: int = 20,
    servers: int = 3,
    radius: float = 600.0,
    tightness: float = 0.3,
    local_share: float = 0.5,
    seed: int = 0,
) -> TaskAssignment:
    """Draw devices on a square kilometre with servers, of which each reaches those within a radius.

    Sending costs the energy that the link's rate takes at this distance, running locally that of the device's clock.

    Parameters
    ----------
    tasks, servers : int
        How many.
    radius : float
        Within which a server is reached, metres.
    tightness : float
        Share of the load of all tasks that all servers together lack.
    local_share : float
        Most of the tasks that may stay local.
    seed : int
        Of places, sizes and cycles.
    """
    from ..profiles.channel import path_gain, shannon

    rng = np.random.default_rng(seed)
    n, k = count(tasks, "tasks"), count(servers, "servers")
    places, sites = rng.uniform(0, 1000, (n, 1, 2)), rng.uniform(0, 1000, (1, k, 2))
    # Antennas stand 25 m above the devices.
    distance = np.sqrt(((places - sites) ** 2).sum(axis=2) + 25.0**2)
    rate = shannon(BANDWIDTH, POWER * path_gain(distance, CARRIER, EXPONENT) / (NOISE * BANDWIDTH))
    bits = rng.uniform(2e6, 1e7, n)
    cycles = rng.uniform(5e8, 2e9, n)
    load = cycles[:, None] * rng.uniform(0.8, 1.2, (n, k))
    capacity = (1 - fraction(tightness, "tightness")) * load.mean(axis=1).sum() / k
    return TaskAssignment(
        energy=rounded(POWER * bits[:, None] / rate, 6),
        local_energy=rounded(CAPACITANCE * cycles * CLOCK**2, 6),
        load=rounded(load, 6),
        capacity=rounded(np.full(k, capacity), 6),
        reached=distance <= radius,
        local_share=fraction(local_share, "local_share"),
    )


def chu_beasley(kind: str = "c", tasks: int = 15, servers: int = 5, seed: int = 0) -> TaskAssignment:
    """Draw from a class of the generalised assignment problem; every task is sent.

    Class c draws costs and loads alone; in d and e what costs less loads more, the harder the more servers.
    """
    rng = np.random.default_rng(seed)
    shape = (count(tasks, "tasks"), count(servers, "servers"))
    if kind == "c":
        load, cost = rng.integers(5, 26, shape).astype(float), rng.integers(10, 51, shape).astype(float)
    elif kind == "d":
        load = rng.integers(1, 101, shape).astype(float)
        cost = 111 - load + rng.integers(-10, 11, shape)
    elif kind == "e":
        load = np.round(1 - 10 * np.log(1 - rng.random(shape)))
        cost = np.maximum(0.0, np.round(1000 / load - 10 * rng.random(shape)))
    else:
        raise InvalidOptionError(f"kind is {kind!r}; expected 'c', 'd' or 'e'")
    return TaskAssignment(
        energy=cost,
        local_energy=np.zeros(shape[0]),
        load=load,
        capacity=np.floor(0.8 * load.sum(axis=0) / shape[1]),
        reached=np.ones(shape, dtype=bool),
        local_share=0.0,
    )


FAMILIES = (
    Family(
        "task-assignment/area",
        "devices on a square kilometre, with knobs for size, reach, scarce servers, tasks that may stay local",
        "generated; energies of Mao et al. 2017, links of edgeopt.profiles.channel",
        area,
        {
            "tiny": {"tasks": 4, "servers": 2, "radius": 900.0},
            "small": {},
            "medium": {"tasks": 40, "servers": 4, "tightness": 0.1, "seed": 1},
            "large": {"tasks": 200, "servers": 6, "tightness": 0.0, "seed": 2},
            "scarce": {"tasks": 40, "servers": 5, "tightness": 0.6, "local_share": 0.6, "seed": 3},
        },
    ),
    Family(
        "task-assignment/chu-beasley",
        "classes c, d and e of the generalised assignment problem, with knobs for the size",
        "distributions of Chu and Beasley 1997",
        chu_beasley,
        {
            "c": {"kind": "c"},
            "d": {"kind": "d", "seed": 1},
            "e": {"kind": "e", "seed": 2},
            "d-hard": {"kind": "d", "tasks": 24, "servers": 6, "seed": 3},
        },
    ),
)
