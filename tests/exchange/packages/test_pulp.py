"""PuLP problems read as programs, and values written back into them."""

from __future__ import annotations

import numpy as np
import pulp
import pytest
from made_models import made

import edgeopt as eo

# PuLP 3.3 announces its next version wherever variables are made by themselves.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def build(seed):
    given = made(seed)
    problem = pulp.LpProblem("made", pulp.LpMaximize if given.maximize else pulp.LpMinimize)
    kinds = ["Integer" if integral else "Continuous" for integral in given.integral]
    x = [pulp.LpVariable(f"x{j}", given.lower[j], given.upper[j], cat=kinds[j]) for j in given.columns]
    problem += given.goal(x)
    for i in given.rows:
        low, high = given.row_lower[i], given.row_upper[i]
        if low == high:
            problem += given.row(i, x) == low, f"equal{i}"
            continue
        if np.isfinite(low):
            problem += given.row(i, x) >= low, f"lower{i}"
        if np.isfinite(high):
            problem += given.row(i, x) <= high, f"upper{i}"
    return given, problem, x


@pytest.mark.parametrize("seed", range(30))
def test_what_is_read_is_the_model_and_its_optimum_is_pulps(seed):
    given, problem, _ = build(seed)
    program = eo.from_pulp(problem)
    place = [int(name[1:]) for name in program.column_names]
    for field in ("cost", "lower", "upper"):
        np.testing.assert_array_equal(getattr(program, field), getattr(given, field)[place])
    np.testing.assert_array_equal(program.integrality, given.integral[place])
    for name, row, low, high in zip(
        program.row_names, program.matrix.toarray(), program.row_lower, program.row_upper, strict=True
    ):
        kind, i = name[:5], int(name[5:])
        np.testing.assert_array_equal(row, given.matrix[i][place])
        assert low == (-np.inf if kind == "upper" else given.row_lower[i])
        assert high == (np.inf if kind == "lower" else given.row_upper[i])
    assert (program.sense, program.offset, program.name) == (given.sense, given.offset, "made")
    solution = eo.solve(program)
    solution.assign(problem)
    assert pulp.LpStatus[problem.status] == "Optimal"
    assert pulp.value(problem.objective) == pytest.approx(solution.objective, rel=1e-9, abs=1e-9)
    assert problem.valid(1e-7)
    problem.solve(pulp.HiGHS(msg=False, presolve="off"))
    assert pulp.value(problem.objective) == pytest.approx(solution.objective, rel=1e-6, abs=1e-6)


def test_categories_constants_and_elastic_constraints():
    problem = pulp.LpProblem("shop", pulp.LpMaximize)
    a, b = pulp.LpVariable("a", cat="Binary"), pulp.LpVariable("b")
    problem += 3 * a - b + 7
    problem += 2 * a + 1 <= b + 4, "limit"
    problem.extend((b >= 2).makeElasticSubProblem(penalty=-5, proportionFreeBound=0.25))
    program = eo.from_pulp(problem)
    names = list(program.column_names)
    j = names.index("a")
    assert (program.lower[j], program.upper[j], program.integrality[j]) == (0, 1, True)
    assert program.lower[names.index("b")] == -np.inf
    assert program.row_upper[list(program.row_names).index("limit")] == 3
    solution = eo.solve(program)
    problem.solve(pulp.HiGHS(msg=False))
    assert pulp.value(problem.objective) == pytest.approx(solution.objective)


def test_sets_and_other_things_and_other_problems_are_refused():
    problem = pulp.LpProblem("sets")
    x = [pulp.LpVariable(f"x{j}", 0, 1) for j in range(3)]
    problem += pulp.lpSum(x)
    fine = eo.solve(eo.from_pulp(problem))
    problem.sos1["first"] = {x[0]: 1, x[1]: 2}
    with pytest.raises(eo.InvalidProblemError, match="constraint 'first' of the PuLP problem is a special ordered set"):
        eo.from_pulp(problem)
    with pytest.raises(eo.InvalidProblemError, match="expected a pulp.LpProblem"):
        eo.from_pulp(x[0])
    other = pulp.LpProblem("other")
    other += x[0] + pulp.LpVariable("new", 0, 1)
    with pytest.raises(eo.InvalidProblemError, match="has a variable 'new' that the solved program has not"):
        fine.assign(other)


def test_the_cat_food_of_the_documentation():
    """PuLP's first case study, a blending problem: 60 grams of beef and 40 of gel at 0.52."""
    table = {
        "CHICKEN": (0.013, 0.100, 0.080, 0.001, 0.002),
        "BEEF": (0.008, 0.200, 0.100, 0.005, 0.005),
        "MUTTON": (0.010, 0.150, 0.110, 0.003, 0.007),
        "RICE": (0.002, 0.000, 0.010, 0.100, 0.002),
        "WHEAT": (0.005, 0.040, 0.010, 0.150, 0.008),
        "GEL": (0.001, 0.000, 0.000, 0.000, 0.000),
    }
    problem = pulp.LpProblem("Whiskas", pulp.LpMinimize)
    grams = pulp.LpVariable.dicts("Ingr", table, 0)
    problem += pulp.lpSum(table[i][0] * grams[i] for i in table)
    problem += pulp.lpSum(grams.values()) == 100, "PercentagesSum"
    for k, (name, limit) in enumerate((("Protein", 8.0), ("Fat", 6.0)), 1):
        problem += pulp.lpSum(table[i][k] * grams[i] for i in table) >= limit, name
    for k, (name, limit) in enumerate((("Fibre", 2.0), ("Salt", 0.4)), 3):
        problem += pulp.lpSum(table[i][k] * grams[i] for i in table) <= limit, name
    solution = eo.solve(eo.from_pulp(problem))
    solution.assign(problem)
    assert solution.objective == pytest.approx(0.52)
    assert {i: pytest.approx(v.varValue) for i, v in grams.items() if v.varValue > 1e-9} == {"BEEF": 60, "GEL": 40}
