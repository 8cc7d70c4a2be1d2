r"""Offline offloading: which samples a distributed DNN resolves at the edge, and which it sends to the cloud.

Giannakas et al. (2025, eq. 11) minimise the mean allocation cost subject to a minimum local fraction :math:`L_0`;
Ehsanian and Spyropoulos (2025, eq. 9) charge a transmission cost :math:`C_T` for every sample sent instead. Both are
one problem: :math:`C_T` is the Lagrange multiplier of the constraint on the local fraction, so this formulation carries
both.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from scipy import sparse

from ..algebra.classes import Known, described
from ..algebra.declared import Declared
from ..algebra.fields import FieldSpec
from ..model.cached import cached_property
from ..model.certificate import Certificate, OptimalityCertificate, StatusCertificate
from ..model.errors import InvalidProblemError
from ..model.explanation import Bound, Explanation, Repair, grouped
from ..model.problem import CertifiesInfeasibility, CertifiesOptimality, Decision, Problem, Sense
from ..model.program import IndexedNames, Program
from ..model.records import assign, float_array, number, plain, read_only, record
from ..model.tolerance import least_count

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..algebra.declaration import Declaration
    from ..model.kept import Booleans, Floats, OptionalBooleans


@record
class OffloadingDecision(Decision):
    """Which samples stay at the edge.

    Attributes
    ----------
    local : (samples,) bool
        True where the local exit answers; (samples, sites) where each site decides for itself.
    """

    local: Booleans

    def __post_init__(self) -> None:
        local = np.array(plain(self.local, "local"))
        object.__setattr__(self, "local", read_only(local))


@dataclass(frozen=True, eq=False)
class LocalFractionMultiplier(OptimalityCertificate):
    """Lagrange multiplier of the minimum local fraction (Giannakas et al. 2025, ``b*`` of Algorithm 1).

    Charging every remote sample `multiplier` more makes the decision optimal without the constraint. The proof is a
    threshold: no local sample's benefit lies above it, no remote sample's below; what does is the optimality gap.

    Attributes
    ----------
    multiplier : float
        In the unit of the costs, >= 0.
    """

    multiplier: float

    def optimality_gap(self, problem: Problem, decision: Decision) -> float:
        """Lagrangian gap of `decision`, a sum of non-negative terms: nothing cancels."""
        if not isinstance(problem, OfflineOffloading) or not isinstance(decision, OffloadingDecision):
            return math.inf
        if not (math.isfinite(self.multiplier) and self.multiplier >= 0):
            return math.inf
        local = decision.local.ravel()
        surplus = int(np.count_nonzero(local)) - problem.min_local
        kept = _total_distance(problem.benefit, local & (problem.benefit > self.multiplier), self.multiplier)
        sent = _total_distance(problem.benefit, ~local & (problem.benefit < self.multiplier), self.multiplier)
        priced = self.multiplier * surplus if surplus else 0.0
        return (kept + sent + priced) / problem.samples

    def __str__(self) -> str:
        return f"multiplier of the minimum local fraction: {self.multiplier:.10g} per remote sample"


def _total_distance(benefit: NDArray[np.float64], misplaced: NDArray[np.bool_], threshold: float) -> float:
    return float(np.abs(benefit[misplaced] - threshold).sum()) if misplaced.any() else 0.0


@dataclass(frozen=True, eq=False)
class TooFewAvailable(StatusCertificate):
    """More samples must stay local than can.

    Attributes
    ----------
    required, available : int
        Samples that must, and that can, stay local.
    """

    required: int
    available: int

    def holds(self, problem: Problem) -> bool:
        """Whether a recount of the problem's own data gives these numbers, and the first exceeds the second."""
        if not isinstance(problem, OfflineOffloading):
            return False
        counts = (problem.min_local, int(np.count_nonzero(problem.available)))
        return counts == (self.required, self.available) and self.required > self.available

    def __str__(self) -> str:
        return f"{self.required} decisions must be local, only {self.available} can be"


@record
class OfflineOffloading(CertifiesOptimality, CertifiesInfeasibility, Declared[OffloadingDecision]):
    """Choose which samples a distributed DNN resolves at the edge (Giannakas et al. 2025, eq. 11).

    Minimise the mean over samples of ``local_cost * l + (remote_cost + transmission_cost) * (1 - l)`` subject to
    ``mean(l) >= min_local_fraction``, `l` binary.

    Attributes
    ----------
    local_cost : (samples,) or (samples, sites) float
        Allocation cost of the local exits, in the unit of the objective; finite. Several sites are summed for the
        all-or-nothing choice of Ehsanian and Spyropoulos (2025).
    remote_cost : (samples,) float
        Allocation cost of the remote exit; (samples, sites) with `independent_sites`.
    min_local_fraction : float
        Smallest fraction of decisions taken locally, in [0, 1].
    transmission_cost : float
        Cost of sending one sample (one site's share with `independent_sites`); may be negative.
    independent_sites : bool
        Whether each site decides for itself.
    local_available : (samples,) bool, optional
        Which samples can stay local at all (an edge exit may be down); all by default. (samples, sites) with
        `independent_sites`.

    Raises
    ------
    InvalidProblemError
        If costs are not finite, shapes disagree, there are no samples, or the fraction lies outside [0, 1].

    Examples
    --------
    >>> problem = OfflineOffloading(local_cost=[3.0, 1.0, 2.0], remote_cost=[1.0, 1.5, 1.0], min_local_fraction=0.6)
    >>> problem.benefit
    array([ 2. , -0.5,  1. ])
    >>> problem.min_local
    2
    """

    local_cost: Floats
    remote_cost: Floats
    min_local_fraction: float = 0.0
    transmission_cost: float = 0.0
    independent_sites: bool = False
    local_available: OptionalBooleans = None  # type: ignore[assignment]

    sense: ClassVar[Sense] = Sense.MINIMIZE
    integral: ClassVar[bool] = True

    def __post_init__(self) -> None:
        assign(
            self,
            local_cost=float_array(self.local_cost, "local_cost", ndim=(1, 2)),
            remote_cost=float_array(self.remote_cost, "remote_cost", ndim=(1, 2)),
            min_local_fraction=number(self.min_local_fraction, "min_local_fraction", at_least=0.0, at_most=1.0),
            transmission_cost=number(self.transmission_cost, "transmission_cost"),
        )
        self._check_shapes()
        if self.local_available is not None:
            assign(self, local_available=_availability(self.local_available, self.shape))
        self._check_range()

    def _check_shapes(self) -> None:
        wanted = self.local_cost.shape if self.independent_sites else self.local_cost.shape[:1]
        if self.independent_sites and self.local_cost.ndim != 2:
            raise InvalidProblemError(
                f"local_cost has shape {self.local_cost.shape}; independent_sites needs (samples, sites)"
            )
        if self.remote_cost.shape != wanted:
            raise InvalidProblemError(f"remote_cost has shape {self.remote_cost.shape}; expected {wanted} (local_cost)")
        if self.local_cost.size == 0:
            raise InvalidProblemError("local_cost is empty; a problem needs at least one sample and one site")

    def _check_range(self) -> None:
        if np.isfinite(self.magnitude(None)) and np.isfinite(self.transmission_cost * self.benefit.size):
            return
        raise InvalidProblemError(
            "local_cost and remote_cost are so large that their sum overflows float64; scale all costs down"
        )

    @property
    def declared_fields(self) -> tuple[Known, ...]:
        """Kind and dimensions of each field: costs have sites where they were given with them."""
        both = ("samples", "sites")
        return described(
            self,
            {
                "local_cost": FieldSpec(both[: self.local_cost.ndim]),
                "remote_cost": FieldSpec(both[: self.remote_cost.ndim]),
                "local_available": FieldSpec(both[: len(self.shape)]),
            },
        )

    def declare(self, m: Declaration) -> None:
        """Choose an exit for each sample, or for each sample at each site (eq. 11)."""
        if_local: Any = self.local_cost
        if if_local.ndim == 2 and not self.independent_sites:
            if_local = if_local.sum("sites")
        local = m.binary("local", *if_local.dims)
        if_remote = self.remote_cost + self.transmission_cost
        m.minimize((if_local * local + if_remote * (1.0 - local)).sum() / self.samples)
        # The count, not the fraction: m / K in float64 may lie just below the fraction that it is.
        fewest = least_count(float(m.constant(self.min_local_fraction)), local.size)
        m.subject_to(min_local_fraction=local.sum() >= fewest)
        if self.local_available is not None:
            m.subject_to(local_available=(local <= 0.0).where(~self.local_available))

    def decided(self, arrays: Mapping[str, Any]) -> OffloadingDecision:
        """Return the decision with these values of ``local``."""
        return OffloadingDecision(**arrays)

    @property
    def samples(self) -> int:
        """Number of samples K."""
        return int(self.local_cost.shape[0])

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of ``decision.local``: one decision a sample, or one a sample and site."""
        return self.local_cost.shape if self.independent_sites else self.local_cost.shape[:1]

    @cached_property
    def local_totals(self) -> NDArray[np.float64]:
        """(decisions,) cost of deciding locally, sites summed unless they are independent."""
        together = self.local_cost.ndim == 2 and not self.independent_sites
        totals: NDArray[np.float64] = self.local_cost.sum(axis=1) if together else self.local_cost.ravel()
        return read_only(totals)

    @cached_property
    def remote_totals(self) -> NDArray[np.float64]:
        """(decisions,) cost of sending, transmission included."""
        remote = self.remote_cost.ravel()
        totals = remote + self.transmission_cost if self.transmission_cost else remote
        return read_only(totals)

    @cached_property
    def benefit(self) -> NDArray[np.float64]:
        """(decisions,) what sending saves (Algorithm 1, line 1); inf where staying local is impossible."""
        benefit = self.local_totals - self.remote_totals
        if self.local_available is not None:
            benefit[~self.available] = np.inf
        return read_only(benefit)

    @property
    def available(self) -> NDArray[np.bool_]:
        """(decisions,) which of them can be local."""
        return np.ones(self.local_totals.size, bool) if self.local_available is None else self.local_available.ravel()

    @property
    def min_local(self) -> int:
        """Smallest number of local decisions: the smallest m with m / K >= L0, free of floating-point surprises."""
        return least_count(self.min_local_fraction, self.local_totals.size)

    def check(self, decision: OffloadingDecision) -> None:
        """Raise unless `decision` is an :class:`OffloadingDecision` of this problem's shape, boolean."""
        if not isinstance(decision, OffloadingDecision):
            raise InvalidProblemError(f"decision is a {type(decision).__name__}; expected an OffloadingDecision")
        local = decision.local
        if local.dtype != bool or local.shape != self.shape:
            raise InvalidProblemError(
                f"decision.local is {local.dtype} of shape {local.shape}; expected bool of shape {self.shape}"
            )

    def objective(self, decision: OffloadingDecision) -> float:
        """Mean over samples of the cost of the exit that answers (eq. 11a; eq. 10 of Ehsanian and Spyropoulos)."""
        local = decision.local.ravel()
        return _chosen_sum(self.local_totals, self.remote_totals, local) / self.samples

    def magnitude(self, decision: Any) -> float:
        """Mean of the absolute costs of both exits."""
        with np.errstate(over="ignore"):
            total = np.abs(self.local_totals).sum() + np.abs(self.remote_totals).sum()
        return float(total) / self.samples

    def violations(self, decision: OffloadingDecision) -> dict[str, float]:
        """Missing local decisions (eq. 11b), and local decisions where none is available, as fractions."""
        found = {}
        missing = self.min_local - int(np.count_nonzero(decision.local))
        if missing > 0:
            found["min_local_fraction"] = max(missing / decision.local.size, _ONE_MISSING)
        if self.local_available is not None and (wrong := np.count_nonzero(decision.local & ~self.local_available)):
            found["local_available"] = max(wrong / decision.local.size, _ONE_MISSING)
        return found

    @cached_property
    def _program(self) -> Program:
        count = self.local_totals.size
        benefit = self.local_totals - self.remote_totals
        return Program(
            cost=benefit / self.samples,
            matrix=sparse.csc_array(
                (np.ones(count), np.zeros(count, np.int32), np.arange(count + 1, dtype=np.int32)), shape=(1, count)
            ),
            row_lower=np.array([float(self.min_local)]),
            lower=np.zeros(count),
            upper=self.available.astype(float),
            integrality=np.ones(count, bool),
            offset=float(self.remote_totals.sum()) / self.samples,
            column_names=IndexedNames("local", count),
            row_names=["min_local_fraction"],
            name="offline_offloading",
        )

    def program(self) -> Program:
        """Return one binary column per decision and one row that counts the local ones (eq. 11)."""
        return self._program

    def decode(self, point: NDArray[np.float64]) -> OffloadingDecision:
        """Decision of a binary point (decisions,)."""
        return OffloadingDecision((point > 0.5).reshape(self.shape))

    def encode(self, decision: OffloadingDecision) -> NDArray[np.float64]:
        """Binary point (decisions,) of a decision."""
        return decision.local.ravel().astype(float)

    def words(self, columns: Any) -> dict[str, Any]:
        """``local`` (samples,), or (samples, sites) where each site decides for itself: 1 for a local decision."""
        return {"local": columns.block(0, **dict(zip(("samples", "sites"), self.shape, strict=False)))}

    def in_words(self, bounds: Sequence[Bound]) -> list[str]:
        """Return the demands behind bounds of the program: the local fraction, and what cannot be local."""
        count, rest = self.local_totals.size, []
        found: dict[str, None] = {}
        for bound in bounds:
            if bound.field.startswith("row"):
                asked = f"asks for {self.min_local} of {count} local decisions"
                found[f"min_local_fraction = {self.min_local_fraction:g} {asked}"] = None
            elif bound.field == "upper" and not self.available[bound.index]:
                available = int(np.count_nonzero(self.available))
                found[f"local_available lets only {available} of {count} be local"] = None
            else:
                rest.append(bound)
        return [*found, *grouped(self._program, rest)]

    def certify(self, decision: OffloadingDecision) -> Certificate:
        """Return the multiplier that proves how good `decision` is, whoever found it."""
        return LocalFractionMultiplier(self.multiplier)

    @cached_property
    def multiplier(self) -> float:
        """Lagrange multiplier of ``mean(l) >= min_local_fraction``: ``max(0, m-th smallest benefit)``."""
        if self.min_local == 0 or np.count_nonzero(self.benefit < 0) >= self.min_local:
            return 0.0
        return max(0.0, float(np.partition(self.benefit, self.min_local - 1)[self.min_local - 1]))

    def infeasibility_certificate(self) -> TooFewAvailable | None:
        """Return the count that shows that too few samples can stay local, or None."""
        available = int(np.count_nonzero(self.available))
        return TooFewAvailable(self.min_local, available) if self.min_local > available else None

    def explain(self) -> Explanation:
        """Say which two demands contradict each other, and the largest local fraction that is feasible."""
        count = self.local_totals.size
        available = int(np.count_nonzero(self.available))
        if self.min_local <= available:
            return Explanation((), None)
        conflict = tuple(self.in_words([Bound("row_lower", 0), Bound("upper", int(self.available.argmin()))]))
        largest = available / count
        return Explanation(
            conflict,
            Repair(f"{largest:g} is the largest feasible local fraction", self, {"min_local_fraction": largest}),
        )

    def __repr__(self) -> str:
        sites = f", {self.local_cost.shape[1]} sites" if self.local_cost.ndim == 2 else ""
        return f"OfflineOffloading({self.samples} samples{sites}, min_local_fraction={self.min_local_fraction:g})"


def _chosen_sum(if_local: NDArray[np.float64], if_remote: NDArray[np.float64], local: NDArray[np.bool_]) -> float:
    """Sum of one cost or the other; block by block, which stays in cache and is three times faster than in one go."""
    block, total = 8192, 0.0
    for start in range(0, local.size, block):
        part = slice(start, start + block)
        kept = local[part].astype(float)
        total += float(if_local[part] @ kept) + float(if_remote[part] @ (1.0 - kept))
    return total


_ONE_MISSING = 1e-3
"""A single missing decision among millions is a violation, however small a fraction it is."""


def _availability(value: Any, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    array = np.array(plain(value, "local_available"))
    if array.dtype != bool or array.shape != shape:
        raise InvalidProblemError(
            f"local_available is {array.dtype} of shape {array.shape}; expected bool of shape {shape}"
        )
    return read_only(array)
