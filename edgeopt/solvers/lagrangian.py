"""Dual ascent: a heuristic with a proven bound.

Relaxing the coupling constraints with multipliers leaves one comparison per sample, or per service. Offloading has one
constraint: its multiplier is found by bisection on the number of local samples, and the decision is what the comparison
then says. The revenue program has one for each server and link: its prices are found by a subgradient method, and the
decision admits the services in the order of what is left of their profit at these prices.
"""

from __future__ import annotations

import numpy as np

from ..formulations.offloading import LocalFractionMultiplier, OfflineOffloading, OffloadingDecision
from ..formulations.revenue import AdmissionDecision, ResourcePrices, RevenueMaximization
from ..model.errors import InvalidOptionError
from ..model.outcome import Options, Outcome, Status
from ..model.solver import solver
from .greedy import admit_in_order


@solver(
    "lagrangian",
    solves=(OfflineOffloading, RevenueMaximization),
    exact=False,
    options=("time_limit", "threads"),
    own_options=("iterations",),
)
def lagrangian(problem: OfflineOffloading | RevenueMaximization, options: Options) -> Outcome:
    """Improve the multipliers (`iterations` times; 60 for offloading, 300 for revenue), then decide by them."""
    iterations = options.extra.get("iterations", 60 if isinstance(problem, OfflineOffloading) else 300)
    if not isinstance(iterations, int) or iterations < 0:
        raise InvalidOptionError(f"iterations is {iterations!r}; expected an integer >= 0")
    if isinstance(problem, RevenueMaximization):
        return _admit_by_prices(problem, iterations, options)
    if refutation := problem.infeasibility_certificate():
        return Outcome(Status.INFEASIBLE, certificate=refutation)
    multiplier = _bisect(problem, iterations)
    local = problem.benefit < 0
    if np.count_nonzero(local) < problem.min_local:
        local = problem.benefit <= multiplier
    return Outcome.feasible(OffloadingDecision(local.reshape(problem.shape)), LocalFractionMultiplier(multiplier))


def _bisect(problem: OfflineOffloading, iterations: int) -> float:
    """Smallest multiplier found at which enough decisions are local; always feasible, whatever the iterations."""
    finite = problem.benefit[np.isfinite(problem.benefit)]
    if np.count_nonzero(finite < 0) >= problem.min_local:
        return 0.0
    low, high = 0.0, max(0.0, float(finite.max()))
    for _ in range(iterations):
        middle = low + (high - low) / 2
        if np.count_nonzero(finite <= middle) >= problem.min_local:
            high = middle
        else:
            low = middle
    return high


def _admit_by_prices(problem: RevenueMaximization, iterations: int, options: Options) -> Outcome:
    """Subgradient method with Polyak's step (Polyak 1969) from the best admission so far to the best bound so far."""
    limited = np.isfinite(problem.capacity)
    capacity = np.where(limited, problem.capacity, 0.0)
    price = best_price = np.zeros(problem.resources)
    bound, mean = np.inf, np.zeros(problem.services)
    admitted = admit_in_order(problem, np.argsort(-problem.unit_profit, kind="stable"))
    reached = float(problem.unit_profit @ admitted)
    for step in range(1, iterations + 1):
        left = problem.unit_profit - price @ problem.density
        wanted = np.where(left > 0, problem.traffic, 0.0)
        value = float(price @ capacity + left @ wanted)
        if value < bound:
            bound, best_price = value, price
        mean += (wanted - mean) / step
        spare = np.where(limited, capacity - problem.load(wanted), 0.0)
        size = float(spare @ spare)
        if size == 0.0 or value <= reached or options.remaining() <= 0:
            break
        # Where a price is 0 and the resource has room, nothing is to be gained in that direction.
        price = np.maximum(price - (value - reached) / size * spare, 0.0)
    # What the relaxed answers admit on average is close to an optimum; their order repairs what is not feasible.
    share = np.divide(mean, problem.traffic, out=np.zeros_like(mean), where=problem.traffic > 0)
    for order in (np.argsort(-share, kind="stable"), np.argsort(best_price @ problem.density - problem.unit_profit)):
        other = admit_in_order(problem, order)
        if problem.unit_profit @ other > reached:
            admitted, reached = other, float(problem.unit_profit @ other)
    return Outcome.feasible(AdmissionDecision(admitted), ResourcePrices(best_price))
