"""What accommodated traffic tells about capacities that nobody shows: bounds from every slot, and which stay open.

Under throttling a service gets the share that its tightest resource lets through. So a slot in which a service got a
share `q` of what it wanted says of every resource on its path: its capacity is at least `q` times its load; and of one
of them: it is exactly that. Where all others on the path are known to let more through, which one is known, and its
capacity is observed. A resource that never throttles only ever shows a lower bound.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ..model.errors import InvalidProblemError

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from ..formulations.revenue import RevenueMaximization


@dataclass(eq=False)
class CapacityBounds:
    """Running bounds of all capacities.

    Attributes
    ----------
    problem : RevenueMaximization
        Services and densities; its capacities are not read.
    noise : float
        Standard deviation of the relative error of what is observed; 0 where it is exact.
    lower : (servers + links,) float
        Largest capacity that was seen to be there.
    """

    problem: RevenueMaximization
    noise: float = 0.0
    lower: NDArray[np.float64] = field(init=False)
    _seen: list[list[float]] = field(init=False, repr=False)
    _ambiguous: list[tuple[NDArray[np.intp], NDArray[np.float64]]] = field(init=False, repr=False, default_factory=list)

    def __post_init__(self) -> None:
        self.lower = np.zeros(self.problem.resources)
        self._seen = [[] for _ in range(self.problem.resources)]
        self._path = self.problem.density.toarray() > 0

    def observe(
        self, reserved: NDArray[np.float64], traffic: NDArray[np.float64], accommodated: NDArray[np.float64]
    ) -> None:
        """Learn from slots (slots, services): what was reserved, what arrived, and what got through.

        Raises
        ------
        InvalidProblemError
            If more got through than was wanted.
        """
        wanted = np.minimum(reserved, traffic)
        if (accommodated > wanted * (1 + 1e-6 + 10 * self.noise) + 1e-12).any():
            raise InvalidProblemError(
                "accommodated exceeds min(reserved, traffic); these are no observations of throttling"
            )
        loads = self.problem.load(wanted)
        share = np.divide(accommodated, wanted, out=np.ones_like(wanted), where=wanted > 0)
        slots = [np.atleast_2d(array) for array in (loads, share, wanted > 0)]
        for load, through, active in zip(*slots, strict=True):
            # A resource lets through at least what the luckiest service on it got.
            at_least = np.where(self._path & active, through, 0.0).max(axis=1, initial=0.0)
            np.maximum(self.lower, at_least * load * (1.0 - 5 * self.noise), out=self.lower)
        for load, through, active in zip(*slots, strict=True):
            self._accuse(load, through, active)

    def moved(self, problem: RevenueMaximization) -> CapacityBounds:
        """Return what is known for another network: of servers and links of the same name, what was seen here."""
        place = {name: index for index, name in enumerate(problem.resource_names)}
        to = [place.get(name, -1) for name in self.problem.resource_names]
        other = CapacityBounds(problem, self.noise)
        for old, new in enumerate(to):
            if new >= 0:
                other.lower[new], other._seen[new] = self.lower[old], list(self._seen[old])
        for suspects, implied in self._ambiguous:
            where = np.array([to[suspect] for suspect in suspects])
            if (where >= 0).all():  # one that is gone may have been the one
                other._ambiguous.append((where, implied))
        return other

    def _accuse(self, load: NDArray[np.float64], through: NDArray[np.float64], active: NDArray[np.bool_]) -> None:
        """Find which resource throttled each service: not one that is known to have more than it would take."""
        slack = 5 * self.noise + 1e-9  # among thousands of observations some err by four deviations
        for k in np.flatnonzero(active & (through < 1 - slack)):
            implied = through[k] * load
            suspects = np.flatnonzero(self._path[:, k] & (self.lower <= implied * (1 + 2 * slack)))
            if suspects.size == 1:
                self._seen[suspects[0]].append(float(implied[suspects[0]]))
            elif suspects.size:
                self._ambiguous.append((suspects, implied[suspects]))

    def report(self) -> pd.DataFrame:
        """Return what is known of each resource.

        Returns
        -------
        DataFrame
            By name: `identified`, `estimate` (nan where only a lower bound is known), `low` and `high` of a 95 %
            interval (`high` is inf for a lower bound), `observations`.
        """
        import pandas as pd
        from scipy import stats

        rows = []
        for bound, seen in zip(self.lower, self._seen, strict=True):
            if not seen:
                rows.append((False, np.nan, bound, np.inf, 0))
                continue
            values = np.array(seen)
            estimate, count = float(values.mean()), values.size
            error = self.noise * estimate / np.sqrt(count)
            if self.noise and count > 2:
                error = float(values.std(ddof=1)) / np.sqrt(count) * stats.t.ppf(0.975, count - 1) / 1.96
            margin = 1.96 * error + 1e-9 * estimate
            rows.append((True, estimate, estimate - margin, estimate + margin, count))
        columns = ["identified", "estimate", "low", "high", "observations"]
        return pd.DataFrame(rows, columns=columns, index=pd.Index(self.problem.resource_names, name="resource"))

    def belief(self, prior: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return capacities (servers + links,) to plan with.

        The estimate where there is one. Elsewhere the prior, at least what was seen; but where a service was throttled
        and several resources may have done it, the one whose implied capacity is nearest to its prior is blamed.
        """
        report = self.report()
        known = report.identified.to_numpy()
        believed: NDArray[np.float64] = np.where(known, report.estimate.to_numpy(), np.maximum(prior, self.lower))
        blamed: dict[int, list[float]] = {}
        for suspects, implied in self._ambiguous:
            explained = known[suspects] & (np.abs(believed[suspects] / implied - 1) <= 5 * self.noise + 1e-6)
            left = ~known[suspects]
            if explained.any() or not left.any():
                continue
            nearest = int(np.abs(np.log(implied[left] / prior[suspects][left])).argmin())
            blamed.setdefault(int(suspects[left][nearest]), []).append(float(implied[left][nearest]))
        for resource, values in blamed.items():
            believed[resource] = max(self.lower[resource], float(np.median(values)))
        return believed


def identifiability(
    problem: RevenueMaximization,
    reserved: NDArray[np.float64],
    traffic: NDArray[np.float64],
    accommodated: NDArray[np.float64],
    noise: float = 0.0,
) -> pd.DataFrame:
    """Say which capacities the observed slots determine, with intervals, and which only have a lower bound.

    Parameters
    ----------
    problem : RevenueMaximization
        Services and densities.
    reserved, traffic, accommodated : (slots, services) float
        What was reserved, what arrived, and what got through under throttling.
    noise : float
        Standard deviation of the relative error of `accommodated`.

    Returns
    -------
    DataFrame
        As :meth:`CapacityBounds.report`.
    """
    bounds = CapacityBounds(problem, noise)
    bounds.observe(reserved, traffic, accommodated)
    return bounds.report()
