r"""Budgets over slices: the allocation nearest to what a network asks for, within what there is.

The services of one server share its capacity: :math:`\sum_m w_m y_m \le C` in every slot, however much each asks for.
The nearest such :math:`x \ge l` is :math:`x_m = \max(l_m, y_m - \lambda w_m)` with one price :math:`\lambda` for the
group (the continuous quadratic knapsack; Held, Wolfe and Crowder 1974; Brucker 1984). Which services stay above their
lowest follows from a sort; the price is then linear in what is asked for, so that its derivative is exact.

A quadratically smoothed program (:class:`edgeopt.layers.LinearProgramLayer`, cost ``-y`` and strength 1) has the same
optimum, for any linear constraints; it takes a hundred times as long, and refuses some points near a kink.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

import numpy as np
import torch

from ..model.errors import InvalidOptionError, InvalidProblemError
from ..model.records import float_array

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from .ddnn import DDNN
    from .samples import MinMax


class Budget(torch.nn.Module):
    """Most that groups of series may be given together, as a differentiable map of allocations.

    Parameters
    ----------
    limit : float or (groups,) float
        Most that the weighed sum of a group may be.
    groups : sequence of int sequences
        Series of each group; a series is in one group at most, and one that is in none is left as it is.
    weight : float or (series,) float
        What one unit of each series takes of its budget; > 0.
    lowest : float or (series,) float
        Least allocation of each series of a group.

    Raises
    ------
    InvalidOptionError
        If groups overlap or are empty, a weight is not positive, or the lowest allocations alone exceed a limit.

    Examples
    --------
    >>> budget = Budget(1.0, [[0, 1, 2]])
    >>> budget(torch.tensor([[0.6, 0.6, 0.1], [0.3, 0.2, 0.1]]))
    tensor([[0.5000, 0.5000, 0.0000],
            [0.3000, 0.2000, 0.1000]])
    """

    limit: torch.Tensor
    weight: torch.Tensor
    lowest: torch.Tensor

    def __init__(
        self,
        limit: ArrayLike,
        groups: Sequence[Sequence[int]],
        *,
        weight: ArrayLike = 1.0,
        lowest: ArrayLike = 0.0,
    ) -> None:
        super().__init__()
        self.groups = [[int(series) for series in group] for group in groups]
        members = [series for group in self.groups for series in group]
        if not all(self.groups) or len(set(members)) < len(members) or min(members, default=-1) < 0:
            raise InvalidOptionError(f"groups is {self.groups}; each needs a series, and a series is in one at most")
        sizes = {len(np.asarray(values)) for values in (weight, lowest) if np.ndim(values)}
        if len(sizes) > 1 or min(sizes, default=1 + max(members)) <= max(members):
            raise InvalidOptionError(
                f"weight and lowest have {sorted(sizes)} entries, and groups names series {max(members)}; give one for "
                "each series, or one number for all"
            )
        self.series = min(sizes, default=None)
        size = self.series or 1 + max(members)
        units, least, most = (
            _numbers(values, name, count)
            for values, name, count in (
                (weight, "weight", size),
                (lowest, "lowest", size),
                (limit, "limit", len(groups)),
            )
        )
        if not (units > 0).all():
            bad = int(np.argmin(units > 0))
            raise InvalidOptionError(f"weight[{bad}] is {units[bad]}; what a unit takes must be positive")
        for place, group in enumerate(self.groups):
            taken = float(units[group] @ least[group])
            if taken > most[place]:
                raise InvalidOptionError(
                    f"limit[{place}] is {most[place]:g}, but the lowest allocations of its series take {taken:g}; "
                    "raise the limit or lower them"
                )
        for name, values in (("limit", most), ("weight", units), ("lowest", least)):
            # Not part of the weights: a trained network may get another budget.
            self.register_buffer(name, torch.tensor(values), persistent=False)

    @classmethod
    def in_units(cls, capacity: ArrayLike, scale: MinMax, groups: Sequence[Sequence[int]] | None = None) -> Self:
        """Return the budget of allocations on a scale, for a capacity in the unit of the traffic.

        Parameters
        ----------
        capacity : float or (groups,) float
            In the unit that `scale` was fitted on.
        scale : MinMax
            In the order of the series; what is below 0 in the unit of the traffic is not allocated.
        groups : sequence of int sequences, optional
            As in the class; by default one group of all series.
        """
        groups = [list(range(len(scale.span)))] if groups is None else [list(group) for group in groups]
        base = np.array([scale.lowest[group].sum() for group in groups])
        return cls(np.asarray(capacity) - base, groups, weight=scale.span, lowest=-scale.lowest / scale.span)

    def forward(self, allocation: torch.Tensor) -> torch.Tensor:
        """Return the nearest allocation (…, series) within all budgets; a nan stays a nan.

        Raises
        ------
        InvalidProblemError
            If the allocation has too few series.
        """
        if allocation.shape[-1] < len(self.weight) or self.series not in (None, allocation.shape[-1]):
            raise InvalidProblemError(
                f"allocation has shape {tuple(allocation.shape)}; the budget is for {len(self.weight)} series, the "
                "last axis"
            )
        nearest = allocation.clone()
        for place, group in enumerate(self.groups):
            weight, lowest = (part[group].to(allocation.device) for part in (self.weight, self.lowest))
            nearest[..., group] = _nearest(allocation[..., group], self.limit[place], weight, lowest)
        return nearest

    def extra_repr(self) -> str:
        """Limits and sizes of the groups, for print."""
        return f"limit={self.limit.tolist()}, series={[len(group) for group in self.groups]}"


@contextmanager
def set_aside(model: DDNN) -> Iterator[torch.nn.Module | None]:
    """Let a network answer as if there were no budget, which is what the block yields."""
    within, model.within = model.within, None
    try:
        yield within
    finally:
        model.within = within


def _nearest(wanted: torch.Tensor, limit: torch.Tensor, weight: torch.Tensor, lowest: torch.Tensor) -> torch.Tensor:
    """Return the nearest point (…, series) of one budget, computed in double precision."""
    y = wanted.double()
    above, price = _active(y.detach(), limit, weight, lowest)
    # The price once more, of the services that stay above their lowest, so that derivatives follow it.
    taken = (torch.where(above, y, lowest) * weight).sum(-1, keepdim=True)
    exact = (taken - limit) / (above * weight**2).sum(-1, keepdim=True).clamp(min=torch.finfo(y.dtype).tiny)
    exact = torch.where(price > 0, exact, 0.0)
    x = torch.where(above, y - exact * weight, lowest)
    return torch.where(torch.isnan(y), y, x).to(wanted.dtype)


def _active(
    y: torch.Tensor, limit: torch.Tensor, weight: torch.Tensor, lowest: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return which services stay above their lowest allocation, and the price (…, 1), 0 where the budget is slack."""
    ends = (y - lowest) / weight  # price at which each service falls to its lowest
    order = ends.argsort(dim=-1, descending=True)
    first, units, base = (part.expand_as(y).gather(-1, order) for part in (y, weight, lowest))
    # Price if the first j services alone stay above their lowest; it is right for the most that lie above it.
    excess = ((first - base) * units).cumsum(-1) + (weight * lowest).sum() - limit
    prices = excess / (units**2).cumsum(-1)
    count = (ends.gather(-1, order) > prices).sum(-1, keepdim=True).clamp(min=1)
    price = prices.gather(-1, count - 1).clamp(min=0.0)
    return ends > price, price


def _numbers(values: ArrayLike, name: str, count: int) -> NDArray[np.float64]:
    given = np.asarray(values, dtype=float)
    if given.shape not in ((), (count,)):
        raise InvalidOptionError(f"{name} has shape {given.shape}; expected one number, or {count}")
    return float_array(np.broadcast_to(given, count), name)
