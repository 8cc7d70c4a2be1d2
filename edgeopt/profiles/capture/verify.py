"""Program against model: on the example, on other values, and on another size of what may change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .program import PREFIX
from .state import at_rest, first_line, run

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch

    from .calls import Call
    from .program import Program

TOLERANCE = 1e-5
"""Largest difference, relative to the largest magnitude of a result: kernels may add in another order."""


class DifferenceError(Exception):
    """A program gives something else than its model."""


def verify(model: torch.nn.Module, program: Program, call: Call, sizes: list[tuple[int, ...]]) -> list[str]:
    """Compare a program with the settled copy of its model; return notes on what could not be compared.

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
            try:
                expected = run(model, other)
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
    yield "other values", call.with_tensors([_redrawn(tensor, seed) for seed, tensor in enumerate(call.tensors)])
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


def difference(ours: torch.Tensor, theirs: torch.Tensor) -> str | None:
    """Return in words by how much two tensors differ, or None where they agree."""
    import torch

    if ours.shape != theirs.shape or ours.dtype != theirs.dtype:
        shapes = tuple(ours.shape), tuple(theirs.shape)
        return f"its type, {ours.dtype} of shape {shapes[0]} for {theirs.dtype} of shape {shapes[1]}"
    if ours.is_quantized:
        ours, theirs = ours.dequantize(), theirs.dequantize()
    if ours.layout != torch.strided:
        ours, theirs = ours.to_dense(), theirs.to_dense()
    if torch.equal(ours, theirs):
        return None
    wide = torch.complex128 if ours.is_complex() else torch.float64
    a, b = ours.to(wide), theirs.to(wide)
    finite = b.abs()[b.isfinite()]
    scale = float(finite.max()) if finite.numel() else 0.0
    coarse = TOLERANCE if not ours.is_floating_point() else max(TOLERANCE, 8 * torch.finfo(ours.dtype).eps)
    if torch.allclose(a, b, rtol=0.0, atol=coarse * max(scale, 1e-30), equal_nan=True):
        return None
    return f"{float((a - b).abs().nan_to_num().max()):.3g} of {scale:.3g}"


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
