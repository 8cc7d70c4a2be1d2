"""Program against model: on the example, on other values, and on another size of what may change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .comparison import difference
from .names import PREFIX
from .reasons import first_line
from .state import at_rest, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import torch

    from .calls import Call
    from .program import Program

_VALUES = "other values"


class DifferenceError(Exception):
    """A program gives something else than its model."""


def verify(
    model: torch.nn.Module,
    program: Program,
    call: Call,
    sizes: list[tuple[int, ...]],
    fresh: Callable[[], torch.nn.Module] | None = None,
) -> list[str]:
    """Compare a program with the settled copy of its model; return notes on what could not be compared.

    Where calls change attributes of the model, `fresh` makes a copy that was never called: what an attribute keeps of
    the example's values would be a constant of the program, and gives something else than a model that starts with
    other values.

    Raises
    ------
    DifferenceError
        Where they differ, with the first operation that does.
    """
    notes = []
    state = {name: buffer.clone() for name, buffer in model.named_buffers()}
    with at_rest():
        if any(tensor.is_meta for tensor in [*call.tensors, *model.parameters()]):
            return ["the model has no values (meta tensors): its graph was not compared with it"]
        for what, other in _others(call, sizes, program.dynamic):
            running = fresh() if fresh and what == _VALUES else model
            try:
                expected = run(running, other)
            except Exception as error:  # the model may refuse values or sizes that were drawn
                notes.append(f"not compared on {what}: the model refuses it ({first_line(error)})")
                continue
            _compare(model, program, other, expected, what)
            if program.writes:  # once more, from the state that the first call left
                _compare(model, program, other, run(model, other), f"a second call with {what}")
        _restore(model, program, state)
    return notes


def _others(call: Call, sizes: list[tuple[int, ...]], dynamic: bool) -> Iterator[tuple[str, Call]]:
    yield "the example", call
    yield _VALUES, call.with_tensors([_redrawn(tensor, seed) for seed, tensor in enumerate(call.tensors)])
    if dynamic and any(sizes):
        larger = [_longer(tensor, which) for tensor, which in zip(call.tensors, sizes, strict=True)]
        yield f"inputs of shape {[tuple(tensor.shape) for tensor in larger]}", call.with_tensors(larger)


def _redrawn(tensor: torch.Tensor, seed: int) -> torch.Tensor:
    """Return other values of the same range: numbers shuffled with their signs flipped, whole numbers shuffled."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    if tensor.numel() == 0:
        return tensor
    flat = tensor.detach().flatten()
    if tensor.is_floating_point() or tensor.is_complex():
        if bool((flat == flat[0]).all()):
            return torch.randn(tensor.shape, generator=generator).to(tensor)
        flat = -flat
    return flat[torch.randperm(flat.numel(), generator=generator)].view(tensor.shape)


def _longer(tensor: torch.Tensor, dimensions: tuple[int, ...]) -> torch.Tensor:
    """Return a tensor with one more along some dimensions, its first ones repeated."""
    import torch

    for dimension in dimensions:
        size = tensor.shape[dimension]
        tensor = tensor.index_select(dimension, torch.arange(size + 1) % size)
    return tensor


def _compare(model: torch.nn.Module, program: Program, call: Call, expected: list[torch.Tensor], what: str) -> None:
    found = program.run(call.fresh().tensors)
    for index, (ours, theirs) in enumerate(zip(found, expected, strict=False)):
        if (gap := difference(ours, theirs)) is not None:
            raise DifferenceError(
                f"the graph differs from the model on {what}: result {index} by {gap}{_first(model, program, call)}"
            )
    if len(found) != len(expected):
        raise DifferenceError(f"the graph gives {len(found)} tensors on {what}; the model gives {len(expected)}")


def _first(model: torch.nn.Module, program: Program, call: Call) -> str:
    """Name the first module whose result the graph does not give."""
    from torch import fx

    given: dict[str, torch.Tensor] = {}
    hooks = [
        module.register_forward_hook(lambda _, __, result, path=path: _keep(given, path, result))
        for path, module in model.named_modules()
        if path
    ]
    try:
        run(model, call)
    finally:
        for hook in hooks:
            hook.remove()
    last = {}
    for node in program.module.graph.nodes:
        for path, _ in (node.meta.get("nn_module_stack") or {}).values():
            last[str(path).removeprefix(PREFIX)] = node
    ends = {node: path for path, node in last.items() if path in given}
    found: list[str] = []

    class Comparison(fx.Interpreter):
        def run_node(self, n: fx.Node) -> object:
            result = super().run_node(n)
            path = ends.get(n)
            if path and not found and getattr(result, "shape", None) == given[path].shape:
                found.extend([path] if difference(result, given[path]) else [])
            return result

    Comparison(program.module).run(*call.fresh().tensors)
    return f"; the first module that differs is {found[0]}" if found else ""


def _keep(given: dict[str, torch.Tensor], path: str, result: object) -> None:
    import torch

    if isinstance(result, torch.Tensor):
        given[path] = result.detach().clone()


def _restore(model: torch.nn.Module, program: Program, state: dict[str, torch.Tensor]) -> None:
    """Put the buffers of copy and program back to what they were."""
    from .program import attribute

    for name, buffer in model.named_buffers():
        if name in state and state[name].shape == buffer.shape:
            buffer.copy_(state[name])
    for name in program.writes:
        attribute(program.module, name).copy_(state[name])
