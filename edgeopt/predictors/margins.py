"""The constant to add to each cell's allocation that costs least: what a forecast lacks under an asymmetric cost."""

from __future__ import annotations

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
