"""Measured profiles instead of regressions: Scission's CNNs on three tiers, PORTEND's early-exit networks.

Here every layer time was measured on a real machine, so the gaps between the methods are no artefact of a fit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...data import portend, scission
from ...data.layer_timings import read_layer_timings
from ...formulations.placement.exits import Exit
from ...formulations.split import StochasticSplit
from ...model.tolerance import EQUAL
from ...profiles.layer_time_errors import layer_time_study
from ...solving.compare import compare

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from ..report import Report

SOLVERS = ("shortest-path", "genetic", "edgent", "neurosurgeon", "greedy", "local-only", "remote-only")
MACHINES = ("device-raspi4", "edge-2500", "cloud-6700k(GPU)")
"""Scission's device, edge and cloud."""

PORTEND_MACHINES = ("a1.medium", "m4.large", "g4dn.xlarge")
"""PORTEND's smallest machine as the device, a middle one as the edge, one with a GPU as the cloud."""

BACKHAUL, DELAY, THRESHOLD = 50e6, 0.010, 0.4
"""Edge to cloud in bit/s and one-way delay of a link (half of Scission's wired pings); PORTEND's exit threshold."""

_RESNET20 = [3 * 32**2, *[16 * 32**2] * 4, *[32 * 16**2] * 3, *[64 * 8**2] * 2]
_RESNET110 = [3 * 32**2, *[16 * 32**2] * 19, *[32 * 16**2] * 18, *[64 * 8**2] * 17]
_B0 = [3 * 224**2, 32 * 112**2, 16 * 112**2, 24 * 56**2, 40 * 28**2, 80 * 14**2, 112 * 14**2, 192 * 7**2]
_B7 = [3 * 600**2, 64 * 300**2, 32 * 300**2, 48 * 150**2, 80 * 75**2, 160 * 38**2, 224 * 38**2, 384 * 19**2]
_VGGISH = [96 * 64, 64 * 48 * 32, 128 * 24 * 16, 256 * 12 * 8]
INPUTS = {
    "ResNet20": (_RESNET20, 10),
    "ResNet110": (_RESNET110, 10),
    "EfficientNetB0": (_B0, 1000),
    "EfficientNetB7": (_B7, 1000),
    "VGGish": (_VGGISH, 527),
}
"""Elements that enter each of PORTEND's partitions, and classes: from the published architectures, not in its files."""


def reproduce(report: Report, folder: Path, *, quick: bool) -> None:
    """Add one table of gaps to the optimum for the measured networks."""
    rates = (2e6, 2e7, 2e8) if quick else (5e5, 1.6e6, 5e6, 1.6e7, 5e7, 1.6e8, 5e8, 1.6e9)
    found = {
        "Scission, 18 CNNs": solved(scission_problems(folder / "scission" / "scission_layers.csv", rates)),
        "PORTEND, 5 early-exit networks": solved(portend_problems(folder / "portend", rates)),
    }
    report.text(
        f"Scission on {', '.join(MACHINES)}; PORTEND on {', '.join(PORTEND_MACHINES)}, its exits' measured accuracies, "
        f"demand the measured exit shares at threshold {THRESHOLD}. Uplink "
        + ", ".join(f"{rate / 1e6:g}" for rate in rates)
        + f" Mbit/s, backhaul {BACKHAUL / 1e6:g} Mbit/s, {1e3 * DELAY:g} ms for each crossing."
    )
    for name, table in found.items():
        stem = f"measured_{name.split(',')[0].lower()}"
        report.table(stem, table, f"{name}: every network, rate and solver", show=False)
    report.table("measured_gaps", summary(found), "Gap to the optimum on measured profiles")
    missed = {name: table[table.solver == "genetic"].excess.gt(EQUAL).mean() for name, table in found.items()}
    errors = layer_time_study(read_layer_timings(folder / "neurosurgeon_layers")).reset_index()
    report.table("layer_time_errors", errors, "Error of layer-time models on held-out rows of 49,816 timings")
    report.claim(
        "the GA finds the optimum on measured profiles",
        "assumed",
        "; ".join(f"{name}: misses it in {share:.0%}" for name, share in missed.items()),
        "of the instances",
        not any(missed.values()),
    )


def scission_problems(file: Path, rates: Sequence[float]) -> dict[str, StochasticSplit]:
    """Return one problem for each CNN and uplink rate: device, edge and cloud."""
    frame = scission.read_scission(file)
    problems: dict[str, StochasticSplit] = {}
    for model in frame["model"].unique():
        exec_time, output_bits = scission.scission_tiers(frame, model, MACHINES)
        problems |= _over_rates(model, [Exit(1.0, exec_time, output_bits)], np.ones(1), rates)
    return problems


def portend_problems(folder: Path, rates: Sequence[float]) -> dict[str, StochasticSplit]:
    """Return one problem for each early-exit network and uplink rate."""
    data = portend.read_portend(folder)
    problems: dict[str, StochasticSplit] = {}
    for model in portend.NETWORKS:
        exits, shares = portend_exits(data, model)
        problems |= _over_rates(model, exits, shares, rates)
    return problems


def portend_exits(data: portend.Portend, model: str) -> tuple[list[Exit], NDArray[np.float64]]:
    """Return the exits of a network with their measured accuracies, and the share of samples that leaves at each.

    Exit k consists of the partitions 1 to k. A sample leaves at the first exit that would let it go, so the share of
    exit k is what its own share exceeds all before it; the last exit takes the rest.
    """
    elements, classes = INPUTS[model]
    latency = data.latency[(data.latency["model"] == model) & data.latency["machine"].isin(PORTEND_MACHINES)]
    single = latency[latency["partition_start"] == latency["partition_end"]]
    times = single.pivot(index="partition_start", columns="machine", values="seconds")[list(PORTEND_MACHINES)]
    bits = 32.0 * np.array(elements)
    measured = data.exits[(data.exits["model"] == model) & (data.exits["partition_start"] == 1)]
    measured = measured[measured["split"] == measured["split"].iloc[0]].set_index(["threshold", "partition_end"])
    accuracy, share = measured["accuracy"].loc[1.0], measured["share"].loc[THRESHOLD]
    exits = [
        Exit(float(accuracy.loc[k]), times.to_numpy()[:k], np.r_[bits[:k], 32.0 * classes]) for k in accuracy.index
    ]
    leaving = np.diff(np.r_[0.0, np.maximum.accumulate(share.loc[accuracy.index].to_numpy())])
    leaving[-1] += 1.0 - leaving.sum()
    return exits, leaving


def _over_rates(
    model: str, exits: list[Exit], shares: NDArray[np.float64], rates: Sequence[float]
) -> dict[str, StochasticSplit]:
    return {
        f"{model} at {rate / 1e6:g} Mbit/s": StochasticSplit(exits, shares, rate, BACKHAUL, link_delay=(DELAY, DELAY))
        for rate in rates
    }


def solved(problems: dict[str, StochasticSplit]) -> pd.DataFrame:
    """Return the comparison of all solvers on all problems."""
    return compare(problems.values(), SOLVERS, names=list(problems))[
        ["problem", "solver", "status", "objective", "gap", "excess", "wall_time"]
    ]


def summary(found: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return mean, median and largest excess over the optimum by solver, and how often it is reached."""
    rows = []
    for name, table in found.items():
        for solver in SOLVERS:
            excess: Any = table[table.solver == solver]["excess"]
            rows.append(
                {
                    "networks": name,
                    "solver": solver,
                    "instances": len(excess),
                    "mean gap [%]": 100 * excess.mean(),
                    "median gap [%]": 100 * excess.median(),
                    "largest gap [%]": 100 * excess.max(),
                    "optimal in [%]": 100 * (excess <= EQUAL).mean(),
                }
            )
    return pd.DataFrame(rows)
