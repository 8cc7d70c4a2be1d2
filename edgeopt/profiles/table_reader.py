"""From a traced model to its layer table: one row for each operation that computes a tensor."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from ..model.errors import InvalidProblemError
from .layer import Layer
from .layer_kinds import kind_of, shape_details

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import fx

    from .trace import Trace


def read_layers(traced: Trace, word_bits: int) -> tuple[tuple[Layer, ...], NDArray[np.int64], tuple[int, ...], float]:
    """Return the layers of a traced model, (edges, 2) producers and consumers, the outputs and the input's bits."""
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
    return tuple(layers), np.array(sorted(set(edges))).reshape(-1, 2), outputs, float(word_bits * raw)


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
