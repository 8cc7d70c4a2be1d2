"""How well slices are provided for: SLA violations and volume in vain beside the cost, slice by slice.

A mean cost adds broken agreements to idle capacity, by weights that somebody chose. An operator asks for both on their
own: in what share of the slots a slice gets less than it demands, how much is missing, how much is reserved in vain.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from ..model.errors import InvalidProblemError
from ..model.records import float_array, read_only
from ..profiles.own_costs import check_cost

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

    from ..profiles.own_costs import Cost
    from .samples import MinMax


@dataclass(frozen=True, eq=False, repr=False)
class Provisioning:
    """What allocations were worth in some slots, for each slice; every number is a mean over the slots.

    Attributes
    ----------
    services : tuple of str
        Names of the slices.
    slots : int
        Number of slots.
    cost : (services,) float
        Exact cost.
    violation_rate : (services,) float
        Share of the slots in which less than the demand is allocated (event "u" of Giannakas et al. 2025, II-B).
    shortfall, surplus : (services,) float
        Volume that is missing, and volume that is allocated in vain, in the unit of the demand.
    demand : (services,) float
        Demand.
    any_violation_rate : float
        Share of the slots in which at least one slice gets less than its demand.
    """

    services: tuple[str, ...]
    slots: int
    cost: NDArray[np.float64]
    violation_rate: NDArray[np.float64]
    shortfall: NDArray[np.float64]
    surplus: NDArray[np.float64]
    demand: NDArray[np.float64]
    any_violation_rate: float

    @classmethod
    def of(
        cls,
        allocation: ArrayLike,
        demand: ArrayLike,
        cost: Cost,
        *,
        services: Sequence[object] | None = None,
        scale: MinMax | None = None,
    ) -> Self:
        """Compare allocations with the demand that came.

        Parameters
        ----------
        allocation, demand : (slots, services) float
            On the scale that the cost is meant for.
        cost : Cost
            What is paid.
        services : sequence, optional
            Names of the slices; their numbers by default.
        scale : MinMax, optional
            Scale of both: volumes are then in the unit of the demand that it was fitted on.

        Raises
        ------
        InvalidProblemError
            If shapes, names and scale do not match, there is no slot, or a value is not finite.

        Examples
        --------
        >>> from edgeopt.profiles.costs import AllocationCost
        >>> cost = AllocationCost(under=[5.0, 8.0])
        >>> found = Provisioning.of([[1.0, 3.0], [2.0, 1.0]], [[1.0, 2.0], [1.0, 2.0]], cost)
        >>> found.violation_rate, found.cost
        (array([0. , 0.5]), array([0.5, 4.5]))
        """
        given, wanted = (float_array(a, n, ndim=2) for a, n in ((allocation, "allocation"), (demand, "demand")))
        if given.shape != wanted.shape or not len(given):
            raise InvalidProblemError(
                f"allocation has shape {given.shape} and demand {wanted.shape}; expected the same (slots, services) "
                "with at least one slot"
            )
        names = tuple(str(name) for name in (range(given.shape[1]) if services is None else services))
        sizes = {"services": len(names)} | ({} if scale is None else {"scale": len(scale.span)})
        for field, size in sizes.items():
            if size != given.shape[1]:
                raise InvalidProblemError(f"{field} is for {size} slices; the demand has {given.shape[1]} columns")
        check_cost(cost, given.shape[1])
        unit, low = (np.ones(len(names)), np.zeros(len(names))) if scale is None else (scale.span, scale.lowest)
        excess, short = given - wanted, given < wanted
        return cls(
            names,
            len(given),
            cost=read_only(np.asarray(cost.exact(given, wanted), dtype=np.float64).mean(axis=0)),
            violation_rate=read_only(short.mean(axis=0)),
            shortfall=read_only(unit * np.maximum(-excess, 0.0).mean(axis=0)),
            surplus=read_only(unit * np.maximum(excess, 0.0).mean(axis=0)),
            demand=read_only(low + unit * wanted.mean(axis=0)),
            any_violation_rate=float(short.any(axis=1).mean()),
        )

    def table(self) -> pd.DataFrame:
        """Return a row for each slice and one for all: means over the slots, there of sums over the slices.

        Returns
        -------
        DataFrame
            Columns ``cost``, ``violation_rate`` (in the last row its mean over the slices), ``shortfall``, ``surplus``
            and ``demand``.
        """
        import pandas as pd

        columns = ("cost", "violation_rate", "shortfall", "surplus", "demand")
        frame = pd.DataFrame(
            {name: getattr(self, name) for name in columns}, index=pd.Index(self.services, name="slice")
        )
        total = pd.DataFrame(self._total(), index=pd.Index(["all"], name="slice"))
        return pd.concat([frame, total])  # a slice may be called "all" too

    @staticmethod
    def compare(found: Mapping[str, Provisioning]) -> pd.DataFrame:
        """Return the last rows of several tables side by side, with the rate of the slice that is worst off."""
        import pandas as pd

        rows = {
            name: one._total() | {"any_violation_rate": one.any_violation_rate, "worst": one.violation_rate.max()}
            for name, one in found.items()
        }
        return pd.DataFrame.from_dict(rows, orient="index")

    def _total(self) -> dict[str, float]:
        total = {name: float(getattr(self, name).sum()) for name in ("cost", "shortfall", "surplus", "demand")}
        return {"cost": total.pop("cost"), "violation_rate": float(self.violation_rate.mean()), **total}

    def __repr__(self) -> str:
        total, worst = self._total(), int(self.violation_rate.argmax())
        of_demand = f" ({total['surplus'] / total['demand']:.1%} of the demand)" if total["demand"] > 0 else ""
        return (
            f"{len(self.services)} slices in {self.slots} slots: cost {total['cost']:.4g} a slot, "
            f"SLA violated in {total['violation_rate']:.1%} (at worst {self.violation_rate[worst]:.1%}, slice "
            f"{self.services[worst]}), {total['surplus']:.4g} a slot in vain{of_demand}"
        )
