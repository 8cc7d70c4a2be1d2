"""The layer in graphs of torch: operators that ``torch.compile`` and ``torch.export`` keep as one node each.

A graph holds tensors, numbers and strings only, so the layer stands there by a fingerprint of its program and options.
A graph that was saved runs in another process once the same layer was made there.
"""

from __future__ import annotations

import hashlib
import weakref
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..model.errors import InvalidOptionError
from .given import BOUNDS, Call
from .smoothing import pull_smoothed, solve_smoothed
from .vertex_function import gathered, pull, solve, summed
from .vertex_maps import is_of_rows, kinds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from .lp import LinearProgramLayer

_LAYERS: weakref.WeakValueDictionary[str, LinearProgramLayer] = weakref.WeakValueDictionary()


def enrol(layer: LinearProgramLayer) -> str:
    """Return the layer's fingerprint, under which the operators find it."""
    program = layer.program
    options = layer.parameter_names, layer.backend, layer.smoothing, layer.strength, layer.on_failure
    digest = hashlib.sha256(repr((program.matrix.shape, program.sense, options)).encode())
    parts = [program.cost, program.matrix.data, program.matrix.indices, program.matrix.indptr]
    for part in (*parts, *(getattr(program, name) for name in BOUNDS)):
        digest.update(np.ascontiguousarray(part).tobytes())
    key = digest.hexdigest()[:16]
    _LAYERS[key] = layer
    return key


def _found(key: str) -> LinearProgramLayer:
    layer = _LAYERS.get(key)
    if layer is None:
        raise InvalidOptionError(f"the graph holds the layer {key}, which this process has not made; make it first")
    return layer


def _call(layer: LinearProgramLayer, names: str, lead: Sequence[int], dense: bool, duals: bool) -> Call:
    return Call(_split(names), tuple(lead), torch.float64, dense, None, duals, layer.words)


def _batch(lead: Sequence[Any]) -> Any:
    """Return the number of instances, which may be a symbol."""
    batch: Any = 1
    for extent in lead:
        batch = batch * extent
    return batch


@torch.library.custom_op("edgeopt::vertices", mutates_args=())
def vertices(
    key: str, names: str, lead: list[int], dense: bool, duals: bool, values: list[torch.Tensor]
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Solve a batch; see :func:`~edgeopt.layers.vertex_function.vertex`."""
    layer = _found(key)
    point, dual, columns, rows, ended = solve(layer, _call(layer, names, lead, dense, duals), *values)
    return point, dual, columns, rows, ended


@vertices.register_fake
def _(key: str, names: str, lead: Any, dense: bool, duals: bool, values: Any) -> Any:
    rows, columns = _found(key).program.matrix.shape
    batch = _batch(lead)
    point = values[0].new_empty((batch, columns))
    statuses = (values[0].new_empty((batch, size), dtype=torch.int8, device="cpu") for size in (columns, rows))
    return point, values[0].new_empty((batch, rows)), *statuses, point.new_empty(batch, dtype=torch.int8, device="cpu")


@torch.library.custom_op("edgeopt::pulled", mutates_args=())
def pulled(
    key: str,
    names: str,
    lead: list[int],
    dense: bool,
    wanted: str,
    columns: torch.Tensor,
    rows: torch.Tensor,
    ended: torch.Tensor,
    matrix: torch.Tensor | None,
    of_point: torch.Tensor,
    of_dual: torch.Tensor,
) -> list[torch.Tensor]:
    """Pull gradients back to what `wanted` names."""
    layer = _found(key)
    call = _call(layer, names, lead, dense, True)
    return list(pull(layer, call, _split(wanted), columns, rows, ended, matrix, of_point, of_dual))


@pulled.register_fake
def _(
    key: str, names: str, lead: Any, dense: bool, wanted: str, columns: Any, rows: Any, ended: Any, *tensors: Any
) -> Any:
    of_point, of_dual = tensors[1:]
    return [torch.empty_like(of_dual if is_of_rows(kind) else of_point) for kind in _split(wanted)]


def _split(names: str) -> tuple[str, ...]:
    return tuple(names.split(",")) if names else ()


def _setup(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    key, names, lead, dense, duals, values = inputs
    point, dual, *basis = output
    ctx.key, ctx.names, ctx.lead, ctx.dense, ctx.duals = key, names, lead, dense, duals
    own = (values[_split(names).index("matrix")], point, dual) if "matrix" in _split(names) else ()
    ctx.shared = [value.shape[0] == 1 for value in values]
    ctx.save_for_backward(*basis, *own)


def _backward(ctx: Any, of_point: Tensor, of_dual: Tensor, *_: Any) -> Any:
    layer = _found(ctx.key)
    call = _call(layer, ctx.names, ctx.lead, ctx.dense, ctx.duals)
    columns, rows, ended, *own = ctx.saved_tensors
    wanted = kinds(call, call.names)
    basis = columns, rows, ended, own[0] if own else None
    found = pulled(ctx.key, ctx.names, ctx.lead, ctx.dense, ",".join(wanted), *basis, of_point, of_dual)
    gradients = gathered(layer, call, dict(zip(wanted, found, strict=True)), ended, own[1:])
    return *(None,) * 5, [summed(gradients[n], shared) for n, shared in zip(call.names, ctx.shared, strict=True)]


vertices.register_autograd(_backward, setup_context=_setup)


@torch.library.custom_op("edgeopt::smoothed_optima", mutates_args=())
def smoothed_optima(
    key: str, names: str, lead: list[int], dense: bool, duals: bool, values: list[torch.Tensor]
) -> list[torch.Tensor]:
    """Solve a batch of smoothed programs; see :func:`~edgeopt.layers.smoothing.solve_smoothed`."""
    layer = _found(key)
    return list(solve_smoothed(layer, _call(layer, names, lead, dense, duals), *values))


@smoothed_optima.register_fake
def _(key: str, names: str, lead: Any, dense: bool, duals: bool, values: Any) -> Any:
    rows, columns = _found(key).program.matrix.shape
    batch = _batch(lead)
    sizes = columns, rows, rows, columns, columns, rows, rows
    return [*(values[0].new_empty((batch, size)) for size in sizes), values[0].new_empty(batch, dtype=torch.bool)]


@torch.library.custom_op("edgeopt::smoothed_pulled", mutates_args=())
def smoothed_pulled(
    key: str, names: str, lead: list[int], dense: bool, solved: list[torch.Tensor], incoming: list[torch.Tensor]
) -> list[torch.Tensor]:
    """Pull gradients of smoothed optima and row duals back to the values; see ``smoothing.pull_smoothed``."""
    layer = _found(key)
    call = _call(layer, names, lead, dense, True)
    found = pull_smoothed(layer, call, [True] * len(call.names), solved, *incoming)
    return [gradient.contiguous() for gradient in found if gradient is not None]


@smoothed_pulled.register_fake
def _(key: str, names: str, lead: Any, dense: bool, solved: Any, incoming: Any) -> Any:
    return [torch.empty_like(value) for value in solved[-len(_split(names)) :]]


def _setup_smoothed(ctx: Any, inputs: tuple[Any, ...], output: list[Tensor]) -> None:
    ctx.key, ctx.names, ctx.lead, ctx.dense, _, values = inputs
    ctx.save_for_backward(*output, *values)


def _backward_smoothed(ctx: Any, incoming: list[Tensor | None]) -> Any:
    solved = list(ctx.saved_tensors)
    given = [torch.zeros_like(like) if g is None else g for g, like in zip(incoming[:2], solved, strict=False)]
    return *(None,) * 5, smoothed_pulled(ctx.key, ctx.names, ctx.lead, ctx.dense, solved, given)


smoothed_optima.register_autograd(_backward_smoothed, setup_context=_setup_smoothed)
