"""Tables and figures of Lyu et al. (2024), as measured, with the paper's numbers beside ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..verdicts import Verdict
from .frameworks import FRAMEWORKS, PAPER

if TYPE_CHECKING:
    from ..report import Report
    from .runs import Runs

DEVIATIONS = (0, 10, 20, 30, 40, 50, 60)
TABLE_4 = {
    ("TOTEM", "LSTM"): (96.42, 92.63, 87.35, 85.84, 84.30, 80.52, 75.36),
    ("TOTEM", "Bi-LSTM"): (96.58, 91.55, 87.52, 85.05, 83.83, 80.95, 76.51),
    ("TOTEM", "proposed"): (98.49, 97.02, 96.47, 96.09, 95.43, 94.98, 93.76),
    ("Kaggle", "LSTM"): (92.13, 85.46, 79.58, 73.42, 70.25, 66.88, 62.45),
    ("Kaggle", "Bi-LSTM"): (91.85, 85.10, 78.03, 73.18, 70.62, 67.14, 62.50),
    ("Kaggle", "proposed"): (94.92, 93.95, 91.65, 90.21, 88.73, 86.16, 86.71),
}
"""Utility in % by data set and framework, one for each of `DEVIATIONS`."""


def table_4(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the utility of every framework by data set and deviation: mean and spread over seeds, and the paper's."""
    sweep = rows[(rows["mean"] == 80.0) & (rows.deployment == "gus")]
    grouped = sweep.groupby(["dataset", "framework", "deviation"], sort=False)
    table = grouped.agg(
        ours=("utility", lambda v: 100 * v.mean()),
        spread=("utility", lambda v: 100 * v.std(ddof=0)),
        optimal_recourse=("utility_optimal", lambda v: 100 * v.mean()),
        tightness=("tightness", "mean"),
        accuracy=("accuracy", lambda v: 100 * v.mean()),
        capacity_error=("capacity_error", "mean"),
    ).reset_index()
    table.insert(
        3, "paper", [_printed(*row) for row in zip(table.dataset, table.framework, table.deviation, strict=True)]
    )
    return table


def _printed(dataset: str, framework: str, deviation: float) -> float:
    printed = TABLE_4.get((dataset, framework))
    return float("nan") if printed is None else printed[DEVIATIONS.index(int(deviation))]


def write(report: Report, rows: pd.DataFrame, runs: Runs) -> None:
    """Add all tables, figures and claims."""
    table = table_4(rows)
    report.table("table_4", table, "Utility [%] by data set, framework and deviation of the capacities")
    report.figure("figure_9", _draw_utilities(table), "Utility against the deviation of the capacities (Fig. 9)")
    report.figure("ablation", _draw_ablation(table), "What of the gain is capacity knowledge, what is the forecast")
    means = rows[(rows.deviation == 30.0) & (rows.dataset == "TOTEM") & (rows.deployment == "gus")]
    by_mean = means[means.framework.isin(PAPER)].groupby(["mean", "framework"], sort=False)
    averages = by_mean[["throughput", "offline"]].mean().reset_index().sort_values("mean", kind="stable")
    report.table("figure_8", averages, "Throughput [Mb/slot] against the mean capacity (Fig. 8)")
    report.figure("figure_8", _draw_means(averages), "Throughput against the mean capacity (Fig. 8)")
    shown = {name: runs.show("TOTEM", "gus", name) for name in PAPER}
    report.figure("figure_6", _draw_slots(shown, "admitted"), "Admitted traffic on the test slots (Fig. 6)")
    report.figure("figure_7", _draw_slots(shown, "forecast"), "Forecast and true traffic on the test slots (Fig. 7)")
    kaggle = {name: runs.show("Kaggle", "gus", name) for name in PAPER}
    report.figure("figure_10", _draw_slots(kaggle, "admitted"), "Admitted traffic, Kaggle series (Fig. 10)")
    whole = {"splitting": runs.show("TOTEM", "gus", "LSTM"), "non-splitting": runs.show("TOTEM", "single", "LSTM")}
    report.figure("figure_5", _draw_slots(whole, "admitted"), "Splitting and non-splitting (Fig. 5)")
    _claim(report, rows, table)


def _claim(report: Report, rows: pd.DataFrame, table: pd.DataFrame) -> None:
    _claim_table(report, table)
    _claim_causes(report, table)
    thirty = rows[(rows["mean"] == 80.0) & (rows.deviation == 30.0) & (rows.dataset == "TOTEM")]
    throughput = thirty.groupby(["deployment", "framework"])["throughput"].mean()
    printed = {"proposed": 289.50, "LSTM": 261.48, "Bi-LSTM": 256.61}
    for name, paper in printed.items():
        ours = float(throughput["gus", name])
        note = "scale and tightness of the paper are not given; ours: 300 Mb/slot on average, mean capacity 80"
        report.claim(f"throughput, {name} (Fig. 6)", paper, round(ours, 1), "Mb/slot", Verdict.UNDECIDABLE, note)
    by_seed = thirty[thirty.framework == "LSTM"].pivot(index="seed", columns="deployment", values="throughput")
    better = by_seed["gus"] > by_seed["single"]
    report.claim(
        "splitting beats non-splitting (Fig. 5)",
        "289.50 : 68.81",
        f"{by_seed['gus'].mean():.1f} : {by_seed['single'].mean():.1f}",
        "Mb/slot",
        bool(better.all()),
        f"better on {better.sum()} of {len(better)} drawn networks; the same forecast and mean capacities on both",
    )
    accuracy = 100 * thirty.groupby("framework")["accuracy"].mean()
    for name, paper in {"proposed": 90.92, "LSTM": 98.27, "Bi-LSTM": 97.98}.items():
        near = bool(abs(accuracy[name] - paper) < 3.0)
        report.claim(f"prediction accuracy, {name} (Fig. 7)", paper, round(float(accuracy[name]), 2), "%", near)


def _claim_table(report: Report, table: pd.DataFrame) -> None:
    pivot = table.pivot(index=["dataset", "deviation"], columns="framework", values="ours")
    for dataset in ("TOTEM", "Kaggle"):
        ours = pivot.loc[dataset]
        gain = ours["proposed"] - np.maximum(ours["LSTM"], ours["Bi-LSTM"])
        paper = np.array(TABLE_4[dataset, "proposed"]) - np.array(TABLE_4[dataset, "LSTM"])
        report.claim(
            f"{dataset}: the proposed framework has the higher utility at every deviation (Table 4)",
            f"+{paper.min():.1f} to +{paper.max():.1f}",
            f"{gain.min():+.1f} to {gain.max():+.1f}",
            "percentage points",
            bool((gain > 0).all()),
            "against the better of LSTM and Bi-LSTM, mean over seeds, throttling",
        )
        grows = bool(gain.iloc[-1] > gain.iloc[0])
        report.claim(
            f"{dataset}: the gain grows with the deviation",
            "yes",
            f"{gain.iloc[0]:+.1f} to {gain.iloc[-1]:+.1f}",
            "percentage points",
            grows,
        )


def _claim_causes(report: Report, table: pd.DataFrame) -> None:
    """Separate what the paper does not: knowledge of capacities and training by the objective."""
    ours = table[(table.dataset == "TOTEM") & (table.deviation == 60.0)].set_index("framework")["ours"]
    for name, note in {
        "learned capacities, same forecast": "the paper's capacity learning alone",
        "mean capacities, objective-driven": "the paper's training of the forecast alone",
        "true capacities, same forecast": "capacities known, forecast untouched: what capacity learning could reach",
        "censored capacity learning": "capacities from accommodated traffic alone, forecast untouched",
        "reserve everything": "no program at all",
    }.items():
        report.finding(
            f"utility at deviation 60: {name}",
            round(float(ours[name]), 2),
            "%",
            f"{note}; LSTM {ours['LSTM']:.2f}, proposed {ours['proposed']:.2f}",
        )


def _draw_utilities(table: pd.DataFrame) -> Any:
    import matplotlib.pyplot as plt

    _, both = plt.subplots(1, 3, figsize=(12, 4), layout="constrained", sharey=True)
    for axes, dataset in zip(both, ("TOTEM", "Kaggle", "Abilene"), strict=True):
        for index, name in enumerate(PAPER):
            rows = table[(table.dataset == dataset) & (table.framework == name)]
            axes.errorbar(rows.deviation, rows.ours, rows.spread, marker="o", color=f"C{index}", label=name, capsize=3)
            if (dataset, name) in TABLE_4:
                axes.plot(DEVIATIONS, TABLE_4[dataset, name], color=f"C{index}", linestyle=":", linewidth=1)
        axes.set(xlabel="deviation of capacities [Mb/slot]", title=dataset)
    both[0].set_ylabel("utility [%]")
    both[0].legend(title="dotted: the paper", fontsize=8)
    return both[0]


def _draw_ablation(table: pd.DataFrame) -> Any:
    import matplotlib.pyplot as plt

    rows = table[(table.dataset == "TOTEM") & (table.deviation == table.deviation.max())]
    rows = rows.set_index("framework").loc[list(FRAMEWORKS)]
    _, axes = plt.subplots(figsize=(8, 4.4), layout="constrained")
    axes.barh(
        np.arange(len(rows)), rows.ours, xerr=rows.spread, color=["C3" if n in PAPER else "C0" for n in rows.index]
    )
    axes.set_yticks(np.arange(len(rows)), rows.index)
    axes.invert_yaxis()
    axes.set(
        xlabel=f"utility [%], deviation {rows.deviation.iloc[0]:g}", xlim=(60, 101), title="red: the paper's frameworks"
    )
    return axes


def _draw_means(averages: pd.DataFrame) -> Any:
    import matplotlib.pyplot as plt

    _, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    for name, rows in averages.groupby("framework", sort=False):
        axes.plot(rows["mean"], rows.throughput, marker="o", label=name)
    offline = averages.groupby("mean")["offline"].mean()
    axes.plot(offline.index, offline, "k--", label="offline optimum")
    axes.set(xlabel="mean capacity [Mb/slot]", ylabel="throughput [Mb/slot]")
    axes.legend()
    return axes


def _draw_slots(shown: dict[str, Any], what: str) -> Any:
    import matplotlib.pyplot as plt

    _, axes = plt.subplots(figsize=(8, 3.8), layout="constrained")
    for name, (_, outcome) in shown.items():
        axes.plot(getattr(outcome, what), label=name, linewidth=1)
    first, (setting, _) = next(iter(shown.items()))
    several = len({id(one) for one, _ in shown.values()}) > 1
    label = "true traffic" if what == "forecast" else f"offline optimum, {first}" if several else "offline optimum"
    _, traffic, best = setting.part("test")
    truth = best if what == "admitted" else traffic
    axes.plot(
        truth.sum(dim=1),
        "k--",
        linewidth=0.8,
        label=label,
    )
    axes.set(xlabel="test slot", ylabel=f"{what} traffic [Mb/slot]")
    axes.legend(fontsize=8)
    return axes
