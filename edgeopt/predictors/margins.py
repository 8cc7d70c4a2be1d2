"""The constant to add to each cell's allocation that costs least: what a forecast lacks under an asymmetric cost."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from ..profiles.own_costs import Cost


def cheapest_shift(allocation: torch.Tensor, target: torch.Tensor, cost: Cost) -> torch.Tensor:
    """Return per cell the constant that, added to the allocation, costs least on these samples, (cells,).

    One of the residuals' quantiles: for `deepcog` the optimum is a residual itself.
    """
    import torch

    levels = torch.linspace(0.0, 1.0, 201)
    shifts = torch.quantile(target - allocation, levels, dim=0)
    costs = torch.stack([cost.exact(allocation + shift, target).mean(dim=0) for shift in shifts])
    return shifts.gather(0, costs.argmin(dim=0, keepdim=True))[0]


def cheapest_part(
    allocation: torch.Tensor,
    shift: torch.Tensor,
    target: torch.Tensor,
    cost: Cost,
    within: Callable[[torch.Tensor], torch.Tensor],
) -> torch.Tensor:
    """Return the part of a shift, in eighths, that costs least once the allocation is within what there is, (cells,).

    A cell's margin then takes from the others, so the cheapest one of each cell for itself may be too much of all.
    """
    import torch

    parts = [shift * part for part in torch.linspace(1.0, 0.0, 9).tolist()]
    with torch.no_grad():
        costs = torch.stack([cost.exact(within(allocation + part), target).sum(dim=1).mean() for part in parts])
    best: torch.Tensor = parts[int(costs.argmin())]
    return best
