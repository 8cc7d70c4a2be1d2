"""The paper's rate for a slot: one Lambert W from the surrogate of the outage, then the best split by the true one.

Labriji et al. (2023) bound the outage indicator by D / D_max, so the rate sees a smooth objective with Omega = Z + H /
D_max, whose minimiser is closed form (eq. 19) and does not depend on the split: the bits that are sent cancel. The
split is then chosen by the true objective. Where the deadline lies the rate does not know: the optimum may be missed.
"""

from __future__ import annotations

import math

import numpy as np

from ..formulations.slot import SlotDecision, SlotProblem
from ..model.outcome import Options, Outcome
from ..model.solver import solver


@solver("lambert-w", solves=SlotProblem, exact=False, options=("time_limit", "threads"))
def lambert_w(problem: SlotProblem, options: Options) -> Outcome:
    """Send at the surrogate's rate (eq. 19), split by the true objective."""
    low, high = problem.rate_bounds
    rate = min(max(stationary_rate(problem, problem.delay_queue + problem.outage_queue / problem.max_delay), low), high)
    candidates = [SlotDecision(int(k), rate if problem.sent[k] > 0 else 0.0) for k in np.flatnonzero(problem.available)]
    return Outcome.feasible(min(candidates, key=problem.objective))


def stationary_rate(problem: SlotProblem, urgency: float) -> float:
    """Rate at which ``urgency * D + V * E`` is least for every split (eq. 19 without its bounds), bit/s.

    0 where nothing is urgent, inf where energy counts for nothing; the bounds then decide.
    """
    from .compiled.offset_lambert import offset_lambert

    if urgency == 0.0:
        return 0.0
    weight = problem.tradeoff * problem.noise_power
    if weight == 0.0:
        return math.inf
    return problem.bandwidth / math.log(2.0) * float(offset_lambert(urgency / weight))
