"""Numerical routes to the optimum of a slot, independent of its closed form: the references for `two-regime`.

Each finds the best rate of every split on either side of the deadline in its own way, by a bracketed root of the slope,
by a cone program, by a nonlinear program, or by a grid that is refined again and again; the least of all is the slot's
optimum.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ...formulations.slot import SlotDecision, SlotProblem
from ...model.errors import SolverNotInstalledError
from ...model.outcome import Options, Outcome
from ...model.tolerance import NEXT_TO_NOTHING, OPTIMALITY, SOLVER

Best = Callable[[SlotProblem, int, float, float], float]
"""From a problem, a split and an interval of rates to the best rate in it."""


_LEAST_RATE = 1e-9
"""Share of the largest rate that stands for a least rate of 0, whose logarithm is taken."""


def over_splits(problem: SlotProblem, best_rate: Best) -> Outcome:
    """Return the best of all splits and both sides of the deadline; the problem itself certifies it."""
    decisions = []
    for k in (int(k) for k in np.flatnonzero(problem.available)):
        for met in (True, False):
            low, high = problem.interval(k, met)
            if low > high:
                continue
            decisions.append(SlotDecision(k, 0.0 if problem.sent[k] == 0 else float(best_rate(problem, k, low, high))))
    best = min(decisions, key=problem.objective)
    gap = problem.certify(best).optimality_gap(problem, best)
    precise = gap <= OPTIMALITY * problem.objective(best)
    return Outcome.optimal(best) if precise else Outcome.feasible(best)


def by_root(problem: SlotProblem, options: Options) -> Outcome:
    """Find where the slope of each split vanishes, by SciPy's bracketed root finder."""
    from scipy.optimize import brentq

    def best_rate(problem: SlotProblem, k: int, low: float, high: float) -> float:
        low = max(low, NEXT_TO_NOTHING)
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
        bounds = [time >= problem.bandwidth / high, time <= problem.bandwidth / max(low, _LEAST_RATE * high)]
        model = cp.Problem(cp.Minimize(cost), [cp.ExpCone(cp.Constant(math.log(2.0)), time, power), *bounds])
        model.solve(solver=solver)
        if time.value is None:
            raise ArithmeticError(f"{solver} ended {model.status} on split {k}; its scales are too far apart")
        return min(max(problem.bandwidth / float(time.value), low), high)

    return over_splits(problem, best_rate)


def by_nonlinear_program(problem: SlotProblem, options: Options) -> Outcome:
    """Solve each split as a Pyomo model in the logarithm of the spectral efficiency, by a nonlinear solver."""
    import pyomo.environ as pyo

    from .pyomo_call import call

    backend, unlimited = _nonlinear(options.variant), replace(options, time_limit=None)  # each takes milliseconds

    def best_rate(problem: SlotProblem, k: int, low: float, high: float) -> float:
        urgent, weight = problem.delay_queue, problem.tradeoff * problem.noise_power
        scale, unit = max(urgent, weight) or 1.0, problem.bandwidth / math.log(2.0)
        ends = math.log(max(low, _LEAST_RATE * high) / unit), math.log(high / unit)
        model = pyo.ConcreteModel()
        model.s = pyo.Var(bounds=ends, initialize=sum(ends) / 2)
        power = (pyo.exp(pyo.exp(model.s)) - 1) * pyo.exp(-model.s)
        model.cost = pyo.Objective(expr=urgent / scale * pyo.exp(-model.s) + weight / scale * power)
        call(backend, model, unlimited)
        return min(max(unit * math.exp(pyo.value(model.s)), low), high)

    return over_splits(problem, best_rate)


def _nonlinear(variant: str | None) -> Any:
    """Return Pyomo's interface to a nonlinear solver: the one that is named, or the first that is installed."""
    from pyomo.contrib.solver.common.factory import SolverFactory

    from .pyomo_call import ALIASES

    names = [variant] if variant else ["ipopt", "scip", "knitro", "gurobi_direct_minlp"]
    for name in names:
        if (own := ALIASES.get(name, name)) in SolverFactory and (backend := SolverFactory(own)).available():
            if name == "scip":  # its default lets the cost of a slot be off by 1e-6
                backend.config.solver_options["numerics/feastol"] = SOLVER
            return backend
    raise SolverNotInstalledError(
        f"a slot needs a nonlinear solver under Pyomo; none of {', '.join(names)} is installed. SCIP comes with: "
        "pip install pyscipopt; or solve the slot by two-regime, scipy or exhaustive"
    )


def by_grid(problem: SlotProblem, options: Options) -> Outcome:
    """Try rates on a fine grid, and refine it around the best until its cells are as narrow as rounding."""

    def best_rate(problem: SlotProblem, k: int, low: float, high: float) -> float:
        start, end = max(low, _LEAST_RATE * high), high
        for _ in range(24):
            grid = np.geomspace(start, end, 25)
            values: Any = [problem.smooth(k, rate) for rate in grid]
            i = int(np.argmin(values))
            start, end = grid[max(i - 1, 0)], grid[min(i + 1, 24)]
        return float(min(max(grid[i], low), high))

    return over_splits(problem, best_rate)
