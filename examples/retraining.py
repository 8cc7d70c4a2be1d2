"""Does it pay to train an allocator again? Measured traffic, and the same with every third slice turned busier.

An allocator trained once, one retrained every day and one retrained when its cost has drifted answer for the same days.
Uses the public data where they are at hand (``--data``, ``EDGEOPT_DATA``), generated cells otherwise.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from edgeopt.data import abilene, totem
from edgeopt.data.folder import data_folder
from edgeopt.data.traffic_frames import largest
from edgeopt.predictors.allocators import Allocator, CloudAllocator, EdgeAllocator
from edgeopt.predictors.persistence import Persistence
from edgeopt.predictors.retraining import Retraining, windowed
from edgeopt.predictors.samples import MinMax
from edgeopt.profiles.costs import AllocationCost
from edgeopt.studies.early_exit import traffic

ALLOCATORS: dict[str, type[Allocator]] = {"persistence": Persistence, "edge": EdgeAllocator, "cloud": CloudAllocator}
SLICES = 16
GEANT = ("2005-01-02", "2005-02-15", "2005-03-24", "2005-04-01")
"""First days of what was measured: 13 days and three weeks, with gaps of weeks between them."""


def read(name: str, folder: Path | None, quick: bool) -> tuple[pd.DataFrame, str, int, int]:
    """Return a table of demands, where it is from, the slots of a day, and the days to train on first."""
    if name == "milano":
        return *traffic(folder, quick, 4 if quick else SLICES), 144, 7 if quick else 14
    if folder is None:
        raise SystemExit(f"{name} needs the public data: give their folder as --data")
    if name == "abilene":
        weeks = {"AbileneTM.txt.gz": "2004-03-01", "AbileneTM2.txt.gz": "2004-03-08"}
        parts = [abilene.read_matrices(folder / "abilene" / file, start) for file, start in weeks.items()]
        return largest(pd.concat(parts), SLICES), "the largest demands of Abilene (Y. Zhang)", 288, 7
    parts = [totem.read_archive(folder / "geant/geant_totem_tm_15min.npz", week) for week in GEANT]
    kept = largest(parts[0], SLICES).columns
    joined = pd.concat([part[kept] for part in parts], ignore_index=True)
    return joined, "the largest demands of GEANT in January, and what became of them to April (TOTEM)", 96, 9


def main() -> None:
    """Run the three policies and draw them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of the data sets")
    parser.add_argument("--traffic", choices=["milano", "abilene", "geant"], default="milano")
    parser.add_argument("--allocator", choices=list(ALLOCATORS), help="edge; persistence with --quick")
    parser.add_argument("--memory", type=int, default=7, help="days that a model learns from; 0 for all")
    parser.add_argument("--out", type=Path, help="folder for the figures; none are drawn without it")
    parser.add_argument("--quick", action="store_true", help="four slices of two weeks")
    arguments = parser.parse_args()

    measured, source, day, days = read(arguments.traffic, data_folder(arguments.data), arguments.quick)
    print(f"Traffic: {source}; trained on {days} days, answers for {len(measured) // day - days}")
    kind = ALLOCATORS[arguments.allocator or ("persistence" if arguments.quick else "edge")]
    scale, cost = MinMax.fit(measured.to_numpy()[: days * day]), AllocationCost(under=1.0)
    plan = Retraining(
        learn=windowed(lambda: kind(cost), scale, window=6),
        cost=cost,
        window=6,
        train=days * day,
        every=day,
        memory=arguments.memory * day or None,
        follow_up=6,
    )
    busier = measured.copy()
    busier.iloc[(days + 3) * day :, ::3] *= 3
    for name, demand in (("measured", measured), ("busier", busier)):
        report = plan.run(demand)
        print(f"\n{name}: {kind.__name__}, {report!r}")
        if arguments.out:
            arguments.out.mkdir(parents=True, exist_ok=True)
            path = arguments.out / f"{arguments.traffic}_{kind.__name__}_{arguments.memory}_{name}.png"
            report.plot().savefig(path, dpi=120)
            print(f"drawn in {path}")


if __name__ == "__main__":
    main()
