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
    matrix : (rows, columns) or (batch, rows, columns) Tensor
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

    def times(self, x: Tensor) -> Tensor:
        """Return ``A x`` (batch, rows) of points (batch, columns)."""
        return times(self.matrix, x)

    def priced(self, y: Tensor) -> Tensor:
        """Return ``A' y`` (batch, columns) of row duals (batch, rows)."""
        return times(self.matrix.mT, y)

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


def times(matrix: Tensor, vector: Tensor) -> Tensor:
    """Return the products (batch, rows) of one matrix, or one for each instance, with vectors (batch, columns)."""
    return vector @ matrix.mT if matrix.ndim == 2 else (matrix @ vector[..., None])[..., 0]


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
    path = _Path(batch, barrier)
    state = path.start()
    done = torch.zeros(batch.cost.shape[0], dtype=torch.bool, device=batch.cost.device)
    for _ in range(most):
        gaps = gaps_of(batch, state[0], state[1], path.has)
        residuals, mean = path.residuals(state), path.mean(state[3:], gaps)
        done = done | (path.error(state, gaps, residuals, mean) <= tolerance)
        if bool(done.all()):
            break
        step, primal, dual = path.step(state[3:], gaps, residuals, mean)
        lengths = [primal, primal, dual, dual, dual, dual, dual]
        moved = [
            torch.where(~done[:, None], value + length[:, None] * change, value)
            for value, length, change in zip(state, lengths, step, strict=True)
        ]
        state = [torch.where(torch.isfinite(new), new, old) for new, old in zip(moved, state, strict=True)]
    x, s, y, x_low, x_up, s_low, s_up = state
    return Interior(x, s, y, x_low, x_up, s_low, s_up, done)


class _Path:
    """The central path of a batch: where it starts, how far a state is from its end, and the next step along it.

    A state is a list of x, s (batch, columns), (batch, rows), row duals y, and the duals of the lower and upper bounds
    of columns and rows; `gaps` are the distances from these bounds, in the same order.
    """

    def __init__(self, batch: Batch, barrier: float) -> None:
        self.batch, self.barrier = batch, barrier
        self.has, self.fixed = inner_bounds(batch)
        self.scale = 1.0 + batch.cost.abs().amax(dim=1, keepdim=True)
        self.size = 1.0 + torch.stack([_largest_finite(bound) for bound in batch.bounds]).amax(dim=0)[:, None]
        self.products = torch.cat(self.has, dim=1).sum(dim=1).clamp(min=1)

    def start(self) -> list[Tensor]:
        """Return a state inside all bounds."""
        batch, fixed = self.batch, self.fixed
        x = torch.where(fixed[0], batch.lower, _start(torch.zeros_like(batch.cost), batch.lower, batch.upper))
        s = torch.where(fixed[1], batch.row_lower, _start(batch.times(x), batch.row_lower, batch.row_upper))
        duals = [
            torch.where(mask, self.scale.expand_as(mask), torch.zeros_like(mask, dtype=s.dtype)) for mask in self.has
        ]
        return [x, s, torch.zeros_like(s), *duals]

    def residuals(self, state: list[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Return what is missing from stationarity in x (batch, columns) and s, and from ``A x = s`` (batch, rows)."""
        batch, fixed = self.batch, self.fixed
        x, s, y, *duals = state
        dual = batch.cost + batch.quadratic * x - batch.priced(y) - duals[0] + duals[1]
        dual = torch.where(fixed[0], torch.zeros_like(dual), dual)
        row = torch.where(fixed[1], torch.zeros_like(y), y - duals[2] + duals[3])
        return dual, row, batch.times(x) - s

    def mean(self, duals: list[Tensor], gaps: list[Tensor]) -> Tensor:
        """(batch,) mean complementarity product."""
        return sum((d * g * m).sum(dim=1) for d, g, m in zip(duals, gaps, self.has, strict=True)) / self.products

    def error(
        self, state: list[Tensor], gaps: list[Tensor], residuals: tuple[Tensor, Tensor, Tensor], mean: Tensor
    ) -> Tensor:
        """(batch,) largest relative error of residuals and complementarity."""
        dual, row, primal = residuals
        scale, size = self.scale[:, 0], self.size[:, 0]
        off = (
            _off_path(state[3:], gaps, self.has, self.barrier)
            if self.barrier
            else mean / (self.scale * self.size)[:, 0]
        )
        errors = (_largest(primal) / size, _largest(dual) / scale, _largest(row) / scale, off)
        return torch.stack(errors).amax(dim=0)

    def step(
        self, duals: list[Tensor], gaps: list[Tensor], residuals: tuple[Tensor, Tensor, Tensor], mean: Tensor
    ) -> tuple[list[Tensor], Tensor, Tensor]:
        """Return the changes of a state, and how long a step its primal and its dual part may take (batch,)."""
        batch, has, barrier = self.batch, self.has, self.barrier
        system = Newton(batch.matrix, batch.quadratic, duals, gaps, self.fixed)
        plain = [-d * g for d, g in zip(duals, gaps, strict=True)]
        affine = system.step(*residuals, *(torch.where(m, p + barrier, p) for p, m in zip(plain, has, strict=True)))
        primal, dual = _lengths(affine, gaps, duals, has)
        if barrier:
            trusted, centre = torch.zeros_like(mean)[:, None], torch.clamp(0.3 * mean, min=barrier)[:, None]
        else:
            after = self._mean_after(affine, duals, gaps, primal, dual)
            centre = torch.clamp((after / mean.clamp(min=NEXT_TO_NOTHING)) ** 3 * mean, min=barrier)[:, None]
            # Mehrotra's second-order term aims at the boundary: where the affine step was cut short, and on the way to
            # a point inside, it would throw single duals away. There centring alone leads on.
            trusted = (torch.minimum(primal, dual) >= 0.1).to(centre)[:, None]
        corrected = [
            torch.where(m, p + centre - trusted * dd * dg, torch.zeros_like(p))
            for p, dd, dg, m in zip(plain, affine[3:], _gap_steps(affine), has, strict=True)
        ]
        step = system.step(*residuals, *corrected)
        primal, dual = _lengths(step, gaps, duals, has)
        if batch.quadratic or barrier:
            primal = dual = torch.minimum(primal, dual)
        return step, primal, dual

    def _mean_after(
        self, affine: list[Tensor], duals: list[Tensor], gaps: list[Tensor], primal: Tensor, dual: Tensor
    ) -> Tensor:
        """(batch,) mean complementarity product after the predictor's step."""
        parts = zip(duals, affine[3:], gaps, _gap_steps(affine), self.has, strict=True)
        moved = (((d + dual[:, None] * dd) * (g + primal[:, None] * dg) * m).sum(dim=1) for d, dd, g, dg, m in parts)
        return sum(moved) / self.products


def _largest_finite(bound: Tensor) -> Tensor:
    """(batch,) largest absolute value of the bounds that exist, 0 where none does."""
    return _largest(torch.where(bound.isfinite(), bound.abs(), torch.zeros_like(bound)))


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
        normal = (a * self.inverse[:, None, :]) @ a.mT
        diagonal = normal.diagonal(dim1=-2, dim2=-1)
        normal = normal + torch.diag_embed(self.row_inverse + _DIAGONAL * (1.0 + diagonal))
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
        right = -primal_residual - times(self.a, self.inverse * hx) + self.row_inverse * hs
        dy = self.solve(right)
        dx = self.inverse * (hx + times(self.a.mT, dy))
        ds = self.row_inverse * (hs - dy)
        z_low, z_up, w_low, w_up = self.duals
        g_low, g_up, v_low, v_up = self.gaps
        return [
            dx,
            ds,
            dy,
            low - z_low / g_low * dx,
            up + z_up / g_up * dx,
            s_low - w_low / v_low * ds,
            s_up + w_up / v_up * ds,
        ]


def bases_near_optimum(batch: Batch) -> tuple[Tensor, Tensor]:
    """Return where columns and rows stand (int8), as interior points imply.

    The more the dual of a bound exceeds the distance from it, the surer it is met. A basis has as many columns and rows
    as there are rows: those that lean least on a bound.
    """
    found = solve_interior(batch)
    leaning = [
        _leaning(value, low, high, dual_low, dual_high)
        for value, low, high, dual_low, dual_high in (
            (found.x, batch.lower, batch.upper, found.x_low, found.x_up),
            (found.s, batch.row_lower, batch.row_upper, found.s_low, found.s_up),
        )
    ]
    to_low, to_high = (torch.cat(side, dim=1) for side in zip(*leaning, strict=True))
    basic = torch.maximum(to_low, to_high).argsort(dim=1, stable=True)[:, : batch.matrix.shape[0]]
    status = torch.where(to_low >= to_high, LOWER, UPPER).to(torch.int8).scatter(1, basic, BASIC)
    width = batch.matrix.shape[1]
    return status[:, :width].contiguous(), status[:, width:].contiguous()


def _leaning(value: Tensor, low: Tensor, high: Tensor, dual_low: Tensor, dual_high: Tensor) -> tuple[Tensor, Tensor]:
    """Return how much the dual of each bound exceeds the distance from it; infinity at the lower of two equal ones."""
    to_low, to_high = (
        dual / gap.clamp(min=NEXT_TO_NOTHING) for dual, gap in ((dual_low, value - low), (dual_high, high - value))
    )
    return torch.where(low == high, torch.inf, to_low), to_high
