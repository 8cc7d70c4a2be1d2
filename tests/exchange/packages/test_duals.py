"""Duals written back into models: those that the package's own solve of the same model gives, with its signs."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import cvxpy as cp
import highspy
import numpy as np
import pulp
import pyomo.environ as pyo
import pytest
from ortools.linear_solver import pywraplp

import edgeopt as eo

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what it imports warns of deprecations
    import linopy
    import pandas as pd
    import xarray as xr

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

SEEDS = range(12)
ROWS, COLUMNS = 7, 6
SMALL = {"rel": 1e-6, "abs": 1e-6}


@dataclass
class Drawn:
    """A linear program with a unique optimum and unique duals: its numbers are in general position."""

    maximize: bool
    cost: np.ndarray
    matrix: np.ndarray
    row_lower: np.ndarray
    row_upper: np.ndarray
    lower: np.ndarray
    upper: np.ndarray

    def goal(self, x):
        return sum(c * v for c, v in zip(self.cost.tolist(), x, strict=True)) + 2.5

    def row(self, i, x):
        return sum(a * v for a, v in zip(self.matrix[i].tolist(), x, strict=True))


def drawn(seed, maximize):
    """Rows of every kind around an inner point; each column has the bound that its cost pushes it to."""
    rng = np.random.default_rng([seed, maximize])
    matrix, inner = rng.normal(size=(ROWS, COLUMNS)), rng.normal(size=COLUMNS)
    cost, activity = rng.normal(size=COLUMNS), matrix @ inner
    row_lower, row_upper = activity - rng.uniform(0.05, 1, ROWS), activity + rng.uniform(0.05, 1, ROWS)
    row_lower[:2], row_upper[2:4] = -np.inf, np.inf
    row_lower[4] = row_upper[4] = activity[4]
    lower, upper = inner - rng.uniform(0.1, 2, COLUMNS), inner + rng.uniform(0.1, 2, COLUMNS)
    falls = (cost > 0) != maximize
    lower[~falls & (rng.random(COLUMNS) < 0.5)] = -np.inf
    upper[falls & (rng.random(COLUMNS) < 0.5)] = np.inf
    return Drawn(maximize, cost, matrix, row_lower, row_upper, lower, upper)


def end(bound):
    return float(bound) if math.isfinite(bound) else None


both_senses = pytest.mark.parametrize("maximize", [False, True])
each_seed = pytest.mark.parametrize("seed", SEEDS)


@both_senses
@each_seed
def test_pyomos_suffixes(seed, maximize):
    given, model = drawn(seed, maximize), pyo.ConcreteModel()
    model.x = pyo.Var(range(COLUMNS), bounds=lambda _, j: (end(given.lower[j]), end(given.upper[j])))
    x = list(model.x.values())
    model.rows = pyo.Constraint(
        range(ROWS),
        rule=lambda _, i: (
            given.row(i, x) == given.row_lower[i]
            if given.row_lower[i] == given.row_upper[i]
            else (end(given.row_lower[i]), given.row(i, x), end(given.row_upper[i]))
        ),
    )
    model.flipped = pyo.Constraint(expr=given.row(0, x) + 0.3 >= given.row(1, x) - 20.0)
    model.goal = pyo.Objective(expr=given.goal(x), sense=pyo.maximize if maximize else pyo.minimize)
    model.dual = pyo.Suffix(direction=pyo.Suffix.IMPORT)
    model.rc = pyo.Suffix(direction=pyo.Suffix.IMPORT_EXPORT)
    model.slack = pyo.Suffix(direction=pyo.Suffix.EXPORT)
    pyo.SolverFactory("appsi_highs").solve(model)
    expected = [list(suffix.items()) for suffix in (model.dual, model.rc)]
    assert sum(abs(value) > 1e-6 for _, value in expected[0]) >= 1
    eo.solve(eo.from_pyomo(model)).assign(model)
    for suffix, own in zip((model.dual, model.rc), expected, strict=True):
        assert len(suffix) == len(own)
        for key, value in own:
            assert suffix[key] == pytest.approx(value, **SMALL)
    assert not len(model.slack)


@both_senses
@each_seed
def test_cvxpys_dual_values(seed, maximize):
    given = drawn(seed, maximize)
    x = cp.Variable(COLUMNS, name="x")
    low, high = np.isfinite(given.row_lower), np.isfinite(given.row_upper)
    equal = given.row_lower == given.row_upper
    bounded = [np.isfinite(given.lower), np.isfinite(given.upper)]
    constraints = [
        given.matrix[low & ~equal] @ x >= given.row_lower[low & ~equal],
        given.row_upper[high & ~equal] >= given.matrix[high & ~equal] @ x,
        given.matrix[equal] @ x == given.row_lower[equal],
        x[bounded[0]] >= given.lower[bounded[0]],
        x[bounded[1]] <= given.upper[bounded[1]],
        cp.sum(cp.abs(x)) <= 100.0,
        x[0] <= given.upper[0] + 7.0,
    ]
    labelled = x[1] >= given.lower[1] if bounded[0][1] else x[1] <= given.upper[1]
    constraints.append(labelled.set_label("floor") if hasattr(labelled, "set_label") else labelled)
    goal = given.cost @ x + 2.5
    problem = cp.Problem(cp.Maximize(goal) if maximize else cp.Minimize(goal), constraints)
    with np.errstate(invalid="ignore"):
        problem.solve(solver=cp.HIGHS)
    expected = [np.array(constraint.dual_value, dtype=float) for constraint in constraints]
    for constraint in constraints:
        for dual in constraint.dual_variables:
            dual.save_value(None)
    eo.solve(eo.from_cvxpy(problem)).assign(problem)
    for constraint, own in list(zip(constraints, expected, strict=True))[:3]:
        np.testing.assert_allclose(constraint.dual_value, own, rtol=1e-6, atol=1e-6)
    # The bound of column 1 is told twice, so its price may stand at either telling.
    found = [_bound_prices(constraints, bounded), _bound_prices(constraints, bounded, expected)]
    np.testing.assert_allclose(*found, rtol=1e-6, atol=1e-6)
    assert constraints[5].dual_value == pytest.approx(0.0, abs=1e-9)
    assert constraints[0].dual_value.shape == expected[0].shape


def _bound_prices(constraints, bounded, values=None):
    """Price of the lower and of the upper bound of each column."""
    values = [constraint.dual_value for constraint in constraints] if values is None else values
    prices = np.zeros((2, COLUMNS))
    prices[0][bounded[0]], prices[1][bounded[1]] = values[3], values[4]
    prices[0 if bounded[0][1] else 1][1] += values[7]
    return prices


def test_cvxpys_bounds_in_attributes_and_its_own_rewriting():
    """The price of what CVXPY rewrites (abs, max, symmetric variables) comes back in the shape of the constraint."""
    rng = np.random.default_rng(5)
    for sense in (cp.Minimize, cp.Maximize):
        x, y = cp.Variable(4, nonneg=True, name="x"), cp.Variable((2, 2), symmetric=True, name="y")
        weight = rng.uniform(1, 2, 4)
        sign = 1 if sense is cp.Minimize else -1
        constraints = [
            cp.norm1(x - rng.uniform(1, 2, 4)) <= 1.3,
            cp.max(y) <= 3.0,
            cp.abs(y[0, 1]) <= 0.7,
            x[0] + y[0, 0] >= 1.1,
        ]
        goal = sign * (weight @ x + cp.trace(np.array([[1.3, 0.2], [0.2, -1.7]]) @ y))
        problem = cp.Problem(sense(goal), constraints)
        with np.errstate(invalid="ignore"):
            problem.solve(solver=cp.HIGHS)
        expected = [np.array(constraint.dual_value, dtype=float) for constraint in constraints]
        assert all(np.abs(own).max() > 1e-3 for own in expected)
        eo.solve(eo.from_cvxpy(problem)).assign(problem)
        for constraint, own in zip(constraints, expected, strict=True):
            assert np.shape(constraint.dual_value) == own.shape
            np.testing.assert_allclose(constraint.dual_value, own, rtol=1e-6, atol=1e-7)


def test_a_cvxpy_problem_without_constraints_gets_its_values():
    x = cp.Variable(2, bounds=[1.0, 3.0], name="x")
    problem = cp.Problem(cp.Maximize(cp.sum(x)))
    eo.solve(eo.from_cvxpy(problem)).assign(problem)
    assert (problem.value, x.value.tolist()) == (6.0, [3.0, 3.0])


@both_senses
@each_seed
@pytest.mark.parametrize("frozen", [False, True])
def test_linopys_duals(seed, maximize, frozen):
    given = drawn(seed, maximize)
    kinds = {"freeze_constraints": True} if frozen else {}
    model, column, row = linopy.Model(**kinds), pd.RangeIndex(COLUMNS, name="j"), pd.RangeIndex(ROWS, name="i")
    x = model.add_variables(given.lower, given.upper, coords=[column], name="x")
    matrix = xr.DataArray(given.matrix, coords=[row, column])
    equal = given.row_lower == given.row_upper
    for sign, side, there in (
        (">=", given.row_lower, np.isfinite(given.row_lower) & ~equal),
        ("<=", given.row_upper, np.isfinite(given.row_upper) & ~equal),
        ("=", given.row_lower, equal),
    ):
        right = xr.DataArray(np.where(np.isfinite(side), side, 0.0), coords=[row])
        model.add_constraints((matrix * x).sum("j"), sign, right, mask=xr.DataArray(there, coords=[row]))
    model.add_objective((xr.DataArray(given.cost, coords=[column]) * x).sum(), sense="max" if maximize else "min")
    model.solve("highs", io_api="direct", log_to_console=False, output_flag=False)
    expected = {name: constraint.dual.copy() for name, constraint in model.constraints.items()}
    eo.solve(eo.from_linopy(model)).assign(model)
    assert (model.status, model.termination_condition) == ("ok", "optimal")
    for name, own in expected.items():
        found = model.constraints[name].dual
        assert found.dims == own.dims
        there = model.constraints[name].labels.values != -1
        np.testing.assert_allclose(found.values[there], own.values[there], rtol=1e-6, atol=1e-6)
        assert np.isnan(found.values[~there]).all()


def made_in_pulp(given):
    problem = pulp.LpProblem("drawn", pulp.LpMaximize if given.maximize else pulp.LpMinimize)
    x = [pulp.LpVariable(f"x{j}", end(given.lower[j]), end(given.upper[j])) for j in range(COLUMNS)]
    problem += given.goal(x)
    for i in range(ROWS):
        if given.row_lower[i] == given.row_upper[i]:
            problem += given.row(i, x) == given.row_lower[i], f"equal{i}"
            continue
        if np.isfinite(given.row_lower[i]):
            problem += given.row(i, x) >= given.row_lower[i], f"lower{i}"
        if np.isfinite(given.row_upper[i]):
            problem += given.row(i, x) <= given.row_upper[i], f"upper{i}"
    return problem


@both_senses
@each_seed
def test_pulps_prices_slacks_and_reduced_costs(seed, maximize):
    given = drawn(seed, maximize)
    own, problem = made_in_pulp(given), made_in_pulp(given)
    own.solve(pulp.PULP_CBC_CMD(msg=False))
    solution = eo.solve(eo.from_pulp(problem))
    solution.assign(problem)
    assert (problem.status, problem.sol_status) == (own.status, own.sol_status)
    assert pulp.value(problem.objective) == pytest.approx(solution.objective)
    rough = {"rel": 1e-4, "abs": 1e-5}  # CBC writes eight digits
    for name, constraint in own._constraints.items():
        found = problem._constraints[name]
        assert found.pi == pytest.approx(constraint.pi, **rough)
        assert found.slack == pytest.approx(constraint.slack, **rough)
    for variable, mine in zip(own.variables(), problem.variables(), strict=True):
        assert mine.dj == pytest.approx(variable.dj, **rough)
        assert mine.varValue == pytest.approx(variable.varValue, **rough)


@both_senses
@each_seed
def test_pywraplps_dual_values(seed, maximize):
    given, solver = drawn(seed, maximize), pywraplp.Solver.CreateSolver("GLOP")
    x = [
        solver.NumVar(float(low), float(high), f"x{j}")
        for j, (low, high) in enumerate(zip(given.lower, given.upper, strict=True))
    ]
    rows = []
    for i in range(ROWS):
        rows.append(solver.RowConstraint(float(given.row_lower[i]), float(given.row_upper[i]), f"row{i}"))
        for a, v in zip(given.matrix[i].tolist(), x, strict=True):
            rows[-1].SetCoefficient(v, a)
    goal = given.goal(x)
    solver.Maximize(goal) if maximize else solver.Minimize(goal)
    solution = eo.solve(eo.from_ortools(solver))
    solution.assign(solver)
    assert solver.Objective().Value() == pytest.approx(solution.objective)
    assert solver.VerifySolution(1e-6, False)
    found = [
        [v.solution_value() for v in x],
        [v.reduced_cost() for v in x],
        [row.dual_value() for row in rows],
    ]
    assert solver.Solve() == pywraplp.Solver.OPTIMAL
    np.testing.assert_allclose(found[0], [v.solution_value() for v in x], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(found[1], [v.reduced_cost() for v in x], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(found[2], [row.dual_value() for row in rows], rtol=1e-6, atol=1e-6)


@both_senses
@each_seed
def test_highs_gets_duals_only_where_it_keeps_them(seed, maximize):
    given, h = drawn(seed, maximize), highspy.Highs()
    h.setOptionValue("output_flag", False)
    x = [h.addVariable(lb=low, ub=high) for low, high in zip(given.lower, given.upper, strict=True)]
    for i in range(ROWS):
        h.addRow(given.row_lower[i], given.row_upper[i], COLUMNS, np.arange(COLUMNS, dtype=np.int32), given.matrix[i])
    (h.maximize if maximize else h.minimize)(given.goal(x))
    own = h.getSolution()
    expected = [np.array(own.row_dual), np.array(own.col_dual)]
    h.clearSolver()
    eo.solve(eo.from_highspy(h)).assign(h)
    found = h.getSolution()
    assert found.value_valid
    np.testing.assert_allclose(found.col_value, own.col_value, rtol=1e-6, atol=1e-6)
    if found.dual_valid:
        np.testing.assert_allclose(found.row_dual, expected[0], rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(found.col_dual, expected[1], rtol=1e-6, atol=1e-6)


def test_models_without_proved_duals_lose_those_of_another_solve():
    """Of an integer problem, and of a model to which a row was added since."""
    model = pyo.ConcreteModel()
    model.x = pyo.Var(bounds=(0, 3))
    model.row = pyo.Constraint(expr=2 * model.x <= 5)
    model.goal = pyo.Objective(expr=model.x, sense=pyo.maximize)
    model.dual = pyo.Suffix(direction=pyo.Suffix.IMPORT)
    solution = eo.solve(eo.from_pyomo(model))
    solution.assign(model)
    assert model.dual[model.row] == pytest.approx(0.5)
    model.later = pyo.Constraint(expr=model.x >= 0.5)
    solution.assign(model)
    assert not len(model.dual)
    del model.later
    solution.assign(model)
    assert len(model.dual) == 1
    model.row.deactivate()
    solution.assign(model)
    assert not len(model.dual)
    model.row.activate()
    model.x.domain = pyo.Integers
    eo.solve(eo.from_pyomo(model)).assign(model)
    assert (model.x.value, len(model.dual)) == (2, 0)


def test_duals_of_integer_problems_are_not_there_in_other_packages_either():
    x = cp.Variable(2, integer=True, name="x")
    constraint = x >= 0.5
    problem = cp.Problem(cp.Minimize(cp.sum(x)), [constraint])
    constraint.dual_variables[0].save_value(np.ones(2))
    eo.solve(eo.from_cvxpy(problem)).assign(problem)
    assert constraint.dual_value is None
    model = pulp.LpProblem("whole")
    y = pulp.LpVariable("y", 0, 4, cat="Integer")
    model += y
    model += 2 * y >= 3, "row"
    eo.solve(eo.from_pulp(model)).assign(model)
    row = model._constraints["row"]
    assert (row.pi, row.slack, y.dj) == (None, -1, None)
    other = linopy.Model()
    z = other.add_variables(lower=0, upper=4, integer=True, name="z")
    other.add_constraints(2 * z >= 3, name="row")
    other.add_objective(1 * z)
    eo.solve(eo.from_linopy(other)).assign(other)
    with pytest.raises(AttributeError):
        other.constraints["row"].dual  # noqa: B018
    solver = pywraplp.Solver.CreateSolver("SCIP")
    w = solver.IntVar(0, 4, "w")
    solver.Add(2 * w >= 3)
    solver.Minimize(w)
    eo.solve(eo.from_ortools(solver)).assign(solver)
    assert w.solution_value() == 2


def test_a_formulation_writes_its_duals_where_its_certificate_has_them():
    """What ``to_pyomo`` gave has the rows of the program; free rows are not in it."""
    program = eo.Program(
        [1.0, 2.0], [[1, 1], [1, -1], [2, 1]], [3, -np.inf, -np.inf], [np.inf, 1.0, np.inf], row_names=["a", "b", "c"]
    )
    model = program.to_pyomo()
    model.dual = pyo.Suffix(direction=pyo.Suffix.IMPORT)
    eo.solve(program).assign(model)
    assert {key.index(): value for key, value in model.dual.items()} == {
        "a": pytest.approx(1.5),
        "b": pytest.approx(-0.5),
    }
