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


def band(axes: Axes, x: ArrayLike, by_seed: ArrayLike, label: str, style: str = "o-", color: str | None = None) -> None:
    """Draw the mean over seeds with its 95 % interval; `by_seed` is (seeds, points)."""
    values = np.atleast_2d(np.asarray(by_seed, dtype=float))
    (line,) = axes.plot(x, values.mean(axis=0), style, label=label, markersize=3, linewidth=1.2, color=color)
    if len(values) > 1:
        around = np.array([paired_interval(column)[1:] for column in values.T])
        axes.fill_between(np.asarray(x), around[:, 0], around[:, 1], color=line.get_color(), alpha=0.15, linewidth=0)


def draw_curves(
    axes: Axes, found: pd.DataFrame, central: Mapping[str, ArrayLike], levels: dict[str, float], title: str
) -> None:
    """Draw the curves of all rules from 0 to 100 % local in eleven points, with bands over the seeds.

    Parameters
    ----------
    central : dict
        Costs by seed of centralised networks, which are marks at 0 %.
    levels : dict
        Costs of the baselines, which are level lines: they do not depend on the share.
    """
    shares = np.array(SHARES)
    for rule in found.rule.unique():
        if rule in ("Cloud", "Edge"):
            continue
        style, color = {"Oracle": ("k-", "black"), "Random": ("--", "grey")}.get(rule, ("o-", None))
        band(axes, 100 * shares, at_shares(found, rule, SHARES), rule, style, color)
    for name, costs in central.items():
        axes.plot(0, np.mean(np.asarray(costs)), "s", label=name, color="tab:cyan", clip_on=False, zorder=5)
    for (name, cost), style in zip(levels.items(), _DASHES, strict=False):
        axes.axhline(cost, linestyle=style, color="tab:red", linewidth=0.9, label=name)
    axes.set(xlabel="resolved locally [%]", ylabel="mean cost of a slot", title=title, xlim=(-2, 102))


def one_legend(axes: Axes, columns: int = 5) -> None:
    """Give the figure of these axes one legend below all of them."""
    handles, labels = axes.get_legend_handles_labels()
    axes.figure.legend(handles, labels, loc="outside lower center", ncols=columns, fontsize=8)


def draw_epochs(axes: Axes, histories: dict[str, list[pd.Series]], levels: dict[str, float], title: str) -> None:
    """Draw the remote exit's test cost against epochs; a training that stopped early keeps its last cost."""
    last = max(int(one.index.max()) for group in histories.values() for one in group)
    epochs = np.arange(1, last + 1)
    for label, group in histories.items():
        band(axes, epochs, np.stack([one.reindex(epochs).ffill().to_numpy() for one in group]), label, "-")
    for (name, cost), style in zip(levels.items(), _DASHES, strict=False):
        axes.axhline(cost, linestyle=style, color="tab:red", linewidth=0.9, label=name)
    ends = [one.iloc[-1] for group in histories.values() for one in group]
    axes.set(xlabel="epoch", ylabel="test cost of the remote exit", title=title)
    axes.set_ylim(0.95 * min([*levels.values(), *ends]), 1.6 * max(ends))
