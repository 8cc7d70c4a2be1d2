"""What solvers of integer programs state and no search tree proves: kept, shown, and never taken for a proof."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real
from types import NoneType
from typing import TYPE_CHECKING

import numpy as np

from ..model.certificate import Certificate, OptimalityCertificate, StatusCertificate
from ..model.errors import InvalidProblemError
from ..model.problem import Decision, HasProgram, Problem, with_program
from ..model.program import Program
from ..model.tolerance import UNIT
from .linear_dual import LinearDual

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Box = tuple[NDArray[np.float64], NDArray[np.float64]]


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

    @property
    def word(self) -> str:
        """Engines on whose word it rests."""
        return self.solver

    def optimality_gap(self, problem: Problem, decision: Decision) -> float:
        """Distance from the bound that the relaxation proves; inf where it proves none."""
        if self.relaxation is None:
            return np.inf
        program, objective = with_program(problem).program(), problem.objective(decision)
        gap = problem.sense.sign * (objective - self.relaxation.proved(program, objective))
        step = objective_step(program)
        if step == 0.0 or not np.isfinite(gap):
            return gap
        # Better objectives are whole steps away.
        return max(0.0, math.floor(gap / step * (1.0 + 4 * UNIT)) * step)

    def __str__(self) -> str:
        relaxed = "none" if self.relaxation is None else f"{self.relaxation_bound:.10g} (checked)"
        return f"MILP bound {self.bound:.10g} (the word of {self.solver}); relaxation bound {relaxed}"


def objective_step(program: Program) -> float:
    """Return the number of which every objective value of integer points is a multiple; 0 where there is none.

    Costs on continuous columns leave none, nor do squares; whole multiples of ``2**-20`` have one.
    """
    if program.quadratic:
        return 0.0
    used = program.cost != 0
    if not used.any() or not program.integrality[used].all():
        return 0.0
    whole = np.abs(np.ldexp(program.cost[used], 20))
    if (whole != np.floor(whole)).any() or whole.max() >= 2.0**53 or program.offset != 0.0:
        return 0.0
    return math.ldexp(math.gcd(*(int(value) for value in np.unique(whole))), -20)


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

    @property
    def word(self) -> str:
        """Engines on whose word it rests."""
        return self.solver

    @property
    def proves(self) -> str:
        """What is claimed."""
        return self.claim

    def holds(self, problem: Problem) -> bool:
        """Whether such a claim is admissible at all: only an integer program's rests on engines that can be asked."""
        return isinstance(problem, HasProgram) and problem.integral

    def __str__(self) -> str:
        return f"{self.claim}: the word of {self.solver}; search trees are not kept"
