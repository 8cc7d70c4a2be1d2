"""Side constraints by prices beside HiGHS: seconds, and gaps that are proved and verified.

    python benchmarks/side_constraints.py [--quick] [--limit 60]

Offloading of many samples under rows by day, by overlapping window, by day, user and weighted cell ("mixed"), and dense
rows; a fleet of devices with 20 splits each and one shared server; revenue of many services with a floor for each
region; a split with a cap on its energy. Both solvers are asked for a gap of 1e-4, some times 1e-6 (the revenue and the
split for 1e-9); HiGHS gets `--limit` seconds. "Benefits alone" leaves the cost of serving everything remotely out of
the objective, which makes the same gap many times as large beside it. At the end the growth of the time in samples and
in rows is fitted.
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd
from record import note
from scipy import sparse

import edgeopt as eo


def rows_of(samples: int, rows: int, kind: str, rng: np.random.Generator) -> sparse.csc_array:
    """Return the coefficients of a kind of rows."""
    ones, each = np.ones(samples), np.arange(samples)

    def groups(which: np.ndarray, count: int, weights: np.ndarray = ones) -> sparse.csc_array:
        return sparse.csc_array((weights, (which, each)), shape=(count, samples))

    if kind == "days":
        return groups(each * rows // samples, rows)
    if kind == "windows":
        width = 2 * samples // rows
        starts = np.arange(rows) * (samples - width) // (rows - 1)
        places = (starts[:, None] + np.arange(width)).ravel()
        return sparse.csc_array((np.ones(places.size), (np.repeat(np.arange(rows), width), places)), (rows, samples))
    if kind == "dense":
        return sparse.csc_array(rng.uniform(0.5, 1.5, (rows, samples)))
    third = rows // 3
    cells = groups(rng.integers(0, third, samples), third, rng.uniform(0.5, 1.5, samples))
    users = groups(rng.integers(0, third, samples), third)
    days = groups(each * (rows - 2 * third) // samples, rows - 2 * third)
    return sparse.vstack([days, users, cells], format="csc")


def offloading(samples: int, rows: int, kind: str, seed: int = 0, alone: bool = False) -> eo.Program:
    """Return the choice of local samples at least cost, with a least number in each row."""
    rng = np.random.default_rng(seed)
    matrix = rows_of(samples, rows, kind, rng)
    lower = np.floor(rng.uniform(0.3, 0.6, rows) * matrix.sum(axis=1))
    local, remote = rng.gamma(2.0, 1.0, samples) + 0.5, rng.gamma(2.0, 1.0, samples)
    offset = 0.0 if alone else float(remote.sum())
    return eo.Program(local - remote, matrix, row_lower=lower, upper=1.0, integrality=True, offset=offset)


def revenue(services: int, regions: int, seed: int = 0) -> eo.Constrained:
    """Return the admission of services to 20 servers and 50 links, with a floor for each region."""
    rng = np.random.default_rng(seed)
    compute = rng.uniform(0.5, 1.5, (20, services)) * (rng.random((20, services)) < 0.2)
    links = rng.uniform(0.5, 1.5, (50, services)) * (rng.random((50, services)) < 0.1)
    traffic = rng.gamma(2.0, 1.0, services)
    capacity = 0.4 * compute @ traffic, 0.4 * links @ traffic
    base = eo.RevenueMaximization(rng.uniform(1.0, 5.0, services), compute, links, *capacity, traffic)
    region, each = rng.integers(0, regions, services), np.arange(services)
    matrix = sparse.csr_array((np.ones(services), (region, each)), shape=(regions, services))
    return base.subject_to(region=lambda m: matrix @ m.admitted >= 0.3 * (matrix @ traffic))


def fleet(devices: int, splits: int, seed: int = 0) -> eo.Program:
    """Return devices that each choose a split and share one server."""
    rng = np.random.default_rng(seed)
    size = devices * splits
    device = np.repeat(np.arange(devices), splits)
    one = sparse.csc_array((np.ones(size), (device, np.arange(size))))
    matrix = sparse.vstack([one, sparse.csc_array(rng.uniform(0.0, 1.0, size)[None])], format="csc")
    side = np.r_[np.ones(devices), 0.2 * devices]
    lower = np.r_[np.ones(devices), -np.inf]
    cost = rng.uniform(0.1, 1.0, size)
    return eo.Program(cost, matrix, row_lower=lower, row_upper=side, upper=1.0, integrality=True)


def capped(layers: int, seed: int = 1) -> eo.Constrained:
    """Return a split between a device and a busy edge, where energy is saved by waiting, capped half way."""
    rng = np.random.default_rng(seed)
    times = rng.uniform(0.2, 1.8, (layers, 2)) * [1.0, 2.0] / layers
    bits = 10.0 ** rng.uniform(3.0, 6.0, layers + 1)
    split = eo.StochasticSplit([eo.Exit(0.9, times, bits)], [1.0], uplink_rate=1e7)
    joules = split.minimize(lambda m: m.expected_energy(2.0, 1.2))
    least = eo.solve(joules, "highs").objective
    most = joules.objective(eo.solve(split).decision)
    return split.subject_to(battery=lambda m: m.expected_energy(2.0, 1.2) <= 0.5 * (least + most))


def measure(case: str, program: eo.Program | eo.Constrained, gap: float, limit: float) -> dict[str, object]:
    """Solve by both, verify what prices found, and say how much faster they are."""
    row: dict[str, object] = {"case": case}
    found = eo.solve(program, "priced", relative_gap=gap)
    again = eo.solve(program, "priced", relative_gap=gap)  # the first call compiles
    checked = eo.verify(program, found, relative_gap=max(gap, float(found.gap)))
    row |= {"priced s": min(found.wall_time, again.wall_time), "gap": found.gap, "verified": checked.holds}
    # HiGHS looks at its clock too seldom in programs of this size: there it is ended from outside.
    large = program.program().columns >= 500_000
    other = eo.solve(program, "highs", relative_gap=gap, time_limit=limit, isolate=large)
    row |= {"HiGHS s": other.wall_time, "HiGHS": str(other.status), "HiGHS gap": other.gap}
    row["faster"] = other.wall_time / float(row["priced s"])  # type: ignore[arg-type]
    note(case, "priced", float(row["priced s"]), "s", float(row["faster"]), "HiGHS")  # type: ignore[arg-type]
    return row


def growth(kind: str, sizes: list[tuple[int, int]], axis: int) -> str:
    """Fit the exponent with which the time grows along samples (0) or rows (1)."""
    times = [
        min(eo.solve(offloading(*size, kind), "priced", relative_gap=1e-3).wall_time for _ in range(2))
        for size in sizes
    ]
    slope = np.polyfit(np.log([size[axis] for size in sizes]), np.log(times), 1)[0]
    return f"{kind}: time grows as {('samples', 'rows')[axis]}^{slope:.2f} over {[size[axis] for size in sizes]}"


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="under a minute")
    parser.add_argument("--limit", type=float, default=60.0, help="seconds for HiGHS")
    arguments = parser.parse_args()
    large, most, limit = (100_000, 100, 5.0) if arguments.quick else (1_000_000, 1_000, arguments.limit)
    cases = [(large // 10, most, "mixed"), *((large, most, kind) for kind in ("days", "mixed", "windows"))]
    cases.append((large, 10, "dense"))
    rows = [measure(f"{k}, {n:,} x {m:,}", offloading(n, m, k), 1e-4, limit) for n, m, k in cases]
    for n, m, k in cases[1:]:
        rows.append(measure(f"{k}, {n:,} x {m:,}, to 1e-6", offloading(n, m, k), 1e-6, limit))
    alone = offloading(large, most, "mixed", alone=True)
    rows.append(measure(f"mixed, {large:,} x {most:,}, benefits alone", alone, 1e-4, limit))
    devices, services = (2_000, 10_000) if arguments.quick else (10_000, 100_000)
    rows.append(measure(f"fleet, {devices:,} x 20", fleet(devices, 20), 1e-6, limit))
    rows.append(measure(f"revenue, {services:,} x 270", revenue(services, 200), 1e-9, limit))
    rows += [measure(f"capped split, {layers} layers", capped(layers), 1e-9, limit) for layers in (20, 100, 300)]
    print(pd.DataFrame(rows).to_string(index=False, float_format=lambda x: f"{x:.3g}"))
    print(growth("mixed", [(large // 8, 50), (large // 4, 50), (large // 2, 50), (large, 50)], 0))
    print(growth("mixed", [(large, most // 8), (large, most // 4), (large, most // 2), (large, most)], 1))


if __name__ == "__main__":
    main()
