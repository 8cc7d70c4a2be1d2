"""Pyomo models read as programs, and values written back into them."""

from __future__ import annotations

import numpy as np
import pyomo.environ as pyo
import pytest
from made_models import assert_same_numbers, made
from pyomo.contrib.solver.solvers.highs import Highs

import edgeopt as eo


def build(seed):
    given = made(seed)
    model = pyo.ConcreteModel("made")
    model.x = pyo.Var(
        given.columns,
        domain=lambda _, j: pyo.Integers if given.integral[j] else pyo.Reals,
        bounds=lambda _, j: (given.lower[j], given.upper[j]),
    )
    x = [model.x[j] for j in given.columns]

    def row(_, i):
        low, high = float(given.row_lower[i]), float(given.row_upper[i])
        if low == high:
            return given.row(i, x) == low
        return (low if np.isfinite(low) else None, given.row(i, x), high if np.isfinite(high) else None)

    model.c = pyo.Constraint(given.rows, rule=row)
    model.goal = pyo.Objective(expr=given.goal(x), sense=pyo.maximize if given.maximize else pyo.minimize)
    return given, model


def own_optimum(model):
    solver = Highs()
    solver.config.solver_options["presolve"] = "off"
    solver.solve(model)
    return pyo.value(model.goal)


@pytest.mark.parametrize("seed", range(30))
def test_what_is_read_is_the_model_and_its_optimum_is_pyomos(seed):
    given, model = build(seed)
    program = eo.from_pyomo(model)
    expected = given.program([f"x[{j}]" for j in given.columns], [f"c[{i}]" for i in given.rows], "made")
    assert_same_numbers(program, expected)
    assert list(program.column_names) == list(expected.column_names)
    assert list(program.row_names) == list(expected.row_names)
    assert program.name == "made"
    solution = eo.solve(program)
    solution.assign(model)
    assert pyo.value(model.goal) == pytest.approx(solution.objective, rel=1e-9, abs=1e-9)
    assert own_optimum(model) == pytest.approx(solution.objective, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("seed", range(30))
def test_a_program_comes_back_from_its_own_model(seed):
    given = made(seed)
    names = [f"pears and {j}" for j in given.columns]
    program = given.program(names, [f"row {i}" for i in given.rows], "round")
    model = program.to_pyomo()
    back = eo.from_pyomo(model)
    assert_same_numbers(back, program)
    assert (list(back.column_names), list(back.row_names), back.name) == (names, list(program.row_names), "round")
    solution = eo.solve(program)
    solution.assign(model)
    assert pyo.value(model.objective) == pytest.approx(solution.objective, rel=1e-9, abs=1e-9)


def rich_model():
    model = pyo.ConcreteModel()
    model.I = pyo.RangeSet(3)
    model.price = pyo.Param(model.I, initialize={1: 1.5, 2: 2, 3: 3}, mutable=True)
    model.x = pyo.Var(model.I, domain=pyo.NonNegativeIntegers, bounds=(None, 4))
    model.open = pyo.Var(domain=pyo.Boolean)
    model.free, model.below = pyo.Var(), pyo.Var(domain=pyo.NonPositiveReals)
    model.held = pyo.Var(initialize=2.0)
    model.held.fix()
    model.site = pyo.Block([1, 2])
    model.site[1].flow, model.site[2].flow = pyo.Var(bounds=(None, 3)), pyo.Var(bounds=(0, 1))
    model.site[1].limit = pyo.Constraint(expr=model.site[1].flow <= 2 * model.held)
    model.site[2].unused = pyo.Var()
    model.site[2].limit = pyo.Constraint(expr=model.site[2].flow ** 2 <= 1)
    model.site[2].deactivate()
    model.bill = pyo.Expression(expr=sum(model.price[i] * model.x[i] for i in model.I))
    model.range = pyo.Constraint(expr=(1, model.bill + model.held * model.free + 0.5, 7.5))
    model.each = pyo.Constraint(model.I, rule=lambda m, i: m.x[i] <= m.site[1].flow + m.site[2].flow)
    model.each[2].deactivate()
    model.same = pyo.Reference(model.each[:])
    model.goal = pyo.Objective(expr=model.bill + model.open + 1 + model.held, sense=pyo.maximize)
    model.other = pyo.Objective(expr=model.free)
    model.other.deactivate()
    return model


def test_blocks_fixed_variables_parameters_and_what_is_deactivated():
    program = eo.from_pyomo(rich_model())
    assert list(program.column_names) == [
        "x[1]",
        "x[2]",
        "x[3]",
        "open",
        "free",
        "below",
        "site[1].flow",
        "site[2].flow",
    ]
    assert list(program.row_names) == ["range", "each[1]", "each[3]", "site[1].limit"]
    inf = np.inf
    np.testing.assert_array_equal(program.lower, [0, 0, 0, 0, -inf, -inf, -inf, 0])
    np.testing.assert_array_equal(program.upper, [4, 4, 4, 1, inf, 0, 3, 1])
    np.testing.assert_array_equal(program.integrality, [True] * 4 + [False] * 4)
    np.testing.assert_array_equal(program.row_lower, [0.5, -inf, -inf, -inf])
    np.testing.assert_array_equal(program.row_upper, [7, 0, 0, 4])
    np.testing.assert_array_equal(program.matrix.toarray()[0], [1.5, 2, 3, 0, 2, 0, 0, 0])
    assert (program.offset, program.sense, program.name) == (3.0, "maximize", "")


def test_parameters_count_with_the_values_that_they_have_now():
    model = rich_model()
    model.price[1] = 9
    assert eo.from_pyomo(model).cost[0] == 9
    model.x[1].fix(1)
    assert eo.from_pyomo(model).offset == 12.0


def test_a_variable_that_no_block_holds_actively_still_counts_where_it_is_used():
    model = pyo.ConcreteModel()
    model.b = pyo.Block()
    model.b.y = pyo.Var(bounds=(0, 3))
    model.b.deactivate()
    model.goal = pyo.Objective(expr=model.b.y, sense=pyo.maximize)
    program = eo.from_pyomo(model)
    assert list(program.column_names) == ["b.y"]
    eo.solve(program).assign(model)
    assert model.b.y.value == 3


def test_a_constraint_without_variables_is_kept():
    model = pyo.ConcreteModel()
    model.x, model.y = pyo.Var(bounds=(0, 1)), pyo.Var(initialize=5.0)
    model.y.fix()
    model.c = pyo.Constraint(expr=model.y <= 4)
    model.goal = pyo.Objective(expr=model.x)
    solution = eo.solve(eo.from_pyomo(model))
    assert solution.status == "infeasible"
    with pytest.raises(eo.NoSolutionError, match="infeasible"):
        solution.assign(model)


def small():
    model = pyo.ConcreteModel()
    model.x = pyo.Var([1, 2], bounds=(0, 1))
    model.goal = pyo.Objective(expr=model.x[1])
    return model


def disjunctive(model):
    from pyomo.gdp import Disjunction

    model.d = Disjunction(expr=[model.x[1] >= 1, model.x[2] >= 1])


def nonlinear_objective(model):
    model.goal.deactivate()
    model.square = pyo.Objective(expr=model.x[1] ** 2)


REFUSED = [
    (
        lambda m: m.add_component("q", pyo.Constraint([7], rule=lambda m, i: m.x[1] * m.x[2] <= i)),
        r"constraint 'q\[7\]' is not linear.*x\[1\]\*x\[2\]; write it",
    ),
    (lambda m: m.add_component("e", pyo.Constraint(expr=pyo.exp(m.x[1]) <= 1)), "constraint 'e' is not linear"),
    (lambda m: m.add_component("s", pyo.SOSConstraint(var=m.x, sos=1)), "component 's' is of the kind SOSConstraint"),
    (
        lambda m: m.add_component("gaps", pyo.Var(domain=pyo.Set(initialize=[1, 3, 7]))),
        "variable 'gaps' has the domain",
    ),
    (
        lambda m: m.add_component("two", pyo.Objective(expr=m.x[2])),
        "objectives 'goal' and 'two' are both active; deact",
    ),
    (
        lambda m: (m.add_component("p", pyo.Param(mutable=True)), m.x[1].setub(m.p)),
        r"variable 'x\[1\]' has a bound without",
    ),
    (disjunctive, "Disjunct.*gdp.bigm"),
    (nonlinear_objective, "objective 'square' is not linear"),
    (
        lambda m: (
            m.add_component("p", pyo.Param(mutable=True)),
            m.add_component("c", pyo.Constraint(expr=m.x[1] >= m.p)),
        ),
        "constraint 'c' .*value",
    ),
]


@pytest.mark.parametrize(("spoil", "words"), REFUSED)
def test_what_no_linear_program_holds_is_refused_by_name(spoil, words):
    model = small()
    spoil(model)
    with pytest.raises(eo.InvalidProblemError, match=words):
        eo.from_pyomo(model)


def test_a_disjunction_is_read_once_it_is_written_as_rows():
    model = small()
    disjunctive(model)
    pyo.TransformationFactory("gdp.bigm").apply_to(model)
    model.goal.set_value(model.x[1] + 2 * model.x[2])
    solution = eo.solve(eo.from_pyomo(model))
    assert solution.objective == pytest.approx(1.0)


def test_an_abstract_model_and_other_things_are_refused():
    with pytest.raises(eo.InvalidProblemError, match="create_instance"):
        eo.from_pyomo(pyo.AbstractModel())
    with pytest.raises(eo.InvalidProblemError, match=r"from_pyomo was given a int; expected a pyomo"):
        eo.from_pyomo(3)


def test_a_model_of_other_variables_takes_no_values():
    solution = eo.solve(eo.from_pyomo(small()))
    larger = small()
    larger.z = pyo.Var(bounds=(0, 1))
    with pytest.raises(
        eo.InvalidProblemError, match=r"has a variable 'z' that the solved program has not.*another model"
    ):
        solution.assign(larger)
    fewer = small()
    fewer.x[2].fix(0)
    with pytest.raises(eo.InvalidProblemError, match=r"has no variable 'x\[2\]', which the solved program has"):
        solution.assign(fewer)
    assert fewer.x[1].value is None


def test_a_saved_solution_finds_its_model_by_fingerprint(tmp_path):
    model = small()
    eo.save(eo.solve(eo.from_pyomo(model)), tmp_path / "s.json")
    solution = eo.load(tmp_path / "s.json")
    solution.assign(model)
    assert model.x[1].value == 0
    model.x[1].setub(5)
    with pytest.raises(eo.NoSolutionError, match="fingerprints differ"):
        solution.assign(model)


def diet():
    """The diet problem of Pyomo's documentation (that of the book on AMPL), whose optimum of 15.05 it prints."""
    cost = dict(zip(FOODS, [1.84, 2.19, 1.84, 1.44, 2.29, 0.77, 1.29, 0.60, 0.72], strict=True))
    model = pyo.ConcreteModel("diet")
    model.buy = pyo.Var(FOODS, domain=pyo.NonNegativeIntegers)
    model.cost = pyo.Objective(expr=sum(cost[f] * model.buy[f] for f in FOODS))
    model.nutrient = pyo.Constraint(
        range(7),
        rule=lambda m, i: (NEED[i][0], sum(NUTRIENTS[i][k] * m.buy[f] for k, f in enumerate(FOODS)), NEED[i][1]),
    )
    model.volume = pyo.Constraint(expr=sum(v * model.buy[f] for v, f in zip(VOLUME, FOODS, strict=True)) <= 75)
    return model


FOODS = [
    "Cheeseburger",
    "Ham Sandwich",
    "Hamburger",
    "Fish Sandwich",
    "Chicken Sandwich",
    "Fries",
    "Sausage Biscuit",
    "Lowfat Milk",
    "Orange Juice",
]
VOLUME = [4.0, 7.5, 3.5, 5.0, 7.3, 2.6, 4.1, 8.0, 12.0]
NEED = [(2000, None), (350, 375), (55, None), (100, None), (100, None), (100, None), (100, None)]
NUTRIENTS = [
    [510, 370, 500, 370, 400, 220, 345, 110, 80],
    [34, 35, 42, 38, 42, 26, 27, 12, 20],
    [28, 24, 25, 14, 31, 3, 15, 9, 1],
    [15, 15, 6, 2, 8, 0, 4, 10, 2],
    [6, 10, 2, 0, 15, 15, 0, 4, 120],
    [30, 20, 25, 15, 15, 0, 20, 30, 2],
    [20, 20, 20, 10, 8, 2, 15, 0, 2],
]


def test_the_diet_of_the_documentation():
    model = diet()
    solution = eo.solve(eo.from_pyomo(model))
    assert solution.objective == pytest.approx(15.05)
    solution.assign(model)
    assert pyo.value(model.cost) == pytest.approx(15.05)
    assert {f: round(model.buy[f].value) for f in FOODS if model.buy[f].value} == {
        "Cheeseburger": 4,
        "Fries": 5,
        "Fish Sandwich": 1,
        "Lowfat Milk": 4,
    }
