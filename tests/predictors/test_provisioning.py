"""What slices get and miss, by hand and by laws; and costs with a weight for each service, end to end."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import edgeopt as eo
from edgeopt.predictors.allocators import CloudAllocator, EdgeAllocator
from edgeopt.predictors.ddnn import DDNN
from edgeopt.predictors.exits import ExitSamples, answers, provisioning
from edgeopt.predictors.joint import train_jointly
from edgeopt.predictors.persistence import Persistence
from edgeopt.predictors.provisioning import Provisioning
from edgeopt.predictors.samples import MinMax, windows
from edgeopt.predictors.scenario import offloading_costs
from edgeopt.profiles.costs import AllocationCost
from edgeopt.studies.early_exit.fingerprints import of_cost
from edgeopt.studies.early_exit.networks import Network, Workshop

torch = pytest.importorskip("torch")
STRICT = AllocationCost(under=[0.2, 0.2, 0.2, 20.0])


def noisy(slots: int, cells: int = 4) -> np.ndarray:
    generator = np.random.default_rng(0)
    wave = 0.5 + 0.3 * np.sin(np.arange(slots)[:, None] / 9 + np.arange(cells))
    return wave + 0.05 * generator.standard_normal((slots, cells))


def test_provisioning_by_hand():
    allocation = [[1.0, 5.0], [2.0, 1.0], [0.5, 2.0], [3.0, 2.0]]
    demand = [[1.0, 2.0], [1.0, 2.0], [1.0, 2.0], [1.0, 3.0]]
    scale = MinMax(np.array([0.0, 10.0]), np.array([1.0, 100.0]))
    found = Provisioning.of(allocation, demand, AllocationCost(under=[4.0, 8.0]), services=["a", "b"], scale=scale)
    np.testing.assert_allclose(found.cost, [(0 + 1 + 4 + 2) / 4, (3 + 8 + 0 + 8) / 4])
    np.testing.assert_allclose(found.violation_rate, [0.25, 0.5])  # to get exactly the demand is no violation
    np.testing.assert_allclose(found.shortfall, [0.5 / 4, 200 / 4])
    np.testing.assert_allclose(found.surplus, [3 / 4, 300 / 4])
    np.testing.assert_allclose(found.demand, [1.0, 10 + 225])
    assert found.any_violation_rate == 0.75
    table = found.table()
    assert list(table.index) == ["a", "b", "all"]
    assert table.loc["all", "cost"] == pytest.approx(6.5)
    assert table.loc["all", "violation_rate"] == pytest.approx(0.375)
    assert repr(found) == (
        "2 slices in 4 slots: cost 6.5 a slot, SLA violated in 37.5% (at worst 50.0%, slice b), "
        "75.75 a slot in vain (32.1% of the demand)"
    )
    both = Provisioning.compare({"one": found, "two": found})
    assert list(both.index) == ["one", "two"]
    assert both.loc["one", "worst"] == 0.5


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 6), st.integers(1, 5), st.integers(0, 10**6))
def test_what_is_allocated_is_demand_less_shortfall_plus_surplus(slots, services, seed):
    rng = np.random.default_rng(seed)
    allocation, demand = rng.random((2, slots, services))
    under, order = rng.random(services), rng.permutation(services)
    cost = AllocationCost(under)
    found = Provisioning.of(allocation, demand, cost)
    np.testing.assert_allclose(found.demand - found.shortfall + found.surplus, allocation.mean(axis=0))
    np.testing.assert_allclose(found.cost, found.violation_rate * under + found.surplus)  # deepcog with c_o = 1
    moved = Provisioning.of(allocation[:, order], demand[:, order], cost.take(order))
    np.testing.assert_allclose(moved.cost, found.cost[order])
    assert found.violation_rate.max() <= found.any_violation_rate <= found.violation_rate.sum()


def test_what_does_not_match_is_refused():
    cost, ones = AllocationCost(1.0), np.ones((3, 2))
    with pytest.raises(eo.InvalidProblemError, match=r"allocation has shape \(3, 2\) and demand \(2, 2\)"):
        Provisioning.of(ones, ones[:2], cost)
    with pytest.raises(eo.InvalidProblemError, match="services is for 3 slices; the demand has 2 columns"):
        Provisioning.of(ones, ones, cost, services="abc")
    with pytest.raises(eo.InvalidProblemError, match="scale is for 1 slices"):
        Provisioning.of(ones, ones, cost, scale=MinMax(np.zeros(1), np.ones(1)))
    with pytest.raises(eo.InvalidProblemError, match=r"demand\[0, 1\] is nan"):
        Provisioning.of(ones, [[1.0, np.nan]] * 3, cost)
    with pytest.raises(eo.InvalidOptionError, match="under has 3 weights, but the allocation has shape"):
        Provisioning.of(ones, ones, AllocationCost([1.0, 2.0, 3.0]))


@pytest.mark.parametrize("kind", [Persistence, EdgeAllocator, CloudAllocator])
def test_the_slice_with_the_dearer_shortfall_is_short_less_often(kind):
    past, demand = windows(noisy(700), 6)
    allocator = kind(STRICT, steps=40).fit(past[:500], demand[:500])
    found = allocator.provisioning(past[500:], demand[500:])
    assert found.violation_rate[3] < 0.05
    assert found.violation_rate[:3].min() > 0.1
    np.testing.assert_allclose(
        found.cost, STRICT.exact(allocator.allocate(past[500:]), demand[500:]).mean(axis=0), rtol=1e-12
    )


def test_persistence_on_a_demand_that_does_not_change_is_never_short():
    demand = np.tile([0.1, 0.7], (40, 1))
    past, target = windows(demand, 3)
    found = Persistence(AllocationCost(1.0)).fit(past, target).provisioning(past, target)
    assert found.any_violation_rate == 0
    np.testing.assert_allclose(found.surplus, 0.0, atol=1e-7)


def test_weights_of_each_service_reach_both_exits_and_the_report():
    past, demand = windows(noisy(320), 6)
    torch.manual_seed(0)
    model = DDNN("conv3d", 4, 6, sites=2)
    train_jointly(
        model, (past[:200], demand[:200]), (past[200:240], demand[200:240]), STRICT, epochs=1, max_shortfall=1
    )
    later, wanted = past[240:], demand[240:]
    samples = ExitSamples.of(model, later, wanted, STRICT)
    stay = np.arange(len(later)) % 2 == 0
    found = provisioning(model, later, wanted, STRICT, local=stay, services=list("abcd"))
    assert list(found) == ["local", "remote", "rule"]
    for name, costs in (("local", samples.local_cost), ("remote", samples.remote_cost)):
        assert found[name].cost.sum() == pytest.approx(costs.sum(axis=1).mean())
        assert found[name].violation_rate[3] < found[name].violation_rate[:3].min()
    assert found["rule"].cost.sum() == pytest.approx(samples.cost(stay))
    with pytest.raises(eo.InvalidProblemError, match=r"local has shape \(3,\); expected"):
        provisioning(model, later, wanted, STRICT, local=[True] * 3)
    alone = DDNN("conv3d", 4, 6, exits=False)
    assert list(provisioning(alone, later, wanted, STRICT)) == ["remote"]
    [(_, answer)] = answers(alone, torch.tensor(later, dtype=torch.float32), ("remote",), batch=7)
    assert answer.shape == wanted.shape


@pytest.mark.slow
def test_a_scenario_takes_a_weight_for_each_cell():
    frame = pd.DataFrame(noisy(120))
    same = offloading_costs(frame, under=2.0)
    for one, other in zip(same, offloading_costs(frame, under=[2.0] * 4), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)


def test_a_scenario_refuses_weights_for_other_cells():
    with pytest.raises(eo.InvalidOptionError, match=r"under has 3 weights.*give one weight for each service"):
        offloading_costs(pd.DataFrame(noisy(120)), under=[1.0, 2.0, 3.0])


def test_a_study_keeps_weights_with_their_cells(tmp_path):
    shop = Workshop(tmp_path, pd.DataFrame(noisy(700, 6)))
    under = np.arange(1.0, 7.0)
    np.testing.assert_array_equal(shop.in_box(AllocationCost(under)).under, under[shop.box.order])
    assert shop.in_box(AllocationCost(2.0)) == AllocationCost(2.0)
    network = Network("conv3d", 6, AllocationCost(under), 0.5, seed=0, epochs=1)
    other = Network("conv3d", 6, AllocationCost(under[::-1]), 0.5, seed=0, epochs=1)
    assert "deepcog-1to6-1-w0.5" in network.name
    assert network.name == other.name
    assert shop.path(network) != shop.path(other)
    assert shop.path(network) == shop.path(Network("conv3d", 6, AllocationCost(list(under)), 0.5, seed=0, epochs=1))
    assert of_cost(AllocationCost(under)) != of_cost(AllocationCost(under[::-1]))


def test_a_slice_called_all_keeps_its_row():
    table = Provisioning.of([[1.0, 2.0]], [[1.0, 1.0]], AllocationCost(1.0), services=["all", "b"]).table()
    assert list(table.index) == ["all", "b", "all"]
    assert list(table["surplus"]) == [0.0, 1.0, 1.0]
