"""The exact placement under one or two caps: prices of the caps, then labels of cost and weights, layer by layer.

The caps are those of a compressed split (accuracy, energy or latency) or the memory of the tiers of a language model.

At prices of the caps one backward pass finds the best cut and precisions (Lagrange); the best price of one cap lies
where two placements, one too heavy and one that fits, meet (Handler and Zang 1980). Placements of whole layers leave a
gap of some per cent to that bound, which labels close (Dumitrescu and Boland 2003): beginnings of placements, of
which one goes where another is no dearer and no heavier, or where bounds of the rest rule it out. The bounds are taken
at several prices near the best ones, and the search begins close above the bound and goes further only where it has to.

References
----------
G. Y. Handler and I. Zang, "A dual algorithm for the constrained shortest path problem", Networks 10, 1980.
I. Dumitrescu and N. Boland, "Improved preprocessing, labeling and scaling algorithms for the weight-constrained
shortest path problem", Networks 42, 2003.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from ..formulations.compressed_split import CapPrices, CompressedSplit, CompressedSplitDecision, NothingFits
from ..formulations.language_split import LanguageSplit
from ..model.outcome import Options, Outcome, Status
from ..model.solver import solver
from .backends.cap_prices import PricedPaths

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..formulations.compressed_split.moves import Caps

MOST_LABELS = 4_000_000
"""Labels (48 bytes each) beyond which the search gives up."""
_FIRST_SHARE, _FIRST_GUESS = 2.0**-8, 2.0**-14
"""Part of the gap that is searched first; and of the bound where no gap is known."""
_WIDER, _A_LITTLE_WIDER, _FEW = 4.0, 2.0, 5_000
"""By how much more then, after few labels and after many."""
_NEARBY = (0.1, 0.3)
"""Shares of the best prices by which others lie beside them."""


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
    if path is None and (refutation := _refuted(problem, prices)):
        return Outcome(Status.INFEASIBLE, certificate=refutation)
    if path is None:
        return Outcome(Status.NO_SOLUTION, message=f"more than {MOST_LABELS} labels; highs may find an answer")
    certificate = CapPrices(prices[: problem.moves.caps.size])
    decision = problem.placement(path[0][:-1]) if isinstance(problem, LanguageSplit) else decision_of(path)
    found = {"labels": abs(labels)}
    if labels < 0:
        return Outcome.feasible(decision, certificate, message=f"gave up beyond {MOST_LABELS} labels", statistics=found)
    return Outcome.optimal(decision, certificate, statistics=found)


def _refuted(problem: CompressedSplit | LanguageSplit, prices: NDArray[np.float64]) -> NothingFits | None:
    """Return the proof that nothing fits: by the prices alone where one is infinite, else by a count."""
    alone = np.isinf(prices).tolist() == [False, True]
    if alone and (shown := NothingFits.at(problem.moves, np.array([prices[0], 1.0]))):
        return shown
    return problem.infeasibility_certificate()


def decision_of(path: tuple[NDArray[np.int64], NDArray[np.int64]]) -> CompressedSplitDecision:
    """Return the decision of a path: tier behind each tensor, and its precision."""
    tiers, precision = path
    stays = np.r_[0, tiers[:-1]] == tiers
    return CompressedSplitDecision(tiers[:-1], np.where(stays, -1, precision))


def cheapest(moves: Caps) -> tuple[Any, NDArray[np.float64], int]:
    """Return the cheapest path that fits (or None), prices of two caps, and the number of labels, < 0 if it gave up."""
    from .compiled.compressed_paths import bounds_of_states, search

    paths = PricedPaths(moves)
    prices = paths.prices()
    if not np.isfinite(prices).all():
        return None, prices, 0
    every, shape = around(prices), (len(moves.cost) + 1, moves.cost.shape[1])
    priced, least, along = (np.empty((size, *shape)) for size in (len(every), 3, 3))
    bounds_of_states(paths.cost, paths.weights, every, priced, least, along)
    bound = float(priced[0, 0, 0] - prices @ paths.limits)
    best, path = paths.best
    tiers, precision = np.empty((2, paths.tensors.size), np.int64)
    most = float(np.where(moves.possible, moves.cost, 0.0).max(axis=(1, 2, 3)).sum())
    step = _FIRST_SHARE * (best - bound) if path is not None else _FIRST_GUESS * (abs(bound) or most)
    labels = 0
    while path is None or best > bound + 1e-15 * abs(best):
        # Above the dearest path there is none, so that the last limit may be infinite.
        last = not bound + step < min(best, most)
        below = best if last else bound + step
        asked = (paths.cost, paths.weights, every, paths.limits, below, priced, least, along, MOST_LABELS)
        cost, number = search(*asked, tiers, precision)
        if number < 0:
            return path, prices, -max(1, labels)
        labels += number
        if cost < below:
            return (tiers, precision), prices, labels
        if last:
            break
        step *= _WIDER if number < _FEW else _A_LITTLE_WIDER
    return path, prices, labels


def around(prices: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return these prices of two caps first, then others near them: what is left of a cap may be worth more or less."""
    factors = [1.0, *(1.0 + sign * share for share in _NEARBY for sign in (-1, 1))]
    every = [prices * pair for pair in product(factors, repeat=2)]
    return np.array(list(dict.fromkeys(map(tuple, every))))
