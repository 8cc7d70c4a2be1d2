"""Networks of a study: trained once, kept on disk under what they depend on, and asked."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch

from ...exchange.storage import write_atomically
from ...model.cached import cached_property
from ...predictors.boxes import TrafficBox
from ...predictors.ddnn import DDNN
from ...predictors.exits import ExitSamples, answers
from ...predictors.joint import train_jointly
from ...predictors.samples import MinMax, Split, chronological, windows
from ...predictors.training import load_weights, save_weights
from ..fingerprints import fingerprint
from .fingerprints import NETWORK_CODE, of_code, of_cost, of_data

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from ...profiles.costs import AllocationCost

logger = logging.getLogger(__name__)

TRAINING: dict[str, Any] = {"rate": 3e-3, "batch_size": 128, "patience": 12}
"""Options of all trainings: learning rate of AdamW, samples a step, epochs without improvement."""

EXITS = ("printed", "residual")
"""The papers' networks, and the same with exits that correct the latest demand."""


@dataclass(frozen=True)
class Network:
    """What defines a trained network.

    Attributes
    ----------
    kind, window, sites, exit, remote
        Of the :class:`~edgeopt.predictors.ddnn.DDNN`.
    cost : AllocationCost
        What it minimises; weights of single services are in the order of the traffic's columns.
    weight : float
        Of the local exits; 0 is the centralised network, without exits.
    seed, epochs : int
        Of training.
    site_dropout : float
        Share of samples in which a site sends nothing during training.
    followed : bool
        Whether the remote exit's cost on the test period is kept after each epoch.
    """

    kind: str
    window: int
    cost: AllocationCost
    weight: float
    seed: int
    epochs: int
    sites: int = 1
    exit: str = "printed"
    remote: str = "blocks"
    site_dropout: float = 0.0
    followed: bool = False

    @property
    def name(self) -> str:
        """Name for people; files add the fingerprint."""
        more = "" if self.remote == "blocks" else f"-{self.remote}"
        more += f"-drop{self.site_dropout:g}" if self.site_dropout else ""
        start = f"{self.kind}-{self.exit}-N{self.window}-{self.cost.label}"
        return f"{start}-w{self.weight:g}-s{self.sites}{more}-{self.seed}"


@dataclass
class Workshop:
    """Trains networks once, keeps them in ``networks/``, and asks them; a killed run goes on at the next network.

    A file's name holds a fingerprint of traffic, split, options and code: a network of anything else is not read.

    Attributes
    ----------
    folder : Path
        Of the report.
    frame : DataFrame
        Demand, time x cell.
    """

    folder: Path
    frame: pd.DataFrame
    _samples: dict[int, tuple[Any, Any, Split]] = field(default_factory=dict)
    _asked: dict[tuple[Network, str], ExitSamples] = field(default_factory=dict)

    @cached_property
    def box(self) -> TrafficBox:
        """Order of the cells; it is fitted on the slots that are in the training period for every window."""
        return TrafficBox.fit(self.frame.to_numpy(dtype=float)[: self._known(144)])

    def _known(self, window: int) -> int:
        """Return the number of slots that are known when training ends: samples are cut 60 : 20 : 20."""
        return round(0.6 * (len(self.frame) - window))

    def samples(self, window: int) -> tuple[NDArray[np.float64], NDArray[np.float64], Split]:
        """Return past, demand and the chronological split; the scale is fitted on the training period alone."""
        if window not in self._samples:
            series = self.frame.to_numpy(dtype=float)
            scale = MinMax.fit(series[: self._known(window)])
            past, demand = windows(scale.normalise(series)[:, self.box.order], window)
            self._samples[window] = past, demand, chronological(len(demand))
        return self._samples[window]

    def part(self, window: int, part: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return past and demand of ``"train"``, ``"validation"`` or ``"test"``."""
        past, demand, split = self.samples(window)
        rows = getattr(split, part)
        return past[rows], demand[rows]

    def in_box(self, cost: AllocationCost) -> AllocationCost:
        """Return the cost of the cells in the order that samples have them."""
        return cost.take(self.box.order)

    def fingerprint(self, network: Network) -> str:
        """Return what a network depends on: traffic, split, options and code."""
        data = of_data(self.frame, self.box.order, self.samples(network.window)[2])
        return fingerprint(network, TRAINING, data, of_cost(network.cost), of_code(NETWORK_CODE))

    def path(self, network: Network) -> Path:
        """Return the file of a network's weights."""
        return self.folder / "networks" / f"{network.name}-{self.fingerprint(network)}.safetensors"

    def prepare(self, networks: Iterable[Network]) -> None:
        """Train all networks that are not there yet, and say how many are left."""
        wanted = list(dict.fromkeys(networks))
        left = [network for network in wanted if not self.path(network).is_file()]
        for done, network in enumerate(left):
            logger.info("%d of %d networks left to train; now %s", len(left) - done, len(wanted), network.name)
            self.model(network)

    def model(self, network: Network) -> DDNN:
        """Return a trained network, from disk where it was trained before."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(network.seed)
            model = DDNN(
                network.kind,
                self.frame.shape[1],
                network.window,
                sites=network.sites,
                exits=network.weight > 0,
                exit=network.exit,
                remote=network.remote,
            )
        path = self.path(network)
        if path.is_file():
            load_weights(model, path)
            return model.eval()
        path.parent.mkdir(parents=True, exist_ok=True)
        history: list[tuple[int, float]] = []
        train_jointly(
            model,
            self.part(network.window, "train"),
            self.part(network.window, "validation"),
            self.in_box(network.cost),
            local_weight=network.weight,
            site_dropout=network.site_dropout,
            seed=network.seed,
            epochs=network.epochs,
            watch=(lambda epoch: history.append((epoch, self._remote_cost(model, network))))
            if network.followed
            else None,
            **TRAINING,
        )
        if network.followed:
            frame = pd.DataFrame(history, columns=["epoch", "cost"])
            write_atomically(path.with_suffix(".csv"), frame.to_csv(index=False).encode())
        save_weights(model, path)
        return model

    def history(self, network: Network) -> pd.Series[Any]:
        """Return the mean cost of a followed network's remote exit on the test period after each epoch."""
        self.model(network)
        frame: pd.Series[Any] = pd.read_csv(self.path(network).with_suffix(".csv")).set_index("epoch").cost
        return frame

    def ask(self, network: Network, part: str) -> ExitSamples:
        """Return the samples of a part (``"train"``, ``"validation"``, ``"test"``) with both exits' costs."""
        if (network, part) not in self._asked:
            past, demand = self.part(network.window, part)
            cost = self.in_box(network.cost)
            self._asked[network, part] = ExitSamples.of(self.model(network), past, demand, cost)
        return self._asked[network, part]

    def remote_cost(self, network: Network) -> float:
        """Mean cost of the remote exit on the test period, also of a centralised network."""
        return self._remote_cost(self.model(network), network)

    def remote_answers(self, network: Network) -> NDArray[np.float32]:
        """Return the remote exit's allocations on the test period."""
        return _remote(self.model(network), self.part(network.window, "test")[0])

    def _remote_cost(self, model: DDNN, network: Network) -> float:
        past, demand = self.part(network.window, "test")
        return float(np.asarray(self.in_box(network.cost).exact(_remote(model, past), demand)).sum(axis=1).mean())


def _remote(model: DDNN, past: NDArray[np.float64]) -> NDArray[np.float32]:
    given = torch.from_numpy(np.ascontiguousarray(past, dtype=np.float32))
    [(_, answer)] = answers(model, given, ("remote",))
    allocation: NDArray[np.float32] = answer.numpy()
    return allocation
