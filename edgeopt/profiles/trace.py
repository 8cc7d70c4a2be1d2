"""Tracing: a torch model as a graph of operations with the size of every tensor and the work of every operation.

``torch.fx`` traces module by module; where a model's control flow defeats it, ``torch.export`` traces the operations of
the given example. Nothing is computed: shapes and FLOPs come from fake tensors, so VGG-16 takes no longer than AlexNet.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..model.errors import InvalidProblemError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch
    from torch import fx


@dataclass(frozen=True)
class Tensors:
    """What an operation returns: one tensor, or several.

    Attributes
    ----------
    shapes : tuple of tuples
        Shape of each tensor.
    dtype : torch.dtype
        Type of the first.
    """

    shapes: tuple[tuple[int, ...], ...]
    dtype: torch.dtype

    @property
    def elements(self) -> int:
        """Number of elements of all tensors."""
        total = 0
        for shape in self.shapes:
            size = 1
            for side in shape:
                size *= side
            total += size
        return total

    @property
    def bits(self) -> int:
        """Bits of all tensors in their own type."""
        return 8 * self.dtype.itemsize * self.elements


@dataclass
class Trace:
    """A model's graph with what its nodes return and cost.

    Attributes
    ----------
    module : torch.fx.GraphModule
        The traced model; its parameters are the original's.
    returns : dict
        For each node that returns tensors, what it returns.
    flops : dict
        For each operation, the FLOPs of its multiply-accumulates (two each, torch's FLOP counter).
    """

    module: fx.GraphModule
    returns: dict[fx.Node, Tensors] = field(default_factory=dict)
    flops: dict[fx.Node, int] = field(default_factory=dict)

    @property
    def operations(self) -> list[fx.Node]:
        """Nodes that compute tensors, in execution order."""
        return [node for node in self.returns if node.op.startswith("call_")]

    def outputs(self) -> list[fx.Node]:
        """Nodes that the model returns, in order; one for each exit."""
        from torch import fx

        found: list[fx.Node] = []
        output = next(node for node in self.module.graph.nodes if node.op == "output")
        fx.map_arg(output.args, found.append)
        return found


def trace(model: torch.nn.Module, example_input: Any) -> Trace:
    """Trace `model` in eval mode on the shapes of `example_input` (a tensor or a tuple of tensors); nothing changes.

    Raises
    ------
    InvalidProblemError
        If the input is missing or no tensor, the model rejects it, or neither tracer takes the model.
    """
    import torch

    inputs = example_input if isinstance(example_input, tuple) else (example_input,)
    if not isinstance(model, torch.nn.Module):
        raise InvalidProblemError(f"model is a {type(model).__name__}; expected a torch.nn.Module")
    for index, value in enumerate(inputs):
        if not isinstance(value, torch.Tensor):
            raise InvalidProblemError(
                f"example_input[{index}] is a {type(value).__name__}; expected a tensor, or a tuple of tensors"
            )
    with _at_rest(model):
        module = _graph(model, inputs)
        found = Trace(module)
        _propagate(found, inputs)
    for index, node in enumerate(found.outputs()):
        if node not in found.returns:
            raise InvalidProblemError(f"output {index} of the model is no tensor; a model returns tensors, one an exit")
    return found


@contextmanager
def _at_rest(model: torch.nn.Module) -> Iterator[None]:
    """Put every module into eval mode, without gradients and without fused kernels that hide their operations."""
    import torch

    modes = {module: module.training for module in model.modules()}
    fused = torch.backends.mha.get_fastpath_enabled()
    model.eval()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.no_grad():
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
        for module, training in modes.items():
            module.training = training


def _graph(model: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> fx.GraphModule:
    import torch
    from torch import fx

    try:
        return fx.symbolic_trace(model)
    except Exception as first:  # whatever a model's own code raises when its tensors are symbols
        try:
            return torch.export.export(model, inputs).module()
        except Exception as second:
            raise InvalidProblemError(
                f"{type(model).__name__} can be traced neither by torch.fx ({_line(first)}) nor by torch.export "
                f"({_line(second)}); does it take an input of shape {[tuple(value.shape) for value in inputs]}?"
            ) from second


def _line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _propagate(found: Trace, inputs: tuple[torch.Tensor, ...]) -> None:
    """Run the graph on fake tensors; note what every node returns and costs."""
    import torch
    from torch import fx
    from torch._subclasses.fake_tensor import FakeTensorMode
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    class Propagation(fx.Interpreter):
        def run_node(self, n: fx.Node) -> Any:
            with FlopCounterMode(display=False) as counter:
                result = super().run_node(n)
            if (tensors := _tensors(result)) is not None and n.op not in ("output", "get_attr"):
                found.returns[n] = tensors
                found.flops[n] = counter.get_total_flops()
            return result

    def _tensors(result: Any) -> Tensors | None:
        parts = result if isinstance(result, (tuple, list)) else (result,)
        leaves = [part for part in parts if isinstance(part, torch.Tensor)]
        if not leaves or any(isinstance(part, (tuple, list)) for part in parts):
            leaves = [leaf for leaf in torch.utils._pytree.tree_leaves(result) if isinstance(leaf, torch.Tensor)]
        return Tensors(tuple(tuple(leaf.shape) for leaf in leaves), leaves[0].dtype) if leaves else None

    mode = FakeTensorMode(allow_non_fake_inputs=True)
    # The plain kernel of attention is matrix products, which the counter knows; its fused kernels it does not.
    with mode, sdpa_kernel(SDPBackend.MATH):
        fakes = [mode.from_tensor(value) for value in inputs]
        try:
            Propagation(found.module).run(*fakes)
        except Exception as error:
            shapes = [tuple(value.shape) for value in inputs]
            raise InvalidProblemError(f"the model does not take an input of shape {shapes}: {_line(error)}") from error
