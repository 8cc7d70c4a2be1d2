"""What really gets through when a reservation meets the true traffic and the true capacities.

Lyu et al. (2024) do not say what happens to a reservation beyond the capacity that is there. Two recourses: throttling
needs one pass and no coordination; the optimal one is the revenue program below the reservation. Never more gets
through than was reserved, arrived, or is possible, so reserving too much never pays.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from ..formulations.revenue import AdmissionDecision, RevenueMaximization
from ..model.errors import InvalidOptionError, InvalidProblemError
from ..model.records import float_array, require
from ..solving.solve import solve

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

Recourse = Literal["throttle", "optimal"]


def admit(
    reserved: ArrayLike | AdmissionDecision, problem: RevenueMaximization, recourse: Recourse = "throttle"
) -> AdmissionDecision:
    """Return what is admitted of `reserved` when the true traffic and capacities are those of `problem`.

    Parameters
    ----------
    reserved : (..., services) float or AdmissionDecision
        What was reserved for each service, >= 0; the batch axis first where `problem` has one.
    problem : RevenueMaximization
        The truth.
    recourse : {"throttle", "optimal"}
        ``"throttle"``: each service gets ``min(reserved, traffic)`` times the smallest of ``min(1, capacity / load)``
        over the servers and links on its path, the loads being those of ``min(reserved, traffic)``. ``"optimal"``: the
        largest revenue below the reservation, by linear programming.

    Raises
    ------
    InvalidProblemError
        If a reservation is negative or not finite, or has another shape than the traffic of `problem`.
    """
    amount = reserved.admitted if isinstance(reserved, AdmissionDecision) else reserved
    amount = float_array(amount, "reserved", ndim=(1, 2))
    require("reserved", amount, amount >= 0, "must not be negative")
    shape = (problem.services,) if problem.batch is None else (problem.batch, problem.services)
    if amount.shape != shape:
        raise InvalidProblemError(f"reserved has shape {amount.shape}; expected {shape}")
    wanted = np.minimum(amount, problem.traffic)
    if recourse == "throttle":
        return AdmissionDecision(wanted * _throttle(problem, wanted))
    if recourse == "optimal":
        best: AdmissionDecision = solve(replace(problem, traffic=wanted)).decision
        return best
    raise InvalidOptionError(f"recourse is {recourse!r}; expected 'throttle' or 'optimal'")


def _throttle(problem: RevenueMaximization, wanted: NDArray[np.float64]) -> NDArray[np.float64]:
    """(..., services) share of each service that its tightest resource lets through."""
    load = problem.load(wanted)
    share = np.divide(problem.capacity, load, out=np.ones_like(load), where=load > problem.capacity)
    through = np.ones_like(wanted)
    path = problem.density.tocoo()
    resources, services = (axis[path.data > 0] for axis in path.coords)
    np.minimum.at(through.T, services, share.T[resources])
    return through
