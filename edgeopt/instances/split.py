"""Instances of split DNNs: networks of the papers on real devices and links, and generated chains and graphs."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from ..formulations.graph_split import GraphSplit
from ..formulations.placement.exits import Exit
from ..formulations.split import StochasticSplit
from ..model.errors import InvalidOptionError
from .family import Family, count, fraction, rounded, with_ties

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from ..profiles.dnn import Chain

ACCURACIES = (0.524, 0.589, 0.654, 0.719, 0.784)
"""Of the five exits (Zuo 2024: the first and the last are printed, the others evenly spaced)."""

DEMAND = (0.02834714, 0.22014409, 0.45937773, 0.25406512, 0.03671602, 0.0013499)
"""Normal(0.625, 0.053) at these accuracies (Zuo 2024, section 5.2), and what no exit meets."""


def branchy_alexnet(link: str = "lte-74", device_speed: float = 1.0) -> StochasticSplit:
    """Split the Branchy-AlexNet between phone and edge (Zuo 2024, section 5) over a named link."""
    from ..profiles.channel import preset

    rate = preset(link)
    exits = [_on_two_tiers(chain, accuracy, device_speed) for chain, accuracy in branches()]
    return StochasticSplit(exits, DEMAND, rate.uplink_rate, downlink_rate=rate.downlink_rate, link_delay=rate.delay)


def branchy_alexnet_on_trace(data: Path, trace: str = "Verizon-LTE-short.up", seconds: int = 60) -> StochasticSplit:
    """Split the same network in every second of a measured uplink; seconds without service are left out."""
    import pandas as pd

    table = pd.read_csv(data / "wireless_traces" / "mahimahi" / "throughput_1s_mbps.csv.gz")
    rates = 1e6 * table.loc[table["trace"] == trace, "mbps"].to_numpy(float)
    if not rates.size:
        raise InvalidOptionError(f"trace is {trace!r}; expected one of {', '.join(sorted(table['trace'].unique()))}")
    rates = rounded(rates[rates > 0][: count(seconds, "seconds")])
    return StochasticSplit([_on_two_tiers(chain, accuracy) for chain, accuracy in branches()], DEMAND, rates)


@lru_cache(maxsize=1)
def branches() -> tuple[tuple[Chain, float], ...]:
    """Return the chain of each exit of the Branchy-AlexNet and its accuracy; captured once, which takes seconds."""
    from ..profiles import zoo
    from ..profiles.dnn import LayerTable

    table = LayerTable.from_module(zoo.build("branchy_alexnet"), zoo.example_input("branchy_alexnet"))
    return tuple(zip(table.exits(), ACCURACIES, strict=True))


def _on_two_tiers(chain: Chain, accuracy: float, device_speed: float = 1.0) -> Exit:
    from ..profiles.device import DeviceModel

    phone, edge = DeviceModel.table_4_2("mobile"), DeviceModel.table_4_2("edge")
    entry = Exit.of(chain, [phone, edge], accuracy)
    return Exit(accuracy, rounded(entry.exec_time / [device_speed, 1.0]), entry.output_bits, entry.names)


def generated(
    layers: int = 16,
    exits: int = 3,
    tiers: int = 2,
    seed: int = 0,
    correlation: float = 0.5,
    ties: float = 0.0,
    shared_trunk: bool = False,
    batch: int = 0,
) -> StochasticSplit:
    """Draw chains: times fall from tier to tier, tensors shrink with depth; `correlation` couples the tiers' times."""
    rng = np.random.default_rng(seed)
    n, m = count(layers, "layers"), count(tiers, "tiers", 2, 10)
    common = fraction(correlation, "correlation")
    longest = _times(n, m, common, fraction(ties, "ties"), rng)
    bits = _bits(n, rng)
    entries = []
    for k in range(1, count(exits, "exits") + 1):
        own = max(1, round(n * k / exits))
        times = longest[:own] if shared_trunk else _times(own, m, common, ties, rng)
        sizes = bits[: own + 1] if shared_trunk else _bits(own, rng)
        names = tuple(f"layer{i}" for i in range(own)) if shared_trunk else ()
        entries.append(Exit(round(0.5 + 0.4 * k / exits, 4), times, sizes, names))
    weights = rng.integers(1, 10, len(entries) + 1)
    uplink = rounded(np.exp(rng.uniform(np.log(1e6), np.log(1e9), batch))) if batch else 2e7
    backhaul = [1e9] * (m - 2) if m > 2 else None
    return StochasticSplit(entries, weights / weights.sum(), uplink, backhaul, shared_trunk=shared_trunk)


def _times(layers: int, tiers: int, common: float, ties: float, rng: np.random.Generator) -> NDArray[np.float64]:
    shared = rng.gamma(1.0, 1e-3, (layers, 1))
    times = (common * shared + (1 - common) * rng.gamma(1.0, 1e-3, (layers, tiers))) * 0.1 ** np.arange(tiers)
    return rounded(with_ties(times, ties, rng))


def _bits(layers: int, rng: np.random.Generator) -> NDArray[np.float64]:
    return rounded(1e6 * 0.9 ** np.arange(layers + 1) * rng.gamma(2.0, 0.5, layers + 1))


def graph(layers: int = 12, tiers: int = 2, seed: int = 0, branching: float = 0.3, ties: float = 0.0) -> GraphSplit:
    """Draw a network whose paths part and meet: each layer reads the one before it and, with `branching`, others."""
    rng = np.random.default_rng(seed)
    n, m = count(layers, "layers"), count(tiers, "tiers", 2, 10)
    arcs = [(-1, 0), *pairwise(range(n))]
    skips = rng.random((n, n)) < fraction(branching, "branching") / np.maximum(1, np.arange(n))[:, None]
    arcs += [(p, c) for c in range(2, n) for p in range(c - 1) if skips[c, p]]
    times = _times(n, m, 0.5, fraction(ties, "ties"), rng)
    bits = _bits(n, rng)
    return GraphSplit(times, arcs, bits[0], bits[1:], 2e7, [1e9] * (m - 2) if m > 2 else None)


FAMILIES = (
    Family(
        "split/branchy-alexnet",
        "five exits between phone and edge server, Table 4.2's devices",
        "Zuo 2024, section 5; links of edgeopt.profiles.channel",
        branchy_alexnet,
        {
            "lte": {"link": "lte-74"},
            "lte-nominal": {"link": "lte-nominal"},
            "lte-cat1": {"link": "lte-cat1"},
            "5g": {"link": "5g-experienced"},
            "wifi": {"link": "wifi-5"},
            "fast-phone": {"link": "lte-74", "device_speed": 20.0},
        },
    ),
    Family(
        "split/branchy-alexnet-trace",
        "the same network in every second of a measured uplink: one batched problem",
        "Mahimahi's cellular traces (data set wireless_traces)",
        branchy_alexnet_on_trace,
        {"verizon-lte": {}, "att-lte": {"trace": "ATT-LTE-driving.up"}, "tmobile": {"trace": "TMobile-LTE-short.up"}},
    ),
    Family(
        "split/generated",
        "chains with knobs for length, exits, tiers, ties, correlation of the tiers",
        "generated",
        generated,
        {
            "tiny": {"layers": 4, "exits": 2},
            "small": {"layers": 16, "exits": 5, "tiers": 3, "seed": 1},
            "medium": {"layers": 60, "exits": 10, "tiers": 3, "seed": 2},
            "large": {"layers": 200, "exits": 20, "tiers": 3, "seed": 3},
            "huge": {"layers": 2000, "exits": 50, "tiers": 4, "seed": 4},
            "tied": {"layers": 16, "exits": 3, "ties": 1.0, "seed": 5},
            "trunk": {"layers": 16, "exits": 4, "shared_trunk": True, "seed": 6},
            "correlated": {"layers": 16, "exits": 3, "correlation": 1.0, "seed": 7},
            "fleet": {"layers": 16, "exits": 3, "batch": 40, "seed": 8},
        },
    ),
    Family(
        "graph-split/generated",
        "networks whose paths part and meet, with knobs for length, tiers, branching, ties",
        "generated",
        graph,
        {
            "tiny": {"layers": 6},
            "small": {"layers": 20, "tiers": 3, "seed": 1},
            "medium": {"layers": 150, "tiers": 3, "seed": 2},
            "large": {"layers": 1000, "tiers": 3, "seed": 3},
            "tied": {"layers": 20, "ties": 1.0, "seed": 4},
            "dense": {"layers": 30, "branching": 3.0 / 4, "seed": 5},
        },
    ),
)
