"""Costs of one's own: the papers' costs written as functions, laws of the average, and what is refused."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm

import edgeopt as eo
from edgeopt.predictors.allocators import EdgeAllocator
from edgeopt.predictors.ddnn import DDNN
from edgeopt.predictors.exits import ExitSamples
from edgeopt.predictors.joint import train_jointly
from edgeopt.predictors.provisioning import Provisioning
from edgeopt.predictors.samples import windows
from edgeopt.profiles.costs import AllocationCost
from edgeopt.profiles.own_costs import Cost, ExactCost, FunctionCost, check_cost
from edgeopt.profiles.smoothed_costs import smoothed

STEPS = FunctionCost(lambda short: 2 + np.floor(4 * short), lambda extra: np.sqrt(extra))


def same(kind: str, under, over) -> FunctionCost:
    """Write a cost of the papers as two functions."""
    below = {"deepcog": lambda x: under * (x >= 0), "quadratic-linear": lambda x: under * x**2}
    below["least-squares"] = below["quadratic-linear"]
    above = {"least-squares": lambda x: over * x**2}
    return FunctionCost(below[kind], above.get(kind, lambda x: over * x))


class Relative(ExactCost):
    """A shortfall is paid by its share of the demand."""

    def price(self, allocation, demand):
        return np.where(allocation < demand, 5 * (1 - allocation / demand), allocation - demand)


@dataclass(frozen=True)
class Huber:
    """A cost with a surrogate of its own, in torch."""

    knee: float = 0.1

    def exact(self, allocation, demand):
        return abs(allocation - demand)

    def surrogate(self, allocation, demand):
        return torch.nn.functional.huber_loss(allocation, demand, reduction="none", delta=self.knee) / self.knee


@pytest.mark.parametrize("kind", ["deepcog", "quadratic-linear", "least-squares"])
def test_equation_2_contains_the_costs_by_name(kind):
    under, over = np.array([0.5, 3.0]), np.array([1.0, 2.0])
    own, named = same(kind, under, over), AllocationCost(under, over, kind)
    allocation, demand = np.random.default_rng(0).random((2, 40, 2))
    demand[0] = allocation[0]
    np.testing.assert_allclose(own.exact(allocation, demand), named.exact(allocation, demand), rtol=1e-14)
    for width in (0.2, 0.02):
        np.testing.assert_allclose(
            smoothed(own, allocation, demand, width), smoothed(named, allocation, demand, width), atol=2e-7
        )


@settings(max_examples=25, deadline=None)
@given(st.floats(-0.6, 0.6), st.floats(0.05, 0.4))
def test_the_average_is_the_mean_over_a_gaussian_error(excess, width):
    cost = FunctionCost(lambda short: 1 + 3 * short**1.5, lambda extra: np.expm1(extra))
    ends = np.clip([-8.0, -excess / width, 8.0], -8.0, 8.0)
    wanted = sum(
        quad(lambda e: float(cost.exact([excess + width * e], 0.0)[0]) * norm.pdf(e), a, b, limit=200)[0]
        for a, b in pairwise(ends)
    )
    assert smoothed(cost, np.array([excess]), np.zeros(1), width)[0] == pytest.approx(wanted, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("cost", [same("deepcog", 3.0, 1.0), same("quadratic-linear", 3.0, 1.0), Relative()])
def test_the_slope_needs_no_derivative_of_the_cost(cost):
    # No method of these costs is written in torch; gradcheck compares with finite differences.
    demand = torch.linspace(0.4, 0.6, 12, dtype=torch.float64)
    allocation = (demand + torch.linspace(-0.3, 0.3, 12, dtype=torch.float64)).requires_grad_()
    assert torch.autograd.gradcheck(lambda y: smoothed(cost, y, demand, 0.1), (allocation,), atol=1e-5)
    assert cost.surrogate(allocation, demand).requires_grad
    assert not cost.exact(allocation, demand).requires_grad


def test_jumps_away_from_the_demand_are_averaged_roughly():
    excess, error = np.linspace(-0.5, 0.5, 101), np.linspace(-7, 7, 20_001)
    weights = norm.pdf(error) / norm.pdf(error).sum()
    wanted = [weights @ STEPS.exact(x + 0.1 * error, 0.0) for x in excess]
    off = np.abs(smoothed(STEPS, excess, np.zeros(101), 0.1) - wanted)
    assert off.max() < 0.2  # of jumps of 1
    assert off.mean() < 0.05


@settings(max_examples=30, deadline=None)
@given(st.floats(0.2, 5.0), st.integers(0, 10**6))
def test_a_cost_s_multiple_is_the_cost_of_the_multiple(factor, seed):
    allocation, demand = np.random.default_rng(seed).random((2, 3, 2))
    more = FunctionCost(lambda short: factor * STEPS.under(short), lambda extra: factor * STEPS.over(extra))
    np.testing.assert_allclose(more.exact(allocation, demand), factor * STEPS.exact(allocation, demand))
    np.testing.assert_allclose(more.surrogate(allocation, demand), factor * STEPS.surrogate(allocation, demand))


def test_tensors_keep_their_type_and_nan_stays_nan():
    single = torch.tensor([0.2, float("nan")]), torch.tensor([0.5, 0.5])
    for answer in (STEPS.exact(*single), STEPS.surrogate(*single)):
        assert answer.dtype == torch.float32
        assert torch.isnan(answer).tolist() == [False, True]
    np.testing.assert_allclose(STEPS.exact(torch.tensor([0.2]), 0.5), [3.0])
    np.testing.assert_allclose(STEPS.exact([0.2], torch.tensor([0.5])), [3.0])


@pytest.mark.parametrize("cost", [STEPS, Relative(), Huber(), AllocationCost(1.0)], ids=lambda c: type(c).__name__)
def test_every_sort_of_cost_trains_and_is_reported(cost):
    assert isinstance(cost, Cost)
    generator = np.random.default_rng(0)
    wave = 0.5 + 0.3 * np.sin(np.arange(160)[:, None] / 9 + np.arange(4))
    past, demand = windows(wave + 0.05 * generator.random((160, 4)), 6)
    found = EdgeAllocator(cost, steps=20).fit(past[:120], demand[:120]).provisioning(past[120:], demand[120:])
    latest = Provisioning.of(past[120:, :, -1], demand[120:], cost)
    assert found.cost.sum() < latest.cost.sum()
    torch.manual_seed(0)
    model = DDNN("conv3d", 4, 6)
    before = ExitSamples.of(model, past[120:], demand[120:], cost)
    train_jointly(model, (past[:90], demand[:90]), (past[90:120], demand[90:120]), cost, epochs=1, max_shortfall=1.0)
    samples = ExitSamples.of(model, past[120:], demand[120:], cost)
    for stay in (np.ones(len(samples), bool), np.zeros(len(samples), bool)):
        assert samples.cost(stay) < before.cost(stay)


@pytest.mark.parametrize(
    ("under", "over", "message"),
    [
        (lambda x: 1 - x, lambda x: x, r"under falls between 0 and 0.0078125; a larger shortfall"),
        (lambda x: x, lambda x: np.sin(6 * x), "over falls between 0.2"),
        (lambda x: x.sum(axis=-1), lambda x: x, r"under returned shape \(129,\) for \(129, 1\)"),
        (lambda x: x, lambda x: np.log(x), r"over\(0\) is -inf; a cost must be finite"),
    ],
)
def test_functions_that_are_no_costs_are_refused(under, over, message):
    with np.errstate(divide="ignore"), pytest.raises(eo.InvalidOptionError, match=message):
        FunctionCost(under, over)


def test_costs_that_lack_something_are_refused_by_name():
    class Silent:
        exact = Huber.exact

    class Summed(Huber):
        def exact(self, allocation, demand):
            return abs(allocation - demand).sum(axis=-1)

    class Flat(Huber):
        def surrogate(self, allocation, demand):
            return (allocation - demand).abs().detach()

    class Arrays(Huber):
        def exact(self, allocation, demand):
            return np.abs(np.asarray(allocation) - np.asarray(demand))

    class Total(ExactCost):
        def price(self, allocation, demand):
            return np.abs(allocation - demand).sum()

    check_cost(Huber(), 3, training=True)
    check_cost(Arrays(), 3)
    for cost, message in (
        (Silent(), "cost is a Silent without exact and surrogate; give an AllocationCost"),
        (Summed(), r"Summed.exact returned shape \(3,\); for arrays of shape \(3, 2\) return one finite cost"),
        (Flat(), "Flat.surrogate has no gradient with respect to the allocation"),
        (Arrays(), "Arrays.exact returned a ndarray; for tensors of shape"),
        (Total(), r"Total.price returned shape \(\) for allocations of shape \(3, 2\)"),
        (AllocationCost([1.0, 2.0, 3.0]), "under has 3 weights"),
    ):
        with pytest.raises(eo.InvalidOptionError, match=message):
            check_cost(cost, 2, training=True)
    with pytest.raises(eo.InvalidOptionError, match=r"returned shape \(40, 3\)"):
        smoothed(Summed(), np.ones((3, 2)), np.ones((3, 2)), 0.1)
    with pytest.raises(eo.InvalidOptionError, match="ramp is 0"):
        FunctionCost(lambda x: x, lambda x: x, ramp=0)
