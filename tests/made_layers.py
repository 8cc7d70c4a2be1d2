"""Small random programs and networks that tests of layers differentiate."""

from __future__ import annotations

import edgeopt as eo
from edgeopt.layers.given import BOUNDS

VECTORS = ("cost", *BOUNDS)
"""Parameters of a layer but for the matrix."""


def program(rng, columns: int = 6, rows: int = 4, sense: str = "minimize") -> eo.Program:
    """Return a bounded program whose optimum is a vertex without ties, almost surely."""
    return eo.Program(
        rng.normal(size=columns),
        rng.normal(size=(rows, columns)),
        -rng.uniform(0.1, 1, rows),
        rng.uniform(0.1, 1, rows),
        -rng.uniform(0.2, 1, columns),
        rng.uniform(0.2, 1, columns),
        sense=sense,
    )


def network(rng, services: int = 12, servers: int = 4, links: int = 6, **rest) -> eo.RevenueMaximization:
    paths = (rng.random((servers + links, services)) < 0.4) * rng.uniform(0.5, 2.0, (servers + links, services))
    capacity = 0.5 * paths.sum(axis=1) + 0.1
    fields = {
        "unit_revenue": rng.uniform(1, 3, services),
        "compute_density": paths[:servers],
        "link_density": paths[servers:],
        "compute_capacity": capacity[:servers],
        "link_capacity": capacity[servers:],
        "traffic": rng.uniform(0.5, 2, services),
    }
    return eo.RevenueMaximization(**fields | rest)
