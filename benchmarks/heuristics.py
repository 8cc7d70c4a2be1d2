"""The papers' heuristics against proven optima: how far off, how often right, how fast.

All instances of the formulations that they solve, the huge ones left out. Solvers run as a campaign and networks are
kept, so an interrupted run goes on. The Uncertainty and Optimized rules are no solvers: they decide from what the edge
sees, without the costs, so they are trained on Milano's traffic and compared with the optimum of the same samples.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from record import note

from edgeopt import instances, solve
from edgeopt.bench.campaign import Campaign
from edgeopt.bench.heuristics import PAPERS, against_optima, gaps
from edgeopt.bench.results import markdown
from edgeopt.bench.run import run
from edgeopt.data.folder import data_folder
from edgeopt.formulations.split import StochasticSplit
from edgeopt.predictors.rules import OptimizedRule, UncertaintyRule
from edgeopt.profiles.costs import AllocationCost
from edgeopt.studies.early_exit import traffic
from edgeopt.studies.early_exit.networks import Network, Workshop


def rules(folder: Path, quick: bool) -> list[dict[str, object]]:
    """Return a row for each rule: penalties, seeds and shares against the optimum that keeps the asked share."""
    frame, _ = traffic(data_folder(), quick, 25)
    workshop = Workshop(folder, frame)
    found: dict[str, list[tuple[float, float]]] = {"Uncertainty": [], "Optimized": []}
    penalties, seeds, epochs = ((1.0,), range(1), 2) if quick else ((0.5, 1.0, 10.0), range(3), 15)
    for under, seed in product(penalties, seeds):
        network = Network("conv3d", 6, AllocationCost(under=under), 0.2, seed, epochs, exit="residual")
        training, test = (workshop.ask(network, part) for part in ("train", "test"))
        for share in (0.3, 0.5, 0.7):
            best = solve(test.problem(min_local_fraction=share)).objective
            for name, rule in (
                ("Uncertainty", UncertaintyRule(workshop.model(network), share, seed=seed)),
                ("Optimized", OptimizedRule(share, seed=seed)),
            ):
                fitted = rule.fit(training)
                begun = time.perf_counter()
                local = fitted.decide(test)
                seconds = time.perf_counter() - begun
                found[name].append((test.cost(local) / best - 1, seconds / len(test)))
    return [
        gaps(f"{name} rule (Giannakas et al. 2025), a sample", len(rows), *map(np.array, zip(*rows, strict=True)))
        for name, rows in found.items()
    ]


def shared_trunks(chosen: list[str], seeds: tuple[int, ...]) -> dict[str, object]:
    """Return the row of the genetic algorithm with one gene for a layer of several exits, against that optimum.

    It is Zuo's "encoding according to the branching layers"; on the instances whose exits share layers.
    """
    excess, seconds, used = [], [], 0
    for name in chosen:
        problem = instances.load(name).problem
        if not isinstance(problem, StochasticSplit) or problem.shared_trunk:
            continue
        shared = replace(problem, shared_trunk=True)
        if shared.costs.tree.parent.size == problem.costs.tree.parent.size:
            continue
        used += 1
        best = np.mean(solve(shared).objective)
        for seed in seeds:
            found = solve(shared, "genetic", seed=seed)
            excess.append(np.mean(found.objective) / best - 1)
            seconds.append(found.wall_time)
    return gaps("genetic algorithm (Zuo 2024), shared trunk", used, np.array(excess), np.array(seconds))


def shown(found: pd.DataFrame) -> pd.DataFrame:
    """Return the table as people read it."""
    return pd.DataFrame(
        {
            "heuristic": found["heuristic"],
            "instances": found["instances"],
            "runs": found["runs"],
            "optimal": [f"{100 * share:.0f} %" for share in found["optimal"]],
            "median gap": [f"{100 * gap:.3g} %" for gap in found["median_gap"]],
            "worst gap": [f"{100 * gap:.3g} %" for gap in found["worst_gap"]],
            "unanswered": found["unanswered"],
            "median time": [f"{1e3 * seconds:.2g} ms" for seconds in found["median_time"]],
        }
    )


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
    trunks = shared_trunks(chosen, (0,) if options.quick else (0, 1, 2))
    rows = [trunks, *rules(options.out, options.quick)]
    found = pd.concat([against_optima(table), pd.DataFrame(rows)], ignore_index=True)
    print(markdown(shown(found)))
    for row in found.to_dict("records"):
        note("over the optimum, median", str(row["heuristic"]), 100 * row["median_gap"], "%")
        note("over the optimum, worst", str(row["heuristic"]), 100 * row["worst_gap"], "%")


if __name__ == "__main__":
    main()
