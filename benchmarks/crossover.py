"""Where the compiled dual simplex ends to beat HiGHS: the revenue program by its number of resources.

    python benchmarks/crossover.py [--quick]

Processor time of one solve and of one instance of a layer's batch, simplex divided by HiGHS, one thread each. The size
at which the ratios pass 1 is ``FASTEST_ROWS`` of ``edgeopt/solvers/simplex.py``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
import torch
from lp_scale import instance
from record import note

import edgeopt as eo
from edgeopt.layers import LinearProgramLayer


def least(run: Callable[[], object], repeats: int) -> float:
    """Return the least processor time of a few runs."""
    times = []
    for _ in range(repeats):
        started = time.process_time()
        run()
        times.append(time.process_time() - started)
    return min(times)


def measure(resources: int, services: int, repeats: int) -> dict[str, float]:
    problem = instance(services, resources // 4, resources - resources // 4)
    traffic = torch.tensor(problem.traffic * np.random.default_rng(1).gamma(4.0, 0.25, (8, services)))
    row: dict[str, float] = {"resources": resources, "services": services}
    for solver in ("simplex", "highs"):
        assert eo.solve(problem, solver).status == "optimal"
        row[f"solve {solver} ms"] = 1e3 * least(lambda name=solver: eo.solve(problem, name, threads=1), repeats)
        layer = LinearProgramLayer(problem.program(), ("upper",), backend=solver, threads=1)
        layer(traffic[:1])
        row[f"layer {solver} ms"] = 1e3 * least(lambda one=layer: one(traffic), repeats) / len(traffic)
    row["solve ratio"] = row["solve simplex ms"] / row["solve highs ms"]
    row["layer ratio"] = row["layer simplex ms"] / row["layer highs ms"]
    for what in ("solve", "layer"):
        case = f"{what}, {resources} resources, {services} services"
        note(case, "simplex", row[f"{what} simplex ms"], "ms", 1.0 / row[f"{what} ratio"], "highs")
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="under half a minute")
    quick = parser.parse_args().quick
    torch.set_num_threads(1)
    sizes = (100, 200, 300) if quick else (50, 100, 150, 200, 250, 300, 400, 800)
    rows = [measure(size, factor * size, 1 if quick else 3) for size in sizes for factor in (2, 5)]
    print(pd.DataFrame(rows).to_string(index=False, float_format=lambda x: f"{x:.2f}"))


if __name__ == "__main__":
    main()
