"""Figures 3 to 6, once for the printed and once for the residual networks, and the costs against epochs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch

from ...predictors.rules import OptimizedRule
from ..early_exit.baselines import NAMES, gated
from ..early_exit.curves import ORACLE
from ..early_exit.drawing import draw_curves, draw_epochs, one_legend
from ..early_exit.networks import EXITS
from ..verdicts import Verdict, paired_verdict
from .claims import FIGURE_4
from .runs import FOLLOWED, SETTINGS, VIEWS

if TYPE_CHECKING:
    from ..report import Report
    from .runs import Runs


def write(report: Report, runs: Runs) -> None:
    """Draw everything."""
    axes = runs.shop.box.draw(runs.shop.frame.columns)
    report.figure("traffic_box", axes, "The traffic box: cells that move together are neighbours")
    figure_3(report, runs)
    for exit in EXITS:
        figure_4(report, runs, exit)
        figure_5(report, runs, exit)
    figure_6(report, runs)
    epochs(report, runs)


def _levels(runs: Runs, figure: str) -> dict[str, float]:
    return {name: float(runs.bar(figure).cost[name].mean()) for name in NAMES}


def _panel(axes: Any, runs: Runs, figure: str, exit: str, found: pd.DataFrame) -> None:
    under, window, _ = SETTINGS[figure]
    title = f"{exit}, c_u = {under:g}, N = {window}"
    draw_curves(axes, found, {"DeepCog": runs.exits(figure, exit).deepcog}, _levels(runs, figure), title)


def figure_3(report: Report, runs: Runs) -> None:
    """Draw the bounds: Oracle and Random between Cloud and Edge, with DeepCog and the baselines."""
    import matplotlib.pyplot as plt

    _, axes = plt.subplots(2, 2, figsize=(9, 7), layout="constrained")
    for row, exit in zip(axes, EXITS, strict=True):
        for place, figure in zip(row, ("4a", "3b"), strict=True):
            _panel(place, runs, figure, exit, runs.points(figure, exit, (ORACLE,)))
    one_legend(axes[0, 0], 6)
    report.figure("figure_3", axes[0, 0], "Figure 3: bounds; bands are 95 % intervals over the seeds")


def figure_4(report: Report, runs: Runs, exit: str) -> None:
    """Draw all rules in the paper's four settings."""
    import matplotlib.pyplot as plt

    _, axes = plt.subplots(2, 2, figsize=(10, 8), layout="constrained")
    parts = []
    for place, figure in zip(axes.flat, FIGURE_4, strict=True):
        found = runs.points(figure, exit)
        parts.append(found.assign(figure=figure))
        _panel(place, runs, figure, exit, found)
    one_legend(axes[0, 0])
    report.figure(
        f"figure_4_{exit}", axes[0, 0], f"Figure 4, {exit} networks: rules; bands are 95 % intervals over the seeds"
    )
    mean = pd.concat(parts).groupby(["figure", "rule", "asked"], as_index=False)[["local", "cost"]].mean()
    report.table(f"figure_4_{exit}", mean, f"Figure 4, {exit} networks: mean points over the seeds", show=False)


def figure_5(report: Report, runs: Runs, exit: str) -> None:
    """Draw what the Optimized rule learns (c_u = 20), what it decides on the test period, and what it may look at."""
    import matplotlib.pyplot as plt

    network = runs.network("4d", exit)
    training, test = runs.shop.ask(network, "train"), runs.shop.ask(network, "test")
    _, axes = plt.subplots(2, 2, figsize=(10, 8), layout="constrained")
    for place, epochs_ in zip(axes[0], (1, 20), strict=True):
        rule = OptimizedRule(0.5, estimator="cnn", epochs=epochs_).fit(training)
        place.plot(rule.scores(training), training.benefit, ".", markersize=2, alpha=0.5)
        place.axhline(rule.labels(training)[1], color="black", linewidth=0.9, label="critical benefit b*")
        place.axvline(0.5, color="grey", linewidth=0.9, linestyle="--", label="p = 1/2")
        place.set(xlabel="probability of remote", ylabel="C_L - C_R", xlim=(-0.02, 1.02))
        place.set_title(f"training, {'one epoch' if epochs_ == 1 else f'at most {epochs_} epochs'}")
        _by_size(place)
    axes[0, 0].legend(fontsize=8)
    local, critical = rule.decide(test), rule.labels(training)[1]
    time = np.arange(len(test))
    for stay, label in ((local, "decided local"), (~local, "decided remote")):
        axes[1, 0].plot(time[stay], test.benefit[stay], ".", label=label, markersize=3)
    axes[1, 0].axhline(critical, color="black", linewidth=0.9)
    axes[1, 0].set(xlabel="slot of the test period", ylabel="C_L - C_R", title="test")
    _by_size(axes[1, 0])
    axes[1, 0].legend(fontsize=8)
    _panel(axes[1, 1], runs, "4d", exit, runs.points("4d", exit, (ORACLE, *VIEWS)))
    axes[1, 1].legend(fontsize=7)
    report.figure(f"figure_5_{exit}", axes[0, 0], f"Figure 5, {exit} networks: the Optimized rule, c_u = 20")
    right = float((local == (test.benefit <= critical)).mean())
    always = max(float((test.benefit <= critical).mean()), float((test.benefit > critical).mean()))
    note = f"always saying the more frequent label is right for {100 * always:.0f} %; one seed"
    verdict, why = gated(Verdict.of(right > always), runs.gate("4d", exit), note)
    what = f"{exit}: the rule infers for most samples whether the benefit exceeds b* (take-away 3)"
    report.claim(what, "yes", f"{100 * right:.0f}", "% of test samples", verdict, why)


def _by_size(axes: Any) -> None:
    """Show benefits of some hundredths beside those of a whole penalty: a scale that is linear around 0 alone."""
    axes.set_yscale("symlog", linthresh=0.5)


def figure_6(report: Report, runs: Runs) -> None:
    """Draw both exits' allocations beside the demand, for a low and a high penalty."""
    import matplotlib.pyplot as plt

    _, axes = plt.subplots(2, 2, figsize=(10, 6.4), layout="constrained", sharey=True, sharex=True)
    for row, exit in zip(axes, EXITS, strict=True):
        for place, figure in zip(row, ("4b", "4d"), strict=True):
            network = runs.network(figure, exit)
            past, demand = runs.shop.part(network.window, "test")
            with torch.no_grad():
                answers = runs.shop.model(network)(torch.from_numpy(np.ascontiguousarray(past[:144], dtype=np.float32)))
            place.plot(demand[:144, 0], "k-", label="demand", linewidth=1)
            for name, answer in zip(("edge", "cloud"), answers, strict=True):
                place.plot(answer[:, 0], label=name, linewidth=1)
            place.set(xlabel="slot", ylabel="scaled demand", title=f"{exit}, c_u = {network.cost.under:g}")
    axes[0, 0].legend(fontsize=8)
    report.figure("figure_6", axes[0, 0], "Figure 6: allocations of one cell over the first day of the test period")
    for exit in EXITS:
        low, high = (_above(runs, figure, exit) for figure in ("4b", "4d"))
        note = f"at c_u = 1: {low['edge'].mean():.3f}, {low['cloud'].mean():.3f}; mean over cells and slots"
        more = [paired_verdict(2 * low[name], high[name]) for name in ("edge", "cloud")]
        verdict = next((word for word in more if word is not Verdict.HOLDS), Verdict.HOLDS)
        ours = f"{high['edge'].mean():.3f}, {high['cloud'].mean():.3f}"
        what = f"{exit}: at c_u = 20 both exits provision far above the demand (V-E)"
        report.claim(what, "yes", ours, "scaled demand (edge, cloud)", verdict, f"{note}; far: twice as much")
        verdict, why = gated(paired_verdict(high["cloud"], high["edge"]), runs.gate("4d", exit), "")
        what = f"{exit}: the cloud provisions less above the demand than the edge at c_u = 20 (V-E)"
        difference = float((high["cloud"] - high["edge"]).mean())
        report.claim(what, "yes", f"{difference:+.4f}", "scaled demand", verdict, why)


def _above(runs: Runs, figure: str, exit: str) -> pd.DataFrame:
    """Return the mean allocation above the demand of both exits, by seed."""
    rows = []
    for seed in runs.seeds:
        network = runs.network(figure, exit, seed)
        demand = runs.shop.part(network.window, "test")[1]
        answers = runs.shop.ask(network, "test").local, runs.shop.remote_answers(network)
        rows.append([float((answer - demand).mean()) for answer in answers])
    return pd.DataFrame(rows, columns=["edge", "cloud"])


def epochs(report: Report, runs: Runs) -> None:
    """Draw the test cost of the remote exit against epochs, trained with the local exit and alone."""
    import matplotlib.pyplot as plt

    _, axes = plt.subplots(2, 2, figsize=(9, 7), layout="constrained")
    for row, exit in zip(axes, EXITS, strict=True):
        for place, figure in zip(row, FOLLOWED, strict=True):
            under, _, weight = SETTINGS[figure]
            histories = {
                f"w = {w:g}": [runs.shop.history(runs.network(figure, exit, seed, weight=w)) for seed in runs.seeds]
                for w in (weight, 0.0)
            }
            draw_epochs(place, histories, _levels(runs, figure), f"{exit}, c_u = {under:g}")
            place.legend(fontsize=7)
    report.figure("epochs", axes[0, 0], "Test cost of the remote exit by epoch, jointly trained and alone (w = 0)")
