"""CVXPY problems, in the form that CVXPY's own reductions give them.

CVXPY writes ``max``, ``abs`` and ``norm1`` with columns and rows of its own, takes symmetric variables to their upper
triangle, and puts the values of parameters in. What comes out is a linear cone program, and the same reductions,
backwards, give the values of the user's own variables.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .cvxpy_cones import LINEAR, cone_program, label, reduced_form
from .shared import not_a_model, refused

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...model.program import Program
    from .answer import Answer

_CONES = ("PSD", "NSD", "hermitian", "complex", "imag")


def from_cvxpy(problem: Any) -> Program:
    """Read a CVXPY problem as a program, with the values that its parameters have now.

    Columns are called ``name[i, j]`` after the variable and its index. Constraint ``k`` gives rows
    ``constraints[k][i, j]``, or ``label[i, j]`` where it has a label. A constraint without a label that bounds single
    variables by constants (``x >= lower``) gives bounds of columns. ``abs``, ``max``, ``norm1`` and the like are
    rewritten by CVXPY itself; the columns that it adds are called ``auxiliary[k]``.

    Parameters
    ----------
    problem : cvxpy.Problem

    Raises
    ------
    InvalidProblemError
        If a constraint or the objective is not (piecewise) linear, a parameter has no value, or a variable is a
        matrix of a cone; names it.
    """
    return _reading(problem).program


def assign_cvxpy(problem: Any, answer: Answer) -> None:
    """Write the values into the variables, duals into the constraints, and value and status into the problem."""
    import cvxpy

    reading = _reading(problem)
    ordered = answer.values(reading.program.column_names, "cvxpy")
    duals = _multipliers(reading, answer)
    found = cvxpy.reductions.solution.Solution(cvxpy.OPTIMAL, None, {reading.column: ordered}, duals, {})
    for reduction, inverse in zip(reversed(reading.reductions), reversed(reading.inverses), strict=True):
        found = reduction.invert(found, inverse)
    found.status = cvxpy.OPTIMAL if answer.optimal else cvxpy.USER_LIMIT
    for constraint in problem.constraints:
        for dual in constraint.dual_variables:
            dual.save_value(None)  # what another solve left
    if not duals:
        found.dual_vars = {}
    problem.unpack(found)


@dataclass
class _Reading:
    """A program, and the way back from it to the user's variables and constraints.

    Attributes
    ----------
    column : int
        CVXPY's number of the variable that holds all columns.
    cones : list of (int, int)
        CVXPY's number and the size of each constraint, which hold the rows of the cone program in turn.
    kept : (rows,) int
        Row of the cone program that each row of the program is.
    bounds : pair of (columns,) int
        Row of the cone program that gives the lower or upper bound of each column; -1 where none does.
    """

    program: Program
    column: int
    reductions: list[Any]
    inverses: list[Any]
    cones: list[tuple[int, int]]
    kept: NDArray[np.intp]
    bounds: tuple[NDArray[np.intp], NDArray[np.intp]]


def _multipliers(reading: _Reading, answer: Answer) -> dict[int, Any]:
    """Lagrange multipliers of the constraints of the cone program, by their number; none where no prices are proved.

    CVXPY adds each ``left - right`` times its multiplier to what is minimised, so that those of inequalities are not
    negative. The reduced cost of a column is the multiplier of the row that its bound comes from.
    """
    program = reading.program
    duals = answer.row_duals(program.row_names)
    reduced = None if duals is None else answer.reduced_costs(program.column_names, "cvxpy")
    if duals is None or reduced is None:
        return {}
    sign = program.sense.sign
    found = np.zeros(sum(size for _, size in reading.cones))
    found[reading.kept] = -sign * duals + 0.0
    for rows, pull in zip(reading.bounds, (sign * reduced, -sign * reduced), strict=True):
        found[rows[rows >= 0]] = np.maximum(pull[rows >= 0], 0.0)
    multipliers: dict[int, Any] = {}
    at = 0
    for number, size in reading.cones:
        multipliers[number] = found[at] if size == 1 else found[at : at + size]
        at += size
    return multipliers


def _reading(problem: Any) -> _Reading:
    import cvxpy

    if not isinstance(problem, cvxpy.Problem):
        raise not_a_model(problem, "from_cvxpy", "a cvxpy.Problem")
    _check(problem)
    reductions, inverses, reduced = reduced_form(problem)
    program, kept, bounds = cone_program(problem, reduced, inverses)
    cones = [(constraint.id, constraint.size) for constraint in reduced.constraints]
    return _Reading(program, reduced.x.id, reductions, inverses, cones, kept, bounds)


def _check(problem: Any) -> None:
    if not problem.variables():
        raise refused("the CVXPY problem", "has no variables", "read its constant as problem.objective.value")
    for parameter in problem.parameters():
        if parameter.value is None:
            raise refused(f"parameter {parameter.name()!r} of the CVXPY problem", "has no value", "set its .value")
    for variable in problem.variables():
        for attribute in _CONES:
            if variable.attributes[attribute]:
                raise refused(
                    f"variable {variable.name()!r} of the CVXPY problem",
                    f"is declared {attribute}, which no linear program holds",
                    "declare it real, without that",
                )
    for k, constraint in enumerate(problem.constraints):
        if type(constraint).__name__ == "FiniteSet":
            continue  # CVXPY writes it with binary columns
        if type(constraint).__name__ not in LINEAR:
            kind = f"is of the kind {type(constraint).__name__}, which no linear program holds"
            raise refused(_constraint(k, constraint), kind, "write it with linear constraints")
        _check_expression(_constraint(k, constraint), constraint.expr, constraint.is_dcp())
    # At least one sign of the objective has to be convex: the one that is minimised.
    _check_expression("the objective of the CVXPY problem", problem.objective.expr, problem.objective.is_dcp())


def _check_expression(what: str, expression: Any, disciplined: bool) -> None:
    if not disciplined:
        raise refused(f"{what}", f"is not convex by CVXPY's rules (DCP): {_shortened(expression)}", "rewrite it")
    if not (expression.is_pwl() or (-expression).is_pwl()):
        raise refused(
            f"{what}",
            f"is not linear: {_shortened(expression)}",
            "write it with linear terms, abs, max or norm1, or solve it with CVXPY itself",
        )


def _constraint(k: int, constraint: Any) -> str:
    return f"constraint {label(k, constraint)!r} of the CVXPY problem"


def _shortened(expression: Any) -> str:
    text = str(expression)
    return text if len(text) <= 80 else f"{text[:77]}..."
