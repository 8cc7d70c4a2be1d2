"""Tables II to IV and figures 3 to 6, and the statements that go with them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch

from ...data.c2tm import read_c2tm
from ...model.tolerance import EQUAL
from ...predictors.ddnn import DDNN, resources
from ...predictors.rules import BenefitRule, OptimizedRule, Oracle, UncertaintyRule
from ...profiles.costs import AllocationCost
from ...profiles.latency import GIANNAKAS2025, ExitTimes
from ..early_exit import BASELINES, Curves, Make, Network, Workshop, at_share, draw_curves, traffic

if TYPE_CHECKING:
    from pathlib import Path

    from ..report import Report

SETTINGS = {
    "3b": (10.0, 6, 0.4),
    "4a": (0.5, 6, 0.2),
    "4b": (1.0, 6, 0.2),
    "4c": (10.0, 25, 0.4),
    "4d": (20.0, 25, 0.7),
}
"""Penalty c_u, window N and weight w by figure; figure 3a shows the network of 4a."""

TABLE_III = {"edge": (15.3, 7.6, 6.3), "cloud": (222.1, 111.0, 12.7)}
TABLE_IV = {4.2: 41.0, 15.8: 36.1, 46.2: 23.1, 54.4: 19.6, 69.6: 13.2, 81.9: 7.9, 97.7: 1.2}
_OPTIMIZED = "Optimized (3D-CNN on D)"


@dataclass
class Evaluation:
    """The study: what is trained, and what is said of it."""

    report: Report
    data: Path | None
    quick: bool
    _found: dict[str, pd.DataFrame] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.frame, self.source = traffic(self.data, self.quick, 25)
        self.shop = Workshop(self.report.folder, self.frame)
        self.curves = Curves(self.report.folder)
        self.seeds = range(1 if self.quick else 5)
        self.epochs = 4 if self.quick else 12
        self.fractions = (0.2, 0.5, 0.8) if self.quick else (0.3, 0.5, 0.7)

    def network(self, figure: str, seed: int = 0, **changes: Any) -> Network:
        """Return the network of a figure."""
        under, window, weight = SETTINGS[figure]
        made = Network("conv3d", window, AllocationCost(under=under), weight, seed, self.epochs)
        return replace(made, **changes)

    def rules(self, network: Network) -> dict[str, Make]:
        """Return the rules of figure 4, and two that go beyond it."""
        model, epochs = self.shop.model(network), 8
        return BASELINES | {
            "Uncertainty, B = 2": lambda share, seed: UncertaintyRule(model, share, passes=2, seed=seed),
            "Uncertainty, B = 10": lambda share, seed: UncertaintyRule(model, share, passes=10, seed=seed),
            _OPTIMIZED: lambda share, seed: OptimizedRule(share, estimator="cnn", seed=seed, epochs=epochs),
            "Optimized, weighted (MLP)": lambda share, seed: OptimizedRule(
                share, weighted=True, seed=seed, epochs=epochs
            ),
            "Benefit regression": lambda share, seed: BenefitRule(share, seed=seed, epochs=epochs),
        }

    def write(self) -> None:
        """Write everything."""
        self.report.text(
            f"Traffic: {self.source}; {len(self.frame)} slots of 10 minutes, M = 25 (paper: 49 stations). Demand is "
            "scaled to [0, 1] by its range in the training period (60 %; 20 % validation, 20 % test), so costs are not "
            "on the paper's scale. All exits answer with a correction of the latest demand; a row below shows the "
            f"printed network without it. Seeds: {len(self.seeds)}, epochs: at most {self.epochs}."
        )
        networks = [self.network(f, s, **c) for f in SETTINGS for s in self.seeds for c in ({}, {"weight": 0.0})]
        self.shop.prepare([*networks, self.network("4d", weight=0.4), *self.plain()])
        self.report.figure("traffic_box", self._box(), "The traffic box: cells that move together are neighbours")
        self.table_ii()
        self.table_iii()
        self.joint_training()
        self.another_city()
        self.figure_3()
        self.figure_4()
        self.figure_5()
        self.figure_6()
        self.latency()

    def plain(self) -> list[Network]:
        """Return the printed networks: no exit corrects the latest demand."""
        return [self.network("4b", residual=False), self.network("4b", residual=False, weight=0.0)]

    def _box(self) -> Any:
        from ...predictors.boxes import TrafficBox

        return TrafficBox.fit(self.frame.to_numpy(float)[: round(0.6 * len(self.frame))]).draw(self.frame.columns)

    def table_ii(self) -> None:
        """List what is compared."""
        rows = [
            ("Cloud", "yes", "always"),
            ("Edge", "yes", "never"),
            ("Random", "yes", "with probability 1 - L0"),
            ("Oracle", "yes", "where the exact optimum of (11) on the test period does"),
            ("DeepCog", "no", "centralised: the same blocks, one exit"),
        ]
        table = pd.DataFrame(rows, columns=["baseline", "joint_training", "offloads"])
        self.report.table("table_ii", table, "Table II: baselines")

    def table_iii(self) -> None:
        """Count what a sample takes."""
        rows = []
        for cells, window in ((25, 6), (49, 6), (49, 25)):
            found = resources(DDNN("conv3d", cells, window))
            for place, paper in TABLE_III.items():
                ours = [found[place][name] / 1e6 for name in ("flops", "macs", "parameters")]
                rows.append((place, cells, window, *ours, *paper))
        columns = [
            "part",
            "M",
            "N",
            "MFLOPs",
            "MMACs",
            "Mparameters",
            "paper_MFLOPs",
            "paper_MMACs",
            "paper_Mparameters",
        ]
        self.report.table("table_iii", pd.DataFrame(rows, columns=columns), "Table III: resources of one sample")
        self.report.text(
            "The paper's sizes are incomplete (F1 is printed as 64 -> 49, which does not follow from 32 filters on a "
            "box): here F1 has two linear layers, 64 and M, on all features, and F2 keeps the box by padding."
        )

    def joint_training(self) -> None:
        """Compare the remote exit of joint training with the same network trained alone (DeepCog)."""
        rows = []
        for figure in SETTINGS:
            for seed in self.seeds:
                joint, alone = self.network(figure, seed), self.network(figure, seed, weight=0.0)
                test = self.shop.ask(joint, "test")
                stay = np.ones(len(test), bool)
                costs = test.cost(stay), test.cost(~stay), self.shop.remote_cost(alone)
                rows.append((figure, joint.cost.under, joint.window, joint.weight, seed, *costs))
        joint, alone = self.plain()
        test = self.shop.ask(joint, "test")
        stay = np.ones(len(test), bool)
        costs = test.cost(stay), test.cost(~stay), self.shop.remote_cost(alone)
        rows.append(("4b, printed network", joint.cost.under, joint.window, joint.weight, 0, *costs))
        columns = ["figure", "c_u", "N", "w", "seed", "edge", "cloud", "deepcog"]
        table = pd.DataFrame(rows, columns=columns)
        self._found["exits"] = table
        mean = table.groupby(["figure", "c_u", "N", "w"], as_index=False)[["edge", "cloud", "deepcog"]].mean()
        self.report.table("exits", mean, "Mean cost of both exits, and of DeepCog, over the seeds")
        own = table[~table.figure.str.contains("printed")]
        lower = (own.cloud < own.deepcog).mean()
        gain = 1 - own.cloud / own.deepcog
        self.report.claim(
            "joint training lowers the remote exit's cost",
            "yes (III-B)",
            f"{100 * lower:.0f}",
            "% of networks",
            bool(lower > 0.5 and gain.mean() > 0),
            f"{100 * gain.mean():+.2f} % lower on average",
        )
        for figure, paper in (("4a", 14.0), ("3b", 30.0)):
            some = own[own.figure == figure]
            gap = 100 * (some.edge / some.cloud - 1).mean()
            self.report.claim(
                f"edge costs more than cloud at c_u = {SETTINGS[figure][0]:g}",
                paper,
                f"{gap:.1f}",
                "%",
                bool(gap > 0.5 * paper),
                "the difference follows the traffic and the networks' sizes",
            )

    def another_city(self) -> None:
        """Train on 49 station clusters of another city, hour by hour: the paper's M, on few samples."""
        file = None if self.data is None else self.data / "c2tm/clustered_traffic_data.csv.gz"
        if file is None or not file.is_file():
            self.report.text("C2TM's 49 clusters were left out: the file is not at hand.")
            return
        hourly = read_c2tm(file)
        busiest = hourly.mean().nlargest(49).index
        shop, rows = Workshop(self.report.folder / "c2tm", hourly[busiest]), []
        for seed in self.seeds:
            joint, alone = self.network("4b", seed), self.network("4b", seed, weight=0.0)
            test = shop.ask(joint, "test")
            stay = np.ones(len(test), bool)
            oracle = test.cost(Oracle(0.5).decide(test))
            rows.append((seed, len(test), test.cost(stay), test.cost(~stay), shop.remote_cost(alone), oracle))
        columns = ["seed", "test_samples", "edge", "cloud", "deepcog", "oracle_at_50_percent"]
        caption = f"C2TM, M = 49 busiest clusters, {len(hourly)} hours, c_u = 1, N = 6"
        self.report.table("c2tm", pd.DataFrame(rows, columns=columns), caption)

    def points(self, figure: str) -> pd.DataFrame:
        """Return the points of all rules and seeds of a figure."""
        if figure not in self._found:
            found = []
            for seed in self.seeds:
                network = self.network(figure, seed)
                found.append(self.curves.points(self.shop, network, self.rules(network), self.fractions))
            self._found[figure] = pd.concat(found, ignore_index=True)
        return self._found[figure]

    def _deepcog(self, figure: str) -> dict[str, float]:
        table = self._found["exits"]
        return {"DeepCog": float(table[table.figure == figure].deepcog.mean())}

    def figure_3(self) -> None:
        """Draw the bounds: Oracle and Random, with Cloud, Edge and DeepCog."""
        import matplotlib.pyplot as plt

        _, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
        for place, figure in zip(axes, ("4a", "3b"), strict=True):
            found = [
                self.curves.points(self.shop, self.network(figure, seed), BASELINES, np.linspace(0, 1, 21).round(2))
                for seed in self.seeds
            ]
            bounds = pd.concat(found, ignore_index=True)
            draw_curves(place, bounds, self._deepcog(figure), f"c_u = {SETTINGS[figure][0]:g}")
            if figure == "4a":
                deepcog = self._deepcog(figure)["DeepCog"]
                cost = at_share(bounds, "Oracle", 0.7).mean()
                self.report.claim(
                    "Oracle at L = 70 % costs no more than DeepCog (c_u = 0.5)",
                    "yes (take-away 1)",
                    f"{100 * (cost / deepcog - 1):+.2f}",
                    "% of DeepCog",
                    bool(cost <= deepcog),
                    "",
                )
        self.report.figure("figure_3", axes[0], "Figure 3: bounds")

    def figure_4(self) -> None:
        """Draw all rules in the paper's four settings, and check what is said of them."""
        import matplotlib.pyplot as plt

        _, axes = plt.subplots(2, 2, figsize=(10, 7.5), layout="constrained")
        figures = ("4a", "4b", "4c", "4d")
        for place, figure in zip(axes.flat, figures, strict=True):
            under, window, _ = SETTINGS[figure]
            draw_curves(place, self.points(figure), self._deepcog(figure), f"{figure}: c_u = {under:g}, N = {window}")
        self.report.figure("figure_4", axes[0, 0], "Figure 4: rules")
        everything = pd.concat([self.points(figure).assign(figure=figure) for figure in figures])
        mean = everything.groupby(["figure", "rule", "asked"], as_index=False)[["local", "cost"]].mean()
        self.report.table("figure_4", mean, "Figure 4: mean points over the seeds", show=False)
        self._order(figures)
        self._extra_cost(figures)

    def _order(self, figures: tuple[str, ...]) -> None:
        """Check the order of the curves at the same local share, by seed."""
        shares = (0.3, 0.5, 0.7)
        pairs = {
            "Oracle <= Optimized": ("Oracle", _OPTIMIZED),
            "Optimized <= Random": (_OPTIMIZED, "Random"),
            "Optimized beats Uncertainty, B = 2": (_OPTIMIZED, "Uncertainty, B = 2"),
            "Optimized beats Uncertainty, B = 10": (_OPTIMIZED, "Uncertainty, B = 10"),
            "weighted mistakes beat Optimized (beyond)": ("Optimized, weighted (MLP)", _OPTIMIZED),
            "one regression beats Optimized (beyond)": ("Benefit regression", _OPTIMIZED),
        }
        for claim, (first, second) in pairs.items():
            ahead = [
                (at_share(self.points(f), first, s) <= at_share(self.points(f), second, s) * (1 + EQUAL)).mean()
                for f in figures
                for s in shares
            ]
            share = float(np.mean(ahead))
            ours, unit = f"{100 * share:.0f}", "% of comparisons"
            note = "at 30, 50 and 70 % local, four settings, all seeds"
            if "beyond" in claim:
                self.report.finding(claim, ours, unit, note)
            else:
                self.report.claim(claim, "always", ours, unit, share >= 0.9, note)

    def _extra_cost(self, figures: tuple[str, ...]) -> None:
        rows = []
        for figure in figures:
            deepcog = self._deepcog(figure)["DeepCog"]
            for share in (0.4, 0.5):
                cost = at_share(self.points(figure), _OPTIMIZED, share)
                extra = 100 * (cost / deepcog - 1)
                rows.append((figure, share, extra.mean(), extra.max()))
        table = pd.DataFrame(rows, columns=["figure", "local", "extra_percent", "worst_seed_percent"])
        self.report.table("extra_cost", table, "What the Optimized rule costs more than DeepCog")
        self.report.claim(
            "40 to 50 % of decisions local at no more than 5 % extra cost",
            "yes (V-D)",
            f"{table.extra_percent.min():+.1f} to {table.extra_percent.max():+.1f}",
            "%",
            bool(table.extra_percent.max() <= 5),
            "against DeepCog, the Optimized rule, mean over seeds",
        )

    def figure_5(self) -> None:
        """Draw what the Optimized rule learns (c_u = 20), and what it decides on the test period."""
        import matplotlib.pyplot as plt

        network = self.network("4d", weight=0.4)
        training, test = self.shop.ask(network, "train"), self.shop.ask(network, "test")
        _, axes = plt.subplots(2, 2, figsize=(10, 7), layout="constrained")
        for place, epochs in zip(axes[0], (1, 8 if self.quick else 20), strict=True):
            rule = OptimizedRule(0.5, estimator="cnn", epochs=epochs).fit(training)
            place.plot(rule.scores(training), training.benefit, ".", markersize=2)
            place.axhline(rule.labels(training)[1], color="black")
            place.set(xlabel="probability of remote", ylabel="C_L - C_R", title=f"training, at most {epochs} epoch(s)")
        local = rule.decide(test)
        time = np.arange(len(test))
        for stay, colour, label in ((local, "tab:blue", "local"), (~local, "tab:green", "remote")):
            axes[1, 0].plot(time[stay], test.benefit[stay], ".", color=colour, label=label, markersize=3)
        critical = rule.labels(training)[1]
        axes[1, 0].axhline(critical, color="black")
        axes[1, 0].set(xlabel="slot", ylabel="C_L - C_R", title="test")
        axes[1, 0].legend()
        right = float((local == (test.benefit <= critical)).mean())
        always = max(float((test.benefit <= critical).mean()), float((test.benefit > critical).mean()))
        self.report.claim(
            "the rule infers for most samples whether the benefit exceeds b*",
            "yes (take-away 3)",
            f"{100 * right:.0f}",
            "% of test samples",
            bool(right > always),
            f"always saying the more frequent label is right for {100 * always:.0f} %",
        )
        views: dict[str, Make] = {
            name: lambda share, seed, view=view: OptimizedRule(share, view=view, seed=seed)  # type: ignore[misc]
            for name, view in (("MLP on D", "past"), ("MLP on z", "features"), ("MLP on y_L", "local"))
        }
        draw_curves(axes[1, 1], self.curves.points(self.shop, network, BASELINES | views, self.fractions), {}, "inputs")
        self.report.figure("figure_5", axes[0, 0], "Figure 5: the Optimized rule, c_u = 20")

    def figure_6(self) -> None:
        """Draw both exits' allocations beside the demand, for a low and a high penalty."""
        import matplotlib.pyplot as plt

        _, axes = plt.subplots(1, 2, figsize=(10, 3.4), layout="constrained", sharey=True)
        above = {}
        for place, figure in zip(axes, ("4b", "4d"), strict=True):
            network = self.network(figure)
            past, demand, split = self.shop.samples(network.window)
            rows = slice(split.test.start, split.test.start + 144)
            with torch.no_grad():
                model = self.shop.model(network)
                answers = model(torch.from_numpy(np.ascontiguousarray(past[rows], dtype=np.float32)))
            place.plot(demand[rows, 0], "k-", label="demand", linewidth=1)
            for name, answer in zip(("edge", "cloud"), answers, strict=True):
                place.plot(answer[:, 0], label=name, linewidth=1)
                above[figure, name] = float((answer.numpy() - demand[rows]).mean())
            place.set(xlabel="slot", ylabel="scaled demand", title=f"c_u = {network.cost.under:g}")
            place.legend()
        self.report.figure("figure_6", axes[0], "Figure 6: allocations of one cell over a day")
        self.report.claim(
            "at c_u = 20 both exits provision far above the demand",
            "yes (V-E)",
            f"{above['4d', 'edge']:.3f}, {above['4d', 'cloud']:.3f}",
            "scaled demand (edge, cloud)",
            bool(min(above["4d", "edge"], above["4d", "cloud"]) > 2 * abs(above["4b", "cloud"])),
            f"at c_u = 1: {above['4b', 'edge']:.3f}, {above['4b', 'cloud']:.3f}",
        )
        self.report.claim(
            "the cloud provisions less above the demand than the edge at c_u = 20",
            "yes (V-E)",
            f"{above['4d', 'cloud'] - above['4d', 'edge']:+.4f}",
            "scaled demand",
            bool(above["4d", "cloud"] < above["4d", "edge"]),
            "",
        )

    def latency(self) -> None:
        """Recompute Table IV from the paper's part times, and beside it with parts measured on this machine."""
        model = self.shop.model(self.network("4b"))
        past, _, split = self.shop.samples(6)
        some = torch.from_numpy(np.ascontiguousarray(past[split.test][:64], dtype=np.float32))
        site = model._site(0)
        assert site.exit is not None  # the networks of this study have exits
        here = ExitTimes.measured((site, site.exit, model.remote), some)
        shares = np.array(list(TABLE_IV)) / 100
        table = pd.DataFrame(
            {
                "local_percent": list(TABLE_IV),
                "paper_ms": list(TABLE_IV.values()),
                "recomputed_ms": 1e3 * GIANNAKAS2025.expected(shares),
                "this_machine_ms": 1e3 * here.expected(shares),
                "with_10_passes_ms": 1e3 * replace(here, passes=10).expected(shares),
            }
        )
        self.report.table("table_iv", table, "Table IV: expected latency of a decision")
        exact = (table.recomputed_ms.round(1) == table.paper_ms).all()
        self.report.claim(
            "Table IV",
            "41.0 to 1.2",
            "every value" if exact else "not every value",
            "ms",
            bool(exact),
            "from 0.1, 0.12, 0.23 and 42.46 ms",
        )
