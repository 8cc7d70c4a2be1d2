"""The exact optimum of a slot that a few users share: branch on splits and sides, bound by prices.

Where every user has one choice left the problem is convex, and prices prove its optimum. Elsewhere their bound is loose
only as far as users waver between choices; the search branches on the one that wavers most, the most promising node
first. The best prices of a node maximise a concave function of two variables: each trial cuts off the half plane in
which its slope says that they cannot lie, and the next trial is the centre of gravity of what is left, which at least
37 % of every cut takes away (Grünbaum 1960).
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

import numpy as np

from ..formulations.shared_slot import SharedPrices, SharedSlot
from ..model.outcome import Options, Outcome
from ..model.solver import solver
from ..model.tolerance import SOLVER
from .compiled.clearing_prices import share_out
from .compiled.market import Asked, Market

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MOST_USERS = 30
_TRIALS, _ROUGH, _GROWTHS = 150, 10, 4
"""Most trials of prices in a region, trials before the users' choices are counted, and enlargements of the region."""
_PROMISED = 1e-8
"""Gap up to which the search calls its decision optimal; rounding in the compiled loops is well below."""


def _too_large(problem: SharedSlot) -> str | None:
    many = f"would branch over {problem.users} users and takes at most {_MOST_USERS}"
    return many if problem.users > _MOST_USERS else None


@dataclass
class Node:
    """Choices that are still allowed, the prices that bound them, and how often each choice was taken at trials."""

    allowed: NDArray[np.bool_]
    asked: Asked
    taken: NDArray[np.float64]


@solver(
    "price-and-branch",
    solves=SharedSlot,
    exact=True,
    rank=20,
    options=("time_limit", "relative_gap", "threads"),
    declines=_too_large,
)
def price_and_branch(problem: SharedSlot, options: Options) -> Outcome:
    """Search the choices of all users; a limit leaves the best decision so far and its proven gap."""
    gap = SOLVER if options.relative_gap is None else options.relative_gap
    market = Market.of(problem, 1)
    root = _node(market, problem.choices, math.inf)
    best = share_out(market, root.asked, 0.1 * gap, options)
    value, order = math.inf if best is None else problem.objective(best), count()
    queue, leaves = [(root.asked.bound, next(order), root)], list[Node]()
    while queue and queue[0][0] < value * (1 - gap) and options.remaining() > 0:
        _, _, node = heapq.heappop(queue)
        for allowed in _branches(node):
            child = _node(market, allowed, value)
            if child.asked.bound < value * (1 - gap):
                found = share_out(market.allowing(allowed), child.asked, 0.1 * gap, options)
                if found is not None and problem.objective(found) < value:
                    best, value = found, problem.objective(found)
            if (allowed.sum(axis=(1, 2)) == 1).all():
                leaves.append(child)
            else:
                heapq.heappush(queue, (child.asked.bound, next(order), child))
    leaves += [node for _, _, node in queue]
    certificate = SharedPrices(
        np.array([leaf.asked.prices[0] for leaf in leaves]),
        np.array([leaf.asked.prices[1] for leaf in leaves]),
        np.stack([leaf.asked.deadline_price for leaf in leaves]),
        np.stack([leaf.allowed for leaf in leaves]),
    )
    bound, statistics = min(leaf.asked.bound for leaf in leaves), {"nodes": next(order), "leaves": len(leaves)}
    if bound >= value * (1 - max(gap, _PROMISED)):
        return Outcome.optimal(best, certificate, statistics=statistics)
    return Outcome.feasible(best, certificate, statistics=statistics, message=_why(bound, value, options))


def _why(bound: float, value: float, options: Options) -> str:
    """Say why the search ended before its bound met its best decision."""
    ended = "the time limit ended the search" if options.remaining() <= 0 else "prices could not be told more exactly"
    return f"{ended}: the best decision costs {value:.9g}, and {bound:.9g} is proved"


def _branches(node: Node) -> Iterator[NDArray[np.bool_]]:
    """Yield the allowed choices with and without the most frequent one of the user who wavers most."""
    users, open_to = len(node.allowed), node.allowed.sum(axis=(1, 2))
    share = np.where(open_to > 1, node.taken.reshape(users, -1).max(axis=1), np.inf)
    user = int(share.argmin())
    favourite = np.unravel_index(int(node.taken[user].argmax()), node.taken[user].shape)
    only = np.zeros_like(node.allowed[user])
    only[favourite] = True
    for part in (only, node.allowed[user] & ~only):
        allowed = node.allowed.copy()
        allowed[user] = part
        yield allowed


def _node(market: Market, allowed: NDArray[np.bool_], enough: float) -> Node:
    """Find the best prices for the allowed choices, or prices whose bound is `enough`."""
    market = market.allowing(allowed)
    taken = np.zeros(allowed.shape)
    best = market.asked(np.zeros(2), market.splits - 1)  # where there is enough for all, everything is free
    top = market.first_prices() * market.capacity
    for _ in range(_GROWTHS):
        for trial, asked in enumerate(_trials(market, top, best)):
            best = max(best, asked, key=lambda one: one.bound)
            if trial >= _ROUGH:
                _count(taken, asked)
            if best.bound >= enough:
                break
        if best.bound >= enough or (best.prices * market.capacity < 0.9 * top).all():
            break
        top = 100.0 * top  # the best prices lie beyond: what is allowed hardly fits
    _count(taken, best)
    return Node(allowed, best, taken)


def _count(taken: NDArray[np.float64], asked: Asked) -> None:
    """Count the users' choices."""
    split, side = asked.chosen[:, 1:3].T.astype(int)
    np.add.at(taken, (np.arange(len(taken)), split, side), 1.0)


def _trials(market: Market, top: NDArray[np.float64], start: Asked) -> Iterator[Asked]:
    """Yield trials of prices, up to `top` (worth of all band, of the whole host), that close in on the best ones."""
    polygon = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]) * top
    reached, ceiling, asked = start.bound, math.inf, start
    for _ in range(_TRIALS):
        point = _centre(polygon)
        asked = market.asked(point / market.capacity, asked)
        yield asked
        slope = asked.load / market.capacity - 1.0
        reached = max(reached, asked.bound)
        ceiling = min(ceiling, asked.bound + float(((polygon - point) @ slope).max()))
        polygon = _cut(polygon, point, slope)
        if len(polygon) < 3 or ceiling - reached <= 1e-11 * abs(reached):
            return


def _centre(polygon: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the centre of gravity of a convex polygon (vertices, 2)."""
    origin = polygon.mean(axis=0)
    here, there = polygon - origin, np.roll(polygon, -1, axis=0) - origin
    area = here[:, 0] * there[:, 1] - here[:, 1] * there[:, 0]
    if not area.sum() > 0:
        return np.asarray(origin)
    return np.asarray(origin + (area[:, None] * (here + there)).sum(axis=0) / (3.0 * area.sum()))


def _cut(polygon: NDArray[np.float64], point: NDArray[np.float64], slope: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the part of the polygon in which a concave function with this slope at `point` can be larger."""
    height = (polygon - point) @ slope
    kept = []
    for i in range(len(polygon)):
        j = (i + 1) % len(polygon)
        if height[i] >= 0:
            kept.append(polygon[i])
        if height[i] * height[j] < 0:
            kept.append(polygon[i] + height[i] / (height[i] - height[j]) * (polygon[j] - polygon[i]))
    return np.array(kept).reshape(-1, 2)
