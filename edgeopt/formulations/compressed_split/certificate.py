"""Proof that a compressed split is optimal: prices of the caps, bounds of each state, a count of what they leave open.

At prices of the caps a placement is a shortest path, and its least cost bounds the optimum (Lagrange). From each state,
a tensor on a tier, backward sums bound what the rest of a placement costs at least (priced, and cost and each weight
alone). Beginnings of placements are then gone through from the input on: one goes where another in the same state is no
dearer and no heavier, or where the bounds of its state show that it cannot fit, or cannot be cheaper than the decision.
If none is left at the end, no placement that fits is cheaper.

The check shares no code with a solver, and the rounding of every sum is charged to the gap that it proves.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise, product
from typing import TYPE_CHECKING

import numpy as np

from ...model.certificate import OptimalityCertificate, StatusCertificate
from ...model.errors import InvalidProblemError
from ...model.records import assign, float_array, require
from ...model.tolerance import UNIT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...model.problem import Decision, Problem
    from .moves import Caps

_MOST = 2_000_000
"""Beginnings of placements beyond which the check gives up, and proves what the prices alone do."""


def _prices(value: object) -> NDArray[np.float64]:
    prices = float_array(value, "prices")  # type: ignore[arg-type]
    require("prices", prices, prices >= 0, "must be a price, >= 0")
    return prices


@dataclass(frozen=True, eq=False)
class CapPrices(OptimalityCertificate):
    """Prices of the caps on a compressed split; with them, few placements are left to be looked at.

    Attributes
    ----------
    prices : (caps,) float
        Of what is minimised for each unit of a cap, >= 0. Any prices are a proof; poor ones prove less, or take longer.
    """

    prices: NDArray[np.float64]

    def __post_init__(self) -> None:
        assign(self, prices=_prices(self.prices))

    def optimality_gap(self, problem: Problem, decision: Decision) -> float:
        """Proven distance of the decision from the optimum, rounding included; inf where nothing is proved."""
        moves: Caps | None = getattr(problem, "moves", None)
        if moves is None or self.prices.shape != moves.caps.shape:
            return math.inf
        try:
            problem.check(decision)
        except InvalidProblemError:
            return math.inf
        cost = float(problem.objective(decision))
        rest = rest_of(moves, self.prices)
        if not math.isfinite(cost) or not math.isfinite(rest[0, 0, 0]):
            return math.inf
        rounding = _rounding(moves, self.prices)
        # Costs are not negative, so that a sum of them alone errs by a share of itself.
        alone = float(rest[1, 0, 0]) * (1.0 - 2.0 * (len(moves.cost) + 8.0) * UNIT)
        bound = max(float(rest[0, 0, 0] - self.prices @ moves.caps) - rounding, alone)
        if cost - bound > 2.0 * rounding:
            reached = least_below(moves, rest, self.prices, cost, rounding)
            bound = bound if reached is None else max(bound, reached - rounding)
        return cost - bound

    def __str__(self) -> str:
        prices = ", ".join(f"{price:.6g}" for price in self.prices)
        return f"prices of the caps: {prices}; and a count of the placements that they leave open"


@dataclass(frozen=True, eq=False)
class NothingFits(StatusCertificate):
    """No placement keeps all caps: with these prices of the caps, none is left open.

    Attributes
    ----------
    prices : (caps,) float
        Weights of the caps in a sum that no placement keeps, or few.
    """

    prices: NDArray[np.float64]

    def __post_init__(self) -> None:
        assign(self, prices=_prices(self.prices))

    @classmethod
    def of(cls, moves: Caps, *, count: bool = True) -> NothingFits | None:
        """Return the proof, or None where a placement fits, or there would be too much to look at.

        Without `count` only each cap and two sums of them are looked at, which need not show that two conflict.
        """
        found = cls(np.zeros(moves.caps.size))
        rest = rest_of(moves, found.prices)[:, 0, 0]
        heavy = rest[2:] > moves.caps + moves.allowed
        if heavy.any() or not math.isfinite(rest[0]):
            return cls(heavy.astype(float))
        for prices in _likely(moves.caps):
            if shown := cls.at(moves, prices):
                return shown
        # The lightest in one weight may be too heavy in another; with one cap it fits.
        return found if count and moves.caps.size > 1 and _empty(moves, found.prices) else None

    @classmethod
    def at(cls, moves: Caps, prices: NDArray[np.float64]) -> NothingFits | None:
        """Return the proof at multiples of these prices of the caps, or None where they show nothing."""
        excess = float(rest_of(_free(moves), prices)[0, 0, 0] - prices @ moves.caps)
        return found if excess > 0 and _empty(moves, (found := cls(prices * (4.0 / excess))).prices) else None

    def holds(self, problem: Problem) -> bool:
        """Whether no placement of the problem keeps all caps."""
        moves: Caps | None = getattr(problem, "moves", None)
        return moves is not None and self.prices.shape == moves.caps.shape and _empty(moves, self.prices)

    def __str__(self) -> str:
        return "no placement keeps all caps: a count of those that could"


def _free(moves: Caps) -> Caps:
    return replace(moves, cost=np.where(moves.possible, 0.0, np.inf))


def _likely(caps: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Prices at which several caps may show together that nothing fits: in one unit, and as shares of the caps."""
    if caps.size < 2:
        return []
    return [np.ones(caps.size), *([1.0 / caps] if (caps > 0).all() else [])]


def _empty(moves: Caps, prices: NDArray[np.float64]) -> bool:
    """Whether no placement keeps all caps, whatever it costs.

    Every placement costs 0 here; one that keeps the caps has a priced sum of at most that of the caps, and little more.
    """
    free = _free(moves)
    rest = rest_of(free, prices)
    return least_below(free, rest, prices, 1.0, _rounding(free, prices) + float(prices @ moves.allowed)) == 1.0


def rest_of(moves: Caps, prices: NDArray[np.float64]) -> NDArray[np.float64]:
    """(2 + caps, tensors + 1, tiers) least sums from each state to the end: priced, cost alone, each weight alone."""
    possible = moves.possible
    weights = np.where(possible, moves.weights, np.inf)
    priced = moves.cost + np.tensordot(prices, moves.weights, 1)
    steps = np.stack([priced, moves.cost, *weights]).min(axis=-1)
    rest = np.zeros((len(steps), steps.shape[1] + 1, steps.shape[2]))
    for tensor in range(steps.shape[1] - 1, -1, -1):
        rest[:, tensor] = (steps[:, tensor] + rest[:, tensor + 1, None]).min(axis=-1)
    return rest


def _rounding(moves: Caps, prices: NDArray[np.float64]) -> float:
    """Return more than any sum over a placement, its weights priced, can err by."""
    costs = np.where(moves.possible, np.abs(moves.cost), 0.0).max(axis=(1, 2, 3)).sum()
    weights = np.abs(moves.weights).max(axis=(2, 3, 4)).sum(axis=1) + np.abs(moves.caps)
    return float(8.0 * (len(moves.cost) + 8.0) * UNIT * (costs + prices @ weights))


def least_below(
    moves: Caps, rest: NDArray[np.float64], prices: NDArray[np.float64], cost: float, rounding: float
) -> float | None:
    """Return the cost of the cheapest placement that fits and costs less than `cost`, or `cost` where there is none.

    None where too many beginnings of placements would have to be kept.
    """
    tensors, tiers, ways = moves.cost.shape[0], moves.cost.shape[1], moves.cost.shape[3]
    number = moves.caps.size
    # Rows of sums: the cost, each weight, and the cost with the weights priced; each has a limit for the whole.
    priced = moves.cost + np.tensordot(prices, moves.weights, 1)
    steps = np.concatenate([moves.cost[None], moves.weights, priced[None]]).reshape(number + 2, tensors, tiers, -1)
    reader = np.repeat(np.arange(tiers), ways)
    after = rest[[1, *range(2, number + 2), 0], 1:][:, :, reader]
    whole = np.nextafter(moves.caps + moves.allowed, math.inf)  # a weight may reach its cap
    limits = np.r_[cost, whole, cost + float(prices @ moves.caps) + rounding][:, None, None]
    others = _Others.of(moves, prices, cost)
    at, sums, kept = np.zeros(1, np.intp), np.zeros((number + 2, 1)), 0
    for tensor in range(tensors):
        reached = sums[:, :, None] + steps[:, tensor, at]
        good = np.flatnonzero((reached + after[:, tensor, None] < limits).all(axis=0))
        reached = reached.reshape(len(reached), -1)[:, good]
        tier = reader[good % reader.size]
        open_ = others.leave_open(reached[:-1], tensor + 1, tier)
        sums, at = _undominated(reached[:, open_], tier[open_], tiers)
        kept += at.size
        if not at.size:
            return cost
        if kept > _MOST:
            return None
    return float(min(cost, sums[0].min()))


@dataclass(frozen=True)
class _Others:
    """Prices beside those of several caps: in the middle of a chain, what is left of each has another worth."""

    prices: NDArray[np.float64]
    rest: NDArray[np.float64]
    limits: NDArray[np.float64]

    @classmethod
    def of(cls, moves: Caps, prices: NDArray[np.float64], cost: float) -> _Others:
        pairs = [prices * factor for factor in product((1.0, 0.8, 1.25), repeat=prices.size) if prices.size > 1]
        every = np.array(list(dict.fromkeys(map(tuple, pairs)))[1:]).reshape(-1, prices.size)
        rest = np.array([rest_of(moves, one)[0] for one in every]).reshape(-1, len(moves.cost) + 1, moves.cost.shape[1])
        return cls(every, rest, np.array([cost + one @ moves.caps + _rounding(moves, one) for one in every]))

    def leave_open(self, sums: NDArray[np.float64], tensor: int, tier: NDArray[np.intp]) -> NDArray[np.intp]:
        """(open,) beginnings, of cost and weights `sums`, whose rest may cost less than the limit at all the prices."""
        open_ = np.arange(tier.size)
        for price, rest, limit in zip(self.prices, self.rest[:, tensor], self.limits, strict=True):
            part = sums[:, open_]
            open_ = open_[part[0] + price @ part[1:] + rest[tier[open_]] < limit]
        return open_


def _undominated(
    sums: NDArray[np.float64], at: NDArray[np.intp], tiers: int
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Leave out what another of the same tier is no dearer and no heavier than; of equal ones the first stays."""
    order = np.lexsort((*sums[-2::-1], at))
    sums, at = sums[:, order], at[order]
    kept = np.ones(at.size, bool)
    bounds = np.searchsorted(at, np.arange(tiers + 1)).tolist()
    for first, last in pairwise(bounds):
        part = sums[1:-1, first:last]
        if len(part) == 1:
            kept[first + 1 : last] = part[0, 1:] < np.minimum.accumulate(part[0])[:-1]
        elif last > first:
            kept[first:last] = _lighter_than_before(part)
    return sums[:, kept], at[kept]


_BLOCK = 128
"""Beginnings that are compared with all before them at once."""
_STAIRCASE = 2
"""Weights whose front is kept in order, and searched by halving."""
_EARLIER = np.triu(np.ones((_BLOCK, _BLOCK), bool), 1)


def _lighter_than_before(weights: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(labels,) whether no label before is at most as heavy in every weight; they come by rising cost."""
    kept = np.zeros(weights.shape[1], bool)
    front = np.empty((len(weights), 0))
    for first in range(0, kept.size, _BLOCK):
        part = weights[:, first : first + _BLOCK]
        open_ = np.flatnonzero(~_outweighed(front, part))
        part = part[:, open_]
        lighter = _EARLIER[: open_.size, : open_.size].copy()
        for weight in part:
            lighter &= weight[:, None] <= weight
        good = open_[~lighter.any(axis=0)]
        kept[first + good] = True
        front = _front(np.concatenate([front, weights[:, first + good]], axis=1))
    return kept


def _front(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what rules out the same: of two weights a staircase, the first rising and the second falling."""
    if len(weights) != _STAIRCASE:
        return weights
    weights = weights[:, np.lexsort((weights[1], weights[0]))]
    before = np.r_[math.inf, np.minimum.accumulate(weights[1])[:-1]]
    return weights[:, weights[1] < before]


def _outweighed(front: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(labels,) whether one of the front is at most as heavy in every weight."""
    if len(weights) != _STAIRCASE:
        return np.asarray((front[:, :, None] <= weights[:, None]).all(axis=0).any(axis=0))
    step = np.searchsorted(front[0], weights[0], side="right")
    lightest: NDArray[np.float64] = np.r_[math.inf, front[1]][step]
    return np.asarray(lightest <= weights[1])
