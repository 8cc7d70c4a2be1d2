"""Smoothed programs: derivatives that exist everywhere, in the costs too, of an optimum that is not quite one.

With a quadratic term ``strength / 2 * |x|**2`` the optimum is unique and moves continuously (Wilder et al. 2019); with
a logarithmic barrier it stays inside its bounds and is smooth (Mandi and Guns 2020). Both tend to the program's own
optimum as the strength goes to zero. Gradients come from the optimality conditions by the implicit function theorem,
through the normal equations of the interior point method.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch

from ..model.outcome import Status
from ..model.tolerance import ROUNDOFF, SOLVER
from ..solving.solve import solve
from .interior_point import Batch, Interior, Newton, gaps_of, inner_bounds, solve_interior, tensors
from .judge_smoothed import smoothed_holds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from ..solvers.compiled.lp_batch import Instances


_QUADRATIC = 1e-13
"""Relative error of a quadratically smoothed optimum: little more than rounding, as its derivatives need."""


class Smoothable(Protocol):
    """What smoothing needs of a layer; see :class:`~edgeopt.layers.LinearProgramLayer`."""

    smoothing: str | None
    strength: float
    sign: float
    parameter_names: tuple[str, ...]

    def instances(self, values: Sequence[Tensor]) -> Instances:
        """Return the batch that `values` describe."""

    def check_memory(self, backend: str, instances: Instances) -> None:
        """Refuse work that would not fit."""

    def keep_status(self, status: np.ndarray[Any, Any]) -> None:
        """Take note of how the instances ended."""


def smooth(layer: Smoothable, values: Sequence[Tensor], duals: bool) -> Any:
    """Return the optima of the smoothed instances, and with `duals` their row duals."""
    point, dual = _Smoothed.apply(layer, *values)  # type: ignore[no-untyped-call]
    return (point, dual) if duals else point


class _Smoothed(torch.autograd.Function):
    """Optima of smoothed programs and their row duals."""

    @staticmethod
    def forward(ctx: Any, layer: Smoothable, *values: Tensor) -> Any:
        instances = layer.instances(values)
        device = values[0].device if values else torch.device("cpu")
        batch = tensors(instances, device)
        barrier = 0.0
        if layer.smoothing == "quadratic":
            batch.quadratic = layer.strength
        else:
            barrier = layer.strength
        layer.check_memory("batched", instances)
        # The gap to a bound is a difference: the weaker the barrier, the fewer of its digits are left.
        tolerance = max(SOLVER, ROUNDOFF / barrier) if barrier else _QUADRATIC
        found = solve_interior(batch, barrier, tolerance)
        held = smoothed_holds(instances, found.x.cpu().numpy(), found.y.cpu().numpy(), batch.quadratic, barrier)
        found.converged = good = found.converged & torch.from_numpy(held).to(found.converged.device)
        layer.keep_status(_statuses(instances, good.cpu().numpy()))
        ctx.layer, ctx.batch, ctx.found = layer, batch, found
        ctx.single = all(value.ndim == 1 for value in values)
        ctx.like = [(value.ndim, value.dtype) for value in values]
        ctx.set_materialize_grads(False)
        dtype = values[0].dtype if values else torch.float64
        outputs = (found.x, layer.sign * found.y)
        masked = [torch.where(good[:, None], part, torch.full_like(part, torch.nan)) for part in outputs]
        return tuple((part[0] if ctx.single else part).to(dtype) for part in masked)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> Any:
        layer, found = ctx.layer, ctx.found
        shapes = (found.x, found.y)
        given = [
            torch.zeros_like(shape) if g is None else (g[None] if ctx.single else g).to(torch.float64)
            for g, shape in zip(gradients, shapes, strict=True)
        ]
        pulled = _pull_back(ctx.batch, found, given[0], layer.sign * given[1], layer.sign)
        used = torch.cat([part != 0 for part in given], dim=1).any(dim=1)
        returned: list[Tensor | None] = [None]
        for name, needed, (ndim, dtype) in zip(layer.parameter_names, ctx.needs_input_grad[1:], ctx.like, strict=True):
            gradient = pulled[name]
            empty = torch.where(used, torch.nan, 0.0)[:, None].to(gradient)
            gradient = torch.where(found.converged[:, None], gradient, empty)
            returned.append((gradient.sum(dim=0) if ndim == 1 else gradient).to(dtype) if needed else None)
        return tuple(returned)


def _pull_back(batch: Batch, found: Interior, of_point: Tensor, of_dual: Tensor, sign: float) -> dict[str, Tensor]:
    """Solve the transposed optimality conditions once, and read off the gradients of everything."""
    has, fixed = inner_bounds(batch)
    duals = [found.x_low, found.x_up, found.s_low, found.s_up]
    gaps = gaps_of(batch, found.x, found.s, has)
    system = Newton(batch.matrix, batch.quadratic, duals, gaps, fixed)
    a = batch.matrix
    price = system.solve(of_dual + (system.inverse * of_point) @ a.T)
    left = of_point - price @ a
    move = system.inverse * left
    low, up, row_low, row_up = (dual / gap for dual, gap in zip(duals, gaps, strict=True))
    share = price * system.row_inverse
    # A fixed column or row answers to the bound on whose side its dual is.
    reduced = batch.cost + batch.quadratic * found.x - found.y @ a
    return {
        "cost": -sign * move,
        "lower": torch.where(fixed[0], torch.where(reduced >= 0, left, 0.0), low * move),
        "upper": torch.where(fixed[0], torch.where(reduced < 0, left, 0.0), up * move),
        "row_lower": torch.where(fixed[1], torch.where(found.y >= 0, price, 0.0), row_low * share),
        "row_upper": torch.where(fixed[1], torch.where(found.y < 0, price, 0.0), row_up * share),
    }


def _statuses(instances: Instances, good: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Say of each instance that did not converge why: HiGHS knows whether the program itself has an optimum."""
    status = np.where(good, str(Status.OPTIMAL), str(Status.FAILED)).astype("<U11")
    for index in np.flatnonzero(~good):
        own = solve(instances.program(int(index)), "highs").status
        if own in (Status.INFEASIBLE, Status.UNBOUNDED):
            status[index] = str(own)
    return status
