"""Figures of curves with their bands, and of costs against epochs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..verdicts import paired_interval
from .curves import SHARES, at_shares

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike

_DASHES: tuple[Any, ...] = (":", "-.", (0, (5, 3)))
_MARKERS = "ovs^Dx*"


def band(axes: Axes, x: ArrayLike, by_seed: ArrayLike, label: str, **style: Any) -> None:
    """Draw the mean over seeds with its 95 % interval; `by_seed` is (seeds, points)."""
    values = np.atleast_2d(np.asarray(by_seed, dtype=float))
    style = {"markersize": 3.5, "linewidth": 1.2, **style}
    (line,) = axes.plot(x, values.mean(axis=0), label=label, **style)
    if len(values) > 1:
        around = np.array([paired_interval(column)[1:] for column in values.T])
        axes.fill_between(np.asarray(x), around[:, 0], around[:, 1], color=line.get_color(), alpha=0.15, linewidth=0)


def draw_curves(
    axes: Axes, found: pd.DataFrame, central: Mapping[str, ArrayLike], levels: Mapping[str, float], title: str
) -> None:
    """Draw the curves of all rules from 0 to 100 % local in eleven points, with bands over the seeds.

    Parameters
    ----------
    central : mapping
        Costs by seed of centralised networks, which are marks at 0 %.
    levels : mapping
        Costs of the baselines, which are level lines: they do not depend on the share.
    """
    shares = np.array(SHARES)
    marks = iter(_MARKERS)
    for rule in found.rule.unique():
        if rule in ("Cloud", "Edge"):
            continue
        bounds = {"Oracle": {"color": "black"}, "Random": {"color": "grey", "linestyle": "--"}}
        style = bounds.get(rule) or {"marker": next(marks)}
        band(axes, 100 * shares, at_shares(found, rule, SHARES), rule, **style)
    for name, costs in central.items():
        axes.plot(
            0, np.mean(np.asarray(costs)), "P", label=name, color="tab:cyan", markersize=8, clip_on=False, zorder=5
        )
    drawn = [value for line in axes.get_lines() for value in np.asarray(line.get_ydata(), dtype=float)]
    away = draw_levels(axes, levels, min(drawn), max(drawn))
    axes.set(xlabel=f"resolved locally [%]{away}", ylabel="mean cost of a slot", title=title, xlim=(-2, 102))


def draw_levels(axes: Axes, levels: Mapping[str, float], low: float, high: float) -> str:
    """Draw the baselines as level lines; return a line of text about those far from `low` and `high`."""
    room = high - low
    near = [cost for cost in levels.values() if low - room < cost < high + room]
    bottom, top = min([low, *near]) - 0.08 * room, max([high, *near]) + 0.08 * room
    away = []
    for (name, cost), style in zip(levels.items(), _DASHES, strict=False):
        axes.axhline(cost, linestyle=style, color="tab:red", linewidth=0.9, label=name)
        if not bottom <= cost <= top:
            away.append(f"{name} {cost:.3g} {'below' if cost < bottom else 'above'}")
    if top > bottom:
        axes.set_ylim(bottom, top)
    return f"\n({', '.join(away)})" if away else ""


def one_legend(axes: Axes, columns: int = 5) -> None:
    """Give the figure of these axes one legend below all of them."""
    handles, labels = axes.get_legend_handles_labels()
    axes.figure.legend(handles, labels, loc="outside lower center", ncols=columns, fontsize=8)


def draw_epochs(
    axes: Axes, histories: Mapping[str, list[pd.Series[Any]]], levels: Mapping[str, float], title: str
) -> None:
    """Draw the remote exit's test cost against epochs; a training that stopped early keeps its last cost."""
    from matplotlib.ticker import MaxNLocator

    last = max(int(one.index.max()) for group in histories.values() for one in group)
    epochs = np.arange(1, last + 1)
    for label, group in histories.items():
        band(axes, epochs, np.stack([one.reindex(epochs).ffill().to_numpy() for one in group]), label)
    # The first epochs, on a widely smoothed cost, would press all others together.
    later = np.concatenate([one.to_numpy()[len(one) // 4 :] for group in histories.values() for one in group])
    away = draw_levels(axes, levels, float(later.min()), float(later.max()))
    axes.set(xlabel=f"epoch{away}", ylabel="test cost of the remote exit", title=title)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
