"""Energy and delay of a network's layers on edge boards, and what each split of a network costs.

Lahmer et al. (2022, table III), as Labriji et al. (2023, eq. 2 and 4) use it: a convolution takes ``MACs * (a / d_o +
b)`` joule, with ``d_o`` its output channels (its channels, where it is depthwise), a fully connected layer ``MACs *
a'``. A layer takes two FLOPs for each MAC (eq. 3). Other layers cost neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..model.errors import InvalidOptionError
from ..model.records import Record, assign, float_array, number, record

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..model.kept import Floats
    from .dnn import Chain, LayerTable


@dataclass(frozen=True)
class Board:
    """An edge board.

    Attributes
    ----------
    name : str
        Its name.
    speed : float
        FLOP/s.
    convolution : (float, float)
        ``a`` (joule per MAC, times output channels) and ``b`` (joule per MAC).
    linear : float
        ``a'``, joule per MAC of fully connected layers.
    """

    name: str
    speed: float
    convolution: tuple[float, float]
    linear: float

    def __post_init__(self) -> None:
        for name, value in (("speed", self.speed), ("linear", self.linear)):
            number(value, name, at_least=0.0)


JETSON_TX2 = Board("Jetson TX2", 1.3e12, (2.6727e-8, 1.21334e-10), 6.2454e-9)
"""The device of Labriji et al. (2023, section IV); coefficients of Lahmer et al. (2022, table III)."""

XAVIER_NX_SPEED = 21e12
"""FLOP/s of the edge host of Labriji et al. (2023), a Jetson Xavier NX."""


def layer_energy(table: LayerTable, board: Board) -> NDArray[np.float64]:
    """(layers,) joule of one pass of each layer (eq. 2 and 4)."""
    a, b = board.convolution
    joule = {
        "conv": lambda m, d: m * (a / d + b),
        "depthwise_conv": lambda m, d: m * (a / d + b),
        "linear": lambda m, d: m * board.linear,
    }
    return np.array(
        [
            joule[layer.kind](layer.macs, layer.out_channels) if layer.macs and layer.kind in joule else 0.0
            for layer in table.layers
        ]
    )


@record
class SplitCosts(Record):
    """What one image costs at each split: the first offloads everything, the last nothing.

    Attributes
    ----------
    local_flops, remote_flops : (splits,) float
        FLOPs on the device and on the edge host.
    payload_bits : (splits,) float
        Bits that cross the link.
    local_energy : (splits,) float
        Joule of the local layers.
    names : tuple of str
        Last local layer of each split.
    """

    local_flops: Floats
    remote_flops: Floats
    payload_bits: Floats
    local_energy: Floats
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("local_flops", "remote_flops", "payload_bits", "local_energy"):
            assign(self, **{name: float_array(getattr(self, name), name)})


def split_costs(chain: Chain, board: Board, after: Sequence[str] | None = None) -> SplitCosts:
    """Return the costs of splitting a network behind some of its units.

    Parameters
    ----------
    chain : Chain
        The network.
    board : Board
        The device.
    after : sequence of str, optional
        Names of modules behind whose last unit the network can be split, in order; every unit by default. Sending the
        raw input and running everything on the device are always among the splits.

    Raises
    ------
    InvalidOptionError
        If no unit belongs to a module of that name.
    """
    units = [_last_unit(chain, name) for name in after] if after is not None else list(range(chain.units - 1))
    ends = np.array([-1, *units, chain.units - 1]) + 1
    flops = np.r_[0.0, np.cumsum(chain.total([2.0 * layer.macs for layer in chain.table.layers]))][ends]
    energy = np.r_[0.0, np.cumsum(chain.total(layer_energy(chain.table, board)))][ends]
    payload = chain.output_bits[ends].copy()
    payload[-1] = 0.0  # the result stays where it is needed
    names = ("input", *(chain.names[unit] for unit in units), "output")
    return SplitCosts(flops, flops[-1] - flops, payload, energy, names)


def _last_unit(chain: Chain, module: str) -> int:
    tops = [name.partition("[")[0].split(".")[0] for name in chain.names]
    found = [i for i, name in enumerate(chain.names) if module in (name, tops[i])]
    if not found:
        some = ", ".join(chain.names[:12])
        raise InvalidOptionError(f"no unit belongs to the module {module!r}; units: {some}, …")
    return found[-1]


def mobilenet_splits(board: Board = JETSON_TX2) -> SplitCosts:
    """Return the paper's 20 splits of MobileNetV2: raw image, first convolution, 17 bottlenecks, everything."""
    from . import zoo
    from .dnn import LayerTable

    chain = LayerTable.from_module(zoo.build("mobilenet_v2"), zoo.example_input("mobilenet_v2")).chain()
    return split_costs(chain, board, [str(module) for module in range(2, 20)])
