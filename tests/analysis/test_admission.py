"""What gets through is never more than was reserved, arrived or is possible; prices hold where they say they do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import edgeopt as eo


def network(seed: int, services: int = 6, batch: int | None = None) -> eo.RevenueMaximization:
    rng = np.random.default_rng(seed)
    lead = () if batch is None else (batch,)
    paths = lambda: (rng.random((3, services)) < 0.6) * rng.uniform(0.5, 1.0, (3, services))  # noqa: E731
    return eo.RevenueMaximization(
        rng.uniform(1, 3, services),
        paths(),
        paths(),
        rng.uniform(1, 3, 3),
        rng.uniform(0, 3, (*lead, 3)),
        rng.uniform(0, 3, (*lead, services)),
    )


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(["throttle", "optimal"]), st.sampled_from([None, 3]))
def test_never_more_than_reserved_arrived_or_possible(seed, recourse, batch):
    problem = network(seed, batch=batch)
    reserved = np.random.default_rng(seed + 1).uniform(0, 4, problem.traffic.shape)
    through = eo.admit(reserved, problem, recourse)
    assert (through.admitted <= reserved + 1e-9).all()
    assert all(violation <= 1e-9 for violation in problem.violations(through).values())
    best = eo.solve(problem)
    assert np.all(problem.objective(through) <= np.asarray(best.objective) + 1e-9)
    if recourse == "optimal":  # what is optimal below the reservation is no worse than throttling it
        assert np.all(problem.objective(through) >= np.asarray(problem.objective(eo.admit(reserved, problem))) - 1e-9)
        everything = eo.admit(problem.traffic, problem, recourse)
        np.testing.assert_allclose(problem.objective(everything), best.objective, rtol=1e-9, atol=1e-12)


def test_the_optimum_itself_passes_untouched():
    problem = network(3)
    best = eo.solve(problem).decision
    np.testing.assert_allclose(eo.admit(best, problem).admitted, best.admitted, rtol=1e-9)


def test_throttling_by_hand():
    problem = eo.RevenueMaximization([1.0, 1.0], [[1.0, 0.0]], [[1.0, 1.0]], [3.0], [4.0], [4.0, 9.0])
    # Server: load 4 of 3. Link: 4 + 4 = 8 of 4. The first service passes both, the second the link alone.
    np.testing.assert_allclose(eo.admit([5.0, 4.0], problem).admitted, [4 * 0.5, 4 * 0.5])
    roomy = replace(problem, link_capacity=[7.0])
    np.testing.assert_allclose(eo.admit([5.0, 4.0], roomy).admitted, [4 * 0.75, 4 * 7 / 8])


def priced(seed: int, batch: int | None = None) -> eo.RevenueMaximization:
    return replace(network(seed, batch=batch), compute_price=[0.1, 0.2, 0.0], link_price=0.15)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(["throttle", "optimal"]), st.sampled_from([None, 3]))
def test_the_account_is_eq_3_and_no_reservation_beats_the_oracle(seed, recourse, batch):
    problem = priced(seed, batch)
    rng = np.random.default_rng(seed + 1)
    reserved, penalty = rng.uniform(0, 4, problem.traffic.shape), rng.uniform(0, 2, problem.services)
    found = eo.admit(reserved, problem, recourse, sla_penalty=penalty)
    # Eq. 3 written out: prices times densities times what is reserved.
    taken = reserved @ problem.compute_density.toarray().T @ problem.compute_price
    taken = taken + reserved @ problem.link_density.toarray().T @ problem.link_price
    broken = np.minimum(reserved, problem.traffic) - found.admitted
    expected = found.admitted @ problem.unit_revenue - taken - broken @ penalty
    np.testing.assert_allclose(found.revenue, expected, atol=1e-9)
    np.testing.assert_allclose(found.income - found.reservation_cost - found.penalty, expected, atol=1e-9)
    assert np.all(found.revenue <= np.asarray(eo.solve(problem).objective) + 1e-9)
    if recourse == "optimal":
        assert np.all(found.revenue >= eo.admit(reserved, problem, sla_penalty=penalty).revenue - 1e-9)


@pytest.mark.parametrize("batch", [None, 3])
def test_the_optimum_earns_its_objective_and_a_hundredfold_reservation_loses(batch):
    problem = priced(5, batch)
    best = eo.solve(problem)
    settled = eo.admit(best.decision, problem, sla_penalty=1.0)
    np.testing.assert_allclose(settled.revenue, best.objective, rtol=1e-9)
    np.testing.assert_allclose(settled.penalty, 0.0, atol=1e-9)
    blind = eo.admit(100.0 * problem.traffic, problem)
    assert np.all(blind.revenue < 0)
    assert np.all(problem.objective(blind) > 0)  # what it admits alone looks well
    assert isinstance(settled.revenue, float if batch is None else np.ndarray)


def test_a_settlement_is_a_decision_that_can_be_stored(tmp_path):
    problem = priced(2)
    settled = eo.admit(problem.traffic, problem, sla_penalty=0.5)
    eo.save(settled, tmp_path / "settled.json")
    again = eo.load(tmp_path / "settled.json")
    assert isinstance(again, eo.Settlement)
    assert again.revenue == settled.revenue
    np.testing.assert_array_equal(again.reserved, problem.traffic)


@pytest.mark.parametrize(
    ("penalty", "message"),
    [
        (-1.0, r"sla_penalty\[0\] is -1.0 .*must not be negative"),
        ([1.0, np.nan], r"sla_penalty\[1\] is nan"),
        ([1.0, 1.0, 1.0], r"sla_penalty has shape \(3,\); expected one number or \(2,\)"),
    ],
)
def test_bad_penalties_are_refused(penalty, message):
    problem = eo.RevenueMaximization([1.0, 1.0], [[1.0, 0.0]], [[1.0, 1.0]], [3.0], [4.0], [4.0, 9.0])
    with pytest.raises(eo.InvalidProblemError, match=message):
        eo.admit([1.0, 1.0], problem, sla_penalty=penalty)


@pytest.mark.parametrize(
    ("reserved", "recourse", "error", "message"),
    [
        ([1.0, -1.0], "throttle", eo.InvalidProblemError, r"reserved\[1\] is -1.0"),
        ([1.0], "throttle", eo.InvalidProblemError, r"reserved has shape \(1,\)"),
        ([1.0, np.nan], "throttle", eo.InvalidProblemError, r"reserved\[1\] is nan"),
        ([1.0, 1.0], "reject", eo.InvalidOptionError, "recourse is 'reject'"),
    ],
)
def test_bad_reservations_are_refused(reserved, recourse, error, message):
    problem = eo.RevenueMaximization([1.0, 1.0], [[1.0, 0.0]], [[1.0, 1.0]], [3.0], [4.0], [4.0, 9.0])
    with pytest.raises(error, match=message):
        eo.admit(reserved, problem, recourse)


@pytest.mark.parametrize("seed", range(12))
def test_prices_and_ranges_hold_to_their_ends(seed):
    problem = network(seed)
    best = eo.solve(problem)
    found = eo.sensitivity(best)
    for i, row in enumerate(found.resources.itertuples()):
        for end, beyond in ((row.price_from, -1e-3), (row.price_to, 1e-3)):
            capacity = end if np.isfinite(end) else row.capacity + 5.0
            changed = _with_capacity(problem, i, capacity)
            gained = eo.solve(changed, "highs").objective - best.objective
            assert gained == pytest.approx(row.price * (capacity - row.capacity), abs=1e-7)
            if np.isfinite(end) and capacity + beyond > 0:
                further = eo.solve(_with_capacity(problem, i, capacity + beyond), "highs").objective - best.objective
                assert abs(further - row.price * (capacity + beyond - row.capacity)) > 1e-9
    for k, row in enumerate(found.services.itertuples()):
        for end in (row.profit_from, row.profit_to):
            revenue = problem.unit_revenue.copy()
            revenue[k] = end if np.isfinite(end) else row.unit_profit + np.copysign(5.0, end)
            changed = replace(problem, unit_revenue=revenue)
            assert eo.solve(changed, "highs").objective == pytest.approx(changed.objective(best.decision), abs=1e-7)


def _with_capacity(problem, index, capacity):
    both = problem.capacity.copy()
    both[index] = max(capacity, 0.0)
    return replace(problem, compute_capacity=both[:3], link_capacity=both[3:])


def test_sensitivity_asks_for_one_optimal_revenue_program():
    with pytest.raises(eo.InvalidProblemError, match="batch of 2"):
        eo.sensitivity(eo.solve(network(0, batch=2)))
    with pytest.raises(eo.InvalidProblemError, match="only an optimal one"):
        eo.sensitivity(eo.solve(network(0), "greedy"))
    with pytest.raises(eo.InvalidProblemError, match="RevenueMaximization"):
        eo.sensitivity(eo.solve(eo.Program([1.0])))
