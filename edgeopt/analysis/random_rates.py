"""Link rate and demand as random variables together: the best static split, and what knowing the rate would be worth.

Zuo (2024, section 6) names this as future work. A placement's latency is linear in the inverse rate, so the split that
is best on average is again a path through layers and tiers, with the inverse rate of each layer replaced by its
expectation over the scenarios in which the layer runs. Around it stand the two classical values of stochastic
programming (Birge and Louveaux 2011, chapter 4): of perfect information, and of the stochastic solution over the one
for mean values.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..formulations.placement.links import rate_array
from ..model.cached import cached_property
from ..model.errors import InvalidProblemError
from ..model.records import float_array, require
from ..model.tolerance import EQUAL
from ..solving.solve import solve
from .split_maps import by_first_link

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from ..formulations.split import SplitDecision, StochasticSplit


@dataclass(frozen=True, eq=False)
class StaticSplit:
    """The split that is best on average, and the two values around it; all in seconds.

    Attributes
    ----------
    decision : SplitDecision
        One placement for each exit, chosen before the rate is known.
    expected : float
        Its expected latency (the recourse problem's value, RP).
    wait_and_see : float
        Expected latency if the rate were known before placing (WS).
    mean_value_decision : SplitDecision
        The placement that is optimal for the mean rate and the mean demand.
    mean_value_expected : float
        What that placement costs in expectation (EEV).
    """

    decision: SplitDecision
    expected: float
    wait_and_see: float
    mean_value_decision: SplitDecision
    mean_value_expected: float

    @property
    def evpi(self) -> float:
        """Expected value of perfect information: what knowing the rate would save, >= 0."""
        return self.expected - self.wait_and_see

    @property
    def vss(self) -> float:
        """Value of the stochastic solution: what it saves against the one for mean values, >= 0."""
        return self.mean_value_expected - self.expected

    def __repr__(self) -> str:
        return f"StaticSplit(expected {self.expected:.6g} s, EVPI {self.evpi:.3g} s, VSS {self.vss:.3g} s)"


def split_under_uncertainty(
    problem: StochasticSplit,
    uplink_rates: ArrayLike,
    probabilities: ArrayLike | None = None,
    demand: Any = None,
) -> StaticSplit:
    """Return the static split of least expected latency over scenarios of the uplink rate and the demand.

    Parameters
    ----------
    problem : StochasticSplit
        Its own uplink rate does not matter, nor its demand if `demand` is given.
    uplink_rates : (scenarios,) float
        Rate in each scenario, bit/s, > 0; samples of a measured trace, say. A second without any service has no
        latency: drop it, or give it a rate that says how long the wait is.
    probabilities : (scenarios,) float, optional
        Of each scenario; equal by default.
    demand : (scenarios, exits) or (scenarios, exits + 1) float, optional
        Demand in each scenario where it depends on the rate's; the problem's own by default.

    Raises
    ------
    InvalidProblemError
        If a rate is not above 0, probabilities do not sum to 1, or the problem is a batch already.
    """
    if problem.batch is not None:
        raise InvalidProblemError("split_under_uncertainty takes one problem; its scenarios are the batch")
    rates = rate_array(uplink_rates, "uplink_rates")
    if rates.ndim != 1 or rates.size == 0:
        raise InvalidProblemError(f"uplink_rates has shape {rates.shape}; expected (scenarios,)")
    shares = _shares(probabilities, rates.size)
    scenarios = replace(problem, uplink_rate=rates, demand=problem.demand if demand is None else demand)
    if scenarios.demand.ndim == 2 and scenarios.demand.shape[0] != rates.size:
        raise InvalidProblemError(f"demand has {scenarios.demand.shape[0]} scenarios; expected {rates.size}")
    average = _Average(scenarios, shares)
    best = average.best()
    known = solve(scenarios)
    mean_demand = scenarios.demand if scenarios.demand.ndim == 1 else shares @ scenarios.demand
    mean = solve(replace(problem, uplink_rate=float(shares @ rates), demand=mean_demand / mean_demand.sum())).decision
    return StaticSplit(
        problem.decision_at(best),
        average.expected(best),
        float(shares @ known.objective),
        mean,
        average.expected(problem.node_tiers(mean)),
    )


def _shares(probabilities: ArrayLike | None, count: int) -> NDArray[np.float64]:
    if probabilities is None:
        return np.full(count, 1.0 / count)
    shares = float_array(probabilities, "probabilities")
    if shares.shape != (count,):
        raise InvalidProblemError(f"probabilities has shape {shares.shape}; expected ({count},)")
    require("probabilities", shares, shares >= 0, "must be >= 0")
    if abs(shares.sum() - 1.0) > EQUAL:
        raise InvalidProblemError(f"probabilities sum to {float(shares.sum())!r}; expected 1")
    return shares


class _Average:
    """Expected costs of each layer and transfer over the scenarios; nothing else of them matters to a static split."""

    def __init__(self, scenarios: StochasticSplit, shares: NDArray[np.float64]) -> None:
        costs, inverse = scenarios.costs, 1.0 / scenarios.uplink_rate
        self.costs, self.tree = costs, costs.tree
        self.constant = float(np.sum(shares * scenarios.constant))
        self.first, self.others = by_first_link(scenarios)
        reach = np.broadcast_to(costs.reach, (shares.size, costs.reach.shape[-1]))
        ends = reach * costs.end_share
        # How often a layer runs and ends, and the sum of the inverse rates then.
        self.reach, self.ends = shares @ reach, shares @ ends
        self.slowness, self.end_slowness = (shares * inverse) @ reach, (shares * inverse) @ ends

    def _moved(self, often: float, slowness: float, bits: float) -> NDArray[np.float64]:
        """(tiers, tiers) expected seconds to move a tensor between tiers, unconditional."""
        return often * self.costs.per_crossing + bits * (often * self.others + slowness * self.first)

    @cached_property
    def inward(self) -> NDArray[np.float64]:
        """(nodes, tiers, tiers) expected transfer of each layer's input."""
        data = zip(self.reach, self.slowness, self.tree.input_bits, strict=True)
        return np.stack([self._moved(*entry) for entry in data])

    @cached_property
    def here(self) -> NDArray[np.float64]:
        """(nodes, tiers) expected execution of each layer and return of its result."""
        data = zip(self.ends, self.end_slowness, self.tree.result_bits, strict=True)
        back = np.stack([self._moved(*entry)[:, 0] for entry in data])
        times = self.tree.exec_time
        # A layer that never runs still needs a tier that could run it.
        running = np.where(np.isfinite(times), self.reach[:, None] * np.where(np.isfinite(times), times, 0.0), np.inf)
        return running + back

    def best(self) -> NDArray[np.intp]:
        """(nodes,) tiers of least expected latency."""
        value, parent = self.here.copy(), self.tree.parent
        choice = np.zeros(value.shape, np.intp)
        for node in range(parent.size - 1, -1, -1):
            ways = self.inward[node] + value[node]
            choice[node] = ways.argmin(axis=1)
            if parent[node] >= 0:
                value[parent[node]] += ways.min(axis=1)
        tiers = np.zeros(parent.size, np.intp)
        for node in range(parent.size):
            tiers[node] = choice[node, tiers[parent[node]] if parent[node] >= 0 else 0]
        return tiers

    def expected(self, tiers: NDArray[Any]) -> float:
        """Return the expected latency of a placement."""
        nodes, parent = np.arange(tiers.size), self.tree.parent
        before = np.where(parent >= 0, tiers[parent], 0)
        return float((self.inward[nodes, before, tiers] + self.here[nodes, tiers]).sum()) + self.constant
