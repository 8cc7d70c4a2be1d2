"""Figures of Lyu et al. (2024), as measured; bars and bands are 95 % intervals over the seeds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..verdicts import paired_interval
from .frameworks import FRAMEWORKS, PAPER
from .paper import DEVIATIONS, TABLE_4
from .setting import MEAN_CAPACITY

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = (*PAPER, "persistence", "admit all", "true capacities, same forecast")
DAY = 96
"""Slots of a quarter of an hour."""


def utilities(table: pd.DataFrame) -> Any:
    """Draw Fig. 9: revenue against the deviation, for each data set."""
    import matplotlib.pyplot as plt

    figure, each = plt.subplots(1, 3, figsize=(12, 4.4), layout="constrained", sharey=True)
    shown = table[table.framework.isin(_SHOWN)]
    least = 10.0 * np.floor((shown.ours - shown.half_width).min() / 10.0)
    for axes, dataset in zip(each, ("TOTEM", "Kaggle", "Abilene"), strict=True):
        for index, name in enumerate(_SHOWN):
            rows = table[(table.dataset == dataset) & (table.framework == name)]
            line = {"marker": "o", "markersize": 3, "color": f"C{index}", "capsize": 2, "linewidth": 1.2}
            axes.errorbar(rows.deviation + 0.5 * (index - 2), rows.ours, rows.half_width, label=name, **line)
            if (dataset, name) in TABLE_4:
                axes.plot(DEVIATIONS, TABLE_4[dataset, name], color=f"C{index}", linestyle=":", linewidth=1)
        axes.set(xlabel="deviation of capacities [Mb/slot]", title=dataset, ylim=(max(0.0, least), 102))
    each[0].set_ylabel("revenue [% of the offline optimum's]")
    handles, labels = each[0].get_legend_handles_labels()
    title = "dotted: utility printed in Table 4"
    figure.legend(handles, labels, title=title, fontsize=8, ncols=len(_SHOWN), loc="outside lower center")
    return each[0]


def ablation(rows: pd.DataFrame) -> Any:
    """Draw what all frameworks earn more than LSTM, paired by seed, at the deviations at which all were run."""
    import matplotlib.pyplot as plt

    sweep = rows[(rows.dataset == "TOTEM") & (rows["mean"] == MEAN_CAPACITY) & (rows.deployment == "gus")]
    full = sweep.groupby("deviation").framework.nunique()
    names = [name for name in FRAMEWORKS if name != "LSTM" and "100 times" not in name]
    _, axes = plt.subplots(figsize=(8.5, 5.6), layout="constrained")
    for index, deviation in enumerate(full.index[full == len(FRAMEWORKS)]):
        wide = 100 * sweep[sweep.deviation == deviation].pivot(index="seed", columns="framework", values="revenue")
        gain = wide[names].sub(wide["LSTM"], axis=0)
        place = np.arange(len(names)) + 0.4 * index - 0.2
        bars = {"color": f"C{index}", "label": f"deviation {deviation:g}", "error_kw": {"linewidth": 0.8}}
        axes.barh(place, gain.mean(), 0.38, xerr=gain.apply(half_width), **bars)
    axes.set_yticks(np.arange(len(names)), names)
    for label in axes.get_yticklabels():
        label.set_fontweight("bold" if label.get_text() in PAPER else "normal")
    axes.invert_yaxis()
    axes.axvline(0.0, color="black", linewidth=0.8)
    axes.set(xlabel="revenue less that of LSTM [points of the offline optimum's]", title="bold: the paper's frameworks")
    axes.legend()
    return axes


def means(rows: pd.DataFrame) -> Any:
    """Draw Fig. 8: throughput against the mean capacity."""
    import matplotlib.pyplot as plt

    _, axes = plt.subplots(figsize=(6.4, 4.2), layout="constrained")
    for index, name in enumerate(PAPER):
        by_mean = rows[rows.framework == name].groupby("mean")["throughput"]
        middle, half = by_mean.mean(), by_mean.apply(half_width)
        axes.errorbar(middle.index + index - 1.0, middle, half, marker="o", markersize=4, capsize=3, label=name)
    offline = rows[rows.framework == PAPER[0]].groupby("mean")["offline"].mean()
    axes.plot(offline.index, offline, "k--", label="offline optimum")
    axes.set(xlabel="mean capacity [Mb/slot]", ylabel="throughput [Mb/slot]")
    axes.set_ylim(bottom=0.0)
    axes.legend()
    return axes


def slots(shown: dict[str, Any], what: str) -> Any:
    """Draw Figs. 5, 6, 7 or 10: one total for each test slot, first seed."""
    import matplotlib.pyplot as plt

    _, axes = plt.subplots(figsize=(9, 4), layout="constrained")
    for name, (_, outcome) in shown.items():
        axes.plot(getattr(outcome, what), label=name, linewidth=1)
    first, (setting, _) = next(iter(shown.items()))
    several = len({id(one) for one, _ in shown.values()}) > 1
    label = "true traffic" if what == "forecast" else f"offline optimum, {first}" if several else "offline optimum"
    _, traffic, best = setting.part("test")
    truth = best if what == "admitted" else traffic
    axes.plot(truth.sum(dim=1), "k--", linewidth=0.8, label=label)
    axes.set(xlabel="test slot", ylabel=f"{what} traffic [Mb/slot]")
    axes.set_ylim(bottom=0.0)
    axes.legend(fontsize=8, ncols=2)
    return axes


def online(regrets: pd.DataFrame, trained: int, change: int) -> Any:
    """Draw the regret of controllers that learn in every slot: mean of a day behind each slot, over the seeds."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(9, 4.8), layout="constrained")
    for index, (name, rows) in enumerate(regrets.groupby("controller", sort=False)):
        wide = 100 * rows.pivot(index="slot", columns="seed", values="regret").rolling(DAY, min_periods=DAY // 4).mean()
        # Two controllers are the same one until the link fails: the second is drawn in dashes over the first.
        style = "--" if "forgotten" in str(name) else "-"
        axes.plot(wide.index, wide.mean(axis=1), style, color=f"C{index}", label=name, linewidth=1.3)
        axes.fill_between(wide.index, wide.min(axis=1), wide.max(axis=1), color=f"C{index}", alpha=0.12, linewidth=0)
    axes.axvline(trained, color="grey", linewidth=0.8, linestyle=":")
    axes.axvline(change, color="grey", linewidth=0.8, linestyle="--")
    top = axes.get_ylim()[1]
    axes.text(trained, top, " offline training ends", va="top", fontsize=8)
    axes.text(change, top, " a link fails", va="top", fontsize=8)
    axes.set(xlabel="slot", ylabel="regret [% of the offline optimum], mean of a day", ylim=(0, top))
    figure.legend(fontsize=8, title="band: all seeds", ncols=3, loc="outside lower center")
    return axes


def half_width(values: Any) -> float:
    """Return half the 95 % interval of the mean, or 0 for a single seed."""
    if len(values) < 2:
        return 0.0
    found = paired_interval(np.asarray(values))
    return found.high - found.mean
