"""The last front end: run the model once and record torch's operations as they are dispatched.

What ran is right for the example. It is right for other inputs too unless a number was read from a tensor that depends
on the input (a branch, a loop) or a tensor came from elsewhere (numpy): both are refused. This takes quantised and
scripted models, which ``torch.export`` does not, and modules that are kept whole (:mod:`.opaque`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from . import program as programs
from .aliasing import can_be_rewritten
from .calls import tensors_in
from .opaque import as_operator, call_of, whole

if TYPE_CHECKING:
    import torch
    from torch import fx

    from .calls import Call
    from .program import Program


_CONSTANT = ("aten::lift_fresh", "aten::lift_fresh_copy")
_READING = ("tolist", "numpy", "__array__", "__dlpack__")
"""Ways to read numbers from a tensor that dispatch no operation."""


def recorded(copy: torch.nn.Module, model: torch.nn.Module, call: Call, opaque: Sequence[str] = ()) -> Program:
    """Return what `copy` runs on the example as a program that shares the parameters of `model`.

    Modules named in `opaque` are one operator each.

    Raises
    ------
    ValueError
        If a number is read from a tensor that depends on the input, or a tensor comes from elsewhere.
    """
    import torch
    from torch.overrides import TorchFunctionMode
    from torch.utils._python_dispatch import TorchDispatchMode

    record = _Record(copy, model, call)

    class Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            result = func(*args, **(kwargs or {}))
            record.add(func, args, kwargs or {}, result)
            return result

    class Reader(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if getattr(func, "__name__", "") in _READING:
                record.require_constant(args[0], func.__name__)
            return func(*args, **(kwargs or {}))

    inputs = record.inputs
    modes = Reader(), Recorder()  # type: ignore[no-untyped-call]
    with _watched(copy, record.path), whole(copy, opaque, record.call_whole), modes[0], modes[1]:
        torch.manual_seed(0)
        given = call.with_tensors(inputs)
        results = tensors_in(copy(*given.args, **given.kwargs))
    record.graph.output(tuple(record.node_of(tensor, "the result") for tensor in results))
    if not record.mutates or can_be_rewritten(record.graph):
        return programs.finished(record.held, record.graph, "recorder", dynamic=False)
    if opaque:
        raise ValueError(f"{record.mutates} writes into memory that is read under another name; write a new tensor")
    graph_module = torch.fx.GraphModule(record.held, record.graph)
    exported = torch.export.export(graph_module, tuple(call.fresh().tensors), strict=False).run_decompositions({})
    return programs.from_exported(exported, graph_module, call.names, "recorder", dynamic=False)


@contextmanager
def _watched(model: torch.nn.Module, path: list[tuple[str, str]]) -> Iterator[None]:
    """Keep in `path` the modules that are being called, outermost first."""
    hooks = []
    for name, module in model.named_modules():
        kind = f"{type(module).__module__}.{type(module).__qualname__}"
        try:
            hooks.append(module.register_forward_pre_hook(lambda *_, name=name, kind=kind: path.append((name, kind))))
            hooks.append(module.register_forward_hook(lambda *_: path.pop() and None))
        except RuntimeError:  # scripted modules take no hooks of Python
            continue
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


class _Record:
    """A graph that grows with every operation that runs."""

    def __init__(self, copy: torch.nn.Module, model: torch.nn.Module, call: Call) -> None:
        from torch import fx

        self.graph = fx.Graph()
        self.held: dict[str, Any] = {}
        self.path: list[tuple[str, str]] = []
        self.mutates = ""
        self.paused = False
        self.inputs = call.fresh().tensors
        self._nodes: dict[int, fx.Node] = {}
        self._kept: list[Any] = []  # their ids stay theirs as long as they live
        self._tainted: set[fx.Node] = set()
        self._model = model
        self._attributes = dict(_attributes(copy))
        for name, tensor in zip(call.names, self.inputs, strict=True):
            node = self.graph.placeholder(programs.as_identifier(name))
            self._know(tensor, node)
            self._tainted.add(node)

    def _know(self, value: Any, node: fx.Node) -> None:
        self._nodes[id(value)] = node
        self._kept.append(value)
        if not getattr(value, "is_quantized", True):
            node.meta["val"] = value.detach().to("meta")

    def node_of(self, value: Any, where: str) -> fx.Node:
        """Return the node of a tensor or a packed weight; the model's own become attributes."""
        import torch

        if (node := self._nodes.get(id(value))) is not None:
            return node
        if isinstance(value, torch.ScriptObject):  # packed weights come in a new wrapper every time
            path = self.path[-1][0] if self.path else ""
            place = f"{path}.packed_{len(self.held)}".lstrip(".")
            self.held[place] = value
            return self.graph.get_attr(place)
        if (name := self._attributes.get(id(value))) is None:
            raise ValueError(f"{where} reads a tensor that no operation of torch has made (from numpy, say)")
        node = self.graph.get_attr(name)
        try:
            self.held[name] = programs.attribute(self._model, name)
        except AttributeError:
            self.held[name] = value
        self._know(value, node)
        return node

    def add(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
        """Add one operation that ran."""
        import torch
        from torch import fx
        from torch.utils import _pytree as pytree

        if self.paused:
            return
        name = func._schema.name
        if name in _CONSTANT and id(args[0]) not in self._nodes:
            self._constant(args[0])
        given = pytree.tree_map(
            lambda value: self.node_of(value, name) if isinstance(value, torch.Tensor | torch.ScriptObject) else value,
            (args, kwargs),
        )
        sources: list[fx.Node] = []
        fx.map_arg(given, sources.append)
        tainted = any(source in self._tainted for source in sources)
        if not isinstance(result, torch.Tensor | tuple | list):
            if tainted:
                raise ValueError(f"{name} reads a number from a tensor that depends on the input")
            return
        self.mutates = name if func._schema.is_mutable else self.mutates
        node = self.graph.call_function(func, *given)
        self._finish(node, tainted)
        if isinstance(result, torch.Tensor):
            self._know(result, node)
            return
        self._pieces(node, result, tainted)

    def _pieces(self, node: fx.Node, results: Sequence[Any], tainted: bool) -> None:
        import operator

        import torch

        for index, part in enumerate(results):
            if isinstance(part, torch.Tensor):
                piece = self.graph.call_function(operator.getitem, (node, index))
                self._finish(piece, tainted)
                self._know(part, piece)

    def _constant(self, tensor: torch.Tensor) -> None:
        """Take ``torch.tensor([1.0, 2.0])`` for a constant: no number in it was read from a tensor of the input."""
        name = f"constant_{len(self.held)}"
        self.held[name] = tensor.clone()
        self._know(tensor, self.graph.get_attr(name))

    def require_constant(self, value: Any, how: str) -> None:
        """Raise if numbers are read from a tensor that depends on the input."""
        if not self.paused and self._nodes.get(id(value)) in self._tainted:
            raise ValueError(f"{how} reads numbers from a tensor that depends on the input")

    def call_whole(self, path: str, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run a module that is kept whole, and add it as one operator."""
        if self.paused:
            return forward(*args, **kwargs)
        call = call_of(args, kwargs)
        given = call.tensors
        nodes = tuple(self.node_of(tensor, path) for tensor in given)
        before = [tensor._version for tensor in given]
        self.paused = True
        try:
            result = forward(*args, **kwargs)
            operator = as_operator(programs.attribute(self._model, path), call)
        finally:
            self.paused = False
        if [tensor._version for tensor in given] != before:
            raise ValueError(f"{path}, which is kept whole, writes into its inputs in place")
        name = f"{path.replace('.', '_')}_whole_{len(self.held)}"
        self.held[name] = operator
        node = self.graph.call_module(name, nodes)
        self._finish(node, tainted=True)
        node.meta["opaque"] = path
        self._pieces(node, tensors_in(result), tainted=True)
        return result

    def _finish(self, node: fx.Node, tainted: bool) -> None:
        node.meta["nn_module_stack"] = {name: (name, kind) for name, kind in self.path}
        if tainted:
            self._tainted.add(node)


def _attributes(model: torch.nn.Module) -> Iterator[tuple[int, str]]:
    """Yield identity and path of every tensor that the model holds."""
    import torch

    for path, module in model.named_modules():
        prefix = f"{path}." if path else ""
        for name, value in [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]:
            yield id(value), prefix + name
        for name, value in vars(module).items():
            if isinstance(value, torch.Tensor):
                yield id(value), prefix + name
