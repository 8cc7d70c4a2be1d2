"""49,816 timings of single layers by kind and shape, on two machines ("edge" and "cloud").

The files come with a reimplementation of Neurosurgeon (github.com/Tjyy-1223/Neurosurgeon). The machines are not named,
the times are single means with heavy outliers, and the sizes follow PyTorch: convolutions padded by half their kernel
(their own FLOPs say so), poolings unpadded (no kernel exceeds its input), average pooling to a given output size. The
files' FLOPs of "dw_conv" count a pointwise convolution besides, and padding on one side; the sizes here are of the
depthwise convolution alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..model.errors import DataFormatError
from ..model.records import number
from .dnn_profiles import Column, find, read_columns

if TYPE_CHECKING:
    import pandas as pd

MACHINES = ("edge", "cloud")
COLUMNS = (
    "machine",
    "name",
    "kind",
    "input_bits",
    "output_bits",
    "parameters",
    "macs",
    "flops",
    "kernel",
    "stride",
    "in_channels",
    "out_channels",
    "groups",
    "input_size",
    "seconds",
)

_SHAPES: dict[str, tuple[str, tuple[str, ...]]] = {
    "conv": ("conv", ("HW", "kernel", "stride", "Cin", "Cout")),
    "dw_conv": ("depthwise_conv", ("HW", "kernel", "stride", "Cin")),
    "linear": ("linear", ("in_features", "out_features")),
    "maxpool": ("maxpool", ("HW", "kernel", "stride", "Cin")),
    "avgpool": ("avgpool", ("HW", "output", "Cin")),
    "batchnorm": ("batchnorm", ("HW", "Cin")),
}
"""By name of the file: our kind, and the columns of its shape."""


def read_layer_timings(folder: str | Path, *, word_bits: int = 32) -> pd.DataFrame:
    """Read all layer timings.

    Parameters
    ----------
    folder : path
        With the twelve files ``MACHINE_KIND_lat.csv``, plain or gzipped.
    word_bits : int
        Bits of one element of a tensor.

    Returns
    -------
    DataFrame
        A row for each timing: ``machine``, ``name`` (kind and line of its file), ``kind``, ``input_bits``,
        ``output_bits``, ``parameters`` (with biases), ``macs``, ``flops`` (two a MAC, else one an output element),
        ``kernel``, ``stride``, ``in_channels``, ``out_channels``, ``groups`` (0 where a kind has none), ``input_size``
        (side of the input; 1 for linear layers) and ``seconds``. For average pooling, kernel and stride are those that
        come closest to its output size.

    Raises
    ------
    DataFormatError
        If a file is missing or damaged, or a field is not what it should be; names file, line and column.
    InvalidProblemError
        If `word_bits` is below 1.
    """
    import pandas as pd

    number(word_bits, "word_bits", at_least=1)
    parts = [_read(Path(folder), machine, file, word_bits) for machine in MACHINES for file in _SHAPES]
    return pd.concat(parts, ignore_index=True)[list(COLUMNS)]


def _read(folder: Path, machine: str, file: str, word_bits: int) -> pd.DataFrame:
    kind, shape = _SHAPES[file]
    columns: dict[str, Column] = dict.fromkeys(shape, "positive")
    path = find(folder, f"{machine}_{file}_lat.csv")
    raw = read_columns(path, {**columns, "latency": "amount"})
    if (larger := {"maxpool": "kernel", "avgpool": "output"}.get(kind)) and (wrong := raw[larger] > raw["HW"]).any():
        row = int(wrong.to_numpy().argmax())
        raise DataFormatError(
            f"{path}, line {row + 2}: {larger} is {raw[larger].iloc[row]}; expected at most HW, {raw['HW'].iloc[row]}"
        )
    sizes = _sizes(kind, raw)
    in_elements = sizes["in_channels"] * sizes["input_size"] ** 2
    out_elements = sizes["out_channels"] * sizes.pop("output_size") ** 2
    sizes["macs"] = out_elements * sizes.pop("macs_each")
    return raw[[]].assign(
        machine=machine,
        name=[f"{kind}, line {line + 2}" for line in range(len(raw))],
        kind=kind,
        input_bits=float(word_bits) * in_elements,
        output_bits=float(word_bits) * out_elements,
        flops=(2 * sizes["macs"]).where(sizes["macs"] > 0, out_elements),
        seconds=raw["latency"] / 1e3,
        **sizes,
    )


def _sizes(kind: str, raw: pd.DataFrame) -> dict[str, Any]:
    """Return a layer's shape as columns; ``macs_each`` is per output element."""
    none = 0 * raw.iloc[:, 0]
    if kind == "linear":
        inputs, outputs = raw["in_features"], raw["out_features"]
        return _shape(none + 1, none + 1, inputs, outputs, none, none, none, inputs, (inputs + 1) * outputs)
    side, channels = raw["HW"], raw["Cin"]
    if kind == "batchnorm":
        return _shape(side, side, channels, channels, none, none, none, none, 2 * channels)
    if kind == "avgpool":
        stride = side // raw["output"]
        kernel = side - (raw["output"] - 1) * stride
        return _shape(side, raw["output"], channels, channels, kernel, stride, none, none, none)
    kernel, stride = raw["kernel"], raw["stride"]
    if kind == "maxpool":
        return _shape(side, (side - kernel) // stride + 1, channels, channels, kernel, stride, none, none, none)
    padded = (side + 2 * (kernel // 2) - kernel) // stride + 1
    outputs = raw["Cout"] if kind == "conv" else channels
    groups = none + 1 if kind == "conv" else channels
    each = kernel**2 * (channels // groups)
    return _shape(side, padded, channels, outputs, kernel, stride, groups, each, (each + 1) * outputs)


def _shape(*columns: Any) -> dict[str, Any]:
    names = (
        "input_size",
        "output_size",
        "in_channels",
        "out_channels",
        "kernel",
        "stride",
        "groups",
        "macs_each",
        "parameters",
    )
    return dict(zip(names, columns, strict=True))
