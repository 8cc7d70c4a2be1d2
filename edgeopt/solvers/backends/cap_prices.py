"""The best prices of one or two caps on a path, found by meeting lines, and the paths that are met on the way.

At a price of a cap each path is a line, of its cost and of its excess over the cap. The best price of one cap is where
a line that rises and one that does not meet at the top (Handler and Zang 1980), and the mixture of both paths that just
keeps the cap is again a line in the price of another cap. So the best prices of two caps together are found one inside
the other; going from one to the other in turn would stop at a ridge, with a lower bound.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...formulations.compressed_split.moves import Caps

_STEPS = 60
"""Steps of the price of one cap."""


class Line(NamedTuple):
    """Cost and excesses over both caps of a path, or of a mixture of paths."""

    cost: float
    excess: tuple[float, float]

    def mixed(self, other: Line, share: float) -> Line:
        """Return a mixture with `share` of the other line."""
        first, second = (a + share * (b - a) for a, b in zip(self.excess, other.excess, strict=True))
        return Line(self.cost + share * (other.cost - self.cost), (first, second))


def meeting(ask: Callable[[float], Line], cap: int, height: Callable[[Line], float]) -> tuple[float, Line]:
    """Return the price of a cap at which the least line is highest, and the mixture that just keeps the cap there.

    Parameters
    ----------
    ask : function of the price
        Gives the least line, of what `height` returns and of its priced excess; the lightest at an infinite price.
    cap : int
        Which one; its price is infinite where the lightest line is above it.
    """
    dear = ask(0.0)
    if dear.excess[cap] <= 0:
        return 0.0, dear
    light = ask(math.inf)
    if light.excess[cap] > 0:
        return math.inf, light
    price = 0.0
    for _ in range(_STEPS):
        price = max(0.0, (height(light) - height(dear)) / (dear.excess[cap] - light.excess[cap]))
        found = ask(price)
        top = height(dear) + price * dear.excess[cap]
        if not height(found) + price * found.excess[cap] < top - 1e-14 * (abs(top) + abs(height(dear))):
            break
        if found.excess[cap] <= 0:
            light = found
        else:
            dear = found
    return price, dear.mixed(light, dear.excess[cap] / (dear.excess[cap] - light.excess[cap]))


class PricedPaths:
    """The moves with two caps, one of which may be empty, and the best path so far that fits."""

    def __init__(self, moves: Caps) -> None:
        self.cost = np.ascontiguousarray(moves.cost)
        self.weights = np.zeros((2, *moves.cost.shape))
        self.weights[: moves.caps.size] = moves.weights
        self.limits = np.zeros(2)
        self.limits[: moves.caps.size] = moves.caps + moves.allowed
        self.number = moves.caps.size
        self.best: tuple[float, Any] = (math.inf, None)
        self.tensors = np.arange(len(moves.cost))
        self._weighed = [np.where(np.isfinite(self.cost), weight, np.inf) for weight in self.weights]

    def _least(self, value: NDArray[np.float64]) -> Line:
        """Return the path of least value; keep it where it fits and is the cheapest so far."""
        from ..compiled.compressed_paths import cheapest_path

        tiers, precision = np.empty((2, self.tensors.size), np.int64)
        cheapest_path(value, tiers, precision)
        index = self.tensors, np.r_[0, tiers[:-1]], tiers, precision
        cost, weights = float(self.cost[index].sum()), self.weights[:, *index].sum(axis=1)
        if cost < self.best[0] and (weights <= self.limits).all():
            self.best = cost, (tiers, precision)
        excess = (weights - self.limits).tolist()
        return Line(cost, (excess[0], excess[1]))

    def prices(self) -> NDArray[np.float64]:
        """Return the best prices of both caps; the second is infinite where no mixture of paths keeps both."""

        def of_first(second: float) -> tuple[float, Line]:
            """Return the best price of the first cap at one of the second, and the line there."""
            alone = second == math.inf
            base = self._weighed[1] if alone else self.cost + second * self.weights[1] if second else self.cost

            def ask(price: float) -> Line:
                return self._least(self._weighed[0] if price == math.inf else base + price * self.weights[0])

            return meeting(ask, 0, lambda x: x.excess[1] if alone else x.cost + second * x.excess[1])

        second = meeting(lambda price: of_first(price)[1], 1, lambda x: x.cost)[0] if self.number > 1 else 0.0
        return np.array([of_first(second)[0], second])
