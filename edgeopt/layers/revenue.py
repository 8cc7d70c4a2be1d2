"""The revenue program as a layer, and what gets through of a reservation, both as torch modules."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..analysis.admission import penalties, second_stage
from ..model.errors import InvalidOptionError, InvalidProblemError
from .given import take
from .lp import LinearProgramLayer

if TYPE_CHECKING:
    from numpy.typing import ArrayLike
    from torch import Tensor

    from ..formulations.revenue import RevenueMaximization
    from ..solvers.compiled.lp_batch import Bases
    from .directional import Directional
    from .report import Report


_WORDS: Mapping[str, str] = MappingProxyType(
    {"upper": "traffic", "row_upper": "capacity", "cost": "unit_revenue", "matrix": "density"}
)
"""What the parameters of the program are called here."""


class RevenueLayer(torch.nn.Module):
    """Admission as a differentiable function of predicted traffic, capacities, revenues and densities.

    The network-revenue program of Lyu et al. (2024, eq. 5).

    Parameters
    ----------
    problem : RevenueMaximization
        Network and services; its own data stand where forward is given none.
    **options
        As for :class:`LinearProgramLayer`.
    """

    capacity: Tensor
    unit_revenue: Tensor
    unit_profit: Tensor
    price: Tensor

    def __init__(self, problem: RevenueMaximization, **options: Any) -> None:
        super().__init__()
        if problem.batch is not None:
            raise InvalidProblemError(f"the problem is a batch of {problem.batch}; give a layer one instance")
        self.problem = problem
        self.layer = LinearProgramLayer(problem.program(), tuple(_WORDS), **options)
        self.layer.words = {name: word for name, word in _WORDS.items() if name != "cost"}
        price = np.concatenate([problem.compute_price, problem.link_price])
        self._priced = bool(price.any())
        kept = {
            "capacity": problem.capacity,
            "unit_revenue": problem.unit_revenue,
            "unit_profit": problem.unit_profit,
            "price": price,
        }
        for name, array in kept.items():
            self.register_buffer(name, torch.tensor(array, dtype=torch.float64), persistent=False)

    def forward(
        self,
        traffic: Tensor,
        capacity: Tensor | None = None,
        unit_revenue: Tensor | None = None,
        density: Tensor | None = None,
        **options: Any,
    ) -> Any:
        """Return the admission (..., services) that is optimal for this traffic.

        Parameters
        ----------
        traffic : (..., services) tensor
            Predicted traffic, >= 0; the admission has its dtype.
        capacity : (..., servers + links) tensor, optional
            Capacities of the servers, then of the links, >= 0.
        unit_revenue : (..., services) tensor, optional
            Revenue of one unit of each service, before prices.
        density : (..., entries) or (..., servers + links, services) tensor, optional
            What one unit of each service takes of servers and links, >= 0: the stored entries, in the order of
            ``problem.density.data``, or all of them.
        **options
            ``start`` and ``duals`` of :class:`LinearProgramLayer`.

        Raises
        ------
        InvalidProblemError
            If a traffic, a capacity or a density is negative or nan.
        """
        return self.layer(traffic, capacity, self._profit(unit_revenue, density), density, **options)

    def _profit(self, unit_revenue: Tensor | None, density: Tensor | None) -> Tensor | None:
        """Return the unit profit where it is not the problem's own: revenue less the prices of what a unit takes."""
        priced = density is not None and self._priced
        if unit_revenue is None and not priced:
            return None
        own = self.unit_revenue.double()
        revenue = own if unit_revenue is None else unit_revenue.to(torch.float64)
        if not priced:
            return revenue - (own - self.unit_profit.double())
        call, (entries,) = take(self.layer.sizes, ("matrix",), (density,), words=_WORDS)
        rows, columns = (index.to(entries.device) for index in self.layer.pattern(call))
        cost = entries.new_zeros(entries.shape[0], self.layer.sizes.columns)
        cost = cost.index_add(1, columns, self.price.double()[rows] * entries)
        profit = revenue - cost.reshape(*call.lead, self.layer.sizes.columns)
        # Densities move the costs too, but a vertex does not move with those.
        fixed = unit_revenue is None and self.layer.smoothing is None
        return profit.detach() if fixed else profit

    def report(self) -> Report:
        """Return what happened to each instance of the last batch."""
        return self.layer.report()

    @property
    def bases(self) -> Bases:
        """Optimal bases of the last batch: where to start from when the same samples come again."""
        return self.layer.bases

    def directional(
        self,
        traffic: Tensor,
        capacity: Tensor | None = None,
        unit_revenue: Tensor | None = None,
        density: Tensor | None = None,
        /,
        **directions: Tensor,
    ) -> Directional:
        """Return left and right derivatives along a change of ``traffic``, ``capacity`` or ``density``.

        See :func:`~edgeopt.layers.directional`.
        """
        names = {word: name for name, word in _WORDS.items() if name != "cost"}
        if unknown := sorted(set(directions) - set(names)):
            raise InvalidProblemError(f"{unknown[0]!r} is no direction; expected one of {', '.join(names)}")
        values = traffic, capacity, self._profit(unit_revenue, density), density
        return self.layer.directional(*values, **{names[word]: d for word, d in directions.items()})

    def revenue(self, admitted: Tensor) -> Tensor:
        """Return the revenue (...,) of an admission (..., services)."""
        return admitted @ self.unit_profit.to(admitted)


class Admission(torch.nn.Module):
    """What gets through of a reservation, and what it earns, differentiable: :func:`edgeopt.admit` as a module.

    Parameters
    ----------
    problem : RevenueMaximization
        Network and services.
    recourse : {"throttle", "optimal"}
        As for :func:`edgeopt.admit`.
    sla_penalty : float or (services,) float
        As for :func:`edgeopt.admit`.
    """

    density: Tensor
    resources: Tensor
    services: Tensor
    unit_revenue: Tensor
    unit_cost: Tensor
    sla_penalty: Tensor

    def __init__(
        self, problem: RevenueMaximization, recourse: str = "throttle", *, sla_penalty: ArrayLike = 0.0
    ) -> None:
        super().__init__()
        if recourse not in ("throttle", "optimal"):
            raise InvalidOptionError(f"recourse is {recourse!r}; expected 'throttle' or 'optimal'")
        penalty = penalties(sla_penalty, problem.services)
        self.recourse = RevenueLayer(second_stage(problem, penalty)) if recourse == "optimal" else None
        density = problem.density.toarray()
        resources, services = np.nonzero(density)
        kept = {
            "density": density,
            "resources": resources,
            "services": services,
            "unit_revenue": problem.unit_revenue,
            "unit_cost": problem.unit_revenue - problem.unit_profit,
            "sla_penalty": penalty,
        }
        for name, array in kept.items():
            self.register_buffer(name, torch.tensor(array), persistent=False)

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

    def revenue(self, reserved: Tensor, traffic: Tensor, capacity: Tensor) -> Tensor:
        """Return what `reserved` earns (...,): income of what is admitted, less reservation cost and penalty."""
        admitted: Tensor = self(reserved, traffic, capacity)
        broken = torch.minimum(reserved, traffic) - admitted
        income, cost, penalty = (w.to(admitted) for w in (self.unit_revenue, self.unit_cost, self.sla_penalty))
        earned: Tensor = admitted * income - reserved * cost - broken * penalty
        return earned.sum(dim=-1)
