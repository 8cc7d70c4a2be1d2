"""Programs in the modelling languages that their users know: real, named models, to edit and solve in their own way.

The other way, from a user's model to a program, is in :mod:`edgeopt.exchange.packages`.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from ..model.errors import InvalidProblemError
from ..model.problem import Sense
from .packages.cvxpy_cones import OWN as CVXPY_NAMES
from .packages.pyomo import OWN as PYOMO_NAMES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..model.program import Program
    from ..model.squares import Squares


def to_pyomo(program: Program) -> Any:
    """Return `program` as a Pyomo ``ConcreteModel``.

    Its components are ``x`` (variables, indexed by column name), ``rows`` (constraints, indexed by row name; free rows
    are left out) and ``objective``.

    Raises
    ------
    InvalidProblemError
        If a row without columns is violated whatever the point: Pyomo cannot hold it.
    """
    import pyomo.environ as pyo
    from pyomo.core.expr.numeric_expr import LinearExpression

    model = pyo.ConcreteModel(name=program.name or "program")
    names = list(program.column_names)
    lower, upper = program.lower.tolist(), program.upper.tolist()
    place = {name: j for j, name in enumerate(names)}
    integer = program.integrality.tolist()
    model.x = pyo.Var(
        names,
        domain=lambda _, name: pyo.Integers if integer[place[name]] else pyo.Reals,
        bounds=lambda _, name: (_finite(lower[place[name]]), _finite(upper[place[name]])),
    )
    variables = [model.x[name] for name in names]
    model.rows = pyo.Constraint(pyo.Any)
    by_row = program.matrix.tocsr()
    starts, indices, values = by_row.indptr.tolist(), by_row.indices.tolist(), by_row.data.tolist()
    sides = zip(program.row_lower.tolist(), program.row_upper.tolist(), strict=True)
    for i, (low, high) in enumerate(sides):
        place_of = slice(starts[i], starts[i + 1])
        body = LinearExpression(
            constant=0.0, linear_coefs=values[place_of], linear_vars=[variables[j] for j in indices[place_of]]
        )
        _add_row(model.rows, program.row_names[i], body, low, high)
    costs = LinearExpression(constant=program.offset, linear_coefs=program.cost.tolist(), linear_vars=variables)
    if program.squares is not None:
        costs = costs + program.sense.sign * _pyomo_squares(program.squares, variables)
    model.objective = pyo.Objective(expr=costs, sense=pyo.minimize if program.sense.sign > 0 else pyo.maximize)
    setattr(model, PYOMO_NAMES, True)
    return model


def _pyomo_squares(squares: Squares, variables: list[Any]) -> Any:
    """Return the weighted sum of the squares as an expression of Pyomo."""
    from pyomo.core.expr.numeric_expr import LinearExpression

    by_row = squares.matrix.tocsr()
    total: Any = 0.0
    for i, (weight, offset) in enumerate(zip(squares.weight.tolist(), squares.offset.tolist(), strict=True)):
        place = slice(by_row.indptr[i], by_row.indptr[i + 1])
        inner = LinearExpression(
            constant=offset,
            linear_coefs=by_row.data[place].tolist(),
            linear_vars=[variables[j] for j in by_row.indices[place].tolist()],
        )
        total += weight * inner**2 if place.stop > place.start else weight * offset**2
    return total


def _finite(bound: float) -> float | None:
    return bound if np.isfinite(bound) else None


def _add_row(rows: Any, name: str, body: Any, low: float, high: float) -> None:
    if np.isinf(low) and np.isinf(high):
        return
    if body.nargs() == 0:  # Pyomo has no constraint without variables
        if low > 0 or high < 0:
            raise InvalidProblemError(
                f"row {name} has no columns and bounds [{low}, {high}]; Pyomo cannot hold what no point satisfies"
            )
        return
    rows[name] = (body, low) if low == high else (_finite(low), body, _finite(high))


def to_cvxpy(program: Program) -> Any:
    """Return `program` as a CVXPY ``Problem`` that is disciplined in its parameters (DPP).

    The variable is called ``x``. The parameter ``cost`` holds the linear costs; ``row_equal``, ``row_lower``,
    ``row_upper``, ``lower`` and ``upper`` hold the finite bounds, in the order of their rows or columns, one constraint
    each in this order (those that are empty are left out, as are rows without entries that every point satisfies). The
    matrix and the squares of a quadratic objective, with the roots of their weights, are constant, so new costs and
    bounds re-solve quickly.
    """
    import cvxpy

    def parameter(name: str, values: NDArray[np.float64]) -> Any:
        return cvxpy.Parameter(values.size, name=name, value=values)

    integers = np.nonzero(program.integrality)
    x = cvxpy.Variable(program.columns, name="x", integer=integers if program.integral else False)
    setattr(x, CVXPY_NAMES, program.column_names)
    matrix, rows = program.matrix.tocsr(), cvxpy_rows(program)
    constraints = []
    for name, expression, bound, where in (
        ("row_equal", matrix, program.row_lower, rows["row_equal"]),
        ("row_lower", matrix, program.row_lower, rows["row_lower"]),
        ("row_upper", matrix, program.row_upper, rows["row_upper"]),
        ("lower", None, program.lower, np.isfinite(program.lower)),
        ("upper", None, program.upper, np.isfinite(program.upper)),
    ):
        if not where.any():
            continue
        left = (x if where.all() else x[np.flatnonzero(where)]) if expression is None else expression[where] @ x
        right = parameter(name, bound[where])
        relation = operator.eq if name == "row_equal" else operator.ge if "lower" in name else operator.le
        constraints.append(relation(left, right))
    goal = parameter("cost", program.cost) @ x + program.offset
    if (squares := program.squares) is not None:
        # Weights outside of the squares would make CVXPY hold a dense matrix of squares by squares.
        root = np.sqrt(squares.weight)
        inner = sparse.csr_array(sparse.diags_array(root) @ squares.matrix)
        total = cvxpy.sum_squares(inner @ x + root * squares.offset)
        goal = goal - total if program.sense is Sense.MAXIMIZE else goal + total
    objective = cvxpy.Maximize(goal) if program.sense is Sense.MAXIMIZE else cvxpy.Minimize(goal)
    return cvxpy.Problem(objective, constraints)


def cvxpy_rows(program: Program) -> dict[str, NDArray[np.bool_]]:
    """Which rows each of the three constraints on rows of :func:`to_cvxpy` holds, by the name of its parameter."""
    entries = np.bincount(program.matrix.indices[program.matrix.data != 0], minlength=program.rows)
    # Some back ends cannot hold a row of zeros; one that no point satisfies is theirs to refuse.
    told = (entries > 0) | (program.row_lower > 0) | (program.row_upper < 0)
    equal = program.row_lower == program.row_upper
    return {
        "row_equal": told & equal,
        "row_lower": told & ~equal & np.isfinite(program.row_lower),
        "row_upper": told & ~equal & np.isfinite(program.row_upper),
    }
