"""The same problems, several solvers, one table."""

from __future__ import annotations

import numpy as np
import pytest

import edgeopt as eo

PROBLEM = eo.OfflineOffloading([3.0, 1.0, 2.0, 5.0], [1.0, 1.5, 1.0, 1.0], min_local_fraction=0.5)
COLUMNS = [
    "problem",
    "solver",
    "kind",
    "status",
    "proved",
    "objective",
    "bound",
    "gap",
    "claimed_bound",
    "excess",
    "wall_time",
    "verify_time",
    "conflict",
    "message",
]


def test_one_row_for_each_pair():
    other = eo.OfflineOffloading([1.0, 2.0], [2.0, 1.0], 0.5)
    table = eo.compare([PROBLEM, other], ["selection", "highs", "local-only", "algorithm-1"], names=["a", "b"])
    assert list(table.columns) == COLUMNS
    assert list(table["problem"]) == ["a"] * 4 + ["b"] * 4
    assert list(table["solver"]) == ["selection", "highs", "local-only", "algorithm-1"] * 2
    first = table.set_index(["problem", "solver"]).loc["a"]
    assert list(first["kind"]) == ["exact", "exact", "heuristic", "heuristic"]
    assert first.loc["selection", "excess"] == first.loc["highs", "excess"] == 0.0
    assert first.loc["local-only", "excess"] == pytest.approx((2.75 - 1.25) / 1.25)
    assert (table["wall_time"] >= 0).all()


def test_all_able_solvers_by_default():
    table = eo.compare(PROBLEM)
    assert set(table["solver"]) == set(eo.solvers_for(PROBLEM).query("installed")["solver"])
    assert set(table.loc[table["kind"] == "exact", "status"]) == {"optimal"}


def test_what_fails_is_a_row_that_says_why():
    table = eo.compare(PROBLEM, ["selection", "glop", "oracle"], relative_gap=1e-6)
    assert list(table["status"]) == ["optimal", "failed", "failed"]
    assert "takes no integer columns" in table["message"][1]
    assert "no solver is called 'oracle'" in table["message"][2]
    assert np.isnan(table["objective"][1])
    assert np.isnan(table["excess"][1])


def test_the_best_is_the_best_in_the_sense_of_each_problem():
    rows, cost = [[1.0, 1.0]], [1.0, 2.0]
    least, most = eo.Program(cost, rows, [1.0]), eo.Program(cost, rows, row_upper=[1.0], sense="maximize")

    def lazy(problem, options):
        return eo.Outcome.feasible(eo.Point([1.0, 1.0] if problem.sense == "minimize" else [0.0, 0.0]))

    poor = eo.Solver("lazy", lazy, eo.Program, False)
    for problems in ([least, most], [most, least]):
        table = eo.compare(problems, ["highs", poor], names=["same", "same"])
        assert (table.loc[table["solver"] == "highs", "excess"] == 0).all()
        assert (table.loc[table["solver"] == "lazy", "excess"] > 0).all()


def test_progress_is_told_before_each_solve():
    told = []
    eo.compare([PROBLEM], ["selection", "random"], progress=lambda *pair: told.append(pair), seed=1)
    assert told == [("0", "selection"), ("0", "random")]


def test_nothing_compares_to_nothing():
    assert eo.compare([]).empty
    assert list(eo.compare([]).columns) == COLUMNS


def test_solvers_for_a_program_and_a_formulation():
    linear = set(eo.solvers_for(eo.Program([1.0]))["solver"])
    assert {"highs", "glop", "pdlp", "scipy", "pyomo", "cvxpy"} <= linear
    assert "selection" not in linear
    available = eo.solvers_for(PROBLEM)
    assert list(available.columns) == ["solver", "kind", "installed", "install", "version"]
    assert {"selection", "exhaustive", "cp-sat", "highs"} <= set(available["solver"])
    assert "glop" not in set(available["solver"])
    assert available["installed"].all()
