r"""What a wrong allocation costs: asymmetric costs of provisioning too little and too much.

Allocating :math:`y` where the demand turns out to be :math:`d` wastes capacity for :math:`y > d` and breaks an
agreement for :math:`y < d`. The two papers weigh these differently, with :math:`x = y - d`:

* `deepcog` (Giannakas et al. 2025, eq. 3, after Bega et al. 2019): :math:`c_u` for any shortfall, :math:`c_o x` above;
* `quadratic_linear` (Ehsanian and Spyropoulos 2025, eq. 3): :math:`c_u x^2` for a shortfall, :math:`c_o x` above.

The first jumps at the demand, so its gradient never says "a little more would do"; the second has a kink there.
Training uses the surrogates; **evaluation always uses the exact costs**. Units differ between the two branches of both
costs, so a weight means something only together with the normalisation of the demand: `edgeopt.predictors` scales each
cell to [0, 1] over the training period.

Every function works element by element, on numpy arrays as on torch tensors (torch is never imported for the former):
the cost per network function stays visible, and the sum over functions of the papers is the caller's ``.sum(axis=-1)``.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from ..model.errors import InvalidOptionError


def deepcog(allocation: Any, demand: Any, under: float, over: float = 1.0) -> Any:
    """Constant penalty for any shortfall, linear above (Giannakas et al. 2025, eq. 3).

    Parameters
    ----------
    allocation, demand : array or tensor, broadcastable
        In the same unit. A nan stays a nan.
    under : float
        Penalty c_u of a shortfall, however small; >= 0.
    over : float
        Price c_o of one unit allocated in vain; >= 0.

    Returns
    -------
    array or tensor
        One cost per element; an allocation that equals the demand costs nothing.

    Raises
    ------
    InvalidOptionError
        If a weight is negative or not finite.

    Examples
    --------
    >>> deepcog(np.array([0.9, 1.0, 1.5]), np.array([1.0, 1.0, 1.0]), under=2.0, over=1.0)
    array([2. , 0. , 0.5])
    """
    _check_weights(under=under, over=over)
    library, excess = _excess(allocation, demand)
    return library.where(excess < 0, float(under), over * excess)


def deepcog_surrogate(allocation: Any, demand: Any, under: float, over: float = 1.0, *, epsilon: float = 0.05) -> Any:
    r"""`deepcog` with a slope everywhere, for training (Bega et al. 2019).

    With :math:`x = y - d`: :math:`c_u - \varepsilon x` for a shortfall, then the steep ramp :math:`c_u - x /
    \varepsilon` until it meets the exact :math:`c_o x`, at most :math:`\varepsilon c_u` above the demand. From there on
    it *is* the exact cost (DeepCog's own form lies :math:`\varepsilon c_u c_o` below it), and a shortfall differs from
    it by :math:`\varepsilon |x|`.

    Parameters
    ----------
    allocation, demand, under, over
        As in `deepcog`.
    epsilon : float
        Slope below the demand, inverse slope of the ramp; > 0. The ramp should be short beside the prediction error.

    Returns
    -------
    array or tensor
        One value per element, continuous in the allocation.

    Raises
    ------
    InvalidOptionError
        If a weight is negative or not finite, or `epsilon` not positive.
    """
    _check_weights(under=under, over=over)
    _check_positive(epsilon=epsilon)
    library, excess = _excess(allocation, demand)
    above = library.maximum(under - excess / epsilon, over * excess)
    return library.where(excess < 0, under - epsilon * excess, above)


def quadratic_linear(allocation: Any, demand: Any, under: float, over: float = 1.0) -> Any:
    """Quadratic penalty for a shortfall, linear above (Ehsanian and Spyropoulos 2025, eq. 3).

    Parameters
    ----------
    allocation, demand : array or tensor, broadcastable
        In the same unit. A nan stays a nan.
    under, over : float
        The paper's c_1, per squared unit of demand, and c_2, per unit; >= 0.

    Returns
    -------
    array or tensor
        One cost per element.

    Raises
    ------
    InvalidOptionError
        If a weight is negative or not finite.

    Examples
    --------
    >>> quadratic_linear(np.array([0.5, 1.0, 1.5]), np.array([1.0, 1.0, 1.0]), under=2.0, over=1.0)
    array([0.5, 0. , 0.5])
    """
    _check_weights(under=under, over=over)
    library, excess = _excess(allocation, demand)
    return library.where(excess < 0, under * excess**2, over * excess)


def quadratic_linear_surrogate(
    allocation: Any, demand: Any, under: float, over: float = 1.0, *, epsilon: float = 0.05
) -> Any:
    r"""`quadratic_linear` with its kink rounded, for training: continuously differentiable.

    The first `epsilon` above the demand becomes the parabola :math:`c_o x^2 / 2 \varepsilon`; beyond it the value lies
    :math:`c_o \varepsilon / 2` below the exact one, with the same slope.

    Parameters
    ----------
    allocation, demand, under, over
        As in `quadratic_linear`.
    epsilon : float
        Width of the rounding, in the unit of the demand; > 0.

    Returns
    -------
    array or tensor
        One value per element.

    Raises
    ------
    InvalidOptionError
        If a weight is negative or not finite, or `epsilon` not positive.
    """
    _check_weights(under=under, over=over)
    _check_positive(epsilon=epsilon)
    library, excess = _excess(allocation, demand)
    above = library.where(excess < epsilon, over * excess**2 / (2 * epsilon), over * (excess - epsilon / 2))
    return library.where(excess < 0, under * excess**2, above)


class CostKind(StrEnum):
    """The costs by name."""

    DEEPCOG = "deepcog"
    QUADRATIC_LINEAR = "quadratic-linear"


_EXACT = {CostKind.DEEPCOG: deepcog, CostKind.QUADRATIC_LINEAR: quadratic_linear}
_SURROGATE = {CostKind.DEEPCOG: deepcog_surrogate, CostKind.QUADRATIC_LINEAR: quadratic_linear_surrogate}


@dataclass(frozen=True)
class AllocationCost:
    """One asymmetric cost with its weights, exact and for training.

    Attributes
    ----------
    under, over : float
        Weights c_u and c_o, >= 0.
    kind : {"deepcog", "quadratic-linear"}
        Which paper's cost.
    ramp : float
        Width, in the unit of the demand, of the stretch above it where the surrogate departs from the exact cost; > 0.
        For "deepcog" this is epsilon c_u, so that the surrogate is as faithful for any c_u.

    Raises
    ------
    InvalidOptionError
        If a weight is negative or not finite, `ramp` not positive, or `kind` unknown.
    """

    under: float
    over: float = 1.0
    kind: str = "deepcog"
    ramp: float = 0.02

    def __post_init__(self) -> None:
        _check_weights(under=self.under, over=self.over)
        _check_positive(ramp=self.ramp)
        if self.kind not in set(CostKind):
            raise InvalidOptionError(f"kind is {self.kind!r}; costs known by name: {', '.join(CostKind)}")

    def exact(self, allocation: Any, demand: Any) -> Any:
        """Return the exact cost of every element: what is reported."""
        return _EXACT[CostKind(self.kind)](allocation, demand, self.under, self.over)

    def surrogate(self, allocation: Any, demand: Any) -> Any:
        """Return the surrogate of every element: what is trained on."""
        kind = CostKind(self.kind)
        # Without a penalty for shortfalls there is no jump to bridge, and no ramp that could give epsilon.
        scaled = kind is CostKind.DEEPCOG and self.under > 0
        epsilon = self.ramp / self.under if scaled else self.ramp
        return _SURROGATE[kind](allocation, demand, self.under, self.over, epsilon=epsilon)


def _excess(allocation: Any, demand: Any) -> tuple[Any, Any]:
    """Return the array library of the arguments, and allocation minus demand in it."""
    torch = sys.modules.get("torch")
    if torch is None or not (torch.is_tensor(allocation) or torch.is_tensor(demand)):
        return np, np.asarray(allocation, dtype=float) - np.asarray(demand, dtype=float)
    given = allocation if torch.is_tensor(allocation) else demand
    tensors = (torch.as_tensor(item, device=given.device) for item in (allocation, demand))
    return torch, next(tensors) - next(tensors)


def _check_weights(**weights: float) -> None:
    for name, value in weights.items():
        if not (math.isfinite(value) and value >= 0):
            raise InvalidOptionError(f"{name} is {value}; a cost's weight must be finite and not negative")


def _check_positive(**widths: float) -> None:
    for name, value in widths.items():
        if not (math.isfinite(value) and value > 0):
            raise InvalidOptionError(f"{name} is {value}; it must be finite and positive")
