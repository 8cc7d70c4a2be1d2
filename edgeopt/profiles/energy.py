"""Energy and delay of a network's layers on edge boards, and what each split of a network costs.

Lahmer et al. (2022, table III), as Labriji et al. (2023, eq. 2 and 4) use it: a convolution takes ``MACs * (a / d_o +
b)`` joule, with ``d_o`` its output channels (its channels, where it is depthwise), a fully connected layer ``MACs *
a'``. A layer takes two FLOPs for each MAC (eq. 3). Layers without products cost neither; other products were not
measured and are refused unless the user says what stands in for them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from ..model.errors import InvalidOptionError, InvalidProblemError
from ..model.records import Record, assign, float_array, number, record

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..model.kept import Floats
    from .dnn import Chain, LayerTable
    from .layer import Layer


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


def layer_energy(table: LayerTable, board: Board, substitute: Mapping[str, str] | None = None) -> NDArray[np.float64]:
    """(layers,) joule of one pass of each layer (eq. 2 and 4).

    Parameters
    ----------
    table : LayerTable
        The network.
    board : Board
        The device.
    substitute : mapping, optional
        For kinds of layers with products that nobody measured (``matmul``, ``attention``, ``recurrent``) the kind whose
        joule per MAC stand in for theirs: ``linear`` takes a product of matrices for a fully connected layer.

    Raises
    ------
    InvalidProblemError
        If a layer with products is of a kind for which there is no formula, or its work is not known.
    """
    table.require_counted()
    return np.array([_joule(layer, board, dict(substitute or {})) for layer in table.layers])


def _joule(layer: Layer, board: Board, substitute: dict[str, str]) -> float:
    if not layer.macs:
        return 0.0
    kind = substitute.get(layer.kind, layer.kind)
    if kind == "linear":
        return layer.macs * board.linear
    a, b = board.convolution
    if kind in ("conv", "depthwise_conv") and layer.out_channels:
        return layer.macs * (a / layer.out_channels + b)
    raise InvalidProblemError(
        f"layer {layer.name} is of kind {layer.kind} with {layer.macs} MACs; Lahmer et al. (2022) measured "
        f"convolutions and fully connected layers only: say what stands in for it, as in "
        f"substitute={{{layer.kind!r}: 'linear'}}"
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


def split_costs(
    chain: Chain, board: Board, after: Sequence[str] | None = None, substitute: Mapping[str, str] | None = None
) -> SplitCosts:
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
    substitute : mapping, optional
        As in :func:`layer_energy`.

    Raises
    ------
    InvalidOptionError
        If no unit belongs to a module of that name.
    InvalidProblemError
        If there is no formula for the energy of a layer.
    """
    units = [_last_unit(chain, name) for name in after] if after is not None else list(range(chain.units - 1))
    ends = np.array([-1, *units, chain.units - 1]) + 1
    flops = np.r_[0.0, np.cumsum(chain.total([2.0 * layer.macs for layer in chain.table.layers]))][ends]
    energy = np.r_[0.0, np.cumsum(chain.total(layer_energy(chain.table, board, substitute)))][ends]
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


@lru_cache(maxsize=16)
def mobilenet_splits(board: Board = JETSON_TX2) -> SplitCosts:
    """Return the paper's 20 splits of MobileNetV2: raw image, first convolution, 17 bottlenecks, everything.

    Each board's are computed once: capturing the network takes seconds.
    """
    from . import zoo
    from .dnn import LayerTable

    chain = LayerTable.from_module(zoo.build("mobilenet_v2"), zoo.example_input("mobilenet_v2")).chain()
    return split_costs(chain, board, [str(module) for module in range(2, 20)])
