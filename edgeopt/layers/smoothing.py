"""Smoothed programs: derivatives that exist everywhere, in the costs too, of an optimum that is not quite one.

With a quadratic term ``strength / 2 * |x|**2`` the optimum is unique and moves continuously (Wilder et al. 2019); with
a logarithmic barrier it stays inside its bounds and is smooth (Mandi and Guns 2020). Both tend to the program's own
optimum as the strength goes to zero. Gradients come from the optimality conditions by the implicit function theorem,
through the normal equations of the interior point method.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.autograd import Function

from ..model.outcome import Status
from ..model.tolerance import ROUNDOFF, SOLVER
from ..solving.solve import solve
from .given import BOUNDS, check_fits
from .interior_point import Batch, Newton, gaps_of, inner_bounds, solve_interior, tensors, times
from .judge_smoothed import smoothed_holds
from .vertex_function import flattened, quickly_called, summed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from ..solvers.compiled.lp_batch import Instances
    from .given import Call
    from .lp import LinearProgramLayer


_QUADRATIC = 1e-13
"""Relative error of a quadratically smoothed optimum: little more than rounding, as its derivatives need."""


def smoothed(layer: LinearProgramLayer, call: Call, *values: Tensor | None) -> tuple[Tensor, ...]:
    """Return smoothed optima (batch, columns), their row duals (batch, rows) and what derivatives need."""
    found: tuple[Tensor, ...] = _Smoothed.apply(layer, call, *values)  # type: ignore[no-untyped-call]
    return found


def solve_smoothed(layer: LinearProgramLayer, call: Call, *values: Tensor) -> tuple[Tensor, ...]:
    """Return optima (batch, columns), row duals (batch, rows), five more parts of the points, and which are good."""
    groups = layer.instances(call, values)
    device = values[0].device if values else torch.device("cpu")
    if not groups:
        layer.keep_status(call, np.empty(0, "<U11"))
        return _nothing(layer, device)
    batch = _stacked([tensors(instances, device) for instances in groups])
    barrier = layer.strength if layer.smoothing == "barrier" else 0.0
    batch.quadratic = 0.0 if barrier else layer.strength
    for instances in groups:
        layer.check_memory("batched", instances)
    # The gap to a bound is a difference: the weaker the barrier, the fewer of its digits are left.
    tolerance = max(SOLVER, ROUNDOFF / barrier) if barrier else _QUADRATIC
    found = solve_interior(batch, barrier, tolerance)
    points, duals = found.x.cpu().numpy(), found.y.cpu().numpy()
    size = groups[0].batch
    held = [
        smoothed_holds(one, points[b * size :][:size], duals[b * size :][:size], batch.quadratic, barrier)
        for b, one in enumerate(groups)
    ]
    good = found.converged & torch.from_numpy(np.concatenate(held)).to(device)
    layer.keep_status(call, _statuses(groups, good.cpu().numpy()))
    masked = [torch.where(good[:, None], part, torch.nan) for part in (found.x, found.y)]
    check_fits(call, "optimum", masked[0].cpu().numpy())
    check_fits(call, "row duals", masked[1].cpu().numpy())
    return *masked, found.s, found.x_low, found.x_up, found.s_low, found.s_up, good


def pull_smoothed(
    layer: LinearProgramLayer,
    call: Call,
    needed: Sequence[bool],
    solved: Sequence[Tensor],
    of_point: Tensor | None,
    of_dual: Tensor | None,
) -> list[Tensor | None]:
    """Pull gradients back to the values that are needed, from what `solve_smoothed` returned and these values.

    An instance without an optimum has 0 where no gradient came in and nan where one did: never a number.
    """
    system = _Conditions(layer, call, solved)
    given = [
        torch.zeros_like(like) if g is None else g
        for g, like in zip((of_point, of_dual), (system.x, system.y), strict=True)
    ]
    pulled = system.pulled(*given)
    used = torch.cat([part != 0 for part in given], dim=-1).any(dim=-1, keepdim=True)
    empty = torch.where(used, torch.nan, 0.0)
    found: list[Tensor | None] = []
    for name, asked, value in zip(call.names, needed, system.values, strict=True):
        gradient = torch.where(system.good[:, None], pulled[name], empty)
        found.append(summed(gradient, value.shape[0] == 1) if asked else None)
    return found


class _Smoothed(Function):
    """Optima of smoothed programs and their row duals, with what their derivatives need.

    Backward is written in torch's own operations on tensors that it saved, so that it can be differentiated again.
    """

    @staticmethod
    def forward(layer: LinearProgramLayer, call: Call, *values: Tensor) -> tuple[Tensor, ...]:
        return solve_smoothed(layer, call, *values)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        layer, call, *values = inputs
        ctx.mark_non_differentiable(*output[2:])
        ctx.set_materialize_grads(False)
        ctx.layer, ctx.call = layer, call
        ctx.save_for_backward(*output, *values)
        ctx.save_for_forward(*output, *values)

    @staticmethod
    def backward(ctx: Any, of_point: Tensor | None, of_dual: Tensor | None, *_: None) -> Any:
        if of_point is None and of_dual is None:
            return (None,) * (2 + len(ctx.call.names))
        needed = ctx.needs_input_grad[2:]
        return None, None, *pull_smoothed(ctx.layer, ctx.call, needed, ctx.saved_tensors, of_point, of_dual)

    @staticmethod
    def jvp(ctx: Any, _layer: None, _call: None, *tangents: Tensor | None) -> Any:
        system = _Conditions(ctx.layer, ctx.call, ctx.saved_tensors)
        moves = {name: t for name, t in zip(ctx.call.names, tangents, strict=True) if t is not None}
        moved = system.pushed(moves)
        good = system.good[:, None]
        return *(torch.where(good, part, torch.nan) for part in moved), *(None,) * 6

    @staticmethod
    def vmap(info: Any, in_dims: tuple[Any, ...], layer: LinearProgramLayer, call: Call, *values: Tensor) -> Any:
        flat = flattened(info.batch_size, in_dims[2:], values)
        outputs = smoothed(layer, call.wider(info.batch_size), *flat)
        parts = tuple(part.reshape(info.batch_size, -1, *part.shape[1:]) for part in outputs)
        return parts, (0,) * len(parts)


quickly_called(_Smoothed)


class _Conditions:
    """The conditions under which smoothed instances are optimal, linearised at their optima."""

    def __init__(self, layer: LinearProgramLayer, call: Call, saved: Sequence[Tensor]) -> None:
        x, y, s, x_low, x_up, s_low, s_up, self.good, *self.values = saved
        self.layer, self.call = layer, call
        # What failed is nan: any finite numbers serve, since nothing is read of them.
        self.x, self.y = (torch.where(self.good[:, None], part, 0.0) for part in (x, y))
        self.batch = batch = _connected(layer, call, self.values, self.x)
        has, self.fixed = inner_bounds(batch)
        if layer.smoothing == "barrier":
            # A bound at distance d has the dual strength / d, a function of the optimum and of the bound itself.
            self.gaps = gaps_of(batch, self.x, batch.times(self.x), has)
            self.duals = [torch.where(m, layer.strength / g, 0.0) for m, g in zip(has, self.gaps, strict=True)]
        else:
            # Bounds that are met stay so for a while: the ratios below are then as good as infinite, the others 0.
            batch.quadratic = layer.strength
            self.gaps = [gap.detach() for gap in gaps_of(batch, self.x, s, has)]
            self.duals = [x_low, x_up, s_low, s_up]
        self.system = Newton(batch.matrix, batch.quadratic, self.duals, self.gaps, self.fixed)
        self.ratios = [dual / gap for dual, gap in zip(self.duals, self.gaps, strict=True)]
        reduced = batch.cost + batch.quadratic * self.x - batch.priced(self.y)
        # A fixed column or row answers to the bound on whose side its dual is.
        self.at_lower = reduced >= 0, self.y >= 0

    def pulled(self, of_point: Tensor, of_dual: Tensor) -> dict[str, Tensor]:
        """Solve the transposed conditions once, and read off the gradients of everything."""
        system, fixed, ratios = self.system, self.fixed, self.ratios
        price = system.solve(of_dual + self.batch.times(system.inverse * of_point))
        left = of_point - self.batch.priced(price)
        move = system.inverse * left
        share = price * system.row_inverse
        found = {"cost": -move}
        for i, name in enumerate(BOUNDS):
            of_fixed, inner = (left, move) if i < 2 else (price, share)
            side = self.at_lower[i // 2] if i % 2 == 0 else ~self.at_lower[i // 2]
            found[name] = torch.where(fixed[i // 2], torch.where(side, of_fixed, 0.0), ratios[i] * inner)
        if "matrix" in self.call.names:
            found["matrix"] = self.layer.outer(self.call, price, self.x, self.y, -move)
        return found

    def pushed(self, moves: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Return how optima and row duals move with the parameters."""
        system, ratios = self.system, self.ratios
        change = {name: move.expand(self.x.shape[0], -1) for name, move in moves.items()}
        zeros = torch.zeros_like(self.x), torch.zeros_like(self.y)
        of_rows, of_costs = zeros[1], zeros[0]
        if "matrix" in change:
            of_rows, of_costs = self.layer.shifts(self.call, change.pop("matrix"), self.x, self.y)
        low, up, row_low, row_up = (change.get(name, zeros[i // 2]) for i, name in enumerate(BOUNDS))
        fixed_x = torch.where(self.fixed[0], torch.where(self.at_lower[0], low, up), 0.0)
        row_low, row_up = row_low + of_rows, row_up + of_rows
        fixed_s = torch.where(self.fixed[1], torch.where(self.at_lower[1], row_low, row_up), 0.0)
        force = -change.get("cost", zeros[0]) - of_costs + ratios[0] * low + ratios[1] * up
        row_force = ratios[2] * row_low + ratios[3] * row_up
        # The shift of rows by their own coefficients is part of the activity too.
        right = fixed_s - self.batch.times(fixed_x + system.inverse * force) + system.row_inverse * row_force
        dual = system.solve(right)
        return fixed_x + system.inverse * (force + times(self.batch.matrix.mT, dual)), dual


def _connected(layer: LinearProgramLayer, call: Call, values: Sequence[Tensor], like: Tensor) -> Batch:
    """Return the batch with the tensors that were given in it, so that derivatives reach them."""
    program = layer.program
    given = dict(zip(call.names, values, strict=True))

    def tensor(array: object) -> Tensor:
        return torch.as_tensor(np.array(array), dtype=torch.float64, device=like.device)

    own = {"cost": layer.sign * program.cost} | {name: getattr(program, name) for name in BOUNDS}
    parts = (given[name] if name in given else tensor(array)[None] for name, array in own.items())
    cost, low, up, row_low, row_up = (part.expand(like.shape[0], -1) for part in parts)
    if "matrix" not in given:
        matrix = tensor(program.matrix.toarray())
    else:
        entries, (rows, columns) = given["matrix"], layer.pattern(call)
        place = (rows * program.columns + columns).to(like.device)
        empty = entries.new_zeros(entries.shape[0], program.rows * program.columns)
        matrix = empty.index_add(1, place, entries).reshape(-1, program.rows, program.columns)
        matrix = matrix[0] if matrix.shape[0] == 1 else matrix
    return Batch(matrix, cost, low, up, row_low, row_up)


def _stacked(batches: Sequence[Batch]) -> Batch:
    if len(batches) == 1:
        return batches[0]
    matrix = torch.stack([one.matrix for one in batches])
    cost = torch.cat([one.cost for one in batches])
    low, up, row_low, row_up = (torch.cat(bounds) for bounds in zip(*(one.bounds for one in batches), strict=True))
    return Batch(matrix, cost, low, up, row_low, row_up)


def _nothing(layer: LinearProgramLayer, device: torch.device) -> tuple[Tensor, ...]:
    rows, columns = layer.program.rows, layer.program.columns
    sizes = columns, rows, rows, columns, columns, rows, rows
    empty = [torch.zeros(0, size, dtype=torch.float64, device=device) for size in sizes]
    return *empty, torch.zeros(0, dtype=torch.bool, device=device)


def _statuses(groups: Sequence[Instances], good: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Say of each instance that did not converge why: HiGHS knows whether the program itself has an optimum."""
    status = np.where(good, str(Status.OPTIMAL), str(Status.FAILED)).astype("<U11")
    size = groups[0].batch
    for index in np.flatnonzero(~good):
        own = solve(groups[int(index) // size].program(int(index) % size), "highs").status
        if own in (Status.INFEASIBLE, Status.UNBOUNDED):
            status[index] = str(own)
    return status
