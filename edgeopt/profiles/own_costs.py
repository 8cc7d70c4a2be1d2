r"""Costs of one's own: what a cost has to offer, and how little of it has to be written.

Eq. 2 of Giannakas et al. (2025) prices a shortfall by :math:`g_u(d - y)` and a surplus by :math:`g_o(y - d)`, two
functions that do not decrease. :class:`FunctionCost` takes any two. A price that depends on more than the difference is
a class derived from :class:`ExactCost` with one method, in numpy. A cost that brings a differentiable surrogate of its
own is a class with the two methods of :class:`Cost`.

Training needs a slope. Where only the exact cost is known, it comes from the mean of the cost over a Gaussian error of
the allocation (:func:`edgeopt.profiles.smoothed_costs.smoothed`): that mean is smooth in the allocation even where the
cost jumps, and its derivative needs values of the cost alone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from ..model.errors import InvalidOptionError
from .cost_weights import checked, excess_of
from .smoothed_costs import smoothed

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Function = Callable[[NDArray[np.float64]], ArrayLike]


@runtime_checkable
class Cost(Protocol):
    """What allocators, networks and reports ask of a cost; :class:`~edgeopt.profiles.costs.AllocationCost` is one.

    Both methods take allocation and demand, (…, services) and broadcastable, as numpy arrays or as torch tensors, and
    return one finite cost for each element, as what they were given. :func:`check_cost` tells what is missing.
    """

    def exact(self, allocation: Any, demand: Any) -> Any:
        """Return what is paid: what is reported, and what chooses among weights and margins."""
        ...

    def surrogate(self, allocation: Any, demand: Any) -> Any:
        """Return what is trained on: with a gradient with respect to the allocation, and close to the exact cost."""
        ...


class ExactCost(ABC):
    """Base of costs of which only the price is known: derive, and write `price`.

    Attributes
    ----------
    ramp : float
        Standard deviation, in the unit of the demand, of the error that the surrogate averages over; > 0.

    Examples
    --------
    A shortfall is paid by its share of the demand:

    >>> class Relative(ExactCost):
    ...     def price(self, allocation, demand):
    ...         excess = allocation - demand
    ...         return np.where(excess < 0, -5 * excess / demand, excess)
    >>> Relative().exact([[0.5, 2.0]], [[1.0, 1.0]])
    array([[2.5, 1. ]])
    """

    ramp: float = 0.02

    @abstractmethod
    def price(self, allocation: NDArray[np.float64], demand: NDArray[np.float64]) -> ArrayLike:
        """Return the cost of every element of two numpy arrays of one shape, (…, services).

        It may jump where the allocation meets the demand, which the average accounts for exactly.
        """

    def exact(self, allocation: Any, demand: Any) -> Any:
        """Return the price of every element, of arrays or tensors; it carries no gradient."""
        library, excess = excess_of(allocation, demand)
        arrays = allocation, demand
        if library is not np:
            arrays = tuple(part.detach().cpu().numpy() if hasattr(part, "detach") else part for part in arrays)
        given, wanted = (np.broadcast_to(np.asarray(part, dtype=np.float64), excess.shape) for part in arrays)
        priced = np.asarray(self.price(given, wanted), dtype=np.float64)
        if priced.shape != tuple(excess.shape):
            raise InvalidOptionError(
                f"{type(self).__name__}.price returned shape {priced.shape} for allocations of shape "
                f"{tuple(excess.shape)}; return one cost for each element, without summing"
            )
        return priced if library is np else library.as_tensor(priced, dtype=excess.dtype, device=excess.device)

    def surrogate(self, allocation: Any, demand: Any) -> Any:
        """Return the mean of the price over a Gaussian error of the allocation with standard deviation `ramp`."""
        return smoothed(self, allocation, demand, self.ramp)


@dataclass(frozen=True)
class FunctionCost(ExactCost):
    r"""Any two functions of shortfall and surplus: :math:`g_u(d - y)` and :math:`g_o(y - d)` (Giannakas et al., eq. 2).

    Attributes
    ----------
    under, over : callable
        From a numpy array (…, services) of numbers >= 0 to the costs of its elements. They must not decrease, need no
        derivative, and may jump at 0: ``under`` is asked for shortfalls above 0, ``over`` for surpluses from 0 on. A
        function that multiplies by an array (services,) prices each service by its own weight.
    ramp : float
        As in :class:`ExactCost`.

    Raises
    ------
    InvalidOptionError
        If a function decreases between 0 and 1, or returns what is not one finite number for each element.

    Examples
    --------
    A fine of 2 and 3 more for each unit that is missing; surplus is bought in steps of a quarter:

    >>> cost = FunctionCost(lambda short: 2 + 3 * short, lambda extra: np.ceil(4 * extra) / 4)
    >>> cost.exact([0.5, 1.0, 1.1], 1.0)
    array([3.5 , 0.  , 0.25])
    """

    under: Function
    over: Function
    ramp: float = 0.02

    def __post_init__(self) -> None:
        checked("ramp", self.ramp, positive=True, most_dimensions=0)
        tried = np.linspace(0.0, 1.0, 129)[:, None]
        for name in ("under", "over"):
            found = np.asarray(getattr(self, name)(tried), dtype=np.float64)
            # A function with a weight for each service makes columns of the one that it is given.
            if found.ndim != 2 or len(found) != len(tried):
                raise InvalidOptionError(
                    f"{name} returned shape {found.shape} for {tried.shape}; return one cost for each element"
                )
            if not np.isfinite(found).all():
                row, column = np.argwhere(~np.isfinite(found))[0]
                raise InvalidOptionError(
                    f"{name}({tried[row, 0]:g}) is {found[row, column]}; a cost must be finite between 0 and 1"
                )
            falls = np.diff(found, axis=0) < -1e-12 * np.abs(found[1:])
            if falls.any():
                row = int(np.argwhere(falls)[0][0])
                raise InvalidOptionError(
                    f"{name} falls between {tried[row, 0]:g} and {tried[row + 1, 0]:g}; a larger shortfall or surplus "
                    "must not cost less (eq. 2)"
                )

    def price(self, allocation: NDArray[np.float64], demand: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return ``under`` of every shortfall and ``over`` of every surplus."""
        excess = allocation - demand
        # nan stays nan in both.
        short, extra = self.under(np.maximum(-excess, 0.0)), self.over(np.maximum(excess, 0.0))
        return np.asarray(np.where(excess < 0, short, extra))


def check_cost(cost: Cost, services: int, *, training: bool = False) -> None:
    """Make sure that a cost prices each of so many services, and with `training` that its surrogate has a gradient.

    Raises
    ------
    InvalidOptionError
        If a method is missing, does not return one finite number for each element, or takes no tensors.
    """
    if not isinstance(cost, Cost):
        raise InvalidOptionError(
            f"cost is a {type(cost).__name__} without exact and surrogate; give an AllocationCost, a "
            "FunctionCost(under, over), or derive from ExactCost and write price(allocation, demand)"
        )
    demand = np.full((3, services), 0.5)
    allocation = demand + np.array([[-0.25], [0.0], [0.25]])
    _check_answer("exact", cost, cost.exact(allocation, demand), demand.shape)
    if not training:
        return
    import torch

    tensors = torch.tensor(allocation, dtype=torch.float32), torch.tensor(demand, dtype=torch.float32)
    _check_answer("exact", cost, cost.exact(*tensors), demand.shape, tensor=True)
    tensors[0].requires_grad_()
    answer = cost.surrogate(*tensors)
    _check_answer("surrogate", cost, answer, demand.shape, tensor=True)
    if not answer.requires_grad:
        raise InvalidOptionError(
            f"{type(cost).__name__}.surrogate has no gradient with respect to the allocation; write it in torch, or "
            "derive from ExactCost, whose surrogate is an average of the exact cost"
        )


def _check_answer(method: str, cost: Cost, answer: Any, shape: tuple[int, ...], *, tensor: bool = False) -> None:
    kind = "tensors" if tensor else "arrays"
    wanted = f"for {kind} of shape {shape} return one finite cost for each element as {kind[:-1]}"
    if tensor != hasattr(answer, "detach"):
        raise InvalidOptionError(f"{type(cost).__name__}.{method} returned a {type(answer).__name__}; {wanted}")
    values = np.asarray(answer.detach().cpu() if tensor else answer)
    if values.shape != shape or not np.isfinite(values).all():
        found = f"shape {values.shape}" if values.shape != shape else f"{values[~np.isfinite(values)][0]}"
        raise InvalidOptionError(f"{type(cost).__name__}.{method} returned {found}; {wanted}")
