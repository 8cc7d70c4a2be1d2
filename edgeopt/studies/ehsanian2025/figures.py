"""Figures 3 and 4: curves with one and two local exits; the cost against epochs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from ..early_exit.baselines import NAMES
from ..early_exit.drawing import draw_curves, draw_epochs, one_legend
from ..early_exit.networks import EXITS
from .runs import KINDS, WEIGHT

if TYPE_CHECKING:
    from ..report import Report
    from .runs import Runs


EXIT_COUNTS = {1: "one local exit", 2: "two local exits"}


def write(report: Report, runs: Runs) -> None:
    """Draw everything but the weights."""
    levels = {name: float(runs.bar().cost[name].mean()) for name in NAMES}
    for figure, sites in (("figure_3", 1), ("figure_4", 2)):
        curves(report, runs, levels, figure, sites)
    epochs(report, runs, levels)


def curves(report: Report, runs: Runs, levels: dict[str, float], figure: str, sites: int) -> None:
    """Draw the curves with one local exit (figure 3a, b) or with two (figure 4)."""
    import matplotlib.pyplot as plt

    _, axes = plt.subplots(2, 2, figsize=(9.5, 7.5), layout="constrained")
    everything = []
    for row, exit in zip(axes, EXITS, strict=True):
        for place, (kind, label) in zip(row, KINDS.items(), strict=True):
            found = runs.points(kind, sites, exit)
            everything.append(found.assign(network=label, exit=exit))
            central = {"centralised": runs.exits(kind, sites, exit).centralised}
            draw_curves(place, found, central, levels, f"{label}, {exit}, {EXIT_COUNTS[sites]}")
    one_legend(axes[0, 0])
    caption = f"{figure.replace('_', ' ').capitalize()}: {EXIT_COUNTS[sites]}; bands are 95 % intervals over the seeds"
    report.figure(figure, axes[0, 0], caption)
    points = pd.concat(everything, ignore_index=True)
    mean = points.groupby(["network", "exit", "rule", "asked"], as_index=False)[["local", "cost"]].mean()
    report.table(f"curves_{figure}", mean, f"{figure}: mean points over the seeds", show=False)


def epochs(report: Report, runs: Runs, levels: dict[str, float]) -> None:
    """Draw the test cost of the remote exit against epochs, trained with a local exit and alone."""
    import matplotlib.pyplot as plt

    _, axes = plt.subplots(2, 2, figsize=(9, 7), layout="constrained")
    for row, exit in zip(axes, EXITS, strict=True):
        for place, (kind, label) in zip(row, KINDS.items(), strict=True):
            histories = {
                f"w_L = {weight:g}": [
                    runs.shop.history(runs.network(kind, 1, exit, seed, weight)) for seed in runs.seeds
                ]
                for weight in (WEIGHT, 0.0)
            }
            draw_epochs(place, histories, levels, f"{label}, {exit}")
            place.legend(fontsize=7)
    report.figure("epochs", axes[0, 0], "Test cost of the remote exit by epoch, jointly trained and alone (w_L = 0)")
