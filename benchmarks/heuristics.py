"""The papers' heuristics against proven optima: how far off, how often right, how fast.

All instances of the formulations that they solve, the huge ones left out.

Solvers run as a campaign (so an interrupted run goes on). The Uncertainty and Optimized rules are no solvers: they
decide from what the edge sees, without the costs, so they are trained on Milano's traffic and compared with the optimum
of the decisions that they made.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from record import note

from edgeopt import instances, solve
from edgeopt.bench.campaign import Campaign
from edgeopt.bench.heuristics import PAPERS, against_optima, gaps
from edgeopt.bench.results import markdown
from edgeopt.bench.run import run
from edgeopt.data.folder import data_folder
from edgeopt.predictors.ddnn import DDNN
from edgeopt.predictors.exits import ExitSamples
from edgeopt.predictors.joint import train_jointly
from edgeopt.predictors.rules import OptimizedRule, UncertaintyRule
from edgeopt.predictors.samples import MinMax, chronological, windows
from edgeopt.profiles.costs import AllocationCost
from edgeopt.studies.early_exit import traffic


def rules(quick: bool) -> list[dict[str, object]]:
    """Return a row for each rule: seeds and shares against the optimum of the same samples."""
    rows: dict[str, list[tuple[float, float]]] = {"Uncertainty": [], "Optimized": []}
    frame, _ = traffic(data_folder(), quick, 25)
    series = frame.to_numpy(float)
    past, demand = windows(MinMax.fit(series[: round(0.6 * len(series))]).normalise(series), window=6)
    split = chronological(len(demand))
    parts = [(past[rows], demand[rows]) for rows in (split.train, split.validation, split.test)]
    for under in (1.0,) if quick else (0.5, 1.0, 10.0):
        cost = AllocationCost(under=under)
        for seed in range(1 if quick else 3):
            torch.manual_seed(seed)
            model = DDNN("conv3d", series=25, window=6)
            train_jointly(model, parts[0], parts[1], cost, local_weight=0.2, epochs=2 if quick else 15, seed=seed)
            training, test = (ExitSamples.of(model, *parts[i], cost) for i in (0, 2))
            for share in (0.3, 0.5, 0.7):
                best = solve(test.problem(min_local_fraction=share)).objective
                for name, rule in (
                    ("Uncertainty", UncertaintyRule(model, share, seed=seed)),
                    ("Optimized", OptimizedRule(share, seed=seed)),
                ):
                    fitted = rule.fit(training)
                    begun = time.perf_counter()
                    local = fitted.decide(test)
                    seconds = (time.perf_counter() - begun) / len(test)
                    rows[name].append((test.cost(local) / best - 1, seconds))
    return [
        gaps(f"{name} rule (Giannakas et al. 2025), a sample", len(found), *map(np.array, zip(*found, strict=True)))
        for name, found in rows.items()
    ]


def shown(found: pd.DataFrame) -> pd.DataFrame:
    """Return the table as people read it."""
    return pd.DataFrame({
        "heuristic": found["heuristic"],
        "instances": found["instances"],
        "runs": found["runs"],
        "optimal": [f"{100 * share:.0f} %" for share in found["optimal"]],
        "median gap": [f"{100 * gap:.3g} %" for gap in found["median_gap"]],
        "worst gap": [f"{100 * gap:.3g} %" for gap in found["worst_gap"]],
        "unanswered": found["unanswered"],
        "median time": [f"{1e3 * seconds:.2g} ms" for seconds in found["median_time"]],
    })  # fmt: skip


def main() -> None:
    """Print the table, best known objectives being what ``edgeopt bench instances`` lists."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="tiny and small instances, one network")
    parser.add_argument("--out", type=Path, default=Path("report/heuristics"), help="folder of the campaign")
    options = parser.parse_args()
    listed = instances.names(shipped=True if options.quick or data_folder() is None else None)
    kinds = ("offloading", "split", "slot")
    chosen = [name for name in listed if name.split("/")[0] in kinds and not name.endswith("huge")]
    if options.quick:
        chosen = [name for name in chosen if name.endswith(("tiny", "small", "lte", "typical"))]
    campaign = Campaign.of(chosen, list(PAPERS), seeds=(0,) if options.quick else (0, 1, 2), time_limit=60.0)
    table = run(campaign, options.out)
    found = pd.concat([against_optima(table), pd.DataFrame(rules(options.quick))], ignore_index=True)
    print(markdown(shown(found)))
    for row in found.to_dict("records"):
        note("over the optimum, median", str(row["heuristic"]), 100 * row["median_gap"], "%")
        note("over the optimum, worst", str(row["heuristic"]), 100 * row["worst_gap"], "%")


if __name__ == "__main__":
    main()
