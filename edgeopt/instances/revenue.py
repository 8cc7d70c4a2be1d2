"""Instances of network revenue: split services on GEANT and Abilene with their traffic, and generated networks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ..formulations.revenue import RevenueMaximization
from .family import Family, count, fraction, rounded

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from ..data.topology import Topology

NETWORKS = ("alexnet", "vgg16", "deepface")
"""Of Lyu et al. 2024, section V."""


def geant(
    data: Path, first: int = 144, slots: int = 1, mean_capacity: float = 80.0, seed: int = 0
) -> RevenueMaximization:
    """Deploy thirty services on GEANT (Lyu et al. 2024); each quarter of an hour of its traffic is a slot."""
    from ..data import totem

    topology = totem.read_topology(data / "geant/original_format/Geant-topology-anonymised.xml")
    matrices = totem.read_archive(data / "geant/geant_totem_tm_15min.npz")
    return _deployed(topology, matrices, first, slots, mean_capacity, seed)


def abilene(
    data: Path, first: int = 200, slots: int = 1, mean_capacity: float = 80.0, seed: int = 0
) -> RevenueMaximization:
    """Deploy thirty services on Abilene in the same way."""
    from ..data import abilene as reader

    topology = reader.read_topology(data / "abilene/Abilene_topology.txt")
    matrices = reader.read_matrices(data / "abilene/AbileneTM.txt.gz")
    return _deployed(topology, matrices, first, slots, mean_capacity, seed)


def _deployed(
    topology: Topology, matrices: pd.DataFrame, first: int, slots: int, mean_capacity: float, seed: int
) -> RevenueMaximization:
    from ..data.scenarios import split_services

    scenario = split_services(topology, NETWORKS, "spread", matrices, count=30, mean_capacity=mean_capacity, seed=seed)
    chosen = scenario.traffic.dropna().to_numpy()[first : first + count(slots, "slots")]
    problem = scenario.problem
    return replace(
        problem,
        traffic=rounded(chosen[0] if slots == 1 else chosen),
        compute_density=rounded(problem.compute_density.toarray()),
        link_density=rounded(problem.link_density.toarray()),
        compute_capacity=rounded(problem.compute_capacity),
        link_capacity=rounded(problem.link_capacity),
    )


def generated(
    services: int = 30,
    servers: int = 10,
    links: int = 30,
    seed: int = 0,
    tightness: float = 0.5,
    ties: float = 0.0,
    degeneracy: float = 0.0,
    batch: int = 0,
) -> RevenueMaximization:
    """Draw services that use a few servers and links each.

    `tightness` is the share of the offered load that resources lack, `ties` the share of services that earn the same,
    `degeneracy` the share of links that repeat the first one.
    """
    rng = np.random.default_rng(seed)
    k = count(services, "services")
    shape = (count(servers, "servers") + count(links, "links", 0), k)
    # Every service asks for one server at least.
    used = rng.random(shape) < min(0.5, 3.0 / shape[0])
    used[rng.integers(servers, size=k), np.arange(k)] = True
    density = used * rounded(rng.gamma(2.0, 0.5, shape), 6)
    repeated = servers + np.flatnonzero(rng.random(links) < fraction(degeneracy, "degeneracy"))
    density[repeated] = density[servers : servers + 1]
    traffic = rounded(rng.gamma(2.0, 1.0, (batch, k) if batch else k), 6)
    mean = traffic.mean(axis=0) if batch else traffic
    capacity = rounded((1 - fraction(tightness, "tightness")) * density @ mean * rng.uniform(0.8, 1.2, shape[0]), 6)
    capacity[repeated] = capacity[servers : servers + 1]
    revenue = rounded(rng.gamma(4.0, 1.0, k), 6)
    revenue[rng.random(k) < fraction(ties, "ties")] = 4.0
    return RevenueMaximization(
        revenue, density[:servers], density[servers:], capacity[:servers], capacity[servers:], traffic
    )


FAMILIES = (
    Family(
        "revenue/geant",
        "thirty split services on 23 servers and 74 links",
        "GEANT's traffic matrices (data set geant; TOTEM), deployed as in Lyu et al. 2024",
        geant,
        {
            "night": {"first": 16},
            "noon": {"first": 144},
            "day": {"first": 96, "slots": 96},
            "scarce": {"mean_capacity": 30.0},
        },
    ),
    Family(
        "revenue/abilene",
        "thirty split services on 12 servers and 30 links",
        "Abilene's traffic matrices (data set abilene)",
        abilene,
        {
            "night": {"first": 60},
            "noon": {"first": 200},
            "scarce": {"first": 200, "mean_capacity": 30.0},
        },
    ),
    Family(
        "revenue/generated",
        "networks with knobs for size, tightness, equal revenues, repeated links",
        "generated",
        generated,
        {
            "tiny": {"services": 5, "servers": 2, "links": 3},
            "small": {"seed": 1},
            "medium": {"services": 300, "servers": 30, "links": 100, "seed": 2},
            "large": {"services": 3000, "servers": 100, "links": 400, "seed": 3},
            "tied": {"ties": 1.0, "seed": 4},
            "tight": {"tightness": 0.95, "seed": 5},
            "loose": {"tightness": 0.0, "seed": 6},
            "degenerate": {"degeneracy": 0.6, "seed": 7},
            "week": {"batch": 168, "seed": 8},
        },
    ),
)
