"""Layer tables: what a network costs layer by layer, and where it can be cut.

A table lists the layers of a torch model in execution order with sizes, parameters, MACs and FLOPs, and the graph of
data flow between them. Where exactly one tensor is alive, the network can be cut: between two such points lies a
*unit*, a single layer or a whole residual block. A :class:`Chain` is a network seen as its units, one after the other.

Convention: a multiply-accumulate (MAC) is two FLOPs, as torch's own FLOP counter has it; every other operation counts
one FLOP for each element of its output, and reshaping none.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.errors import InvalidProblemError
from .layer_kinds import kind_of, shape_details
from .trace import trace

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    import torch
    from numpy.typing import NDArray
    from torch import fx

    from .trace import Trace


@dataclass(frozen=True)
class Layer:
    """One operation of a network.

    Attributes
    ----------
    name : str
        Path of the module, or the name of the function; unique in its table.
    kind : str
        ``conv``, ``depthwise_conv``, ``linear``, ``relu``, ``maxpool``, ``batchnorm``, ``add``, ``reshape``, …
    input_bits, output_bits : float
        Bits of all tensors that enter, and that leave.
    parameters, macs, flops : int
        Parameters (counted where they are used first), multiply-accumulates, floating-point operations.
    input_shape, output_shape : tuple of int
        Shape of the first tensor that enters, and that leaves.
    kernel, stride : float
        Side of the kernel and step, in elements (geometric mean of both sides); 0 where there is none.
    in_channels, out_channels, groups : int
        Channels (features of linear layers) and groups; 0 where there are none.
    """

    name: str
    kind: str
    input_bits: float
    output_bits: float
    parameters: int
    macs: int
    flops: int
    input_shape: tuple[int, ...] = ()
    output_shape: tuple[int, ...] = ()
    kernel: float = 0.0
    stride: float = 0.0
    in_channels: int = 0
    out_channels: int = 0
    groups: int = 0


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
        return read_table(trace(model, example_input), word_bits)

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


def read_table(traced: Trace, word_bits: int) -> LayerTable:
    """Return the layer table of a traced model."""
    operations = traced.operations
    place = {node: index for index, node in enumerate(operations)}
    names = _unique([_name(node) for node in operations])
    counted: set[int] = set()
    layers, edges = [], []
    for index, node in enumerate(operations):
        sources = producers(traced, node)
        edges += [(place.get(source, -1), index) for source in sources]
        layers.append(_layer(traced, node, names[index], sources, counted, word_bits))
    outputs = tuple(place[node] for node in traced.outputs() if node in place)
    if not outputs:
        raise InvalidProblemError("the model returns its input: there is no layer to place")
    raw = sum(found.elements for node, found in traced.returns.items() if node.op == "placeholder")
    return LayerTable(tuple(layers), np.array(sorted(set(edges))).reshape(-1, 2), outputs, float(word_bits * raw))


def producers(traced: Trace, node: fx.Node) -> list[fx.Node]:
    """Nodes whose tensors `node` reads, also through sizes and other numbers taken from them."""
    found: list[fx.Node] = []
    for source in node.all_input_nodes:
        if source in traced.returns:
            found.append(source)
        elif source.op != "get_attr":
            found += producers(traced, source)
    return list(dict.fromkeys(found))


def _layer(traced: Trace, node: fx.Node, name: str, sources: list[fx.Node], counted: set[int], word_bits: int) -> Layer:
    returned = traced.returns[node]
    entering = [traced.returns[source] for source in sources]
    flops = traced.flops[node]
    kind = kind_of(traced.module, node)
    elementwise = 0 if kind == "reshape" else returned.elements
    return Layer(
        name=name,
        kind=kind,
        input_bits=float(word_bits * sum(tensors.elements for tensors in entering)),
        output_bits=float(word_bits * returned.elements),
        parameters=_new_parameters(traced, node, counted),
        macs=flops // 2,
        flops=flops or elementwise,
        input_shape=entering[0].shapes[0] if entering else (),
        output_shape=returned.shapes[0],
        **shape_details(traced.module, node),
    )


def _new_parameters(traced: Trace, node: fx.Node, counted: set[int]) -> int:
    """Parameters that no layer before has used."""
    used = []
    if node.op == "call_module":
        used = list(traced.module.get_submodule(str(node.target)).parameters())
    for source in node.all_input_nodes:
        if source.op == "get_attr":
            value = _attribute(traced.module, str(source.target))
            used += [value] if getattr(value, "requires_grad", None) is not None and _is_parameter(value) else []
    fresh = [value for value in used if id(value) not in counted]
    counted |= {id(value) for value in fresh}
    return sum(math.prod(value.shape) for value in {id(v): v for v in fresh}.values())


def _attribute(module: Any, path: str) -> Any:
    for part in path.split("."):
        module = getattr(module, part)
    return module


def _is_parameter(value: Any) -> bool:
    import torch

    return isinstance(value, torch.nn.Parameter)


def _name(node: fx.Node) -> str:
    if node.op == "call_module":
        return str(node.target)
    stack = list((node.meta.get("nn_module_stack") or {}).values())
    inside = str(stack[-1][0]) if stack else ""
    return f"{inside}.{node.name}" if inside else node.name


def _unique(names: list[str]) -> list[str]:
    """Return the names, numbered where a module is called more than once."""
    total, seen = Counter(names), Counter[str]()
    result = []
    for name in names:
        seen[name] += 1
        result.append(f"{name}#{seen[name]}" if total[name] > 1 else name)
    return result
