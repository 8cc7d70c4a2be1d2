"""Budgets against a convex solver, edgeopt's smoothed programs, finite differences and laws; and in training."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import edgeopt as eo
from edgeopt.layers import LinearProgramLayer
from edgeopt.predictors.budgets import Budget
from edgeopt.predictors.ddnn import DDNN
from edgeopt.predictors.exits import ExitSamples, answers, independent_costs, provisioning
from edgeopt.predictors.joint import train_jointly
from edgeopt.predictors.margins import cheapest_part
from edgeopt.predictors.rules import UncertaintyRule
from edgeopt.predictors.samples import MinMax, windows
from edgeopt.profiles.costs import AllocationCost

sizes, seeds = st.integers(1, 7), st.integers(0, 10**6)


def drawn(series: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Draw what is asked for, weights, lowest allocations, and a limit above these."""
    rng = np.random.default_rng(seed)
    weight, lowest = rng.uniform(0.2, 3.0, series), rng.uniform(-0.5, 0.5, series)
    asked = lowest + rng.uniform(-0.5, 2.0, (4, series))
    return asked, weight, lowest, float(weight @ lowest + rng.exponential(1.0))


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(sizes, seeds)
def test_the_nearest_allocation_is_that_of_a_convex_solver(series, seed):
    cvxpy = pytest.importorskip("cvxpy")
    asked, weight, lowest, limit = drawn(series, seed)
    found = Budget(limit, [range(series)], weight=weight, lowest=lowest)(torch.tensor(asked)).numpy()
    for point, nearest in zip(asked, found, strict=True):
        x = cvxpy.Variable(series)
        objective = cvxpy.Minimize(cvxpy.sum_squares(x - point))
        cvxpy.Problem(objective, [x >= lowest, weight @ x <= limit]).solve(solver=cvxpy.CLARABEL)
        np.testing.assert_allclose(nearest, x.value, atol=1e-4)  # as exact as the solver is here


@settings(max_examples=25, deadline=None)
@given(sizes, seeds)
def test_a_smoothed_program_finds_the_same_point_and_the_same_slope(series, seed):
    asked, weight, lowest, limit = drawn(series, seed)
    program = eo.Program(np.zeros(series), weight[None], row_upper=[limit], lower=lowest)
    layer = LinearProgramLayer(program, ("cost",), smoothing="quadratic", strength=1.0)
    points = [torch.tensor(asked, requires_grad=True) for _ in range(2)]
    found = [
        Budget(limit, [range(series)], weight=weight, lowest=lowest)(points[0]),
        layer(-points[1]),  # |x|**2 / 2 - y @ x
    ]
    np.testing.assert_allclose(found[0].detach(), found[1].detach(), atol=1e-5)
    away = torch.tensor(np.random.default_rng(seed).normal(size=asked.shape))
    for one in found:
        (one * away).sum().backward()
    # Where a service is about to fall to its lowest there are two slopes; near there the smoothed one is inexact.
    inside = (found[0].detach() - torch.tensor(lowest)).abs()
    clear = ((inside > 1e-6) | (inside < 1e-12)).all(dim=1)
    np.testing.assert_allclose(points[0].grad[clear], points[1].grad[clear], atol=1e-3)


@settings(max_examples=50, deadline=None)
@given(sizes, seeds)
def test_laws_of_the_nearest_allocation(series, seed):
    asked, weight, lowest, limit = drawn(series, seed)
    budget = Budget(limit, [range(series)], weight=weight, lowest=lowest)
    point = torch.tensor(asked)
    found = budget(point)
    assert (found @ torch.tensor(weight) <= limit + 1e-9).all()
    assert (found >= torch.tensor(lowest) - 1e-12).all()
    assert (found <= torch.maximum(point, torch.tensor(lowest)) + 1e-12).all()  # nobody gets more than asked for
    torch.testing.assert_close(budget(found), found)
    order = torch.randperm(series, generator=torch.Generator().manual_seed(seed))
    moved = Budget(limit, [range(series)], weight=weight[order], lowest=lowest[order])
    torch.testing.assert_close(moved(point[:, order]), found[:, order])
    other = torch.tensor(drawn(series, seed + 1)[0])
    assert (budget(other) - found).norm() <= (other - point).norm() + 1e-9  # projections do not expand


@pytest.mark.parametrize("limit", [0.4, 1.5, 30.0])
def test_the_gradient_is_that_of_finite_differences(limit):
    rng = np.random.default_rng(3)
    budget = Budget([limit, 1.0], [[0, 2, 4], [1, 3]], weight=rng.uniform(0.5, 2.0, 5))
    point = torch.tensor(rng.uniform(-0.3, 1.5, (3, 5)), requires_grad=True)
    assert torch.autograd.gradcheck(budget, (point,))
    assert torch.autograd.gradgradcheck(budget, (point,))


def test_groups_have_their_own_limits_and_others_are_left_alone():
    asked = torch.tensor([[1.0, 1.0, 1.0, -4.0, 9.0]])
    found = Budget([1.0, 3.0], [[0, 1], [2]])(asked)
    torch.testing.assert_close(found, torch.tensor([[0.5, 0.5, 1.0, -4.0, 9.0]]))
    empty = Budget(0.0, [[0, 1]])
    torch.testing.assert_close(empty(asked)[:, :2], torch.zeros(1, 2))
    wrong = torch.tensor([[float("nan"), 0.2]])
    assert torch.isnan(Budget(1.0, [[0, 1]])(wrong)).tolist() == [[True, False]]


def test_a_capacity_in_the_unit_of_the_traffic_is_kept():
    scale = MinMax(np.array([10.0, 0.0, 5.0]), np.array([100.0, 50.0, 20.0]))
    budget = Budget.in_units(60.0, scale)
    asked = torch.tensor(np.random.default_rng(0).uniform(-0.5, 1.5, (50, 3)))
    units = budget(asked).numpy() * scale.span + scale.lowest
    wanted = asked.numpy() * scale.span + scale.lowest
    assert (units.sum(axis=1) <= 60 + 1e-9).all()
    assert (units >= -1e-9).all()
    fits = (wanted.sum(axis=1) <= 60) & (wanted >= 0).all(axis=1)
    np.testing.assert_allclose(units[fits], wanted[fits])
    assert "limit=[45.0]" in repr(budget)
    assert len(Budget.in_units([30.0, 30.0], scale, [[0, 1], [2]]).groups) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"limit": 1.0, "groups": [[0, 1], [1]]}, r"groups is \[\[0, 1\], \[1\]\]; each needs a series"),
        ({"limit": 1.0, "groups": []}, r"groups is \[\]"),
        ({"limit": [1.0, 2.0], "groups": [[0]]}, r"limit has shape \(2,\); expected one number, or 1"),
        ({"limit": 1.0, "groups": [[0, 3]], "weight": [1.0, 1.0]}, r"weight and lowest have \[2\] entries, and groups"),
        ({"limit": 1.0, "groups": [[0]], "weight": [1.0], "lowest": [0.0, 0.0]}, r"have \[1, 2\] entries"),
        ({"limit": 1.0, "groups": [[0, 1]], "weight": [1.0, -1.0]}, r"weight\[1\] is -1.0; what a unit takes"),
        ({"limit": 1.0, "groups": [[0, 1]], "lowest": 0.7}, r"limit\[0\] is 1, but the lowest .* take 1.4"),
        ({"limit": float("nan"), "groups": [[0, 1]]}, r"limit\[0\] is nan"),
    ],
)
def test_impossible_budgets_are_refused(options, message):
    with pytest.raises(eo.EdgeOptError, match=message):
        Budget(**options)


def test_an_allocation_of_other_series_is_refused():
    with pytest.raises(eo.InvalidProblemError, match=r"shape \(2, 3\); the budget is for 4 series"):
        Budget(1.0, [[0, 3]])(torch.zeros(2, 3))
    with pytest.raises(eo.InvalidProblemError, match="the budget is for 2 series"):
        Budget(1.0, [[0, 1]], weight=[1.0, 2.0])(torch.zeros(2, 3))


@pytest.fixture(scope="module")
def traffic():
    generator = np.random.default_rng(0)
    wave = 0.5 + 0.3 * np.sin(np.arange(400)[:, None] / 9 + np.arange(8))
    return windows(wave + 0.05 * generator.random((400, 8)), 6)


def fitted(traffic, cost, epochs=2, **options):
    past, demand = traffic
    torch.manual_seed(0)
    model = DDNN("conv3d", 8, 6, **options)
    parts = (past[:250], demand[:250]), (past[250:310], demand[250:310])
    return train_jointly(model, *parts, cost, epochs=epochs, max_shortfall=1.0)


@pytest.mark.slow
def test_every_answer_of_a_network_is_within_its_budget(traffic):
    past, demand = traffic
    cost = AllocationCost([1.0] * 7 + [30.0])
    limit = float(np.quantile(demand.sum(axis=1), 0.5))
    budget = Budget(limit, [range(8)])
    model = fitted(traffic, cost, within=budget)
    later = torch.tensor(past[310:], dtype=torch.float32)
    for _, answer in answers(model, later):
        total = answer.sum(dim=1)
        assert (total <= limit * (1 + 1e-6)).all()
        assert (total > 0.999 * limit).any()
    passes = model.passes(later[:5], 4, torch.Generator().manual_seed(0))
    assert passes.shape == (4, 5, 8)
    assert (passes.sum(dim=-1) <= limit * (1 + 1e-6)).all()
    samples = ExitSamples.of(model, past[310:], demand[310:], cost)
    assert (samples.local.sum(axis=1) <= limit * (1 + 1e-6)).all()
    assert UncertaintyRule(model, 0.5, passes=3).fit(samples).decide(samples).any()
    # Training sees the budget: the slice whose shortfall is dear keeps what it needs.
    free = fitted(traffic, cost)
    late = [Budget.forward(budget, answer) for _, answer in answers(free, later)]
    for (name, found), cut in zip(provisioning(model, past[310:], demand[310:], cost).items(), late, strict=True):
        after = cost.exact(cut.numpy(), demand[310:]).sum(axis=1).mean()
        assert found.cost.sum() < after, name
        assert found.violation_rate[7] < found.violation_rate[:7].min()


@pytest.mark.slow
def test_a_slack_budget_changes_nothing(traffic):
    cost = AllocationCost(1.0)
    free = fitted(traffic, cost, epochs=1)
    slack = fitted(traffic, cost, epochs=1, within=Budget(1e6, [range(8)], lowest=-1e6 / 8))
    for one, other in zip(free.parameters(), slack.parameters(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)
    assert free.state_dict().keys() == slack.state_dict().keys()


def test_sites_share_no_budget(traffic):
    past, demand = traffic
    with pytest.raises(eo.InvalidOptionError, match="within joins series of several sites"):
        DDNN("conv3d", 8, 6, sites=2, within=Budget(3.0, [range(8)]))
    with pytest.raises(eo.InvalidOptionError, match=r"several sites \(ReLU\)"):
        DDNN("conv3d", 8, 6, sites=2, within=torch.nn.ReLU())
    each = Budget([2.0, 1.0], [range(4), range(4, 8)])
    model = fitted(traffic, AllocationCost(1.0), epochs=1, sites=2, within=each)
    stay = np.arange(len(past))[:, None] % 2 == [0, 1]
    assert np.isfinite(independent_costs(model, past, demand, AllocationCost(1.0), stay)).all()
    alone = DDNN("conv3d", 8, 6, sites=2, exits=False, within=Budget(3.0, [range(8)]))
    [(_, answer)] = answers(alone, torch.tensor(past, dtype=torch.float32), ("remote",))
    assert (answer.sum(dim=1) <= 3.0 * (1 + 1e-6)).all()


def test_any_other_module_will_do(traffic):
    model = DDNN("conv3d", 8, 6, within=torch.nn.Hardtanh(0.2, 0.6))
    for _, answer in answers(model, torch.tensor(traffic[0][:40], dtype=torch.float32)):
        assert answer.min() >= 0.2
        assert answer.max() <= 0.6


def test_margins_under_a_budget_are_never_dearer_than_none():
    rng = np.random.default_rng(0)
    asked, demand = torch.tensor(rng.random((50, 3))), torch.tensor(rng.random((50, 3)))
    shift, cost = torch.tensor([0.5, 0.5, 0.5]), AllocationCost([1.0, 9.0, 1.0])
    for limit in (0.5, 1.5, 9.0):
        budget = Budget(limit, [range(3)])
        part = cheapest_part(asked, shift, demand, cost, budget)
        paid = [cost.exact(budget(asked + move), demand).sum(dim=1).mean() for move in (part, 0 * shift, shift)]
        assert paid[0] <= min(paid[1:])
