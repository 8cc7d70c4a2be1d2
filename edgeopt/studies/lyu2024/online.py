"""Algorithm 1 as printed, slot after slot, beside models trained offline; two links fail on the way."""

from __future__ import annotations

from collections import Counter
from copy import deepcopy
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch

from ...analysis.admission import admit
from ...exchange.storage import write_atomically
from ...layers.revenue import RevenueLayer
from ...predictors.online import OnlineController
from ...predictors.traffic import LSTMPredictor
from ...solving.solve import solve
from .frameworks import start, trained
from .setting import MEAN_CAPACITY, WINDOW, Setting, deployed, traffic_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...data.scenarios import Scenario
    from .runs import Runs

DEVIATION = 60.0
"""Of the capacities: where most is to be learned."""
RATE = 1e-3
CONTROLLERS = (
    "Algorithm 1",
    "capacities observed, learning online",
    "trained offline, then fixed",
    "trained offline, then Algorithm 1",
)
"""All meet the same slots and failures; those trained offline have seen the training part before they decide."""
FORGOTTEN = "Algorithm 1, capacities forgotten"
"""The first, but from the failure on it believes in the mean capacities again."""


def regrets(runs: Runs) -> pd.DataFrame:
    """Return regret by seed, slot and controller as a share of the offline optimum; finished seeds are kept on disk."""
    found = []
    for seed in runs.seeds:
        path = runs.folder / f"online_{runs.epochs}_{runs.steps}_{seed}.csv"
        if not path.is_file():
            rows = _one(runs, seed)
            write_atomically(path, rows.to_csv(index=False).encode())
        found.append(pd.read_csv(path))
    return pd.concat(found, ignore_index=True)


def failure(runs: Runs) -> tuple[str, str]:
    """Return the two directions of the busiest link whose loss leaves a route for every service."""
    services = deployed("TOTEM", runs.data, runs.steps, "gus").services
    used: Counter[tuple[str, str]] = Counter()
    for route in services.route:
        used.update(tuple(sorted(hop)) for hop in pairwise(route))
    for (one, other), _ in used.most_common():
        pair = f"{one}->{other}", f"{other}->{one}"
        if _connected(runs, pair):
            return pair
    raise AssertionError("GEANT loses a service with any of its links")  # it has two routes for all of them


def _connected(runs: Runs, without: tuple[str, ...]) -> bool:
    """Whether all nodes still reach each other that do now."""
    import networkx as nx

    topology, _, _ = traffic_of("TOTEM", runs.data, 2)
    graph = topology.graph()
    before = max(nx.strongly_connected_components(graph), key=len)
    graph.remove_edges_from([tuple(name.split("->")) for name in without])
    return bool(nx.is_strongly_connected(graph.subgraph(before)))


def _one(runs: Runs, seed: int) -> pd.DataFrame:
    one = runs.setting("TOTEM", "gus", MEAN_CAPACITY, DEVIATION, seed)
    broken = _after_failure(runs, one, failure(runs))
    change = (one.split.test.start + one.split.test.stop) // 2
    rows = []
    for name, (controller, first) in _controllers(runs, one, seed).items():
        learns = "fixed" not in name
        before = _play(controller, one.scenario, one, range(first, change), learns)
        controller.move(RevenueLayer(_mean_capacities(broken)))
        for label in (name, FORGOTTEN) if name == CONTROLLERS[0] else (name,):
            goes_on = deepcopy(controller)
            if label == FORGOTTEN:
                goes_on.model.believe(torch.full((broken.problem.resources,), MEAN_CAPACITY))
            after = _play(goes_on, broken, one, range(change, one.split.test.stop), learns)
            slots = np.arange(first, one.split.test.stop)
            share = np.concatenate([before, after])
            rows.append(pd.DataFrame({"seed": seed, "controller": label, "slot": slots, "regret": share}))
    return pd.concat(rows, ignore_index=True)


def _controllers(runs: Runs, one: Setting, seed: int) -> dict[str, tuple[OnlineController, int]]:
    """Return the controllers, each with the first slot that it decides."""
    torch.manual_seed(seed)
    fresh = LSTMPredictor(one.tensors[1].shape[1], WINDOW, 64, residual=False)
    fresh.fit_scale(one.part("train")[1])
    offline = trained("proposed", one, runs.forecast("TOTEM", one, "proposed", seed), seed, runs.epochs)
    models = start(one, fresh, "learned"), start(one, fresh, "observed"), offline, deepcopy(offline)
    firsts = 0, 0, one.split.train.stop, one.split.train.stop
    found = ((OnlineController(model, rate=RATE), first) for model, first in zip(models, firsts, strict=True))
    return dict(zip(CONTROLLERS, found, strict=True))


def _after_failure(runs: Runs, one: Setting, without: tuple[str, str]) -> Scenario:
    """Return the services routed and placed anew without two links; what is left has the capacities it had."""
    other = deployed("TOTEM", runs.data, runs.steps, "gus", without)
    true = dict(zip(one.scenario.problem.resource_names, one.scenario.problem.capacity, strict=True))
    return other.with_capacity(np.array([true[name] for name in other.problem.resource_names]))


def _play(
    controller: OnlineController, scenario: Scenario, one: Setting, slots: range, learns: bool
) -> NDArray[np.float64]:
    """Return the regret of each slot, over the slot's offline optimum."""
    past, traffic, _ = (tensor[slots.start : slots.stop].double().numpy() for tensor in one.tensors)
    best = solve(replace(scenario.problem, traffic=traffic))
    share = np.zeros(len(slots))
    for slot, arrived in enumerate(traffic):
        reserved = np.maximum(controller.decide(past[slot]), 0.0)
        settled = admit(reserved, replace(scenario.problem, traffic=arrived))
        share[slot] = 1.0 - settled.revenue / best.objective[slot]
        if learns:
            _learn(controller, settled, arrived, best.decision.admitted[slot])
    return share


def _learn(controller: OnlineController, settled: Any, arrived: NDArray[np.float64], best: NDArray[np.float64]) -> None:
    if controller.model.capacities == "observed":
        controller.observe(arrived, accommodated=settled.admitted)
    else:
        controller.observe(arrived, best=best)


def _mean_capacities(scenario: Scenario) -> Any:
    return scenario.with_capacity(np.full(scenario.problem.resources, MEAN_CAPACITY)).problem
