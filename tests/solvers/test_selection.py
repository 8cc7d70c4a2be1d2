"""The exact selection and the whole curve of optimal cost against local fraction."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import edgeopt as eo
from edgeopt.solvers.selection import smallest

COSTS = st.integers(-4, 4).map(float) | st.floats(-1e3, 1e3)


@st.composite
def problems(draw, largest=9):
    count = draw(st.integers(1, largest))
    costs = st.lists(COSTS, min_size=count, max_size=count)
    return eo.OfflineOffloading(draw(costs), draw(costs), transmission_cost=draw(st.just(0.0) | COSTS))


def test_ties_go_by_index():
    problem = eo.OfflineOffloading(np.ones(5), np.zeros(5), 0.5)
    assert eo.solve(problem, "selection").decision.local.tolist() == [True, True, True, False, False]
    assert smallest(np.array([2.0, 1.0, 2.0, 2.0]), 3, 2.0).tolist() == [True, True, True, False]
    assert smallest(np.array([-1.0, 1.0, -2.0]), 1, 0.0).tolist() == [True, False, True]


def test_the_curve_worked_by_hand():
    # b = (2, -0.5, 1, 4) sorted (-0.5, 1, 2, 4); all remote costs 4.5 / 4.
    curve = eo.trade_off_curve(eo.OfflineOffloading([3.0, 1.0, 2.0, 5.0], [1.0, 1.5, 1.0, 1.0]))
    np.testing.assert_array_equal(curve.local_fraction, [0.0, 0.25, 0.5, 0.75, 1.0])
    np.testing.assert_array_equal(curve.cost, [1.125, 1.0, 1.25, 1.75, 2.75])
    np.testing.assert_array_equal(curve.multiplier, [-np.inf, -0.5, 1.0, 2.0, 4.0])
    assert curve.best == 1
    assert [curve.at(fraction) for fraction in (0.0, 0.25, 0.26, 0.5, 0.51, 1.0)] == [1.0, 1.0, 1.25, 1.25, 1.75, 2.75]


@settings(max_examples=150, deadline=None)
@given(problems())
def test_the_curve_is_the_exhaustive_optimum_at_every_fraction(problem):
    curve = eo.trade_off_curve(problem)
    count = problem.samples
    for kept in range(count + 1):
        constrained = replace(problem, min_local_fraction=kept / count)
        optimum = eo.solve(constrained, "exhaustive").objective
        assert curve.at(kept / count) == pytest.approx(optimum, rel=1e-9, abs=1e-12 * problem.magnitude(None))
        assert curve.cost[kept] >= optimum - 1e-12 * problem.magnitude(None)


@settings(max_examples=200, deadline=None)
@given(problems(largest=40))
def test_the_curve_is_convex_and_its_slope_is_the_multiplier(problem):
    curve = eo.trade_off_curve(problem)
    slope = np.diff(curve.cost) * problem.samples
    rounding = 1e-11 * (problem.magnitude(None) * problem.samples + 1e-300)
    assert (np.diff(slope) >= -rounding).all()
    np.testing.assert_allclose(slope, curve.multiplier[1:], rtol=0, atol=rounding)
    assert (np.diff(curve.multiplier) >= 0).all()
    assert curve.cost[curve.best] == curve.cost.min()


@settings(max_examples=150, deadline=None)
@given(problems(), st.data())
def test_the_multiplier_is_the_charge_that_makes_the_fraction_optimal(problem, data):
    curve = eo.trade_off_curve(problem)
    kept = data.draw(st.integers(0, problem.samples))
    low = curve.multiplier[kept]
    high = curve.multiplier[kept + 1] if kept < problem.samples else low + 1.0
    if not low < high:
        return  # tied with its neighbours: no charge singles this fraction out
    charge = high - 1.0 if np.isinf(low) else low + (high - low) / 2
    if not low < charge < high:
        return
    charged = replace(problem, transmission_cost=problem.transmission_cost + charge)
    local = eo.solve(charged).decision.local
    rounding = 1e-9 * (1.0 + np.abs(problem.benefit).max())
    if np.abs(problem.benefit - charge).min() > rounding:
        assert local.sum() == kept


def test_the_curve_ends_where_no_more_can_be_local():
    available = np.array([True, True, False, False])
    problem = eo.OfflineOffloading([1.0, 2.0, 3.0, 4.0], np.zeros(4), local_available=available)
    curve = eo.trade_off_curve(problem)
    np.testing.assert_array_equal(curve.local_fraction, [0.0, 0.25, 0.5])
    for fraction in (0.0, 0.1, 0.25, 0.3, 0.5):
        assert curve.at(fraction) == eo.solve(replace(problem, min_local_fraction=fraction)).objective
    with pytest.raises(eo.InvalidProblemError, match=r"min_local_fraction is 0\.75; 0\.5 is the largest feasible one"):
        curve.at(0.75)
    for wrong in (-0.1, 1.1, np.nan):
        with pytest.raises(eo.InvalidProblemError, match="expected a number between 0 and 1"):
            curve.at(wrong)


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 3000), st.data())
def test_the_curve_counts_like_the_problem(count, data):
    fraction = data.draw(st.integers(0, count)) / count
    problem = eo.OfflineOffloading(np.arange(1.0, count + 1), np.zeros(count), fraction)
    assert eo.trade_off_curve(problem).at(fraction) == pytest.approx(eo.solve(problem).objective, rel=1e-12)


def test_independent_sites_have_a_curve_of_all_their_decisions():
    rng = np.random.default_rng(1)
    problem = eo.OfflineOffloading(rng.random((4, 2)), rng.random((4, 2)), independent_sites=True)
    curve = eo.trade_off_curve(problem)
    assert curve.local_fraction.size == 9
    for kept in range(9):
        optimum = eo.solve(replace(problem, min_local_fraction=kept / 8), "exhaustive").objective
        assert curve.at(kept / 8) == pytest.approx(optimum, rel=1e-12)


def test_selection_does_not_sort(monkeypatch):
    rng = np.random.default_rng(0)
    problem = eo.OfflineOffloading(rng.random(10**6), rng.random(10**6), 0.6)
    for name in ("sort", "argsort", "lexsort", "unique"):
        monkeypatch.setattr(np, name, lambda *_, **__: pytest.fail("a million costs were sorted"))
    solution = eo.solve(problem, "selection")
    assert solution.status == "optimal"
    assert np.count_nonzero(solution.decision.local) == 600_000
