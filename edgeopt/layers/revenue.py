"""The revenue program as a layer, and what gets through of a reservation, both as torch modules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..model.errors import InvalidOptionError, InvalidProblemError
from .lp import LinearProgramLayer

if TYPE_CHECKING:
    from torch import Tensor

    from ..formulations.revenue import RevenueMaximization


class RevenueLayer(torch.nn.Module):
    """Admission as a differentiable function of predicted traffic and of capacities (Lyu et al. 2024, eq. 5).

    Parameters
    ----------
    problem : RevenueMaximization
        Network and services; its own capacities stand where forward is given none.
    **options
        As for :class:`LinearProgramLayer`.
    """

    capacity: Tensor
    unit_profit: Tensor

    def __init__(self, problem: RevenueMaximization, **options: Any) -> None:
        super().__init__()
        if problem.batch is not None:
            raise InvalidProblemError(f"the problem is a batch of {problem.batch}; give a layer one instance")
        self.problem = problem
        self.layer = LinearProgramLayer(problem.program(), ("upper", "row_upper"), **options)
        self.register_buffer("capacity", torch.tensor(problem.capacity), persistent=False)
        self.register_buffer("unit_profit", torch.tensor(problem.unit_profit), persistent=False)

    def forward(self, traffic: Tensor, capacity: Tensor | None = None, **options: Any) -> Any:
        """Return the admission (..., services) that is optimal for this traffic.

        Parameters
        ----------
        traffic : (services,) or (batch, services) tensor
            Predicted traffic, >= 0.
        capacity : (servers + links,) or (batch, servers + links) tensor, optional
            Capacities of the servers, then of the links, >= 0.
        **options
            ``start`` and ``duals`` of :class:`LinearProgramLayer`.

        Raises
        ------
        InvalidProblemError
            If a traffic or a capacity is negative or nan.
        """
        given = self.capacity.to(traffic) if capacity is None else capacity
        for name, value in (("traffic", traffic), ("capacity", given)):
            if bool((value < 0).any()):
                place = (value < 0).nonzero()[0].tolist()
                raise InvalidProblemError(
                    f"{name}{place} is {float(value[tuple(place)]):g}; it must not be negative "
                    "(end the predictor in softplus)"
                )
        return self.layer(traffic, given, **options)

    def revenue(self, admitted: Tensor) -> Tensor:
        """Return the revenue (...,) of an admission (..., services)."""
        return admitted @ self.unit_profit.to(admitted)


class Admission(torch.nn.Module):
    """What gets through of a reservation, differentiable: :func:`edgeopt.admit` as a module.

    Parameters
    ----------
    problem : RevenueMaximization
        Network and services.
    recourse : {"throttle", "optimal"}
        As for :func:`edgeopt.admit`.
    """

    density: Tensor
    resources: Tensor
    services: Tensor

    def __init__(self, problem: RevenueMaximization, recourse: str = "throttle") -> None:
        super().__init__()
        if recourse not in ("throttle", "optimal"):
            raise InvalidOptionError(f"recourse is {recourse!r}; expected 'throttle' or 'optimal'")
        self.recourse = RevenueLayer(problem) if recourse == "optimal" else None
        density = problem.density.toarray()
        self.register_buffer("density", torch.tensor(density), persistent=False)
        resources, services = np.nonzero(density)
        self.register_buffer("resources", torch.tensor(resources), persistent=False)
        self.register_buffer("services", torch.tensor(services), persistent=False)

    def forward(self, reserved: Tensor, traffic: Tensor, capacity: Tensor) -> Tensor:
        """Return what is admitted (..., services) of `reserved` under the true traffic and capacities."""
        wanted = torch.minimum(reserved, traffic)
        if self.recourse is not None:
            best: Tensor = self.recourse(wanted, capacity)
            return best
        load = wanted @ self.density.to(wanted).T
        share = torch.where(load > capacity, capacity / load.clamp(min=torch.finfo(load.dtype).tiny), 1.0)
        ones = torch.ones_like(wanted)
        index = self.services.expand(*wanted.shape[:-1], -1)
        through = ones.scatter_reduce(-1, index, share[..., self.resources], "amin")
        return wanted * through
