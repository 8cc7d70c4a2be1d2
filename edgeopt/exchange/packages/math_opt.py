"""MathOpt models of OR-Tools, by their proto."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from ...model.problem import Sense
from ...model.program import Program
from .indicators import add_indicator
from .shared import Columns, Rows, collected, refused

if TYPE_CHECKING:
    from .answer import Answer

_REFUSED = {
    "quadratic_constraints": "quadratic",
    "second_order_cone_constraints": "a second-order cone",
    "sos1_constraints": "a special ordered set",
    "sos2_constraints": "a special ordered set",
}


def from_math_opt(model: Any) -> Program:
    """Read a ``mathopt.Model``; see :func:`edgeopt.from_ortools`."""
    proto = model.export_model()
    _check(proto)
    columns, rows = Columns(), Rows()
    given = proto.variables
    places = {number: j for j, number in enumerate(given.ids)}
    for j, name in enumerate(_named(given)):
        columns.add(name, given.lower_bounds[j], given.upper_bounds[j], given.integers[j])
    _read_rows(rows, proto, places)
    for number, indicator in sorted(proto.indicator_constraints.items()):
        _read_indicator(columns, rows, indicator, number, places)
    cost, goal = np.zeros(len(places)), proto.objective
    cost[[places[number] for number in goal.linear_coefficients.ids]] = goal.linear_coefficients.values
    sense = Sense.MAXIMIZE if goal.maximize else Sense.MINIMIZE
    return collected(columns, rows, cost, sense=sense, offset=float(goal.offset), name=proto.name)


def assign_math_opt(model: Any, answer: Answer) -> None:
    """Say what to read instead: a MathOpt model holds no values."""
    raise refused(
        "a MathOpt model",
        "holds no values",
        "read dict(zip(program.column_names, solution.decision.values)), or pass them to mathopt.SolutionHint",
    )


def _named(given: Any) -> list[str]:
    return list(given.names) if len(given.names) == len(given.ids) else [""] * len(given.ids)


def _check(proto: Any) -> None:
    for field, kind in _REFUSED.items():
        for number, constraint in sorted(getattr(proto, field).items()):
            raise refused(
                f"constraint {constraint.name or number!r} of the MathOpt model",
                f"is {kind}, which no linear program holds",
                "write it with linear constraints",
            )
    for number, goal in sorted(proto.auxiliary_objectives.items()):
        raise refused(
            f"objective {goal.name or number!r} of the MathOpt model", "is a second one", "delete all but one"
        )
    if any(proto.objective.quadratic_coefficients.coefficients):
        raise refused(
            f"the objective {proto.objective.name!r} of the MathOpt model", "is quadratic", "leave its linear terms"
        )


def _read_rows(rows: Rows, proto: Any, places: dict[int, int]) -> None:
    held, matrix = proto.linear_constraints, proto.linear_constraint_matrix
    order = {number: i for i, number in enumerate(held.ids)}
    where = ([order[number] for number in matrix.row_ids], [places[number] for number in matrix.column_ids])
    shape = (len(order), len(places))
    by_row = sparse.csr_array(sparse.coo_array((np.array(matrix.coefficients, dtype=float), where), shape=shape))
    for i, name in enumerate(_named(held)):
        entries = slice(by_row.indptr[i], by_row.indptr[i + 1])
        rows.add(
            name or f"row[{i}]",
            by_row.indices[entries].tolist(),
            by_row.data[entries].tolist(),
            held.lower_bounds[i],
            held.upper_bounds[i],
        )


def _read_indicator(columns: Columns, rows: Rows, indicator: Any, number: int, places: dict[int, int]) -> None:
    name = indicator.name or f"indicator[{number}]"
    if not indicator.HasField("indicator_id"):  # its variable was deleted: MathOpt takes it for false
        return
    condition = places[indicator.indicator_id]
    if not columns.integral[condition] or columns.lower[condition] < 0 or columns.upper[condition] > 1:
        raise refused(
            f"constraint {name!r} of the MathOpt model",
            f"depends on {columns.names[condition]!r}, which is not binary",
            "use model.add_binary_variable",
        )
    terms = indicator.expression
    add_indicator(
        columns,
        rows,
        name,
        [places[k] for k in terms.ids],
        list(terms.values),
        (indicator.lower_bound, indicator.upper_bound),
        [(condition, not indicator.activate_on_zero)],
    )
