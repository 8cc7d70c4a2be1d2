r"""Network revenue: how much traffic of each split AI service a network of servers and links admits.

Lyu et al. (2024, eq. 3) reserve resources for the coming slot. Admitting one unit of service `k` pays :math:`r_k`, uses
:math:`c_i^k` of every server and :math:`b_{ij}^k` of every link on its path, and costs what these resources cost. What
is left is a linear program in standard form (eq. 5),

.. math:: \max_d \; p^T d \quad \text{s.t.} \quad C d \le \bar C, \; B d \le \bar B, \; 0 \le d \le D,

whose right-hand sides are what a predictor forecasts. The dual prices of servers and links prove its optimum.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from scipy import sparse

from ..algebra.classes import Known, described
from ..algebra.declared import Declared
from ..algebra.fields import FieldSpec
from ..model.batch_axis import BatchAxis
from ..model.cached import cached_property
from ..model.certificate import OptimalityCertificate
from ..model.errors import InvalidProblemError
from ..model.explanation import Bound, grouped
from ..model.problem import Decision, Problem, Sense
from ..model.program import IndexedNames, Program, bound_excess
from ..model.records import assign, float_array, plain, read_only, record, require

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..algebra.declaration import Declaration
    from ..model.kept import DefaultNames, Floats, Matrix


@record
class AdmissionDecision(Decision):
    """How much traffic of each service is admitted.

    Attributes
    ----------
    admitted : (..., services) float
        In the unit of the traffic, per slot; the batch axis first where the problem has one.
    """

    admitted: Floats

    def __post_init__(self) -> None:
        admitted = np.array(plain(self.admitted, "admitted"), dtype=np.float64)
        object.__setattr__(self, "admitted", read_only(admitted))


@dataclass(frozen=True, eq=False)
class ResourcePrices(OptimalityCertificate):
    """Dual prices of the resources (the multipliers of eq. 6): together they bound the revenue of every admission.

    Attributes
    ----------
    resource_price : (..., servers + links) float
        Revenue that one more unit of each server, then of each link, would bring; >= 0.
    """

    resource_price: NDArray[np.float64]

    def __post_init__(self) -> None:
        price = np.array(self.resource_price, dtype=np.float64)
        object.__setattr__(self, "resource_price", read_only(price))

    def optimality_gap(self, problem: Problem, decision: Decision) -> Any:
        """Proven distance from the optimum: a sum of complementarity terms, none of which cancels another."""
        if not isinstance(problem, RevenueMaximization) or not isinstance(decision, AdmissionDecision):
            return np.inf
        price = self.resource_price
        lead = () if problem.batch is None else (problem.batch,)
        if price.shape != (*lead, problem.resources) or not np.isfinite(price).all() or (price < 0).any():
            return np.full(lead, np.inf) if lead else np.inf
        d, reduced = decision.admitted, problem.unit_profit - price @ problem.density
        spare = problem.capacity - problem.load(d)
        with np.errstate(invalid="ignore"):  # an unlimited resource at no price adds nothing
            priced = np.where(price > 0, price * spare, 0.0)
        lost = np.where(reduced > 0, (problem.traffic - d) * reduced, -d * reduced)
        total = priced.sum(axis=-1) + lost.sum(axis=-1)
        return total if lead else float(total)

    def __str__(self) -> str:
        return f"prices of {self.resource_price.shape[-1]} resources, {np.count_nonzero(self.resource_price)} not zero"


_FIELDS = {
    "unit_revenue": FieldSpec(("services",)),
    "compute_density": FieldSpec(("servers", "services")),
    "link_density": FieldSpec(("links", "services")),
    "compute_capacity": FieldSpec(("servers",)),
    "link_capacity": FieldSpec(("links",)),
    "traffic": FieldSpec(("services",)),
    "compute_price": FieldSpec(("servers",)),
    "link_price": FieldSpec(("links",)),
}


@record
class RevenueMaximization(BatchAxis[AdmissionDecision], Declared[AdmissionDecision]):
    """Admit traffic so that the network's revenue is largest (Lyu et al. 2024, eq. 1 to 5).

    Attributes
    ----------
    unit_revenue : (..., services) float
        What admitting one unit of each service's traffic pays, ``r_k``.
    compute_density : (servers, services) float, dense or sparse
        Computing that one unit of a service's traffic takes on each server, ``c_i^k`` >= 0.
    link_density : (links, services) float, dense or sparse
        Bandwidth that it takes on each link, ``b_ij^k`` >= 0.
    compute_capacity : (..., servers) float
        Computing that each server has, ``C_i`` >= 0; inf where it is unlimited.
    link_capacity : (..., links) float
        Bandwidth that each link has, ``B_ij`` >= 0; inf where it is unlimited.
    traffic : (..., services) float
        Traffic that arrives, ``D_k`` >= 0, finite.
    compute_price, link_price : float or (servers,), (links,) float
        Cost of one unit of computing and of bandwidth, ``q_C`` and ``q_B``.
    service_names, server_names, link_names : sequence of str, optional
        Names for prices and reports; ``admitted[k]``, ``server[i]`` and ``link[j]`` by default.

    `unit_revenue`, both capacities and `traffic` may carry one leading batch axis (slots, say), all of the same length.

    Raises
    ------
    InvalidProblemError
        If shapes disagree, or a density, capacity or traffic is negative or nan.

    Examples
    --------
    >>> problem = RevenueMaximization([2.0, 1.0], [[1.0, 1.0]], [[0.0, 1.0]], [2.0], [1.5], traffic=[2.0, 1.0])
    >>> problem.objective(AdmissionDecision([2.0, 0.0]))
    4.0
    """

    unit_revenue: Floats
    compute_density: Matrix
    link_density: Matrix
    compute_capacity: Floats
    link_capacity: Floats
    traffic: Floats
    compute_price: Floats = 0.0  # type: ignore[assignment]
    link_price: Floats = 0.0  # type: ignore[assignment]
    service_names: DefaultNames = None  # type: ignore[assignment]
    server_names: DefaultNames = None  # type: ignore[assignment]
    link_names: DefaultNames = None  # type: ignore[assignment]

    sense: ClassVar[Sense] = Sense.MAXIMIZE
    integral: ClassVar[bool] = False
    batched_fields: ClassVar[Mapping[str, int]] = {
        "unit_revenue": 1,
        "compute_capacity": 1,
        "link_capacity": 1,
        "traffic": 1,
    }

    def __post_init__(self) -> None:
        assign(self, unit_revenue=float_array(self.unit_revenue, "unit_revenue", ndim=(1, 2)))
        services = self.unit_revenue.shape[-1]
        if services == 0:
            raise InvalidProblemError("unit_revenue is empty; there must be at least one service")
        assign(
            self,
            compute_density=_density(self.compute_density, "compute_density", services),
            link_density=_density(self.link_density, "link_density", services),
            compute_capacity=_amount(self.compute_capacity, "compute_capacity", finite=False),
            link_capacity=_amount(self.link_capacity, "link_capacity", finite=False),
            traffic=_amount(self.traffic, "traffic"),
        )
        servers, links = self.compute_density.shape[0], self.link_density.shape[0]
        _check_last(self.compute_capacity, "compute_capacity", servers, "row of compute_density")
        _check_last(self.link_capacity, "link_capacity", links, "row of link_density")
        _check_last(self.traffic, "traffic", services, "entry of unit_revenue")
        assign(
            self,
            compute_price=_price(self.compute_price, "compute_price", servers),
            link_price=_price(self.link_price, "link_price", links),
            service_names=_names(self.service_names, "service_names", "admitted", services),
            server_names=_names(self.server_names, "server_names", "server", servers),
            link_names=_names(self.link_names, "link_names", "link", links),
        )
        self.check_batch()

    @property
    def declared_fields(self) -> tuple[Known, ...]:
        """Kind and dimensions of each field."""
        return described(self, _FIELDS)

    def declare(self, m: Declaration) -> None:
        """Admit what pays most within the capacities (eq. 1 to 5)."""
        admitted = m.continuous("admitted", "services", upper=self.traffic)
        paid = self.compute_price @ self.compute_density + self.link_price @ self.link_density
        m.maximize((self.unit_revenue - paid) @ admitted)
        m.subject_to(
            compute_capacity=self.compute_density @ admitted <= self.compute_capacity,
            link_capacity=self.link_density @ admitted <= self.link_capacity,
        )

    def decided(self, arrays: Mapping[str, Any]) -> AdmissionDecision:
        """Return the decision with these values of ``admitted``."""
        return AdmissionDecision(**arrays)

    def pick(self, decision: AdmissionDecision, index: int) -> AdmissionDecision:
        """Decision of one instance from that of the batch."""
        return AdmissionDecision(decision.admitted[index])

    def stack(self, decisions: Sequence[AdmissionDecision]) -> AdmissionDecision:
        """Decision of the batch from those of its instances."""
        return AdmissionDecision(np.stack([decision.admitted for decision in decisions]))

    @property
    def services(self) -> int:
        """Number of services."""
        return int(self.unit_revenue.shape[-1])

    @property
    def resources(self) -> int:
        """Number of servers and links together."""
        return int(self.density.shape[0])

    @cached_property
    def density(self) -> sparse.csc_array:
        """(servers + links, services) densities of all resources: the first two blocks of ``G`` (eq. 4a)."""
        return sparse.csc_array(sparse.vstack([self.compute_density, self.link_density], format="csc"))

    @cached_property
    def capacity(self) -> NDArray[np.float64]:
        """(..., servers + links) capacities of all resources."""
        lead = np.broadcast_shapes(self.compute_capacity.shape[:-1], self.link_capacity.shape[:-1])
        parts = (self.compute_capacity, self.link_capacity)
        return np.concatenate([np.broadcast_to(part, (*lead, part.shape[-1])) for part in parts], axis=-1)

    @cached_property
    def resource_names(self) -> Sequence[str]:
        """Names of the servers, then of the links."""
        return (*self.server_names, *self.link_names)

    @cached_property
    def unit_profit(self) -> NDArray[np.float64]:
        """(..., services) revenue of one unit less what its resources cost, ``p_k`` (eq. 4c)."""
        cost = self.compute_price @ self.compute_density + self.link_price @ self.link_density
        profit: NDArray[np.float64] = self.unit_revenue - cost
        return read_only(profit)

    def load(self, admitted: NDArray[np.float64]) -> NDArray[np.float64]:
        """(..., servers + links) what `admitted` (..., services) takes of each resource."""
        load: NDArray[np.float64] = (self.density @ admitted.T).T
        return load

    def check(self, decision: AdmissionDecision) -> None:
        """Raise unless `decision` is an :class:`AdmissionDecision` with one finite amount for each service."""
        if not isinstance(decision, AdmissionDecision):
            raise InvalidProblemError(f"decision is a {type(decision).__name__}; expected an AdmissionDecision")
        shape = (self.services,) if self.batch is None else (self.batch, self.services)
        if decision.admitted.shape != shape:
            raise InvalidProblemError(f"decision.admitted has shape {decision.admitted.shape}; expected {shape}")
        require("decision.admitted", decision.admitted, np.isfinite(decision.admitted), "must be finite")

    def objective(self, decision: AdmissionDecision) -> Any:
        """Return the revenue (eq. 3); (batch,) for a batched problem."""
        revenue = (self.unit_profit * decision.admitted).sum(axis=-1)
        return float(revenue) if self.batch is None else revenue

    def magnitude(self, decision: AdmissionDecision) -> Any:
        """``|p| @ d``."""
        size = np.abs(self.unit_profit * decision.admitted).sum(axis=-1)
        return float(size) if self.batch is None else size

    def violations(self, decision: AdmissionDecision) -> dict[str, float]:
        """Overloaded resources and traffic that is not there, relative to ``|bound|`` and what is compared with it."""
        d = decision.admitted
        none, zero = -np.inf, np.zeros_like(d)
        found = {}
        for excess, what, names in (
            (
                bound_excess(self.load(d), self.load(np.abs(d)), np.full_like(self.capacity, none), self.capacity),
                "capacity",
                self.resource_names,
            ),
            (bound_excess(d, np.abs(d), np.full_like(d, none), self.traffic), "traffic", self.service_names),
            (bound_excess(d, np.abs(d), zero, np.full_like(d, np.inf)), "sign", self.service_names),
        ):
            worst = excess.max(axis=0) if excess.ndim == 2 else excess
            if worst.size and worst.max() > 0:
                found[f"{what} of {names[int(worst.argmax())]}"] = float(worst.max())
        return found

    def program(self) -> Program:
        """Return the linear program (eq. 5): a row for each resource, a column for each service.

        Raises
        ------
        InvalidProblemError
            If the problem has a batch axis: a program is one instance.
        """
        if self.batch is not None:
            raise InvalidProblemError(f"the problem is a batch of {self.batch}; ask one instance(i) for its program")
        return self._program

    @cached_property
    def _program(self) -> Program:
        names = self.resource_names
        both_default = isinstance(self.server_names, IndexedNames) and isinstance(self.link_names, IndexedNames)
        return Program(
            self.unit_profit,
            self.density,
            row_upper=self.capacity,
            upper=self.traffic,
            sense=Sense.MAXIMIZE,
            column_names=self.service_names,
            row_names=names if both_default or len(set(names)) == len(names) else None,
            name="revenue",
        )

    def decode(self, point: NDArray[np.float64]) -> AdmissionDecision:
        """Admission that a `point` of the program stands for."""
        return AdmissionDecision(point)

    def encode(self, decision: AdmissionDecision) -> NDArray[np.float64]:
        """Point of the program that stands for `decision`."""
        return decision.admitted

    def words(self, columns: Any) -> dict[str, Any]:
        """``admitted`` (services,), and what it takes of every resource, ``load`` (resources,): servers, then links."""
        return {
            "admitted": columns.block(0, services=self.services),
            "load": columns.linear(self.density, resources=self.resources),
        }

    def in_words(self, bounds: Sequence[Bound]) -> list[str]:
        """Return the demands behind bounds of the program: capacities, traffic, and that nothing is negative."""
        program, found = self._program, []
        for bound in bounds:
            if bound.field.startswith("row"):
                found.append(f"capacity of {self.resource_names[bound.index]} = {bound.value(program):g}")
            elif bound.field == "upper":
                found.append(f"traffic of {self.service_names[bound.index]} = {bound.value(program):g}")
        return found + grouped(program, [bound for bound in bounds if bound.field == "lower"])

    def __repr__(self) -> str:
        several = "" if self.batch is None else f"batch of {self.batch}, "
        return (
            f"RevenueMaximization({several}{self.services} services, {self.compute_density.shape[0]} servers, "
            f"{self.link_density.shape[0]} links)"
        )


def _density(value: Any, field: str, services: int) -> sparse.csc_array:
    given: Any = value if sparse.issparse(value) else plain(value, field)
    try:
        matrix = sparse.csc_array(given, dtype=np.float64, copy=True)
    except (TypeError, ValueError) as error:
        raise InvalidProblemError(f"{field} is no matrix of numbers: {error}") from error
    if matrix.ndim != 2 or matrix.shape[1] != services:
        raise InvalidProblemError(
            f"{field} has shape {matrix.shape}; expected (rows, {services}), one column a service"
        )
    matrix.sum_duplicates()
    bad = np.flatnonzero(~(np.isfinite(matrix.data) & (matrix.data >= 0)))
    if bad.size:
        row, column = int(matrix.indices[bad[0]]), int(np.searchsorted(matrix.indptr, bad[0], side="right")) - 1
        raise InvalidProblemError(
            f"{field}[{row}, {column}] is {matrix.data[bad[0]]}; densities must be finite and not negative"
        )
    for part in (matrix.data, matrix.indices, matrix.indptr):
        read_only(part)
    return matrix


def _amount(value: Any, field: str, *, finite: bool = True) -> NDArray[np.float64]:
    array = float_array(value, field, ndim=(1, 2), finite=finite)
    require(field, array, array >= 0, "must not be negative (drop the resource, or resample it beforehand)")
    return array


def _check_last(array: NDArray[np.float64], field: str, size: int, what: str) -> None:
    if array.shape[-1] != size:
        raise InvalidProblemError(f"{field} has shape {array.shape}; expected {size} entries, one per {what}")


def _price(value: Any, field: str, size: int) -> NDArray[np.float64]:
    array = float_array(value, field, ndim=(0, 1))
    if array.ndim == 1 and array.shape != (size,):
        raise InvalidProblemError(f"{field} has shape {array.shape}; expected one number or ({size},)")
    return float_array(np.broadcast_to(array, (size,)), field)


def _names(value: Any, field: str, stem: str, size: int) -> Sequence[str]:
    if value is None:
        return IndexedNames(stem, size)
    names = value if isinstance(value, IndexedNames) else tuple(str(name) for name in value)
    if len(names) != size:
        raise InvalidProblemError(f"{field} has {len(names)} names; expected {size}")
    return names
