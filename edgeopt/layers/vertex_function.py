"""The vertex of a linear program as a differentiable function, for torch's reverse and forward mode and its vmap.

At a vertex the derivative is one matrix for as long as the basis stands. So backward is a linear map of its own,
`Pull`, and its transpose, `_Push`, is the forward derivative: each is the derivative of the other, and second
derivatives follow.
With ``W`` the rows that bind and the columns that are basic, ``h = W'^-1 g_S`` and ``k = W^-1 w_R`` the gradients of
points and duals pulled back, the matrix has the gradient ``-(h x' + y k')``.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import torch
from torch.autograd import Function

from ..solvers.compiled.lp_batch import OPTIMAL
from .vertex_maps import ANSWER, PRICE, as_array, basis_of, kinds, pulled, pushed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from .given import Call
    from .lp import LinearProgramLayer


def solve(layer: LinearProgramLayer, call: Call, *values: Tensor) -> tuple[Tensor, ...]:
    """Return vertices (batch, columns), row duals (batch, rows), statuses of both, and how each ended."""
    found = layer.vertices(call, values)
    device = values[0].device if values else torch.device("cpu")
    # Neither shares memory with what the layer keeps.
    point, dual = (torch.from_numpy(part.copy()).to(device) for part in (found.point, found.dual))
    return point, dual, *(torch.from_numpy(p) for p in (found.bases.columns, found.bases.rows, found.ended))


def pull(
    layer: LinearProgramLayer,
    call: Call,
    wanted: tuple[str, ...],
    columns: Tensor,
    rows: Tensor,
    ended: Tensor,
    matrix: Tensor | None,
    of_point: Tensor | None,
    of_dual: Tensor | None,
) -> tuple[Tensor, ...]:
    """Pull gradients of points and row duals back to what `wanted` names."""
    device = next(part.device for part in (of_point, of_dual) if part is not None)
    given = [None if part is None else as_array(part) for part in (of_point, of_dual)]
    found = pulled(layer, call, wanted, basis_of(columns, rows, ended, matrix), *given)
    return tuple(torch.from_numpy(array).to(device) for array in found)


def vertex(layer: LinearProgramLayer, call: Call, *values: Tensor | None) -> tuple[Tensor, ...]:
    """Do the same, differentiable."""
    found: tuple[Tensor, ...] = _Vertex.apply(layer, call, *values)  # type: ignore[no-untyped-call]
    return found


def _pull(
    layer: LinearProgramLayer, call: Call, wanted: tuple[str, ...], *tensors: Tensor | None
) -> tuple[Tensor, ...]:
    if not torch.is_grad_enabled():  # backward for the first derivative only: nothing is to be recorded
        return pull(layer, call, wanted, *tensors)  # type: ignore[arg-type]
    found: tuple[Tensor, ...] = _Pull.apply(layer, call, wanted, *tensors)  # type: ignore[no-untyped-call]
    return found


def _push(
    layer: LinearProgramLayer, call: Call, wanted: tuple[str, ...], *tensors: Tensor | None
) -> tuple[Tensor, ...]:
    found: tuple[Tensor, ...] = _Push.apply(layer, call, wanted, *tensors)  # type: ignore[no-untyped-call]
    return found


class _Vertex(Function):
    """Optimal vertices and their row duals, with the statuses of columns and rows and how each instance ended."""

    @staticmethod
    def forward(layer: LinearProgramLayer, call: Call, *values: Tensor) -> tuple[Tensor, ...]:
        return solve(layer, call, *values)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        layer, call, *values = inputs
        point, dual, *basis = output
        ctx.mark_non_differentiable(*basis)
        ctx.set_materialize_grads(False)
        ctx.layer, ctx.call = layer, call
        ctx.shared = [value.shape[0] == 1 for value in values]
        own = (values[call.names.index("matrix")], point, dual) if "matrix" in call.names else ()
        ctx.save_for_backward(*basis, *own)
        ctx.save_for_forward(*basis, *own)

    @staticmethod
    def backward(ctx: Any, of_point: Tensor | None, of_dual: Tensor | None, *_: None) -> Any:
        layer, call = ctx.layer, ctx.call
        needed = [name for name, need in zip(call.names, ctx.needs_input_grad[2:], strict=True) if need]
        if of_point is None and of_dual is None:
            return (None,) * (2 + len(call.names))
        if "cost" in needed and not call.duals:
            layer.warn_of_frozen_costs()
        columns, rows, ended, *own = ctx.saved_tensors
        wanted = kinds(call, needed)
        basis = columns, rows, ended, own[0] if own else None
        pulled = dict(zip(wanted, _pull(layer, call, wanted, *basis, of_point, of_dual), strict=True))
        pulled = gathered(layer, call, pulled, ended, own[1:])
        gradients = [
            None if name not in needed else summed(pulled[name], shared)
            for name, shared in zip(call.names, ctx.shared, strict=True)
        ]
        return None, None, *gradients

    @staticmethod
    def jvp(ctx: Any, _layer: None, _call: None, *tangents: Tensor | None) -> Any:
        layer, call = ctx.layer, ctx.call
        columns, rows, ended, *own = ctx.saved_tensors
        moved = {name: t for name, t in zip(call.names, tangents, strict=True) if t is not None}
        if "matrix" in moved:
            moved[PRICE], moved[ANSWER] = layer.shifts(call, moved.pop("matrix"), own[1], own[2])
        wanted, batch = tuple(moved), columns.shape[0]
        full = [t.expand(batch, -1) for t in moved.values()]
        point, dual = _push(layer, call, wanted, columns, rows, ended, own[0] if own else None, *full)
        return point, dual, None, None, None

    @staticmethod
    def vmap(info: Any, in_dims: tuple[Any, ...], layer: LinearProgramLayer, call: Call, *values: Tensor) -> Any:
        flat = flattened(info.batch_size, in_dims[2:], values)
        return _split(vertex(layer, call.wider(info.batch_size), *flat), info.batch_size)


class _Pull(Function):
    """Gradients of points and row duals, pulled back to what `wanted` names; linear in them."""

    @staticmethod
    def forward(layer: LinearProgramLayer, call: Call, wanted: tuple[str, ...], *tensors: Any) -> tuple[Tensor, ...]:
        return pull(layer, call, wanted, *tensors)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        ctx.layer, ctx.call, ctx.wanted, columns, rows, ended, matrix, *_ = inputs
        ctx.set_materialize_grads(False)
        own = () if matrix is None else (matrix, output[-2], output[-1])
        ctx.save_for_backward(columns, rows, ended, *own)
        ctx.save_for_forward(columns, rows, ended, *own)

    @staticmethod
    def backward(ctx: Any, *moves: Tensor | None) -> Any:
        columns, rows, ended, *own = ctx.saved_tensors
        given = {kind: move for kind, move in zip(ctx.wanted, moves, strict=True) if move is not None}
        if not given:
            return (None,) * 9
        basis = columns, rows, ended, own[0] if own else None
        point, dual = _push(ctx.layer, ctx.call, tuple(given), *basis, *given.values())
        of_matrix = None
        if own and ctx.needs_input_grad[6]:
            of_matrix = summed(ctx.layer.outer(ctx.call, own[1], point, dual, own[2]), own[0].shape[0] == 1)
        return *(None,) * 6, of_matrix, point, dual

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Any:
        of_matrix, of_point, of_dual = tangents[6:]
        columns, rows, ended, *own = ctx.saved_tensors
        if of_matrix is not None:
            shift = ctx.layer.shifts(ctx.call, of_matrix, own[2], own[1])
            of_dual, of_point = (_sum_of(a, b) for a, b in zip((of_dual, of_point), shift, strict=True))
        if of_point is None and of_dual is None:
            return (None,) * len(ctx.wanted)
        basis = columns, rows, ended, own[0] if own else None
        return _pull(ctx.layer, ctx.call, ctx.wanted, *basis, of_point, of_dual)

    @staticmethod
    def vmap(info: Any, in_dims: tuple[Any, ...], layer: Any, call: Call, wanted: Any, *tensors: Tensor | None) -> Any:
        flat = flattened(info.batch_size, in_dims[3:], tensors)
        return _split(_pull(layer, call.wider(info.batch_size), wanted, *flat), info.batch_size)


class _Push(Function):
    """Changes of parameters, pushed forward to points and row duals; linear in them."""

    @staticmethod
    def forward(
        layer: LinearProgramLayer,
        call: Call,
        wanted: tuple[str, ...],
        columns: Tensor,
        rows: Tensor,
        ended: Tensor,
        matrix: Tensor | None,
        *moves: Tensor,
    ) -> tuple[Tensor, Tensor]:
        device = moves[0].device if moves else torch.device("cpu")
        given = {kind: as_array(move) for kind, move in zip(wanted, moves, strict=True)}
        point, dual = pushed(layer, call, given, basis_of(columns, rows, ended, matrix))
        return torch.from_numpy(point).to(device), torch.from_numpy(dual).to(device)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
        ctx.layer, ctx.call, ctx.wanted, columns, rows, ended, matrix, *_ = inputs
        ctx.set_materialize_grads(False)
        own = () if matrix is None else (matrix, *output)
        ctx.save_for_backward(columns, rows, ended, *own)
        ctx.save_for_forward(columns, rows, ended, *own)

    @staticmethod
    def backward(ctx: Any, of_point: Tensor | None, of_dual: Tensor | None) -> Any:
        columns, rows, ended, *own = ctx.saved_tensors
        if of_point is None and of_dual is None:
            return (None,) * (7 + len(ctx.wanted))
        plain = tuple(kind for kind in ctx.wanted if kind not in (PRICE, ANSWER))
        wanted = (*plain, PRICE, ANSWER)
        basis = columns, rows, ended, own[0] if own else None
        found = dict(zip(wanted, _pull(ctx.layer, ctx.call, wanted, *basis, of_point, of_dual), strict=True))
        of_matrix = None
        if own and ctx.needs_input_grad[6]:
            of_matrix = summed(
                ctx.layer.outer(ctx.call, found[PRICE], own[1], own[2], found[ANSWER]), own[0].shape[0] == 1
            )
        return *(None,) * 6, of_matrix, *(found[kind] for kind in ctx.wanted)

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Any:
        of_matrix, *moves = tangents[6:]
        columns, rows, ended, *own = ctx.saved_tensors
        moved = {kind: move for kind, move in zip(ctx.wanted, moves, strict=True) if move is not None}
        if of_matrix is not None:
            shift = ctx.layer.shifts(ctx.call, of_matrix, own[1], own[2])
            for kind, part in zip((PRICE, ANSWER), shift, strict=True):
                moved[kind] = _sum_of(moved.get(kind), part)
        basis = columns, rows, ended, own[0] if own else None
        return _push(ctx.layer, ctx.call, tuple(moved), *basis, *moved.values())

    @staticmethod
    def vmap(info: Any, in_dims: tuple[Any, ...], layer: Any, call: Call, wanted: Any, *tensors: Tensor | None) -> Any:
        flat = flattened(info.batch_size, in_dims[3:], tensors)
        return _split(_push(layer, call.wider(info.batch_size), wanted, *flat), info.batch_size)


def _sum_of(first: Tensor | None, second: Tensor) -> Tensor:
    return second if first is None else first + second


def gathered(
    layer: LinearProgramLayer, call: Call, pulled: dict[str, Tensor], ended: Tensor, optimum: Sequence[Tensor]
) -> dict[str, Tensor]:
    """Add the gradient of the matrix, where it was given, from its optima (batch, columns) and duals (batch, rows)."""
    if not optimum:
        return pulled
    good = (ended == OPTIMAL)[:, None].to(optimum[0].device)
    point, dual = (torch.where(good, part, 0.0) for part in optimum)
    return pulled | {"matrix": layer.outer(call, pulled[PRICE], point, dual, pulled[ANSWER])}


def summed(gradient: Tensor, shared: bool) -> Tensor:
    """Sum the gradient of what all instances share."""
    return gradient.sum(dim=0, keepdim=True) if shared and gradient.shape[0] != 1 else gradient


_ANYTHING = inspect.Signature([inspect.Parameter("args", inspect.Parameter.VAR_POSITIONAL)])


def quickly_called(function: type[Function]) -> None:
    """Spare torch to read the signature of forward at every call, which takes a quarter of a small program's time."""
    function.forward.__signature__ = _ANYTHING  # type: ignore[attr-defined]


for _function in (_Vertex, _Pull, _Push):
    quickly_called(_function)


def flattened(size: int, dims: Sequence[int | None], tensors: Sequence[Tensor | None]) -> list[Tensor | None]:
    """Return tensors (batch, …) that :func:`torch.vmap` holds `size` of as (size * batch, …); shared ones stay (1, …).

    The batch is the largest of all tensors.
    """
    lengths = [
        tensor.shape[0] if dim is None else tensor.movedim(dim, 0).shape[1]
        for tensor, dim in zip(tensors, dims, strict=True)
        if tensor is not None
    ]
    # Where one is empty all are, but for what is shared.
    batch = 0 if 0 in lengths else max(lengths, default=1)
    found: list[Tensor | None] = []
    for tensor, dim in zip(tensors, dims, strict=True):
        if tensor is None or (dim is None and tensor.shape[0] == 1 and tensor.ndim > 1 and batch != 1):
            found.append(tensor)
            continue
        one = tensor[None] if dim is None else tensor.movedim(dim, 0)
        found.append(one.expand(size, batch, *one.shape[2:]).reshape(size * batch, *one.shape[2:]))
    return found


def _split(outputs: Sequence[Tensor], size: int) -> tuple[tuple[Tensor, ...], tuple[int, ...]]:
    parts = tuple(part.reshape(size, part.shape[0] // size if size else 0, *part.shape[1:]) for part in outputs)
    return parts, (0,) * len(parts)
