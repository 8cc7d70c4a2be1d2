"""All four decision problems in one go: solve, prove, compare, report.

Run it with ``make demo``. Instances cut from real traffic are used where the data sets are at hand (``EDGEOPT_DATA``,
or ``../shared/data``), generated ones otherwise. Every solver that is installed meets every instance in a process of
its own; what it answers is verified, and the comparison ends as one HTML page.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import edgeopt as eo
from edgeopt.bench.campaign import Campaign
from edgeopt.bench.measures import by_solver
from edgeopt.bench.report import write_report
from edgeopt.bench.run import run
from edgeopt.data.folder import data_folder

QUESTIONS = {
    "Which samples does the edge decide by itself?": ("offloading/milano-even", "offloading/generated-small"),
    "On which tier does each layer run?": ("split/branchy-alexnet-lte", "split/branchy-alexnet-lte"),
    "How much traffic of each service is admitted?": ("revenue/geant-scarce", "revenue/generated-small"),
    "Where to split in this slot, and at which rate to send?": ("slot/labriji2023-typical", "slot/labriji2023-typical"),
}
"""For each formulation an instance of real traffic or of its paper, and one for when no data is at hand."""

MORE = ("split/generated-small", "slot/labriji2023-tight-deadline")


def tell(question: str, instance: eo.Instance) -> None:
    """Print a problem, its optimum and the witness."""
    solution = eo.solve(instance)
    print(f"\n{question}")
    print(f"  {instance.name}: {instance.problem}")
    print(f"  source: {instance.source}")
    print(f"  {solution.solver} says {solution.status}, objective {solution.objective:.6g}; {solution.certificate}")
    print(f"  verified independently of the solver: {eo.verify(instance, solution).holds}")


def progress(done: int, total: int) -> None:
    """Say on standard error how far the comparison is."""
    if sys.stderr.isatty():
        print(f"\r  {done} of {total} pairs", end="" if done < total else "\n", file=sys.stderr)


def main() -> None:
    """Tell the four stories, compare all solvers on all instances, write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("report"))
    parser.add_argument("--quick", action="store_true", help="only the solvers made for one formulation each")
    arguments = parser.parse_args()

    real = data_folder() is not None
    print("Real traffic is at hand." if real else "No data sets at hand: instances are generated.")
    names = [pair[0 if real else 1] for pair in QUESTIONS.values()]
    for question, name in zip(QUESTIONS, names, strict=True):
        tell(question, eo.instances.load(name))

    own = ["selection", "shortest-path", "simplex", "two-regime", "genetic", "lambert-w"]
    solvers = own if arguments.quick else None
    folder = arguments.out / "bench"
    print(f"\nEvery solver on {len(names) + len(MORE)} instances, each in a process of its own, at most 5 s:")
    table = run(Campaign.of([*names, *MORE], solvers, time_limit=5.0), folder, progress=progress)
    columns = ["solver", "kind", "runs", "solved", "unverified", "mean_time", "worst_excess"]
    print(by_solver(table)[columns].to_string(index=False, float_format="%.3g"))
    page = folder / "report.html"
    write_report(table, page, title="edgeopt: solvers on all four decision problems")
    print(f"\nReport: {page}")


if __name__ == "__main__":
    main()
