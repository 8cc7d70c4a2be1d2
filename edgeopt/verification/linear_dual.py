"""Duals of a linear program, and the bound that they prove."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..model.certificate import OptimalityCertificate
from ..model.errors import InvalidProblemError
from ..model.problem import Decision, Problem, with_program
from ..model.program import Program
from ..model.records import assign, read_only
from ..model.tolerance import OPTIMALITY
from .duality import dual_bound
from .propagation import propagated
from .rational import EXACT_ROWS, basis_bound
from .related_programs import with_square_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from numpy.typing import NDArray

    Box = tuple[NDArray[np.float64], NDArray[np.float64]]


_MOST_ENTRIES = 1_000_000
"""Matrix entries up to which a bound that is finite is tried over a smaller box as well."""


@dataclass(frozen=True, eq=False)
class LinearDual(OptimalityCertificate):
    """Dual solution of a linear program (LP duality; e.g. Bertsimas and Tsitsiklis 1997, chapter 4).

    Of a convex quadratic program it holds the slopes of the squares as well: each square lies above its tangent, and
    the linear program of these tangents has the bound that the row duals prove (Dorn 1960).

    Attributes
    ----------
    row_dual : (rows,) float
        Price of each row: the change of the optimal objective per unit of its active bound.
    column_basis, row_basis : (columns,), (rows,) int8, optional
        Optimal basis (codes of :class:`~edgeopt.model.basis.BasisStatus`); the exact check starts from it. Of a
        quadratic program which columns and rows stand at which of their bounds; the others are basic.
    square_dual : (squares,) float, optional
        Derivative of the objective by what is squared, at the optimum; 0 by default.
    """

    row_dual: NDArray[np.float64]
    column_basis: NDArray[np.int8] | None = None
    row_basis: NDArray[np.int8] | None = None
    square_dual: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        assign(self, row_dual=frozen(self.row_dual, "row_dual", np.float64))
        for name in ("column_basis", "row_basis"):
            if (basis := getattr(self, name)) is not None:
                assign(self, **{name: frozen(basis, name, np.int8)})
        if self.square_dual is not None:
            assign(self, square_dual=frozen(self.square_dual, "square_dual", np.float64))

    def optimality_gap(self, problem: Problem, decision: Decision) -> float:
        """Distance of the objective from the best bound that the duals or the basis prove; inf where neither does.

        Negative where the objective is better than the bound.
        """
        program, objective = with_program(problem).program(), problem.objective(decision)
        return problem.sense.sign * (objective - self.proved(program, objective))

    def proved(self, program: Program, objective: float) -> float:
        """Best bound on a program's optimum that follows from the duals, or from the basis, given an `objective`.

        The cheap ways come first: the duals over the column bounds; the duals, corrected by their rounding errors, over
        the bounds that the rows leave to points as good as `objective`; the basis in rational arithmetic. A way is left
        out where the one before comes close.
        """
        sign = program.sense.sign
        if not self._fits(program):
            return -sign * np.inf
        near = OPTIMALITY * abs(objective)
        bound: float = self._once(program, "bound", lambda: self.bound(program))
        # Over finite bounds of columns a smaller box moves the bound but little, and in a large program takes seconds.
        settled = np.isfinite(bound) and program.matrix.nnz > _MOST_ENTRIES
        if sign * (objective - bound) > near and not settled:
            # No point outside this box is better than the objective, so the bound over the box holds up to there.
            # Squares only worsen an objective, so that the box of the linear part's is one of the whole's.
            boxed = sign * self._once(
                program,
                objective,
                lambda: self._least(program, propagated(program, objective), corrected=True),
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
        return program.sense.sign * self._least(program, box or (program.lower, program.upper))

    def _fits(self, program: Program) -> bool:
        """Whether there is a finite number for each row and, where some are given, for each square."""
        slopes = self.square_dual
        if self.row_dual.shape != (program.rows,) or not np.isfinite(self.row_dual).all():
            return False
        if slopes is None:
            return True
        count = 0 if program.squares is None else program.squares.count
        return slopes.shape == (count,) and bool(np.isfinite(slopes).all())

    def _least(self, program: Program, box: Box, *, corrected: bool = False) -> float:
        """Proven lower bound of ``sign * objective`` over the rows and a box."""
        squares = program.squares
        if squares is None:
            return dual_bound(program, self.row_dual, *box, corrected=corrected)
        linear = self._once(program, "square rows", lambda: with_square_rows(program))
        slopes = np.zeros(squares.count) if self.square_dual is None else self.square_dual
        with np.errstate(divide="ignore", over="ignore"):
            soft = np.nextafter(0.25 / squares.weight, np.inf)
        prices, softness = np.concatenate([self.row_dual, -slopes]), np.concatenate([np.zeros(program.rows), soft])
        return dual_bound(linear, prices, *box, corrected=corrected, softness=softness)

    def exact_bound(self, program: Program, limit: int = EXACT_ROWS) -> float | None:
        """Objective at the basis, where rational arithmetic finds its duals feasible; None where it does not.

        Parameters
        ----------
        limit : int
            Most rows of the basic system that is solved exactly.
        """
        if self.column_basis is None or self.row_basis is None or program.quadratic:
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
        names = with_program(problem).program().row_names
        return {names[int(i)]: float(self.row_dual[i]) for i in np.flatnonzero(self.row_dual)}

    def __str__(self) -> str:
        active = int(np.count_nonzero(self.row_dual))
        basis = " and basis" if self.column_basis is not None else ""
        slopes = "" if self.square_dual is None else f", slopes of {self.square_dual.size} squares"
        kind = "LP" if self.square_dual is None else "QP"
        return f"{kind} duals{basis}: {active} of {self.row_dual.size} rows have a price{slopes}"


def frozen(values: Any, field: str, kind: Any) -> NDArray[Any]:
    """Read-only copy; its shape and finiteness are judged against a problem, not here."""
    try:
        array = np.array(values, dtype=kind)
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidProblemError(f"{field} is no array of numbers: {error}") from error
    return read_only(array)
