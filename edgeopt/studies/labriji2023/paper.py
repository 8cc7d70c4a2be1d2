"""The paper's own figures: operations and payloads by split, energy against delay, outage, mean split."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...control import DriftPlusPenalty, Environment, path_gain, simulate

if TYPE_CHECKING:
    from ..report import Report

AVAILABILITIES = (0.1, 0.3, 1.0)
TRADEOFFS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
EXPONENTS = (2.5, 3.0, 3.5)


def reproduce(report: Report, slots: int, seeds: int) -> None:
    """Add Fig. 1, 2a, 2b and 3 with their claims."""
    environment, controller = Environment(), DriftPlusPenalty()
    warm_up = slots // 20
    costs = environment.costs
    splits = pd.DataFrame(
        {
            "split": np.arange(len(costs.names)),
            "behind": costs.names,
            "local_macs": costs.local_flops / 2,
            "payload_bits": costs.payload_bits,
            "local_energy_J": costs.local_energy,
        }
    )
    report.table("figure_1", splits, "Operations, payload and local energy of each split (Fig. 1)", show=False)
    report.figure("figure_1", _draw_splits(splits), "Local MACs and payload by split (Fig. 1)")
    runs: list[dict[str, Any]] = [
        {"availability": a, "tradeoff": v, "seed": s} for a in AVAILABILITIES for v in TRADEOFFS for s in range(seeds)
    ]
    full: list[dict[str, Any]] = [
        {"availability": a, "rule": "remote-only", "seed": s} for a in (0.1, 0.2, 0.3, 0.5, 1.0) for s in range(seeds)
    ]
    method = simulate(controller, environment, slots, runs=runs, warm_up=warm_up).summary
    offloaded = simulate(controller, environment, slots, runs=full, warm_up=warm_up).summary
    means = method.groupby(["availability", "tradeoff"])[["delay", "outage", "saving", "split"]].median().reset_index()
    medians = offloaded.groupby("availability")[["delay", "outage", "saving"]].median().reset_index()
    report.table("figure_2", means, "Delay, outage and energy saving of the method, medians over seeds (Fig. 2)")
    report.table("full_offloading", medians, "Full offloading at the largest rate, medians over seeds")
    report.figure("figure_2a", _draw_trade_off(means, medians), "Energy saving against mean delay (Fig. 2a)")
    report.figure("figure_2b", _draw_outage(means), "Outage against V (Fig. 2b)")
    shares = np.linspace(0.05, 1.0, 12)
    by_exponent = [
        {"availability": float(a), "tradeoff": TRADEOFFS[-1], "mean_gain": path_gain(50.0, 3.5e9, b)}
        for b in EXPONENTS
        for a in shares
    ]
    depth = simulate(controller, environment, slots, runs=by_exponent, warm_up=warm_up).summary
    depth.insert(0, "exponent", np.repeat(EXPONENTS, len(shares)))
    report.table("figure_3", depth[["exponent", "availability", "split", "saving"]], "Mean split (Fig. 3)", show=False)
    report.figure("figure_3", _draw_depth(depth), "Mean split against the host's availability (Fig. 3)")
    _claim(report, method, offloaded, depth)


def _claim(report: Report, method: pd.DataFrame, offloaded: pd.DataFrame, depth: pd.DataFrame) -> None:
    saving = 100 * offloaded["saving"]
    report.claim(
        "energy saving of full offloading",
        99.35,
        round(float(saving.median()), 2),
        "%",
        bool(abs(saving.median() - 99.35) < 0.3),
        f"median over seeds, {saving.min():.2f} to {saving.max():.2f}; the expectation is infinite",
    )
    tenth = method[(method.availability == 0.1) & (method.tradeoff == 0.01)]
    report.claim(
        "energy saving at availability 0.1",
        "around 85",
        round(float(100 * tenth.saving.median()), 2),
        "%",
        bool(abs(100 * tenth.saving.median() - 85) < 2),
        f"V = 0.01; spread over seeds {100 * tenth.saving.std():.2f}",
    )
    worst = method.groupby(["availability", "tradeoff"])[["delay", "outage"]].median().max()
    report.claim(
        "mean delay within 50 ms",
        50,
        round(float(1e3 * worst.delay), 3),
        "ms",
        bool(worst.delay <= 0.0505),
        "largest median over V and availability; the queue is finite, so a run ends within its rate of the limit",
    )
    report.claim("outage within 1 %", 0.01, round(float(worst.outage), 5), "", bool(worst.outage <= 0.0101))
    benchmark = offloaded.groupby("availability")["outage"].median()
    report.claim(
        "outage of full offloading is more than ten times the requirement",
        "> 0.1",
        f"{benchmark.min():.3f} to {benchmark.max():.3f}",
        "",
        bool(benchmark.min() > 0.1),
    )
    for exponent, rows in depth.groupby("exponent"):
        falls = bool(rows.split.iloc[0] > rows.split.iloc[-1])
        report.claim(
            f"less availability, more local layers (exponent {exponent})",
            "yes",
            f"{rows.split.iloc[0]:.2f} to {rows.split.iloc[-1]:.2f}",
            "mean split",
            falls,
        )


def _draw_splits(splits: pd.DataFrame) -> Any:
    import matplotlib.pyplot as plt

    _, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    axes.semilogy(splits.split, splits.local_macs.where(splits.local_macs > 0), "o-", label="local MACs")
    other = axes.twinx()
    other.semilogy(splits.split, splits.payload_bits.where(splits.payload_bits > 0), "s-", color="C3", label="payload")
    axes.set(xlabel="split point", ylabel="MACs on the device", xticks=splits.split[::2])
    other.set_ylabel("bits over the link", color="C3")
    return axes


def _draw_trade_off(means: pd.DataFrame, full: pd.DataFrame) -> Any:
    import matplotlib.pyplot as plt

    _, axes = plt.subplots(figsize=(7, 4.4), layout="constrained")
    for index, (availability, rows) in enumerate(means.groupby("availability")):
        label = f"availability up to {availability:g}"
        axes.plot(100 * rows.saving, 1e3 * rows.delay, "o-", color=f"C{index}", label=label)
        point = full[full.availability == availability]
        axes.plot(100 * point.saving, 1e3 * point.delay, "p", color=f"C{index}", markersize=11)
    axes.axhline(50.0, color="k", linestyle="--", linewidth=1, label="limit")
    axes.set(xlabel="energy saving [%]", ylabel="mean delay [ms]", title="pentagons: full offloading")
    axes.legend(fontsize=8)
    return axes


def _draw_outage(means: pd.DataFrame) -> Any:
    import matplotlib.pyplot as plt

    _, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    for availability, rows in means.groupby("availability"):
        axes.semilogx(rows.tradeoff, rows.outage, "o-", label=f"availability up to {availability:g}")
    axes.axhline(0.01, color="k", linestyle="--", linewidth=1, label="limit")
    axes.set(xlabel="V", ylabel="outage")
    axes.legend(fontsize=8)
    return axes


def _draw_depth(depth: pd.DataFrame) -> Any:
    import matplotlib.pyplot as plt

    _, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    for exponent, rows in depth.groupby("exponent"):
        axes.plot(rows.availability, rows.split, "o-", label=f"path loss exponent {exponent:g}")
    axes.set(xlabel="largest availability of the edge host", ylabel="mean split")
    axes.legend(fontsize=8)
    return axes
