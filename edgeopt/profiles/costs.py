r"""What a wrong allocation costs: asymmetric costs of provisioning too little and too much.

Allocating :math:`y` where the demand turns out to be :math:`d` wastes capacity for :math:`y > d` and breaks an
agreement for :math:`y < d`. The two papers weigh these differently, with :math:`x = y - d`:

* `deepcog` (Giannakas et al. 2025, eq. 3, after Bega et al. 2019): :math:`c_u` for any shortfall, :math:`c_o x` above;
* `quadratic_linear` (Ehsanian and Spyropoulos 2025, eq. 3): :math:`c_u x^2` for a shortfall, :math:`c_o x` above;
* `least_squares` (Giannakas et al. 2025, eq. 1, where both weights are 1): :math:`c_u x^2` and :math:`c_o x^2`.

The first jumps at the demand, so its gradient never says "a little more would do"; the second has a kink there.
Training uses the surrogates; **evaluation always uses the exact costs**. Units differ between the two branches of the
first two, so a weight means something only together with the normalisation of the demand: `edgeopt.predictors` scales
each cell to [0, 1] over the training period.

Every function works element by element, on numpy arrays as on torch tensors (torch is never imported for the former):
the cost per network function stays visible, and the sum over functions of the papers is the caller's ``.sum(axis=-1)``.
A weight is one number, or one for each service, along the last axis of allocation and demand. Costs that are none of
these: :mod:`.own_costs`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from ..model.errors import InvalidOptionError
from .cost_weights import Weights, checked, terms

if TYPE_CHECKING:
    from numpy.typing import NDArray


def deepcog(allocation: Any, demand: Any, under: Weights, over: Weights = 1.0) -> Any:
    """Constant penalty for any shortfall, linear above (Giannakas et al. 2025, eq. 3).

    Parameters
    ----------
    allocation, demand : array or tensor, broadcastable
        In the same unit. A nan stays a nan.
    under : float or (services,) float
        Penalty c_u of a shortfall, however small; >= 0.
    over : float or (services,) float
        Price c_o of one unit allocated in vain; >= 0.

    Returns
    -------
    array or tensor
        One cost per element; an allocation that equals the demand costs nothing.

    Raises
    ------
    InvalidOptionError
        If a weight is negative or not finite, or there is not one for each service.

    Examples
    --------
    >>> deepcog(np.array([0.9, 1.0, 1.5]), np.array([1.0, 1.0, 1.0]), under=2.0, over=1.0)
    array([2. , 0. , 0.5])
    >>> deepcog([[0.9, 0.9], [1.5, 1.5]], 1.0, under=[2.0, 8.0], over=[1.0, 3.0])  # two slots of two services
    array([[2. , 8. ],
           [0.5, 1.5]])
    """
    library, excess, (short, vain) = terms(allocation, demand, under=under, over=over)
    return library.where(excess < 0, short, vain * excess)


def deepcog_surrogate(
    allocation: Any, demand: Any, under: Weights, over: Weights = 1.0, *, epsilon: Weights = 0.05
) -> Any:
    r"""`deepcog` with a slope everywhere, for training (Bega et al. 2019).

    With :math:`x = y - d`: :math:`c_u - \varepsilon x` for a shortfall, then the steep ramp :math:`c_u - x /
    \varepsilon` until it meets the exact :math:`c_o x`, at most :math:`\varepsilon c_u` above the demand. From there on
    it *is* the exact cost (DeepCog's own form lies :math:`\varepsilon c_u c_o` below it), and a shortfall differs from
    it by :math:`\varepsilon |x|`.

    Parameters
    ----------
    allocation, demand, under, over
        As in `deepcog`.
    epsilon : float or (services,) float
        Slope below the demand, inverse slope of the ramp; > 0. The ramp should be short beside the prediction error.

    Returns
    -------
    array or tensor
        One value per element, continuous in the allocation.

    Raises
    ------
    InvalidOptionError
        If a weight is negative or not finite, or `epsilon` not positive, or there is not one for each service.
    """
    library, excess, (short, vain, slope) = terms(allocation, demand, under=under, over=over, epsilon=epsilon)
    above = library.maximum(short - excess / slope, vain * excess)
    return library.where(excess < 0, short - slope * excess, above)


def quadratic_linear(allocation: Any, demand: Any, under: Weights, over: Weights = 1.0) -> Any:
    """Quadratic penalty for a shortfall, linear above (Ehsanian and Spyropoulos 2025, eq. 3).

    Parameters
    ----------
    allocation, demand : array or tensor, broadcastable
        In the same unit. A nan stays a nan.
    under, over : float or (services,) float
        The paper's c_1, per squared unit of demand, and c_2, per unit; >= 0.

    Returns
    -------
    array or tensor
        One cost per element.

    Raises
    ------
    InvalidOptionError
        If a weight is negative or not finite, or there is not one for each service.

    Examples
    --------
    >>> quadratic_linear(np.array([0.5, 1.0, 1.5]), np.array([1.0, 1.0, 1.0]), under=2.0, over=1.0)
    array([0.5, 0. , 0.5])
    """
    library, excess, (short, vain) = terms(allocation, demand, under=under, over=over)
    return library.where(excess < 0, short * excess**2, vain * excess)


def quadratic_linear_surrogate(
    allocation: Any, demand: Any, under: Weights, over: Weights = 1.0, *, epsilon: Weights = 0.05
) -> Any:
    r"""`quadratic_linear` with its kink rounded, for training: continuously differentiable.

    The first `epsilon` above the demand becomes the parabola :math:`c_o x^2 / 2 \varepsilon`; beyond it the value lies
    :math:`c_o \varepsilon / 2` below the exact one, with the same slope.

    Parameters
    ----------
    allocation, demand, under, over
        As in `quadratic_linear`.
    epsilon : float or (services,) float
        Width of the rounding, in the unit of the demand; > 0.

    Returns
    -------
    array or tensor
        One value per element.

    Raises
    ------
    InvalidOptionError
        If a weight is negative or not finite, or `epsilon` not positive, or there is not one for each service.
    """
    library, excess, (short, vain, width) = terms(allocation, demand, under=under, over=over, epsilon=epsilon)
    above = library.where(excess < width, vain * excess**2 / (2 * width), vain * (excess - width / 2))
    return library.where(excess < 0, short * excess**2, above)


def least_squares(allocation: Any, demand: Any, under: Weights, over: Weights = 1.0) -> Any:
    """Squared error (Giannakas et al. 2025, eq. 1), which may weigh a shortfall and a surplus differently.

    It has a slope everywhere and needs no surrogate.

    Parameters
    ----------
    allocation, demand : array or tensor, broadcastable
        In the same unit. A nan stays a nan.
    under, over : float or (services,) float
        Prices of a squared unit of shortfall and of surplus; >= 0. In eq. 1 both are 1.

    Returns
    -------
    array or tensor
        One cost per element.

    Raises
    ------
    InvalidOptionError
        If a weight is negative or not finite, or there is not one for each service.

    Examples
    --------
    >>> least_squares(np.array([0.5, 1.0, 1.5]), np.array([1.0, 1.0, 1.0]), under=2.0)
    array([0.5 , 0.  , 0.25])
    """
    library, excess, (short, vain) = terms(allocation, demand, under=under, over=over)
    return library.where(excess < 0, short, vain) * excess**2


class CostKind(StrEnum):
    """The costs by name."""

    DEEPCOG = "deepcog"
    QUADRATIC_LINEAR = "quadratic-linear"
    LEAST_SQUARES = "least-squares"


_EXACT = {
    CostKind.DEEPCOG: deepcog,
    CostKind.QUADRATIC_LINEAR: quadratic_linear,
    CostKind.LEAST_SQUARES: least_squares,
}


@dataclass(frozen=True)
class AllocationCost:
    """One asymmetric cost with its weights, exact and for training.

    Attributes
    ----------
    under, over : float or (services,) float
        Weights c_u and c_o, >= 0: one number for all services, or one for each, in the order of the allocation's last
        axis. Arrays are kept as tuples, so that costs can be compared and be keys.
    kind : {"deepcog", "quadratic-linear", "least-squares"}
        Which cost.
    ramp : float
        Width, in the unit of the demand, of the stretch above it where the surrogate departs from the exact cost; > 0.
        For "deepcog" this is epsilon c_u, so that the surrogate is as faithful for any c_u.

    Raises
    ------
    InvalidOptionError
        If a weight is negative or not finite, `under` and `over` have weights for different numbers of services, `ramp`
        is not positive, or `kind` unknown.

    Examples
    --------
    >>> AllocationCost(under=[1.0, 10.0]).exact([[0.5, 0.5], [1.5, 1.5]], 1.0)  # the second slice has a stricter SLA
    array([[ 1. , 10. ],
           [ 0.5,  0.5]])
    """

    under: Weights
    over: Weights = 1.0
    kind: str = "deepcog"
    ramp: float = 0.02

    def __post_init__(self) -> None:
        under, over = (checked(name, getattr(self, name)) for name in ("under", "over"))
        checked("ramp", self.ramp, positive=True, most_dimensions=0)
        if under.ndim and over.ndim and len(under) != len(over):
            raise InvalidOptionError(
                f"under has {len(under)} weights and over {len(over)}; give one for each service, or one number for all"
            )
        if self.kind not in set(CostKind):
            raise InvalidOptionError(f"kind is {self.kind!r}; costs known by name: {', '.join(CostKind)}")
        for name, weights in (("under", under), ("over", over)):
            object.__setattr__(self, name, tuple(weights.tolist()) if weights.ndim else float(weights))

    @property
    def label(self) -> str:
        """Kind and weights as a short text, those of several services by the least and the largest."""
        ends = [sorted({float(np.min(weights)), float(np.max(weights))}) for weights in (self.under, self.over)]
        return "-".join([str(self.kind), *("to".join(f"{end:g}" for end in pair) for pair in ends)])

    def exact(self, allocation: Any, demand: Any) -> Any:
        """Return the exact cost of every element: what is reported."""
        return _EXACT[CostKind(self.kind)](allocation, demand, self.under, self.over)

    def surrogate(self, allocation: Any, demand: Any) -> Any:
        """Return the surrogate of every element: what is trained on."""
        if self.kind == CostKind.LEAST_SQUARES:
            return self.exact(allocation, demand)
        if self.kind == CostKind.QUADRATIC_LINEAR:
            return quadratic_linear_surrogate(allocation, demand, self.under, self.over, epsilon=self.ramp)
        # Without a penalty for shortfalls there is no jump to bridge, and no ramp that could give epsilon.
        under = np.asarray(self.under)
        epsilon = self.ramp / np.where(under > 0, under, 1.0)
        return deepcog_surrogate(allocation, demand, self.under, self.over, epsilon=epsilon)

    def take(self, services: Sequence[int] | NDArray[np.integer[Any]]) -> Self:
        """Return the cost of some of the services, in this order; the same where one number is for all."""
        order = np.asarray(services, dtype=np.intp)
        chosen: dict[str, Any] = {
            name: np.asarray(weights)[order]
            for name, weights in (("under", self.under), ("over", self.over))
            if np.ndim(weights)
        }
        return replace(self, **chosen)
