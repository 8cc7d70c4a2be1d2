"""Answers that cannot all be true are found wherever they stand in a table, and rounding is no contradiction."""

from __future__ import annotations

import itertools
import logging

import numpy as np
import pytest

import edgeopt as eo
from edgeopt.model.outcome import Status
from edgeopt.solving.contradiction import Answer, conflicts

KNAPSACK = eo.Program([5.0, 4.0], [[2.0, 3.0]], row_upper=[4.0], upper=1.0, integrality=True, sense="maximize")


def told(*answers: Answer, sign: float = 1.0) -> dict[str, tuple[str, bool]]:
    """Return words and verdict by solver, the same in every order."""
    seen = []
    for order in itertools.permutations(answers):
        found = zip(order, conflicts(order, sign), strict=True)
        seen.append({answer.solver: (conflict.words, conflict.refuted) for answer, conflict in found})
    assert all(one == seen[0] for one in seen)
    return seen[0]


def test_an_optimum_is_beaten_wherever_it_stands():
    found = told(
        Answer("liar", "optimal", 3.0, 3.0), Answer("heuristic", "feasible", 2.0), Answer("poor", "feasible", 9.0)
    )
    assert found["liar"] == ("says optimal, but heuristic found 2", True)
    assert found["heuristic"] == ("liar says optimal with 3", False)
    assert found["poor"] == ("", False)


def test_the_sense_of_the_problem_counts():
    lower, higher = Answer("a", "optimal", 3.0, 3.0), Answer("b", "feasible", 2.0)
    assert told(lower, higher, sign=-1.0)["a"] == ("", False)
    assert told(Answer("a", "optimal", 2.0, 2.0), Answer("b", "feasible", 3.0), sign=-1.0)["a"][1]


def test_a_denial_beside_a_point_and_bounds_that_cross_it():
    found = told(Answer("denier", "infeasible", proved=True), Answer("highs", "optimal", 1.5, 1.5, proved=True))
    assert found["denier"] == ("says infeasible, but highs found 1.5", True)
    assert found["highs"] == ("denier says infeasible", False)
    found = told(Answer("a", "feasible", 9.0, 5.0), Answer("b", "feasible", 4.0, 1.0))
    assert found["a"] == ("says that nothing is better than 5, but b found 4", True)
    assert found["b"] == ("a says that nothing is better than 5", False)
    word = told(Answer("a", "optimal", 9.0, 1.0, claimed_bound=9.0), Answer("b", "feasible", 4.0))
    assert word["a"] == ("says optimal, but b found 4", True)


def test_unbounded_beside_an_optimum_and_beside_infeasible():
    found = told(Answer("a", "unbounded"), Answer("b", "optimal", 1.0, 1.0, proved=True))
    assert found == {
        "a": ("says unbounded, but b says optimal with 1", True),
        "b": ("says optimal, but a says unbounded", False),
    }
    found = told(Answer("a", "unbounded", proved=True), Answer("b", "optimal", 1.0, claimed_bound=1.0))
    assert (found["a"][1], found["b"][1]) == (False, True)
    found = told(Answer("a", "unbounded", proved=True), Answer("b", "infeasible"))
    assert (found["a"][1], found["b"]) == (False, ("says infeasible, but a says unbounded", True))
    both = told(Answer("a", "unbounded", proved=True), Answer("b", "infeasible", proved=True))
    assert both["a"][1]
    assert both["b"][1]
    assert told(Answer("a", "unbounded", proved=True), Answer("b", "feasible", 3.0))["a"] == ("", False)


def test_what_is_no_contradiction():
    gap = told(Answer("a", "optimal", 1.0, 0.9), Answer("b", "optimal", 0.95, 0.9))
    rounding = told(Answer("a", "optimal", 1e-16, 1e-16, rounding=1e-12), Answer("b", "optimal", -1e-15, -1e-15))
    silent = told(Answer("a", "failed", 7.0), Answer("b", "no_solution"), Answer("c", "infeasible"))
    worse = told(Answer("a", "optimal", 1.0, 1.0), Answer("b", "feasible", 2.0, np.nan))
    for found in (gap, rounding, silent, worse):
        assert set(found.values()) == {("", False)}
    assert conflicts([], 1.0) == []


def test_one_instance_of_a_batch_is_enough():
    a = Answer("a", "optimal", np.array([1.0, 2.0]), np.array([1.0, 2.0]), proved=True)
    b = Answer("b", "feasible", np.array([3.0, 1.0]))
    assert told(a, b)["a"] == ("says optimal, but b found 1 for instance 1", True)


def test_rounding_beside_large_costs_of_a_program_is_none():
    program = eo.Program([1e6, 1.0], lower=[-1e-15, 0.0])
    exact = eo.Solution(Status.OPTIMAL, 0.0, 0.0, found=eo.Point([0.0, 0.0]), proved=True)
    noisy = eo.Solution(Status.OPTIMAL, -1e-9, -1e-9, found=eo.Point([-1e-15, 0.0]), proved=True)
    said = [Answer.of("a", exact, program), Answer.of("b", noisy, program)]
    assert not any(conflicts(said, 1.0))


def lying(name: str, solution_of) -> eo.Solver:
    return eo.Solver(name, lambda problem, options: solution_of(), eo.Program, True)


@pytest.mark.parametrize("first", [True, False])
def test_compare_names_the_other_solver_and_its_value(first, monkeypatch, caplog):
    """A judge that lets a false optimum through is simulated: the table shows it all the same."""
    from edgeopt.solving import compare as module

    def believing(problem, entry, **options):
        if isinstance(entry, eo.Solver):
            return eo.Solution(Status.OPTIMAL, 4.0, 4.0, 0.0, found=eo.Point([0.0, 1.0]), problem=problem)
        return eo.solve(problem, entry, **options)

    monkeypatch.setattr(module, "solve", believing)
    liar = lying("liar", lambda: None)
    with caplog.at_level(logging.WARNING, "edgeopt"):
        table = eo.compare(KNAPSACK, [liar, "cp-sat"] if first else ["cp-sat", liar]).set_index("solver")
    assert table.loc["liar", "conflict"] == "says optimal, but cp-sat found 5"
    assert table.loc["cp-sat", "conflict"] == "liar says optimal with 4"
    assert "problem 0: liar says optimal, but cp-sat found 5" in caplog.text


def test_compare_of_honest_solvers_has_no_conflict_and_says_what_is_proved(caplog):
    table = eo.compare(KNAPSACK, ["highs", "cp-sat", "glop"]).set_index("solver")
    assert (table["conflict"] == "").all()
    assert table["proved"].dtype == bool
    assert not table.loc["glop", "proved"]
    assert table.loc["highs", "claimed_bound"] == 5.0
    assert not caplog.records
