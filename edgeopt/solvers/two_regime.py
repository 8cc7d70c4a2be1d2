"""The exact optimum of a slot: for each split the best rate with the deadline met, and the best with it missed.

On either side of the deadline the objective of a split is convex in the rate, with the one stationary point R0 of
Labriji et al. (2023, eq. 19) at Omega = Z: clipped to the side's interval it is the optimum there. The least of the two
over all splits is the optimum of the slot with its true step, which the paper approximates.
"""

from __future__ import annotations

import math

import numpy as np

from ..formulations.slot import SlotDecision, SlotProblem, SplitRates
from ..model.outcome import Options, Outcome
from ..model.solver import solver
from .lambert_w import stationary_rate


@solver("two-regime", solves=SlotProblem, exact=True, rank=10, options=("time_limit", "relative_gap", "threads"))
def two_regime(problem: SlotProblem, options: Options) -> Outcome:
    """Take the best of both sides of the deadline over all splits."""
    free = stationary_rate(problem, problem.delay_queue)
    rates = np.full((problem.splits, 2), np.nan)
    best, least = None, math.inf
    for k in np.flatnonzero(problem.available):
        for side, met in enumerate((True, False)):
            low, high = problem.interval(int(k), met)
            if low > high:
                continue
            rates[k, side] = rate = min(max(free, low), high)
            decision = SlotDecision(int(k), float(rate))
            # At the deadline itself rounding may put a rate on the other side; its true value then counts.
            value = problem.objective(decision)
            if value < least:
                best, least = decision, value
    return Outcome.optimal(best, SplitRates(rates))
