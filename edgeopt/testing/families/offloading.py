"""Offline offloading, its optima found by trying every choice."""

from __future__ import annotations

from itertools import product

import numpy as np

from ...formulations.offloading import OfflineOffloading
from ..case import Case


def enumerated(name: str, problem: OfflineOffloading) -> Case:
    """Return the case of a small offloading problem, its optimum found by trying everything."""
    local, remote = problem.local_cost, problem.remote_cost + problem.transmission_cost
    if local.ndim == 2 and not problem.independent_sites:
        local = local.sum(axis=1)
    local, remote = local.ravel(), np.broadcast_to(remote, problem.remote_cost.shape).ravel()
    available = np.ones(local.size, bool) if problem.local_available is None else problem.local_available.ravel()
    best = np.inf
    for choice in product((False, True), repeat=local.size):
        kept = np.array(choice)
        if kept.mean() >= problem.min_local_fraction * (1 - 1e-12) and not (kept & ~available).any():
            best = min(best, float(np.where(kept, local, remote).sum()) / problem.samples)
    scale = float(np.abs(local).sum() + np.abs(remote).sum()) / problem.samples
    return Case(name, problem, "optimal" if np.isfinite(best) else "infeasible", best, scale)


def cases() -> list[Case]:
    """Return the families of offline offloading."""
    rng = np.random.default_rng(7)
    drawn = lambda n: rng.gamma(2.0, 1.0, n)  # noqa: E731
    tied = lambda n: rng.integers(0, 3, n).astype(float)  # noqa: E731
    make = OfflineOffloading
    return [
        enumerated("tiny", make([3.0, 1.0, 2.0], [1.0, 1.5, 1.0], 0.6)),
        enumerated("typical", make(drawn(10), drawn(10), 0.45)),
        enumerated("unconstrained", make(drawn(9), drawn(9), 0.0)),
        enumerated("all local", make(drawn(8), drawn(8), 1.0)),
        enumerated("degenerate", make(np.ones(6), np.zeros(6), 0.5)),
        enumerated("indifferent", make(np.ones(6), np.ones(6), 0.5)),
        enumerated("tied", make(tied(10), tied(10), 0.7)),
        enumerated("negative", make(-drawn(9), -drawn(9), 0.3)),
        enumerated("huge", make(1e300 * drawn(6), 1e300 * drawn(6), 0.5)),
        enumerated("small", make(1e-300 * drawn(6), 1e-300 * drawn(6), 0.5)),
        enumerated("single", make([2.0], [1.0], 1.0)),
        enumerated("single free", make([2.0], [1.0], 0.0)),
        enumerated("charged", make(drawn(9), drawn(9), 0.2, transmission_cost=0.8)),
        enumerated("two sites", make(drawn((8, 2)), drawn(8), 0.5)),
        enumerated("independent", make(drawn((5, 2)), drawn((5, 2)), 0.5, independent_sites=True)),
        enumerated("outage", make(drawn(8), drawn(8), 0.5, local_available=np.arange(8) % 3 > 0)),
        enumerated("infeasible", make(drawn(4), drawn(4), 0.9, local_available=np.array([True, True, False, True]))),
    ]
