"""The compiled dual simplex against HiGHS, on random programs, from any start, alone or in a batch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import edgeopt as eo
from edgeopt.solvers import simplex
from edgeopt.solvers.compiled.lp_batch import (
    INFEASIBLE,
    NO_START,
    OPTIMAL,
    Bases,
    Constraints,
    Instances,
)
from edgeopt.solvers.simplex import dual_simplex
from edgeopt.verification.linear_dual import LinearDual

inf = np.inf

pytestmark = pytest.mark.compiled


def parts(program: eo.Program):
    return tuple(
        np.array(part)[None]
        for part in (program.cost, program.lower, program.upper, program.row_lower, program.row_upper)
    )


@st.composite
def programs(draw, largest: int = 6) -> eo.Program:
    rows, columns = draw(st.integers(0, largest)), draw(st.integers(1, largest))
    some = lambda values, size: draw(st.lists(values, min_size=size, max_size=size))  # noqa: E731
    whole, side = st.integers(-4, 4).map(float), st.integers(-8, 8).map(float)
    return eo.Program(
        some(whole, columns),
        np.array(some(whole, rows * columns)).reshape(rows, columns),
        some(side | st.just(-inf), rows),
        some(side | st.just(inf), rows),
        some(st.sampled_from([0.0, -3.0, -inf]), columns),
        some(st.sampled_from([1.0, 3.0, inf]), columns),
    )


@settings(max_examples=300, deadline=None)
@given(programs())
def test_it_agrees_with_highs_or_says_that_it_cannot_start(program):
    found = dual_simplex(Instances(Constraints.of(program.matrix), *parts(program)))
    truth = eo.solve(program, "highs")
    ended = found.ended[0]
    if ended == OPTIMAL:
        assert truth.status == "optimal"
        assert program.cost @ found.point[0] == pytest.approx(truth.objective, rel=1e-9, abs=1e-9)
        assert (
            not program.violations(eo.Point(found.point[0]))
            or max(program.violations(eo.Point(found.point[0])).values()) < 1e-8
        )
        dual = LinearDual(found.dual[0])
        assert dual.optimality_gap(program, eo.Point(found.point[0])) == pytest.approx(0.0, abs=1e-8)
    elif ended == INFEASIBLE:
        assert truth.status == "infeasible"
    else:
        assert ended == NO_START
        assert not (np.isfinite(program.lower) & np.isfinite(program.upper)).all()


def network(rng, services=30, resources=40, batch=50, tied=False):
    matrix = (rng.random((resources, services)) < 0.15) * rng.uniform(0.5, 2.0, (resources, services))
    cost = -np.ones((1, services)) if tied else -rng.uniform(1.0, 3.0, (1, services))
    upper = rng.uniform(0.0, 10.0, (batch, services))
    capacity = rng.uniform(0.3, 1.0, (1, resources)) * (matrix @ upper.mean(axis=0))
    return Instances(
        Constraints.of(matrix), cost, np.zeros((1, services)), upper, np.full((1, resources), -inf), capacity
    )


@pytest.mark.parametrize("tied", [False, True])
def test_the_answer_does_not_depend_on_the_start_or_the_company(tied):
    data = network(np.random.default_rng(1), tied=tied)
    together = dual_simplex(data)
    cold = dual_simplex(data, start=Bases(np.zeros((1, 30), np.int8), np.ones((1, 40), np.int8)))
    again = dual_simplex(data, start=together.bases)
    alone = [dual_simplex(replace(data, upper=row[None])).point[0] for row in data.upper]
    assert (again.iterations == 0).all()
    assert together.iterations.sum() < cold.iterations.sum()
    for other in (cold.point, again.point, np.array(alone)):
        np.testing.assert_allclose(together.point @ data.cost[0], other @ data.cost[0], rtol=1e-12)


def test_a_nonsensical_start_does_no_harm():
    data = network(np.random.default_rng(2), batch=1)
    right = dual_simplex(data)
    for columns, rows in ((1, 1), (1, 0), (2, 2), (3, 1)):
        start = Bases(np.full((1, 30), columns, np.int8), np.full((1, 40), rows, np.int8))
        np.testing.assert_allclose(dual_simplex(data, start=start).point, right.point, atol=1e-9)


def test_one_bad_instance_leaves_the_others_alone():
    data = network(np.random.default_rng(3))
    clean, cost = dual_simplex(data), data.cost
    bad = np.broadcast_to(data.lower, data.upper.shape).copy()
    bad[7] = data.upper[7] + 1.0
    found = dual_simplex(replace(data, lower=bad))
    assert found.ended[7] == INFEASIBLE
    keep = np.arange(50) != 7
    np.testing.assert_allclose(found.point[keep] @ cost[0], clean.point[keep] @ cost[0], rtol=1e-12)


def test_many_steps_pass_through_the_clock(monkeypatch):
    monkeypatch.setattr(simplex, "_AT_A_TIME", 3)
    data = network(np.random.default_rng(4))
    in_pieces = dual_simplex(data)
    monkeypatch.undo()
    np.testing.assert_allclose(in_pieces.point @ data.cost[0], dual_simplex(data).point @ data.cost[0], rtol=1e-12)


def test_prices_are_what_another_unit_brings():
    rng = np.random.default_rng(5)
    problem = eo.RevenueMaximization(
        rng.uniform(1, 3, 8),
        rng.uniform(0, 1, (3, 8)),
        rng.uniform(0, 1, (2, 8)),
        [3.0, 4.0, 5.0],
        [2.0, 2.5],
        rng.uniform(1, 3, 8),
    )
    best = eo.solve(problem, "simplex")
    for r, price in enumerate(best.certificate.resource_price[:3]):
        more = problem.compute_capacity + 1e-6 * (np.arange(3) == r)
        changed = eo.RevenueMaximization(
            problem.unit_revenue,
            problem.compute_density,
            problem.link_density,
            more,
            problem.link_capacity,
            problem.traffic,
        )
        assert (eo.solve(changed, "highs").objective - best.objective) / 1e-6 == pytest.approx(price, abs=1e-5)


def test_random_batches_of_every_scale_are_proved_optimal():
    rng = np.random.default_rng(5)
    for _ in range(300):
        services, resources, batch = (int(rng.integers(low, 25)) for low in (1, 0, 1))
        paths = rng.random((resources, services)) < rng.uniform(0.05, 0.6)
        density = paths * (rng.uniform(0.5, 2, paths.shape) if rng.random() < 0.5 else 1.0)
        traffic = rng.gamma(2, 1, (batch, services)) if rng.random() < 0.5 else rng.integers(0, 3, (batch, services))
        traffic = traffic * 10 ** rng.uniform(-4, 6)
        capacity = rng.uniform(0, 1.2, resources) * (density @ traffic.mean(axis=0))
        cut = int(rng.integers(0, resources + 1))
        revenue = (np.ones(services) if rng.random() < 0.3 else rng.normal(size=services)) * 10 ** rng.uniform(-6, 6)
        problem = eo.RevenueMaximization(revenue, density[:cut], density[cut:], capacity[:cut], capacity[cut:], traffic)
        found = eo.solve(problem, "simplex")
        assert found.status == "optimal", found
        assert np.max(found.gap) <= 1e-9
