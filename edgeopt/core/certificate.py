"""Certificates: the witness of an answer, checked by a few lines that know nothing of the solver that gave it.

Two kinds. A witness of quality (duals, a Lagrange multiplier) proves how far a decision can be from the optimum: its
``slack`` is that distance, in the objective's unit, written as a sum of non-negative complementarity terms so that
nothing cancels in float64. A witness of status (a ray) proves that there is no optimum at all.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import InvalidProblemError
from .problem import Decision, Problem
from .program import Point, Program
from .records import Record, assign
from .tolerance import FEASIBILITY

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Certificate(Record):
    """Base of all witnesses."""

    __slots__ = ()


class OptimalityCertificate(Certificate):
    """Witness of quality."""

    __slots__ = ()

    @abstractmethod
    def slack(self, problem: Problem, decision: Decision) -> float:
        """Proven bound on how much worse than the optimum `decision` is; inf where nothing is proved.

        Negative where the objective is better than the witness allows: then one of the two is wrong.
        """


class StatusCertificate(Certificate):
    """Witness that a problem has no optimum: it is infeasible or unbounded."""

    __slots__ = ()

    @abstractmethod
    def holds(self, problem: Problem) -> bool:
        """Whether the witness proves its claim about `problem`."""


@dataclass(frozen=True, eq=False)
class LinearDual(OptimalityCertificate):
    """Dual solution of a linear program (LP duality; e.g. Bertsimas and Tsitsiklis 1997, chapter 4).

    Attributes
    ----------
    row_dual : (rows,) float
        Price of each row: the change of the optimal objective per unit of its active bound.
    column_basis, row_basis : (columns,), (rows,) int8, optional
        Optimal basis (codes of HiGHS: 0 lower, 1 basic, 2 upper, 3 zero, 4 nonbasic); the exact check starts from it.
    """

    row_dual: NDArray[np.float64]
    column_basis: NDArray[np.int8] | None = None
    row_basis: NDArray[np.int8] | None = None

    def __post_init__(self) -> None:
        assign(self, row_dual=_frozen(self.row_dual, "row_dual", np.float64))
        for name in ("column_basis", "row_basis"):
            if (basis := getattr(self, name)) is not None:
                assign(self, **{name: _frozen(basis, name, np.int8)})

    def slack(self, problem: Problem, decision: Decision) -> float:
        """Distance of the objective from the bound that the duals prove; negative where it is better than the bound."""
        program = problem.program()
        if self.row_dual.shape != (program.rows,) or not np.isfinite(self.row_dual).all():
            return np.inf
        return problem.sense.sign * (problem.objective(decision) - self.bound(program))

    def bound(self, program: Program) -> float:
        """Objective that the duals prove: no feasible point is better; infinite where they prove nothing."""
        sign = program.sense.sign
        y = sign * self.row_dual
        reduced = sign * program.cost - y @ program.matrix
        # A reduced cost within the dual tolerance of simplex codes is no price of an infinite bound, and one that is
        # all rounding is none at all: where the optimum is 0, nothing else would hide it.
        size = np.abs(program.cost)
        terms = size + np.abs(y) @ abs(program.matrix)
        endless = np.isinf(np.where(reduced > 0, program.lower, program.upper))
        noise = np.where(endless, _DUAL_TOLERANCE * np.maximum(terms, size.max(initial=0.0)), _ROUNDING * terms)
        reduced = np.where(np.abs(reduced) <= noise, 0.0, reduced)
        total = sign * program.offset
        total += _least(y, program.row_lower, program.row_upper) + _least(reduced, program.lower, program.upper)
        return sign * total

    def prices(self, problem: Problem) -> dict[str, float]:
        """Non-zero row duals by row name."""
        names = problem.program().row_names
        return {names[int(i)]: float(self.row_dual[i]) for i in np.flatnonzero(self.row_dual)}

    def __str__(self) -> str:
        active = int(np.count_nonzero(self.row_dual))
        basis = " and basis" if self.column_basis is not None else ""
        return f"LP duals{basis}: {active} of {self.row_dual.size} rows have a price"


def _frozen(values: Any, field: str, kind: Any) -> NDArray[Any]:
    """Read-only copy; its shape and finiteness are judged against a problem, not here."""
    try:
        array = np.array(values, dtype=kind)
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidProblemError(f"{field} is no array of numbers: {error}") from error
    array.flags.writeable = False
    return array


_DUAL_TOLERANCE = 1e-7
"""Dual feasibility tolerance of simplex codes, relative to the terms of a reduced cost."""


_ROUNDING = 1e-14
"""Part of the terms that cancel in a reduced cost which float64 leaves behind where they cancel exactly."""


def _least(weight: NDArray[np.float64], lower: NDArray[np.float64], upper: NDArray[np.float64]) -> float:
    """Smallest value of ``weight @ v`` for ``lower <= v <= upper``; -inf where nothing bounds it."""
    used = weight != 0
    bound = np.where(weight > 0, lower, upper)[used]
    return float(weight[used] @ bound) if np.isfinite(bound).all() else -np.inf


@dataclass(frozen=True, eq=False)
class MixedIntegerBound(OptimalityCertificate):
    """Bound that a branch-and-bound solver proved, beside the dual bound of the linear relaxation.

    The tree itself is not kept, so the solver's bound rests on its word; what is checked independently is that it
    contradicts neither the decision (a bound beyond the objective) nor the relaxation.

    Attributes
    ----------
    bound : float
        Best objective that the solver says is possible.
    solver : str
        Who says so.
    relaxation : LinearDual, optional
        Verified duals of the linear relaxation.
    relaxation_bound : float
        Bound that these duals prove.
    """

    bound: float
    solver: str
    relaxation: LinearDual | None = None
    relaxation_bound: float = -np.inf

    def slack(self, problem: Problem, decision: Decision) -> float:
        """Distance from the solver's bound, or from the relaxation's where that is the better one.

        Without integer columns there is no tree, and the solver's word counts for nothing.
        """
        relaxed = np.inf if self.relaxation is None else self.relaxation.slack(problem, decision)
        if not problem.integral:
            return relaxed
        return float(np.minimum(problem.sense.sign * (problem.objective(decision) - self.bound), relaxed))

    def __str__(self) -> str:
        relaxed = "none" if self.relaxation is None else f"{self.relaxation_bound:.10g} (checked)"
        return f"MILP bound {self.bound:.10g} (proved by {self.solver}, tree not kept); relaxation bound {relaxed}"


@dataclass(frozen=True, eq=False)
class FarkasRay(StatusCertificate):
    """Row multipliers that combine the rows into one that no point within the column bounds satisfies (Farkas 1902).

    Against an infinite bound, a coefficient below 1e-9 of the terms that cancel in it counts as zero.

    Attributes
    ----------
    row_multiplier : (rows,) float
        Multiplier of each row.
    """

    row_multiplier: NDArray[np.float64]

    def __post_init__(self) -> None:
        assign(self, row_multiplier=_frozen(self.row_multiplier, "row_multiplier", np.float64))

    def holds(self, problem: Problem) -> bool:
        """Whether the combined row's smallest allowed value exceeds the largest reachable one."""
        program = problem.program()
        y = self.row_multiplier
        if y.shape != (program.rows,) or not np.isfinite(y).all() or not y.any():
            return False
        y = y / np.abs(y).max()
        combined = y @ program.matrix
        terms = np.abs(y) @ abs(program.matrix)
        endless = np.isinf(np.where(combined > 0, program.upper, program.lower))
        combined = np.where(endless & (np.abs(combined) <= 1e-9 * terms), 0.0, combined)
        needed = _least(y, program.row_lower, program.row_upper)
        reachable = -_least(-combined, program.lower, program.upper)
        return bool(np.isfinite(needed) and needed - reachable > 1e-9 * (1.0 + abs(needed) + abs(reachable)))

    def __str__(self) -> str:
        return f"Farkas ray over {int(np.count_nonzero(self.row_multiplier))} rows"


@dataclass(frozen=True, eq=False)
class CrossedBounds(StatusCertificate):
    """A row or column whose own bounds leave no value: lower above upper, or no integer between them.

    Attributes
    ----------
    row : bool
        Whether it is a row.
    index : int
        Which one.
    """

    row: bool
    index: int

    def holds(self, problem: Problem) -> bool:
        """Whether the bounds leave no value."""
        crossed = crossed_bounds(problem.program(), self.row)
        return 0 <= self.index < crossed.size and bool(crossed[self.index])

    def __str__(self) -> str:
        return f"the bounds of {'row' if self.row else 'column'} number {self.index} leave no value"


def crossed_bounds(program: Program, rows: bool) -> NDArray[np.bool_]:
    """Mask of the rows or columns whose own bounds leave no value."""
    lower, upper = (program.row_lower, program.row_upper) if rows else (program.lower, program.upper)
    crossed: NDArray[np.bool_] = (lower > upper) | (lower == np.inf) | (upper == -np.inf)
    if not rows:
        crossed |= program.integrality & (np.ceil(lower - 1e-9) > np.floor(upper + 1e-9))
    return crossed


@dataclass(frozen=True, eq=False)
class PrimalRay(StatusCertificate):
    """A feasible point and a direction in which it can go for ever while the objective improves.

    Attributes
    ----------
    point, direction : (columns,) float
        For an integer program the point is integer; a rational direction then suffices (Meyer 1974).
    """

    point: NDArray[np.float64]
    direction: NDArray[np.float64]

    def __post_init__(self) -> None:
        for name in ("point", "direction"):
            assign(self, **{name: _frozen(getattr(self, name), name, np.float64)})

    def holds(self, problem: Problem) -> bool:
        """Whether the point is feasible, the direction stays feasible and the objective improves along it."""
        program = problem.program()
        shape = (program.columns,)
        if self.point.shape != shape or self.direction.shape != shape or not self.direction.any():
            return False
        if not (np.isfinite(self.point).all() and np.isfinite(self.direction).all()):
            return False
        if not all(v <= FEASIBILITY for v in program.violations(Point(self.point)).values()):
            return False
        d = self.direction / np.abs(self.direction).max()
        # Solvers leave noise in a ray's zeros; what is left without it may be the better ray.
        return _improves_for_ever(program, np.where(np.abs(d) <= 1e-9, 0.0, d)) or _improves_for_ever(program, d)

    def __str__(self) -> str:
        return f"feasible point and improving ray over {int(np.count_nonzero(self.direction))} columns"


def _improves_for_ever(program: Program, d: NDArray[np.float64]) -> bool:
    size = np.abs(d)
    noise = 1e-9 * (abs(program.matrix) @ size)
    if not _recedes(program.matrix @ d, program.row_lower, program.row_upper, noise):
        return False
    gain = -program.sense.sign * float(program.cost @ d)
    return _recedes(d, program.lower, program.upper, 0.0) and gain > 1e-9 * float(np.abs(program.cost) @ size)


def _recedes(change: NDArray[np.float64], lower: NDArray[np.float64], upper: NDArray[np.float64], noise: Any) -> bool:
    falls, rises = change < -noise, change > noise
    return not bool((falls & np.isfinite(lower)).any() or (rises & np.isfinite(upper)).any())


@dataclass(frozen=True, eq=False)
class SolverClaim(StatusCertificate):
    """An integer program's infeasibility that rests on the word of solvers: their trees are not kept.

    Only integer programs whose linear relaxation is feasible come to this, after a second solver was asked; it prints
    as what it is.

    Attributes
    ----------
    claim : str
        What is claimed, e.g. ``"infeasible"``.
    solver : str
        Who claims it.
    """

    claim: str
    solver: str

    def holds(self, problem: Problem) -> bool:
        """Whether such a claim is admissible at all: for a linear program a ray is required instead."""
        return problem.integral

    def __str__(self) -> str:
        return f"{self.claim}: the word of {self.solver}; search trees are not kept"
