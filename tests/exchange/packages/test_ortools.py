"""Models of OR-Tools, CP-SAT's and MathOpt's, read as programs."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from made_models import assert_same_numbers, made
from ortools.math_opt.python import mathopt
from ortools.sat.python import cp_model

import edgeopt as eo


def build_cp_sat(seed):
    given = made(seed, integer=True)
    model = cp_model.CpModel()
    model.name = "made"
    x = [model.new_int_var(int(given.lower[j]), int(given.upper[j]), f"x{j}") for j in given.columns]
    whole = given.matrix.astype(int)
    for i in given.rows:
        low = cp_model.INT_MIN if np.isinf(given.row_lower[i]) else int(given.row_lower[i])
        high = cp_model.INT_MAX if np.isinf(given.row_upper[i]) else int(given.row_upper[i])
        terms = sum(int(a) * x[j] for j, a in enumerate(whole[i]) if a)
        model.add_linear_constraint(terms, low, high).with_name(f"r{i}")
    goal = sum(int(c) * x[j] for j, c in enumerate(given.cost)) + int(given.offset)
    (model.maximize if given.maximize else model.minimize)(goal)
    return given, model, x


def own_optimum(model):
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    assert solver.solve(model) == cp_model.OPTIMAL
    return solver.objective_value


@pytest.mark.parametrize("seed", range(30))
def test_what_is_read_is_the_model_and_its_optimum_is_cp_sats(seed):
    given, model, _ = build_cp_sat(seed)
    program = eo.from_ortools(model)
    assert_same_numbers(program, given.program([f"x{j}" for j in given.columns], [f"r{i}" for i in given.rows]))
    assert list(program.column_names) == [f"x{j}" for j in given.columns]
    assert list(program.row_names) == [f"r{i}" for i in given.rows]
    assert program.name == "made"
    solution = eo.solve(program)
    solution.assign(model)
    hint = model.Proto().solution_hint
    assert list(hint.values) == solution.decision.values.tolist()
    assert own_optimum(model) == pytest.approx(solution.objective)


def clauses(seed):
    """A model of Boolean clauses and rows that hold only where literals are true."""
    draw = np.random.default_rng(seed)
    model = cp_model.CpModel()
    y = [model.new_bool_var(f"y{j}") for j in range(5)]
    n = model.new_int_var(-3, 4, "n")
    literals = [*y, *(~one for one in y)]

    def some(count):
        return [literals[k] for k in draw.choice(10, count, replace=False)]

    model.add_bool_or(some(3))
    model.add_at_most_one(some(3))
    model.add_implication(*some(2))
    model.add_bool_and(some(2)).only_enforce_if(some(1))
    model.add(n + 2 * y[0] - 3 * y[1] >= int(draw.integers(-2, 3))).only_enforce_if(some(1))
    model.add(n <= int(draw.integers(-3, 3))).only_enforce_if(some(2))
    model.add(n - y[2] == int(draw.integers(-2, 2))).only_enforce_if(some(2))
    weights = draw.integers(-4, 5, 6).tolist()
    goal = sum(w * one for w, one in zip(weights, [*y, n], strict=True))
    model.maximize(goal)
    return model


@pytest.mark.parametrize("seed", range(40))
def test_clauses_and_enforced_rows_keep_the_optimum(seed):
    model = clauses(seed)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    status = solver.solve(model)
    solution = eo.solve(eo.from_ortools(model))
    if status == cp_model.INFEASIBLE:
        assert solution.status == "infeasible"
    else:
        assert solution.objective == pytest.approx(solver.objective_value)


def test_enforced_rows_hold_at_exactly_the_points_where_they_should():
    model = cp_model.CpModel()
    a, b, n = model.new_bool_var("a"), model.new_bool_var("b"), model.new_int_var(-2, 3, "n")
    model.add_linear_constraint(2 * n + a, -1, 4).with_name("band").only_enforce_if([a, ~b])
    model.add_exactly_one(a, b, ~a).only_enforce_if(b)
    program = eo.from_ortools(model)
    assert [name for name in program.row_names if name.startswith("band")] == ["band (lower)", "band (upper)"]
    for one, two, value in itertools.product((0, 1), (0, 1), range(-2, 4)):
        band = -1 <= 2 * value + one <= 4 or not (one and not two)
        exactly = (one + two + (1 - one) == 1) or not two
        point = eo.Point([one, two, value])
        assert (not program.violations(point)) == (band and exactly), (one, two, value)


def test_a_model_without_an_objective_and_one_of_floats():
    model = cp_model.CpModel()
    x = model.new_int_var(0, 5, "")
    assert eo.from_ortools(model).cost.tolist() == [0.0]
    model.maximize(0.5 * x + 1.25)
    program = eo.from_ortools(model)
    assert (program.cost[0], program.offset, program.sense) == (0.5, 1.25, "maximize")
    assert list(program.column_names) == ["x[0]"]


def gaps(model, x, y):
    model.new_int_var_from_domain(cp_model.Domain.from_values([1, 3, 7]), "gaps")


def sparse_row(model, x, y):
    domain = cp_model.Domain.from_intervals([[0, 1], [4, 5]])
    model.add_linear_expression_in_domain(x + y, domain).with_name("split")


def huge(model, x, y):
    model.new_int_var(0, 2**55, "huge")


REFUSED_BY_CP_SAT = [
    (gaps, r"variable 'gaps' has a domain of 3 intervals: \[1, 1\] \[3, 3\] \[7, 7\]; write"),
    (sparse_row, "constraint 'split' has a domain of 2 intervals"),
    (huge, "variable 'huge' has the bound 36028797018963968, which float64 does not hold"),
    (lambda m, x, y: m.add_all_different([x, y]).with_name("differ"), "constraint 'differ' .* of the kind all_diff"),
    (lambda m, x, y: m.add_multiplication_equality(x, [x, y]), r"constraint 'row\[0\]' .* of the kind int_prod"),
    (lambda m, x, y: m.add_max_equality(x, [x, y]).with_name("top"), "constraint 'top' .* of the kind lin_max"),
    (lambda m, x, y: m.new_fixed_size_interval_var(x, 2, "job"), "of the kind interval"),
    (lambda m, x, y: m.add_assumption(m.new_bool_var("b")), "has assumptions"),
]


@pytest.mark.parametrize(("spoil", "words"), REFUSED_BY_CP_SAT)
def test_what_no_linear_program_holds_is_refused_by_name(spoil, words):
    model = cp_model.CpModel()
    x, y = model.new_int_var(0, 5, "x"), model.new_int_var(0, 5, "y")
    spoil(model, x, y)
    with pytest.raises(eo.InvalidProblemError, match=words):
        eo.from_ortools(model)


def build_math_opt(seed):
    given = made(seed)
    model = mathopt.Model(name="made")
    x = [
        model.add_variable(lb=given.lower[j], ub=given.upper[j], is_integer=bool(given.integral[j]), name=f"x{j}")
        for j in given.columns
    ]
    for i in given.rows:
        row = model.add_linear_constraint(lb=given.row_lower[i], ub=given.row_upper[i], name=f"r{i}")
        for j, a in enumerate(given.matrix[i]):
            row.set_coefficient(x[j], a)
    (model.maximize if given.maximize else model.minimize)(given.goal(x))
    return given, model


@pytest.mark.parametrize("seed", range(30))
def test_what_is_read_is_the_model_and_its_optimum_is_math_opts(seed):
    given, model = build_math_opt(seed)
    program = eo.from_ortools(model)
    assert_same_numbers(program, given.program([f"x{j}" for j in given.columns], [f"r{i}" for i in given.rows]))
    assert (program.name, list(program.column_names)) == ("made", [f"x{j}" for j in given.columns])
    solution = eo.solve(program)
    found = mathopt.solve(model, mathopt.SolverType.GSCIP)
    assert found.termination.reason == mathopt.TerminationReason.OPTIMAL
    assert found.objective_value() == pytest.approx(solution.objective, rel=1e-6, abs=1e-6)


def test_deleted_variables_and_indicators_of_math_opt():
    model = mathopt.Model()
    gone, n = model.add_variable(name="gone"), model.add_integer_variable(lb=-3, ub=4, name="n")
    y = model.add_binary_variable(name="y")
    model.delete_variable(gone)
    model.add_indicator_constraint(indicator=y, implied_constraint=2 * n <= 3, name="if_y")
    model.add_indicator_constraint(indicator=y, activate_on_zero=True, implied_constraint=n <= -1, name="if_not")
    model.maximize(n + 5)
    program = eo.from_ortools(model)
    assert list(program.column_names) == ["n", "y"]
    assert list(program.row_names) == ["if_y", "if_not"]
    solution = eo.solve(program)
    assert solution.objective == pytest.approx(6.0)
    assert solution.decision.values.tolist() == [1.0, 1.0]
    with pytest.raises(
        eo.InvalidProblemError, match=r"a MathOpt model holds no values; read dict\(zip\(.*SolutionHint"
    ):
        solution.assign(model)


def unbounded_indicator(model):
    x, y = model.add_variable(name="wide"), model.add_binary_variable(name="y")
    model.add_indicator_constraint(indicator=y, implied_constraint=x <= 3, name="if_y")


def second_objective(model):
    model.add_minimization_objective(model.add_variable(name="x"), priority=1, name="second")


REFUSED_BY_MATH_OPT = [
    (lambda m: m.minimize(m.add_variable(name="x") * m.add_variable(name="z")), "the objective .* is quadratic"),
    (unbounded_indicator, "constraint 'if_y' .* its variable 'wide' has an infinite bound"),
    (second_objective, "objective 'second' of the MathOpt model is a second one"),
]


@pytest.mark.parametrize(("spoil", "words"), REFUSED_BY_MATH_OPT)
def test_what_math_opt_holds_beyond_linear_is_refused_by_name(spoil, words):
    model = mathopt.Model()
    spoil(model)
    with pytest.raises(eo.InvalidProblemError, match=words):
        eo.from_ortools(model)


def test_other_things_are_refused():
    with pytest.raises(eo.InvalidProblemError, match="expected a cp_model.CpModel, a mathopt.Model"):
        eo.from_ortools(cp_model.CpSolver())


def test_the_first_example_of_the_guide_to_cp_sat():
    """max 2 x + 2 y + 3 z under three rows: 35 at (7, 3, 5), as the guide prints."""
    model = cp_model.CpModel()
    x, y, z = (model.new_int_var(0, 50, name) for name in "xyz")
    model.add(2 * x + 7 * y + 3 * z <= 50)
    model.add(3 * x - 5 * y + 7 * z <= 45)
    model.add(5 * x + 2 * y - 6 * z <= 37)
    model.maximize(2 * x + 2 * y + 3 * z)
    solution = eo.solve(eo.from_ortools(model))
    assert solution.objective == pytest.approx(35)
    assert solution.decision.values.tolist() == [7, 3, 5]
