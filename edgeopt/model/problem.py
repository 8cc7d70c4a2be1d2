"""What every decision problem can do, whatever it decides.

A problem knows its data, its objective and its constraints; it knows no solver. A :class:`Formulation` speaks its own
words (which samples stay local) and can express itself as a :class:`~edgeopt.model.program.Program`, the neutral sparse
LP or MILP that every general solver reads. A bare program is a problem too: its decision is a point.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar

from .late import late
from .records import Record

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    # A problem certifies, a certificate is of a problem; a problem has a program, and a program is a problem.
    from .certificate import Certificate
    from .explanation import Explanation
    from .program import Program


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


class Problem(Record, ABC):
    """A decision problem: data, sense, objective, constraints. Immutable, and ignorant of solvers."""

    linear: ClassVar[bool] = True
    """Whether the problem can express itself as a :class:`Program`."""

    sense: Sense
    """Minimise or maximise; a class constant of formulations, a field of programs."""

    @property
    @abstractmethod
    def integral(self) -> bool:
        """Whether the program of this problem has integer columns."""

    @abstractmethod
    def check(self, decision: Any) -> None:
        """Raise :class:`InvalidProblemError` unless `decision` has the type, shape and dtype of an answer."""

    @abstractmethod
    def objective(self, decision: Any) -> float:
        """Objective of `decision`, recomputed from the problem's own data."""

    @abstractmethod
    def violations(self, decision: Any) -> dict[str, float]:
        """Constraints that `decision` breaks, each with how far, relative to ``max(1, |bound|)``; empty if none."""

    @abstractmethod
    def magnitude(self, decision: Any) -> float:
        """Sum of the absolute terms of the objective: the scale of its float64 rounding error."""

    @abstractmethod
    def program(self) -> Program:
        """Return the problem as a sparse linear or mixed-integer program."""

    @abstractmethod
    def decode(self, point: NDArray[np.float64]) -> Any:
        """Decision that a `point` (columns,) of :meth:`program` stands for."""

    @abstractmethod
    def encode(self, decision: Any) -> NDArray[np.float64]:
        """Point (columns,) of :meth:`program` that stands for `decision`."""

    def certify(self, decision: Any) -> Certificate | None:
        """Return the problem's own witness of how good `decision` is, or None where it has no such reasoning."""
        return None

    def infeasibility_certificate(self) -> Certificate | None:
        """Return the problem's own witness that it is infeasible, or None where it has none."""
        return None

    def explain(self) -> Explanation:
        """Say why the problem is infeasible, and what would repair it most cheaply."""
        found: Explanation = late("explain_program")(self.program())
        return found

    @property
    def batch(self) -> int | None:
        """Number of instances, or None for a problem without a batch axis."""
        return None

    def instance(self, index: int) -> Problem:
        """Return one problem of the batch."""
        raise NotImplementedError(f"{type(self).__name__} has no batch axis")

    def pick(self, decision: Any, index: int) -> Any:
        """Decision of one instance from that of the batch."""
        raise NotImplementedError(f"{type(self).__name__} has no batch axis")

    def stack(self, decisions: Sequence[Any]) -> Any:
        """Decision of the batch from those of its instances."""
        raise NotImplementedError(f"{type(self).__name__} has no batch axis")

    def to_pyomo(self) -> Any:
        """Return a real, named, editable Pyomo ``ConcreteModel`` of this problem."""
        return late("to_pyomo")(self.program())

    def to_cvxpy(self) -> Any:
        """Return a CVXPY ``Problem`` of this problem, with its data as named parameters."""
        return late("to_cvxpy")(self.program())


class Formulation(Problem):
    """A declared decision problem of the field: a frozen dataclass that validates itself when it is built."""
