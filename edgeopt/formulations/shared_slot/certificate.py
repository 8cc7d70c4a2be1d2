"""The certificate of a shared slot: prices with which the users part, and what they prove."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...model.certificate import OptimalityCertificate
from ...model.records import assign, float_array, read_only, require
from .bound import lower_bound
from .problem import SharedSlot, SharedSlotDecision

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...model.problem import Decision, Problem


@dataclass(frozen=True, eq=False)
class SharedPrices(OptimalityCertificate):
    """Prices of band and host, and of the deadlines: each leaf of a search with its own.

    With prices the users part, and each one's least cost at these prices, less what band and host are worth, bounds the
    sum from below (Lagrange). A deadline is priced too: a user on time pays `deadline_price` for each second and is
    refunded the deadline. A leaf holds for the choices that it allows; the leaves must cover all of them.

    Attributes
    ----------
    band_price, host_price : (leaves,) float
        Objective per hertz, and per FLOP/s; >= 0.
    deadline_price : (leaves, users, splits) float
        Objective per second by which a user is earlier; >= 0.
    allowed : (leaves, users, splits, 2) bool
        Splits that a leaf allows, late and on time.
    """

    band_price: NDArray[np.float64]
    host_price: NDArray[np.float64]
    deadline_price: NDArray[np.float64]
    allowed: NDArray[np.bool_]

    def __post_init__(self) -> None:
        for name, ndim in (("band_price", 1), ("host_price", 1), ("deadline_price", 3)):
            array = float_array(getattr(self, name), name, ndim=ndim)
            require(name, array, array >= 0, "must not be negative")
            assign(self, **{name: array})
        allowed = np.array(self.allowed, dtype=bool)
        assign(self, allowed=read_only(allowed))

    def optimality_gap(self, problem: Problem, decision: Decision) -> float:
        """Distance of the decision from the least bound of all leaves."""
        if not isinstance(problem, SharedSlot) or not isinstance(decision, SharedSlotDecision):
            return math.inf
        leaves = self.band_price.size
        fits = self.deadline_price.shape == (leaves, problem.users, problem.splits)
        if not fits or self.allowed.shape != (*self.deadline_price.shape, 2) or not leaves or not self._covers(problem):
            return math.inf
        bounds = [
            lower_bound(problem, band, host, deadline_price, allowed)
            for band, host, deadline_price, allowed in zip(
                self.band_price, self.host_price, self.deadline_price, self.allowed, strict=True
            )
        ]
        return problem.objective(decision) - min(bounds)

    def _covers(self, problem: SharedSlot) -> bool:
        """Whether no possible choice is missing: the leaves are disjoint, and their sizes add up to all."""
        possible = problem.choices.reshape(problem.users, -1)
        sets = self.allowed.reshape(-1, *possible.shape) & possible
        for i in range(len(sets) - 1):
            if (sets[i] & sets[i + 1 :]).any(axis=2).all(axis=1).any():
                return False
        return sum(_product(one) for one in sets) == _product(possible)

    def __str__(self) -> str:
        return f"prices of band, host and deadlines, {self.band_price.size} leaves"


def _product(sets: NDArray[np.bool_]) -> int:
    """Exact number of ways to pick one of each row's choices."""
    return math.prod(int(n) for n in sets.sum(axis=1))
