"""One cap on a placement of layers (energy, latency, money): exact, by a price of the cap and labels.

See :mod:`..compiled.capped_trees` for the method; here the price is found, and the search begun where it leaves a gap.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...formulations.placement.capped import CappedTree

MOST_LABELS = 2_000_000
"""Labels (40 bytes each) beyond which the search gives up."""


class Capped(NamedTuple):
    """The cheapest placement under the cap, or none; the price of the cap; whether the search was complete."""

    tiers: NDArray[np.int64] | None
    price: float
    complete: bool
    labels: int = 0


@dataclass
class _Line:
    """Cost and weight of a placement: its cost at a price of the weight is a line."""

    cost: float
    weight: float
    tiers: NDArray[np.int64]


def cheapest_capped(tree: CappedTree) -> Capped:  # noqa: C901
    """Return the cheapest placement whose weight is at most the cap."""
    room = np.empty((2, *tree.cost.shape[:2]))
    cap = tree.cap + tree.allowed
    dear = _placed(tree, 1.0, 0.0, room)
    if dear.weight <= cap:
        return Capped(dear.tiers if math.isfinite(dear.cost) else None, 0.0, True)
    light = _placed(tree, 0.0, 1.0, room)
    if not light.weight <= cap or not math.isfinite(light.cost):
        return Capped(None, math.inf, True)
    best, price, bound = light, 0.0, dear.cost
    # `dear` is too heavy, `light` fits. Where their lines meet, a placement below both takes the place of one of them.
    while light.cost > dear.cost:
        trial = (light.cost - dear.cost) / (dear.weight - light.weight)
        found = _placed(tree, 1.0, trial, room)
        value = found.cost + trial * (found.weight - tree.cap)
        if value > bound:
            bound, price = value, trial
        if found.weight <= cap and found.cost < best.cost:
            best = found
        meeting = dear.cost + trial * (dear.weight - tree.cap)
        if not value < meeting - 1e-14 * (abs(meeting) + abs(dear.cost)):
            break
        if found.weight <= cap:
            if not found.cost < light.cost:
                break
            light = found
        else:
            if not found.cost > dear.cost:
                break
            dear = found
    if not best.cost > bound + 1e-15 * abs(best.cost):
        return Capped(best.tiers, price, True)
    return _searched(tree, best, bound, price, cap)


def _placed(tree: CappedTree, for_cost: float, for_weight: float, room: NDArray[np.float64]) -> _Line:
    from ..compiled.placed_trees import place

    tiers = np.empty(tree.parent.size, np.int64)
    cost, weight = place(tree.parent, tree.cost, tree.weight, for_cost, for_weight, room[0], room[1], tiers)
    return _Line(cost, weight, tiers)


_FIRST_SHARE, _WIDER = 2.0**-8, 4.0
"""Part of the gap that is searched first, and by how much more where there was nothing."""


def _searched(tree: CappedTree, best: _Line, bound: float, price: float, cap: float) -> Capped:
    """Search what the best price leaves open: near its bound first, as labels grow with the gap."""
    from ..compiled.capped_trees import search
    from ..compiled.placed_trees import place, surround, weigh_surroundings

    inside, below, outside, around = np.empty((4, 3, *tree.cost.shape[:2]))
    tiers = np.empty(tree.parent.size, np.int64)
    for which, weights in enumerate(((1.0, price), (1.0, 0.0), (0.0, 1.0))):
        data = (tree.parent, tree.cost, tree.weight, *weights, inside[which], below[which])
        place(*data, tiers)
        surround(*data, outside[which], around[which])
    heavy = np.empty(tree.cost.shape[:2])
    weigh_surroundings(tree.parent, tree.cost, tree.weight, price, below[0], outside[0], heavy)
    share, total = _FIRST_SHARE, 0
    while True:
        below_this = best.cost if share >= 1.0 else bound + share * (best.cost - bound)
        asked = (tree.parent, tree.cost, tree.weight, price, cap, below_this)
        cost, _, labels = search(*asked, inside, outside, around, heavy, MOST_LABELS, tiers)
        total += max(labels, 0)
        if cost < best.cost:
            return Capped(tiers, price, True, total)
        if labels < 0 or share >= 1.0:
            return Capped(best.tiers, price, labels >= 0, total)
        share *= _WIDER
