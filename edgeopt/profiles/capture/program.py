"""A captured model: a graph of torch's own operations without side effects, and the model's parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .names import PREFIX
from .rewriting import rewrite

if TYPE_CHECKING:
    import torch
    from torch import fx


@dataclass
class Program:
    """A functional graph.

    Attributes
    ----------
    module : torch.fx.GraphModule
        Takes the tensors of a call, returns a tuple of the tensors of the result; its parameters are the model's.
    writes : dict
        Nodes whose values a call leaves in buffers, by the buffers' names.
    route : str
        How it was captured: ``export``, ``strict export`` or ``recorder``.
    dynamic : bool
        Whether its graph holds for other sizes of the dimensions that may change.
    """

    module: fx.GraphModule
    route: str
    dynamic: bool
    writes: dict[str, fx.Node] = field(default_factory=dict)

    @property
    def inputs(self) -> list[fx.Node]:
        """Placeholders, in the order of the call's tensors."""
        return [node for node in self.module.graph.nodes if node.op == "placeholder"]

    @property
    def outputs(self) -> list[fx.Node]:
        """Nodes of the results, in their order."""
        return list(self._results()[: self._count])

    @property
    def _count(self) -> int:
        return len(self._results()) - len(self.writes)

    def _results(self) -> tuple[fx.Node, ...]:
        (results,) = self.module.graph.output_node().args
        return tuple(results)  # type: ignore[arg-type]

    def run(self, tensors: list[torch.Tensor]) -> list[torch.Tensor]:
        """Return the results for a call's tensors; buffers are written, as a call of the model writes them."""
        import torch

        torch.manual_seed(0)
        found = list(self.module(*tensors))
        for name, value in zip(self.writes, found[self._count :], strict=True):
            attribute(self.module, name).copy_(value)
        return found[: self._count]


def attribute(module: torch.nn.Module, path: str) -> Any:
    """Return the attribute of a module at a dotted path."""
    found: Any = module
    for part in path.split("."):
        found = getattr(found, part)
    return found


def from_exported(
    exported: torch.export.ExportedProgram, model: torch.nn.Module, names: Sequence[str], route: str, dynamic: bool
) -> Program:
    """Return an exported program as a graph that reads the parameters of `model` as attributes.

    `names` are those of the call's tensors, which the graph's inputs get.
    """
    from torch import fx
    from torch.export.graph_signature import InputKind, OutputKind

    held: dict[str, Any] = {}
    graph, copies = fx.Graph(), dict[fx.Node, fx.Node]()
    signature, inputs = exported.graph_signature, iter(names)
    for spec, node in zip(signature.input_specs, _placeholders(exported.graph), strict=True):
        if spec.kind is InputKind.USER_INPUT:
            copies[node] = graph.placeholder(as_identifier(next(inputs)))
        else:
            target = str(spec.target if spec.target is not None else node.name)
            name, value = _held(exported, model, target)
            held[name] = value
            copies[node] = graph.get_attr(name)
        copies[node].meta = dict(node.meta)
    for node in exported.graph.nodes:
        if node.op == "call_function":
            copies[node] = graph.node_copy(node, copies.__getitem__)
        elif node.op == "get_attr":  # a branch of torch.cond
            held[node.target] = attribute(exported.graph_module, node.target)
            copies[node] = graph.get_attr(node.target)
            copies[node].meta = dict(node.meta)
    results, writes = [], {}
    for out, value in zip(signature.output_specs, exported.graph.output_node().args[0], strict=True):
        if out.kind is OutputKind.BUFFER_MUTATION:
            writes[str(out.target).removeprefix(PREFIX)] = copies[value]
        elif out.kind is OutputKind.USER_OUTPUT and isinstance(value, fx.Node):
            results.append(copies[value])
    _own_buffers(held, writes)
    graph.output((*results, *writes.values()))
    return finished(held, graph, route, dynamic, writes)


def as_identifier(name: str) -> str:
    """Return the name of a tensor of a call as Python allows it: ``batch['left']`` as ``batch_left``."""
    return re.sub(r"\W+", "_", name).strip("_") or "x"


def _placeholders(graph: fx.Graph) -> list[fx.Node]:
    return [node for node in graph.nodes if node.op == "placeholder"]


def _held(exported: torch.export.ExportedProgram, model: torch.nn.Module, target: str) -> tuple[str, Any]:
    """Return name and value of a parameter, buffer or constant: the user's own tensor wherever the model has it."""
    name = target.removeprefix(PREFIX)
    try:
        return name, attribute(model, name)
    except AttributeError:
        found: Mapping[str, Any] = exported.constants | exported.state_dict
        return name, found[target]


def _own_buffers(held: dict[str, Any], writes: Mapping[str, Any]) -> None:
    """Copy the buffers that a call changes: the program has a state of its own, the model keeps its."""
    for name in writes:
        held[name] = held[name].clone()


def finished(
    held: dict[str, Any], graph: fx.Graph, route: str, dynamic: bool, writes: dict[str, fx.Node] | None = None
) -> Program:
    """Return the program of a graph, rewritten (:mod:`.rewriting`) and without dead operations."""
    from torch import fx

    rewrite(graph)
    writes = dict(writes or {})
    if writes:  # aliases among them may have been replaced
        results = graph.output_node().args[0]
        writes = dict(zip(writes, results[-len(writes) :], strict=True))  # type: ignore[index, arg-type]
    for node in reversed(graph.nodes):
        if not node.users and node.op not in ("placeholder", "output"):
            graph.erase_node(node)
    used = {node.target for node in graph.nodes if node.op in ("get_attr", "call_module")}
    module = fx.GraphModule({name: value for name, value in held.items() if name in used}, graph)
    return Program(module, route, dynamic, writes)
