"""The certificate that a program is unbounded: a feasible point and a direction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..model.certificate import StatusCertificate
from ..model.problem import Problem, with_program
from ..model.program import Point, Program
from ..model.records import assign
from ..model.tolerance import FEASIBILITY, SOLVER
from .duality import improves_for_ever
from .linear_dual import frozen
from .rational import EXACT_ROWS, vertex_of
from .related_programs import equilibrated, recession, with_square_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Box = tuple[NDArray[np.float64], NDArray[np.float64]]


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
            assign(self, **{name: frozen(getattr(self, name), name, np.float64)})
        for name in ("column_basis", "row_basis"):
            if (basis := getattr(self, name)) is not None:
                assign(self, **{name: frozen(basis, name, np.int8)})

    @property
    def proves(self) -> str:
        """``"unbounded"``."""
        return "unbounded"

    def holds(self, problem: Problem) -> bool:
        """Whether the point is feasible, the direction leaves no bound and the objective improves along it for ever.

        Of a quadratic objective every square has to keep its value along the direction.
        """
        program = with_program(problem).program()
        shape = (program.columns,)
        if self.point.shape != shape or not np.isfinite(self.point).all():
            return False
        if not all(v <= FEASIBILITY for v in program.violations(Point(self.point)).values()):
            return False
        return self._improves(with_square_rows(program)) or self._exactly(program)

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
