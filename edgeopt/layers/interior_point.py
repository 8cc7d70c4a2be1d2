"""Primal-dual interior point on a whole batch of linear programs, on any device torch knows.

Mehrotra's predictor and corrector (1992) on normal equations of the size of the rows: one batched Cholesky
factorisation for each iteration, shared by predictor and corrector. The same iteration serves the smoothed programs,
which stop at a given barrier or carry a small quadratic term. An interior point is no vertex: which bounds it leans on
gives the basis from which the simplex method reaches the vertex itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from ..model.basis import BASIC, LOWER, UPPER
from ..model.tolerance import NEXT_TO_NOTHING, SOLVER
from ..solvers.compiled.lp_batch import Bases

if TYPE_CHECKING:
    from torch import Tensor

    from ..solvers.compiled.lp_batch import Instances

_STEP = 0.995
"""Part of the way to the boundary that a step may go."""


FIXED = 1e-12
"""Distance of two bounds, relative to ``1 + |bound|``, from which there is no inside to walk in."""

_DIAGONAL, _LEAST_CURVATURE, _LEAST_ROW_CURVATURE = 1e-14, 1e-9, 1e-12
"""What keeps the normal equations regular; it vanishes in the solution."""


@dataclass(eq=False)
class Batch:
    """A batch of programs as tensors: minimise ``cost @ x + quadratic / 2 * |x|**2`` within the bounds.

    Attributes
    ----------
    matrix : (rows, columns) Tensor
    cost, lower, upper : (batch, columns) Tensor
    row_lower, row_upper : (batch, rows) Tensor
    quadratic : float
    """

    matrix: Tensor
    cost: Tensor
    lower: Tensor
    upper: Tensor
    row_lower: Tensor
    row_upper: Tensor
    quadratic: float = 0.0

    @property
    def bounds(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Column bounds, then row bounds."""
        return self.lower, self.upper, self.row_lower, self.row_upper


@dataclass(eq=False)
class Interior:
    """Interior points with their duals; a missing bound has a gap of 1 and a dual of 0.

    Attributes
    ----------
    x, s : (batch, columns), (batch, rows) Tensor
        Points and row activities.
    x_low, x_up, s_low, s_up : Tensor
        Duals of the lower and upper bounds of columns and rows, >= 0.
    y : (batch, rows) Tensor
        Row duals.
    converged : (batch,) bool Tensor
    """

    x: Tensor
    s: Tensor
    y: Tensor
    x_low: Tensor
    x_up: Tensor
    s_low: Tensor
    s_up: Tensor
    converged: Tensor


def tensors(instances: Instances, device: torch.device | str = "cpu") -> Batch:
    """Return the instances as float64 tensors on a device."""

    def tensor(array: object) -> Tensor:
        return torch.as_tensor(array, dtype=torch.float64).to(device)

    cost, lower, upper, row_lower, row_upper = (tensor(part.copy()) for part in instances.full())
    return Batch(tensor(instances.matrix().toarray()), cost, lower, upper, row_lower, row_upper)


def _start(value: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Move `value` to the inside of its bounds."""
    has_low, has_high = low.isfinite(), high.isfinite()
    width = torch.where(has_low & has_high, high - low, torch.full_like(value, 4.0))
    inset = torch.clamp(0.25 * width, max=1.0)
    value = torch.where(has_low, torch.maximum(value, low + inset), value)
    return torch.where(has_high, torch.minimum(value, high - inset), value)


def solve_interior(batch: Batch, barrier: float = 0.0, tolerance: float = SOLVER, most: int = 80) -> Interior:
    """Follow the central path to a point whose complementarity products are `barrier` (about 0 for the program itself).

    Instances that have converged stand still; what has not after `most` iterations says so.
    """
    a, quadratic = batch.matrix, batch.quadratic
    bounds = batch.bounds
    has, fixed = inner_bounds(batch)
    x = torch.where(fixed[0], batch.lower, _start(torch.zeros_like(batch.cost), batch.lower, batch.upper))
    s = torch.where(fixed[1], batch.row_lower, _start(x @ a.T, batch.row_lower, batch.row_upper))
    scale = 1.0 + batch.cost.abs().amax(dim=1, keepdim=True)
    size = 1.0 + torch.stack([
        torch.where(bound.isfinite(), bound.abs(), torch.zeros_like(bound)).amax(dim=1)
        if bound.shape[1] else torch.zeros_like(bound[:, :0].sum(dim=1)) for bound in bounds
    ]).amax(dim=0)[:, None]  # fmt: skip
    duals = [torch.where(mask, scale.expand_as(mask), torch.zeros_like(bounds[i])) for i, mask in enumerate(has)]
    y = torch.zeros_like(s)
    products = torch.cat(has, dim=1).sum(dim=1).clamp(min=1)
    state = [x, s, y, *duals]
    done = torch.zeros(x.shape[0], dtype=torch.bool, device=x.device)
    for _ in range(most):
        x, s, y, *duals = state
        gaps = gaps_of(batch, x, s, has)
        dual_residual = batch.cost + quadratic * x - y @ a - duals[0] + duals[1]
        dual_residual = torch.where(fixed[0], torch.zeros_like(dual_residual), dual_residual)
        row_residual = torch.where(fixed[1], torch.zeros_like(y), y - duals[2] + duals[3])
        primal_residual = x @ a.T - s
        mean = sum((d * g * m).sum(dim=1) for d, g, m in zip(duals, gaps, has, strict=True)) / products
        error = torch.stack([
            _largest(primal_residual) / size[:, 0],
            _largest(dual_residual) / scale[:, 0],
            _largest(row_residual) / scale[:, 0],
            _off_path(duals, gaps, has, barrier) if barrier else mean / (scale * size)[:, 0],
        ]).amax(dim=0)  # fmt: skip
        done = done | (error <= tolerance)
        if bool(done.all()):
            break
        system = Newton(a, quadratic, duals, gaps, fixed)
        residuals = dual_residual, row_residual, primal_residual
        plain = [-d * g for d, g in zip(duals, gaps, strict=True)]
        affine = system.step(*residuals, *(torch.where(m, p + barrier, p) for p, m in zip(plain, has, strict=True)))
        primal, dual = _lengths(affine, gaps, duals, has)
        after = (
            sum(
                ((d + dual[:, None] * dd) * (g + primal[:, None] * dg) * m).sum(dim=1)
                for d, dd, g, dg, m in zip(duals, affine[3:], gaps, _gap_steps(affine), has, strict=True)
            )
            / products
        )
        centre = torch.clamp((after / mean.clamp(min=NEXT_TO_NOTHING)) ** 3 * mean, min=barrier)[:, None]
        # Mehrotra's second-order term aims at the boundary: where the affine step was cut short, and on the way to a
        # point inside, it would throw single duals away. There centring alone leads on.
        trusted = (torch.minimum(primal, dual) >= 0.1).to(centre)[:, None]
        if barrier:
            trusted, centre = torch.zeros_like(trusted), torch.clamp(0.3 * mean, min=barrier)[:, None]
        corrected = [
            torch.where(m, p + centre - trusted * dd * dg, torch.zeros_like(p))
            for p, dd, dg, m in zip(plain, affine[3:], _gap_steps(affine), has, strict=True)
        ]
        step = system.step(*residuals, *corrected)
        primal, dual = _lengths(step, gaps, duals, has)
        if quadratic or barrier:
            primal = dual = torch.minimum(primal, dual)
        moving = ~done
        lengths = [primal, primal, dual, dual, dual, dual, dual]
        state = [
            torch.where(moving[:, None], value + length[:, None] * change, value)
            for value, length, change in zip(state, lengths, step, strict=True)
        ]
        state = [torch.where(torch.isfinite(new), new, old) for new, old in zip(state, [x, s, y, *duals], strict=True)]
    x, s, y, *duals = state
    return Interior(x, s, y, duals[0], duals[1], duals[2], duals[3], done)


def _largest(residual: Tensor) -> Tensor:
    return residual.abs().amax(dim=1) if residual.shape[1] else residual.new_zeros(residual.shape[0])


def _off_path(duals: list[Tensor], gaps: list[Tensor], has: list[Tensor], barrier: float) -> Tensor:
    """Largest relative distance of a complementarity product from the barrier."""
    off = [
        torch.where(m, (d * g / barrier - 1).abs(), torch.zeros_like(d))
        for d, g, m in zip(duals, gaps, has, strict=True)
    ]
    return torch.cat(off, dim=1).amax(dim=1)


def inner_bounds(batch: Batch) -> tuple[list[Tensor], list[Tensor]]:
    """Return which bounds have an inside, and which columns and rows are fixed.

    A fixed column or row has no inside: it stays where it is and has neither gap nor dual of its own.
    """
    bounds = batch.bounds
    has = [bound.isfinite() for bound in bounds]
    fixed = [has[i] & has[i + 1] & (bounds[i + 1] - bounds[i] <= FIXED * (1 + bounds[i].abs())) for i in (0, 2)]
    return [has[i] & ~fixed[i // 2] for i in range(4)], fixed


def gaps_of(batch: Batch, x: Tensor, s: Tensor, has: list[Tensor]) -> list[Tensor]:
    """Return the distances from the bounds, 1 where there is none."""
    bounds = batch.bounds
    raw = (x - bounds[0], bounds[1] - x, s - bounds[2], bounds[3] - s)
    return [torch.where(mask, gap, torch.ones_like(gap)) for gap, mask in zip(raw, has, strict=True)]


def _gap_steps(step: list[Tensor]) -> tuple[Tensor, ...]:
    return step[0], -step[0], step[1], -step[1]


def _lengths(step: list[Tensor], gaps: list[Tensor], duals: list[Tensor], has: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Longest primal and dual steps that keep gaps and duals positive."""
    primal = _longest(gaps, _gap_steps(step), has)
    return primal, _longest(duals, tuple(step[3:]), has)


def _longest(values: list[Tensor], changes: tuple[Tensor, ...], has: list[Tensor]) -> Tensor:
    ratios = [
        torch.where(m & (c < 0), -v / c, torch.full_like(v, torch.inf))
        for v, c, m in zip(values, changes, has, strict=True)
    ]
    return torch.clamp(_STEP * torch.cat(ratios, dim=1).amin(dim=1), max=1.0)


class Newton:
    """The Newton system of one iteration, reduced to normal equations over the rows and factorised once."""

    def __init__(
        self, a: Tensor, quadratic: float, duals: list[Tensor], gaps: list[Tensor], fixed: list[Tensor]
    ) -> None:
        self.a, self.duals, self.gaps = a, duals, gaps
        curvature = quadratic + duals[0] / gaps[0] + duals[1] / gaps[1]
        zero = torch.zeros_like(curvature)
        # A free column has no curvature of its own; what is added vanishes in the solution, not in the step.
        self.inverse = torch.where(fixed[0], zero, 1.0 / curvature.clamp(min=_LEAST_CURVATURE))
        row_curvature = duals[2] / gaps[2] + duals[3] / gaps[3]
        least = row_curvature.clamp(min=_LEAST_ROW_CURVATURE)
        self.row_inverse = torch.where(fixed[1], torch.zeros_like(least), 1.0 / least)
        normal = (a * self.inverse[:, None, :]) @ a.T
        diagonal = normal.diagonal(dim1=1, dim2=2)
        diagonal += self.row_inverse + _DIAGONAL * (1.0 + diagonal)
        self.factor, _ = torch.linalg.cholesky_ex(normal)
        self.fixed_rows = fixed[1]

    def solve(self, right: Tensor) -> Tensor:
        """Solve the normal equations for one right-hand side each."""
        solved: Tensor = torch.cholesky_solve(right[..., None], self.factor)[..., 0]
        return solved

    def step(
        self, dual_residual: Tensor, row_residual: Tensor, primal_residual: Tensor, *products: Tensor
    ) -> list[Tensor]:
        """Return the changes of x, s, y and the four duals that bring residuals to 0 and products up by `products`."""
        low, up, s_low, s_up = (p / g for p, g in zip(products, self.gaps, strict=True))
        hx = -dual_residual + low - up
        hs = -row_residual + s_low - s_up
        right = -primal_residual - (self.inverse * hx) @ self.a.T + self.row_inverse * hs
        dy = self.solve(right)
        dx = self.inverse * (hx + dy @ self.a)
        ds = self.row_inverse * (hs - dy)
        z_low, z_up, w_low, w_up = self.duals
        g_low, g_up, v_low, v_up = self.gaps
        return [
            dx, ds, dy,
            low - z_low / g_low * dx, up + z_up / g_up * dx, s_low - w_low / v_low * ds, s_up + w_up / v_up * ds,
        ]  # fmt: skip


def bases_near_optimum(instances: Instances, device: torch.device | str = "cpu") -> Bases:
    """Return the bases that interior points of all instances point to: a bound whose dual exceeds its gap is met."""
    batch = tensors(instances, device)
    found = solve_interior(batch)
    columns = _status(found.x, batch.lower, batch.upper, found.x_low, found.x_up)
    rows = _status(found.s, batch.row_lower, batch.row_upper, found.s_low, found.s_up)
    equations = batch.row_lower == batch.row_upper
    rows = torch.where(equations, torch.full_like(rows, LOWER), rows)
    columns = torch.where(batch.lower == batch.upper, torch.full_like(columns, LOWER), columns)
    return Bases(columns.cpu().numpy(), rows.cpu().numpy())


def _status(value: Tensor, low: Tensor, high: Tensor, dual_low: Tensor, dual_high: Tensor) -> Tensor:
    status = torch.full(value.shape, BASIC, dtype=torch.int8, device=value.device)
    status[(value - low) < dual_low] = LOWER
    status[(high - value) < dual_high] = UPPER
    return status
