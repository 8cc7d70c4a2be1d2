"""Smoothed costs against the mean that they are, the exact costs that they become, and finite differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm

import edgeopt as eo
from edgeopt.profiles.costs import AllocationCost
from edgeopt.profiles.smoothed_costs import smoothed

KINDS = st.sampled_from(["deepcog", "quadratic-linear", "least-squares"])


@settings(max_examples=40, deadline=None)
@given(KINDS, st.floats(0, 20), st.floats(0, 3), st.floats(-0.6, 0.6), st.floats(0.02, 0.5))
def test_it_is_the_mean_over_a_gaussian_error(kind, under, over, excess, width):
    cost = AllocationCost(under, over, kind)

    def weighed(error):
        return float(cost.exact(np.array(excess + width * error), np.array(0.0))) * norm.pdf(error)

    jump = np.clip(-excess / width, -9.0, 9.0)
    wanted = quad(weighed, -9.5, jump, limit=200)[0] + quad(weighed, jump, 9.5, limit=200)[0]
    assert float(smoothed(cost, np.array(excess), np.array(0.0), width)) == pytest.approx(wanted, rel=1e-6, abs=1e-6)


@settings(max_examples=40, deadline=None)
@given(KINDS, st.floats(0.1, 20), st.floats(-0.6, 0.6))
def test_a_narrow_error_leaves_the_exact_cost(kind, under, excess):
    cost = AllocationCost(under, kind=kind)
    if abs(excess) > 1e-3:
        found = smoothed(cost, np.array([excess]), np.array([0.0]), 1e-4)
        np.testing.assert_allclose(found, cost.exact(np.array([excess]), np.array([0.0])), atol=1e-3)


@pytest.mark.parametrize("kind", ["deepcog", "quadratic-linear", "least-squares"])
def test_tensors_give_the_same_with_the_right_slope_also_below_the_demand(kind):
    cost = AllocationCost(2.0, kind=kind)
    allocation = torch.linspace(-0.5, 0.5, 21, dtype=torch.float64, requires_grad=True)
    demand = torch.zeros(21, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda y: smoothed(cost, y, demand, 0.2), (allocation,))
    found = smoothed(cost, allocation, demand, 0.2)
    np.testing.assert_allclose(found.detach(), smoothed(cost, allocation.detach().numpy(), demand.numpy(), 0.2))
    (slope,) = torch.autograd.grad(found.sum(), allocation)
    surrogate = torch.autograd.grad(cost.surrogate(allocation, demand).sum(), allocation)[0]
    below = allocation.detach() < -0.1
    if kind == "deepcog":  # the surrogate is nearly flat there
        assert (slope[below] < 10 * surrogate[below]).sum() >= 0.8 * int(below.sum())
    assert (slope[below] < 0).all()


def test_a_width_of_nothing_is_refused():
    with pytest.raises(eo.InvalidOptionError, match="width is 0"):
        smoothed(AllocationCost(1.0), 1.0, 1.0, 0.0)


@pytest.mark.parametrize("kind", ["deepcog", "quadratic-linear", "least-squares"])
def test_weights_of_each_service_are_smoothed_each_for_itself(kind):
    allocation, demand = np.random.default_rng(0).random((2, 9, 2))
    found = smoothed(AllocationCost([1.0, 5.0], [2.0, 0.0], kind), allocation, demand, 0.1)
    for m, (under, over) in enumerate([(1.0, 2.0), (5.0, 0.0)]):
        alone = smoothed(AllocationCost(under, over, kind), allocation[:, m], demand[:, m], 0.1)
        np.testing.assert_allclose(found[:, m], alone, rtol=1e-14)
