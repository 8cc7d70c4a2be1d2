"""Models that the packages publish: their own tests as installed, and models of their documentation, written anew.

Each is read and equals the package's own solve, or the answer that the package tests for. Nothing of the packages is
copied here: Pyomo's models (BSD 3-clause) and CVXPY's (Apache 2.0) are imported from what is installed.
"""

from __future__ import annotations

import importlib
import pkgutil
import warnings

import cvxpy as cp
import numpy as np
import pyomo.environ as pyo
import pytest
from ortools.linear_solver import pywraplp
from ortools.sat.python import cp_model
from pyomo.gdp.tests import models as disjunctive
from pyomo.solvers.tests import models as folder
from pyomo.solvers.tests.models.base import all_models

import edgeopt as eo

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what they import warns of deprecations
    import linopy
    import pandas as pd
    import xarray as xr
    from cvxpy.tests import solver_test_helpers

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore:.*absent slots.*"),
]

for module in pkgutil.iter_modules(folder.__path__):
    importlib.import_module(f"{folder.__name__}.{module.name}")
LINEAR = sorted(name for name in all_models() if name.startswith(("LP", "MILP")) and "kernel" not in name)
LINEAR.remove("LP_compiled")  # the interface to HiGHS does not read its constraints; it has a test of its own
OTHERS = sorted(name for name in all_models() if name not in (*LINEAR, "LP_compiled"))


def test_the_models_are_there():
    assert len(LINEAR) >= 20
    assert len(OTHERS) >= 10


@pytest.mark.parametrize("name", LINEAR)
def test_pyomos_models_for_tests_of_solvers(name):
    given = all_models(name)()
    given.generate_model()
    model = given.model
    solution = eo.solve(eo.from_pyomo(model))
    own = pyo.SolverFactory("appsi_highs").solve(model, load_solutions=False)
    found = str(own.solver.termination_condition)
    assert found == str(solution.status) or (found == "infeasibleOrUnbounded" and not solution.status.has_decision)
    if solution.status == "optimal":
        solution.assign(model)
        mine = pyo.value(next(iter(model.component_data_objects(pyo.Objective, active=True))))
        pyo.SolverFactory("appsi_highs").solve(model)
        theirs = pyo.value(next(iter(model.component_data_objects(pyo.Objective, active=True))))
        assert mine == pytest.approx(theirs, rel=1e-7, abs=1e-7)


def test_pyomos_model_with_a_matrix_of_constraints():
    """GLPK finds -4 too."""
    given = all_models("LP_compiled")()
    given.generate_model()
    assert eo.solve(eo.from_pyomo(given.model)).objective == pytest.approx(-4.0)


@pytest.mark.parametrize("name", OTHERS)
def test_pyomos_other_models_are_refused(name):
    given = all_models(name)()
    given.generate_model()
    with pytest.raises(eo.InvalidProblemError, match="is not linear|which no linear program holds|was given a block"):
        eo.from_pyomo(given.model)


@pytest.mark.parametrize("make", ["makeTwoTermDisj", "makeThreeTermIndexedDisj", "makeNestedDisjunctions"])
@pytest.mark.parametrize("transformation", ["gdp.bigm", "gdp.hull"])
def test_pyomos_disjunctions_are_read_once_they_are_rows(make, transformation):
    model = getattr(disjunctive, make)()
    with pytest.raises(eo.InvalidProblemError, match=r"gdp\.bigm"):
        eo.from_pyomo(model)
    pyo.TransformationFactory(transformation).apply_to(model)
    if not list(model.component_data_objects(pyo.Objective, active=True)):
        model.goal = pyo.Objective(expr=sum(v for v in model.component_data_objects(pyo.Var) if v.is_continuous()))
    solution = eo.solve(eo.from_pyomo(model))
    own = pyo.SolverFactory("appsi_highs").solve(model, load_solutions=False)
    assert str(own.solver.termination_condition) == str(solution.status)
    if solution.status == "optimal":
        assert own.problem.lower_bound == pytest.approx(solution.objective, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("form", ["BIGM_BIN", "CC", "DCC", "DLOG", "INC", "LOG", "MC"])
def test_pyomos_piecewise_functions(form):
    """The highest point of a function is 5, at 6; the rougher form BIGM_BIN may go above it, by its own constants."""
    model = pyo.ConcreteModel()
    model.x, model.y = pyo.Var(bounds=(0, 8)), pyo.Var(bounds=(-99, 99))
    model.f = pyo.Piecewise(
        model.y,
        model.x,
        pw_pts=[0.0, 2.0, 4.0, 6.0, 8.0],
        f_rule=[0.0, 3.0, 1.0, 5.0, 2.0],
        pw_repn=form,
        pw_constr_type="EQ",
    )
    model.goal = pyo.Objective(expr=model.y, sense=pyo.maximize)
    solution = eo.solve(eo.from_pyomo(model))
    pyo.SolverFactory("appsi_highs").solve(model)
    assert solution.objective == pytest.approx(pyo.value(model.goal), rel=1e-6)
    if form != "BIGM_BIN":
        assert solution.objective == pytest.approx(5.0)


CVXPY_LPS = ["lp_1", "lp_2", "lp_5", "lp_bound_attr"]
CVXPY_KINKED = ["lp_0", "lp_7"]
"""Their objectives have no gradient where they are least."""
CVXPY_MILPS = ["mi_lp_0", "mi_lp_1", "mi_lp_2", "mi_lp_3", "mi_lp_5", "mi_lp_7"]


@pytest.mark.parametrize("name", [*CVXPY_LPS, *CVXPY_KINKED])
def test_cvxpys_linear_programs_for_tests_of_solvers(name):
    """CVXPY's own checks hold of the values and duals that come back: feasibility, complementarity, Lagrangian."""
    given = getattr(solver_test_helpers, name)()
    eo.solve(eo.from_cvxpy(given.prob)).assign(given.prob)
    given.verify_objective(places=6)
    given.check_primal_feasibility(places=6)
    given.check_complementarity(places=6)
    given.check_dual_domains(places=6)
    if name not in CVXPY_KINKED:
        given.check_stationary_lagrangian(places=6)


@pytest.mark.parametrize("name", CVXPY_MILPS)
def test_cvxpys_integer_programs_for_tests_of_solvers(name):
    given = getattr(solver_test_helpers, name)()
    solution = eo.solve(eo.from_cvxpy(given.prob))
    if solution.status == "infeasible":
        assert abs(given.expect_val) == np.inf
        return
    solution.assign(given.prob)
    given.verify_objective(places=6)
    given.check_primal_feasibility(places=6)


def storage():
    """A store that is filled and emptied: each row speaks of a period and the one before."""
    model, time = linopy.Model(), pd.RangeIndex(6, name="t")
    level = model.add_variables(0, 5, coords=[time], name="level")
    made = model.add_variables(0, 4, coords=[time], name="made")
    demand = xr.DataArray([1.0, 6, 2, 7, 1, 3], coords=[time])
    model.add_constraints(level - level.shift(t=1) - made == -demand, name="balance")
    model.add_objective((xr.DataArray([1.0, 5, 2, 6, 1, 3], coords=[time]) * made).sum())
    return model, 60.0


def groups():
    model, item = linopy.Model(), pd.Index(list("abcd"), name="i")
    x = model.add_variables(0, 3, coords=[item], name="x")
    kinds = pd.Series(["u", "v", "u", "v"], index=item, name="kind")
    model.add_constraints((1 * x).groupby(kinds).sum() <= 4, name="by")
    model.add_objective((x * xr.DataArray([1, 2, 3, 4.0], coords=[item])).sum(), sense="max")
    return model, 24.0


def windows():
    model, time = linopy.Model(), pd.RangeIndex(6, name="t")
    on = model.add_variables(binary=True, coords=[time], name="on")
    model.add_constraints((1 * on).rolling(t=3).sum() <= 1, name="window")
    model.add_objective(on.sum(), sense="max")
    return model, 2.0


def removals():
    model = linopy.Model()
    y, x, z = (model.add_variables(0, 1, name=name) for name in "yxz")
    model.add_constraints(x + z <= 1.5, name="kept")
    model.add_constraints(1 * x <= 0.2, name="gone")
    model.add_objective(x + 0.5 * z + 0 * y, sense="max")
    model.remove_constraints("gone")
    model.remove_variables("y")
    return model, 1.25


@pytest.mark.parametrize("make", [storage, groups, windows, removals])
def test_what_linopy_does_with_dimensions(make):
    model, best = make()
    solution = eo.solve(eo.from_linopy(model))
    solution.assign(model)
    assert model.objective.value == pytest.approx(best)
    model.solve("highs", io_api="direct", log_to_console=False, output_flag=False)
    assert model.objective.value == pytest.approx(best)


COSTS = [[90, 80, 75, 70], [35, 85, 55, 65], [125, 95, 90, 95], [45, 110, 95, 115], [50, 100, 90, 100]]
WEIGHTS = [48, 30, 42, 36, 36, 48, 42, 42, 36, 24, 30, 30, 42, 36, 36]
VALUES = [10, 30, 25, 50, 35, 30, 15, 40, 30, 35, 45, 10, 20, 30, 25]


def test_the_assignment_of_workers_in_the_guide_of_or_tools():
    model = cp_model.CpModel()
    x = {(i, j): model.new_bool_var(f"x[{i},{j}]") for i in range(5) for j in range(4)}
    for i in range(5):
        model.add_at_most_one(x[i, j] for j in range(4))
    for j in range(4):
        model.add_exactly_one(x[i, j] for i in range(5))
    model.minimize(sum(COSTS[i][j] * v for (i, j), v in x.items()))
    assert eo.solve(eo.from_ortools(model)).objective == 265


def test_the_five_knapsacks_in_the_guide_of_or_tools():
    solver = pywraplp.Solver.CreateSolver("SCIP")
    x = {(i, k): solver.BoolVar(f"x_{i}_{k}") for i in range(15) for k in range(5)}
    for i in range(15):
        solver.Add(solver.Sum([x[i, k] for k in range(5)]) <= 1)
    for k in range(5):
        solver.Add(solver.Sum([WEIGHTS[i] * x[i, k] for i in range(15)]) <= 100)
    solver.Maximize(solver.Sum([VALUES[i] * v for (i, _), v in x.items()]))
    solution = eo.solve(eo.from_ortools(solver))
    solution.assign(solver)
    assert solver.Objective().Value() == 395
    assert solver.VerifySolution(1e-6, False)


def test_problems_of_cvxpys_guide_that_are_linear_after_rewriting():
    """A regression with the least sum of deviations, and one with the least greatest."""
    rng = np.random.default_rng(3)
    data, target = rng.normal(size=(20, 3)), rng.normal(size=20)
    for norm in (cp.norm1, cp.norm_inf):
        weight = cp.Variable(3, name="weight")
        problem = cp.Problem(cp.Minimize(norm(data @ weight - target)), [cp.sum(weight) == 1, weight >= -2])
        solution = eo.solve(eo.from_cvxpy(problem))
        solution.assign(problem)
        assert problem.value == pytest.approx(solution.objective)
        assert problem.solve(solver=cp.CLARABEL) == pytest.approx(solution.objective, rel=1e-6)
