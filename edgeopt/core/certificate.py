"""Certificates: the witness of an answer, checked by a few lines that know nothing of the solver that gave it.

Two kinds. A witness of quality (duals, a Lagrange multiplier) proves how far a decision can be from the optimum: its
``slack`` is that distance, in the objective's unit, written as a sum of non-negative complementarity terms so that
nothing cancels in float64. A witness of status (a ray) proves that there is no optimum at all.
"""

from __future__ import annotations

import math
import weakref
from abc import abstractmethod
from dataclasses import dataclass, replace
from numbers import Real
from types import NoneType
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from .duality import dual_bound, improves_for_ever
from .errors import InvalidProblemError
from .problem import Decision, Problem, Sense
from .program import Point, Program
from .propagation import propagated, whole_bounds
from .rational import EXACT_ROWS, basis_bound, vertex_of
from .records import Record, assign
from .scaling import matrix_scaling
from .tolerance import FEASIBILITY, OPTIMALITY, SOLVER, UNIT

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from numpy.typing import NDArray

    Box = tuple[NDArray[np.float64], NDArray[np.float64]]


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
        """Distance of the objective from the best bound that the duals or the basis prove; inf where neither does.

        Negative where the objective is better than the bound.
        """
        program, objective = problem.program(), problem.objective(decision)
        return problem.sense.sign * (objective - self.proved(program, objective))

    def proved(self, program: Program, objective: float) -> float:
        """Best bound on a program's optimum that follows from the duals, or from the basis, given an `objective`.

        The cheap ways come first: the duals over the column bounds; the duals, corrected by their rounding errors, over
        the bounds that the rows leave to points as good as `objective`; the basis in rational arithmetic. A way is left
        out where the one before comes close.
        """
        sign = program.sense.sign
        if self.row_dual.shape != (program.rows,) or not np.isfinite(self.row_dual).all():
            return -sign * np.inf
        near = OPTIMALITY * abs(objective)
        bound = self.bound(program)
        if sign * (objective - bound) > near:
            # No point outside this box is better than the objective, so the bound over the box holds up to there.
            boxed = sign * self._once(
                program,
                objective,
                lambda: dual_bound(program, self.row_dual, *propagated(program, objective), corrected=True),
            )
            bound = sign * max(sign * bound, min(sign * boxed, sign * objective))
        if sign * (objective - bound) > near and (exact := self.exact_bound(program)) is not None:
            bound = sign * max(sign * bound, sign * exact)
        return bound

    def bound(self, program: Program, box: Box | None = None) -> float:
        """Objective that the duals prove: no feasible point is better; infinite where they prove nothing.

        Every rounding error is charged to the bound (Neumaier and Shcherbina 2004): a reduced cost is known up to the
        error of its own terms, and is multiplied by the bounds of its column.

        Parameters
        ----------
        box : pair of (columns,) float, optional
            Lower and upper bounds of the columns; the program's own by default.
        """
        return program.sense.sign * dual_bound(program, self.row_dual, *(box or (program.lower, program.upper)))

    def exact_bound(self, program: Program, limit: int = EXACT_ROWS) -> float | None:
        """Objective at the basis, where rational arithmetic finds its duals feasible; None where it does not.

        Parameters
        ----------
        limit : int
            Most rows of the basic system that is solved exactly.
        """
        if self.column_basis is None or self.row_basis is None:
            return None
        column_basis, row_basis = self.column_basis, self.row_basis
        bound = self._once(program, ("exact", limit), lambda: basis_bound(program, column_basis, row_basis, limit))
        return None if bound is None else program.sense.sign * bound

    def _once(self, program: Program, key: Hashable, compute: Callable[[], Any]) -> Any:
        """Compute what takes long, and keep it: the same answer is judged more than once."""
        known: tuple[weakref.ref[Program], dict[Hashable, Any]] | None = getattr(self, "_kept", None)
        if known is None or known[0]() is not program:
            known = (weakref.ref(program), {})
            object.__setattr__(self, "_kept", known)
        if key not in known[1]:
            known[1][key] = compute()
        return known[1][key]

    def __getstate__(self) -> dict[str, Any]:
        """Return the fields alone: what was computed of a program is not sent to other processes."""
        return {name: value for name, value in vars(self).items() if name != "_kept"}

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


def _require_words(certificate: Certificate, *names: str) -> None:
    for name in names:
        if not isinstance(value := getattr(certificate, name), str):
            kind = type(certificate).__name__
            raise InvalidProblemError(f"{name} of a {kind} is a {type(value).__name__}; expected a string")


@dataclass(frozen=True, eq=False)
class MixedIntegerBound(OptimalityCertificate):
    """What is known of an integer program's optimum: the word of solvers, and what the linear relaxation proves.

    Search trees are not kept, so the solvers' bound rests on their word: it is shown, and it proves nothing. The duals
    of the relaxation prove a bound; where every objective value is a multiple of one number, it is rounded to the next.

    Attributes
    ----------
    bound : float
        Best objective that is possible, as `solver` says.
    solver : str
        Who says so; several engines that agree, joined by "and".
    relaxation : LinearDual, optional
        Duals of the linear relaxation.
    relaxation_bound : float
        Bound that these duals prove.
    """

    bound: float
    solver: str
    relaxation: LinearDual | None = None
    relaxation_bound: float = -np.inf

    def __post_init__(self) -> None:
        for name in ("bound", "relaxation_bound"):
            if not isinstance(value := getattr(self, name), Real) or isinstance(value, bool):
                raise InvalidProblemError(f"{name} of a MixedIntegerBound is {value!r}; expected a number")
        _require_words(self, "solver")
        if not isinstance(self.relaxation, (LinearDual, NoneType)):
            raise InvalidProblemError(
                f"relaxation is a {type(self.relaxation).__name__}; expected a LinearDual or None"
            )

    def slack(self, problem: Problem, decision: Decision) -> float:
        """Distance from the bound that the relaxation proves; inf where it proves none."""
        if self.relaxation is None:
            return np.inf
        program, objective = problem.program(), problem.objective(decision)
        slack = problem.sense.sign * (objective - self.relaxation.proved(program, objective))
        step = objective_step(program)
        if step == 0.0 or not np.isfinite(slack):
            return slack
        # Better objectives are whole steps away.
        return max(0.0, math.floor(slack / step * (1.0 + 4 * UNIT)) * step)

    def __str__(self) -> str:
        relaxed = "none" if self.relaxation is None else f"{self.relaxation_bound:.10g} (checked)"
        return f"MILP bound {self.bound:.10g} (the word of {self.solver}); relaxation bound {relaxed}"


def objective_step(program: Program) -> float:
    """Return the number of which every objective value of integer points is a multiple; 0 where there is none.

    Costs on continuous columns leave none; whole multiples of ``2**-20`` have one.
    """
    used = program.cost != 0
    if not used.any() or not program.integrality[used].all():
        return 0.0
    whole = np.abs(np.ldexp(program.cost[used], 20))
    if (whole != np.floor(whole)).any() or whole.max() >= 2.0**53 or program.offset != 0.0:
        return 0.0
    return math.ldexp(math.gcd(*(int(value) for value in np.unique(whole))), -20)


@dataclass(frozen=True, eq=False)
class FarkasRay(StatusCertificate):
    """Row multipliers that combine the rows into one that no point within the column bounds satisfies (Farkas 1902).

    Attributes
    ----------
    row_multiplier : (rows,) float
        Multiplier of each row.
    column_basis, row_basis : (columns + 2 rows,), (rows,) int8, optional
        Optimal basis of the program of least violation (:func:`least_violation`): where rounding hides what the
        multipliers prove, its duals do in rational arithmetic.
    """

    row_multiplier: NDArray[np.float64]
    column_basis: NDArray[np.int8] | None = None
    row_basis: NDArray[np.int8] | None = None

    def __post_init__(self) -> None:
        assign(self, row_multiplier=_frozen(self.row_multiplier, "row_multiplier", np.float64))
        for name in ("column_basis", "row_basis"):
            if (basis := getattr(self, name)) is not None:
                assign(self, **{name: _frozen(basis, name, np.int8)})

    def holds(self, problem: Problem) -> bool:
        """Whether the combined row's smallest allowed value exceeds the largest reachable one, rounding allowed for."""
        program = problem.program()
        y = self.row_multiplier
        if y.shape != (program.rows,) or not np.isfinite(y).all():
            return False
        return self._combines(program, y) or self._exactly(program)

    @staticmethod
    def _combines(program: Program, y: NDArray[np.float64]) -> bool:
        if not y.any():
            return False
        y = np.ldexp(y, -int(np.frexp(np.abs(y).max())[1]))
        feasibility = without_cost(program)
        if dual_bound(feasibility, y, program.lower, program.upper) > 0.0:
            return True
        return dual_bound(feasibility, y, *propagated(program), corrected=True) > 0.0

    def _exactly(self, program: Program) -> bool:
        if self.column_basis is None or self.row_basis is None:
            return False
        elastic = least_violation(equilibrated(program))
        found = vertex_of(elastic, self.column_basis, self.row_basis, EXACT_ROWS)
        return found is not None and not found.dual_violation and found.objective > 0

    def __str__(self) -> str:
        return f"Farkas ray over {int(np.count_nonzero(self.row_multiplier))} rows"


def without_cost(program: Program) -> Program:
    """Return the program with zero cost: never unbounded, so it tells infeasible from unbounded."""
    return replace(program, cost=np.zeros(program.columns), offset=0.0, sense=Sense.MINIMIZE)


def equilibrated(program: Program) -> Program:
    """Return the linear relaxation as back ends get it, costs aside: bases of programs made of it refer to this one."""
    relaxed = program.relaxation() if program.integral else program
    return matrix_scaling(relaxed).apply(relaxed)


def least_violation(program: Program) -> Program:
    """Return the program of the least total violation of the rows; it is positive where they cannot all hold."""
    rows, columns = program.rows, program.columns
    violation = sparse.eye_array(rows, format="csc")
    return Program(
        np.concatenate([np.zeros(columns), np.ones(2 * rows)]),
        sparse.hstack([program.matrix, violation, -violation]),
        program.row_lower,
        program.row_upper,
        np.concatenate([program.lower, np.zeros(2 * rows)]),
        np.concatenate([program.upper, np.full(2 * rows, np.inf)]),
    )


def recession(program: Program) -> Program:
    """Return the program of the best direction, of entries up to 1, along which no bound is ever left."""
    limits = {"row_lower": -np.inf, "row_upper": np.inf, "lower": -1.0, "upper": 1.0}
    bounds = {name: np.where(np.isfinite(getattr(program, name)), 0.0, free) for name, free in limits.items()}
    return replace(program.relaxation(), offset=0.0, **bounds)  # type: ignore[arg-type]


@dataclass(frozen=True, eq=False)
class CrossedBounds(StatusCertificate):
    """A row or column whose own bounds leave no value: lower above upper, or no whole number between them.

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
    """Mask of the rows or columns whose own bounds leave no value.

    A row of whole coefficients over integer columns takes multiples of their greatest common divisor only.
    """
    if rows:
        lower, upper = program.row_lower, program.row_upper
        crossed: NDArray[np.bool_] = (lower > upper) | (lower == np.inf) | (upper == -np.inf)
        for i in np.flatnonzero(program.whole_rows & ~crossed & np.isfinite(lower) & np.isfinite(upper)).tolist():
            crossed[i] = not _has_multiple(program, i)
        return crossed
    lower, upper = whole_bounds(program)
    crossed = (lower > upper) | (lower == np.inf) | (upper == -np.inf)
    return crossed


def _has_multiple(program: Program, row: int) -> bool:
    """Whether a multiple of the greatest common divisor of the row's coefficients lies between its sides."""
    values = program.rowwise.data[program.rowwise.indptr[row] : program.rowwise.indptr[row + 1]]
    divisor = math.gcd(*(int(value) for value in values.tolist()))
    low, high = math.ceil(float(program.row_lower[row])), math.floor(float(program.row_upper[row]))
    return low <= 0 <= high if divisor == 0 else -(-low // divisor) <= high // divisor


@dataclass(frozen=True, eq=False)
class EmptyBox(StatusCertificate):
    """The rows leave some column no value: bounds that follow from them, rounded outwards, cross."""

    def holds(self, problem: Problem) -> bool:
        """Whether propagating the rows' bounds leaves a column no value."""
        lower, upper = propagated(problem.program())
        return bool((lower > upper).any())

    def __str__(self) -> str:
        return "bounds that follow from the rows leave a column no value"


@dataclass(frozen=True, eq=False)
class PrimalRay(StatusCertificate):
    """A feasible point and a direction in which it can go for ever while the objective improves.

    Attributes
    ----------
    point, direction : (columns,) float
        For an integer program the point is integer; a rational direction then suffices (Meyer 1974).
    column_basis, row_basis : (columns,), (rows,) int8, optional
        Optimal basis of the program of the best direction (:func:`recession`): its vertex is the direction in rational
        numbers, where the float one leaves a row by a rounding error.
    """

    point: NDArray[np.float64]
    direction: NDArray[np.float64]
    column_basis: NDArray[np.int8] | None = None
    row_basis: NDArray[np.int8] | None = None

    def __post_init__(self) -> None:
        for name in ("point", "direction"):
            assign(self, **{name: _frozen(getattr(self, name), name, np.float64)})
        for name in ("column_basis", "row_basis"):
            if (basis := getattr(self, name)) is not None:
                assign(self, **{name: _frozen(basis, name, np.int8)})

    def holds(self, problem: Problem) -> bool:
        """Whether the point is feasible, the direction leaves no bound and the objective improves along it."""
        program = problem.program()
        shape = (program.columns,)
        if self.point.shape != shape or not np.isfinite(self.point).all():
            return False
        if not all(v <= FEASIBILITY for v in program.violations(Point(self.point)).values()):
            return False
        return self._improves(program) or self._exactly(program)

    def _improves(self, program: Program) -> bool:
        d = self.direction
        if d.shape != (program.columns,) or not np.isfinite(d).all() or not d.any():
            return False
        d = np.ldexp(d, -int(np.frexp(np.abs(d).max())[1]))
        # Solvers leave noise in a ray's zeros; what is left without it may be the better ray.
        return improves_for_ever(program, np.where(np.abs(d) <= SOLVER, 0.0, d)) or improves_for_ever(program, d)

    def _exactly(self, program: Program) -> bool:
        if self.column_basis is None or self.row_basis is None:
            return False
        found = vertex_of(recession(equilibrated(program)), self.column_basis, self.row_basis, EXACT_ROWS)
        return found is not None and not found.primal_violation and found.objective < 0

    def __str__(self) -> str:
        return f"feasible point and improving ray over {int(np.count_nonzero(self.direction))} columns"


@dataclass(frozen=True, eq=False)
class SolverClaim(StatusCertificate):
    """An integer program's status that rests on the word of solvers: their search trees are not kept.

    It is made while a problem is solved, after an engine of another kind was asked, and proves nothing by itself:
    whoever checks it asks an engine again.

    Attributes
    ----------
    claim : str
        What is claimed, e.g. ``"infeasible"``.
    solver : str
        Who claims it; at least two engines that share no code.
    """

    claim: str
    solver: str

    def __post_init__(self) -> None:
        _require_words(self, "claim", "solver")

    def holds(self, problem: Problem) -> bool:
        """Whether such a claim is admissible at all: for a linear program a proof is required instead."""
        return problem.integral

    def __str__(self) -> str:
        return f"{self.claim}: the word of {self.solver}; search trees are not kept"


def is_checkable(certificate: object, problem: Problem) -> bool:
    """Whether the check of a certificate is edgeopt's own, or that of the package which brings the formulation.

    A class that a solver brings could find anything proved.
    """
    homes = {_package(Certificate), _package(type(problem))}
    parts = getattr(certificate, "certificates", ()) if isinstance(certificate, Certificate) else ()
    return all(part is None or _package(type(part)) in homes for part in (certificate, *parts))


def _package(kind: type) -> str:
    return kind.__module__.partition(".")[0]


def word_of(certificate: Certificate | None) -> str:
    """Return the engines on whose word a certificate rests, joined by "and"; empty where it is a proof or none."""
    return certificate.solver if isinstance(certificate, (MixedIntegerBound, SolverClaim)) else ""


def evidence_of(proved: bool, word: str) -> str:
    """Return on what a status rests, in words: ``"proved"``, ``"by the word of highs and cp-sat"``, or nothing."""
    return "proved" if proved else f"by the word of {word}" if word else ""
