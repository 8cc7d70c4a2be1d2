"""Rewriting of an exported graph, one operation at a time: no checks, no aliases, nothing that writes in place.

``ExportedProgram.run_decompositions({})`` takes apart what may return its argument itself (``reshape``, ``to``, dropout
that is off) and replaces what writes in place (``relu_``, ``y += x``), but it traces the whole graph a second time.
What is replaced here needs no trace; :mod:`.aliasing` tells where that is right.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .aliasing import arguments, functional_twin, gives_argument, is_conversion, is_copied_dropout
from .names import operator_name

if TYPE_CHECKING:
    from torch import fx

_CHECKS = ("_assert", "sym_constrain_range", "_check")
_FILLED = {"zeros": 0, "ones": 1, "empty": 0}
_LIKE_ANOTHER = {"reshape_as": "reshape", "view_as": "view", "expand_as": "expand"}


def rewrite(graph: fx.Graph) -> None:
    """Rewrite a graph in execution order, as far as it is sound."""
    order = {node: index for index, node in enumerate(graph.nodes)}
    for node in list(graph.nodes):
        if node.op != "call_function":
            continue
        name = operator_name(node).split("::")[-1]
        if any(name.startswith(check) for check in _CHECKS):
            graph.erase_node(node)
        elif is_copied_dropout(node):
            _replace(graph, node, _copy(), node.args[:1], {})
        elif gives_argument(node):
            node.replace_all_uses_with(node.args[0])
            graph.erase_node(node)
        elif (twin := functional_twin(node)) is not None:
            _write_elsewhere(graph, node, twin, order)
        elif is_conversion(node):
            _convert(graph, node)
        elif name in _LIKE_ANOTHER:
            _give_sizes(graph, node, _LIKE_ANOTHER[name])
        else:
            _make_by_size(graph, node, name)


def _write_elsewhere(graph: fx.Graph, node: fx.Node, twin: Any, order: dict[fx.Node, int]) -> None:
    """Replace an operation in place by its twin that gives a new tensor, which all later operations read."""
    changed = node.args[0]
    made = _made_before(graph, node, twin, node.args, dict(node.kwargs))
    place = order[node]
    node.replace_all_uses_with(made)
    changed.replace_all_uses_with(made, delete_user_cb=lambda user: order.get(user, -1) > place)  # type: ignore[union-attr]
    graph.erase_node(node)


def _convert(graph: fx.Graph, node: fx.Node) -> None:
    """Replace ``to`` and ``type_as`` by a copy of another type, as torch takes them apart."""
    import torch

    given, made = arguments(node), node.meta["val"]
    source = node.args[0].meta["val"]  # type: ignore[union-attr]
    changes = {key: getattr(made, key) for key in ("dtype", "device") if getattr(made, key) != getattr(source, key)}
    if given.get("memory_format") is not None:
        changes["memory_format"] = given["memory_format"]
    _replace(graph, node, torch.ops.aten._to_copy.default, (node.args[0],), changes)


def _give_sizes(graph: fx.Graph, node: fx.Node, kind: str) -> None:
    """Replace ``expand_as(x, y)`` by ``expand(x, sizes)``: it needs sizes, not `y` itself."""
    import torch

    x, other = node.args
    with graph.inserting_before(node):
        sizes = _sizes(graph, other, node.meta["val"].shape)
    _replace(graph, node, getattr(torch.ops.aten, kind).default, (x, sizes), {})


def _make_by_size(graph: fx.Graph, node: fx.Node, name: str) -> None:
    """Replace ``zeros_like(x)`` and ``x.new_zeros(…)`` by a factory of the size: they need a size, not x itself."""
    import torch

    if name.startswith("new_"):
        kind, size = name.removeprefix("new_"), node.args[1]
    elif name.endswith("_like"):
        kind, size = name.removesuffix("_like"), None
    else:
        return
    if kind not in (*_FILLED, "full"):
        return
    value = _FILLED.get(kind, node.args[-1])
    made = node.meta.get("val")
    if not isinstance(made, torch.Tensor) or made.layout != torch.strided:
        return
    with graph.inserting_before(node):
        size = _sizes(graph, node.args[0], made.shape) if size is None else size
    _replace(graph, node, torch.ops.aten.full.default, (size, value), {"dtype": made.dtype, "device": made.device})


def _replace(graph: fx.Graph, node: fx.Node, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    node.replace_all_uses_with(_made_before(graph, node, target, args, kwargs))
    graph.erase_node(node)


def _made_before(graph: fx.Graph, node: fx.Node, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> fx.Node:
    """Return a new node for an operation, named as torch names those of a trace."""
    plain = str(target._schema.name).split("::")[-1].strip("_")
    with graph.inserting_before(node):
        made = graph.create_node("call_function", target, args, kwargs, name=plain)
    made.meta = dict(node.meta)
    return made


def _copy() -> Any:
    import torch

    return torch.ops.aten.clone.default


def _sizes(graph: fx.Graph, source: Any, shape: Any) -> list[Any]:
    """Return a shape as numbers, and as sizes of `source` where they may change."""
    import torch

    found: list[Any] = []
    for dimension, side in enumerate(shape):
        if isinstance(side, int):
            found.append(side)
        else:
            node = graph.call_function(torch.ops.aten.sym_size.int, (source, dimension))
            node.meta["val"] = side
            found.append(node)
    return found
