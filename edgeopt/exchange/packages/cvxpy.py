"""CVXPY problems, in the form that CVXPY's own reductions give them.

CVXPY writes ``max``, ``abs`` and ``norm1`` with columns and rows of its own, takes symmetric variables to their upper
triangle, and puts the values of parameters in. What comes out is a linear cone program, and the same reductions,
backwards, give the values of the user's own variables.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from ...model.problem import Sense
from ...model.program import Program
from .shared import bool_bounds, distinct, not_a_model, refused

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .answer import Answer

OWN = "_edgeopt_names"
"""Attribute of a variable that ``to_cvxpy`` made: the names of the columns that its entries were made of."""

_CONES = ("PSD", "NSD", "hermitian", "complex", "imag")
_LINEAR = frozenset({"Equality", "Zero", "Inequality", "NonNeg", "NonPos"})


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
    # CVXPY multiplies 0 by the infinite bounds of variables on its way.
    with warnings.catch_warnings(), np.errstate(invalid="ignore"):
        # CVXPY warns of speed where a problem is no DPP, and of its own calls where it expands a FiniteSet.
        warnings.simplefilter("ignore", UserWarning)
        warnings.simplefilter("ignore", FutureWarning)
        _, chain, _ = problem.get_problem_data(cvxpy.HIGHS)
        # The last reduction is the solver's own format.
        reductions, inverses, reduced = list(chain.reductions[:-1]), [], problem
        for reduction in reductions:
            reduced, inverse = reduction.apply(reduced)
            inverses.append(inverse)
    program, kept, bounds = _program(problem, reduced, inverses)
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
        if type(constraint).__name__ not in _LINEAR:
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
    return f"constraint {_label(k, constraint)!r} of the CVXPY problem"


def _label(k: int, constraint: Any) -> str:
    return str(getattr(constraint, "label", None) or f"constraints[{k}]")


def _shortened(expression: Any) -> str:
    text = str(expression)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _program(
    problem: Any, reduced: Any, inverses: list[Any]
) -> tuple[Program, NDArray[np.intp], tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Program of a cone program whose cones are zero or nonnegative; rows read ``left - right <= 0`` or ``== 0``.

    Also the rows of the cone program that are rows, and those that give the bounds of the columns.
    """
    beyond = [kind.__name__ for kind, held in reduced.constr_map.items() if held and kind.__name__ not in _LINEAR]
    if beyond:
        raise refused("the CVXPY problem", f"needs cones that are not linear: {', '.join(beyond)}", "write it linearly")
    cost, offset, matrix, constant = reduced.apply_parameters()
    names, equal, bare = _row_names(problem, reduced, inverses)
    # CVXPY holds left - right in the zero cone, right - left in the nonnegative one.
    side = np.where(equal, -1.0, 1.0) * np.asarray(constant, dtype=float) + 0.0
    rows = sparse.csr_array(sparse.diags_array(np.where(equal, 1.0, -1.0)) @ sparse.csr_array(matrix))
    rows.eliminate_zeros()
    lower, upper, integral = _bounds(reduced)
    single = bare & ~equal & (np.diff(rows.indptr) == 1)
    single[single] = np.abs(rows.data[rows.indptr[:-1][single]]) == 1
    bounds = _narrow(lower, upper, rows, side, np.flatnonzero(single))
    kept = np.flatnonzero(~single)
    sign, sense = (-1.0, Sense.MAXIMIZE) if problem.objective.NAME == "maximize" else (1.0, Sense.MINIMIZE)
    program = Program(
        sign * np.asarray(cost, dtype=float) + 0.0,
        sparse.csc_array(rows[kept]),
        np.where(equal, side, -np.inf)[kept],
        side[kept],
        lower,
        upper,
        integral,
        sense,
        sign * float(np.asarray(offset).item()) + 0.0,
        distinct(_column_names(problem, reduced, inverses), "x"),
        distinct([names[i] for i in kept.tolist()], "row"),
    )
    return program, kept, bounds


def _bounds(reduced: Any) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    size = reduced.x.size
    given = (getattr(reduced, "lower_bounds", None), getattr(reduced, "upper_bounds", None))
    lower = np.full(size, -np.inf) if given[0] is None else np.array(given[0], dtype=float)
    upper = np.full(size, np.inf) if given[1] is None else np.array(given[1], dtype=float)
    binary, integral = np.zeros(size, dtype=bool), np.zeros(size, dtype=bool)
    binary[[int(index[0]) for index in reduced.x.boolean_idx]] = True
    integral[[int(index[0]) for index in reduced.x.integer_idx]] = True
    return *bool_bounds(lower, upper, binary), binary | integral


def _narrow(
    lower: NDArray[np.float64],
    upper: NDArray[np.float64],
    matrix: sparse.csr_array,
    constant: NDArray[np.float64],
    rows: NDArray[np.intp],
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Narrow bounds in place to what the rows ``x <= constant`` and ``-x <= constant`` say.

    Returns the row that each lower and each upper bound comes from, -1 where it is the column's own.
    """
    entries = matrix.indptr[rows]
    where, above = matrix.indices[entries], matrix.data[entries] > 0
    np.minimum.at(upper, where[above], constant[rows[above]])
    np.maximum.at(lower, where[~above], -constant[rows[~above]] + 0.0)
    origins = (np.full(lower.size, -1, dtype=np.intp), np.full(upper.size, -1, dtype=np.intp))
    for origin, bound, of, value in (
        (origins[0], lower, ~above, -constant[rows]),
        (origins[1], upper, above, constant[rows]),
    ):
        tight = of & (value == bound[where])
        origin[where[tight]] = rows[tight]
    return origins


def _column_names(problem: Any, reduced: Any, inverses: list[Any]) -> list[str]:
    """Names of the columns, after the user's variable that each is an entry of."""
    names = [""] * reduced.x.size
    own = {variable.id: variable for variable in problem.variables()}
    # CVXPY replaces variables whose attributes it expands; the second reduction's inverse says by which.
    for inverse in inverses:
        if isinstance(inverse, tuple) and len(inverse) == 3 and isinstance(inverse[1], dict):
            for number, variable in inverse[0].items():
                if number in own:
                    own[variable.id] = own[number]
    auxiliary = 0
    for variable in reduced.variables:
        at = reduced.var_id_to_col[variable.id]
        for k in range(variable.size):
            if variable.id not in own:
                names[at + k] = f"auxiliary[{auxiliary}]"
                auxiliary += 1
        if variable.id in own:
            names[at : at + variable.size] = _entries(own[variable.id], variable.size)
    return names


def _entries(variable: Any, size: int) -> list[str]:
    """Names of the entries of a user's variable that CVXPY keeps as columns."""
    if len(own := getattr(variable, OWN, ())) == size:
        return list(own)
    index: Iterable[Iterable[int]] = _indices(variable.shape)
    if variable.attributes["diag"]:
        index = ((i, i) for i in range(size))
    elif variable.attributes["symmetric"]:
        index = np.transpose(np.triu_indices(variable.shape[-1])).tolist()
    elif variable.sparse_idx is not None:
        index = np.transpose(variable.sparse_idx).tolist()
    return [_spelled(variable.name(), tuple(place)) for place in index]


def _indices(shape: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Every index of a shape, the first dimension running fastest, as CVXPY stores arrays."""
    return (index[::-1] for index in np.ndindex(*shape[::-1]))


def _spelled(name: str, index: tuple[int, ...]) -> str:
    return f"{name}[{', '.join(map(str, index))}]" if index else name


def _row_names(
    problem: Any, reduced: Any, inverses: list[Any]
) -> tuple[list[str], NDArray[np.bool_], NDArray[np.bool_]]:
    """Name of each row, which are equations, and which belong to a constraint without a label."""
    last = {constraint.id: constraint.id for constraint in problem.constraints}
    for inverse in inverses:
        moved = inverse[2] if isinstance(inverse, tuple) and len(inverse) == 3 else getattr(inverse, "cons_id_map", {})
        last = {first: moved.get(number, number) for first, number in last.items()}
    own = {last[constraint.id]: (k, constraint) for k, constraint in enumerate(problem.constraints)}
    names: list[str] = []
    equal: list[bool] = []
    bare: list[bool] = []
    auxiliary = 0
    for constraint in reduced.constraints:
        k, user = own.get(constraint.id, (-1, None))
        if user is None:
            names += [f"auxiliary_row[{auxiliary + i}]" for i in range(constraint.size)]
            auxiliary += constraint.size
        else:
            same = constraint.shape == user.shape
            places = _indices(constraint.shape) if same else ((i,) for i in range(constraint.size))
            names += [_spelled(_label(k, user), place) for place in places]
        equal += [type(constraint).__name__ in ("Zero", "Equality")] * constraint.size
        bare += [user is not None and not getattr(user, "label", None)] * constraint.size
    return names, np.array(equal, dtype=bool), np.array(bare, dtype=bool)
