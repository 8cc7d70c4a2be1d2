r"""Costs averaged over a Gaussian error of the allocation: a slope everywhere, also far below the demand.

The surrogates of :mod:`.costs` are nearly flat below the demand. An exit that starts there is hardly moved, and a cell
may never reserve enough. The mean of the exact cost over an error of standard deviation :math:`w` has a slope at every
allocation within some :math:`w` of the demand; as :math:`w` falls it becomes the exact cost. Training therefore begins
with a wide error and narrows it.
"""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np

from .cost_weights import checked, terms
from .costs import AllocationCost, CostKind


def smoothed(cost: AllocationCost, allocation: Any, demand: Any, width: float) -> Any:
    r"""Return the mean of the exact cost where the allocation has a Gaussian error, of every element.

    With :math:`x = y - d`, :math:`\Phi` and :math:`\varphi` the standard normal distribution and density at
    :math:`x / w`, the price of what is allocated in vain is :math:`c_o (x \Phi + w \varphi)`. To it comes
    :math:`c_u (1 - \Phi)` for `deepcog`, and :math:`c_u ((x^2 + w^2) (1 - \Phi) - x w \varphi)` for `quadratic-linear`.
    With `least-squares` the surplus costs :math:`c_o ((x^2 + w^2) \Phi + x w \varphi)`.

    Parameters
    ----------
    allocation, demand : array or tensor, broadcastable
        In the same unit.
    width : float
        Standard deviation w of the error, in that unit; > 0.

    Returns
    -------
    array or tensor
        One value per element, smooth in the allocation.

    Raises
    ------
    InvalidOptionError
        If `width` is not positive.

    Examples
    --------
    >>> cost = AllocationCost(under=2.0)
    >>> smoothed(cost, np.array([0.5, 1.5]), np.array([1.0, 1.0]), width=0.01).round(6)
    array([2. , 0.5])
    """
    checked("width", width, positive=True, most_dimensions=0)
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


def _normal_tail(library: Any, value: Any) -> Any:
    """Return the probability that a standard normal number is above `value`."""
    if library is np:
        from scipy.special import erfc

        return 0.5 * erfc(value / math.sqrt(2))
    return 0.5 * sys.modules["torch"].special.erfc(value / math.sqrt(2))
