"""Instances of splits that change with time: a network over measured uplinks, and generated latencies that wander."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..formulations.switching_splits import SwitchingSplits
from ..model.errors import InvalidOptionError
from .family import Family, count, fraction, rounded
from .split import branches

TRACES = ("ATT-LTE-driving.up", "Verizon-LTE-short.up", "TMobile-LTE-short.up")


def branchy_alexnet_on_traces(
    data: Path, periods: int = 20, cost: float = 0.01, share: float = 0.5, device_speed: float = 20.0
) -> SwitchingSplits:
    """Split AlexNet for CIFAR-10 between three phones and one edge server, in every second of measured uplinks.

    Seconds in which one of the phones has no service are left out.

    Parameters
    ----------
    data : path
        Folder of the data sets.
    periods : int
        Seconds.
    cost : float
        Of a change of split, seconds.
    share : float
        Of the FLOPs of all phones' networks that the edge can do in a second.
    device_speed : float
        Of the phones, relative to that of Zuo 2024, Table 4.2.
    """
    import pandas as pd

    from ..formulations.placement.exits import Exit
    from ..profiles.device import DeviceModel

    table = pd.read_csv(data / "wireless_traces" / "mahimahi" / "throughput_1s_mbps.csv.gz")
    seconds = 1e6 * table.pivot(index="second", columns="trace", values="mbps")[list(TRACES)].dropna()
    rates = seconds[(seconds > 0).all(axis=1)].to_numpy()[: count(periods, "periods")].T
    if rates.shape[1] < periods:
        raise InvalidOptionError(f"periods is {periods}; the traces have {rates.shape[1]} seconds with service in all")
    network, _ = branches()[-1]
    timed = Exit.of(network, [DeviceModel.table_4_2("mobile"), DeviceModel.table_4_2("edge")])
    # Split s runs the first s layers on the phone, the others at the edge.
    before, after = np.vstack([np.zeros(2), (timed.exec_time / [device_speed, 1.0]).cumsum(axis=0)]).T
    bits = np.where(np.arange(before.size) < before.size - 1, timed.output_bits, 0.0)
    latency = (before + after[-1] - after)[:, None] + bits[:, None] / rates[:, None, :]
    flops = network.total([layer.flops for layer in network.table.layers])
    remote = np.r_[flops[::-1].cumsum()[::-1], 0.0]
    return SwitchingSplits(
        latency=rounded(latency),
        edge_load=remote,
        edge_capacity=np.full(periods, np.round(fraction(share, "share") * len(TRACES) * remote[0])),
        switching_cost=float(cost),
    )


def generated(
    devices: int = 4, splits: int = 4, periods: int = 6, cost: float = 0.02, share: float = 0.5, seed: int = 0
) -> SwitchingSplits:
    """Draw latencies that wander over time; deeper splits leave less to the edge, which can do a `share` of all."""
    rng = np.random.default_rng(seed)
    n, s, t = count(devices, "devices"), count(splits, "splits"), count(periods, "periods")
    wander = 0.03 * rng.normal(size=(n, s, t)).cumsum(axis=2)
    load = rounded(np.linspace(8e9, 0.0, s), 6)
    return SwitchingSplits(
        latency=rounded(np.maximum(0.01, rng.uniform(0.1, 0.3, (n, s, 1)) + wander), 6),
        edge_load=load,
        edge_capacity=np.full(t, np.round(fraction(share, "share") * n * load[0])),
        switching_cost=float(cost),
    )


FAMILIES = (
    Family(
        "switching-splits/branchy-alexnet-traces",
        "AlexNet on three phones and one edge server, in every second of three measured uplinks",
        "Mahimahi's cellular traces (data set wireless_traces); networks and devices of Zuo 2024",
        branchy_alexnet_on_traces,
        {"even": {}, "dear-switch": {"cost": 0.1}, "scarce-edge": {"share": 0.2}},
    ),
    Family(
        "switching-splits/generated",
        "latencies that wander, with knobs for devices, splits, periods, cost of a switch, capacity of the edge",
        "generated",
        generated,
        {
            "tiny": {"devices": 2, "splits": 2, "periods": 2},
            "small": {},
            "medium": {"devices": 10, "splits": 6, "periods": 24, "seed": 1},
            "large": {"devices": 40, "splits": 8, "periods": 48, "seed": 2},
            "free-switch": {"cost": 0.0, "seed": 3},
            "dear-switch": {"cost": 1.0, "seed": 4},
            "scarce": {"devices": 8, "splits": 5, "periods": 12, "share": 0.15, "seed": 5},
        },
    ),
)
