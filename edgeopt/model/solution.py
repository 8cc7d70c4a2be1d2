"""A solution: never what a solver claims, always what edgeopt recomputed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic

import numpy as np

from .errors import NoSolutionError
from .late import late
from .outcome import Status
from .problem import with_program
from .records import Record

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    from .certificate import Certificate
    from .explanation import Explanation
    from .problem import Problem

    FoundT = TypeVar("FoundT", default=Any, covariant=True)
    """The type of the decision; a ``Solution`` of which none is named has a decision of any type."""
else:
    from typing import TypeVar

    FoundT = TypeVar("FoundT", covariant=True)  # Python knows defaults of type variables from 3.13 on


@dataclass(frozen=True, eq=False, repr=False)
class Solution(Record, Generic[FoundT]):
    """What ``solve`` returns.

    Attributes
    ----------
    status : Status
        What was proved.
    objective : float, optional
        Objective of the decision, recomputed from the problem's data; (batch,), like bound and gap, for a batch.
    bound : float, optional
        Best objective that can exist, as far as it is proved.
    gap : float, optional
        ``|objective - bound| / max(|objective|, |bound|)``: the gap that is proved.
    proved : bool
        Whether the status is proved. Where it is not, an integer program's ``optimal`` or ``infeasible`` rests on the
        word of the engines that the certificate names.
    claimed_bound : float, optional
        Bound that the solver states; of an integer program mostly better than what is proved.
    certificate : Certificate, optional
        The certificate; ``print`` it.
    wall_time : float
        Seconds that the solver took, building its model included.
    verify_time : float
        Seconds that the independent check took.
    solver, solver_version : str
        Who found it.
    options : dict
        Options that were asked for.
    seed : int
        Seed of every random draw.
    message : str
        Reason of a failure, or the solver's own words.
    statistics : dict
        Nodes, iterations and the like, where the solver counts them.
    problem_fingerprint : str
        Content hash of the problem, in a solution that was loaded from a file.
    """

    status: Status
    objective: Any = None
    bound: Any = None
    gap: Any = None
    certificate: Certificate | None = None
    wall_time: float = 0.0
    verify_time: float = 0.0
    solver: str = ""
    solver_version: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    seed: int = 0
    message: str = ""
    statistics: dict[str, Any] = field(default_factory=dict)
    found: FoundT | None = None
    problem: Problem | None = None
    proved: bool = False
    claimed_bound: Any = None
    problem_fingerprint: str = ""

    @property
    def decision(self) -> FoundT:
        """The decision.

        Raises
        ------
        NoSolutionError
            Where there is none, with the reason.
        """
        if self.found is None:
            reason = f": {self.message}" if self.message else ""
            raise NoSolutionError(f"solver {self.solver!r} ended {self.status}{reason}")
        return self.found

    @property
    def evidence(self) -> str:
        """On what the status rests: ``"proved"``, ``"by the word of highs and cp-sat"``; empty for ``feasible``."""
        from .certificate import evidence_of, word_of

        if self.status not in (Status.OPTIMAL, Status.INFEASIBLE, Status.UNBOUNDED):
            return ""
        return evidence_of(self.proved, word_of(self.certificate))

    def assign(self, model: Any) -> None:
        """Write the values of the decision back into the model that the problem was read from.

        Variables are matched by name. Pyomo's and CVXPY's get their ``.value``, PuLP's their ``varValue``, linopy's
        their ``.solution``; a ``highspy.Highs`` gets a solution, CP-SAT's ``CpModel`` a hint.

        Parameters
        ----------
        model : object
            What :func:`edgeopt.from_pyomo` or one of its siblings read, or what ``problem.to_pyomo()`` or
            ``problem.to_cvxpy()`` gave.

        Raises
        ------
        NoSolutionError
            Where there is no decision, with the reason.
        InvalidProblemError
            If the model has other variables than the problem, or no place for values.
        """
        late("assign_values")(self, model)

    def explain(self) -> Explanation:
        """Say why the problem is infeasible: a minimal conflict and the cheapest repair.

        Raises
        ------
        NoSolutionError
            If the solution is not infeasible, or was loaded without its problem (ask ``problem.explain()`` then).
        """
        if self.status is not Status.INFEASIBLE:
            raise NoSolutionError(f"the problem is not known to be infeasible: the status is {self.status}")
        if self.problem is None:
            raise NoSolutionError("this solution was loaded without its problem; call problem.explain() instead")
        return with_program(self.problem).explain()

    def __repr__(self) -> str:
        parts = [f"{self.solver}: {self.status}"]
        batch = np.ndim(self.objective) > 0
        if batch:
            parts.append(f"{self.objective.size} instances, mean objective {self.objective.mean():.10g}")
        elif self.objective is not None:
            parts.append(f"objective {self.objective:.10g}")
        if self.gap is not None:
            parts.append(f"{'largest gap' if batch else 'gap'} {np.max(self.gap):.2g}")
        if self.status in (Status.OPTIMAL, Status.INFEASIBLE, Status.UNBOUNDED) and not self.proved:
            parts.append("not proved")
        if self.message and not self.status.has_decision:
            parts.append(self.message)
        return f"Solution({', '.join(parts)}, {self.wall_time:.3g} s)"
