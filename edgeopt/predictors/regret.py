"""A regret ledger: where the revenue between the oracle and reality went.

The oracle knows traffic and capacities. What a plan loses against it splits exactly into three parts, each the
difference of two revenues:

- **prediction**: the oracle's revenue less the optimum of the program that was planned with (negative where the
  forecast promised too much),
- **solver gap**: that optimum less what the plan in use promises; never negative,
- **recourse**: what the plan promises less what it earns under the truth: what the recourse does not let through, what
  is reserved for traffic that does not come (eq. 3 of Lyu et al. 2024 charges what is reserved), and SLA penalties.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..analysis.admission import Recourse, admit
from ..formulations.revenue import AdmissionDecision, RevenueMaximization
from ..model.errors import InvalidProblemError
from ..model.outcome import Status
from ..model.solution import Solution
from ..solving.solve import solve
from ..solving.verify import verify

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, eq=False)
class RegretLedger:
    """Regret of each slot and its parts, in the unit of the revenue.

    Attributes
    ----------
    oracle, realised : (slots,) float
        Revenue of the oracle, and what was got.
    prediction, solver_gap, recourse : (slots,) float
        Parts of ``oracle - realised``, to which they add up.
    """

    oracle: NDArray[np.float64]
    realised: NDArray[np.float64]
    prediction: NDArray[np.float64]
    solver_gap: NDArray[np.float64]
    recourse: NDArray[np.float64]

    @property
    def regret(self) -> NDArray[np.float64]:
        """(slots,) ``oracle - realised``."""
        return self.oracle - self.realised

    def table(self) -> Any:
        """Return revenues and parts by slot as a DataFrame."""
        import pandas as pd

        columns = ("oracle", "prediction", "solver_gap", "recourse", "realised")
        return pd.DataFrame({name: getattr(self, name) for name in columns})


def regret_ledger(
    truth: RevenueMaximization,
    forecast: RevenueMaximization,
    plan: AdmissionDecision,
    recourse: Recourse = "throttle",
    oracle: Solution | None = None,
    *,
    sla_penalty: ArrayLike = 0.0,
) -> RegretLedger:
    """Account for the regret of a plan.

    Parameters
    ----------
    truth : RevenueMaximization
        True traffic and capacities, one instance for each slot.
    forecast : RevenueMaximization
        What was planned with: forecast traffic, believed capacities, the same services.
    plan : AdmissionDecision
        What was reserved, feasible for `forecast`.
    recourse : {"throttle", "optimal"}
        As for :func:`edgeopt.admit`.
    oracle : Solution, optional
        Solution of `truth`, if it is at hand.
    sla_penalty : float or (services,) float
        As for :func:`edgeopt.admit`.

    Raises
    ------
    InvalidProblemError
        If the plan breaks the program it was made for, or `oracle` is not a proved optimum of `truth`: an incumbent
        that a time limit left can never pose as the oracle.
    """
    broken = {name: size for name, size in forecast.violations(plan).items() if size > 1e-6}
    if broken:
        name = max(broken, key=lambda key: broken[key])
        raise InvalidProblemError(f"the plan breaks the forecast's own program: {name} by {broken[name]:.3g}")
    best = _proved(oracle if oracle is not None else solve(truth), truth, "oracle")
    planned = _proved(solve(forecast), forecast, "optimum of the forecast")
    promised = np.atleast_1d(forecast.objective(plan))
    realised = np.atleast_1d(admit(plan, truth, recourse, sla_penalty=sla_penalty).revenue)
    # The exact optimum is proved within rounding; a plan that ties with it has no gap.
    gap = np.maximum(planned - promised, 0.0)
    return RegretLedger(best, realised, best - promised - gap, gap, promised - realised)


def _proved(solution: Solution, problem: RevenueMaximization, what: str) -> NDArray[np.float64]:
    if solution.status is not Status.OPTIMAL or not verify(problem, solution).holds:
        raise InvalidProblemError(f"the {what} is {solution.status}; it has to be proved optimal for its own program")
    return np.atleast_1d(np.asarray(solution.objective, float))
