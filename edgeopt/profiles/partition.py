"""From decision to deployment: a network cut into one torch module for each tier it visits.

The parts share the network's parameters, run one after the other exactly what the network runs, and hand over the
tensors that cross each cut. Each is a plain ``torch.fx.GraphModule``; ``part.save`` writes it as an exported program.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..formulations.graph_split import GraphSplitDecision
from ..model.errors import InvalidProblemError
from ..model.records import plain
from .capture import Capture, Dynamic, capture
from .capture.parts import Piece, pieces
from .capture.placement import placed_pieces, scheduled
from .capture.ports import Port
from .dnn import LayerTable

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray
    from torch import fx

    from .capture.operators import OperatorGraph
    from .deployment.onnx_parts import OnnxNames


@dataclass(frozen=True)
class Part:
    """A run of layers on one tier.

    Attributes
    ----------
    module : torch.nn.Module
        Computes the part: takes `inputs` as positional arguments, returns `outputs`, a tuple where there are several.
        It refuses tensors of other shapes or types before it runs.
    tier : int
        Where it runs.
    units : tuple of str
        Names of its units.
    inputs, outputs : tuple of Port
        What crosses the cut before it and the one behind it, by name, shape, type and bits; the first part takes the
        network's inputs, the last one gives the result.
    """

    module: torch.nn.Module
    tier: int
    units: tuple[str, ...]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]

    def save(self, path: str | Path) -> None:
        """Write the part to a file for `load_part`, or for torch alone: :mod:`edgeopt.profiles.deployment.files`."""
        from .deployment.files import save_part

        save_part(self, path)

    def save_onnx(self, path: str | Path) -> OnnxNames:
        """Write the part as an ONNX model: :func:`edgeopt.profiles.deployment.onnx_parts.save_onnx`."""
        from .deployment.onnx_parts import save_onnx

        return save_onnx(self, path)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of the first tensor that it takes, batch included."""
        return self.inputs[0].shape

    @property
    def input_dtype(self) -> torch.dtype | None:
        """Type of the first tensor that it takes."""
        return self.inputs[0].dtype

    @property
    def input_bits(self) -> int:
        """Bits that cross the link before it."""
        return sum(port.bits for port in self.inputs)

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Shape of the first tensor that it gives."""
        return self.outputs[0].shape

    @property
    def output_dtype(self) -> torch.dtype | None:
        """Type of the first tensor that it gives."""
        return self.outputs[0].dtype

    @property
    def output_bits(self) -> int:
        """Bits that cross the link behind it."""
        return sum(port.bits for port in self.outputs)


def split_module(
    model: torch.nn.Module | Capture,
    decision: Any,
    example_input: Any = None,
    *,
    exit: int = -1,
    max_tensors: int | None = 1,
    example_kwargs: Mapping[str, Any] | None = None,
    dynamic: Dynamic = "batch",
) -> tuple[Part, ...]:
    """Cut `model` into the parts that `decision` places on different tiers.

    Parameters
    ----------
    model : torch.nn.Module or Capture
        The network; it keeps its parameters, which the parts share. What :func:`~edgeopt.profiles.capture.capture`
        returned is cut without another capture; it brings its own example.
    decision : SplitDecision, (units,) int or GraphSplitDecision
        Tier of each unit of the exit's chain, as ``LayerTable.from_module(…).chain(exit, max_tensors)`` lists them; of
        a ``GraphSplit``, the tier of each layer of the table.
    example_input, example_kwargs, dynamic
        As in :func:`~edgeopt.profiles.capture.capture`.
    exit : int
        Which exit of a network with several; the last by default.
    max_tensors : int or None
        How many tensors may cross a cut, as for the chain.

    Returns
    -------
    tuple of Part
        One for each run of equal tiers; their composition is the network up to that exit, in eval mode: it was compared
        with it on the example. Parts of a ``GraphSplit`` take tensors from any part before them, and are those of all
        results: :func:`run_parts` runs them.

    Raises
    ------
    InvalidProblemError
        If the decision does not fit the chain, or the network cannot be captured.
    """
    captured = model if isinstance(model, Capture) else capture(model, example_input, example_kwargs, dynamic)
    if isinstance(decision, GraphSplitDecision):
        return _placed_parts(captured, decision)
    chain = LayerTable.of(captured).chain(exit, max_tensors)
    tiers = _tiers(decision, exit, chain.units)
    bounds = np.flatnonzero(np.r_[True, tiers[1:] != tiers[:-1], True]).tolist()
    cuts = [int(chain.cuts[chain.ends[last - 1]]) for last in bounds[1:-1]]
    found = pieces(chain.table.cuts, cuts)
    parts = tuple(
        Part(piece.module, int(tiers[first]), chain.names[first:last], piece.inputs, piece.outputs)
        for piece, (first, last) in zip(found, pairwise(bounds), strict=True)
    )
    compare_parts(parts, chain.table.cuts.graph, captured)
    return parts


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


def _placed_parts(captured: Capture, decision: GraphSplitDecision) -> tuple[Part, ...]:
    """Return the parts of a placement of the table's layers."""
    table = LayerTable.of(captured)
    graph = table.cuts.graph
    tiers = decision.tiers
    if tiers.shape != (len(table.layers),) or tiers.min() < 0:
        raise InvalidProblemError(
            f"the decision's tiers have shape {tiers.shape}; expected a tier >= 0 of each of {len(table.layers)}"
        )
    layers = {node: layer for layer, nodes in enumerate(table.nodes) for node in nodes if node in graph.place}
    runs = scheduled(graph, {node: int(tiers[layer]) for node, layer in layers.items()}, layers)
    found = placed_pieces(table.cuts, [run for _, run in runs])
    parts = parts_of_runs(table, layers, runs, found)
    compare_parts(parts, graph, captured)
    return parts


def parts_of_runs(
    table: LayerTable, layers: Mapping[fx.Node, int], runs: Sequence[tuple[int, list[int]]], found: Sequence[Piece]
) -> tuple[Part, ...]:
    """Return the parts of runs of operators, each on a tier, with the names of their layers."""
    operators = table.cuts.graph.operators
    names = [tuple(dict.fromkeys(table.names[layers[operators[i]]] for i in run)) for _, run in runs]
    return tuple(
        Part(piece.module, tier, units, piece.inputs, piece.outputs)
        for piece, (tier, _), units in zip(found, runs, names, strict=True)
    )


def run_parts(parts: Sequence[Part], inputs: Mapping[str, Any]) -> tuple[Any, ...]:
    """Run parts one after the other, each on what it takes from those before it.

    Parameters
    ----------
    parts : sequence of Part
        What :func:`split_module` returns.
    inputs : mapping
        The network's inputs by the names of the parts' ports.

    Returns
    -------
    tuple
        The network's results, in its own order.
    """
    values, results = dict(inputs), dict[int, Any]()
    for part in parts:
        given = part.module(*(values[port.name] for port in part.inputs))
        for port, value in zip(part.outputs, given if len(part.outputs) > 1 else (given,), strict=True):
            values[port.name] = value
            results |= dict.fromkeys(port.result, value)
    return tuple(results[index] for index in sorted(results))


def compare_parts(parts: Sequence[Part], graph: OperatorGraph, captured: Capture) -> None:
    """Raise unless the composition of the parts gives what the captured network gives on the example."""
    import torch

    from .capture.comparison import difference
    from .capture.program import attribute
    from .capture.state import at_rest

    nodes = graph.program.inputs
    given = captured.call.fresh().tensors
    if any(value.is_meta for value in given):
        return
    state = {name: attribute(graph.program.module, name).clone() for name in graph.program.writes}
    with at_rest():
        expected = graph.program.run(captured.call.fresh().tensors)
        _put_back(graph.program.module, state)
        torch.manual_seed(0)
        values = run_parts(parts, {node.name: value for node, value in zip(nodes, given, strict=True)})
        _put_back(graph.program.module, state)
    for ours, index in zip(values, graph.outputs, strict=True):
        if (gap := difference(ours, expected[index])) is not None:
            raise InvalidProblemError(f"the parts differ from the network on the example: result {index} by {gap}")


def _put_back(module: torch.nn.Module, state: Mapping[str, torch.Tensor]) -> None:
    from .capture.program import attribute

    for name, value in state.items():
        attribute(module, name).copy_(value)
