"""Do hour and day of the week as inputs lower the cost? Allocators with and without a calendar, seed by seed.

Each pair has the same traffic, split, seed and options; the cost is that of the held-out last fifth.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from edgeopt.data import milano, synthetic
from edgeopt.data.folder import data_folder
from edgeopt.predictors.slice_allocator import SliceAllocator
from edgeopt.profiles.costs import AllocationCost


def traffic(data: Path | None) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield each table with its name."""
    file = None if data is None else data / "milano" / "milano_internet_25cells_10min.csv.gz"
    tables = {}
    if file is not None and file.is_file():
        tables["Milano, 9 cells, 30 days"] = milano.read_25_cells(file).iloc[:, :9]
    tables["generated, 9 cells, 30 days"] = synthetic.traffic(cells=9, days=30, seed=0)
    for name, table in tables.items():
        yield f"{name}, 10 minutes", table
        yield f"{name}, an hour", table.resample("h").sum()


def main() -> None:
    """Train the pairs and print a row for each table and exit."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of the data sets")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--quick", action="store_true", help="one seed, one epoch")
    arguments = parser.parse_args()
    seeds, epochs = (1, 1) if arguments.quick else (arguments.seeds, arguments.epochs)
    print("| traffic, slot | exit | without | with a calendar | change, each seed |\n|---|---|---:|---:|---:|")
    for name, table in traffic(data_folder(arguments.data)):
        costs: dict[bool, list[pd.Series]] = {False: [], True: []}
        for seed in range(seeds):
            for calendar, found in costs.items():
                options = {"rule": "edge", "epochs": epochs, "seed": seed, "calendar": calendar}
                fitted = SliceAllocator(AllocationCost(under=1.0), **options).fit(table, max_shortfall=1.0)
                found.append(fitted.report.table()["cost"])
        for exit_ in ("edge", "cloud"):
            without, with_it = (np.array([cost[exit_] for cost in costs[key]]) for key in (False, True))
            change = ", ".join(f"{100 * part:+.1f} %" for part in with_it / without - 1)
            print(f"| {name} | {exit_} | {without.mean():.3f} | {with_it.mean():.3f} | {change} |", flush=True)
        print(f"| {name} | persistence | {costs[True][0]['persistence']:.3f} | | |", flush=True)


if __name__ == "__main__":
    main()
