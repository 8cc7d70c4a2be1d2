"""Weights of the exits (figure 3c), and sites that decide on their own: the future work that the paper names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ...formulations.offloading import OfflineOffloading
from ...predictors.exits import ExitSamples, independent_costs
from ...predictors.rules import OptimizedRule, Oracle, fit_together
from ...solving.solve import solve
from ..early_exit.baselines import percent, said
from ..early_exit.curves import ORACLE, SHARES, at_shares
from ..early_exit.drawing import band
from ..verdicts import paired_verdict
from .runs import WEIGHT, WEIGHTS, WINDOW

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..report import Report
    from .runs import Runs

ASKED = (0.3, 0.5, 0.7)
"""Local shares at which sites decide on their own."""


def weights(report: Report, runs: Runs) -> None:
    """Vary the local weight of the printed recurrent network with two exits."""
    import matplotlib.pyplot as plt

    rows, costs = [], {}
    _, axes = plt.subplots(figsize=(5.5, 4), layout="constrained")
    for weight, mark in zip(WEIGHTS, "osv", strict=True):
        found = runs.points("lstm", 2, "printed", (ORACLE,), weight)
        band(axes, 100 * np.array(SHARES), at_shares(found, "Oracle", SHARES), f"w_L = {weight:g}", marker=mark)
        ends = [found[found.rule == name].cost.mean() for name in ("Edge", "Cloud")]
        costs[weight] = at_shares(found, "Oracle", [0.4])[0.4].to_numpy()
        rows.append((weight, *ends, costs[weight].mean()))
    axes.set(xlabel="resolved locally [%]", ylabel="mean cost of a slot", title="Oracle, printed LSTM, two local exits")
    axes.legend()
    report.figure("figure_3c", axes, "Figure 3c: weights of the exits")
    columns = ["w_L", "local", "remote", "oracle_at_40_percent"]
    report.table("weights", pd.DataFrame(rows, columns=columns), "Costs by the local weight")
    for weight in WEIGHTS[:-1]:
        report.claim(
            f"printed: a greater local weight costs less: {WEIGHT:g} against {weight:g} (observation 5)",
            "(0.9, 0.1) best",
            said(percent(costs[WEIGHT], costs[weight])),
            "% lower",
            paired_verdict(costs[WEIGHT], costs[weight]),
            "Oracle at 40 % local, two exits; paired by seed",
        )


def independent(report: Report, runs: Runs) -> None:
    """Compare one decision for both sites with one for each, on networks that know sites which fall silent."""
    parts = [frame.assign(seed=seed) for seed in runs.seeds for frame in [_of_seed(runs, seed)]]
    everything = pd.concat(parts, ignore_index=True)
    mean = everything.drop(columns="seed").groupby("asked", as_index=False).mean()
    report.table(
        "independent",
        mean,
        "Printed LSTM. One decision for both sites, and one for each: the exact optimum as if every site sent its "
        "features, what is paid with zeros in place of those not sent (trained with a site dropout of 25 %), and the "
        "same for the Optimized rule",
    )
    for name in ("oracle", "optimized"):
        by_seed = everything.groupby("seed").mean()
        paid, together = by_seed[f"{name}_each_paid"], by_seed[f"{name}_together"]
        note = (
            f"mean over {', '.join(f'{100 * share:.0f}' for share in ASKED)} % local; {paired_verdict(paid, together)}"
        )
        what = f"independent decisions of the sites lower the {name} cost"
        report.finding(what, said(percent(paid, together)), "% lower", note)


def _of_seed(runs: Runs, seed: int) -> pd.DataFrame:
    network = runs.silent(seed)
    training, test = runs.shop.ask(network, "train"), runs.shop.ask(network, "test")
    model, cost = runs.shop.model(network), runs.shop.in_box(network.cost)
    past, demand = runs.shop.part(WINDOW, "test")
    each = [_decisions(training.at_site(i, own), test.at_site(i, own), seed) for i, own in enumerate(model.cells)]
    rows = []
    for place, (share, common) in enumerate(zip(ASKED, _decisions(training, test, seed), strict=True)):
        best = solve(OfflineOffloading(test.local_cost, test.remote_cost, share, independent_sites=True))
        learned = np.stack([site[place] for site in each], axis=1)
        paid = [
            float(independent_costs(model, past, demand, cost, local).mean())
            for local in (best.decision.local, learned)
        ]
        together = test.cost(Oracle(share).decide(test)), test.cost(common)
        rows.append((share, together[0], best.objective, paid[0], together[1], paid[1]))
    columns = ["asked", "oracle_together", "oracle_each_if_all_sent", "oracle_each_paid"]
    return pd.DataFrame(rows, columns=[*columns, "optimized_together", "optimized_each_paid"])


def _decisions(training: ExitSamples, test: ExitSamples, seed: int) -> list[NDArray[np.bool_]]:
    """Return what the Optimized rule decides at each of the shares."""
    rules = fit_together([OptimizedRule(share, seed=seed, epochs=8) for share in ASKED], training)
    return [rule.decide(test) for rule in rules]
