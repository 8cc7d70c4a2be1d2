"""The revenue program at the size of a country: 10^5 services on 2,000 servers and 10^4 links.

    python benchmarks/lp_scale.py [--quick]

HiGHS by simplex and by interior point, and PDLP (first order), each in a process of its own: seconds, peak memory, and
the gap that edgeopt's own certificate proves (a solver's word counts for nothing here).
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import time

import numpy as np
import pandas as pd
from record import note
from scipy import sparse

import edgeopt as eo

ROUTES = {
    "highs, interior point": ("highs", {"method": "ipm"}),
    "highs, simplex": ("highs", {"method": "simplex"}),
    "pdlp, 1e-6": ("pdlp", {}),
}


def instance(services: int, servers: int, links: int, seed: int = 0) -> eo.RevenueMaximization:
    """Services over paths of 3 to 8 servers; two thirds of the resources are short of the load."""
    rng = np.random.default_rng(seed)
    hops = rng.integers(3, 9, services)
    column = np.repeat(np.arange(services), hops)

    def block(rows: int) -> sparse.csc_array:
        entries = (rng.uniform(0.5, 2.0, column.size), (rng.integers(0, rows, column.size), column))
        return sparse.csc_array(sparse.coo_array(entries, shape=(rows, services)))

    compute, link = block(servers), block(links)
    traffic = rng.gamma(4.0, 0.25, services)
    capacity = [rng.uniform(0.4, 1.3, d.shape[0]) * (d @ traffic) + 0.1 for d in (compute, link)]
    return eo.RevenueMaximization(rng.uniform(1.0, 3.0, services), compute, link, *capacity, traffic)


def measure(name: str, sizes: tuple[int, int, int], limit: float) -> dict[str, object]:
    problem = instance(*sizes)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    solver, options = ROUTES[name]
    started = time.perf_counter()
    found = eo.solve(problem, solver, time_limit=limit, **options)
    seconds = time.perf_counter() - started
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    return {
        "route": name,
        "status": str(found.status),
        "seconds": seconds,
        "memory_MiB": peak,
        "revenue": found.objective,
        "proved_gap": found.gap,
        "message": found.message[:60],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a hundredth of the size")
    parser.add_argument("--limit", type=float, default=900.0, help="seconds for each route")
    options = parser.parse_args()
    sizes = (2_000, 100, 400) if options.quick else (100_000, 2_000, 10_000)
    context = multiprocessing.get_context("spawn")
    rows = []
    for name in ROUTES:
        with context.Pool(1) as pool:
            rows.append(pool.apply(measure, (name, sizes, options.limit)))
        note(f"{sizes[0]:,} services, {sizes[1]:,} servers", name, rows[-1]["seconds"], "s")
        print(pd.DataFrame(rows[-1:]).to_string(index=False, float_format=lambda v: f"{v:.4g}"), flush=True)


if __name__ == "__main__":
    main()
