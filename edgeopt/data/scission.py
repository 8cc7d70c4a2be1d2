"""Scission: 18 CNNs measured block by block on a Raspberry Pi, two edge machines and a cloud machine.

Lockhart et al. (2020) cut Keras networks wherever one tensor is alive and time each block on its own, the mean of ten
runs. The size of a block's output is that of a ``.npy`` file, 128 bytes of header included, which the reader takes off;
the raw input is in no file: it is the network's own input (224 x 224 x 3 for most, `INPUT_SIDE`), one float32 for each
value, as the measurement fed it. With a GPU, blocks take about 0.4 ms whatever they compute: dispatch, not work. On
edge-vm2Core, 130 blocks have the time 0 and the next shortest 1.55 ms: its clock ticks every 15.5 ms for ten runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from ..model.errors import DataFormatError, InvalidOptionError, InvalidProblemError
from ..model.records import number
from .dnn_profiles import Column, read_columns

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

NPY_HEADER_BYTES = 128
INPUT_SIDE: Mapping[str, int] = MappingProxyType(
    {"xception": 299, "inception_v3": 299, "inceptionresnet_v2": 299, "nasnetlarge": 331}
)
"""Side of the input image of the networks that do not take 224 x 224."""

TIERS = ("device-raspi4", "edge-2500", "cloud-6700k(NoGPU)")


def read_scission(path: str | Path) -> pd.DataFrame:
    """Read the block timings.

    Parameters
    ----------
    path : path
        ``scission_layers.csv``, plain or gzipped.

    Returns
    -------
    DataFrame
        A row for each block: ``machine``, ``model``, ``block``, ``first_layer``, ``last_layer``, ``seconds`` and
        ``output_bits`` (of the tensor, without the header of its file).

    Raises
    ------
    DataFormatError
        If the file is missing or damaged, a field is not what it should be, an output is smaller than a file's header,
        or the blocks of a network do not follow one another.
    """
    frame = read_columns(
        path,
        {
            "machine": "text",
            "model": "text",
            "block": "count",
            "first_layer": "count",
            "last_layer": "count",
            "seconds": "amount",
            "output_bytes": "positive",
        },
    )
    small = (frame["output_bytes"] <= NPY_HEADER_BYTES).to_numpy()
    if small.any():
        row = int(np.argmax(small))
        raise DataFormatError(
            f"{path}, line {row + 2}: output_bytes is {frame['output_bytes'].iloc[row]}; expected the size of a .npy "
            f"file, more than its header of {NPY_HEADER_BYTES} bytes"
        )
    _check_order(path, frame)
    frame["output_bits"] = 8.0 * (frame.pop("output_bytes") - NPY_HEADER_BYTES)
    return frame


def scission_network(path: str | Path) -> pd.DataFrame:
    """Read the measured links between machines.

    Parameters
    ----------
    path : path
        ``network_stats.csv`` (mobile network) or ``network_stats_wired.csv``.

    Returns
    -------
    DataFrame
        ``source`` and ``destination`` (machines without their tier: raspi4, 2500, 6700k(GPU)), ``ping`` in seconds and
        ``rate`` in bit/s. Scission charges the whole ping for each transfer.

    Raises
    ------
    DataFormatError
        If the file is missing or damaged, a field is not what it should be, or a link is there twice.
    """
    columns: dict[str, Column] = {"source": "text", "destination": "text", "ping(ms)": "amount"}
    frame = read_columns(path, columns | {"bandwidth(mbps)": "amount"}, once=["source", "destination"])
    ping, rate = frame.pop("ping(ms)") / 1e3, frame.pop("bandwidth(mbps)") * 1e6
    return frame.assign(ping=ping, rate=rate)


def scission_tiers(
    frame: pd.DataFrame, model: str, machines: Sequence[str] = TIERS, *, input_bits: float | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return one network's times on a machine for each tier, ready for `edgeopt.formulations.placement.exits.Exit`.

    Parameters
    ----------
    frame : DataFrame
        What `read_scission` returned.
    model : str
        Name of the network.
    machines : sequence of str
        The device first.
    input_bits : float, optional
        Bits of the raw input; by default the network's own input image, 32 bits a value.

    Returns
    -------
    exec_time : (blocks, tiers) float
        Seconds.
    output_bits : (blocks + 1,) float
        Bits of the raw input, then of each block's output.

    Raises
    ------
    InvalidOptionError
        If there is no such network or machine; lists those there are.
    InvalidProblemError
        If the machines do not have the same blocks, or `input_bits` is negative.
    """
    columns = []
    for machine in machines:
        for field, value in (("model", model), ("machine", machine)):
            if value not in set(frame[field]):
                raise InvalidOptionError(f"no {field} {value!r}; there are {', '.join(sorted(set(frame[field])))}")
        columns.append(frame[(frame["model"] == model) & (frame["machine"] == machine)].sort_values("block"))
    if not columns:
        raise InvalidOptionError("machines is empty; expected one machine for each tier")
    cuts = ["block", "first_layer", "last_layer", "output_bits"]
    for machine, column in zip(machines, columns, strict=True):
        if not np.array_equal(column[cuts], columns[0][cuts]):
            raise InvalidProblemError(f"{model} has other blocks on {machine!r} than on {machines[0]!r}")
    raw = _image_bits(model) if input_bits is None else number(input_bits, "input_bits", at_least=0.0)
    exec_time = np.stack([column["seconds"].to_numpy(np.float64) for column in columns], axis=1)
    return exec_time, np.r_[raw, columns[0]["output_bits"].to_numpy(np.float64)]


def _image_bits(model: str) -> float:
    return 32.0 * 3 * INPUT_SIDE.get(model, 224) ** 2


def _check_order(path: str | Path, frame: pd.DataFrame) -> None:
    """Refuse blocks that are missing, twice there or out of order."""
    expected = frame.groupby(["machine", "model"], sort=False).cumcount()
    bad = (frame["block"] != expected).to_numpy()
    if bad.any():
        row = int(np.argmax(bad))
        place = frame.iloc[row]
        raise DataFormatError(
            f"{path}, line {row + 2}: block is {place['block']} of {place['model']} on {place['machine']}; expected "
            f"{expected.iloc[row]}, its blocks in order"
        )
