"""What is trained for the study, and what the networks of its figures cost."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...profiles.costs import AllocationCost
from ..early_exit.baselines import Bar, baselines
from ..early_exit.curves import ORACLE, Family, points
from ..early_exit.networks import EXITS, Network, Workshop

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ..verdicts import Verdict

SETTINGS = {
    "4a": (0.5, 6, 0.2),
    "3b": (10.0, 6, 0.4),
    "4b": (1.0, 6, 0.2),
    "4c": (10.0, 25, 0.4),
    "4d": (20.0, 25, 0.7),
}
"""Penalty c_u, window N and weight w by figure; figure 3a shows the network of 4a."""

FOLLOWED = ("4a", "3b")
"""Figures whose networks' test cost is kept for each epoch."""

OPTIMIZED = Family("Optimized (3D-CNN on D)", "optimized", estimator="cnn")
UNCERTAINTY = (Family("Uncertainty, B = 2", "uncertainty", passes=2), Family("Uncertainty, B = 10", "uncertainty"))
BEYOND = (
    Family("Optimized, weighted (MLP)", "optimized", weighted=True),
    Family("Benefit regression", "benefit"),
)
FAMILIES = (ORACLE, *UNCERTAINTY, OPTIMIZED, *BEYOND)
VIEWS = tuple(
    Family(f"MLP on {name}", "optimized", view=view)
    for name, view in (("D", "past"), ("z", "features"), ("y_L", "local"))
)
OTHERS = {"DLinear": "dlinear", "transformer over cells": "transformer", "DeepCog as published": "deepcog"}
"""Networks in the cloud that read the demand themselves, by the name of the remote exit."""


@dataclass
class Runs:
    """The study's networks and what is asked of them.

    Attributes
    ----------
    shop : Workshop
    seeds : sequence of int
    epochs : int
        Most epochs of a training.
    """

    shop: Workshop
    seeds: Sequence[int]
    epochs: int
    _found: dict[Any, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path, frame: pd.DataFrame, quick: bool) -> Runs:
        """Return the runs of a study: five seeds, or one."""
        return cls(Workshop(folder, frame), range(1 if quick else 5), 10 if quick else 100)

    def network(self, figure: str, exit: str, seed: int = 0, **changes: Any) -> Network:
        """Return the network of a figure."""
        under, window, weight = SETTINGS[figure]
        cost, followed = AllocationCost(under=under), figure in FOLLOWED
        made = Network("conv3d", window, cost, weight, seed, self.epochs, exit=exit, followed=followed)
        return replace(made, **changes)

    def wanted(self) -> list[Network]:
        """Return all networks: those of the figures, the same without local exits, and other remote exits."""
        pairs = [
            self.network(figure, exit, seed, **change)
            for figure in SETTINGS
            for seed in self.seeds
            for exit in EXITS
            for change in ({}, {"weight": 0.0})
        ]
        return [*pairs, *(self.other(name, exit, seed) for name, exit in self.others() for seed in self.seeds)]

    def others(self) -> list[tuple[str, str]]:
        """Return the further remote exits; the published DeepCog answers with the allocation itself."""
        return [(name, exit) for name in OTHERS for exit in EXITS if (OTHERS[name], exit) != ("deepcog", "residual")]

    def other(self, name: str, exit: str, seed: int) -> Network:
        """Return the centralised network with another remote exit, in the setting of figure 4b."""
        # An epoch of the published DeepCog takes as long as 30 of the others.
        epochs = min(self.epochs, 20) if OTHERS[name] == "deepcog" else self.epochs
        return self.network("4b", exit, seed, weight=0.0, remote=OTHERS[name], epochs=epochs)

    def bar(self, figure: str) -> Bar:
        """Return the baselines of a figure's setting."""
        under, window, _ = SETTINGS[figure]
        if ("bar", figure) not in self._found:
            self._found["bar", figure] = baselines(self.shop, window, AllocationCost(under=under), self.seeds)
        bar: Bar = self._found["bar", figure]
        return bar

    def exits(self, figure: str, exit: str) -> pd.DataFrame:
        """Return costs and shares of shortfalls of both exits and of the same network trained alone, by seed."""
        if ("exits", figure, exit) not in self._found:
            rows = []
            for seed in self.seeds:
                network = self.network(figure, exit, seed)
                test, demand = self.shop.ask(network, "test"), self.shop.part(network.window, "test")[1]
                stay = np.ones(len(test), bool)
                alone = replace(network, weight=0.0)
                short = [float((answer < demand).mean()) for answer in (test.local, self.shop.remote_answers(network))]
                cheaper = float((test.benefit < 0).mean())
                costs = test.cost(stay), test.cost(~stay), self.shop.remote_cost(alone)
                rows.append((seed, *costs, cheaper, *short))
            columns = ["seed", "edge", "cloud", "deepcog", "edge_cheaper", "edge_shortfall", "cloud_shortfall"]
            self._found["exits", figure, exit] = pd.DataFrame(rows, columns=columns)
        frame: pd.DataFrame = self._found["exits", figure, exit]
        return frame

    def gate(self, figure: str, exit: str) -> tuple[Verdict, str]:
        """Return whether the remote exit of a figure beats the baselines, with the sentence that says so."""
        found, sentence = self.bar(figure).verdict(self.exits(figure, exit).cloud)
        return found, f"{figure}: {sentence}"

    def points(self, figure: str, exit: str, families: Sequence[Family] = FAMILIES) -> pd.DataFrame:
        """Return the points of rules over all seeds, for the network of a figure."""
        found = [points(self.shop, self.network(figure, exit, seed), families) for seed in self.seeds]
        return pd.concat(found, ignore_index=True)
