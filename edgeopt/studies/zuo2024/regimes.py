"""Where a gap could exist: optimum, Edgent and GA over link rates and device speeds."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...analysis.split_maps import split_map
from ...model.tolerance import EQUAL
from ...solving.solve import solve
from .paper import METHODS, RATE, chains, kinds, problem

if TYPE_CHECKING:
    from ...analysis.split_maps import SplitMap
    from ...formulations.split import StochasticSplit
    from ..report import Report


def reproduce(report: Report, *, quick: bool) -> None:
    """Add the gap over rates and device speeds, latency against rate, and the exact split map."""
    tables = chains()
    rates = np.logspace(4, 9, 6 if quick else 21)
    speeds = np.array([1.0, 10.0, 100.0]) if quick else np.logspace(0, 3, 10)
    gaps = gap_frame({speed: problem(tables, speed_up=speed) for speed in speeds}, rates)
    report.table("regimes", gaps, "Gap to the optimum over link rates and speeds of the mobile device", show=False)
    report.figure("regimes", draw_gaps(gaps), "Gap to the optimum of Edgent (better direction) and of the GA")
    fast = problem(tables, speed_up=_interesting(gaps))
    report.figure("latency_against_rate", draw_latency(fast, rates), _caption("Expected latency", gaps))
    pieces = split_map(fast, (rates[0], rates[-1]))
    report.table("split_map", pieces.frame(), _caption("Exact split map", gaps), show=False)
    labels = kinds(tables[-1])
    report.figure("split_map", draw_map(pieces, labels), _caption("Layers of the last exit on the edge", gaps))
    claim_gaps(report, gaps)


def claim_gaps(report: Report, gaps: pd.DataFrame) -> None:
    """Say in how many regimes the GA's split is better than Edgent's."""
    edgent, genetic = gaps["edgent gap"], gaps["genetic gap"]
    report.claim(
        "the GA's split is better than Edgent's",
        "always",
        round(float((genetic < edgent - EQUAL).mean()), 3),
        "share of regimes",
        bool((genetic <= edgent + EQUAL).all()),
        f"Edgent is up to {100 * edgent.max():.1f} % above the optimum and optimal in {(edgent < EQUAL).mean():.0%} of "
        f"the regimes; the GA is up to {1 + genetic.max():.3g} times the optimum",
    )
    common = gaps["genetic gap, shared trunk"]
    report.finding(
        "gap of the GA to the optimum of its own encoding, median over the regimes",
        f"{100 * genetic.median():.1f} with separate genes, {100 * common.median():.1f} with a shared trunk",
        "%",
        f"at most {100 * genetic.max():.0f} and {100 * common.max():.0f} %, in {len(gaps)} regimes",
    )


def gap_frame(problems: dict[float, StochasticSplit], rates: Any) -> pd.DataFrame:
    """Return the relative gaps of Edgent and of the GA for each rate and speed of the mobile device."""
    rows = []
    for speed, base in problems.items():
        optima = solve(replace(base, uplink_rate=rates)).objective
        for rate, optimum in zip(rates, optima, strict=True):
            one = replace(base, uplink_rate=rate)
            edgent = min(solve(one, "edgent", direction=d).objective for d in ("edge-first", "device-first"))
            genetic = solve(one, "genetic").objective
            trunk = replace(one, shared_trunk=True)
            common = solve(trunk, "genetic").objective / solve(trunk).objective - 1
            single = min(solve(one, name).objective for name in ("local-only", "remote-only"))
            rows.append(
                {
                    "rate [Mbit/s]": rate / 1e6,
                    "speed-up of the mobile device": speed,
                    "optimum [ms]": 1e3 * optimum,
                    "edgent gap": edgent / optimum - 1,
                    "genetic gap": genetic / optimum - 1,
                    "genetic gap, shared trunk": common,
                    "best single tier gap": single / optimum - 1,
                }
            )
    return pd.DataFrame(rows)


def _interesting(gaps: pd.DataFrame) -> float:
    """Speed-up of the device at which splitting gains most over a single tier."""
    row = int(gaps["best single tier gap"].to_numpy().argmax())
    return float(gaps["speed-up of the mobile device"].to_numpy()[row])


def _caption(what: str, gaps: pd.DataFrame) -> str:
    return f"{what}, mobile device {_interesting(gaps):.3g} times as fast as Table 4.2's"


def draw_gaps(gaps: pd.DataFrame) -> Any:
    """Draw both gaps as maps over rate and speed."""
    import matplotlib.pyplot as plt
    from matplotlib.colors import SymLogNorm

    figure, both = plt.subplots(1, 2, figsize=(10, 4), layout="constrained", sharey=True)
    for axes, column in zip(both, ("edgent gap", "genetic gap"), strict=True):
        grid = gaps.pivot(index="speed-up of the mobile device", columns="rate [Mbit/s]", values=column)
        scale = SymLogNorm(linthresh=0.1, vmin=0.0, vmax=100 * max(float(grid.to_numpy().max()), 0.01))
        image = axes.pcolormesh(
            grid.columns, grid.index, 100 * grid.to_numpy(), cmap="viridis", shading="nearest", norm=scale
        )
        axes.set(xscale="log", yscale="log", xlabel="link rate [Mbit/s]", title=f"{column.split()[0]}: gap [%]")
        axes.plot(RATE / 1e6, 1.0, "r*", markersize=12)
        figure.colorbar(image, ax=axes)
    both[0].set_ylabel("speed-up of the mobile device")
    return both[0]


def draw_latency(base: StochasticSplit, rates: Any) -> Any:
    """Draw the expected latency of every method against the link rate."""
    import matplotlib.pyplot as plt

    _, axes = plt.subplots(figsize=(7, 4.4), layout="constrained")
    for name, (solver, extra) in METHODS.items():
        found = [solve(replace(base, uplink_rate=rate), solver, **extra).objective for rate in rates]
        axes.loglog(rates / 1e6, 1e3 * np.array(found), label=name, linewidth=2.5 if "optimum" in name else 1.2)
    axes.axvline(RATE / 1e6, color="grey", linestyle=":")
    axes.set(xlabel="link rate [Mbit/s]", ylabel="expected latency [ms]")
    axes.legend(fontsize=8)
    return axes


def draw_map(pieces: SplitMap, labels: list[str]) -> Any:
    """Draw where each layer of the last exit runs, piece by piece of the split map."""
    import matplotlib.pyplot as plt

    _, axes = plt.subplots(figsize=(7, 4.4), layout="constrained")
    rates = np.logspace(4, 9, 400)
    grid = np.stack([pieces.decision(rate).tiers[-1] for rate in rates], axis=1)
    axes.pcolormesh(rates / 1e6, np.arange(grid.shape[0]), grid, cmap="coolwarm", shading="nearest", vmin=0, vmax=1)
    axes.set(xscale="log", xlabel="link rate [Mbit/s]", title="blue: mobile, red: edge")
    axes.set_yticks(np.arange(grid.shape[0]), labels, fontsize=7)
    axes.invert_yaxis()
    return axes
