"""Draw the README's performance profile: every solver on the splits, each in a process of its own."""

from __future__ import annotations

import argparse
from pathlib import Path

from record import note

from edgeopt.bench.campaign import Campaign
from edgeopt.bench.figures import performance_profile
from edgeopt.bench.measures import by_solver
from edgeopt.bench.run import run
from edgeopt.instances import load
from edgeopt.solving.compare import solvers_for


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the tiny and tied instances only")
    parser.add_argument("--out", type=Path, default=Path("report/profile"), help="folder of campaign and picture")
    options = parser.parse_args()
    available = solvers_for(load("split/generated-tiny"))
    patterns = ["split/generated-ti*"] if options.quick else ["split/branchy-alexnet-*", "split/generated-*"]
    names = [name for name in Campaign.of(patterns).instances if "trace" not in name]
    campaign = Campaign.of(names, available.loc[available["installed"], "solver"].tolist(), time_limit=10.0)
    table = run(campaign, options.out)
    ranking = by_solver(table)
    print(ranking.to_string(index=False, float_format="%.3g"))
    for row in ranking.to_dict("records"):
        note(f"splits solved within 10 s, of {row['runs']}", str(row["solver"]), 100 * row["solved"], "%")
    axes = performance_profile(table)
    axes.set_title(f"Splitting: share of {len(names)} instances solved to the proved optimum")
    axes.figure.savefig(options.out / "profile.png", dpi=110)
    print(options.out / "profile.png")


if __name__ == "__main__":
    main()
