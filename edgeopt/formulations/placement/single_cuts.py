"""Placements with one cut in each exit: what Edgent and Neurosurgeon choose from.

The layers before the cut run on one tier, the rest on another. Exits that share a trunk are cut at one depth.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..split import SplitDecision

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ..split import StochasticSplit


def single_cuts(problem: StochasticSplit, pairs: list[tuple[int, int]]) -> NDArray[np.int64]:
    """Return (candidates, nodes) tiers: for each pair (before, behind), every depth of the cut from 0 to all layers."""
    depth = _depth(problem)
    cuts = np.arange(int(depth.max()) + 2)[:, None]
    return np.concatenate([np.where(depth < cuts, before, behind) for before, behind in pairs])


def _depth(problem: StochasticSplit) -> NDArray[np.int64]:
    """(nodes,) number of layers before each."""
    parent = problem.costs.tree.parent
    depth = np.zeros(parent.size, np.int64)
    for node in np.flatnonzero(parent >= 0):
        depth[node] = depth[parent[node]] + 1
    return depth


def cheapest(
    problem: StochasticSplit,
    candidates: NDArray[np.int64],
    cost: Callable[[NDArray[np.int64]], NDArray[np.float64]],
) -> SplitDecision:
    """Return each exit's cheapest candidate, or the one that is cheapest for all where the trunk is shared.

    Parameters
    ----------
    cost : callable
        (candidates, exits) cost of each exit for tiers (candidates, nodes).
    """
    costs = cost(candidates)
    if problem.shared_trunk:
        # An exit that nobody needs decides nothing, however expensive.
        expected = np.where(problem.weights > 0, problem.weights * costs, 0.0).sum(axis=1)
        return problem.decision_at(candidates[int(expected.argmin())])
    chosen = costs.argmin(axis=0)
    return SplitDecision(tuple(candidates[chosen[k], of] for k, of in enumerate(problem.costs.tree.nodes_of)))
