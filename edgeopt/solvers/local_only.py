"""Everything at the edge, or on the device: the papers' baseline "Edge", and "all mobile"."""

from __future__ import annotations

import numpy as np

from ..formulations.offloading import OfflineOffloading, OffloadingDecision
from ..formulations.slot import SlotDecision, SlotProblem
from ..formulations.split import SplitDecision, StochasticSplit
from ..model.outcome import Options, Outcome, Status
from ..model.solver import solver


@solver(
    "local-only",
    solves=(OfflineOffloading, StochasticSplit, SlotProblem),
    exact=False,
    options=("time_limit", "threads"),
)
def local_only(problem: OfflineOffloading | StochasticSplit | SlotProblem, options: Options) -> Outcome:
    """Keep every available decision local; run every layer on the device, or as near to it as it can run."""
    if isinstance(problem, SlotProblem):
        return Outcome.feasible(SlotDecision(problem.splits - 1, problem.rate_bounds[1] * bool(problem.sent[-1])))
    if isinstance(problem, StochasticSplit):
        return Outcome.feasible(_nearest(problem))
    if refutation := problem.infeasibility_certificate():
        return Outcome(Status.INFEASIBLE, certificate=refutation)
    return Outcome.feasible(OffloadingDecision(problem.available.reshape(problem.shape)))


def _nearest(problem: StochasticSplit) -> SplitDecision:
    return problem.decision_at(np.isfinite(problem.costs.tree.exec_time).argmax(axis=1))
