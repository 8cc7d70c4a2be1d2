"""SCIP: optima worked by hand, every way in which a solve can end, options, and what it is told."""

from __future__ import annotations

import _thread
import math
import threading
import time

import numpy as np
import pytest

import edgeopt as eo
from edgeopt.model.errors import InvalidOptionError, UnsupportedPairError
from edgeopt.model.outcome import Options, Status
from edgeopt.model.program import Point, Program
from edgeopt.solvers import scip as module
from edgeopt.solving.solve import solve

pytest.importorskip("pyscipopt")
inf = math.inf

# max 5 x + 4 y with 6 x + 4 y <= 24, x + 2 y <= 6 in whole numbers: (4, 0), worth 20, and 7 more.
WHOLE = Program([5, 4], [[6, 4], [1, 2]], row_upper=[24, 6], integrality=True, sense="maximize", offset=7.0)
# max 3 x + 2 y with x + y <= 4, x + 3 y <= 7, x <= 3: the vertex (3, 1).
LINEAR = Program([3, 2], [[1, 1], [1, 3]], row_upper=[4, 7], upper=[3, inf], sense="maximize", offset=5)
# min x + 2 y with x + y = 3, -1 <= x - y <= 1, y whole: (2, 1).
TWO_SIDED = Program([1, 2], [[1, 1], [1, -1]], [3, -1], [3, 1], integrality=[False, True])
# max x with 2 x + y = 3 in whole numbers between -5 and 5: x = 4, y = -5.
NEGATIVE = Program([1, 0], [[2, 1]], [3], [3], lower=-5.0, upper=5.0, integrality=True, sense="maximize")
INFEASIBLE = Program([1, 1], [[1, 1]], [0.4], [0.6], upper=1.0, integrality=True)
UNBOUNDED = Program([-1, -1], [[1, -1]], [0], [1], integrality=True)


def market_split(seed: int, rows: int = 5, columns: int = 40) -> Program:
    """Equality knapsacks for which a first feasible point is hard to find (Cornuejols and Dawande 1999)."""
    matrix = np.random.default_rng(seed).integers(0, 100, (rows, columns)).astype(float)
    half = np.floor(matrix.sum(axis=1) / 2)
    return Program(np.ones(columns), matrix, half, half, upper=1.0, integrality=True)


@pytest.mark.parametrize(
    ("program", "objective", "point"),
    [(WHOLE, 27.0, [4, 0]), (LINEAR, 16.0, [3, 1]), (TWO_SIDED, 4.0, [2, 1]), (NEGATIVE, 4.0, [4, -5])],
    ids=["whole", "linear", "two-sided", "negative"],
)
def test_optima_worked_by_hand(program, objective, point):
    solution = solve(program, "scip")
    assert solution.status == "optimal"
    assert solution.objective == pytest.approx(objective, rel=1e-12)
    np.testing.assert_allclose(solution.decision.values, point, atol=1e-9)
    assert eo.verify(program, solution)


def test_its_bound_is_in_the_programs_own_sense_and_has_the_offset():
    outcome = module.scip(WHOLE, Options())
    assert outcome.claim is Status.OPTIMAL
    assert outcome.bound == pytest.approx(27.0)
    assert outcome.objective == pytest.approx(27.0)
    assert outcome.statistics["nodes"] >= 0


@pytest.mark.parametrize(
    ("program", "status"), [(INFEASIBLE, "infeasible"), (UNBOUNDED, "unbounded")], ids=["infeasible", "unbounded"]
)
def test_programs_without_an_optimum(program, status):
    assert solve(program, "scip").status == status


def test_empty_rows_columns_and_bounds_that_cross():
    assert solve(Program([1.0], [[0.0]], [-1.0], [1.0], integrality=True), "scip").objective == 0.0
    assert solve(Program([1.0], [[0.0]], [1.0], [2.0], integrality=True), "scip").status == "infeasible"
    assert solve(Program([], offset=3.0), "scip").objective == 3.0
    assert solve(Program([1.0], lower=[2.0], upper=[1.0], integrality=True), "scip").status == "infeasible"
    assert solve(Program([1.0], [[1.0]], -inf, inf, lower=[-2.0], integrality=True), "scip").objective == -2.0
    assert solve(Program([0.0], [[1.0]], [1.0], [2.0], integrality=True), "scip").objective == 0.0


def test_small_coefficients_that_matter_are_refused():
    # Scaled or not, the row has a coefficient of 1 and one of 1e-10 that a column of up to 1e11 makes large.
    program = Program([1.0, -1.0], [[1.0, 1e-10]], row_upper=[1.0], upper=[1.0, 1e11], integrality=True)
    with pytest.raises(UnsupportedPairError, match=r"below 1e-09, which it drops"):
        module.scip(program, Options())
    harmless = Program([1.0, -1.0], [[1.0, 1e-10]], row_upper=[1.0], upper=[1.0, 2.0], integrality=True)
    assert module.scip(harmless, Options()).objective == -2.0


def told(monkeypatch, program: Program, **options) -> dict:
    """What SCIP is told, parameter by parameter."""
    given: dict = {}
    honest = module._configure

    def noting(model, options):
        class Noting:
            def setParam(self, name, value):
                given[name] = value
                model.setParam(name, value)

            def hideOutput(self, quiet=True):
                given["quiet"] = quiet

        honest(Noting(), options)

    monkeypatch.setattr(module, "_configure", noting)
    solve(program, "scip", **options)
    return given


def test_limits_gap_seed_and_own_parameters_are_handed_on(monkeypatch):
    given = told(monkeypatch, WHOLE, time_limit=50.0, relative_gap=0.25, seed=11, **{"limits/nodes": 9})
    assert 40.0 < given["limits/time"] <= 50.0
    assert given["limits/gap"] == 0.25
    assert given["randomization/randomseedshift"] == 11
    assert given["limits/nodes"] == 9
    assert given["misc/catchctrlc"] is False
    assert "limits/time" not in told(monkeypatch, WHOLE)


def test_nothing_is_printed_without_log(capfd):
    for program in (WHOLE, LINEAR, TWO_SIDED, INFEASIBLE, UNBOUNDED):
        solve(program, "scip")
    assert capfd.readouterr() == ("", "")


def test_a_log_is_printed_when_asked_for(monkeypatch):
    assert told(monkeypatch, WHOLE, log=True)["quiet"] is False


def test_a_limit_leaves_no_solution_or_a_feasible_one():
    solution = solve(market_split(1), "scip", time_limit=0.3)
    assert solution.status in ("no_solution", "feasible")
    assert "timelimit" in solution.message


def test_a_warm_start_is_the_first_incumbent():
    start = Point([1.0, 1.0])
    solution = solve(WHOLE, "scip", warm_start=start, **{"limits/solutions": 1})
    assert solution.status == "feasible"
    assert solution.decision.values.tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("options", "message"),
    [({"no/such": 1}, "no/such"), ({"limits/nodes": "many"}, "limits/nodes"), ({"limits/gap": -1.0}, "limits/gap")],
)
def test_options_that_scip_does_not_know_are_refused(options, message):
    with pytest.raises(InvalidOptionError, match=message):
        solve(WHOLE, "scip", **options)


def test_an_interrupt_ends_the_search():
    timer = threading.Timer(1.0, _thread.interrupt_main)
    started = time.monotonic()
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        solve(market_split(2, rows=6, columns=60), "scip", time_limit=120.0)
    assert time.monotonic() - started < 60.0  # wide: what counts is that the limit was not waited for


def test_the_same_seed_gives_the_same_answer():
    first, second = (solve(TWO_SIDED, "scip", seed=3) for _ in range(2))
    assert first.decision.values.tolist() == second.decision.values.tolist()
