"""Names of operators for people: the path of the module in which they run, and what they do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import fx

    from .operators import OperatorGraph

PREFIX = "model."
"""Path of the user's model inside the wrapper that is exported."""


def operator_name(node: fx.Node) -> str:
    """Return the name of a node's operation as torch has it: ``aten::linear``.

    Python's own are called ``operator::add``, modules that are kept whole ``opaque::`` and their path.
    """
    if node.op == "call_module":
        return f"opaque::{node.meta['opaque']}"
    if node.op != "call_function":
        return node.op
    schema = getattr(node.target, "_schema", None)
    if schema is not None:
        return str(schema.name)
    name = getattr(node.target, "name", None)
    plain = getattr(node.target, "__name__", str(node.target)).strip("_")
    return f"higher_order::{name()}" if callable(name) else f"operator::{plain}"


def module_of(node: fx.Node) -> tuple[str, str, str]:
    """Return call, path and class of the innermost module in which a node runs; empty outside of all.

    Calls of one module have different names, the path is the same: ``layer``, ``layer@1``.
    """
    stack = node.meta.get("nn_module_stack") or {}
    for call, (path, kind) in reversed(stack.items()):
        if "torch.fx" in str(path) or str(path).startswith("_empty_nn_module_stack"):
            continue
        name = kind if isinstance(kind, str) else f"{kind.__module__}.{kind.__qualname__}"
        plain = str(path).removeprefix("L['self'].").removeprefix(PREFIX)
        return str(call), "" if plain == PREFIX.rstrip(".") else plain, name
    return "", "", ""


def operator_names(graph: OperatorGraph) -> tuple[str, ...]:
    """Return a name for each operator: ``features.0.conv2d``; numbered where a module runs one more than once."""
    return unique([_name(node) for node in graph.operators])


def _name(node: fx.Node) -> str:
    path = module_of(node)[1]
    plain = function_name(node)
    return f"{path}.{plain}" if path and node.op != "call_module" else plain


def function_name(node: fx.Node) -> str:
    """Return the bare name of an operation: ``add``."""
    return operator_name(node).split("::")[-1].strip("_")


def unique(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names, numbered from 1 where there are several of one."""
    total, seen = Counter(names), Counter[str]()
    result = []
    for name in names:
        seen[name] += 1
        result.append(f"{name}#{seen[name]}" if total[name] > 1 else name)
    return tuple(result)
