"""What is trained for the study, which cost it minimises, and what the networks cost."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...predictors.persistence import Persistence
from ...profiles.costs import AllocationCost
from ..early_exit.baselines import Bar, baselines
from ..early_exit.curves import ORACLE, Family, points
from ..early_exit.networks import EXITS, Network, Workshop

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ..verdicts import Verdict

WINDOW = 144
KINDS = {"lstm": "LSTM", "conv": "CNN"}
WEIGHT = 0.9
"""Of the local exits; the paper finds (0.9, 0.1) the best."""

WEIGHTS = (0.1, 0.5, WEIGHT)
SITE_DROPOUT = 0.25
TRIED = (5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0)
"""Penalties c_1 among which the study chooses; the paper prints none."""

VIOLATIONS = 0.1
"""Share of slots and cells in which persistence with its cheapest margin may be short, on the validation."""

OPTIMIZED = Family("Optimized", "transmission")
FAMILIES = (ORACLE, OPTIMIZED, Family("Benefit regression", "benefit"))


def penalties(shop: Workshop) -> pd.DataFrame:
    """Return for each penalty c_1 the share of violations on the validation: persistence with its cheapest margin."""
    past, demand = shop.part(WINDOW, "train")
    later, wanted = shop.part(WINDOW, "validation")
    rows = []
    for under in TRIED:
        cost = AllocationCost(under, kind="quadratic-linear")
        found = Persistence(cost).fit(past, demand).provisioning(later, wanted)
        rows.append((under, float(found.violation_rate.mean())))
    return pd.DataFrame(rows, columns=["c_1", "violations"])


@dataclass
class Runs:
    """The study's networks and what is asked of them.

    Attributes
    ----------
    shop : Workshop
    seeds : sequence of int
    epochs : int
        Most epochs of a training.
    cost : AllocationCost
        With the smallest of the tried penalties whose violations are rare enough.
    """

    shop: Workshop
    seeds: Sequence[int]
    epochs: int
    cost: AllocationCost
    _found: dict[Any, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path, frame: pd.DataFrame, quick: bool) -> Runs:
        """Return the runs of a study: five seeds, or one."""
        shop = Workshop(folder, frame)
        table = penalties(shop)
        rare = table[table.violations <= VIOLATIONS].c_1
        cost = AllocationCost(float(rare.min() if len(rare) else max(TRIED)), kind="quadratic-linear")
        return cls(shop, range(1 if quick else 5), 6 if quick else 100, cost)

    def network(self, kind: str, sites: int, exit: str, seed: int = 0, weight: float = WEIGHT, **more: Any) -> Network:
        """Return a network of the study; a weight of 0 is the centralised one."""
        made = Network(kind, WINDOW, self.cost, weight, seed, self.epochs, sites=sites, exit=exit, followed=sites == 1)
        return replace(made, **more)

    def wanted(self) -> list[Network]:
        """Return all networks: both kinds with one and two sites, and alone; weights and sites that fall silent."""
        made = []
        for exit in EXITS:
            for seed in self.seeds:
                for kind in KINDS:
                    made += [self.network(kind, 1, exit, seed), self.network(kind, 1, exit, seed, 0.0)]
                    made.append(self.network(kind, 2, exit, seed))
        for seed in self.seeds:
            made += [self.network("lstm", 2, "printed", seed, weight) for weight in WEIGHTS]
            made.append(self.silent(seed))
        return made

    def silent(self, seed: int) -> Network:
        """Return the printed recurrent network that is trained for sites that decide on their own."""
        return self.network("lstm", 2, "printed", seed, site_dropout=SITE_DROPOUT)

    def bar(self) -> Bar:
        """Return the baselines."""
        if "bar" not in self._found:
            self._found["bar"] = baselines(self.shop, WINDOW, self.cost, self.seeds)
        bar: Bar = self._found["bar"]
        return bar

    def exits(self, kind: str, sites: int, exit: str) -> pd.DataFrame:
        """Return costs and violations of both exits, and the cost of the centralised network, by seed."""
        key = ("exits", kind, sites, exit)
        if key not in self._found:
            demand, rows = self.shop.part(WINDOW, "test")[1], []
            for seed in self.seeds:
                network = self.network(kind, sites, exit, seed)
                test = self.shop.ask(network, "test")
                stay = np.ones(len(test), bool)
                alone = self.shop.remote_cost(self.network(kind, 1, exit, seed, 0.0))
                short = [float((a < demand).mean()) for a in (test.local, self.shop.remote_answers(network))]
                rows.append((seed, test.cost(stay), test.cost(~stay), alone, *short))
            columns = ["seed", "local", "remote", "centralised", "local_violations", "remote_violations"]
            self._found[key] = pd.DataFrame(rows, columns=columns)
        frame: pd.DataFrame = self._found[key]
        return frame

    def gate(self, kind: str, sites: int, exit: str) -> tuple[Verdict, str]:
        """Return whether a remote exit beats the baselines, with the sentence that says so."""
        found, sentence = self.bar().verdict(self.exits(kind, sites, exit).remote)
        return found, f"{KINDS[kind]}, {sites} site(s): {sentence}"

    def points(
        self, kind: str, sites: int, exit: str, families: Sequence[Family] = FAMILIES, weight: float = WEIGHT
    ) -> pd.DataFrame:
        """Return the points of rules over all seeds."""
        found = [points(self.shop, self.network(kind, sites, exit, seed, weight), families) for seed in self.seeds]
        return pd.concat(found, ignore_index=True)
