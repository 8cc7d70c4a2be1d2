"""Figures of a comparison, each drawn from the table of runs onto matplotlib axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..model.errors import ExtraNotInstalledError
from ..model.tolerance import ROUNDOFF
from . import measures

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

MARKERS = "osD^vP*X<>hd"


def performance_profile(table: pd.DataFrame, tolerance: float = measures.SOLVED, axes: Axes | None = None) -> Axes:
    """Draw the share of runs that each solver solved within a factor of the fastest (Dolan and Moré 2002).

    An unverified answer is a failure, and so is an instance that a solver cannot take.
    """
    axes = _axes(axes)
    seconds = measures.times(table, tolerance)
    lines = measures.profile_lines(seconds)
    for place, (solver, shares) in enumerate(lines.items()):
        style = ("-", "--", ":", "-.")[place // 10 % 4]
        axes.step(lines.index, shares, where="post", label=solver, linestyle=style)
    axes.set(
        xscale="log",
        xlim=(1.0, lines.index[-1]),
        ylim=(-0.02, 1.02),
        xlabel="time relative to the fastest solver",
        ylabel="share of runs solved",
        title=f"Performance profile over {len(seconds)} runs",
    )
    _legend(axes)
    axes.grid(alpha=0.3)
    return axes


def mean_times(table: pd.DataFrame, tolerance: float = measures.SOLVED, axes: Axes | None = None) -> Axes:
    """Draw the shifted geometric mean time of each solver with its bootstrap interval; failures count as the limit."""
    axes = _axes(axes)
    order = measures.by_solver(table, tolerance)["solver"].tolist()[::-1]
    counted = measures.counted(table, tolerance)
    for place, solver in enumerate(order):
        runs = table.assign(seconds=counted)[table["solver"] == solver]
        mean = measures.shifted_geometric_mean(runs["seconds"])
        # As in `by_solver`: instances are independent draws, runs of one instance are not.
        each = runs.groupby("instance")["seconds"].agg(measures.shifted_geometric_mean)
        low, high = measures.bootstrap_interval(each, measures.shifted_geometric_mean)
        axes.barh(place, mean, color="tab:blue", alpha=0.7)
        axes.plot([low, high], [place, place], color="black", linewidth=1.5)
    axes.set(
        xscale="log",
        yticks=range(len(order)),
        yticklabels=order,
        xlabel="shifted geometric mean time [s]; 95 % over instances",
        title="Mean times, failures at their limit",
    )
    axes.grid(alpha=0.3, axis="x")
    return axes


def scaling(
    table: pd.DataFrame, formulation: str, tolerance: float = measures.SOLVED, axes: Axes | None = None
) -> Axes:
    """Draw time against size for one formulation, with the fitted exponent of each solver."""
    axes = _axes(axes)
    kept = table[measures.solved(table, tolerance) & (table["formulation"] == formulation)]
    fits = measures.growth(kept, tolerance).set_index("solver")
    for place, (solver, runs) in enumerate(kept.groupby("solver")):
        label = str(solver)
        if label in fits.index:
            exponent, constant = fits.loc[label, ["exponent", "constant"]]
            ends = np.array([runs["size"].min(), runs["size"].max()], float)
            axes.plot(ends, constant * ends**exponent, color=f"C{place % 10}", linewidth=1)
            label += f": size^{exponent:.2f}"
        marker = MARKERS[place % len(MARKERS)]
        axes.plot(runs["size"], runs["wall_time"], marker, color=f"C{place % 10}", label=label, markersize=4)
    axes.set(
        xscale="log", yscale="log", xlabel="numbers that the problem's data hold", ylabel="time [s]", title=formulation
    )
    _legend(axes)
    axes.grid(alpha=0.3)
    return axes


def gap_against_time(table: pd.DataFrame, axes: Axes | None = None) -> Axes:
    """Draw how far each solver ends from the best known objective, against its time; medians over runs."""
    axes = _axes(axes)
    shown = table.assign(distance=measures.excess(table))
    shown = shown[np.isfinite(shown["distance"])]
    for place, (solver, runs) in enumerate(shown.groupby("solver")):
        time, distance = runs["wall_time"].median(), np.maximum(runs["distance"], ROUNDOFF)
        low, middle, high = np.quantile(distance, [0.1, 0.5, 0.9])
        marker = MARKERS[place % len(MARKERS)]
        axes.errorbar(
            time, middle, yerr=[[middle - low], [high - middle]], fmt=marker, color=f"C{place % 10}", label=solver
        )
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="median time [s]",
        ylabel="above the best known objective (relative)",
        title="Median, and 10 to 90 % of the runs; 1e-12 is none",
    )
    _legend(axes)
    axes.grid(alpha=0.3)
    return axes


def win_loss(table: pd.DataFrame, tolerance: float = measures.SOLVED, axes: Axes | None = None) -> Axes:
    """Draw the share of common runs that the solver of the row won against that of the column."""
    axes = _axes(axes)
    order = measures.by_solver(table, tolerance)["solver"].tolist()
    share = measures.win_loss(table, tolerance).loc[order, order].to_numpy(float)
    axes.imshow(share, vmin=0, vmax=1, cmap="RdYlGn")
    for i in range(len(order)):
        for j in range(len(order)):
            if not np.isnan(share[i, j]):
                axes.text(j, i, f"{100 * share[i, j]:.0f}", ha="center", va="center", fontsize=7)
    axes.set(
        xticks=range(len(order)),
        yticks=range(len(order)),
        yticklabels=order,
        title="Runs won by the row against the column [%]",
    )
    axes.set_xticks(range(len(order)), order, rotation=60, ha="right")
    return axes


def _legend(axes: Any) -> None:
    """Put the names beside the plot: with a dozen solvers there is no free corner inside."""
    axes.legend(fontsize="small", loc="upper left", bbox_to_anchor=(1.0, 1.02), frameon=False)


def _axes(axes: Axes | None) -> Any:
    if axes is not None:
        return axes
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ExtraNotInstalledError("figures need matplotlib; install with: pip install 'edgeopt[plot]'") from error
    return Figure(figsize=(7.5, 4.8), layout="constrained").add_subplot()
