"""Predict, then optimise: reserve a network for AI services whose traffic is not known yet (Lyu et al. 2024).

Services split over the servers of a network share its links. A predictor forecasts the next slot, the revenue program
reserves for it, and what gets through is decided by the true traffic and the true capacities. The predictor is trained
twice: to forecast well, and to earn well. GEANT's traffic is used where it is at hand (EDGEOPT_DATA), else waves on a
ring.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch

import edgeopt as eo
from edgeopt.data import totem
from edgeopt.data.scenarios import Scenario, SplitModel, split_services
from edgeopt.data.topology import Topology
from edgeopt.layers import Admission, RevenueLayer
from edgeopt.predictors import LSTMPredictor, ObjectiveDriven
from edgeopt.predictors.samples import chronological, windows

WINDOW = 8
MODELS = (
    SplitModel("early", np.array([0.6, 0.3, 0.1]), np.array([1.0, 0.4, 0.1, 0.01])),
    SplitModel("late", np.array([0.2, 0.3, 0.5]), np.array([1.0, 0.8, 0.5, 0.01])),
)


def scenario(slots: int) -> Scenario:
    """GEANT where its files are, else a ring of eight nodes with daily waves."""
    folder = Path(os.environ.get("EDGEOPT_DATA", "../shared/data")) / "geant"
    if folder.is_dir():
        topology = totem.read_topology(folder / "original_format/Geant-topology-anonymised.xml")
        traffic = totem.read_archive(folder / "geant_totem_tm_15min.npz").iloc[:slots]
        return split_services(topology, MODELS, "gus", traffic, count=20, mean_capacity=60.0, deviation=25.0)
    nodes = [f"n{i}" for i in range(8)]
    ring = [(nodes[i], nodes[(i + step) % 8], np.nan) for i in range(8) for step in (1, -1)]
    rng = np.random.default_rng(0)
    pairs = pd.MultiIndex.from_tuples([(nodes[i], nodes[(i + 3) % 8]) for i in range(8)], names=["source", "target"])
    waves = 2 + np.sin(np.arange(slots)[:, None] / 15 + rng.uniform(0, 6, 8)) + 0.1 * rng.random((slots, 8))
    frame = pd.DataFrame(waves, pd.date_range("2024-01-01", periods=slots, freq="15min"), pairs)
    return split_services(Topology.of(nodes, ring), MODELS, "gus", frame, count=8, mean_capacity=90.0, deviation=30.0)


def main() -> None:
    """Deploy, price, differentiate, train, compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer slots and epochs")
    quick = parser.parse_args().quick
    network = scenario(300 if quick else 900)
    problem = network.problem
    print(problem, f"\nsome resource is short in {network.tightness:.0%} of the slots\n")

    busiest = network.over(network.traffic).instance(int(network.traffic.sum(axis=1).argmax()))
    prices = eo.sensitivity(eo.solve(busiest)).resources
    print("prices at the busiest slot:", prices[prices.price > 0].round(3), sep="\n", end="\n\n")

    layer = RevenueLayer(problem)
    capacity = torch.tensor(problem.capacity, requires_grad=True)
    layer.revenue(layer(torch.tensor(busiest.traffic), capacity)).backward()
    print("the layer's gradient is these prices:", np.abs(capacity.grad.numpy() - prices.price.to_numpy()).max() < 1e-9)

    past, target = windows(network.traffic.to_numpy(), WINDOW)
    optimum = eo.solve(replace(problem, traffic=target))
    tensors = [
        torch.tensor(np.array(a), dtype=torch.float32) for a in (past.swapaxes(1, 2), target, optimum.decision.admitted)
    ]
    cut = chronological(len(target))
    training, validation, test = ([t[rows] for t in tensors] for rows in (cut.train, cut.validation, cut.test))
    truth = torch.tensor(problem.capacity, dtype=torch.float32)
    rows = []
    for name, loss in (
        ("forecast well", "forecast"),
        ("offline optimum (the paper)", "supervised"),
        ("earn well", "regret"),
    ):
        torch.manual_seed(0)
        model = ObjectiveDriven(LSTMPredictor(problem.services, WINDOW), layer, Admission(problem), capacities="known")
        model.fit(training, validation, loss=loss, truth=truth, epochs=5 if quick else 20, rate=3e-3)
        with torch.no_grad():
            reserved, forecast = model(test[0]).double().numpy(), model.predictor(test[0])
        through = eo.admit(reserved, replace(problem, traffic=test[1].double().numpy()))
        got = through.admitted @ problem.unit_profit
        error = float((forecast - test[1]).abs().sum() / test[1].sum())
        rows.append((name, 100 * got.sum() / optimum.objective[cut.test].sum(), 100 * error))
    print(
        "\n",
        pd.DataFrame(rows, columns=["trained to", "revenue, % of the optimum", "forecast error, %"]).round(2),
        sep="",
    )


if __name__ == "__main__":
    main()
