"""Models of Pyomo, linopy, PuLP and highspy: read, solved, compared with the package's own solve, written back."""

from __future__ import annotations

import numpy as np
import pytest

import edgeopt as eo


def drawn(seed):
    """Costs, rows, sides and kinds of a small random integer program that has the point 0."""
    rng = np.random.default_rng(seed)
    cost = rng.integers(-9, 10, 4).astype(float)
    matrix = rng.integers(-5, 10, (3, 4)).astype(float)
    return cost, matrix, rng.integers(1, 30, 3).astype(float), rng.random(4) < 0.5


def pyomo_model(seed):
    import pyomo.environ as pyo

    cost, matrix, right, whole = drawn(seed)
    model = pyo.ConcreteModel(name="drawn")
    model.part = pyo.Block()
    model.part.x = pyo.Var(range(4), bounds=(-2, 7), domain=lambda m, j: pyo.Integers if whole[j] else pyo.Reals)
    model.price = pyo.Param(range(4), initialize=dict(enumerate(cost)), mutable=True)
    model.limit = pyo.Constraint(
        range(3), rule=lambda m, i: sum(matrix[i, j] * m.part.x[j] for j in range(4)) <= right[i]
    )
    model.off = pyo.Constraint(expr=model.part.x[0] >= 100)
    model.off.deactivate()
    model.goal = pyo.Objective(expr=sum(model.price[j] * model.part.x[j] for j in range(4)) + 3, sense=pyo.maximize)
    return model


def linopy_model(seed):
    import linopy
    import pandas as pd
    import xarray as xr

    cost, matrix, right, whole = drawn(seed)
    model = linopy.Model()
    places = pd.Index(["a", "b", "c", "d"], name="place")
    x = model.add_variables(-2, 7, coords=[places], name="x")
    n = model.add_variables(-2, 7, coords=[places], name="n", integer=True, mask=xr.DataArray(whole, coords=[places]))
    rows = pd.Index(range(3), name="row")
    table = xr.DataArray(matrix, coords=[rows, places])
    model.add_constraints((table * (x + n)).sum("place") <= xr.DataArray(right, coords=[rows]), name="limit")
    model.add_objective((xr.DataArray(cost, coords=[places]) * (x + 2 * n)).sum(), sense="max")
    return model


def pulp_model(seed):
    import pulp

    cost, matrix, right, whole = drawn(seed)
    problem = pulp.LpProblem("drawn", pulp.LpMaximize)
    x = [pulp.LpVariable(f"x{j}", -2, 7, pulp.LpInteger if whole[j] else pulp.LpContinuous) for j in range(4)]
    problem += pulp.lpSum(cost[j] * x[j] for j in range(4)) + 3
    for i in range(3):
        problem += pulp.lpSum(matrix[i, j] * x[j] for j in range(4)) <= right[i], f"limit{i}"
    return problem


def highspy_model(seed):
    import highspy

    cost, matrix, right, whole = drawn(seed)
    h = highspy.Highs()
    h.setOptionValue("output_flag", False)
    x = [
        h.addVariable(
            -2, 7, name=f"x{j}", type=highspy.HighsVarType.kInteger if whole[j] else highspy.HighsVarType.kContinuous
        )
        for j in range(4)
    ]
    for i in range(3):
        h.addConstr(sum(float(matrix[i, j]) * x[j] for j in range(4)) <= float(right[i]))
    h.setMaximize()
    for j in range(4):
        h.changeColCost(j, float(cost[j]))
    h.changeObjectiveOffset(3.0)
    return h


def own_value(model, package):
    """Objective of the model at the values that its variables hold now."""
    if package == "pyomo":
        import pyomo.environ as pyo

        return pyo.value(model.goal)
    if package == "pulp":
        return model.objective.value()
    if package == "linopy":
        x, n = model.variables["x"].solution, model.variables["n"].solution.fillna(0)
        labels = model.objective.expression
        values = np.concatenate([x.values, n.values])
        return float(
            sum(
                c * values[v]
                for v, c in zip(labels.vars.values.ravel(), labels.coeffs.values.ravel(), strict=True)
                if v >= 0
            )
        )
    lp = model.getLp()
    return float(np.array(lp.col_cost_) @ np.array(model.getSolution().col_value)) + lp.offset_


def own_optimum(model, package):
    """Optimum that the package finds by HiGHS."""
    if package == "pyomo":
        import pyomo.environ as pyo

        pyo.SolverFactory("appsi_highs").solve(model)
        return pyo.value(model.goal)
    if package == "pulp":
        import pulp

        model.solve(pulp.HiGHS(msg=False))
        return model.objective.value()
    if package == "linopy":
        model.solve("highs", output_flag=False)
        return model.objective.value
    model.run()
    return model.getInfo().objective_function_value


MODELS = {"pyomo": pyomo_model, "linopy": linopy_model, "pulp": pulp_model, "highspy": highspy_model}


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("package", MODELS)
@pytest.mark.filterwarnings("ignore")
def test_a_model_is_read_solved_and_written_back(package, seed):
    pytest.importorskip(package)
    model = MODELS[package](seed)
    program = getattr(eo, f"from_{package}")(model)
    solution = eo.solve(program, "highs")
    assert solution.status == "optimal"
    assert solution.objective == pytest.approx(own_optimum(MODELS[package](seed), package), abs=1e-6)
    solution.assign(model)
    assert own_value(model, package) == pytest.approx(solution.objective, abs=1e-6)


def test_names_are_kept():
    assert list(eo.from_pyomo(pyomo_model(0)).column_names)[:2] == ["part.x[0]", "part.x[1]"]
    assert "limit[2]" in list(eo.from_pyomo(pyomo_model(0)).row_names)


@pytest.mark.filterwarnings("ignore")  # PuLP announces its version 4
def test_names_of_pulp_are_kept():
    pytest.importorskip("pulp")
    assert list(eo.from_pulp(pulp_model(0)).row_names) == ["limit0", "limit1", "limit2"]


@pytest.mark.parametrize("seed", range(6))
def test_a_program_survives_the_way_through_pyomo(seed):
    cost, matrix, right, whole = drawn(seed)
    program = eo.Program(cost, matrix, -right, right, -2.0, 7.0, whole, sense="maximize", offset=2.5, name="there")
    again = eo.from_pyomo(program.to_pyomo())
    assert eo.solve(again, "highs").objective == pytest.approx(eo.solve(program, "highs").objective, abs=1e-9)
    assert list(again.column_names) == list(program.column_names)
    assert list(again.row_names) == list(program.row_names)
    assert (again.matrix != program.matrix).nnz == 0


def test_what_no_linear_program_holds_is_refused_by_name():
    import pyomo.environ as pyo

    model = pyomo_model(0)
    model.bent = pyo.Constraint(expr=model.part.x[0] ** 2 <= 4)
    with pytest.raises(eo.InvalidProblemError, match="constraint 'bent' is not linear"):
        eo.from_pyomo(model)
    model.del_component("bent")
    model.part.x[0].fix(2.0)
    assert eo.from_pyomo(model).columns == 3


def test_another_model_is_refused():
    solution = eo.solve(eo.from_pyomo(pyomo_model(0)), "highs")
    other = pyomo_model(0)
    import pyomo.environ as pyo

    other.more = pyo.Var()
    with pytest.raises(eo.InvalidProblemError, match="has a variable 'more'"):
        solution.assign(other)
    with pytest.raises(eo.InvalidProblemError, match="it writes into models of"):
        solution.assign(object())
    with pytest.raises(eo.InvalidProblemError, match="read from no model"):
        eo.solve(eo.OfflineOffloading([1.0], [2.0])).assign(other)


@pytest.mark.parametrize(
    ("given", "call"),
    [
        ("net.mps", "eo.Program.read"),
        ("problem.json", "eo.load"),
        ([1, 2], "eo.compare"),
    ],
)
def test_what_is_no_problem_is_told_what_to_call(given, call):
    with pytest.raises(eo.UnsupportedPairError, match=call):
        eo.solve(given)


def test_a_foreign_model_is_told_its_reader():
    with pytest.raises(eo.UnsupportedPairError, match=r"eo\.from_pyomo\(model\)"):
        eo.solve(pyomo_model(0))
