"""Proof that a split with one cap is optimal: the cap's price, and a count of what the price leaves open.

At a price of the cap the placement decomposes, and its least cost bounds the optimum (Lagrange). Placements of whole
layers may leave a gap to that bound. It is closed by going through all placements that could lie in it: from the leaves
to the roots, partial placements are kept as pairs of cost and weight. One goes where another is no dearer and no
heavier, or where what surrounds it, at its least, brings it over the cap or up to the cost of the decision. If none is
left at the roots, no placement that fits is cheaper than the decision.

The check shares no code with a solver, and every sum's rounding is charged to the gap that it proves.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...model.certificate import OptimalityCertificate
from ...model.errors import InvalidProblemError
from ...model.problem import Decision, Problem
from ...model.records import assign, number
from ...model.tolerance import UNIT
from ..placement.capped import CappedTree
from ..split import SplitDecision, StochasticSplit
from .problem import Constrained

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MOST = 1_000_000
"""Partial placements beyond which the check gives up, and proves what the price alone does."""

_BOUNDED = 3
"""Sums that bound what surrounds a partial placement: cost with the weight priced, cost alone, weight alone."""


def capped_split(problem: Any) -> CappedTree | None:
    """Return the tree of a split with one one-sided side constraint, or None where the problem is another."""
    if not isinstance(problem, Constrained) or type(problem.base) is not StochasticSplit:
        return None
    plain = problem.batch is None and problem.goal is None and problem.auxiliary is None
    if not plain or problem.extra.shape[0] != 1:
        return None
    low, high = float(problem.extra_lower[0]), float(problem.extra_upper[0])
    sign = 1.0 if math.isinf(low) else -1.0
    if math.isinf(low) == math.isinf(high):
        return None
    program = problem.base.program()
    weight = sign * problem.extra.toarray()[0]
    return CappedTree.of(problem.base.costs.tree, program.cost, program.upper, weight, high if sign > 0 else -low)


@dataclass(frozen=True, eq=False)
class CapPrice(OptimalityCertificate):
    """Price of the one cap on a split; with it, few placements are left to be looked at.

    Attributes
    ----------
    price : float
        Seconds for each unit of the cap, >= 0. Any price is a proof; a poor one proves less, or takes longer.
    """

    price: float

    def __post_init__(self) -> None:
        assign(self, price=number(self.price, "price", at_least=0.0))

    def optimality_gap(self, problem: Problem, decision: Decision) -> float:
        """Proven distance of the decision from the optimum, rounding included; inf where nothing is proved."""
        tree = capped_split(problem)
        if tree is None or not isinstance(problem, Constrained) or not isinstance(decision, SplitDecision):
            return math.inf
        try:
            problem.check(decision)
        except InvalidProblemError:
            return math.inf
        cost = _cost(tree, problem.base.node_tiers(decision))
        least = _Surroundings.of(tree, self.price)
        if not math.isfinite(cost) or not math.isfinite(least.total[0]):
            return math.inf
        rounding = _rounding(tree, self.price)
        bound = min(cost, float(least.total[0]) - self.price * tree.cap)
        if cost - bound > rounding and (reached := _least_below(tree, least, self.price, cost, rounding)) is not None:
            bound = reached
        return cost - bound + rounding

    def __str__(self) -> str:
        return f"price of the cap: {self.price:.10g} s per unit, and a count of the placements that it leaves open"


def _cost(tree: CappedTree, tiers: NDArray[np.intp]) -> float:
    before = np.where(tree.parent >= 0, tiers[tree.parent], 0)
    return float(tree.cost[np.arange(tiers.size), before, tiers].sum())


def _rounding(tree: CappedTree, price: float) -> float:
    """Return more than any sum over a placement, its weight priced, can err by."""
    costs = np.where(np.isfinite(tree.cost), np.abs(tree.cost), 0.0).max(axis=(1, 2)).sum()
    weights = np.abs(tree.weight).max(axis=(1, 2)).sum() + abs(tree.cap)
    return float(8.0 * (tree.parent.size + 8.0) * UNIT * (costs + price * weights))


@dataclass(frozen=True, eq=False)
class _Surroundings:
    """Least sums of what surrounds each part of a placement, (3, nodes, tiers): priced, cost alone, weight alone.

    Attributes
    ----------
    inside : array
        Of a node and all below it, by the tier of its input.
    outside : array
        Of everything else, by the same tier.
    around : array
        Of everything but what is below a node, by the node's own tier.
    total : (3,) float
        Of a whole placement.
    """

    inside: NDArray[np.float64]
    outside: NDArray[np.float64]
    around: NDArray[np.float64]
    total: NDArray[np.float64]

    @classmethod
    def of(cls, tree: CappedTree, price: float) -> _Surroundings:
        parent, shape = tree.parent, (_BOUNDED, *tree.cost.shape[:2])
        possible = np.isfinite(tree.cost)
        weight = np.where(possible, tree.weight, np.inf)
        steps = np.stack([np.where(possible, tree.cost + price * tree.weight, np.inf), tree.cost, weight])
        inside, below = np.empty(shape), np.zeros(shape)
        for n in range(parent.size - 1, -1, -1):
            inside[:, n] = (steps[:, n] + below[:, n, None, :]).min(axis=2)
            if parent[n] >= 0:
                below[:, parent[n]] += inside[:, n]
        total = inside[:, parent < 0, 0].sum(axis=1)
        outside, around = np.full(shape, np.inf), np.empty(shape)
        for n in range(parent.size):
            if parent[n] < 0:
                outside[:, n, 0] = _without(total, inside[:, n, 0])
            else:
                outside[:, n] = around[:, parent[n]] + _without(below[:, parent[n]], inside[:, n])
            around[:, n] = (outside[:, n, :, None] + steps[:, n]).min(axis=1)
        return cls(inside, outside, around, total)


def _without(total: NDArray[np.float64], part: NDArray[np.float64]) -> NDArray[np.float64]:
    """``total - part``; inf where the part is impossible, as then is all that surrounds it."""
    return np.where(np.isfinite(part), total - np.where(np.isfinite(part), part, 0.0), np.inf)


def _least_below(tree: CappedTree, least: _Surroundings, price: float, cost: float, rounding: float) -> float | None:
    """Return the cost of the cheapest placement that fits and costs less than `cost`, or `cost` where there is none.

    None where too many partial placements would have to be kept.
    """
    heaviest = tree.cap + 8.0 * (tree.parent.size + 8.0) * UNIT * float(np.abs(tree.weight).max(axis=(1, 2)).sum())
    price_of_all = cost + price * tree.cap + 0.5 * rounding

    def open_(pairs: NDArray[np.float64], rest: NDArray[np.float64]) -> NDArray[np.float64]:
        """Keep the (pairs, 2) of cost and weight that `rest` (3,) of the placement can make a better one."""
        priced = pairs[:, 0] + price * pairs[:, 1] + rest[0]
        kept = (priced < price_of_all) & (pairs[:, 0] + rest[1] < cost) & (pairs[:, 1] + rest[2] <= heaviest)
        return _undominated(pairs[kept])

    nodes, tiers = tree.cost.shape[:2]
    nothing = np.zeros((1, 2))
    # By node and tier: the pairs of the children joined so far, and the least sums of those that still wait.
    below: list[list[NDArray[np.float64]]] = [[nothing] * tiers for _ in range(nodes)]
    waiting = np.zeros((_BOUNDED, nodes, tiers))
    for n, up in enumerate(tree.parent.tolist()):
        if up >= 0:
            waiting[:, up] += least.inside[:, n]
    whole, left, kept = nothing, least.total.copy(), 0
    for n in range(nodes - 1, -1, -1):
        up = int(tree.parent[n])
        if up < 0:
            left = _without(left, least.inside[:, n, 0])
            whole = open_(_joined(whole, _at_node(tree, n, 0, below[n], least, open_)), left)
            kept += len(whole)
        else:
            waiting[:, up] = _without(waiting[:, up], least.inside[:, n])
            for a in range(tiers):
                own = _at_node(tree, n, a, below[n], least, open_)
                below[up][a] = open_(_joined(below[up][a], own), least.around[:, up, a] + waiting[:, up, a])
                kept += len(below[up][a])
        below[n] = []
        if kept > _MOST:
            return None
    return float(min(cost, whole[:, 0].min(initial=cost)))


def _at_node(tree: CappedTree, n: int, a: int, below: Any, least: _Surroundings, open_: Any) -> NDArray[np.float64]:
    """Return the open pairs of node `n` and all below it, its input on tier `a`."""
    parts = [
        below[b] + (tree.cost[n, a, b], tree.weight[n, a, b])
        for b in range(tree.cost.shape[1])
        if math.isfinite(tree.cost[n, a, b])
    ]
    pairs: NDArray[np.float64] = open_(np.concatenate([np.empty((0, 2)), *parts]), least.outside[:, n, a])
    return pairs


def _joined(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """(pairs, 2) sums of every pair of the one with every pair of the other."""
    return (first[:, None] + second).reshape(-1, 2)


def _undominated(pairs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the pairs than which none is both no dearer and no heavier; of equal ones the first."""
    if len(pairs) < 2:
        return pairs
    pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
    lightest = np.minimum.accumulate(pairs[:, 1])
    kept: NDArray[np.float64] = pairs[np.r_[True, pairs[1:, 1] < lightest[:-1]]]
    return kept
