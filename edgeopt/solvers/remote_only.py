"""Everything in the cloud, as far as the constraints allow: the papers' baseline "Cloud", and "all edge"."""

from __future__ import annotations

import numpy as np

from ..formulations.offloading import OfflineOffloading, OffloadingDecision
from ..formulations.slot import SlotDecision, SlotProblem
from ..formulations.split import SplitDecision, StochasticSplit
from ..model.outcome import Options, Outcome, Status
from ..model.solver import solver


@solver(
    "remote-only",
    solves=(OfflineOffloading, StochasticSplit, SlotProblem),
    exact=False,
    options=("time_limit", "threads"),
)
def remote_only(problem: OfflineOffloading | StochasticSplit | SlotProblem, options: Options) -> Outcome:
    """Send everything but the first `min_local` available decisions; run every layer on the last tier that can.

    Of a slot, the first split that is possible at all is taken, and sent at the largest rate.
    """
    if isinstance(problem, SlotProblem):
        first = int(problem.available.argmax())
        return Outcome.feasible(SlotDecision(first, problem.rate_bounds[1] * bool(problem.sent[first])))
    if isinstance(problem, StochasticSplit):
        return Outcome.feasible(_farthest(problem))
    if refutation := problem.infeasibility_certificate():
        return Outcome(Status.INFEASIBLE, certificate=refutation)
    local = np.zeros(problem.local_totals.size, dtype=bool)
    local[np.flatnonzero(problem.available)[: problem.min_local]] = True
    return Outcome.feasible(OffloadingDecision(local.reshape(problem.shape)))


def _farthest(problem: StochasticSplit) -> SplitDecision:
    available = np.isfinite(problem.costs.tree.exec_time)
    return problem.decision_at(problem.tiers - 1 - available[:, ::-1].argmax(axis=1))
