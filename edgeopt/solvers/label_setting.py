"""The exact placement under one or two caps: prices of the caps, then labels of cost and weights, layer by layer.

The caps are those of a compressed split (accuracy, energy or latency) or the memory of the tiers of a language model.

At prices of the caps one backward pass finds the best cut and precisions (Lagrange); the best price of one cap lies
where two placements, one too heavy and one that fits, meet (Handler and Zang 1980). Placements of whole layers leave a
gap of some per cent to that bound, which labels close (Dumitrescu and Boland 2003): beginnings of placements, of
which one goes where another is no dearer and no heavier, or where bounds of the rest rule it out.

References
----------
G. Y. Handler and I. Zang, "A dual algorithm for the constrained shortest path problem", Networks 10, 1980.
I. Dumitrescu and N. Boland, "Improved preprocessing, labeling and scaling algorithms for the weight-constrained
shortest path problem", Networks 42, 2003.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..formulations.compressed_split import CapPrices, CompressedSplit, CompressedSplitDecision, NothingFits
from ..formulations.language_split import LanguageSplit
from ..model.outcome import Options, Outcome, Status
from ..model.solver import solver

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..formulations.compressed_split.moves import Caps

MOST_LABELS = 4_000_000
"""Labels (48 bytes each) beyond which the search gives up."""
_FIRST_SHARE, _WIDER, _ROUNDS, _STEPS = 2.0**-8, 4.0, 3, 60
"""Part of the gap that is searched first, and by how much more then; rounds over the caps, and steps of each price."""


def _many_memories(problem: CompressedSplit | LanguageSplit) -> str | None:
    full = int(problem.limited.sum()) if isinstance(problem, LanguageSplit) else 0
    return f"weighs two memories that may be full, not {full}" if full > 2 else None


@solver(
    "label-setting",
    solves=(CompressedSplit, LanguageSplit),
    exact=True,
    rank=10,
    options=("time_limit", "relative_gap", "threads"),
    declines=_many_memories,
)
def label_setting(problem: CompressedSplit | LanguageSplit, options: Options) -> Outcome:
    """Choose cuts and precisions together, or the tiers of a language model, by label setting."""
    if refutation := NothingFits.of(problem.moves, count=False):
        return Outcome(Status.INFEASIBLE, certificate=refutation)
    path, prices, labels = cheapest(problem.moves)
    if path is None and (refutation := problem.infeasibility_certificate()):
        return Outcome(Status.INFEASIBLE, certificate=refutation)
    if path is None:
        return Outcome(Status.NO_SOLUTION, message=f"more than {MOST_LABELS} labels; highs may find an answer")
    certificate = CapPrices(prices[: problem.moves.caps.size])
    decision = problem.placement(path[0][:-1]) if isinstance(problem, LanguageSplit) else decision_of(path)
    found = {"labels": abs(labels)}
    if labels < 0:
        return Outcome.feasible(decision, certificate, message=f"gave up beyond {MOST_LABELS} labels", statistics=found)
    return Outcome.optimal(decision, certificate, statistics=found)


def decision_of(path: tuple[NDArray[np.int64], NDArray[np.int64]]) -> CompressedSplitDecision:
    """Return the decision of a path: tier behind each tensor, and its precision."""
    tiers, precision = path
    stays = np.r_[0, tiers[:-1]] == tiers
    return CompressedSplitDecision(tiers[:-1], np.where(stays, -1, precision))


class _Search:
    """The moves with two caps, one of which may be empty, and the best path so far that fits."""

    def __init__(self, moves: Caps) -> None:
        self.cost = np.ascontiguousarray(moves.cost)
        self.weights = np.zeros((2, *moves.cost.shape))
        self.weights[: moves.caps.size] = moves.weights
        self.caps, self.limits = np.zeros(2), np.zeros(2)
        self.caps[: moves.caps.size] = moves.caps
        self.limits[: moves.caps.size] = moves.caps + moves.allowed
        self.number = moves.caps.size
        self.best: tuple[float, Any] = (math.inf, None)
        self.tensors = np.arange(len(moves.cost))

    def path(self, value: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """Return cost and weights of the path of least value; keep it where it fits and is the cheapest so far."""
        from .compiled.compressed_paths import cheapest_path

        tiers, precision = np.empty((2, self.tensors.size), np.int64)
        cheapest_path(value, tiers, precision)
        index = self.tensors, np.r_[0, tiers[:-1]], tiers, precision
        cost, weights = float(self.cost[index].sum()), self.weights[:, *index].sum(axis=1)
        if cost < self.best[0] and (weights <= self.limits).all():
            self.best = cost, (tiers, precision)
        return cost, weights

    def price(self, cap: int, prices: NDArray[np.float64]) -> float:
        """Return the best price of one cap while the other's price stays (Handler and Zang 1980)."""
        other = 1 - cap
        value = self.cost + prices[other] * self.weights[other] if prices[other] else self.cost

        def line(found: tuple[float, NDArray[np.float64]]) -> tuple[float, float]:
            """Return cost, the other cap priced, and weight of a path: its cost at a price of this cap is a line."""
            cost, weights = found
            return cost + float(prices[other] * (weights[other] - self.caps[other])), float(weights[cap])

        dear = line(self.path(value))
        if dear[1] <= self.limits[cap]:
            return 0.0
        light = line(self.path(np.where(np.isfinite(self.cost), self.weights[cap], np.inf)))
        best, bound = 0.0, dear[0]
        for _ in range(_STEPS):
            if not light[0] > dear[0] or not light[1] < dear[1]:
                break
            trial = (light[0] - dear[0]) / (dear[1] - light[1])
            found = line(self.path(value + trial * self.weights[cap]))
            reached = found[0] + trial * (found[1] - self.caps[cap])
            if reached > bound:
                best, bound = trial, reached
            meeting = dear[0] + trial * (dear[1] - self.caps[cap])
            if not reached < meeting - 1e-14 * (abs(meeting) + abs(dear[0])):
                break
            if found[1] <= self.limits[cap]:
                light = found
            else:
                dear = found
        return best


def cheapest(moves: Caps) -> tuple[Any, NDArray[np.float64], int]:
    """Return the cheapest path that fits (or None), prices of two caps, and the number of labels, < 0 if it gave up."""
    from .compiled.compressed_paths import bounds_of_states, search

    state = _Search(moves)
    prices = np.zeros(2)
    for _ in range(_ROUNDS if state.number > 1 else 1):
        before = prices.copy()
        for cap in range(state.number):
            prices[cap] = state.price(cap, prices)
        if (prices == before).all():
            break
    rest, along = (np.empty((size, len(moves.cost) + 1, moves.cost.shape[1])) for size in (4, 3))
    bounds_of_states(state.cost, state.weights, prices, rest, along)
    bound = float(rest[0, 0, 0] - prices @ state.caps)
    best, path = state.best
    tiers, precision = np.empty((2, state.tensors.size), np.int64)
    share, labels = _FIRST_SHARE, 0
    while math.isinf(best) or best > bound + 1e-15 * abs(best):
        below = best if share >= 1.0 or math.isinf(best) else bound + share * (best - bound)
        asked = (state.cost, state.weights, prices, state.limits, below, rest, along, MOST_LABELS)
        cost, number = search(*asked, tiers, precision)
        if number < 0:
            return path, prices, -max(1, labels)
        labels += number
        if cost < best:
            return (tiers, precision), prices, labels
        if below == best:
            break
        share *= _WIDER
    return path, prices, labels
