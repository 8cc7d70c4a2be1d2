"""The experiment's setting: networks, services and traffic, as far as the paper gives them, and what was chosen else.

The paper gives the topology (23 nodes, 74 links), three networks (AlexNet, VGG, FACE), normal capacities and 20 epochs.
Table 4 with Figs. 6 and 10 reveals more: 289.50 / 0.9647 = 300.1 and 78.60 / 0.9165 = 85.76 Mb a slot are the offline
optima at a deviation of 20, to which the traffic is scaled here. Left out are the number of services, densities, prices
and the mean capacity.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ...data import abilene, kaggle_flows, totem
from ...data.scenarios import Scenario, split_services
from ...data.traffic_frames import largest
from ...predictors.samples import Split, chronological, windows
from ...solving.solve import solve

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray
    from torch import Tensor

    from ...data.topology import Topology

NETWORKS = ("alexnet", "vgg16", "deepface")
MEAN_CAPACITY = 80.0
SPREAD = 20.0
"""Deviation of the capacities where the paper does not vary it: the one of Figs. 6 and 10."""
PRICE = 0.05
"""Of a unit of computing and of bandwidth."""
SLA_PENALTY = 0.5
"""For a Mb that was promised and not admitted."""
MEAN_DENSITY = 1.5
"""Computing that one Mb takes on the average; makes the services' servers the scarce resource."""
WINDOW = 8


@dataclass(frozen=True)
class Source:
    """How a data set is used.

    Attributes
    ----------
    arrivals : float
        Mean arrivals, Mb a slot.
    optimum : float
        Offline optimum at a deviation of 20 that follows from the paper, Mb a slot; nan where it has none.
    train, validation : float
        Shares of the samples; the rest is the test: 434 slots of TOTEM (paper: 700), of which 13 days are at hand.
    """

    arrivals: float
    optimum: float
    train: float
    validation: float


SOURCES: Mapping[str, Source] = MappingProxyType(
    {
        "TOTEM": Source(327.0, 300.1, 0.5, 0.15),
        "Kaggle": Source(173.4, 85.76, 0.6, 0.2),
        "Abilene": Source(300.0, float("nan"), 0.5, 0.15),
    }
)


@dataclass(frozen=True, eq=False)
class Setting:
    """One scenario with its samples.

    Attributes
    ----------
    scenario : Scenario
        Services on a network, with the true capacities.
    believed : (servers + links,) float
        The mean capacities that a controller starts from.
    tensors : tuple of Tensor
        Windows, traffic and offline optimum of every sample, float32.
    split : Split
        Training, validation and test.
    """

    scenario: Scenario
    believed: Any
    tensors: tuple[Tensor, Tensor, Tensor]
    split: Split

    def part(self, name: str) -> tuple[Tensor, Tensor, Tensor]:
        """Return the samples of ``"train"``, ``"validation"`` or ``"test"``."""
        rows = getattr(self.split, name)
        past, traffic, best = (tensor[rows] for tensor in self.tensors)
        return past, traffic, best

    @property
    def truth(self) -> Tensor:
        """(servers + links,) true capacities."""
        return torch.tensor(self.scenario.problem.capacity, dtype=torch.float32)

    @property
    def believed_tightness(self) -> float:
        """Share of the training slots in which some mean capacity is less than what arrives would take.

        Where it is 0, no row of the believed program binds, and no gradient reaches a capacity.
        """
        load = self.scenario.problem.load(self.part("train")[1].double().numpy())
        return float((load > self.believed).any(axis=1).mean())


def traffic_of(name: str, data: Path, steps: int | None = None) -> tuple[Topology, pd.DataFrame, int]:
    """Return topology, traffic and number of services of a data set: ``"TOTEM"``, ``"Abilene"`` or ``"Kaggle"``."""
    geant = totem.read_topology(data / "geant/original_format/Geant-topology-anonymised.xml")
    matrices = totem.read_archive(data / "geant/geant_totem_tm_15min.npz")
    if name == "TOTEM":
        return geant, matrices.iloc[:steps], 30
    if name == "Abilene":
        frame = abilene.read_matrices(data / "abilene/AbileneTM.txt.gz").iloc[::3]
        return abilene.read_topology(data / "abilene/Abilene_topology.txt"), frame.iloc[:steps], 30
    flows = kaggle_flows.read_flows(data / "kaggle_computer_network_traffic/cs448b_ipasn.csv")
    # A host without a record on a day had no flow worth one; hosts silent for a tenth of the days are left out.
    flows = flows.loc[:, flows.notna().mean() >= 0.9].fillna(0.0)
    pairs = largest(matrices[[pair for pair in matrices.columns if pair[0] != pair[1]]], flows.shape[1])
    flows.columns = pairs.columns
    return geant, flows, flows.shape[1]


@lru_cache(maxsize=32)
def deployed(
    name: str, data: Path, steps: int | None, deployment: str, without: tuple[str, ...] = (), total: float | None = None
) -> Scenario:
    """Return the services of a data set on its topology, `without` some links, at mean capacities.

    Unit revenues differ and prices are positive: with equal ones the offline optimum is not unique, and the supervised
    loss has an arbitrary target.
    """
    topology, traffic, count = traffic_of(name, data, steps)
    stay = [link not in without for link in topology.link_names]
    topology = replace(topology, links=topology.links[stay], capacity=topology.capacity[stay])
    return split_services(
        topology,
        NETWORKS,
        deployment,  # type: ignore[arg-type]
        traffic,
        count=count,
        mean_total=SOURCES[name].arrivals if total is None else total,
        mean_capacity=MEAN_CAPACITY,
        deviation=0.0,
        unit_revenue=np.random.default_rng(2024).uniform(0.8, 1.4, count),
        compute_price=PRICE,
        link_price=PRICE,
        own_work=True,
        mean_density=MEAN_DENSITY,
    )


def capacities(size: int, mean: float, deviation: float, seed: int) -> NDArray[np.float64]:
    """Draw positive capacities from a normal distribution (eq. 13), one standard draw for all means and deviations.

    What is not positive is drawn again, each resource from its own place of the next draw: a sweep over the deviation
    moves the capacities, and changes none by chance.
    """
    rng = np.random.default_rng(seed)
    drawn = mean + deviation * rng.standard_normal(size)
    while (low := drawn <= 0).any():
        drawn = np.where(low, mean + deviation * rng.standard_normal(size), drawn)
    return drawn


def setting(
    name: str,
    data: Path,
    deviation: float,
    *,
    mean: float = MEAN_CAPACITY,
    deployment: str = "gus",
    seed: int = 0,
    steps: int | None = None,
) -> Setting:
    """Return the setting of a data set with capacities from a normal distribution; the same seed, the same draws."""
    scenario = deployed(name, data, steps, deployment)
    size = scenario.problem.resources
    scenario = scenario.with_capacity(capacities(size, mean, deviation, seed))
    past, target = windows(scenario.traffic.to_numpy(), WINDOW)
    best = solve(replace(scenario.problem, traffic=target)).decision.admitted
    tensors = [torch.tensor(np.array(a), dtype=torch.float32) for a in (past.swapaxes(1, 2), target, best)]
    source = SOURCES[name]
    split = chronological(len(target), source.train, source.validation)
    return Setting(scenario, np.full(size, mean), (tensors[0], tensors[1], tensors[2]), split)
