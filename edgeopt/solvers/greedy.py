"""Greedy: layer after layer on the tier where it would be finished first, blind to what comes after."""

from __future__ import annotations

import numpy as np

from ..core.outcome import Options, Outcome
from ..core.registry import solver
from ..formulations.split import StochasticSplit


@solver("greedy", solves=StochasticSplit, exact=False, honours=("time_limit", "threads"))
def greedy(problem: StochasticSplit, options: Options) -> Outcome:
    """Place each layer where transfer of its input plus execution (plus the return of a result) takes least."""
    costs, tree = problem.costs, problem.costs.tree
    leaving = costs.per_crossing[:, 0] + tree.result_bits[:, None] * costs.per_bit[:, 0]
    here = tree.exec_time + costs.end_share[:, None] * leaving
    tiers = np.zeros(tree.parent.size, int)
    for node, parent in enumerate(tree.parent):
        before = tiers[parent] if parent >= 0 else 0
        inward = costs.per_crossing[before] + tree.input_bits[node] * costs.per_bit[before]
        tiers[node] = (inward + here[node]).argmin()
    return Outcome.feasible(problem.decision_at(tiers))
