"""Network-revenue programs, their optima the best of all vertices."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from scipy import sparse

from ...formulations.revenue import RevenueMaximization
from ..case import Case


def revenue_enumerated(name: str, problem: RevenueMaximization) -> Case:
    """Return the case of a small revenue program, its optimum the best of all vertices."""
    n = problem.services
    rows = np.vstack([problem.density.toarray(), np.eye(n), -np.eye(n)])
    sides = np.r_[problem.capacity, problem.traffic, np.zeros(n)]
    keep = np.isfinite(sides)
    rows, sides = rows[keep], sides[keep]
    best = -np.inf
    for chosen in combinations(range(len(sides)), n):
        corner, side = rows[list(chosen)], sides[list(chosen)]
        if abs(np.linalg.det(corner)) > 1e-12:
            point = np.linalg.solve(corner, side)
            if (rows @ point <= sides + 1e-9 * (1.0 + np.abs(sides))).all():
                best = max(best, float(problem.unit_profit @ point))
    return Case(name, problem, "optimal", best, float(np.abs(problem.unit_profit) @ problem.traffic))


def cases() -> list[Case]:
    """Return the families of network-revenue programs."""
    rng = np.random.default_rng(17)
    drawn = lambda *shape: rng.gamma(2.0, 1.0, shape)  # noqa: E731
    make = RevenueMaximization

    def network(services: int, servers: int = 2, links: int = 2, unit: float = 1.0, **rest) -> RevenueMaximization:
        paths = rng.random((servers + links, services)) < 0.7
        density = paths * drawn(servers + links, services)
        fields = {
            "unit_revenue": unit * drawn(services),
            "compute_density": density[:servers],
            "link_density": sparse.csr_array(density[servers:]),
            "compute_capacity": 2 * drawn(servers),
            "link_capacity": 2 * drawn(links),
            "traffic": drawn(services),
        }
        return make(**fields | rest)

    twice = np.ones((2, 3))
    return [
        # max 2 a + b, a + b <= 2, a, b <= 2 by hand: 4
        Case("hand", make([2.0, 1.0], [[1.0, 1.0]], np.zeros((0, 2)), [2.0], [], [2.0, 2.0]), "optimal", 4.0, 6.0),
        revenue_enumerated("typical", network(4, 3, 3)),
        revenue_enumerated("priced", network(4, compute_price=0.3, link_price=[0.1, 0.9])),
        revenue_enumerated("all at a loss", network(3, compute_price=100.0)),
        revenue_enumerated("tied", make(np.ones(4), np.ones((2, 4)), np.ones((1, 4)), [3.0, 3.0], [2.0], np.ones(4))),
        revenue_enumerated("duplicate rows", make([3.0, 2.0, 1.0], twice, twice, [2.0, 2.0], [2.0, 2.0], np.ones(3))),
        revenue_enumerated("no capacity", network(3, compute_capacity=[0.0, 0.0])),
        revenue_enumerated("no traffic", network(3, traffic=np.zeros(3))),
        revenue_enumerated("ample", network(4, compute_capacity=[1e6, 1e6], link_capacity=[np.inf, np.inf])),
        revenue_enumerated("dear", network(4, unit=1e12)),
        revenue_enumerated("cheap", network(4, unit=1e-12)),
        revenue_enumerated("single", network(1, 1, 0)),
        revenue_enumerated("no resources", make([1.0, -1.0], np.zeros((0, 2)), np.zeros((0, 2)), [], [], [2.0, 2.0])),
    ]
