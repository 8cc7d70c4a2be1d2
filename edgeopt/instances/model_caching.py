"""Instances of model caching: published networks behind several links, and generated catalogues."""

from __future__ import annotations

import numpy as np

from ..formulations.model_caching import ModelCaching
from .family import Family, count, fraction, rounded

CATALOGUE = {
    "mobilenet_v3_small": (2_542_856, 0.057, 0.67668),
    "mobilenet_v3_large": (5_483_032, 0.217, 0.75274),
    "efficientnet_b0": (5_288_548, 0.386, 0.77692),
    "efficientnet_b3": (12_233_232, 1.827, 0.82008),
    "efficientnet_v2_s": (21_458_488, 8.366, 0.84228),
    "efficientnet_v2_l": (118_515_272, 56.08, 0.85808),
}
"""Parameters, billions of multiply-adds, and accuracy on ImageNet of networks (torchvision's table of weights)."""
LINKS = ("lte-cat1", "lte-74", "5g-experienced", "wifi-5")
DEMANDS = (0.65, 0.75, 0.80, 0.84, 0.85)
"""Accuracies that requests ask for."""
INPUT = 8 * 100_000
"""Bits of a compressed picture."""


def networks(memory: float = 1e8, speed: float = 2e12, detour: float = 0.06, bytes_per_weight: int = 4) -> ModelCaching:
    """Hold some of six published networks at an edge node; a request is a link and a demanded accuracy.

    A request whose model is not accurate enough goes on to the cloud, which takes `detour` seconds more.

    Parameters
    ----------
    memory : float
        Of the edge node, bytes.
    speed : float
        Of the edge node, FLOP/s.
    detour : float
        Way to the cloud, back, and inference there, seconds.
    bytes_per_weight : int
        4 in single precision, 1 where weights are quantised.
    """
    from ..profiles.channel import preset

    parameters, multiplications, accuracy = np.array(list(CATALOGUE.values())).T
    uploads = np.array([INPUT / preset(link).uplink_rate + preset(link).delay for link in LINKS])
    missed = accuracy < np.array(DEMANDS)[:, None]
    latency = uploads[:, None, None] + 2e9 * multiplications / speed + detour * missed
    return ModelCaching(
        size=bytes_per_weight * parameters,
        latency=rounded(latency.reshape(-1, accuracy.size)),
        memory=float(memory),
        labels={"models": list(CATALOGUE), "requests": [f"{link}, {demand:g}" for link in LINKS for demand in DEMANDS]},
    )


def generated(
    requests: int = 12, models: int = 5, share: float = 0.4, structure: float = 0.5, seed: int = 0
) -> ModelCaching:
    """Draw models of 0.1 to 0.9 GB, of which a node holds a `share` of all bytes.

    `structure` is how much of a latency a model explains, for all requests alike; without any, each request has its own
    order of the models, and linear relaxations are far from the optimum (as in facility location).
    """
    rng = np.random.default_rng(seed)
    n, k = count(requests, "requests"), count(models, "models")
    size = np.round(rng.uniform(1e8, 9e8, k))
    common = fraction(structure, "structure")
    # Larger models spare more requests the way to the cloud.
    explained = 0.1 - 0.09 * (size - 1e8) / 8e8
    latency = common * explained + (1 - common) * rng.uniform(0.01, 0.1, (n, k))
    memory = max(size.min(), np.round(fraction(share, "share") * size.sum()))
    return ModelCaching(size=size, latency=rounded(latency, 6), memory=float(memory))


FAMILIES = (
    Family(
        "model-caching/networks",
        "six published networks; requests over four links with five demands for accuracy",
        "sizes, multiply-adds and accuracies of torchvision's networks; links of edgeopt.profiles.channel",
        networks,
        {
            "typical": {},
            "small-node": {"memory": 3e7},
            "large-node": {"memory": 1e9},
            "quantised": {"bytes_per_weight": 1},
        },
    ),
    Family(
        "model-caching/generated",
        "catalogues with knobs for requests, models, the share that is held, structure of the latencies",
        "generated",
        generated,
        {
            "tiny": {"requests": 3, "models": 3},
            "small": {},
            "medium": {"requests": 60, "models": 20, "seed": 1},
            "large": {"requests": 300, "models": 40, "seed": 2},
            "hard": {"requests": 60, "models": 30, "share": 0.15, "structure": 0.0, "seed": 3},
            "one-fits": {"share": 0.0, "seed": 4},
        },
    ),
)
