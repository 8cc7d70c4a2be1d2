"""Toss a coin until enough samples are local."""

from __future__ import annotations

import numpy as np

import edgeopt as eo


@eo.solver("acme-coin", solves=eo.OfflineOffloading, exact=False, own_options=("bias",))
def coin(problem: eo.OfflineOffloading, options: eo.Options) -> eo.Outcome:
    """Keep a sample local with probability `bias`, and the first ones too until the minimum is met."""
    local = options.generator().random(problem.samples) < options.extra.get("bias", 0.5)
    local[np.flatnonzero(~local)[: max(0, problem.min_local - np.count_nonzero(local))]] = True
    return eo.Outcome.feasible(eo.OffloadingDecision(local))
