"""Numerical routes to the optimum of a slot, independent of its closed form: the references for `two-regime`.

Each finds the best rate of every split on either side of the deadline in its own way, by a bracketed root of the slope,
by a cone program, or by a grid that is refined again and again; the least of all is the slot's optimum.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.outcome import Options, Outcome
from ..core.tolerance import OPTIMALITY
from ..formulations.slot import SlotDecision, SlotProblem

Best = Callable[[SlotProblem, int, float, float], float]
"""From a problem, a split and an interval of rates to the best rate in it."""


def over_splits(problem: SlotProblem, best_rate: Best) -> Outcome:
    """Return the best of all splits and both sides of the deadline; the problem itself certifies it."""
    decisions = []
    for k in (int(k) for k in np.flatnonzero(problem.able)):
        for met in (True, False):
            low, high = problem.interval(k, met)
            if low > high:
                continue
            decisions.append(SlotDecision(k, 0.0 if problem.sent[k] == 0 else float(best_rate(problem, k, low, high))))
    best = min(decisions, key=problem.objective)
    slack = problem.certify(best).slack(problem, best)
    precise = slack <= OPTIMALITY * problem.objective(best)
    return Outcome.optimal(best) if precise else Outcome.feasible(best)


def by_root(problem: SlotProblem, options: Options) -> Outcome:
    """Find where the slope of each split vanishes, by SciPy's bracketed root finder."""
    from scipy.optimize import brentq

    def best_rate(problem: SlotProblem, k: int, low: float, high: float) -> float:
        low = max(low, 1e-300)
        if problem.slope(k, low) >= 0:
            return low
        if problem.slope(k, high) <= 0:
            return high
        root: float = brentq(lambda x: problem.slope(k, math.exp(x)), math.log(low), math.log(high), xtol=1e-15)
        return min(max(math.exp(root), low), high)

    return over_splits(problem, best_rate)


def by_cone(problem: SlotProblem, options: Options) -> Outcome:
    """Solve each split as an exponential cone program: in the time for a bit the energy is a perspective of exp."""
    import cvxpy as cp

    solver = options.variant or "CLARABEL"

    def best_rate(problem: SlotProblem, k: int, low: float, high: float) -> float:
        # Time for a bit at one bit/s/Hz is the unit, and costs are relative, so that the cone is well scaled.
        time, power = cp.Variable(), cp.Variable()
        urgent, weight = problem.delay_queue, problem.tradeoff * problem.noise_power
        scale = max(urgent, weight) or 1.0
        cost = urgent / scale * time + weight / scale * (power - time)
        bounds = [time >= problem.bandwidth / high, time <= problem.bandwidth / max(low, 1e-9 * high)]
        model = cp.Problem(cp.Minimize(cost), [cp.ExpCone(cp.Constant(math.log(2.0)), time, power), *bounds])
        model.solve(solver=solver)
        if time.value is None:
            raise ArithmeticError(f"{solver} ended {model.status} on split {k}; its scales are too far apart")
        return min(max(problem.bandwidth / float(time.value), low), high)

    return over_splits(problem, best_rate)


def by_grid(problem: SlotProblem, options: Options) -> Outcome:
    """Try rates on a fine grid, and refine it around the best until its cells are as narrow as rounding."""

    def best_rate(problem: SlotProblem, k: int, low: float, high: float) -> float:
        start, end = max(low, 1e-9 * high), high
        for _ in range(24):
            grid = np.geomspace(start, end, 25)
            values: Any = [problem.smooth(k, rate) for rate in grid]
            i = int(np.argmin(values))
            start, end = grid[max(i - 1, 0)], grid[min(i + 1, 24)]
        return float(min(max(grid[i], low), high))

    return over_splits(problem, best_rate)
