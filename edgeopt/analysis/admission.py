"""What really gets through when a reservation meets the true traffic and capacities, and what it earns.

Lyu et al. (2024) do not say what happens to a reservation beyond the capacity that is there. Two recourses: throttling
needs one pass and no coordination; the optimal one is a linear program below the reservation. Never more gets through
than was reserved, arrived, or is possible.

Their revenue (eq. 3) charges the prices of computing and bandwidth on what is *reserved*, used or not. Without that
charge nothing speaks against reserving a hundred times what is expected; :attr:`Settlement.revenue` contains it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ..formulations.revenue import AdmissionDecision, RevenueMaximization
from ..model.errors import InvalidOptionError, InvalidProblemError
from ..model.records import float_array, read_only, record, require
from ..solving.solve import solve

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from ..model.kept import Floats

Recourse = Literal["throttle", "optimal"]


@record
class Settlement(AdmissionDecision):
    """What was admitted of a reservation, and its account; (...,) is the batch axis, where there is one.

    Attributes
    ----------
    admitted, reserved : (..., services) float
        What got through, and what was reserved for it, in the unit of the traffic.
    income : (...,) float
        ``r @ admitted``: what is paid for the admitted traffic.
    reservation_cost : (...,) float
        Prices of computing and bandwidth on all that was reserved (eq. 3).
    penalty : (...,) float
        Paid for traffic that was promised, reserved and arrived, but not admitted.
    """

    admitted: Floats  # named again: type checkers lose what a derived record reads of its fields
    reserved: Floats
    income: Floats
    reservation_cost: Floats
    penalty: Floats

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("reserved", "income", "reservation_cost", "penalty"):
            object.__setattr__(self, name, read_only(np.array(getattr(self, name), dtype=np.float64)))

    @property
    def revenue(self) -> Any:
        """(...,) income less reservation cost and penalty; a float for one instance."""
        total = self.income - self.reservation_cost - self.penalty
        return float(total) if total.ndim == 0 else total


def admit(
    reserved: ArrayLike | AdmissionDecision,
    problem: RevenueMaximization,
    recourse: Recourse = "throttle",
    *,
    sla_penalty: ArrayLike = 0.0,
) -> Settlement:
    """Return what is admitted of `reserved`, and earned, when the true traffic and capacities are those of `problem`.

    Parameters
    ----------
    reserved : (..., services) float or AdmissionDecision
        What was reserved for each service, >= 0; the batch axis first where `problem` has one.
    problem : RevenueMaximization
        The truth. Its prices are charged on what is reserved.
    recourse : {"throttle", "optimal"}
        ``"throttle"``: each service gets ``min(reserved, traffic)`` times the smallest of ``min(1, capacity / load)``
        over the servers and links on its path, the loads being those of ``min(reserved, traffic)``. ``"optimal"``: the
        largest income less penalty below the reservation, which is paid for already, by linear programming.
    sla_penalty : float or (services,) float
        Paid for each unit of ``min(reserved, traffic)`` that is not admitted, >= 0: the agreement promised it.

    Raises
    ------
    InvalidProblemError
        If a reservation or a penalty is negative or not finite, or has another shape than the traffic of `problem`.

    Examples
    --------
    >>> network = RevenueMaximization([3.0], [[1.0]], [[0.5]], [2.0], [9.0], [4.0], compute_price=0.5)
    >>> admit([3.0], network, sla_penalty=1.0).revenue  # 3 x 2 admitted - 0.5 x 3 reserved - 1 x 1 broken promise
    3.5
    """
    amount = reserved.admitted if isinstance(reserved, AdmissionDecision) else reserved
    amount = float_array(amount, "reserved", ndim=(1, 2))
    require("reserved", amount, amount >= 0, "must not be negative")
    shape = (problem.services,) if problem.batch is None else (problem.batch, problem.services)
    if amount.shape != shape:
        raise InvalidProblemError(f"reserved has shape {amount.shape}; expected {shape}")
    penalty = penalties(sla_penalty, problem.services)
    wanted = np.minimum(amount, problem.traffic)
    if recourse == "throttle":
        admitted = wanted * _throttle(problem, wanted)
    elif recourse == "optimal":
        admitted = solve(second_stage(replace(problem, traffic=wanted), penalty)).decision.admitted
    else:
        raise InvalidOptionError(f"recourse is {recourse!r}; expected 'throttle' or 'optimal'")
    cost = (problem.unit_revenue - problem.unit_profit) * amount
    income = (problem.unit_revenue * admitted).sum(axis=-1)
    return Settlement(admitted, amount, income, cost.sum(axis=-1), (wanted - admitted) @ penalty)


def penalties(value: ArrayLike, services: int) -> NDArray[np.float64]:
    """Return an SLA penalty as one number >= 0 for each service.

    Raises
    ------
    InvalidProblemError
        If one is negative or not finite, or there is another number of them.
    """
    given = float_array(value, "sla_penalty", ndim=(0, 1))
    if given.ndim == 1 and given.shape != (services,):
        raise InvalidProblemError(f"sla_penalty has shape {given.shape}; expected one number or ({services},)")
    penalty = np.array(np.broadcast_to(given, (services,)))
    require("sla_penalty", penalty, penalty >= 0, "must not be negative")
    return read_only(penalty)


def second_stage(problem: RevenueMaximization, penalty: NDArray[np.float64]) -> RevenueMaximization:
    """Return the program of the optimal recourse: what is reserved is paid for, what is broken costs its penalty."""
    worth = problem.unit_revenue + penalty
    return replace(problem, unit_revenue=worth, compute_price=0.0, link_price=0.0)


def _throttle(problem: RevenueMaximization, wanted: NDArray[np.float64]) -> NDArray[np.float64]:
    """(..., services) share of each service that its tightest resource lets through."""
    load = problem.load(wanted)
    share = np.divide(problem.capacity, load, out=np.ones_like(load), where=load > problem.capacity)
    through = np.ones_like(wanted)
    path = problem.density.tocoo()
    resources, services = (axis[path.data > 0] for axis in path.coords)
    np.minimum.at(through.T, services, share.T[resources])
    return through
