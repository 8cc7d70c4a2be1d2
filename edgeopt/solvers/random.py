"""Seeded chance: a coin for each sample, the upper baseline of both offloading papers, or a die for each layer."""

from __future__ import annotations

import numpy as np

from ..formulations.offloading import OfflineOffloading, OffloadingDecision
from ..formulations.split import SplitDecision, StochasticSplit
from ..model.outcome import Options, Outcome, Status
from ..model.solver import solver


@solver("random", solves=(OfflineOffloading, StochasticSplit), exact=False, options=("time_limit", "threads"))
def random(problem: OfflineOffloading | StochasticSplit, options: Options) -> Outcome:
    """Keep a uniformly random set of `min_local` available decisions local, so that eq. 11b holds with equality.

    The papers' coin of bias L0 meets the fraction only on average; drawing a set of that size meets it always. Of a
    split, each layer runs on a uniformly random tier among those that can run it.
    """
    if isinstance(problem, StochasticSplit):
        return Outcome.feasible(_anywhere(problem, options.generator()))
    if refutation := problem.infeasibility_certificate():
        return Outcome(Status.INFEASIBLE, certificate=refutation)
    local = np.zeros(problem.local_totals.size, dtype=bool)
    candidates = np.flatnonzero(problem.available)
    local[options.generator().choice(candidates, problem.min_local, replace=False)] = True
    return Outcome.feasible(OffloadingDecision(local.reshape(problem.shape)))


def _anywhere(problem: StochasticSplit, generator: np.random.Generator) -> SplitDecision:
    available = np.isfinite(problem.costs.tree.exec_time)
    return problem.decision_at(np.where(available, generator.random(available.shape), -1.0).argmax(axis=1))
