"""The papers' baselines and heuristics: what each does, where Algorithm 1 errs, and that none beats the optimum."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import edgeopt as eo

HAND = eo.OfflineOffloading([3.0, 1.0, 2.0, 5.0], [1.0, 1.5, 1.0, 1.0], 0.5)  # benefits 2, -0.5, 1, 4
HEURISTICS = ("algorithm-1", "lagrangian", "random", "local-only", "remote-only")
COSTS = st.integers(-3, 3).map(float) | st.floats(-1e6, 1e6)


@st.composite
def problems(draw):
    count = draw(st.integers(1, 10))
    costs = st.lists(COSTS, min_size=count, max_size=count)
    available = draw(st.none() | st.lists(st.booleans(), min_size=count, max_size=count))
    return eo.OfflineOffloading(
        draw(costs),
        draw(costs),
        draw(st.sampled_from([0.0, 0.5, 1.0]) | st.floats(0, 1)),
        draw(st.just(0.0) | COSTS),
        local_available=None if available is None else np.array(available),
    )


def test_the_baselines_worked_by_hand():
    assert eo.solve(HAND, "local-only").objective == 2.75
    assert eo.solve(HAND, "remote-only").decision.local.tolist() == [True, True, False, False]
    assert eo.solve(HAND, "remote-only").objective == 1.5
    assert eo.solve(replace(HAND, min_local_fraction=0.0), "remote-only").objective == 1.125
    drawn = eo.solve(HAND, "random", seed=3)
    assert drawn.decision.local.sum() == 2
    assert (drawn.status, drawn.bound) == ("feasible", 1.25)


def test_algorithm_1_worked_by_hand():
    # The linear percentile 50 of (-0.5, 1, 2, 4) is 1.5: samples 1 and 2 are easy.
    solution = eo.solve(HAND, "algorithm-1")
    assert (solution.status, solution.objective, solution.gap) == ("feasible", 1.25, 0.0)


def test_algorithm_1_as_printed_breaks_the_constraint_where_benefits_tie():
    problem = eo.OfflineOffloading(np.ones(4), np.zeros(4), 0.5)
    solution = eo.solve(problem, "algorithm-1")
    assert solution.status == "failed"
    assert solution.message == "the decision is infeasible: min_local_fraction is violated by 0.5 (relative)"
    assert eo.solve(problem).objective == 0.5


def test_algorithm_1_as_printed_misses_the_optimum_where_many_benefits_are_negative():
    problem = eo.OfflineOffloading([-3.0, -2.0, -1.0, 1.0], np.zeros(4), 0.25)
    solution = eo.solve(problem, "algorithm-1")
    assert (solution.status, solution.objective) == ("feasible", -0.75)
    assert eo.solve(problem).objective == -1.5
    assert solution.gap == 0.5


def test_algorithm_1_knows_no_outages():
    with pytest.raises(eo.UnsupportedPairError, match="knows no local exits that are unavailable"):
        eo.solve(replace(HAND, local_available=np.array([True, True, True, False])), "algorithm-1")
    assert eo.solve(replace(HAND, local_available=np.ones(4, bool)), "algorithm-1").objective == 1.25


def test_how_often_algorithm_1_errs_on_small_random_instances():
    """ERRATA: infeasible in about half of the cases, suboptimal in about a quarter."""
    rng = np.random.default_rng(0)
    counts = {"failed": 0, "worse": 0, "best": 0}
    for _ in range(300):
        size = rng.integers(2, 8)
        problem = eo.OfflineOffloading(rng.integers(-3, 4, size), np.zeros(size), rng.integers(0, size + 1) / size)
        solution = eo.solve(problem, "algorithm-1")
        if solution.status == "failed":
            counts["failed"] += 1
        else:
            counts["worse" if solution.objective > eo.solve(problem).objective + 1e-9 else "best"] += 1
    assert counts["failed"] > 60
    assert counts["worse"] > 20
    assert counts["best"] > 20


@pytest.mark.parametrize("solver", HEURISTICS)
def test_no_heuristic_beats_the_optimum_or_its_own_bound(solver):
    @settings(max_examples=100, deadline=None)
    @given(problems(), st.integers(0, 5))
    def law(problem, seed):
        if solver == "algorithm-1" and not problem.available.all():
            return
        exact, found = eo.solve(problem, "exhaustive"), eo.solve(problem, solver, seed=seed)
        if exact.status == "infeasible":
            assert found.status == "infeasible"
            return
        if found.status == "failed":
            assert solver == "algorithm-1"
            assert "min_local_fraction is violated" in found.message
            return
        rounding = 1e-12 * problem.magnitude(None) + 1e-300
        assert found.status == "feasible"
        assert found.objective >= exact.objective - rounding
        assert found.bound <= exact.objective + 1e-9 * abs(exact.objective) + rounding
        assert eo.verify(problem, found)

    law()


@pytest.mark.parametrize("iterations", [0, 1, 5, 60, 2000])
def test_lagrangian_is_feasible_whatever_its_iterations(iterations):
    @settings(max_examples=60, deadline=None)
    @given(problems())
    def law(problem):
        assert eo.solve(problem, "lagrangian", iterations=iterations).status in ("feasible", "infeasible")

    law()


@pytest.mark.parametrize(
    "costs",
    [
        ([1.0, 1.0], [1.0, 1.0]),
        ([1.0, 1.0, 1.0], [0.0, 0.0, 0.0]),
        ([1e300, 1e-300], [0.0, 0.0]),
        ([0.0], [0.0]),
        ([5e-324, 5e-324], [0.0, 0.0]),
        ([-1.0, 0.0, 0.0], [0.0, 0.0, 0.0]),
    ],
)
@pytest.mark.parametrize("fraction", [0.0, 0.4, 1.0])
def test_lagrangian_at_the_edges(costs, fraction):
    problem = eo.OfflineOffloading(*costs, fraction)
    solution = eo.solve(problem, "lagrangian")
    assert solution.status == "feasible"
    assert eo.verify(problem, solution)


def test_lagrangian_finds_the_optimum_where_nothing_ties():
    rng = np.random.default_rng(0)
    problem = eo.OfflineOffloading(rng.random(2000), rng.random(2000), 0.8)
    assert eo.solve(problem, "lagrangian").objective == pytest.approx(eo.solve(problem).objective, rel=1e-12)


@pytest.mark.parametrize("iterations", [-1, 2.5, "many"])
def test_lagrangian_refuses_impossible_iterations(iterations):
    with pytest.raises(eo.InvalidOptionError, match=r"iterations is .*; expected an integer >= 0"):
        eo.solve(HAND, "lagrangian", iterations=iterations)


def test_exhaustive_refuses_with_its_count_what_is_too_much():
    with pytest.raises(eo.UnsupportedPairError, match=r"would try 2\^21 choices and takes at most 20 decisions"):
        eo.solve(eo.OfflineOffloading(np.ones(21), np.ones(21)), "exhaustive")
    assert eo.solve(eo.OfflineOffloading(np.arange(14.0), np.ones(14), 0.5), "exhaustive").status == "optimal"


def test_random_draws_every_available_sample_alike():
    problem = eo.OfflineOffloading(np.ones(6), np.zeros(6), 0.5, local_available=np.arange(6) > 0)
    drawn = sum(eo.solve(problem, "random", seed=seed).decision.local.astype(int) for seed in range(300))
    assert drawn[0] == 0
    assert (np.abs(drawn[1:] - 180) < 40).all()
