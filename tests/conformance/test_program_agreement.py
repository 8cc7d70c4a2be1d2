"""Independent back ends agree on random programs: three that are not one and the same code underneath.

``highs``, ``pyomo`` and ``cvxpy`` all end in one HiGHS, so their agreement proves nothing; SciPy brings another
version of it, GLOP and CP-SAT share no code with it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import edgeopt as eo
from edgeopt.solving.registry import solvers

inf = np.inf


@st.composite
def programs(draw, kind: str) -> eo.Program:
    rows, columns = draw(st.integers(0, 4)), draw(st.integers(1, 5))
    some = lambda values, size: draw(st.lists(values, min_size=size, max_size=size))  # noqa: E731
    whole, side = st.integers(-4, 4).map(float), st.integers(-8, 8).map(float)
    finite = kind != "linear"  # a search over endlessly many integers need not end
    return eo.Program(
        some(whole, columns),
        np.array(some(whole, rows * columns)).reshape(rows, columns),
        some(side | st.just(-inf), rows),
        some(side | st.just(inf), rows),
        some(st.sampled_from([0.0, -3.0, -5.0 if finite else -inf]), columns),
        some(st.sampled_from([1.0, 3.0, 9.0 if finite else inf]), columns),
        {"linear": False, "integer": True, "mixed": some(st.booleans(), columns)}[kind],
        draw(st.sampled_from(["minimize", "maximize"])),
        draw(whole),
    )


def disagreement(program: eo.Program, routes, folder: Path) -> str | None:
    """Say how the routes differ; hypothesis leaves its smallest example in ``folder / smallest.json``."""
    solutions = [eo.solve(program, route) for route in routes]
    objectives = [solution.objective for solution in solutions if solution.objective is not None]
    same = len({str(solution.status) for solution in solutions}) == 1 and solutions[0].status != "failed"
    near = not objectives or max(objectives) - min(objectives) <= 1e-6 * (1.0 + abs(objectives[0]))
    if same and near and all(eo.verify(program, solution) for solution in solutions):
        return None
    eo.save(program, folder / "smallest.json")
    return f"{solutions} differ on {folder / 'smallest.json'}"


@pytest.mark.parametrize(
    ("kind", "routes", "examples"),
    [
        ("linear", ["highs", "scipy", "glop"], 250),
        ("integer", ["highs", "scipy", "cp-sat"], 120),
        ("mixed", ["highs", "scipy"], 250),
        ("mixed", ["highs", "pyomo", "cvxpy", "cvxpy:SCIPY"], 15),
        ("linear", ["highs", "scipy", "cvxpy", "cvxpy:SCIPY"], 15),
    ],
)
def test_independent_back_ends_agree(kind, routes, examples, tmp_path):
    @settings(max_examples=examples, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(program=programs(kind))
    def law(program):
        assert disagreement(program, routes, tmp_path) is None

    law()


def test_an_unbounded_program_that_presolve_calls_infeasible():
    matrix = [[1.0, -1.0, -1.0, 1.0], [-1.0, 1.0, 1.0, 0.0]]
    program = eo.Program([0.0, 0.0, 1.0, 0.0], matrix, 0.0, lower=[-inf, 0.0, -inf, 0.0], upper=1.0)
    for solver in ("highs", "scipy", "glop"):
        assert eo.solve(program, solver).status == "unbounded"


# Presolve of HiGHS 1.14.0 calls a worse point optimal where integer and continuous columns meet.
LOST = {
    "one row": (eo.Program([2.0, 3.0], [[1.0, 1.0]], [4.5], upper=10.0, integrality=[False, True]), 9.0),
    "below zero": (
        eo.Program(
            [20.0, -30.0],
            [[3.0, -2.0]],
            row_upper=[6.0],
            lower=[-2.0, -100.0],
            upper=3.0,
            integrality=[False, True],
            sense="maximize",
        ),
        140.0,
    ),
    "three columns": (
        eo.Program(
            [100.0, 0.01, 0.0],
            [[1, 0, 1], [0, -1, 1], [0, -1, -1]],
            [3.0, -inf, -inf],
            [3.0, 0.0, 0.0],
            [0.0, -inf, 0.45],
            [inf, inf, 3.0],
            [False, False, True],
        ),
        0.03,
    ),
    "big M": (
        eo.Program(
            [0, 0, 0, 0, 10.0, 8.0],
            [
                [-1000, 0, 1, 0, 0, 0],
                [0, -1000, 0, 1, 0, 0],
                [0, 0, 1, 0, 1, 0],
                [0, 0, 0, 1, 0, 1],
                [1, 1, 0, 0, 0, 0],
            ],
            [-inf, -inf, 1000, 1000, -inf],
            [0, 0, 1000, 1000, 1],
            upper=[1, 1, 1000, 1000, 1000, 1000],
            integrality=[1, 1, 0, 0, 0, 0],
        ),
        8000.0,
    ),
}


@pytest.mark.parametrize("name", LOST)
@pytest.mark.parametrize("solver", [s.name for s in solvers().values() if not s.refusal(LOST["one row"][0])])
def test_no_solver_loses_the_optimum_of_a_mixed_program(solver, name):
    program, optimum = LOST[name]
    try:
        solution = eo.solve(program, solver)
    except eo.UnsupportedPairError as error:
        pytest.skip(str(error))
    assert (solution.status, solution.objective) == ("optimal", pytest.approx(optimum, rel=1e-9))
