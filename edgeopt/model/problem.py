"""What every decision problem can do, and what some can do beside it.

A problem knows its data, its objective and its constraints; it knows no solver. Its decision is in its own words (which
samples stay local). Most problems can express themselves as a :class:`~edgeopt.model.program.Program`, the neutral
sparse LP or MILP that every general solver reads. A bare program is a problem too: its decision is a point.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Generic

from .errors import UnsupportedPairError
from .late import late
from .records import Record

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from typing_extensions import TypeVar

    # A problem certifies, a certificate is of a problem; a problem has a program, and a program is a problem.
    from .certificate import Certificate
    from .explanation import Explanation
    from .program import Program

    DecisionT = TypeVar("DecisionT", default=Any)
    """The type of a problem's decision; a class that names none has decisions of any type."""
else:
    from typing import TypeVar

    DecisionT = TypeVar("DecisionT")  # Python knows defaults of type variables from 3.13 on


class Sense(StrEnum):
    """Whether small or large objectives are good."""

    MINIMIZE = "minimize"
    MAXIMIZE = "maximize"

    @property
    def sign(self) -> float:
        """1 when minimising, -1 when maximising: ``sign * objective`` is always to be small."""
        return 1.0 if self is Sense.MINIMIZE else -1.0


class Decision(Record):
    """The answer to a problem in the problem's own words; each formulation declares its own frozen dataclass."""

    __slots__ = ()


class Problem(Record, ABC, Generic[DecisionT]):
    """A decision problem: data, sense, objective, constraints. Immutable, and ignorant of solvers.

    Whatever else a problem can do is a base class of its own: :class:`HasProgram`, :class:`CertifiesOptimality`,
    :class:`CertifiesInfeasibility`, and :class:`~edgeopt.model.batch_axis.BatchAxis`.
    """

    sense: ClassVar[Sense]
    """Minimise or maximise; a class constant of formulations, a field of programs."""

    @abstractmethod
    def check(self, decision: DecisionT) -> None:
        """Raise :class:`InvalidProblemError` unless `decision` has the type, shape and dtype of an answer."""

    @abstractmethod
    def objective(self, decision: DecisionT) -> float:
        """Objective of `decision`, recomputed from the problem's own data."""

    @abstractmethod
    def violations(self, decision: DecisionT) -> dict[str, float]:
        """Constraints that `decision` breaks, each with how far, relative to ``max(1, |bound|)``; empty if none."""

    @abstractmethod
    def magnitude(self, decision: DecisionT) -> float:
        """Sum of the absolute terms of the objective: the scale of its float64 rounding error."""


class HasProgram(Problem[DecisionT]):
    """A problem that general solvers take: it can express itself as a linear or mixed-integer program."""

    @property
    @abstractmethod
    def integral(self) -> bool:
        """Whether the program has integer columns."""

    @abstractmethod
    def program(self) -> Program:
        """Return the problem as a sparse linear or mixed-integer program."""

    @abstractmethod
    def decode(self, point: NDArray[np.float64]) -> DecisionT:
        """Decision that a `point` (columns,) of :meth:`program` stands for."""

    @abstractmethod
    def encode(self, decision: DecisionT) -> NDArray[np.float64]:
        """Point (columns,) of :meth:`program` that stands for `decision`."""

    def explain(self) -> Explanation:
        """Say why the problem is infeasible, and what would repair it most cheaply."""
        found: Explanation = late("explain_program")(self.program())
        return found

    def to_pyomo(self) -> Any:
        """Return a real, named, editable Pyomo ``ConcreteModel`` of this problem."""
        return late("to_pyomo")(self.program())

    def to_cvxpy(self) -> Any:
        """Return a CVXPY ``Problem`` of this problem, with its data as named parameters."""
        return late("to_cvxpy")(self.program())


def with_program(problem: Problem[DecisionT]) -> HasProgram[DecisionT]:
    """Return the problem, which has a program.

    Raises
    ------
    UnsupportedPairError
        If it has none: it is not linear.
    """
    if not isinstance(problem, HasProgram):
        raise UnsupportedPairError(
            f"a {type(problem).__name__} has no linear program; it is solved by solvers of its own"
        )
    return problem


class CertifiesOptimality(ABC):
    """A problem that can prove, from its own structure, how good a decision is."""

    @abstractmethod
    def certify(self, decision: Any) -> Certificate:
        """Return a certificate of `decision`, whoever found it."""


class CertifiesInfeasibility(ABC):
    """A problem that can prove, from its own structure, that it has no feasible decision."""

    @abstractmethod
    def infeasibility_certificate(self) -> Certificate | None:
        """Return a proof that the problem is infeasible, or None where it has none."""
