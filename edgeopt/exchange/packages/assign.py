"""``solution.assign(model)``: the values of a solution in the variables of the model that was read."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...model.errors import InvalidProblemError, NoSolutionError
from ...model.program import Point, Program
from .highspy import assign_highspy
from .linopy import assign_linopy
from .pulp import assign_pulp
from .pyomo import assign_pyomo

if TYPE_CHECKING:
    from ...model.solution import Solution

_WRITERS: dict[str, Callable[..., None]] = {
    "highspy": assign_highspy,
    "linopy": assign_linopy,
    "pulp": assign_pulp,
    "pyomo": assign_pyomo,
}


def assign(solution: Solution, model: Any) -> None:
    """Write the values of `solution` into the variables of `model`, from which its problem was read.

    Raises
    ------
    InvalidProblemError
        If the model is of a package that is not known here, or has other variables than the program.
    NoSolutionError
        If the solution has no decision, or was loaded without its problem.
    """
    package = type(model).__module__.partition(".")[0]
    if package not in _WRITERS:
        raise InvalidProblemError(
            f"assign was given a {type(model).__module__}.{type(model).__name__}; it writes into models of "
            f"{', '.join(_WRITERS)}; read solution.decision instead"
        )
    decision = solution.decision
    if solution.problem is None:
        raise NoSolutionError("this solution was loaded without its problem, which names the columns; solve it again")
    if not isinstance(solution.problem, Program) or not isinstance(decision, Point):
        kind = type(solution.problem).__name__
        raise InvalidProblemError(
            f"the solution is of a {kind}, which was read from no model; solve eo.from_{package}(model) and assign that"
        )
    _WRITERS[package](model, solution.problem.column_names, decision.values, solution)
