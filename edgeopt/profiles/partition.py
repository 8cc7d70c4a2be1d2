"""From decision to deployment: a network cut into one torch module for each tier it visits.

The parts share the network's parameters, run one after the other exactly what the network runs, and hand over one
tensor at each cut. Each is a plain ``torch.fx.GraphModule``: it can be moved, saved or exported like any module.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from ..model.errors import InvalidProblemError
from ..model.records import plain
from .dnn import Chain, LayerTable
from .trace import trace

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray
    from torch import fx

    from .trace import Trace


@dataclass(frozen=True)
class Part:
    """A run of layers on one tier.

    Attributes
    ----------
    module : torch.nn.Module
        Computes the part; takes the tensor of the cut before it (the first part: the network's inputs).
    tier : int
        Where it runs.
    units : tuple of str
        Names of its units.
    input_shape, output_shape : tuple of int
        Shape of the tensor that it takes and gives, batch included.
    input_dtype, output_dtype : torch.dtype
        Their types.
    input_bits, output_bits : int
        Bits that cross the link before and behind it.
    """

    module: torch.nn.Module
    tier: int
    units: tuple[str, ...]
    input_shape: tuple[int, ...]
    input_dtype: torch.dtype
    input_bits: int
    output_shape: tuple[int, ...]
    output_dtype: torch.dtype
    output_bits: int


def split_module(model: torch.nn.Module, decision: Any, example_input: Any, *, exit: int = -1) -> tuple[Part, ...]:
    """Cut `model` into the parts that `decision` places on different tiers.

    Parameters
    ----------
    model : torch.nn.Module
        The network; it keeps its parameters, which the parts share.
    decision : SplitDecision or (units,) int
        Tier of each unit of the exit's chain, as ``LayerTable.from_module(…).exits()`` lists them.
    example_input : torch.Tensor or tuple of them
        Sets the shapes of the tensors that cross the cuts.
    exit : int
        Which exit of a network with several; the last by default.

    Returns
    -------
    tuple of Part
        One for each run of equal tiers; their composition is the network up to that exit, in eval mode.

    Raises
    ------
    InvalidProblemError
        If the decision does not fit the chain, or the network cannot be traced.
    """
    traced = trace(model, example_input)
    table = LayerTable.of_trace(traced, 32)
    chain = table.chain(exit)
    tiers = _tiers(decision, exit, chain.units)
    operations = dict(zip(table.names, traced.operations, strict=True))
    bounds = np.flatnonzero(np.r_[True, tiers[1:] != tiers[:-1], True])
    cutter = _Cutter(traced, chain, operations)
    return tuple(cutter.part(int(first), int(last), int(tiers[first])) for first, last in pairwise(bounds))


def _tiers(decision: Any, exit: int, units: int) -> NDArray[np.int64]:
    given = decision
    if hasattr(decision, "tiers"):
        if not -len(decision.tiers) <= exit < len(decision.tiers):
            raise InvalidProblemError(f"exit is {exit}; the decision has {len(decision.tiers)} exits")
        given = decision.tiers[exit]
    tiers = plain(given, "the decision")
    if tiers.shape != (units,) or tiers.dtype.kind not in "iu":
        raise InvalidProblemError(
            f"the decision is {tiers.dtype} of shape {tiers.shape}; expected one integer tier for each of {units} units"
        )
    if tiers.min() < 0:
        unit = int(tiers.argmin())
        raise InvalidProblemError(f"the tier of unit {unit} is {tiers[unit]}; tiers count from 0")
    return tiers.astype(np.int64)


class _Cutter:
    """Copies runs of units of one exit's chain into graphs of their own."""

    def __init__(self, traced: Trace, chain: Chain, operations: dict[str, fx.Node]) -> None:
        self.traced, self.chain = traced, chain
        self.nodes = [operations[layer.name] for layer in chain.table.layers]
        self.inputs = [node for node in traced.returns if node.op == "placeholder"]

    def part(self, first: int, last: int, tier: int) -> Part:
        """Return the part of the units from `first` up to, not including, `last`."""
        parts = self.chain.parts()
        nodes = self.nodes[parts[first].start : parts[last - 1].stop]
        entering = self.inputs if first == 0 else [self._handed_over(parts[first - 1].stop - 1)]
        leaving = self._handed_over(parts[last - 1].stop - 1)
        module = self._module(nodes, entering, leaving)
        given, taken = self.traced.returns[leaving], [self.traced.returns[node] for node in entering]
        return Part(
            module,
            tier,
            self.chain.names[first:last],
            taken[0].shapes[0],
            taken[0].dtype,
            sum(tensors.bits for tensors in taken),
            given.shapes[0],
            given.dtype,
            given.bits,
        )

    def _handed_over(self, end: int) -> fx.Node:
        """Return the node whose tensor is the one that is alive behind layer `end`."""
        edges = self.chain.table.edges
        alive = edges[(edges[:, 0] <= end) & (edges[:, 1] > end), 0]
        return self.nodes[int(alive[0])] if alive.size else self.nodes[end]

    def _module(self, nodes: list[fx.Node], entering: list[fx.Node], leaving: fx.Node) -> fx.GraphModule:
        from torch import fx

        graph = fx.Graph()
        copies = {node: graph.placeholder(node.name) for node in entering}
        own = set(nodes)

        def copied(node: fx.Node) -> fx.Node:
            """Copy what a node needs before it: parameters, and numbers such as the size of a tensor of this part."""
            if node not in copies:
                if node in self.traced.returns and node not in own:
                    raise InvalidProblemError(
                        f"{node.name} is needed behind a cut that does not hand it over; keep its units on one tier"
                    )
                copies[node] = graph.node_copy(node, copied)
            return copies[node]

        for node in nodes:
            copied(node)
        graph.output(copied(leaving))
        module = fx.GraphModule(self.traced.module, graph)
        module.train(self.traced.module.training)
        return module
