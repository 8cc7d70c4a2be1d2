"""Tables of Lyu et al. (2024), as measured, with the paper's numbers beside ours; figures and claims follow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..verdicts import paired_interval, paired_verdict
from . import claims, figures, online
from .frameworks import FRAMEWORKS, PAPER
from .paper import printed
from .setting import MEAN_CAPACITY, SPREAD

if TYPE_CHECKING:
    from ..report import Report
    from .runs import Runs


def table_4(rows: pd.DataFrame) -> pd.DataFrame:
    """Return what every framework earns by data set and deviation, in % of the offline optimum, and the paper's."""
    sweep = rows[(rows["mean"] == MEAN_CAPACITY) & (rows.deployment == "gus")]
    grouped = sweep.groupby(["dataset", "framework", "deviation"], sort=False)
    percent = lambda v: 100 * v.mean()  # noqa: E731
    table = grouped.agg(
        ours=("revenue", percent),
        half_width=("revenue", lambda v: 100 * figures.half_width(v)),
        traffic=("traffic", percent),
        with_penalty=("revenue_penalty", percent),
        reservations_free=("revenue_free", percent),
        optimal_recourse=("revenue_optimal", percent),
        tightness=("tightness", "mean"),
        believed_tightness=("believed_tightness", "mean"),
        accuracy=("accuracy", percent),
        capacity_error=("capacity_error", "mean"),
    ).reset_index()
    known = [printed(*row) for row in zip(table.dataset, table.framework, table.deviation, strict=True)]
    table.insert(3, "paper", known)
    return table


def gains(rows: pd.DataFrame) -> pd.DataFrame:
    """Return by how many points the proposed framework earns more than each baseline, paired by seed."""
    sweep = rows[(rows["mean"] == MEAN_CAPACITY) & (rows.deployment == "gus")]
    found = []
    key: Any
    for key, some in sweep.groupby(["dataset", "deviation"], sort=False):
        dataset, deviation = key
        wide = 100 * some.pivot(index="seed", columns="framework", values="revenue")
        for name in [n for n in FRAMEWORKS if n in wide and n != "proposed"]:
            row: dict[str, object] = {"dataset": dataset, "deviation": deviation, "over": name}
            if len(wide) > 1:
                row |= paired_interval(wide["proposed"] - wide[name])._asdict()
            else:
                row |= {"mean": float((wide["proposed"] - wide[name]).iloc[0]), "low": np.nan, "high": np.nan}
            paper = printed(dataset, "proposed", deviation) - printed(dataset, name, deviation)
            verdict = paired_verdict(wide[name], wide["proposed"])
            found.append(row | {"paper": paper, "earns_more": str(verdict)})
    return pd.DataFrame(found)


def write(report: Report, rows: pd.DataFrame, runs: Runs) -> None:
    """Add all tables, figures and claims."""
    table = table_4(rows)
    report.table(
        "table_4", table, "Revenue [% of the offline optimum's] by data set, framework and deviation (Table 4)"
    )
    differences = gains(rows)
    caption = "Revenue of the proposed framework less that of others [points], with 95 % intervals, paired by seed"
    report.table("gains", differences, caption, show=False)
    report.figure("figure_9", figures.utilities(table), "Revenue against the deviation of the capacities (Fig. 9)")
    report.figure("ablation", figures.ablation(rows), "What of the gain is capacity knowledge, what is the forecast")
    means = rows[(rows.deviation == SPREAD) & (rows.dataset == "TOTEM") & (rows.deployment == "gus")]
    means = means[means.framework.isin(PAPER)]
    averages = means.groupby(["mean", "framework"], sort=False)[["throughput", "offline"]].mean().reset_index()
    averages = averages.sort_values("mean", kind="stable")
    report.table("figure_8", averages, "Throughput [Mb/slot] against the mean capacity (Fig. 8)")
    report.figure("figure_8", figures.means(means), "Throughput against the mean capacity (Fig. 8)")
    _over_slots(report, runs)
    evidence = claims.Evidence(rows)
    claims.write(report, evidence)
    _online(report, runs)


def _over_slots(report: Report, runs: Runs) -> None:
    shown = {name: runs.show("TOTEM", "gus", name) for name in PAPER}
    report.figure("figure_6", figures.slots(shown, "admitted"), "Admitted traffic on the test slots (Fig. 6)")
    report.figure("figure_7", figures.slots(shown, "forecast"), "Forecast and true traffic on the test slots (Fig. 7)")
    kaggle = {name: runs.show("Kaggle", "gus", name) for name in PAPER}
    report.figure("figure_10", figures.slots(kaggle, "admitted"), "Admitted traffic, Kaggle series (Fig. 10)")
    whole = {"splitting": shown["LSTM"], "non-splitting": runs.show("TOTEM", "single", "LSTM")}
    report.figure("figure_5", figures.slots(whole, "admitted"), "Splitting and non-splitting (Fig. 5)")
    setting, _ = shown["LSTM"]
    claims.uniqueness(report, setting)


def _online(report: Report, runs: Runs) -> None:
    regrets = online.regrets(runs)
    setting = runs.setting("TOTEM", "gus", MEAN_CAPACITY, online.DEVIATION, 0)
    test = setting.split.test
    change = (test.start + test.stop) // 2
    caption = f"Regret over the slots, online and offline training; {online.failure(runs)[0]} fails (Algorithm 1)"
    report.figure("online", figures.online(regrets, setting.split.train.stop, change), caption)
    phases = {"before the failure": (test.start, change), "after the failure": (change, test.stop)}
    parts = [
        regrets[regrets.slot.between(low, high - 1)].groupby(["seed", "controller"], sort=False).regret.mean()
        for low, high in phases.values()
    ]
    by_phase = pd.concat(parts, axis=1, keys=list(phases)).reset_index()
    table = by_phase.groupby("controller", sort=False)[list(phases)].mean().mul(100).reset_index()
    report.table("online", table, "Mean regret [% of the offline optimum] on the test slots, means over the seeds")
    claims.online(report, by_phase, list(phases))
