"""Parameters that an operator uses, also through constants (a normalised weight) and in packed form (quantised)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .program import attribute

if TYPE_CHECKING:
    from torch import fx

    from .operators import OperatorGraph


def parameter_sizes(graph: OperatorGraph, operator: fx.Node) -> dict[int, int]:
    """Return number of elements by identity of each parameter on which an operator depends directly."""
    found: dict[int, int] = {}
    if operator.op == "call_module":
        found |= {id(p): p.numel() for p in attribute(graph.program.module, str(operator.target)).parameters()}
    for source in graph.constants(operator):
        if source.op == "get_attr":
            found |= _sizes(attribute(graph.program.module, str(source.target)))
    return found


def _sizes(value: Any) -> dict[int, int]:
    import torch

    if isinstance(value, torch.nn.Parameter):
        return {id(value): value.numel()}
    if isinstance(value, torch.ScriptObject) and hasattr(value, "unpack"):
        parts = [part for part in value.unpack() if isinstance(part, torch.Tensor)]
        return {id(value): sum(part.numel() for part in parts)}
    return {}
