r"""Costs averaged over a Gaussian error of the allocation: a slope everywhere, also far below the demand.

The surrogates of :mod:`.costs` are nearly flat below the demand. An exit that starts there is hardly moved, and a cell
may never reserve enough. The mean of the exact cost over an error of standard deviation :math:`w` has a slope at every
allocation within some :math:`w` of the demand; as :math:`w` falls it becomes the exact cost. Training therefore begins
with a wide error and narrows it.

For the costs of :mod:`.costs` the mean has a closed form. For any other it is integrated by Gauss and Legendre's rule,
in two pieces that meet at the demand, where costs jump. Written as an integral over the *perturbed* allocation, only
the density depends on the allocation: the derivative follows from values of the cost, which need not have one itself
(the likelihood-ratio estimator, Glynn 1990, with a quadrature in place of samples).
"""

from __future__ import annotations

import math
import sys
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from ..model.errors import InvalidOptionError
from .cost_weights import checked, excess_of, terms
from .costs import AllocationCost, CostKind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .own_costs import Cost

_REACH = 6.0
"""Standard deviations that the integral reaches to both sides; beyond lie 2e-9 of the probability."""

_NODES = 20
"""Nodes of each piece: with 24 the error falls from 2e-7 to the 2e-8 of the reach, at c_u = 10."""


def smoothed(cost: Cost, allocation: Any, demand: Any, width: float) -> Any:
    r"""Return the mean of the exact cost where the allocation has a Gaussian error, of every element.

    With :math:`x = y - d`, :math:`\Phi` and :math:`\varphi` the standard normal distribution and density at
    :math:`x / w`, the price of what is allocated in vain is :math:`c_o (x \Phi + w \varphi)`. To it comes
    :math:`c_u (1 - \Phi)` for `deepcog`, and :math:`c_u ((x^2 + w^2) (1 - \Phi) - x w \varphi)` for `quadratic-linear`.
    With `least-squares` the surplus costs :math:`c_o ((x^2 + w^2) \Phi + x w \varphi)`.

    Parameters
    ----------
    cost : Cost
        Closed form for an :class:`~edgeopt.profiles.costs.AllocationCost`; any other cost's `exact` is asked for numpy
        arrays alone. It may jump where allocation and demand meet; a jump elsewhere is rounded by up to a fifth of it.
    allocation, demand : array or tensor, broadcastable
        In the same unit.
    width : float
        Standard deviation w of the error, in that unit; > 0.

    Returns
    -------
    array or tensor
        One value per element, smooth in the allocation (of tensors with its gradient; the demand has none).

    Raises
    ------
    InvalidOptionError
        If `width` is not positive, or the cost does not return one number for each element.

    Examples
    --------
    >>> cost = AllocationCost(under=2.0)
    >>> smoothed(cost, np.array([0.5, 1.5]), np.array([1.0, 1.0]), width=0.01).round(6)
    array([2. , 0.5])
    """
    checked("width", width, positive=True, most_dimensions=0)
    if not isinstance(cost, AllocationCost):
        return _averaged(cost, allocation, demand, width)
    library, excess, (under, over) = terms(allocation, demand, under=cost.under, over=cost.over)
    scaled = excess / width
    below = _normal_tail(library, scaled)
    density = library.exp(-0.5 * scaled**2) / math.sqrt(2 * math.pi)
    kind = CostKind(cost.kind)
    if kind is CostKind.LEAST_SQUARES:
        square, cross = excess**2 + width**2, excess * width * density
        return over * (square * (1 - below) + cross) + under * (square * below - cross)
    vain = over * (excess * (1 - below) + width * density)
    if kind is CostKind.DEEPCOG:
        return vain + under * below
    return vain + under * ((excess**2 + width**2) * below - excess * width * density)


def _averaged(cost: Cost, allocation: Any, demand: Any, width: float) -> Any:
    """Integrate the exact cost times the density of the perturbed allocation, of every element."""
    library, excess = excess_of(allocation, demand)
    plain, wanted = (_array(part) for part in (excess, demand))
    low, high = plain - _REACH * width, plain + _REACH * width
    middle = np.clip(0.0, low, high)
    nodes, weights = _rule()
    shape = (-1, *[1] * plain.ndim)
    half = np.stack([middle - low, high - middle]) / 2
    centre = np.stack([middle + low, high + middle]) / 2
    # (pieces, nodes, …, services): the services stay last, where the cost expects them.
    perturbed = (centre[:, None] + half[:, None] * nodes.reshape(shape)).reshape(-1, *plain.shape)
    measure = (half[:, None] * weights.reshape(shape)).reshape(perturbed.shape) / (width * math.sqrt(2 * math.pi))
    wanted = np.broadcast_to(wanted, perturbed.shape)
    priced = np.asarray(cost.exact(wanted + perturbed, wanted), dtype=np.float64)
    if priced.shape != perturbed.shape:
        raise InvalidOptionError(
            f"{type(cost).__name__}.exact returned shape {priced.shape} for {perturbed.shape}; return one cost for "
            "each element"
        )
    mass, at = priced * measure, perturbed
    if library is not np:
        mass, at = (library.as_tensor(part, dtype=excess.dtype, device=excess.device) for part in (mass, at))
    return (mass * library.exp(-0.5 * ((at - excess) / width) ** 2)).sum(0)


@cache
def _rule() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    return nodes, weights


def _array(part: Any) -> NDArray[np.float64]:
    return np.asarray(part.detach().cpu() if hasattr(part, "detach") else part, dtype=np.float64)


def _normal_tail(library: Any, value: Any) -> Any:
    """Return the probability that a standard normal number is above `value`."""
    if library is np:
        from scipy.special import erfc

        return 0.5 * erfc(value / math.sqrt(2))
    return 0.5 * sys.modules["torch"].special.erfc(value / math.sqrt(2))
