"""Models of OR-Tools' pywraplp and model_builder read as programs, and values handed back."""

from __future__ import annotations

import numpy as np
import pytest
from made_models import assert_same_numbers, made
from ortools.linear_solver import linear_solver_pb2, pywraplp
from ortools.linear_solver.python import model_builder

import edgeopt as eo


def in_pywraplp(seed):
    given, solver = made(seed), pywraplp.Solver.CreateSolver("SCIP")
    x = [
        solver.Var(given.lower[j], given.upper[j], bool(given.integral[j]), f"x{j}" if seed % 2 else "")
        for j in given.columns
    ]
    for i in given.rows:
        row = solver.RowConstraint(given.row_lower[i], given.row_upper[i], f"r{i}")
        for j in given.columns:
            row.SetCoefficient(x[j], given.matrix[i, j])
    solver.Maximize(given.goal(x)) if given.maximize else solver.Minimize(given.goal(x))
    return given, solver, x


def in_model_builder(seed):
    given, model = made(seed), model_builder.Model()
    x = [
        model.new_var(given.lower[j], given.upper[j], bool(given.integral[j]), f"x{j}" if seed % 2 else None)
        for j in given.columns
    ]
    for i in given.rows:
        row = model_builder.LinearConstraint(model.helper)
        row.lower_bound, row.upper_bound, row.name = given.row_lower[i], given.row_upper[i], f"r{i}"
        for j in given.columns:
            row.set_coefficient(x[j], given.matrix[i, j])
    (model.maximize if given.maximize else model.minimize)(given.goal(x))
    return given, model, x


def expected(given):
    return given.program([f"x{j}" for j in given.columns], [f"r{i}" for i in given.rows])


@pytest.mark.parametrize("seed", range(20))
def test_pywraplp_says_the_same_and_takes_the_solution(seed):
    given, solver, x = in_pywraplp(seed)
    program = eo.from_ortools(solver)
    assert_same_numbers(program, expected(given))
    assert list(program.row_names) == [f"r{i}" for i in given.rows]
    assert list(program.column_names) == [v.name() for v in x]
    solution = eo.solve(program)
    solution.assign(solver)
    assert given.goal([v.solution_value() for v in x]) == pytest.approx(solution.objective)
    assert solver.Objective().Value() == pytest.approx(solution.objective)
    assert solver.VerifySolution(1e-6, False)
    assert solver.Solve() == pywraplp.Solver.OPTIMAL
    assert solver.Objective().Value() == pytest.approx(solution.objective, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("seed", range(20))
def test_model_builder_says_the_same_and_takes_a_hint(seed):
    given, model, _ = in_model_builder(seed)
    program = eo.from_ortools(model)
    assert_same_numbers(program, expected(given))
    solution = eo.solve(program)
    solution.assign(model)
    hint = model.export_to_proto().solution_hint
    np.testing.assert_array_equal(list(hint.var_value), solution.decision.values)
    solver = model_builder.Solver("scip")
    assert solver.solve(model) == model_builder.SolveStatus.OPTIMAL
    assert solver.objective_value == pytest.approx(solution.objective, rel=1e-6, abs=1e-6)


def test_enforced_rows_of_model_builder_hold_where_their_condition_is_true():
    for value in (True, False):
        model = model_builder.Model()
        x, y = model.new_num_var(0, 10, "x"), model.new_bool_var("y")
        model.add_enforced(x >= 3, y, value).name = "enforced"  # OR-Tools 9.15 gives `name=` to another row, or crashes
        for shift in (0, -4):
            model.minimize(x + shift * (y if value else 1 - y))
            solution = eo.solve(eo.from_ortools(model))
            assert solution.objective == pytest.approx(min(0, 3 + shift))
    model = model_builder.Model()
    x, y = model.new_num_var(0, float("inf"), "x"), model.new_bool_var("y")
    model.add_enforced(x <= 3, y, True).name = "enforced"
    with pytest.raises(eo.InvalidProblemError, match="'enforced' .* its variable 'x' has an infinite bound"):
        eo.from_ortools(model)


def test_general_constraints_and_quadratic_objectives_are_refused_by_name():
    for field, words in (("sos_constraint", "a special ordered set"), ("abs_constraint", "an absolute value")):
        proto = linear_solver_pb2.MPModelProto()
        for name in "xy":
            proto.variable.add(name=name, upper_bound=1.0)
        general = proto.general_constraint.add(name="odd")
        if field == "sos_constraint":
            general.sos_constraint.var_index.extend([0, 1])
        else:
            general.abs_constraint.var_index, general.abs_constraint.resultant_var_index = 0, 1
        model = FromProto(proto)
        with pytest.raises(eo.InvalidProblemError, match=f"constraint 'odd' of the OR-Tools model is {words}"):
            eo.from_ortools(model)
    proto = linear_solver_pb2.MPModelProto()
    proto.variable.add(name="x")
    proto.quadratic_objective.qvar1_index.append(0)
    proto.quadratic_objective.qvar2_index.append(0)
    proto.quadratic_objective.coefficient.append(1.0)
    with pytest.raises(eo.InvalidProblemError, match="the objective of the OR-Tools model is quadratic"):
        eo.from_ortools(FromProto(proto))


class FromProto(model_builder.Model):
    """A model whose proto holds what its Python methods cannot write."""

    def __init__(self, proto):
        super().__init__()
        self.held = proto

    def export_to_proto(self):
        return self.held


def test_other_models_are_told_apart():
    _, solver, _ = in_pywraplp(1)
    solution = eo.solve(eo.from_ortools(solver))
    other = pywraplp.Solver.CreateSolver("SCIP")
    other.NumVar(0, 1, "new")
    with pytest.raises(eo.InvalidProblemError, match="has a variable 'new' that the solved program has not"):
        solution.assign(other)
    with pytest.raises(eo.InvalidProblemError, match="from_ortools was given a Variable"):
        eo.from_ortools(solver.variables()[0])
    with pytest.raises(eo.InvalidProblemError, match="from_ortools was given a ModelSolver|given a Solver"):
        eo.from_ortools(model_builder.Solver("scip"))
