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
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from typing_extensions import TypeVar

    # A problem certifies, a certificate is of a problem; a problem has a program, and a program is a problem.
    from .certificate import Certificate
    from .explanation import Bound, Explanation
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

    @property
    def mixed(self) -> bool:
        """Whether the program has continuous columns beside integer ones; whoever makes one that has says so here."""
        return False

    @property
    def quadratic(self) -> bool:
        """Whether the program has squares in its objective; whoever makes one that has says so here."""
        return False

    @abstractmethod
    def program(self) -> Program:
        """Return the problem as a sparse linear or mixed-integer program."""

    @abstractmethod
    def decode(self, point: NDArray[np.float64]) -> DecisionT:
        """Decision that a `point` (columns,) of :meth:`program` stands for."""

    @abstractmethod
    def encode(self, decision: DecisionT) -> NDArray[np.float64]:
        """Point (columns,) of :meth:`program` that stands for `decision`."""

    # Side constraints.

    def words(self, columns: Any) -> dict[str, Any]:
        """Return what side constraints may call the parts of a decision, as expressions over the program's columns.

        By default the names of blocks of columns. A formulation writes its own in a few lines:
        ``{"local": columns.block(0, samples=self.samples)}``.

        Parameters
        ----------
        columns : Columns
            ``columns.block(start, **sizes)`` are columns one after the other, ``columns.linear(matrix, offset=…,
            **sizes)`` is anything else that is linear; a word may be a function that returns such, too.
        """
        found: dict[str, Any] = columns.named()
        return found

    def in_words(self, bounds: Sequence[Bound]) -> list[str]:
        """Return bounds of the program's rows and columns in the problem's own words, a line for each demand."""
        from .explanation import grouped

        return grouped(self.program(), bounds)

    def subject_to(self, **constraints: Callable[[Any], Any]) -> Any:
        """Return the problem with more constraints; decision, objective and words stay what they are.

        Parameters
        ----------
        **constraints : callable
            By name a function of the problem's words that returns a comparison, or a list or mapping of them:
            ``per_day=lambda m: m.local[day == 0].sum() >= 40``. It is called once; rows and names are what is kept.
            See `docs/side_constraints.md` and ``dir(m)``.

        Returns
        -------
        Constrained
            Its rows are called ``per_day``, or ``windows[i]`` where a constraint has several.

        Raises
        ------
        InvalidProblemError
            If a name is taken, a word is unknown, or a constraint is not linear.
        """
        return late("subject_to")(self, constraints)

    def minimize(self, objective: Callable[[Any], Any]) -> Any:
        """Return the problem with another objective, to be small: a function of its words, as for `subject_to`.

        ``m.objective`` is the objective that it had: ``problem.minimize(lambda m: m.objective + 5 * m.maximum(…))``.
        """
        return late("with_objective")(self, Sense.MINIMIZE, objective)

    def maximize(self, objective: Callable[[Any], Any]) -> Any:
        """Return the problem with another objective, to be large; see :meth:`minimize`."""
        return late("with_objective")(self, Sense.MAXIMIZE, objective)

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
