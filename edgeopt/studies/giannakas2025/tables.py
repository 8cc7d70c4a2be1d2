"""Tables II to IV, the costs of all exits beside the baselines, further remote exits and another city."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch
from torch import nn

from ...data.c2tm import read_c2tm
from ...predictors.ddnn import DDNN, resources
from ...profiles.capture.work import count_work
from ...profiles.costs import AllocationCost
from ...profiles.latency import GIANNAKAS2025, ExitTimes
from ..early_exit.baselines import NAMES, baselines, percent
from ..early_exit.networks import EXITS, Workshop
from ..verdicts import paired_verdict
from .runs import SETTINGS

if TYPE_CHECKING:
    from pathlib import Path

    from ..report import Report
    from .runs import Runs

TABLE_III = {"edge": (15.3, 7.6, 6.3), "cloud": (222.1, 111.0, 12.7)}
TABLE_IV = {4.2: 41.0, 15.8: 36.1, 46.2: 23.1, 54.4: 19.6, 69.6: 13.2, 81.9: 7.9, 97.7: 1.2}


def table_ii(report: Report) -> None:
    """List what is compared."""
    rows = [
        ("Cloud", "yes", "always"),
        ("Edge", "yes", "never"),
        ("Random", "yes", "with probability 1 - L0; its exact mean"),
        ("Oracle", "yes", "the samples of the greatest benefits in the test period"),
        ("DeepCog", "no", "centralised: the same blocks, one exit"),
        ("persistence", "no", "the latest demand, with the cheapest margin of each cell (beyond the paper)"),
        ("EdgeAllocator", "no", "a linear model of each cell's own past (beyond the paper)"),
        ("CloudAllocator", "no", "a small network that sees all cells (beyond the paper)"),
    ]
    table = pd.DataFrame(rows, columns=["baseline", "joint_training", "offloads"])
    report.table("table_ii", table, "Table II: baselines")


def table_iii(report: Report) -> None:
    """Count what a sample takes, and what the sizes behind the printed counts may have been."""
    units = ("MFLOPs", "MMACs", "Mparameters")
    columns = ["part", "network", *units, *(f"paper_{unit}" for unit in units)]
    rows = []
    for cells, window in ((16, 6), (49, 6), (49, 25)):
        found = resources(DDNN("conv3d", cells, window, exit="printed"))
        for part, paper in TABLE_III.items():
            ours = [found[part][name] / 1e6 for name in ("flops", "macs", "parameters")]
            rows.append((part, f"printed sizes, M = {cells}, N = {window}", *ours, *paper))
    fits = []
    for part, module in unpooled().items():
        macs = count_work(module).macs / 1e6
        size = sum(value.numel() for value in module.module.parameters()) / 1e6
        rows.append((part, "1536 positions, not pooled", 2 * macs, macs, size, *TABLE_III[part]))
        fits += [abs(macs - TABLE_III[part][1]) < 0.06, abs(size - TABLE_III[part][2]) < 0.06]
    report.table("table_iii", pd.DataFrame(rows, columns=columns), "Table III: resources of one sample")
    report.claim(
        "Table III follows from the sizes of the text",
        "yes (V-A, V-B)",
        "it fits other sizes" if all(fits) else "nothing fits",
        "",
        False,
        "1536 convolution positions without pooling, 49152 -> 128 -> 64 -> 49 at the edge and 24576 -> 512 -> 128 -> "
        "64 -> 49 in the cloud, give all MACs and parameters of Table III; the text's 64 -> 49 and 128 -> 64 -> 49 "
        "need pooled convolutions. Both cannot be meant",
    )


class _Call:
    """A module with the sample that it is counted on."""

    def __init__(self, module: nn.Module, sample: torch.Tensor) -> None:
        self.module, self.sample = module, sample

    def __call__(self) -> torch.Tensor:
        with torch.no_grad():
            answer: torch.Tensor = self.module(self.sample)
        return answer


def unpooled() -> dict[str, _Call]:
    """Return the networks that give the printed counts of Table III: 1536 positions, here 16 x 16 cells and 6 slots."""
    places = 6 * 16 * 16

    def part(channels: int, filters: int, size: int, widths: tuple[int, ...]) -> _Call:
        layers: list[nn.Module] = [nn.Conv3d(channels, filters, size, padding=size // 2), nn.Flatten()]
        sizes = (filters * places, *widths)
        layers += [nn.Linear(a, b) for a, b in pairwise(sizes)]
        return _Call(nn.Sequential(*layers).eval(), torch.zeros(1, channels, 6, 16, 16))

    return {"edge": part(1, 32, 3, (128, 64, 49)), "cloud": part(32, 16, 5, (512, 128, 64, 49))}


def exits(report: Report, runs: Runs) -> None:
    """Put the costs of all exits beside the baselines, with the shares of slots and cells that are short."""
    rows = []
    for figure, (under, window, weight) in SETTINGS.items():
        bar = runs.bar(figure)
        for exit in EXITS:
            found = runs.exits(figure, exit).mean()
            costs = [found[name] for name in ("edge", "cloud", "deepcog")]
            short = [100 * found[name] for name in ("edge_shortfall", "cloud_shortfall")]
            rows.append((figure, under, window, weight, exit, *costs, *bar.cost[list(NAMES)].mean(), *short))
    columns = ["figure", "c_u", "N", "w", "exit", "edge", "cloud", "deepcog", *NAMES, "edge_short_%", "cloud_short_%"]
    report.table("exits", pd.DataFrame(rows, columns=columns), "Mean cost of a slot, over the seeds")
    plain = pd.DataFrame(rows, columns=columns)
    dearer = plain[(plain.exit == "printed") & (plain.cloud > plain.persistence)]
    report.text(
        f"The printed networks' clouds cost more than persistence with the cheapest margin in {len(dearer)} of "
        f"{len(SETTINGS)} settings: {', '.join(dearer.figure) or 'none'}. Offloading to such a cloud is worth less "
        "than repeating the latest demand at the edge; claims about it are called not decidable, and their notes tell "
        "what holds among the network's own exits."
    )


def other_exits(report: Report, runs: Runs) -> None:
    """Compare further networks in the cloud, which read the demand itself, in the setting of figure 4b."""
    bar, rows = runs.bar("4b"), []
    for exit in EXITS:
        rows.append(("the paper's blocks (DeepCog of Table II)", exit, *_mean(runs.exits("4b", exit).deepcog)))
    for name, exit in runs.others():
        costs = [runs.shop.remote_cost(runs.other(name, exit, seed)) for seed in runs.seeds]
        rows.append((name, exit, *_mean(costs)))
    rows += [(name, "", *_mean(bar.cost[name])) for name in NAMES]
    table = pd.DataFrame(rows, columns=["network", "exit", "cost", "low", "high"])
    report.table("other_exits", table, "Centralised networks at c_u = 1, N = 6: mean cost with its 95 % interval")


def _mean(costs: object) -> tuple[float, float, float]:
    from ..verdicts import paired_interval

    values = np.asarray(costs, dtype=float)
    if len(values) < 2:
        return float(values.mean()), float("nan"), float("nan")
    found = paired_interval(values)
    return found.mean, found.low, found.high


def another_city(report: Report, data: Path | None, seeds: range) -> None:
    """Fit the baselines to another city: one with pooled weights and two without."""
    file = None if data is None else data / "c2tm/clustered_traffic_data.csv.gz"
    if file is None or not file.is_file():
        report.text("C2TM's clusters were left out: the file is not at hand.")
        return
    hourly = read_c2tm(file)
    busiest = hourly.mean().nlargest(49).index
    bar = baselines(Workshop(report.folder / "c2tm", hourly[busiest]), 6, AllocationCost(under=1.0), seeds)
    rows = [(name, *_mean(bar.cost[name]), 100 * bar.shortfall[name].mean()) for name in NAMES]
    table = pd.DataFrame(rows, columns=["baseline", "cost", "low", "high", "short_%"])
    report.table("c2tm", table, f"C2TM, 49 busiest clusters, {len(hourly)} hours, c_u = 1, N = 6")
    report.text(
        f"The early-exit networks are not trained on C2TM: its longest stretch without a gap has {len(hourly)} hours, "
        "some 120 samples for training, about as many as one output of a network has weights. The CloudAllocator, "
        "whose hidden layers all clusters share, is the network with pooled weights that can be fitted there."
    )
    if len(seeds) > 1:
        saved = percent(bar.cost["CloudAllocator"], bar.cost["EdgeAllocator"])
        word = paired_verdict(bar.cost["CloudAllocator"], bar.cost["EdgeAllocator"])
        report.finding("C2TM: pooled weights cost less than a model for each cluster", str(saved), "% less", str(word))


def latency(report: Report, runs: Runs) -> None:
    """Recompute Table IV from the paper's part times, and beside it with parts measured on this machine."""
    network = runs.network("4b", "printed")
    model = runs.shop.model(network)
    past, _ = runs.shop.part(network.window, "test")
    some = torch.from_numpy(np.ascontiguousarray(past[:64], dtype=np.float32))
    site = model._site(0)
    assert site.exit is not None  # the networks of the figures have exits
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
    report.table("table_iv", table, "Table IV: expected latency of a decision")
    exact = (table.recomputed_ms.round(1) == table.paper_ms).all()
    ours = "every value" if exact else "not every value"
    report.claim("Table IV", "41.0 to 1.2", ours, "ms", bool(exact), "from 0.1, 0.12, 0.23 and 42.46 ms")
