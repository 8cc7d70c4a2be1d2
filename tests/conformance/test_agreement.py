"""Independent exact routes agree on random problems; a disagreement leaves its smallest instance behind as a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import edgeopt as eo

COSTS = st.floats(-4.0, 4.0).map(lambda x: round(2 * x) / 2) | st.floats(-1e6, 1e6)


SAMPLES = st.lists(st.tuples(COSTS, COSTS, st.booleans()), min_size=1, max_size=8)


@st.composite
def problems(draw) -> eo.OfflineOffloading:
    local, remote, available = zip(*draw(SAMPLES), strict=True)
    available = np.array(available) if draw(st.integers(0, 3)) == 3 else None
    return eo.OfflineOffloading(local, remote, draw(st.floats(0, 1)), draw(COSTS), False, available)


def disagreement(problem: eo.OfflineOffloading, routes, folder: Path) -> str | None:
    """Say how the routes differ; the instance goes to ``folder / smallest.json``.

    Hypothesis ends with its smallest failing example, so what the file holds in the end is that one.
    """
    solutions = [eo.solve(problem, route) for route in routes]
    infeasible = {solution.status == "infeasible" for solution in solutions}
    objectives = [solution.objective for solution in solutions if solution.status != "infeasible"]
    if len(infeasible) == 1 and None not in objectives and (not objectives or _near(problem, solutions, objectives)):
        return None
    eo.save(problem, folder / "smallest.json")
    return f"{solutions} differ on {folder / 'smallest.json'}"


def _near(problem: eo.OfflineOffloading, solutions, objectives) -> bool:
    # Where costs cancel, a general solver ends within its tolerance and says "feasible".
    unproved = any(solution.status == "feasible" and solution.gap for solution in solutions)
    own_gap = max(solution.gap or 0.0 for solution in solutions)
    allowed = (1e-9 + 2 * own_gap) * max(map(abs, objectives))
    return max(objectives) - min(objectives) <= allowed + (1e-6 if unproved else 1e-9) * problem.magnitude(None)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(problem=problems())
def test_exact_routes_agree(problem, tmp_path):
    routes = ["selection", "selection-stream", "exhaustive", "highs"]
    assert disagreement(problem, routes, tmp_path) is None


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(problem=problems())
def test_slow_exact_routes_agree(problem, tmp_path):
    assert disagreement(problem, ["selection", "cp-sat", "scipy", "pyomo", "cvxpy"], tmp_path) is None


@eo.solver("forgetful", solves=eo.OfflineOffloading, exact=False)
def forgetful(problem, options):
    """Forget that negative benefits may stay local beyond the minimum."""
    order = np.argsort(problem.benefit, kind="stable")
    local = np.zeros(problem.benefit.size, bool)
    local[order[: problem.min_local]] = True
    return eo.Outcome.feasible(eo.OffloadingDecision(local))


@pytest.mark.slow
def test_a_planted_bug_is_shrunk_to_a_file_that_reproduces_it(tmp_path):
    routes = ["lagrangian", forgetful]

    @settings(max_examples=300, deadline=None, database=None, derandomize=True, report_multiple_bugs=False)
    @given(problem=problems())
    def hunt(problem):
        assert disagreement(problem, routes, tmp_path) is None

    with pytest.raises((AssertionError, ExceptionGroup)):
        hunt()
    smallest = eo.load(tmp_path / "smallest.json")
    assert smallest.samples <= 3
    assert disagreement(smallest, routes, tmp_path) is not None
