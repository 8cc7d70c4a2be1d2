"""What may be meant by the two variables of a convolution in Tables 4.1 and 4.2, and what follows from each meaning.

``x1`` is the "amount of input feature maps", ``x2`` is :math:`(K / S)^2 N C` with a "channel" C of which the text does
not say whose it is. Sizes are in bytes where the table gives their unit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ...profiles.device import DeviceModel
from ...solving.solve import solve
from ..verdicts import Verdict
from .paper import PRINTED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...formulations.split import StochasticSplit
    from ...profiles.dnn import Chain
    from ..report import Report

Column = Callable[[pd.DataFrame], pd.Series]

_AMOUNTS: dict[str, Column] = {
    "number": lambda conv: conv.in_channels,
    "values": lambda conv: conv.input_bits / 32,
    "bytes": lambda conv: conv.input_bits / 8,
}
_CHANNELS: dict[str, Column] = {
    "of a filter": lambda conv: conv.in_channels / conv.groups,
    "one": lambda conv: 0 * conv.in_channels + 1,
}
READINGS = (
    ("number", "of a filter"),
    ("number", "one"),
    ("bytes", "of a filter"),
    ("values", "of a filter"),
    ("bytes", "one"),
)
"""What `x1` counts, and the channels of `x2`; the first is what edgeopt takes, as Edgent does (Li et al. 2018)."""


def reproduce(report: Report, plain: StochasticSplit, tables: Sequence[Chain]) -> None:
    """Add the optima under all readings, none of which has the printed gap."""
    table = reading_frame(plain, tables)
    report.table("readings", table, "What the readings of x1 and x2 of a convolution decide")
    optima, gaps = table["optimum [ms]"], table["Edgent above it [%]"]
    report.claim(
        "the optimum is 8.8 % below Edgent under some reading of Table 4.2",
        f"{1e3 * PRINTED['optimum']:.2f} and {1e3 * PRINTED['edgent']:.2f} ms",
        f"{optima.min():.1f} to {optima.max():.1f} ms, Edgent {gaps.max():.2g} % above",
        "",
        Verdict.UNDECIDABLE,
        f"{len(table)} readings, no printed number met and no gap; layer lists, sizes and exit accuracies are not in "
        "the text",
    )
    local = table["all mobile [ms]"].iloc[0]
    share = conv_share(tables[-1])
    mildest = table["all mobile [ms]"].min()
    report.text(
        f"Everything on the mobile device takes {local / 1e3:.1f} s an image in expectation under the first reading, "
        f"{mildest / 1e3:.2f} s under the mildest. The slope of x2 there is 26.7 us: a convolution of 5 x 5 over 32 "
        "channels with 64 filters has x2 = 51,200 and takes 1.4 s alone. Convolutions are "
        f"{100 * share:.0f} % of the last exit's time. The edge's slope is 215 times smaller, so that it runs "
        "everything under each reading, and Edgent finds that."
    )


def reading_frame(plain: StochasticSplit, tables: Sequence[Chain]) -> pd.DataFrame:
    """Return optimum, Edgent's gap and all-mobile latency for each of `READINGS`."""
    rows = []
    for amount, channels in READINGS:
        problem = read_as(plain, tables, amount, channels)
        optimum = solve(problem).objective
        edgent = min(solve(problem, "edgent", direction=way).objective for way in ("edge-first", "device-first"))
        rows.append(
            {
                "x1 is": amount,
                "channels of x2": channels,
                "optimum [ms]": 1e3 * optimum,
                "Edgent above it [%]": 100 * (edgent / optimum - 1),
                "all edge [ms]": 1e3 * solve(problem, "remote-only").objective,
                "all mobile [ms]": 1e3 * solve(problem, "local-only").objective,
            }
        )
    return pd.DataFrame(rows)


def read_as(plain: StochasticSplit, tables: Sequence[Chain], amount: str, channels: str) -> StochasticSplit:
    """Return the problem with the times of its convolutions by another reading of Table 4.2."""
    exits = []
    for table, entry in zip(tables, plain.exits, strict=True):
        layers = np.stack([_seconds(table, device, amount, channels) for device in ("mobile", "edge")], axis=1)
        times = np.stack([layers[part].sum(axis=0) for part in table.parts()])
        exits.append(replace(entry, exec_time=times))
    return replace(plain, exits=tuple(exits))


def conv_share(table: Chain) -> float:
    """Share of the convolutions in the time of a chain on the mobile device."""
    seconds, kind = _seconds(table, "mobile", *READINGS[0]), table.table.frame().kind
    return float(seconds[kind == "conv"].sum() / seconds.sum())


def _seconds(table: Chain, device: str, amount: str, channels: str) -> NDArray[np.float64]:
    """Seconds of each layer."""
    model = DeviceModel.table_4_2(device)  # type: ignore[arg-type]
    conv = replace(model.regressions["conv"], variables=("x1", "x2"))
    layers = table.table.frame().assign(x1=np.nan, x2=np.nan)
    here = layers.kind == "conv"
    rows = layers[here]
    layers.loc[here, "x1"] = _AMOUNTS[amount](rows)
    layers.loc[here, "x2"] = (rows.kernel / rows.stride) ** 2 * rows.out_channels * _CHANNELS[channels](rows)
    found: NDArray[np.float64] = replace(model, regressions=model.regressions | {"conv": conv}).predict(layers).seconds
    return found
