"""What solve says of models, paths and lists, and what assigning says of what is no model."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import edgeopt as eo
from edgeopt.exchange.packages.indicators import add_indicator
from edgeopt.exchange.packages.shared import Columns, Rows, distinct, in_order_of

PACKAGES = ("pyomo", "cvxpy", "linopy", "pulp", "ortools", "highspy")


@pytest.mark.parametrize("package", PACKAGES)
def test_solve_says_what_to_call_with_a_model_without_importing_its_package(package):
    """A class is of a package by its module, also by way of a base class."""
    base = type("Base", (), {"__module__": f"{package}.core"})
    for kind in (base, type("Mine", (base,), {"__module__": "mine"})):
        with pytest.raises(
            eo.UnsupportedPairError, match=rf"of {package}; call eo.solve\(eo.from_{package}\(model\)\)"
        ):
            eo.solve(kind())


def test_solve_says_what_to_call_with_a_path_or_a_list():
    for path in ("p.mps", Path("p.mps")):
        with pytest.raises(eo.UnsupportedPairError, match=r"call eo.solve\(eo.Program.read\('p.mps'\)\)"):
            eo.solve(path)
    with pytest.raises(eo.UnsupportedPairError, match=r"problem is a list of 2; call eo.compare\(\["):
        eo.solve([eo.Program([1.0]), eo.Program([2.0])])
    with pytest.raises(eo.UnsupportedPairError, match="problem is a int; expected a formulation or a Program"):
        eo.solve(3)


@pytest.mark.parametrize("package", PACKAGES)
def test_every_entry_says_what_to_call_with_a_model(package, tmp_path):
    model, solution = an_empty_model(package), eo.solve(eo.Program([1.0]))
    read = f"eo.from_{package}(model)"
    for call, words in (
        (lambda: eo.compare(model), f"eo.compare([{read}])"),
        (lambda: eo.compare([model]), f"eo.compare([{read}])"),
        (lambda: eo.solvers_for(model), f"eo.solvers_for({read})"),
        (lambda: eo.verify(model, solution), f"eo.verify({read}, solution)"),
        (lambda: eo.explain(model), f"eo.explain({read})"),
    ):
        with pytest.raises(eo.UnsupportedPairError, match=f"of {package}; call {re.escape(words)}$"):
            call()
    with pytest.raises(eo.DataFormatError, match=f"cannot be saved; call {re.escape(f'eo.save({read}, path)')}$"):
        eo.save(model, tmp_path / "model.json")
    assert not list(tmp_path.iterdir())


def an_empty_model(package):
    import cvxpy
    import highspy
    import linopy
    import pulp
    import pyomo.environ as pyo
    from ortools.linear_solver import pywraplp

    return {
        "pyomo": pyo.ConcreteModel,
        "cvxpy": lambda: cvxpy.Problem(cvxpy.Minimize(0)),
        "linopy": linopy.Model,
        "pulp": lambda: pulp.LpProblem("p"),
        "ortools": lambda: pywraplp.Solver.CreateSolver("GLOP"),
        "highspy": highspy.Highs,
    }[package]()


def test_every_entry_says_what_to_call_with_a_path_a_list_or_nothing(tmp_path):
    program = eo.Program([1.0])
    solution = eo.solve(program)
    calls = {
        "eo.compare([{}])": eo.compare,
        "eo.solvers_for({})": eo.solvers_for,
        "eo.verify({}, solution)": lambda given: eo.verify(given, solution),
        "eo.explain({})": eo.explain,
    }
    for spelled, call in calls.items():
        for path in ("p.mps", Path("p.mps")):
            with pytest.raises(
                eo.UnsupportedPairError,
                match=re.escape(f"call {spelled.format(f'eo.Program.read({str(path)!r})')} for"),
            ):
                call(path)
        for wrong in (None, 3):
            with pytest.raises(eo.UnsupportedPairError, match="expected a formulation or a Program"):
                call(wrong)
        if call is not eo.compare:
            with pytest.raises(eo.UnsupportedPairError, match=re.escape(f"call {spelled.format('problem')} for each")):
                call([program, program])
    assert len(eo.compare([program, program], ["highs"])) == 2
    assert len(eo.compare((entry for entry in (program, program)), ["highs"])) == 2
    with pytest.raises(eo.DataFormatError, match="a list cannot be saved; call eo.save for each entry"):
        eo.save([program], tmp_path / "p.json")
    with pytest.raises(eo.DataFormatError, match="a str cannot be saved; expected a problem, decision or solution"):
        eo.save("p.mps", tmp_path / "p.json")


def test_real_models_are_told_apart():
    import cvxpy
    import highspy
    import pulp
    import pyomo.environ as pyo
    from ortools.math_opt.python import mathopt
    from ortools.sat.python import cp_model

    models = {
        "pyomo": [pyo.ConcreteModel()],
        "cvxpy": [cvxpy.Problem(cvxpy.Minimize(0))],
        "pulp": [pulp.LpProblem("p")],
        "ortools": [cp_model.CpModel(), mathopt.Model()],
        "highspy": [highspy.Highs(), highspy.HighsLp()],
    }
    for package, given in models.items():
        for model in given:
            with pytest.raises(eo.UnsupportedPairError, match=rf"eo.from_{package}\(model\)"):
                eo.solve(model)


def test_importing_and_refusing_loads_no_package():
    code = (
        "import edgeopt as eo, sys\n"
        "for name in ('pyomo', 'cvxpy', 'linopy', 'pulp', 'ortools', 'highspy'): getattr(eo, f'from_{name}')\n"
        "try: eo.solve('p.mps')\nexcept eo.UnsupportedPairError: pass\n"
        "print([n for n in ('pyomo', 'cvxpy', 'linopy', 'pulp', 'ortools', 'highspy', 'pandas') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_assigning_to_what_is_no_model_or_without_a_decision():
    solution = eo.solve(eo.Program([1.0]))
    with pytest.raises(eo.InvalidProblemError, match="assign was given a dict; expected a model of pyomo, cvxpy"):
        solution.assign({})
    none = eo.solve(eo.Program([1.0], [[1.0]], 2.0, 3.0, upper=1.0))
    with pytest.raises(eo.NoSolutionError, match="infeasible"):
        none.assign(eo.Program([1.0]).to_pyomo())


def test_a_formulation_writes_into_the_model_that_it_gave():
    problem = eo.OfflineOffloading([3, 1, 2, 4], [1, 1.5, 1, 1], 0.5)
    model, solution = problem.to_pyomo(), eo.solve(problem)
    solution.assign(model)
    values = [variable.value for variable in model.x.values()]
    np.testing.assert_array_equal(values, problem.encode(solution.decision))
    other = problem.to_cvxpy()
    solution.assign(other)
    np.testing.assert_array_equal(other.variables()[0].value, problem.encode(solution.decision))
    assert other.value == pytest.approx(solution.objective)


def test_a_batch_is_assigned_one_by_one():
    layers = eo.Exit(accuracy=0.8, exec_time=[[0.03, 0.01], [0.08, 0.02]], output_bits=[4e5, 1e5, 2e4])
    split = eo.StochasticSplit([layers], demand=[1.0], uplink_rate=[5e6, 1e6])
    with pytest.raises(eo.InvalidProblemError, match="one of a batch"):
        eo.solve(split).assign(split.instance(0).to_pyomo())


def test_names_become_unique_in_one_way():
    assert distinct(["a", "", "a", "a", "x[1]", "a#2"], "x") == ["a", "x[1]", "a#3", "a#4", "x[1]#2", "a#2"]
    assert len(set(distinct(["a", "a", "a#2", "a#2", "a#2#2"], "x"))) == 5
    assert distinct(["b", "a"], "x") == ["b", "a"]


def test_values_are_matched_by_name_in_any_order():
    values = in_order_of(["b", "a"], ["a", "b"], np.array([1.0, 2.0]), "pulp")
    assert values.tolist() == [2.0, 1.0]


def test_an_indicator_that_always_holds_gives_no_row_and_a_huge_one_is_refused():
    columns, rows = Columns(), Rows()
    x, y = columns.add("x", 0, 2.0**60, False), columns.add("y", 0, 1, True)
    add_indicator(columns, rows, "idle", [x], [1.0], (-1.0, np.inf), [(y, True)])
    assert rows.names == []
    with pytest.raises(eo.InvalidProblemError, match=r"constraint 'wide' .* needs a constant of 1.15292e\+18"):
        add_indicator(columns, rows, "wide", [x], [1.0], (-np.inf, 5.0), [(y, True)])
