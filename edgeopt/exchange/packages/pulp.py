"""PuLP problems: objective, constraints and variables under their own names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...model.problem import Sense
from ...model.program import Program
from .shared import Columns, Rows, collected, distinct, not_a_model, refused

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .answer import Answer


def from_pulp(problem: Any) -> Program:
    """Read a PuLP problem as a program.

    Columns are ``problem.variables()``, which PuLP sorts by name. An elastic constraint made by
    ``makeElasticSubProblem`` counts as the rows that PuLP has written for it.

    Parameters
    ----------
    problem : pulp.LpProblem

    Raises
    ------
    InvalidProblemError
        If the problem has special ordered sets, or a coefficient is no number; names it.
    """
    import pulp

    if not isinstance(problem, pulp.LpProblem):
        raise not_a_model(problem, "from_pulp", "a pulp.LpProblem")
    for kind in ("sos1", "sos2"):
        for name in getattr(problem, kind):
            raise refused(
                f"constraint {name!r} of the PuLP problem",
                f"is a special ordered set ({kind})",
                "write it with binary variables",
            )
    columns, rows = Columns(), Rows()
    variables = problem.variables()
    places = {id(v): columns.add(v.name, v.lowBound, v.upBound, v.cat == pulp.LpInteger) for v in variables}
    for name, constraint in _constraints(problem):
        where, terms = [places[id(v)] for v in constraint], list(map(float, constraint.values()))
        rows.add(name, where, terms, constraint.getLb(), constraint.getUb())
    cost, offset = np.zeros(len(variables)), 0.0
    if problem.objective is not None:
        cost[[places[id(v)] for v in problem.objective]] = list(problem.objective.values())
        offset = float(problem.objective.constant)
    sense = Sense.MAXIMIZE if problem.sense == pulp.LpMaximize else Sense.MINIMIZE
    return collected(columns, rows, cost, sense=sense, offset=offset, name=str(problem.name or ""))


def assign_pulp(problem: Any, answer: Answer) -> None:
    """Write ``varValue``, ``dj``, ``slack`` and ``pi`` as PuLP's default solver does, and the status into the problem.

    PuLP's solvers differ in signs. With CBC, the default, ``pi`` is what one unit more on the right-hand side adds to
    the objective, and ``slack`` the right-hand side less the left one.
    """
    import pulp

    variables, constraints = problem.variables(), _constraints(problem)
    names = distinct([v.name for v in variables], "x")
    ordered = answer.values(names, "pulp")
    duals = answer.row_duals(distinct([name for name, _ in constraints], "row"))
    reduced = None if duals is None else answer.reduced_costs(names, "pulp")
    for variable, value, dj in zip(variables, ordered.tolist(), _listed(reduced, len(names)), strict=True):
        variable.varValue, variable.dj = value, dj
    for (_, constraint), pi in zip(constraints, _listed(duals, len(constraints)), strict=True):
        constraint.pi, constraint.slack = pi, -constraint.value() + 0.0
    kind = pulp.LpSolutionOptimal if answer.optimal else pulp.LpSolutionIntegerFeasible
    problem.assignStatus(pulp.LpStatusOptimal, kind)  # PuLP calls a feasible answer optimal with another solution kind


def _listed(values: NDArray[np.float64] | None, count: int) -> list[float | None]:
    return [None] * count if values is None else values.tolist()


def _constraints(problem: Any) -> list[tuple[str, Any]]:
    """Constraints with their names; PuLP 3.3 warns of the mapping that all versions before it have."""
    held = getattr(problem, "_constraints", None)
    return list((problem.constraints if held is None else held).items())
