"""The experiment's setting: networks, services and traffic, as far as the paper gives them, and what was chosen else.

The paper gives the topology (23 nodes, 74 links), three networks (AlexNet, VGG, FACE), normal capacities and 20 epochs.
It leaves out the number of services, densities, prices and the mean capacities behind Table 4. Here: the 30 largest
demands, three balanced parts on servers in use, unit revenue 1, no prices (revenue is throughput), 300 Mb a slot on
average, mean capacity 80 Mb a slot.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ...data import abilene, kaggle_flows, totem
from ...data.scenarios import Scenario, normal_capacities, split_services
from ...data.traffic_frames import largest
from ...predictors.samples import Split, chronological, windows
from ...solving.solve import solve

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from torch import Tensor

NETWORKS = ("alexnet", "vgg16", "deepface")
MEAN_CAPACITY = 80.0
WINDOW = 8


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


def traffic_of(name: str, data: Path, steps: int | None = None) -> tuple[Any, pd.DataFrame, dict[str, Any]]:
    """Return topology, traffic and options of a data set: ``"TOTEM"``, ``"Abilene"`` or ``"Kaggle"``."""
    geant = totem.read_topology(data / "geant/original_format/Geant-topology-anonymised.xml")
    matrices = totem.read_archive(data / "geant/geant_totem_tm_15min.npz")
    if name == "TOTEM":
        return geant, matrices.iloc[:steps], {"count": 30}
    if name == "Abilene":
        frame = abilene.read_matrices(data / "abilene/AbileneTM.txt.gz").iloc[::3]
        return abilene.read_topology(data / "abilene/Abilene_topology.txt"), frame.iloc[:steps], {"count": 30}
    flows = kaggle_flows.read_flows(data / "kaggle_computer_network_traffic/cs448b_ipasn.csv")
    # A host without a record on a day had no flow worth one; hosts silent for a tenth of the days are left out.
    flows = flows.loc[:, flows.notna().mean() >= 0.9].fillna(0.0)
    pairs = largest(matrices[[pair for pair in matrices.columns if pair[0] != pair[1]]], flows.shape[1])
    flows.columns = pairs.columns
    return geant, flows, {"count": flows.shape[1]}


@lru_cache(maxsize=32)
def _deployed(name: str, data: Path, steps: int | None, deployment: str) -> Scenario:
    topology, traffic, options = traffic_of(name, data, steps)
    return split_services(topology, NETWORKS, deployment, traffic, deviation=0.0, **options)  # type: ignore[arg-type]


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
    """Return the setting of a data set with capacities from a normal distribution; the same seed, the same network."""
    scenario = _deployed(name, data, steps, deployment)
    rng = np.random.default_rng([seed, round(10 * mean), round(10 * deviation)])
    capacity = normal_capacities(scenario.problem.resources, mean, deviation, rng)
    scenario = scenario.with_capacity(capacity)
    traffic = scenario.traffic.to_numpy()
    past, target = windows(traffic, WINDOW)
    best = solve(replace(scenario.problem, traffic=target)).decision.admitted
    tensors = [torch.tensor(np.array(a), dtype=torch.float32) for a in (past.swapaxes(1, 2), target, best)]
    believed = np.full(capacity.size, mean)
    return Setting(scenario, believed, (tensors[0], tensors[1], tensors[2]), chronological(len(target)))
