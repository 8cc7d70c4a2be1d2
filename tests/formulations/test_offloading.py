"""Offline offloading: its arithmetic worked by hand, its laws, and the papers' own statements about it."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import edgeopt as eo

HAND = eo.OfflineOffloading([3.0, 1.0, 2.0, 5.0], [1.0, 1.5, 1.0, 1.0], 0.5)


def brute(problem: eo.OfflineOffloading) -> float | None:
    """Return the optimum by trying everything in plain Python; None if nothing is feasible."""
    local, remote = problem.local_cost.tolist(), problem.remote_cost.tolist()
    if problem.independent_sites:
        pairs = [(a, b) for row, other in zip(local, remote, strict=True) for a, b in zip(row, other, strict=True)]
    else:
        pairs = [(sum(row) if isinstance(row, list) else row, b) for row, b in zip(local, remote, strict=True)]
    available = [True] * len(pairs) if problem.local_available is None else problem.local_available.ravel().tolist()
    best = None
    for choice in product((False, True), repeat=len(pairs)):
        enough = sum(choice) >= problem.min_local_fraction * len(pairs) * (1 - 1e-12)
        if enough and all(available[i] or not kept for i, kept in enumerate(choice)):
            costs = [a if kept else b + problem.transmission_cost for kept, (a, b) in zip(choice, pairs, strict=True)]
            best = sum(costs) if best is None else min(best, sum(costs))
    return None if best is None else best / len(local)


def test_the_optimum_worked_by_hand():
    # b = (2, -0.5, 1, 4); two must stay: samples 1 and 2 (benefits -0.5 and 1); (1 + 1 + 2 + 1) / 4.
    assert HAND.benefit.tolist() == [2.0, -0.5, 1.0, 4.0]
    assert (HAND.min_local, HAND.multiplier, HAND.samples, HAND.shape) == (2, 1.0, 4, (4,))
    solution = eo.solve(HAND)
    assert solution.decision.local.tolist() == [False, True, True, False]
    assert solution.objective == solution.bound == 1.25
    assert str(solution.certificate) == "multiplier of the minimum local fraction: 1 per remote sample"


def test_all_or_nothing_sums_the_sites_worked_by_hand():
    # Two sites: local sums 4 and 3; remote 5 and 1. Unconstrained: keep the first, send the second: (4 + 1) / 2.
    problem = eo.OfflineOffloading([[1.0, 3.0], [2.0, 1.0]], [5.0, 1.0])
    assert problem.benefit.tolist() == [-1.0, 2.0]
    assert eo.solve(problem).objective == 2.5
    assert repr(problem) == "OfflineOffloading(2 samples, 2 sites, min_local_fraction=0)"


def test_independent_sites_decide_for_themselves_worked_by_hand():
    # The same local costs, remote shares 2 and 2 each: keep 1, send 3 (2), keep or send 2, keep 1: (1 + 2 + 2 + 1) / 2.
    problem = eo.OfflineOffloading([[1.0, 3.0], [2.0, 1.0]], np.full((2, 2), 2.0), independent_sites=True)
    assert problem.shape == (2, 2)
    assert eo.solve(problem).objective == 3.0
    three = replace(problem, min_local_fraction=0.75)
    assert eo.solve(three).decision.local.sum() >= 3
    assert eo.solve(three).objective == 3.0  # the tie costs nothing
    assert eo.solve(replace(problem, min_local_fraction=1.0)).objective == 3.5
    sites = [eo.solve(eo.OfflineOffloading(problem.local_cost[:, i], problem.remote_cost[:, i])) for i in (0, 1)]
    assert sum(site.objective for site in sites) == 3.0


@pytest.mark.parametrize(
    ("fraction", "count", "wanted"),
    [
        (0.07, 100, 7),
        (0.29, 100, 29),
        (0.57, 100, 57),
        (0.1 + 0.2, 10, 3),
        (1 / 3, 3, 1),
        (2 / 3, 3, 2),
        (0.0, 5, 0),
        (1.0, 5, 5),
        (0.5, 5, 3),
        (0.400001, 5, 3),
        (1e-9, 5, 1),
        (0.999999, 5, 5),
        (1.0, 1, 1),
        (0.3, 200_000_000, 60_000_000),
        (5e-324, 1, 1),
    ],
)
def test_the_minimum_count_has_no_floating_point_surprises(fraction, count, wanted):
    assert eo.OfflineOffloading(np.zeros(1), np.zeros(1), fraction).min_local == (fraction > 0)
    problem = eo.OfflineOffloading.__new__(eo.OfflineOffloading)  # a count alone needs no two hundred million costs
    object.__setattr__(problem, "min_local_fraction", fraction)
    object.__setattr__(problem, "local_totals", np.broadcast_to(0.0, count))
    assert problem.min_local == wanted


@settings(max_examples=300, deadline=None)
@given(st.integers(1, 10_000), st.data())
def test_every_fraction_of_whole_samples_is_met_exactly(count, data):
    wanted = data.draw(st.integers(0, count))
    problem = eo.OfflineOffloading(np.zeros(count), np.zeros(count), wanted / count)
    assert problem.min_local == wanted


EDGES = {
    "one sample": ([2.0], [1.0], 0.0),
    "one sample, kept": ([2.0], [1.0], 1.0),
    "no minimum": ([3.0, 1.0, 2.0], [1.0, 1.5, 1.0], 0.0),
    "all local": ([3.0, 1.0, 2.0], [1.0, 1.5, 1.0], 1.0),
    "not whole": ([3.0, 1.0, 2.0, 4.0, 5.0], [1.0, 1.5, 1.0, 0.0, 2.0], 0.5),
    "ties": ([2.0, 2.0, 2.0, 2.0], [1.0, 1.0, 1.0, 1.0], 0.5),
    "ties at zero": ([1.0, 1.0, 1.0], [1.0, 1.0, 1.0], 0.7),
    "constant": (np.full(6, 0.1), np.full(6, 0.3), 0.5),
    "negative benefits": ([-3.0, -2.0, -1.0, 1.0], np.zeros(4), 0.25),
    "only negative": ([-3.0, -2.0], [0.0, 0.0], 0.5),
    "negative costs": ([-3.0, -1.0, -2.0], [-1.0, -5.0, -2.0], 0.4),
    "small": ([3e-300, 1e-300, 2e-300], [1e-300, 1.5e-300, 1e-300], 0.6),
    "denormal": ([3e-320, 1e-320, 2e-320], [1e-320, 1.5e-320, 1e-320], 0.6),
    "huge": ([3e300, 1e300, 2e300], [1e300, 1.5e300, 1e300], 0.6),
    "mixed": ([1e300, 1e-300, 1.0, 0.0], [0.0, 0.0, 1e-300, 1e300], 0.5),
    "signed zeros": ([0.0, -0.0, 0.0], [-0.0, 0.0, 0.0], 0.4),
    "next floats": ([1.0, np.nextafter(1.0, 2.0), np.nextafter(1.0, 0.0)], [0.0, 0.0, 0.0], 0.4),
}


@pytest.mark.parametrize("solver", ["selection", "selection-stream", "exhaustive", "highs", "scipy"])
@pytest.mark.parametrize("name", EDGES)
def test_the_edges_against_brute_force(name, solver):
    problem = eo.OfflineOffloading(*EDGES[name])
    solution = eo.solve(problem, solver)
    assert solution.status == "optimal", solution
    # Denormal numbers carry few bits.
    allowed = 1e-12 * problem.magnitude(None) + 1e-323
    assert abs(solution.objective - brute(problem)) <= allowed
    assert eo.verify(problem, solution)


COSTS = st.integers(-4, 4).map(float) | st.floats(-1e3, 1e3)


@st.composite
def problems(draw, largest=7):
    count, sites = draw(st.integers(1, largest)), draw(st.sampled_from([0, 0, 1, 2]))
    independent = bool(sites) and draw(st.booleans())
    count = min(count, 4) if independent else count
    shape = (count, sites) if sites else (count,)
    decisions = count * sites if independent else count
    costs = lambda shape: np.array(draw(st.lists(COSTS, min_size=int(np.prod(shape)), max_size=int(np.prod(shape)))))  # noqa: E731
    available = draw(st.none() | st.lists(st.booleans(), min_size=decisions, max_size=decisions))
    remote = shape if independent else (count,)
    return eo.OfflineOffloading(
        costs(shape).reshape(shape),
        costs(remote).reshape(remote),
        draw(st.sampled_from([0.0, 0.25, 0.5, 1.0]) | st.floats(0, 1)),
        draw(st.just(0.0) | COSTS),
        independent,
        None if available is None else np.array(available).reshape(remote),
    )


@settings(max_examples=300, deadline=None)
@given(problems())
def test_selection_against_brute_force(problem):
    expected = brute(problem)
    for solver in ("selection", "selection-stream"):
        solution = eo.solve(problem, solver)
        assert eo.verify(problem, solution)
        if expected is None:
            assert solution.status == "infeasible"
        else:
            assert solution.objective == pytest.approx(expected, rel=1e-9, abs=1e-12 * problem.magnitude(None))


@settings(max_examples=200, deadline=None)
@given(problems(), st.randoms())
def test_samples_may_be_numbered_in_any_order(problem, random):
    order = np.array(random.sample(range(problem.samples), problem.samples))
    available = problem.local_available
    shuffled = replace(
        problem,
        local_cost=problem.local_cost[order],
        remote_cost=problem.remote_cost[order],
        local_available=None if available is None else available[order],
    )
    one, other = eo.solve(problem), eo.solve(shuffled)
    assert one.status == other.status
    if one.status == "optimal":
        assert one.objective == pytest.approx(other.objective, rel=1e-12, abs=1e-12 * problem.magnitude(None))
        if np.unique(problem.benefit).size == problem.benefit.size:  # without ties the decision itself moves along
            np.testing.assert_array_equal(one.decision.local[order], other.decision.local)


@settings(max_examples=200, deadline=None)
@given(problems(), st.integers(-900, 900))
def test_the_unit_of_costs_does_not_matter(problem, power):
    scale = 2.0**power  # exact, so the decision itself must stay
    scaled = replace(
        problem,
        local_cost=problem.local_cost * scale,
        remote_cost=problem.remote_cost * scale,
        transmission_cost=problem.transmission_cost * scale,
    )
    one, other = eo.solve(problem), eo.solve(scaled)
    assert one.status == other.status
    if one.status == "optimal":
        assert other.objective == pytest.approx(one.objective * scale, rel=1e-12, abs=1e-12 * scaled.magnitude(None))
        if np.abs(scaled.benefit).min() > 1e-290:  # nothing was lost below the smallest float
            np.testing.assert_array_equal(one.decision.local, other.decision.local)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(COSTS, COSTS), min_size=1, max_size=8), st.floats(0, 1), st.floats(-100, -1e-3))
def test_a_sample_with_negative_benefit_never_raises_the_optimum(costs, fraction, benefit):
    local, remote = np.array(costs).T
    problem = eo.OfflineOffloading(local, remote, fraction)
    more = eo.OfflineOffloading(np.append(local, benefit), np.append(remote, 0.0), fraction)
    before, after = (eo.solve(p).objective * p.samples for p in (problem, more))
    # Kept local it costs its benefit, and brings the fraction closer.
    assert after <= before + benefit + 1e-9 * (1 + abs(before))


@settings(max_examples=200, deadline=None)
@given(problems(), st.floats(0, 1))
def test_a_higher_fraction_never_costs_less(problem, fraction):
    low, high = sorted([problem.min_local_fraction, fraction])
    one, other = (eo.solve(replace(problem, min_local_fraction=f)) for f in (low, high))
    if other.status == "optimal":
        assert one.objective <= other.objective + 1e-12 * problem.magnitude(None)
    else:
        assert other.status == "infeasible"


@settings(max_examples=200, deadline=None)
@given(problems())
def test_the_same_answer_twice(problem):
    one, other = eo.solve(problem), eo.solve(problem)
    assert repr(one.status) == repr(other.status)
    if one.status == "optimal":
        np.testing.assert_array_equal(one.decision.local, other.decision.local)
        assert (one.objective, one.certificate.multiplier) == (other.objective, other.certificate.multiplier)


@settings(max_examples=200, deadline=None)
@given(problems())
def test_the_program_says_the_same_as_the_formulation(problem):
    program = problem.program()
    solution = eo.solve(problem, "local-only")
    if solution.status == "infeasible":
        assert program.row_lower[0] > problem.available.sum()
        return
    point = problem.encode(solution.decision)
    assert program.violations(eo.Point(point)) == {}
    scale = 1e-12 * problem.magnitude(None)
    assert program.objective(eo.Point(point)) == pytest.approx(solution.objective, rel=1e-9, abs=scale)
    np.testing.assert_array_equal(problem.decode(point).local, solution.decision.local)


def test_transmission_cost_and_minimum_fraction_are_one_and_the_same():
    """The multiplier is the bridge between the rules of giannakas2025 (L0) and ehsanian2025 (C_T)."""
    rng = np.random.default_rng(0)
    problem = eo.OfflineOffloading(rng.gamma(2.0, 1.0, 40), rng.gamma(2.0, 0.7, 40))
    for fraction in (0.5, 0.6, 0.75, 0.9, 1.0):
        constrained = eo.solve(replace(problem, min_local_fraction=fraction))
        charge = constrained.certificate.multiplier
        # Charging a hair more than the multiplier, without a minimum, keeps the same samples.
        charged = eo.solve(replace(problem, transmission_cost=charge * (1 + 1e-12) + 1e-15))
        np.testing.assert_array_equal(charged.decision.local, constrained.decision.local)
        # Lagrange: the charged optimum less the charge on all that may be remote is the constrained one.
        exact = eo.solve(replace(problem, transmission_cost=charge))
        assert exact.objective - charge * (1 - fraction) == pytest.approx(constrained.objective, rel=1e-12)


def test_violations_name_what_is_broken_however_small_its_share():
    problem = eo.OfflineOffloading(np.zeros(10**6), np.zeros(10**6), 0.5)
    local = np.arange(10**6) < 500_000 - 1
    assert problem.violations(eo.OffloadingDecision(local)) == {"min_local_fraction": 1e-3}
    available = replace(problem, local_available=np.arange(10**6) > 0, min_local_fraction=0.0)
    assert available.violations(eo.OffloadingDecision(local)) == {"local_available": 1e-3}
    assert problem.violations(eo.OffloadingDecision(np.arange(10**6) < 500_000)) == {}


def test_unavailable_exits_are_never_used():
    available = np.array([True, False, True, True])
    problem = replace(HAND, local_available=available, min_local_fraction=0.75)
    solution = eo.solve(problem)
    assert solution.decision.local.tolist() == [True, False, True, True]
    assert problem.benefit[1] == np.inf
    assert eo.solve(replace(problem, local_available=available & (np.arange(4) > 0))).status == "infeasible"


def test_the_field_is_named_for_index_and_value_however_deep():
    with pytest.raises(eo.InvalidProblemError, match=r"local_cost\[2, 1\] is nan"):
        eo.OfflineOffloading([[1, 1], [1, 1], [1, np.nan]], [1, 1, 1])
    with pytest.raises(eo.InvalidProblemError, match="decision is a ndarray; expected an OffloadingDecision"):
        HAND.check(np.array([True] * 4))
