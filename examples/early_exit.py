"""An early-exit network and the rules that offload its hard decisions, from traffic to the trade-off.

A small network at the edge answers for every cell at once, or sends its features to a larger one in the cloud. Both
exits are trained together, the exact offline optimum says which decisions the edge should have kept, and rules that see
only what the edge sees try to imitate it. Uses Milano's cells where they are at hand (``--data``, ``EDGEOPT_DATA``),
generated ones otherwise.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

import edgeopt as eo
from edgeopt.data.folder import data_folder
from edgeopt.predictors.boxes import TrafficBox
from edgeopt.predictors.ddnn import DDNN, resources
from edgeopt.predictors.exits import ExitSamples
from edgeopt.predictors.joint import train_jointly
from edgeopt.predictors.rules import (
    BenefitRule,
    OptimizedRule,
    Oracle,
    RandomRule,
    UncertaintyRule,
    trade_off,
)
from edgeopt.predictors.samples import MinMax, chronological, windows
from edgeopt.profiles.costs import AllocationCost
from edgeopt.profiles.latency import GIANNAKAS2025
from edgeopt.studies.early_exit import traffic


def main() -> None:
    """Train, offload, compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of the data sets")
    parser.add_argument("--under", type=float, default=1.0, help="penalty c_u of a shortfall")
    parser.add_argument("--quick", action="store_true", help="two weeks of traffic, few epochs")
    arguments = parser.parse_args()

    frame, source = traffic(data_folder(arguments.data), arguments.quick, 25)
    print(f"Traffic: {source}; {len(frame)} slots of 10 minutes")
    series = frame.to_numpy(float)
    known = series[: round(0.6 * len(series)) - 6]  # scale and box see the training period alone
    box, scale = TrafficBox.fit(known), MinMax.fit(known)
    print(
        f"Neighbours in the box are {box.neighbour_distance():.2f} apart in shape, all pairs {box.distances.mean():.2f}"
    )
    past, demand = windows(scale.normalise(series)[:, box.order], window=6)
    split = chronological(len(demand))
    parts = [(past[rows], demand[rows]) for rows in (split.train, split.validation, split.test)]

    cost = AllocationCost(under=arguments.under)
    torch.manual_seed(0)
    model = DDNN("conv3d", series=25, window=6)
    train_jointly(model, parts[0], parts[1], cost, local_weight=0.2, epochs=3 if arguments.quick else 15)
    for place, counts in resources(model).items():
        print(f"  {place}: {counts['parameters'] / 1e6:.2f} M parameters, {counts['macs'] / 1e6:.1f} MMACs a sample")

    training, test = (ExitSamples.of(model, *parts[i], cost) for i in (0, 2))
    keep = np.ones(len(test), bool)
    print(f"Mean cost on {len(test)} test samples: edge {test.cost(keep):.3f}, cloud {test.cost(~keep):.3f}")
    best = eo.solve(test.problem(min_local_fraction=0.5))
    print(f"Exact optimum with half of them local: {best.objective:.3f} ({best.status}, gap {best.gap:.0e})")

    rules = {
        "Oracle": lambda share, _: Oracle(share),
        "Random": RandomRule,
        "Uncertainty, B = 10": lambda share, seed: UncertaintyRule(model, share, seed=seed),
        "Optimized": lambda share, seed: OptimizedRule(share, seed=seed),
        "Optimized, weighted": lambda share, seed: OptimizedRule(share, weighted=True, seed=seed),
        "Benefit regression": lambda share, seed: BenefitRule(share, seed=seed),
    }
    print(f"\n{'rule':<22}{'asked':>7}{'local':>8}{'cost':>9}{'latency':>10}")
    for name, make in rules.items():
        for point in trade_off(make, training, test, (0.5,) if arguments.quick else (0.3, 0.5, 0.7)).itertuples():
            latency = 1e3 * GIANNAKAS2025.expected(point.local)
            print(f"{name:<22}{point.asked:>7.0%}{point.local:>8.0%}{point.cost:>9.3f}{latency:>7.1f} ms")


if __name__ == "__main__":
    main()
