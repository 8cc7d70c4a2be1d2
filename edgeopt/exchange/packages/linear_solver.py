"""OR-Tools' two older interfaces, ``pywraplp.Solver`` and ``model_builder.Model``, by the proto that both export."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...model.problem import Sense
from ...model.program import Program
from .indicators import add_indicator
from .shared import Columns, Rows, collected, distinct, refused

if TYPE_CHECKING:
    from .answer import Answer

_KINDS = {
    "sos_constraint": "a special ordered set",
    "quadratic_constraint": "quadratic",
    "abs_constraint": "an absolute value",
    "and_constraint": "a conjunction",
    "or_constraint": "a disjunction",
    "min_constraint": "a minimum",
    "max_constraint": "a maximum",
}


def from_linear_solver(model: Any) -> Program:
    """Read a ``pywraplp.Solver`` or a ``model_builder.Model``; see :func:`edgeopt.from_ortools`."""
    proto = _proto(model)
    if len(proto.quadratic_objective.coefficient):
        raise refused("the objective of the OR-Tools model", "is quadratic", "leave its linear terms")
    columns, rows = Columns(), Rows()
    names = _names(proto)
    for name, variable in zip(names, proto.variable, strict=True):
        columns.add(name, variable.lower_bound, variable.upper_bound, variable.is_integer)
    for i, row in enumerate(proto.constraint):
        rows.add(row.name or f"row[{i}]", row.var_index, row.coefficient, row.lower_bound, row.upper_bound)
    for k, general in enumerate(proto.general_constraint):
        _read_general(columns, rows, general, general.name or f"indicator[{k}]")
    cost = np.array([variable.objective_coefficient for variable in proto.variable], dtype=float)
    sense = Sense.MAXIMIZE if proto.maximize else Sense.MINIMIZE
    return collected(columns, rows, cost, sense=sense, offset=float(proto.objective_offset), name=proto.name)


def assign_pywraplp(solver: Any, answer: Answer) -> None:
    """Hand the values over as a solution that was found elsewhere, where ``x.solution_value()`` reads them.

    With proved prices of a linear program ``row.dual_value()`` and ``x.reduced_cost()`` have theirs too.
    """
    from ortools.linear_solver import linear_solver_pb2

    proto = _proto(solver)
    names = _names(proto)
    found = linear_solver_pb2.MPSolutionResponse()
    found.status = linear_solver_pb2.MPSOLVER_OPTIMAL if answer.optimal else linear_solver_pb2.MPSOLVER_FEASIBLE
    found.objective_value = answer.solution.objective
    found.variable_value.extend(answer.values(names, "ortools").tolist())
    duals = answer.row_duals(distinct([row.name or f"row[{i}]" for i, row in enumerate(proto.constraint)], "row"))
    reduced = None if duals is None else answer.reduced_costs(names, "ortools")
    if duals is not None and reduced is not None:
        found.dual_value.extend(duals.tolist())
        found.reduced_cost.extend(reduced.tolist())
    if not solver.LoadSolutionFromProto(found):
        raise refused("pywraplp", "does not take the solution", "read solution.decision.values instead")


def assign_model_builder(model: Any, answer: Answer) -> None:
    """Hand the values over as the model's hint: a ``model_builder.Model`` holds no values."""
    ordered = answer.values(_names(_proto(model)), "ortools")
    model.clear_hints()
    for place, value in enumerate(ordered.tolist()):
        model.add_hint(model.var_from_index(place), value)


def _proto(model: Any) -> Any:
    """Return the model as an ``MPModelProto``."""
    if hasattr(model, "export_to_proto"):
        return model.export_to_proto()
    from ortools.linear_solver import linear_solver_pb2

    proto = linear_solver_pb2.MPModelProto()
    model.ExportModelToProto(proto)
    return proto


def _names(proto: Any) -> list[str]:
    return distinct([variable.name for variable in proto.variable], "x")


def _read_general(columns: Columns, rows: Rows, general: Any, name: str) -> None:
    kind = general.WhichOneof("general_constraint")
    if kind != "indicator_constraint":
        raise refused(
            f"constraint {name!r} of the OR-Tools model",
            f"is {_KINDS.get(kind, kind)}, which is not read",
            "write it with linear constraints",
        )
    indicator = general.indicator_constraint
    condition, row = indicator.var_index, indicator.constraint
    if not columns.integral[condition] or columns.lower[condition] < 0 or columns.upper[condition] > 1:
        raise refused(
            f"constraint {name!r} of the OR-Tools model",
            f"depends on {columns.names[condition]!r}, which is not binary",
            "use a Boolean variable",
        )
    add_indicator(
        columns,
        rows,
        name,
        list(row.var_index),
        list(row.coefficient),
        (row.lower_bound, row.upper_bound),
        [(condition, bool(indicator.var_value))],
    )
