"""Layer tables: what a network costs layer by layer, and where it can be cut.

A table lists the layers of a torch model in execution order with sizes, parameters, MACs and FLOPs, and the graph of
data flow between them. Where exactly one tensor is alive, the network can be cut: between two such points lies a
*unit*, a single layer or a whole residual block. A :class:`Chain` is a network seen as its units, one after the other.

Convention: a multiply-accumulate (MAC) is two FLOPs, as torch's own FLOP counter has it; every other operation counts
one FLOP for each element of its output, and reshaping none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..model.cached import cached_property
from ..model.errors import InvalidProblemError
from .layer import Layer
from .table_reader import read_layers
from .trace import Trace, trace

if TYPE_CHECKING:
    import pandas as pd
    import torch
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class LayerTable:
    """The layers of a network in execution order, and its data flow.

    Attributes
    ----------
    layers : tuple of Layer
        In execution order.
    edges : (edges, 2) int
        Producer and consumer of each tensor; producer -1 is the network's input.
    outputs : tuple of int
        Layers whose results the network returns, in its own order; one for each exit.
    input_bits : float
        Bits of the raw input.

    Examples
    --------
    >>> import torch
    >>> model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU())
    >>> table = LayerTable.from_module(model, torch.zeros(1, 4))
    >>> table.macs, table.parameters, table.names
    (12, 15, ('0', '1'))
    >>> table.chain().output_bits
    array([128.,  96.,  96.])
    """

    layers: tuple[Layer, ...]
    edges: NDArray[np.int64]
    outputs: tuple[int, ...]
    input_bits: float

    @classmethod
    def from_module(cls, model: torch.nn.Module, example_input: Any, word_bits: int = 32) -> LayerTable:
        """Trace `model` on the shapes of `example_input` (a tensor or a tuple of tensors), in eval mode.

        Parameters
        ----------
        word_bits : int
            Bits of one element of a tensor.

        Raises
        ------
        InvalidProblemError
            If the model cannot be traced or the input does not fit.
        """
        if isinstance(word_bits, bool) or not isinstance(word_bits, int) or word_bits < 1:
            raise InvalidProblemError(f"word_bits is {word_bits!r}; expected a whole number of bits, >= 1")
        return cls.of_trace(trace(model, example_input), word_bits)

    @classmethod
    def of_trace(cls, traced: Trace, word_bits: int) -> LayerTable:
        """Return the table of a traced model."""
        return cls(*read_layers(traced, word_bits))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the layers."""
        return tuple(layer.name for layer in self.layers)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one pass."""
        return sum(layer.macs for layer in self.layers)

    @property
    def flops(self) -> int:
        """Floating-point operations of one pass."""
        return sum(layer.flops for layer in self.layers)

    @property
    def parameters(self) -> int:
        """Number of parameters."""
        return sum(layer.parameters for layer in self.layers)

    def frame(self) -> pd.DataFrame:
        """Return one row for each layer, its attributes as columns."""
        import pandas as pd

        return pd.DataFrame([asdict(layer) for layer in self.layers])

    @cached_property
    def cut_points(self) -> NDArray[np.int64]:
        """(cuts,) layers after which exactly one tensor is alive: behind each of them the network can be cut."""
        return np.flatnonzero(self._alive == 1)

    @cached_property
    def _alive(self) -> NDArray[np.int64]:
        """(layers,) number of tensors that are still needed after each layer, results included."""
        count = len(self.layers)
        last = np.full(count + 1, -1)
        np.maximum.at(last, self.edges[:, 0] + 1, self.edges[:, 1])
        for output in self.outputs:
            last[output + 1] = count
        alive = np.zeros(count + 1, np.int64)
        for producer, until in enumerate(last, start=-1):
            if until > producer:
                alive[max(producer, 0)] += 1
                alive[until] -= 1
        return np.cumsum(alive)[:count]

    @property
    def is_chain(self) -> bool:
        """Whether every layer is a unit of its own: the network can be cut behind each of them."""
        return len(self.cut_points) == len(self.layers)

    def chain(self, output: int = -1) -> Chain:
        """Return the network up to one of its outputs as a chain of units.

        Parameters
        ----------
        output : int
            Which output, for a network with several exits.
        """
        try:
            end = self.outputs[output]
        except IndexError as error:
            raise InvalidProblemError(f"output {output} does not exist; the network has {len(self.outputs)}") from error
        return Chain(self._ancestors(end))

    def exits(self) -> tuple[Chain, ...]:
        """Return one chain for each output, in the network's order; common layers have the same names in all."""
        return tuple(self.chain(k) for k in range(len(self.outputs)))

    def _ancestors(self, end: int) -> LayerTable:
        """Return the table of the layers on which the layer `end` depends, itself included."""
        needed = {end}
        for layer in range(end, -1, -1):
            if layer in needed:
                needed |= {int(p) for p in self.edges[self.edges[:, 1] == layer, 0] if p >= 0}
        kept = sorted(needed)
        place = {layer: i for i, layer in enumerate(kept)} | {-1: -1}
        edges = [(place[int(p)], place[int(c)]) for p, c in self.edges if int(c) in place]
        return LayerTable(tuple(self.layers[layer] for layer in kept), np.array(edges), (place[end],), self.input_bits)

    def __repr__(self) -> str:
        units = "a chain" if self.is_chain else f"{len(self.cut_points)} points to cut"
        exits = f", {len(self.outputs)} exits" if len(self.outputs) > 1 else ""
        return (
            f"LayerTable({len(self.layers)} layers, {units}{exits}, {self.macs / 1e6:.4g} M MACs, "
            f"{self.parameters / 1e6:.4g} M parameters)"
        )


@dataclass(frozen=True, eq=False)
class Chain:
    """A network with one output as a chain of units, cut wherever exactly one tensor is alive.

    A reshape costs nothing and changes no size, so it belongs to the unit before it.

    Attributes
    ----------
    table : LayerTable
        Its layers.
    """

    table: LayerTable

    @cached_property
    def ends(self) -> NDArray[np.int64]:
        """(units,) last layer of each unit."""
        cuts = self.table.cut_points
        reshapes = np.array([layer.kind == "reshape" for layer in self.table.layers] + [False])
        ends: NDArray[np.int64] = cuts[~reshapes[cuts + 1]]
        return ends

    @property
    def starts(self) -> NDArray[np.int64]:
        """(units,) first layer of each unit."""
        starts: NDArray[np.int64] = np.r_[0, self.ends[:-1] + 1]
        return starts

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Name of each unit: its layer's, or what the names of its layers have in common."""
        return tuple(_joint_name(self.table.layers[part]) for part in self.parts())

    @cached_property
    def output_bits(self) -> NDArray[np.float64]:
        """(units + 1,) bits of the raw input, then of each unit's output: what crosses a link when it is cut there."""
        return np.array([self.table.input_bits, *(self._alive_bits(int(end)) for end in self.ends)])

    def _alive_bits(self, cut: int) -> float:
        """Bits of the one tensor that is alive behind a cut point."""
        producers = {int(p) for p, c in self.table.edges if p <= cut < c}
        producer = producers.pop() if producers else self.table.outputs[0]
        return self.table.input_bits if producer < 0 else self.table.layers[producer].output_bits

    @property
    def units(self) -> int:
        """Number of units."""
        return int(self.ends.size)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one pass."""
        return self.table.macs

    @property
    def parameters(self) -> int:
        """Number of parameters."""
        return self.table.parameters

    def frame(self) -> pd.DataFrame:
        """Return one row for each layer, with the number of its unit."""
        sizes = np.diff(np.r_[-1, self.ends])
        return self.table.frame().assign(unit=np.repeat(np.arange(self.units), sizes))

    def total(self, values: Sequence[float] | NDArray[Any]) -> NDArray[np.float64]:
        """(units,) sums of values given for each layer."""
        return np.add.reduceat(np.asarray(values, float), self.starts)

    def parts(self) -> list[slice]:
        """Layers of each unit."""
        return [slice(int(first), int(last) + 1) for first, last in zip(self.starts, self.ends, strict=True)]

    def __repr__(self) -> str:
        layers = len(self.table.layers)
        whole = ", no point to cut inside: split its layers as a GraphSplit" if self.units == 1 < layers else ""
        return (
            f"Chain({self.units} unit{'s' * (self.units > 1)} of {layers} layers, {self.macs / 1e6:.4g} M MACs{whole})"
        )


def _joint_name(layers: Sequence[Layer]) -> str:
    """Return the layer's name; of several, their common module path with the first and the last of them."""
    names = [layer.name for layer in layers if layer.kind != "reshape"] or [layers[0].name]
    if len(names) == 1:
        return names[0]
    paths = [name.split(".") for name in names]
    common = []
    for parts in zip(*paths, strict=False):
        if len(set(parts)) > 1:
            break
        common.append(parts[0])
    return f"{'.'.join(common)}[{names[0]}..{names[-1]}]" if common else f"{names[0]}..{names[-1]}"
