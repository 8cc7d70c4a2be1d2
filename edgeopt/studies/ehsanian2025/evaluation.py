"""The whole study in its order: exits, curves, weights, sites on their own, latency."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch

from ...profiles.latency import ROUND_TRIP, ExitTimes
from ..early_exit.baselines import NAMES
from ..early_exit.frames import CELLS, traffic
from ..early_exit.networks import EXITS
from . import claims, figures, sites
from .runs import KINDS, TRIED, VIOLATIONS, WEIGHT, WINDOW, Runs, penalties

if TYPE_CHECKING:
    from pathlib import Path

    from ..report import Report

TABLE_II = {
    "LSTM": {0: 42.72, 5: 40.40, 20: 34.05, 40: 25.43, 50: 21.09, 60: 16.78, 80: 8.20, 95: 1.75, 100: 1.25},
    "CNN": {0: 42.70, 5: 40.36, 20: 34.01, 40: 25.37, 50: 21.02, 60: 16.70, 80: 8.10, 95: 1.65, 100: 1.25},
}


def evaluate(report: Report, data: Path | None, quick: bool) -> None:
    """Train what is not trained yet, and write every table, figure and claim."""
    frame, source = traffic(data, quick, CELLS)
    runs = Runs.of(report.folder, frame, quick)
    report.text(
        f"Traffic: {source}; {len(frame)} slots of 10 minutes, K = {CELLS}, N = {WINDOW}. Demand is scaled to [0, 1] "
        "by its range in the training period (60 %; 20 % validation, 20 % test). The paper prints neither c_1 nor c_2: "
        f"c_2 = 1, and c_1 = {runs.cost.under:g} is the smallest of {', '.join(f'{c:g}' for c in TRIED)} with which "
        f"persistence with its cheapest margin is short in at most {100 * VIOLATIONS:g} % of the validation. Costs are "
        "means over samples of sums over series; the transmission cost decides, and is no part of them, as in (10). "
        "Two sorts of networks stand side by side: printed ones, whose exits give the allocation itself, and residual "
        f"ones, whose exits correct the latest demand. (w_L, 1 - w_L) = ({WEIGHT:g}, {1 - WEIGHT:g}) unless said "
        f"otherwise. Seeds: {len(runs.seeds)}; at most {runs.epochs} epochs, each exit stopped by its own cost on the "
        "validation. A claim about what the cloud is worth is called not decidable where the cloud does not beat "
        "persistence and both simple allocators."
    )
    runs.shop.prepare(runs.wanted())
    report.table(
        "penalties", penalties(runs.shop), "Violations by the penalty c_1 (persistence with its cheapest margin)"
    )
    exits(report, runs)
    for exit in EXITS:
        claims.write(report, runs, exit)
    figures.write(report, runs)
    sites.weights(report, runs)
    sites.independent(report, runs)
    latency(report, runs)


def exits(report: Report, runs: Runs) -> None:
    """Put the costs and violations of all exits beside the baselines."""
    bar, rows = runs.bar(), []
    names = ["local", "remote", "centralised", "local_violations", "remote_violations"]
    for exit in EXITS:
        for kind, label in KINDS.items():
            for count in (1, 2):
                found = runs.exits(kind, count, exit).mean()
                rows.append((label, count, exit, *(found[name] for name in names)))
    columns = ["network", "sites", "exit", *names]
    report.table("exits", pd.DataFrame(rows, columns=columns), "Mean costs and violations of the exits over the seeds")
    rows = [(name, bar.cost[name].mean(), bar.shortfall[name].mean()) for name in NAMES]
    table = pd.DataFrame(rows, columns=["baseline", "cost", "violations"])
    report.table("baselines", table, "What every exit has to beat")


def latency(report: Report, runs: Runs) -> None:
    """Put Table II beside its own formula, with the part times that it implies and those of this machine."""
    rows: list[tuple[object, ...]] = []
    for label, printed in TABLE_II.items():
        # The formula is linear in L, and no part takes less than no time: (1 - L) RTT is the least it can give.
        shares = np.array(list(printed)) / 100
        least = 1e3 * (1 - shares) * ROUND_TRIP
        line = (1 - shares) * printed[0] + shares * printed[100]
        rows += list(zip([label] * len(shares), list(printed), list(printed.values()), line, least, strict=True))
    table = pd.DataFrame(rows, columns=["network", "local_percent", "printed_ms", "linear_ms", "least_ms"])
    table["possible"] = table.printed_ms >= table.least_ms - 0.005
    caption = "Table II, the line between its own ends, and the least that its formula allows"
    report.table("table_ii", table, caption)
    wrong = int((~table.possible).sum())
    report.claim(
        "Table II follows its own formula",
        "yes",
        f"{wrong} of {len(table)} values do not",
        "values",
        wrong == 0,
        "from 40 to 95 % the printed times lie below the share of the round trip alone",
    )
    half = 100 * (1 - TABLE_II["LSTM"][50] / TABLE_II["LSTM"][0])
    report.claim(
        "50 % local halves the latency", 49, f"{half:.1f}", "% less", abs(half - 49) < 1, "from the printed values"
    )
    here = []
    for kind, label in KINDS.items():
        model = runs.shop.model(runs.network(kind, 1, "printed"))
        past, _ = runs.shop.part(WINDOW, "test")
        some = torch.from_numpy(np.ascontiguousarray(past[:32], dtype=np.float32))
        site = model._site(0)
        assert site.exit is not None  # the networks of the figures have exits
        times = ExitTimes.measured((site, site.exit, model.remote), some)
        parts = [1e3 * t for t in (times.features, times.local, times.remote)]
        here.append((label, *parts, *(1e3 * times.expected([0.0, 0.5, 1.0]))))
    columns = ["network", "features_ms", "local_ms", "remote_ms", "T_0", "T_50", "T_100"]
    report.table("latency", pd.DataFrame(here, columns=columns), "Measured parts on this machine, and T(L)")
