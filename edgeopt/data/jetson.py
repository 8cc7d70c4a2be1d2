"""Time and power of MobileNetV2's layers, measured under TensorRT on a Jetson Orin Nano.

The file comes from github.com/fuzzylabs/edge-vision-power-estimation: a mean time (milliseconds) and a mean power (by
its size in microwatt, idle power included) for each of TensorRT's layers. Power is sampled slowly and is nearly the
same for all layers, so that energy follows time.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..model.errors import DataFormatError
from ..profiles.energy import SplitCosts
from .dnn_profiles import Column, read_columns

if TYPE_CHECKING:
    import pandas as pd

_MODULE = re.compile(r"features[_/](\d+)")
_MODULES = 19


def read_jetson(path: str | Path) -> pd.DataFrame:
    """Read the measured layers.

    Parameters
    ----------
    path : path
        ``average_power_and_run_time.csv``.

    Returns
    -------
    DataFrame
        A row for each layer in the order of execution: ``name``, ``module`` (0 to 18: features; 19: pooling and
        classifier), ``seconds``, ``joules``.

    Raises
    ------
    DataFormatError
        If the file is missing or damaged, a layer is there twice, or a module has no layer.
    """
    import pandas as pd

    columns: dict[str, Column] = {"layer name": "text", "average_power": "amount", "average_run_time": "amount"}
    raw = read_columns(path, columns, once=["layer name"])
    found = [_MODULE.search(name) for name in raw["layer name"]]
    module = np.array([_MODULES if match is None else int(match[1]) for match in found])
    if missing := sorted(set(range(_MODULES + 1)) - set(module.tolist())):
        raise DataFormatError(f"{path}: no layer of module {missing[0]}; expected those of MobileNetV2")
    seconds = raw["average_run_time"] * 1e-3
    layers = {
        "name": raw["layer name"],
        "module": module,
        "seconds": seconds,
        "joules": seconds * raw["average_power"] * 1e-6,
    }
    return pd.DataFrame(layers)


def measured_splits(layers: pd.DataFrame, computed: SplitCosts, speed: float) -> SplitCosts:
    """Return MobileNetV2's split costs with measured local time and energy in place of those that MACs give.

    Parameters
    ----------
    layers : DataFrame
        From :func:`read_jetson`.
    computed : SplitCosts
        From :func:`edgeopt.profiles.energy.mobilenet_splits`: payloads and remote FLOPs stay as they are.
    speed : float
        FLOP/s by which a problem will divide: local FLOPs are those that take the measured time at this speed.
    """
    each = layers.groupby("module")[["seconds", "joules"]].sum().to_numpy()
    # Behind split k lie the modules before k; the last split runs all of them.
    total = np.vstack([np.zeros(2), np.cumsum(each, axis=0)])
    ends = np.r_[np.arange(computed.local_flops.size - 1), len(total) - 1]
    return SplitCosts(
        total[ends, 0] * speed, computed.remote_flops, computed.payload_bits, total[ends, 1], computed.names
    )
