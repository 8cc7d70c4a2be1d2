"""The cone programs to which CVXPY reduces its problems, where the cones are linear, and the names of their entries."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from ...model.problem import Sense
from ...model.program import Program
from .shared import bool_bounds, distinct, refused

if TYPE_CHECKING:
    from numpy.typing import NDArray

OWN = "_edgeopt_names"
"""Attribute of a variable that ``to_cvxpy`` made: the names of the columns that its entries were made of."""

LINEAR = frozenset({"Equality", "Zero", "Inequality", "NonNeg", "NonPos"})
"""Classes of CVXPY's constraints that are rows."""


def label(k: int, constraint: Any) -> str:
    """Name of constraint `k` of a problem."""
    return str(getattr(constraint, "label", None) or f"constraints[{k}]")


def reduced_form(problem: Any) -> tuple[list[Any], list[Any], Any]:
    """CVXPY's reductions to the form that solvers get, what their inverses need, and that form.

    Raises
    ------
    InvalidProblemError
        If CVXPY cannot write the problem in that form; says in its words why.
    """
    # CVXPY starts what it adds from the values of variables, and fails on some: they are put aside meanwhile.
    values = [(variable, variable._value) for variable in problem.variables()]
    for variable, _ in values:
        variable.save_value(None)
    try:
        return _applied(problem)
    except Exception as error:  # whatever CVXPY raises on its way
        words = f"cannot be rewritten as a linear program by CVXPY itself ({type(error).__name__}: {error})"
        raise refused("the CVXPY problem", words, "write it with linear terms") from error
    finally:
        for variable, value in values:
            variable.save_value(value)


def _applied(problem: Any) -> tuple[list[Any], list[Any], Any]:
    import cvxpy

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
    return reductions, inverses, reduced


def cone_program(
    problem: Any, reduced: Any, inverses: list[Any]
) -> tuple[Program, NDArray[np.intp], tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Program of a cone program whose cones are zero or nonnegative; rows read ``left - right <= 0`` or ``== 0``.

    Also the rows of the cone program that are rows, and those that give the bounds of the columns.
    """
    beyond = [kind.__name__ for kind, held in reduced.constr_map.items() if held and kind.__name__ not in LINEAR]
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
            names += [_spelled(label(k, user), place) for place in places]
        equal += [type(constraint).__name__ in ("Zero", "Equality")] * constraint.size
        bare += [user is not None and not getattr(user, "label", None)] * constraint.size
    return names, np.array(equal, dtype=bool), np.array(bare, dtype=bool)
