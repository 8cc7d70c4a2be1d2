"""Each back end called by hand with its defaults, as a user without edgeopt would: what edgeopt is measured against."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .data import Data
from .right import Answer

SECONDS = 5.0
"""Time limit that a back end is told."""

inf = math.inf


def _answer(data: Data, status: str, values: Any = None, message: str = "") -> Answer:
    """Return what a back end said; the objective is summed from its point."""
    if values is None or status not in ("optimal", "feasible"):
        return Answer("failed" if status in ("optimal", "feasible") else status, message=message)
    objective = math.fsum(c * float(x) for c, x in zip(data.cost, values, strict=True))
    return Answer(status, objective, message=message)


def _matrix(data: Data) -> np.ndarray:
    return np.array(data.rows, dtype=float).reshape(len(data.rows), len(data.cost))


def highs(data: Data) -> Answer:
    """HiGHS by highspy's arrays."""
    import highspy
    from scipy import sparse

    model = highspy.Highs()
    model.setOptionValue("output_flag", False)
    model.setOptionValue("time_limit", SECONDS)
    matrix = sparse.csc_array(_matrix(data))
    n, m = len(data.cost), len(data.rows)
    none = np.empty(0, dtype=np.int32)
    model.passModel(
        n,
        m,
        matrix.nnz,
        0,
        1,
        1,
        data.sense,
        0.0,
        np.array(data.cost),
        np.array(data.lower),
        np.array(data.upper),
        np.array(data.row_lower),
        np.array(data.row_upper),
        matrix.indptr.astype(np.int32),
        matrix.indices.astype(np.int32),
        matrix.data,
        none,
        none,
        np.empty(0),
        np.array(data.integer, dtype=np.int32),
    )
    model.run()
    status = model.modelStatusToString(model.getModelStatus())
    known = {
        "Optimal": "optimal",
        "Infeasible": "infeasible",
        "Unbounded": "unbounded",
        "Time limit reached": "no_solution",
    }
    return _answer(data, known.get(status, "failed"), list(model.getSolution().col_value), status)


def scipy(data: Data) -> Answer:
    """``scipy.optimize.milp`` or ``linprog``."""
    import warnings

    from scipy.optimize import Bounds, LinearConstraint, OptimizeWarning, linprog, milp

    cost, matrix = data.sense * np.array(data.cost), _matrix(data)
    low, high = np.array(data.row_lower), np.array(data.row_upper)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OptimizeWarning)
        if any(data.integer):
            rows = [LinearConstraint(matrix, low, high)] if len(data.rows) else []
            found = milp(
                cost,
                integrality=np.array(data.integer, int),
                bounds=Bounds(data.lower, data.upper),
                constraints=rows,
                options={"time_limit": SECONDS},
            )
        else:
            equal = low == high
            above, below = ~equal & np.isfinite(high), ~equal & np.isfinite(low)
            found = linprog(
                cost,
                np.vstack([matrix[above], -matrix[below]]),
                np.r_[high[above], -low[below]],
                matrix[equal],
                low[equal],
                list(zip(data.lower, data.upper, strict=True)),
                options={"time_limit": SECONDS},
            )
    known = {0: "optimal", 1: "no_solution", 2: "infeasible", 3: "unbounded"}
    return _answer(data, known.get(found.status, "failed"), found.x, found.message)


def scip(data: Data) -> Answer:
    """SCIP by PySCIPOpt."""
    import pyscipopt

    model = pyscipopt.Model()
    model.hideOutput()
    model.setParam("limits/time", SECONDS)
    columns = [
        model.addVar(
            vtype="I" if whole else "C",
            obj=cost,
            lb=None if math.isinf(low) else low,
            ub=None if math.isinf(high) else high,
        )
        for whole, cost, low, high in zip(data.integer, data.cost, data.lower, data.upper, strict=True)
    ]
    for row, low, high in zip(data.rows, data.row_lower, data.row_upper, strict=True):
        total = pyscipopt.quicksum(a * x for a, x in zip(row, columns, strict=True) if a)
        if not any(row):
            if low > 0 or high < 0:
                return Answer("infeasible", message="an empty row")
            continue
        if math.isfinite(low) or math.isfinite(high):
            terms = pyscipopt.Expr() + total
            side = {}
            if math.isfinite(low):
                side["lhs"] = low
            if math.isfinite(high):
                side["rhs"] = high
            model.addCons(pyscipopt.scip.ExprCons(terms, **side))
    if data.sense < 0:
        model.setMaximize()
    model.optimize()
    status = model.getStatus()
    values = [model.getVal(x) for x in columns] if status == "optimal" else None
    return _answer(data, status if status in ("optimal", "infeasible", "unbounded") else "no_solution", values, status)


def exactly_whole(data: Data) -> bool:
    """Whether the program is one of CP-SAT's: whole numbers throughout, small enough for 64 bits."""
    if not all(data.integer) or not data.cost:
        return False
    numbers = [*data.cost, *(a for row in data.rows for a in row)]
    if not all(float(a).is_integer() and abs(a) < 2**53 for a in numbers):
        return False
    if any(math.isinf(b) or abs(b) > 2**53 for b in [*data.lower, *data.upper]):
        return False
    reach = [max(abs(low), abs(high)) for low, high in zip(data.lower, data.upper, strict=True)]
    return all(sum(abs(a) * r for a, r in zip(row, reach, strict=True)) < 2**62 for row in [*data.rows, data.cost])


def cp_sat(data: Data, seconds: float = SECONDS) -> Answer | None:
    """CP-SAT on the whole numbers themselves; None where they are none."""
    if not exactly_whole(data):
        return None
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    sides = [(math.ceil(low), math.floor(high)) for low, high in zip(data.lower, data.upper, strict=True)]
    if any(low > high for low, high in sides):
        return Answer("infeasible")
    columns = [model.new_int_var(low, high, f"x{j}") for j, (low, high) in enumerate(sides)]
    for row, low, high in zip(data.rows, data.row_lower, data.row_upper, strict=True):
        lowest = -(2**62) if math.isinf(low) else math.ceil(low)
        highest = 2**62 if math.isinf(high) else math.floor(high)
        if lowest > highest:
            return Answer("infeasible")
        model.add_linear_expression_in_domain(_sum(row, columns), cp_model.Domain(lowest, highest))
    total = _sum(data.cost, columns)
    (model.minimize if data.sense > 0 else model.maximize)(total)
    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = seconds
    solver.parameters.num_workers = 1
    status = solver.solve(model)
    known = {cp_model.OPTIMAL: "optimal", cp_model.INFEASIBLE: "infeasible", cp_model.FEASIBLE: "feasible"}
    said = known.get(status, "no_solution")
    values = [solver.value(x) for x in columns] if said in ("optimal", "feasible") else None
    return _answer(data, said, values, solver.status_name(status))


def _sum(row: list[float], columns: list[Any]) -> Any:
    from ortools.sat.python import cp_model

    return cp_model.LinearExpr.weighted_sum(columns, [int(a) for a in row])


def glop(data: Data) -> Answer | None:
    """GLOP by OR-Tools' linear solver; None for integer columns."""
    if any(data.integer):
        return None
    from ortools.linear_solver import pywraplp

    model = pywraplp.Solver.CreateSolver("GLOP")
    model.set_time_limit(int(1000 * SECONDS))
    columns = [model.NumVar(low, high, "") for low, high in zip(data.lower, data.upper, strict=True)]
    for row, low, high in zip(data.rows, data.row_lower, data.row_upper, strict=True):
        constraint = model.Constraint(low, high)
        for a, x in zip(row, columns, strict=True):
            constraint.SetCoefficient(x, a)
    objective = model.Objective()
    for c, x in zip(data.cost, columns, strict=True):
        objective.SetCoefficient(x, c)
    (objective.SetMinimization if data.sense > 0 else objective.SetMaximization)()
    status = model.Solve()
    known = {model.OPTIMAL: "optimal", model.UNBOUNDED: "unbounded", model.FEASIBLE: "feasible"}
    # Its presolve says INFEASIBLE for "infeasible or unbounded": with that word alone nothing is claimed.
    said = known.get(status, "failed")
    if status == model.INFEASIBLE:
        said = _without_presolve(model)
    return _answer(
        data, said, [x.solution_value() for x in columns] if said in ("optimal", "feasible") else None, str(status)
    )


def _without_presolve(model: Any) -> str:
    from ortools.linear_solver import pywraplp

    parameters = pywraplp.MPSolverParameters()
    parameters.SetIntegerParam(pywraplp.MPSolverParameters.PRESOLVE, pywraplp.MPSolverParameters.PRESOLVE_OFF)
    status = model.Solve(parameters)
    return {model.INFEASIBLE: "infeasible", model.UNBOUNDED: "unbounded", model.OPTIMAL: "optimal"}.get(
        status, "failed"
    )


BY_HAND: dict[str, Callable[[Data], Answer | None]] = {
    "auto": highs,
    "highs": highs,
    "scipy": scipy,
    "pyomo": highs,
    "cvxpy": highs,
    "cvxpy:SCIP": scip,
    "cp-sat": cp_sat,
    "glop": glop,
}
"""The back end that stands behind each of edgeopt's solvers."""
