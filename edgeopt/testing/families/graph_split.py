"""Splits of general graphs, their optima found by trying every placement."""

from __future__ import annotations

from itertools import product

import numpy as np

from ...formulations.graph_split import GraphSplit, GraphSplitDecision
from ..case import Case


def cases() -> list[Case]:
    """Return the families of splits of general graphs, their optima found by trying every placement."""
    rng = np.random.default_rng(13)
    diamond = [(-1, 0), (0, 1), (0, 2), (1, 3), (2, 3)]
    dense = [(p, c) for c in range(5) for p in range(-1, c)]
    drawn = lambda *shape: rng.gamma(1.0, 1.0, shape)  # noqa: E731
    make = GraphSplit
    pinned = drawn(4, 3)
    pinned[0, 1:], pinned[2, 0] = np.inf, np.inf
    problems = {
        "diamond": make([[1, 9], [8, 1], [8, 1], [1, 9]], diamond, 9.0, [2.0, 1.0, 1.0, 0.0], 1.0),
        "dense": make(drawn(5, 3), dense, 1.0, drawn(5), 1.5, 2.5, link_delay=0.05),
        "four tiers": make(drawn(4, 4), diamond, 1.0, drawn(4), 1.5, [2.5, 0.5], 3.0),
        "tied": make(rng.integers(0, 2, (5, 2)), dense, 1.0, rng.integers(0, 2, 5), 1.0),
        "pinned": make(pinned, diamond, 1.0, drawn(4), 1.5, 2.5),
        "single": make([[2.0, 1.0]], [(-1, 0)], 1.0, [0.5], 1.0),
        "nothing to do": make(np.zeros((4, 2)), diamond, 0.0, np.zeros(4), 1.0),
        "slow": make(1e9 * drawn(4, 2), diamond, 1.0, drawn(4), 1e-9),
        "fast": make(1e-9 * drawn(4, 2), diamond, 1.0, drawn(4), 1e9),
    }
    cases = []
    for name, problem in problems.items():
        places = product(range(problem.tiers), repeat=problem.layers)
        best = min(problem.objective(GraphSplitDecision(tiers)) for tiers in places)
        cases.append(Case(name, problem, "optimal", best, best))
    return cases
