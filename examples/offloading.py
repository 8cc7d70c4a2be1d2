"""Offline offloading on mobile traffic: which decisions the edge can take by itself.

Two allocators are fitted to the traffic of a few cells: at the edge each cell sees its own past, in the cloud one
network sees them all. Their costs on a test period make an offloading problem; every solver solves it, every answer is
verified, and the exact trade-off between local fraction and cost is drawn.

Run it with ``make demo``. It uses the Milano cells where they are at hand (``--data``, or ``EDGEOPT_DATA``, or
``../shared/data``), and otherwise traffic generated with the same statistics.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np

import edgeopt as eo
from edgeopt.data import milano, synthetic
from edgeopt.predictors.scenario import offloading_costs
from edgeopt.solvers.algorithm_1 import algorithm_1


def traffic(data: Path, quick: bool):
    """Return a (time x cell) frame and where it comes from."""
    file = data / "milano" / "milano_internet_25cells_10min.csv.gz"
    if file.exists():
        frame = milano.read_25_cells(file)
        source = "25 Milano cells, November 2013 (Telecom Italia, ODbL)"
    else:
        frame = synthetic.traffic(cells=25, days=30, seed=0)
        source = "25 generated cells with Milano's statistics (no data at hand)"
    return (frame.iloc[: 8 * 144] if quick else frame), source


def sweep(frame) -> None:
    """Print one line for each penalty c_u and window N: a real offloading problem each."""
    print("\nThe same for other penalties and windows")
    print("  c_u   N   edge cost   cloud cost   cheapest at   costs no more than the cloud up to")
    for under in (0.5, 1.0, 10.0):
        for window in (6, 25):
            problem = eo.OfflineOffloading(*offloading_costs(frame, window=window, under=under, seed=0))
            curve = eo.trade_off_curve(problem)
            free = curve.local_fraction[curve.cost <= curve.cost[0]].max()
            print(
                f"  {under:4g} {window:3d} {curve.cost[-1]:11.4f} {curve.cost[0]:12.4f} "
                f"{curve.local_fraction[curve.best]:7.0%} local {free:13.0%} local"
            )


def draw(problem: eo.OfflineOffloading, source: str, path: Path) -> None:
    """Draw cost against local fraction: the exact curve, and what the baselines reach."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    curve = eo.trade_off_curve(problem)
    figure, axes = plt.subplots(figsize=(7.5, 4.6), layout="constrained")
    axes.plot(100 * curve.local_fraction, curve.cost, label="Oracle (exact, all fractions)", linewidth=2)
    axes.plot([0, 100], curve.cost[[0, -1]], "--", color="grey", label="Random (expected)")
    fractions = np.linspace(0.05, 0.95, 19)
    printed = [_algorithm_1(problem, fraction) for fraction in fractions]
    axes.plot(*zip(*printed, strict=True), "x", color="tab:red", label="Algorithm 1 as printed")
    axes.plot(0, curve.cost[0], "s", color="tab:green", label="remote-only (cloud)")
    axes.plot(100, curve.cost[-1], "D", color="tab:orange", label="local-only (edge)")
    best = 100 * curve.local_fraction[curve.best]
    axes.axvline(best, color="tab:blue", linewidth=0.8, linestyle=":", label=f"cheapest: {best:.0f} % local")
    axes.set(xlabel="decisions taken locally [%]", ylabel="mean allocation cost [normalised traffic]", title=source)
    axes.legend()
    axes.grid(alpha=0.3)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)


def _algorithm_1(problem: eo.OfflineOffloading, fraction: float) -> tuple[float, float]:
    asked = eo.OfflineOffloading(problem.local_cost, problem.remote_cost, fraction)
    # Asked directly, because `solve` would refuse the points at which the printed rule violates its own constraint.
    decision = algorithm_1(asked, eo.Options()).decision
    return 100 * float(decision.local.mean()), asked.objective(decision)


def main() -> None:
    """Build the problem, compare all solvers, print the curve's key points, draw it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("EDGEOPT_DATA", "../shared/data")))
    parser.add_argument("--out", type=Path, default=Path("report"))
    parser.add_argument("--under", type=float, default=1.0, help="penalty c_u of a shortfall")
    parser.add_argument("--window", type=int, default=6, help="past samples N that an allocator sees")
    parser.add_argument("--min-local-fraction", type=float, default=0.5)
    parser.add_argument("--quick", action="store_true", help="eight days of traffic only")
    arguments = parser.parse_args()

    frame, source = traffic(arguments.data, arguments.quick)
    local_cost, remote_cost = offloading_costs(frame, window=arguments.window, under=arguments.under, seed=0)
    problem = eo.OfflineOffloading(local_cost, remote_cost, arguments.min_local_fraction)
    print(f"Traffic: {source}; {frame.shape[0]} slots of 10 minutes")
    print(f"Problem: {problem}, c_u = {arguments.under:g}, N = {arguments.window}")

    table = eo.compare(problem, names=["demo"])
    table["wall_time"] = (1e3 * table["wall_time"]).round(2)
    shown = table.rename(columns={"wall_time": "wall time [ms]"})
    print(
        "\n"
        + shown[["solver", "kind", "status", "objective", "gap", "excess", "wall time [ms]"]].to_string(index=False)
    )

    curve = eo.trade_off_curve(problem)
    print("\nKey points of the exact trade-off curve")
    print(f"  cloud only:            cost {curve.cost[0]:.4f}")
    print(f"  cheapest:              cost {curve.cost[curve.best]:.4f} at {curve.local_fraction[curve.best]:.0%} local")
    for fraction in (0.25, 0.5, 0.75):
        index = round(fraction * (curve.cost.size - 1))
        price = curve.multiplier[index]
        print(f"  {fraction:.0%} local:             cost {curve.cost[index]:.4f}, transmission cost C_T {price:+.4f}")
    print(f"  edge only:             cost {curve.cost[-1]:.4f}")
    draw(problem, source, arguments.out / "trade_off.png")
    print(f"\nPicture: {arguments.out / 'trade_off.png'}")
    if not arguments.quick:
        sweep(frame)


if __name__ == "__main__":
    main()
