"""An instance: a named, versioned benchmark problem and the best that is known of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic

from .late import late
from .problem import DecisionT

if TYPE_CHECKING:
    from .problem import Problem
    from .solution import Solution


@dataclass(frozen=True, eq=False, repr=False)
class Instance(Generic[DecisionT]):
    """What :func:`edgeopt.instances.load` returns; ``solve``, ``compare`` and ``verify`` take it for its problem.

    Attributes
    ----------
    name : str
        As ``names()`` lists it, or the path of a file.
    problem : Problem
        What to solve.
    version : int
        Rises whenever the family changes what it builds.
    fingerprint : str
        Hash of the problem's data: two instances with the same one are the same problem, bit for bit.
    summary, source : str
        What it is, and where it comes from.
    best : Solution, optional
        The best known answer, with its certificate and who proved it; of a large instance without the decision. None
        where nothing has been recorded (knobs of one's own, a file).
    """

    name: str
    problem: Problem[DecisionT]
    version: int
    fingerprint: str
    summary: str = ""
    source: str = ""
    best: Solution[DecisionT] | None = None

    @property
    def best_objective(self) -> Any:
        """Objective of the best known answer, or None."""
        return None if self.best is None else self.best.objective

    @property
    def size(self) -> int:
        """How many numbers the problem's data hold: the measure of length that any two problems share."""
        return sum(array.size for array in late("content")(self.problem)[1].values())

    def __repr__(self) -> str:
        best = "" if self.best is None else f", best {self.best_objective:.10g} ({self.best.status})"
        return f"Instance({self.name!r}, {self.problem}{best})"


def problem_of(given: Problem[DecisionT] | Instance[DecisionT]) -> Problem[DecisionT]:
    """Return the problem of an instance, and a problem as it is."""
    return given.problem if isinstance(given, Instance) else given
