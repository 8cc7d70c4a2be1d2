"""A conflict is infeasible, without any one member it is not, and the repair repairs at the least price."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import edgeopt as eo
from edgeopt.analysis.conflicts import _Stretched, explain_program
from edgeopt.model.explanation import Bound

inf = np.inf


def feasible(program: eo.Program) -> bool:
    solution = eo.solve(replace(program, cost=np.zeros(program.columns)), "highs")
    assert solution.status in ("optimal", "infeasible")
    return solution.status == "optimal"


def only(program: eo.Program, members) -> eo.Program:
    """Return the program with no bounds but `members`."""
    free = eo.Program(np.zeros(program.columns), program.matrix, lower=-inf, integrality=program.integrality)
    for member in members:
        values = getattr(free, member.field).copy()
        values[member.index] = member.value(program)
        free = replace(free, **{member.field: values})
    return free


def check_irreducible(program: eo.Program, explanation: eo.Explanation) -> None:
    assert explanation.members
    assert not feasible(only(program, explanation.members))
    for left_out in explanation.members:
        assert feasible(only(program, [member for member in explanation.members if member != left_out]))


def test_a_contradiction_worked_by_hand():
    program = eo.Program(
        [1.0, 1.0, 1.0],
        [[1, 1, 0], [1, -1, 0], [0, 0, 1]],
        [4.0, -1.0, 0.0],
        [inf, 1.0, 9.0],
        upper=[2.0, 1.5, 7.0],
        row_names=["demand", "balance", "spare"],
        column_names=["a", "b", "c"],
    )
    solution = eo.solve(program, "highs")
    assert solution.status == "infeasible"
    explanation = solution.explain()
    assert set(explanation.conflict) == {"row demand >= 4", "column a <= 2", "column b <= 1.5"}
    assert explanation.minimal
    check_irreducible(program, explanation)
    # Half a unit is missing; relative to its size, demand is the bound that gives way most cheaply.
    assert explanation.repair.text == "row demand >= 4 becomes 3.5"
    repaired = explanation.repair.apply()
    assert repaired.row_lower[0] == pytest.approx(3.5)
    assert eo.solve(repaired, "highs").status == "optimal"
    assert program.row_lower[0] == 4.0
    text = str(explanation)
    assert text.startswith("these demands contradict each other:\n  - ")
    assert text.endswith("cheapest repair: row demand >= 4 becomes 3.5")


def test_integers_that_cannot_be():
    program = eo.Program([1.0], [[2.0]], [1.0], [1.0], upper=[9.0], integrality=True, row_names=["odd"])
    explanation = eo.solve(program, "highs").explain()
    assert "integer columns take integer values" in explanation.conflict
    assert {"row odd >= 1", "row odd <= 1"} <= set(explanation.conflict)
    assert feasible(explanation.repair.apply())
    check_irreducible(program, explanation)


def test_bounds_that_cross():
    program = eo.Program([1.0, 1.0], lower=[0.0, 2.0], upper=[1.0, 1.0], column_names=["a", "b"])
    explanation = eo.solve(program, "highs").explain()
    assert explanation.conflict == ("column b >= 2", "column b <= 1")
    assert feasible(explanation.repair.apply())


def test_rows_that_cross_in_a_maximisation_with_offset():
    program = eo.Program([1.0], [[1.0], [1.0]], [3.0, -inf], [inf, 2.0], sense="maximize", offset=5.0)
    explanation = eo.solve(program, "highs").explain()
    assert set(explanation.conflict) == {"row row[0] >= 3", "row row[1] <= 2"}
    assert explanation.repair.apply().sense == "maximize"
    assert eo.solve(explanation.repair.apply(), "highs").status == "optimal"


def test_a_feasible_problem_has_nothing_to_explain():
    for problem in (eo.Program([1.0]), eo.OfflineOffloading([1.0], [1.0], 1.0)):
        explanation = problem.explain()
        assert explanation.conflict == ()
        assert explanation.repair is None
        assert str(explanation) == "the problem is feasible: there is nothing to explain"
        with pytest.raises(eo.NoSolutionError, match="not known to be infeasible: the status is optimal"):
            eo.solve(problem).explain()


def test_a_solution_without_its_problem_says_whom_to_ask(tmp_path):
    problem = eo.OfflineOffloading([1.0, 1.0], [1.0, 1.0], 1.0, local_available=np.array([True, False]))
    eo.save(eo.solve(problem), tmp_path / "s.json")
    with pytest.raises(eo.NoSolutionError, match=r"loaded without its problem; call problem\.explain\(\)"):
        eo.load(tmp_path / "s.json").explain()


def test_undecidable_feasibility_is_an_error(monkeypatch):
    monkeypatch.setattr("edgeopt.analysis.conflicts._feasible", lambda program: None)
    with pytest.raises(eo.NoSolutionError, match="could not be decided"):
        explain_program(eo.Program([1.0], lower=[2.0], upper=[1.0]))


FALSELY_CALLED_INFEASIBLE = eo.Program([0, 1], [[100.4534, 1e12], [100.4534, -1e12]], -np.inf, [1e12, 0], 0, 1, [1, 1])
"""HiGHS 1704: its coefficient of 1e12 makes solvers call it infeasible; (0, 0) satisfies it."""


def test_a_false_infeasible_gets_no_empty_repair(monkeypatch):
    assert FALSELY_CALLED_INFEASIBLE.explain().conflict == ()
    monkeypatch.setattr("edgeopt.analysis.conflicts._feasible", lambda program: False)
    for program in (FALSELY_CALLED_INFEASIBLE, eo.Program([1.0], [[1.0]], 1.0, 2.0)):
        explanation = explain_program(program)
        assert (explanation.conflict, explanation.repair) == ((), None)
        assert "a point satisfies every bound within the tolerance" in str(explanation)


def test_a_solution_that_was_called_infeasible_falsely_says_so():
    false = eo.Solution(eo.Status.INFEASIBLE, problem=FALSELY_CALLED_INFEASIBLE)
    assert "the problem is feasible" in str(false.explain())


def test_no_repair_and_no_point_is_an_error(monkeypatch):
    monkeypatch.setattr("edgeopt.analysis.conflicts._feasible", lambda program: False)
    monkeypatch.setattr(
        "edgeopt.analysis.conflicts._stretched", lambda program, movable: _Stretched(np.array([5.0]), [])
    )
    with pytest.raises(eo.NoSolutionError, match=r"no repair of it was found.*breaks row row\[0\]"):
        explain_program(eo.Program([1.0], [[1.0]], 1.0, 2.0, 0.0, 2.0))


def test_demands_that_miss_each_other_by_less_than_the_tolerance():
    explanation = eo.Program([1.0], lower=[1.0], upper=[1.0 - 1e-12]).explain()
    assert len(explanation.conflict) == 2
    assert explanation.repair is None
    assert "but a point satisfies every bound within the tolerance" in str(explanation)


def test_a_repair_moves_the_bounds_of_a_binary_only_where_nothing_else_helps():
    # One item more would be cheaper than the rest of the demand, but there is no third value of a yes or no.
    held = eo.Program([1.0], [[9.0]], 18.0, np.inf, 0.0, 1.0, True, row_names=["demand"])
    assert held.explain().repair.text == "row demand >= 18 becomes 9"
    several = eo.Program([1.0], [[9.0]], 18.0, np.inf, 0.0, 1.5, True, row_names=["demand"])
    assert "column" in several.explain().repair.text


def test_repairs_in_small_and_in_large_units():
    small = eo.Program([1.0], [[1.0]], 2e-12, 3e-12, 0.0, 1e-12).explain().repair
    assert small.text == "row row[0] >= 2e-12 becomes 1e-12"
    assert eo.solve(small.apply()).status == "optimal"
    large = eo.Program([1.0], [[1.0], [1.0]], [1e12, -np.inf], [np.inf, 1e12 - 1e-3]).explain().repair
    assert large.text == "row row[0] >= 1e+12 becomes 1e+12 (it moves by 0.000977)"


def test_a_doubtful_conflict_says_so():
    explanation = eo.Explanation(("a", "b"), None, minimal=False)
    assert "(perhaps not all of them are needed)" in str(explanation)


NUMBERS = st.integers(-3, 3).map(float)


@st.composite
def programs(draw, integral: bool):
    rows, columns = draw(st.integers(1, 5)), draw(st.integers(1, 4))
    matrix = [[draw(NUMBERS) for _ in range(columns)] for _ in range(rows)]
    lower = [draw(st.integers(-6, 6).map(float) | st.just(-inf)) for _ in range(rows)]
    upper = [draw(st.integers(-6, 6).map(float) | st.just(inf)) for _ in range(rows)]
    return eo.Program(
        np.zeros(columns),
        matrix,
        lower,
        upper,
        [draw(st.sampled_from([-inf, -2.0, 0.0]))] * columns,
        [draw(st.sampled_from([inf, 3.0]))] * columns,
        integral,
    )


@pytest.mark.slow
@pytest.mark.parametrize("integral", [False, True])
def test_conflicts_of_random_programs_are_irreducible_and_repairs_repair(integral):
    @settings(max_examples=60, deadline=None)
    @given(program=programs(integral))
    def law(program):
        if integral:  # keep the search finite
            program = replace(program, lower=np.maximum(program.lower, -9.0), upper=np.minimum(program.upper, 9.0))
        assume(eo.solve(program, "highs").status == "infeasible")
        explanation = program.explain()
        assert explanation.minimal
        check_irreducible(program, explanation)
        assert eo.solve(explanation.repair.apply(), "highs").status == "optimal"
        assert len(explanation.conflict) >= len(explanation.members)

    law()


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 12), st.floats(0, 1), st.data())
def test_conflicts_of_offloading(count, fraction, data):
    available = np.array(data.draw(st.lists(st.booleans(), min_size=count, max_size=count)))
    problem = eo.OfflineOffloading(np.arange(count), np.ones(count), fraction, local_available=available)
    explanation = problem.explain()
    solution = eo.solve(problem)
    assert (solution.status == "infeasible") == bool(explanation.conflict)
    if not explanation.conflict:
        return
    assert solution.explain().conflict == explanation.conflict
    for dropped in ({"min_local_fraction": 0.0}, {"local_available": None}):  # either demand alone can be met
        assert eo.solve(replace(problem, **dropped)).status == "optimal"
    repaired = explanation.repair.apply()
    assert eo.solve(repaired).status == "optimal"
    assert repaired.min_local_fraction == available.sum() / count
    more = replace(
        problem, min_local_fraction=(available.sum() + 1) / count
    )  # the repair is the largest feasible fraction
    assert eo.solve(more).status == "infeasible"
    assert explanation.repair.text.endswith("is the largest feasible local fraction")


def test_the_words_of_offloading():
    available = np.arange(100) % 100 < 73
    problem = eo.OfflineOffloading(np.ones(100), np.ones(100), 0.9, local_available=available)
    assert str(problem.explain()) == (
        "these demands contradict each other:\n"
        "  - min_local_fraction = 0.9 asks for 90 of 100 local decisions\n"
        "  - local_available lets only 73 of 100 be local\n"
        "cheapest repair: 0.73 is the largest feasible local fraction"
    )


def test_a_bound_drops_and_describes_itself():
    program = eo.Program([1.0], [[1.0]], [1.0], [2.0], lower=[-3.0])
    assert Bound("row_upper", 0).drop(program).row_upper[0] == inf
    assert Bound("lower", 0).drop(program).lower[0] == -inf
    assert Bound("row_lower", 0).describe(program) == "row row[0] >= 1"
    assert Bound("lower", 0).describe(program) == "column x[0] >= -3"
