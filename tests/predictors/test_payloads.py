"""What remote decisions send, by hand and against the network itself; and where its blocks run on devices."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch

import edgeopt as eo
from edgeopt.predictors.budgets import Budget
from edgeopt.predictors.ddnn import DDNN, resources
from edgeopt.predictors.exit_placement import ExitBlocks, exit_placement
from edgeopt.predictors.exits import ExitSamples
from edgeopt.predictors.payloads import payload_table, payloads
from edgeopt.profiles.costs import AllocationCost
from edgeopt.profiles.device import DeviceModel
from edgeopt.profiles.latency import GIANNAKAS2025

COST = AllocationCost(under=1.0)


def samples(series: int, window: int, count: int = 20):
    rng = np.random.default_rng(0)
    return rng.random((count, series, window)), rng.random((count, series))


def network(*given, **options) -> DDNN:
    torch.manual_seed(0)
    return DDNN(*given, **options)


def test_sizes_by_hand():
    found = {(one.sent, one.codec): one for one in payloads(network("conv3d", 25, 6), *samples(25, 6), COST)}
    # z: 32 filters at 2 x 2 x 2 places; int8 has a scale and a least value of 32 bits for each filter.
    assert [found["features", name].bits for name in ("float32", "float16", "int8")] == [
        256 * 32,
        256 * 16,
        256 * 8 + 32 * 64,
    ]
    assert found["features", "top-k:0.1"].bits == 26 * 64 + 5 * 32  # values, places and the shape
    assert [found["past", name].bits for name in ("float32", "float16", "int8")] == [4800, 2400, 1200 + 25 * 64]
    assert [found["latest", name].bits for name in ("float32", "float16", "int8")] == [800, 400, 200 + 64]
    assert {one.answer_bits for one in found.values()} == {800}
    assert [found[sent, "float32"].numbers for sent in ("features", "past", "latest")] == [256, 150, 25]


def test_sites_send_their_features_each():
    found = payloads(network("conv", 8, 12, sites=2), *samples(8, 12), COST, ["float32", "int8"])
    assert found[0].numbers == 2 * 16 * 2 * 4  # filters, hours, cells
    assert found[1].bits == 2 * (128 * 8 + 16 * 64)


@pytest.mark.parametrize("options", [{}, {"exit": "printed"}, {"sites": 2}, {"remote": "dlinear"}])
def test_what_is_sent_as_it_is_gives_the_network_s_own_answer(options):
    model, (past, demand) = network("conv3d", 8, 6, **options), samples(8, 6)
    wanted = ExitSamples.of(model, past, demand, COST).remote_cost.sum(axis=1).mean()
    found = payloads(model, past, demand, COST, ["float32"])
    ways = ["past", "latest"] if model.reads_demand else ["features", "past", "latest"]
    assert [one.sent for one in found] == ways
    for one in found:
        assert one.cost == pytest.approx(wanted, rel=1e-6)
    counted = resources(model)
    assert all(one.edge_macs + one.cloud_macs == found[0].edge_macs + found[0].cloud_macs for one in found)
    assert found[0].cloud_macs == counted["cloud"]["macs"]
    assert found[-1].edge_macs == 0


def test_a_coarse_codec_is_priced_with_what_arrives():
    model, (past, demand) = network("conv3d", 8, 6, within=Budget(2.0, [range(8)])), samples(8, 6)
    found = {(one.sent, one.codec): one for one in payloads(model, past, demand, COST, ["float32", "top-k:0.1"])}
    given = torch.tensor(past, dtype=torch.float32)
    with torch.no_grad():
        [z] = model.eval().features(given)
        flat = z.flatten(1)
        kept = flat.abs() >= flat.abs().topk(26, dim=1).values[:, -1:]
        answer = model.cloud([(flat * kept).reshape(z.shape)], given)
    assert (answer.sum(dim=1) <= 2.0 + 1e-6).all()
    wanted = COST.exact(answer.numpy(), demand).sum(axis=1).mean()
    assert found["features", "top-k:0.1"].cost == pytest.approx(wanted, rel=1e-6)
    # The latest demand that exits correct is the edge's own, not what arrived of it.
    with torch.no_grad():
        seen = torch.where(given >= given.flatten(1).topk(5, dim=1).values[:, -1, None, None], given, 0.0)
        model.within, budget = None, model.within
        answer = budget(model.cloud(model.features(seen), seen) + (given - seen)[:, :, -1])
    wanted = COST.exact(answer.numpy(), demand).sum(axis=1).mean()
    assert found["past", "top-k:0.1"].cost == pytest.approx(wanted, rel=1e-6)


def test_transfers_count_in_latency_and_traffic():
    one = payloads(network("conv3d", 25, 6), *samples(25, 6), COST, ["float32"])[0]
    assert one.transfer_time(1e6) == pytest.approx((8192 + 800) / 1e6)
    assert one.transfer_time(1e6, 1e7) == pytest.approx(8192 / 1e6 + 800 / 1e7)
    times = one.times(GIANNAKAS2025, 1e6)
    assert times.expected(1.0) == GIANNAKAS2025.expected(1.0)
    assert times.expected(0.4) - GIANNAKAS2025.expected(0.4) == pytest.approx(0.6 * 8992e-6)
    latest = payloads(network("conv3d", 25, 6), *samples(25, 6), COST, ["float32"])[2]
    assert one.uplink_traffic(0.75, 600) == pytest.approx(0.25 * 8192 / 600)
    assert latest.uplink_traffic(0.75, 600) == latest.uplink_traffic(0.0, 600) == pytest.approx(800 / 600)
    # Above this share of local decisions, features of the others are less than every slot.
    share = 1 - latest.bits / one.bits
    assert one.uplink_traffic(share, 600) == pytest.approx(latest.uplink_traffic(share, 600))
    table = payload_table([one, latest], GIANNAKAS2025, 1e6, local_fraction=0.4)
    assert table.loc[("features", "float32"), "mean"] == pytest.approx(times.expected(0.4))
    assert table.loc[("latest", "float32"), "bits"] == 800


def test_impossible_links_and_samples_are_refused():
    model, (past, demand) = network("conv3d", 4, 6), samples(4, 6)
    one = payloads(model, past, demand, COST, ["float32"])[0]
    with pytest.raises(eo.InvalidProblemError, match="uplink_rate is 0; expected a rate above 0"):
        one.transfer_time(0)
    with pytest.raises(eo.InvalidProblemError, match="slot is 0; expected seconds above 0"):
        one.uplink_traffic(0.5, 0)
    with pytest.raises(eo.InvalidProblemError, match="local_fraction is 2"):
        one.uplink_traffic(2, 600)
    with pytest.raises(eo.InvalidProblemError, match="do not match"):
        payloads(model, past, demand[:3], COST)
    with pytest.raises(eo.InvalidProblemError, match="precision is 'zip'"):
        payloads(model, past, demand, COST, ["zip"])
    with pytest.raises(eo.InvalidOptionError, match="codecs is 'int8'; expected a sequence"):
        payloads(model, past, demand, COST, "int8")


@pytest.fixture(scope="module")
def devices():
    return [DeviceModel.table_4_2(name) for name in ("mobile", "edge")]


@pytest.mark.slow
@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("rate", [1e5, 1e9])
def test_the_placement_is_the_best_of_all(devices, shared, rate):
    problem = exit_placement(network("conv3d", 9, 6), devices, 0.3, rate, shared_trunk=shared, link_delay=1e-3)
    solution = eo.solve(problem)
    assert solution.proved
    local, remote = problem.exits
    trunk = sum(one == other for one, other in zip(local.names, remote.names, strict=False))
    assert trunk == 4  # transpose, convolution, ReLU, pooling
    best = np.inf
    for common in product((0, 1), repeat=trunk):
        own = [common] if shared else list(product((0, 1), repeat=trunk))
        late = min(_latency(remote, (*start, *rest), rate) for start in own for rest in _rest(remote.layers - trunk))
        early = min(_latency(local, (*common, *rest), rate) for rest in _rest(local.layers - trunk))
        best = min(best, 0.3 * early + 0.7 * late)
    assert solution.objective == pytest.approx(best, rel=1e-9)


def _rest(layers: int):
    """Chains that change tiers once at most, which is enough behind the trunk of two tiers, and back."""
    return [(*[first] * cut, *[1 - first] * (layers - cut)) for first in (0, 1) for cut in range(layers + 1)]


def _latency(entry, tiers, rate: float) -> float:
    total, place = sum(entry.exec_time[k, tier] for k, tier in enumerate(tiers)), 0
    for bits, tier in zip(entry.output_bits, (*tiers, 0), strict=True):
        if tier != place:
            total, place = total + bits / rate + 1e-3, tier
    return total


def test_the_latency_of_the_paper_s_placement_by_hand(devices):
    model = network("conv3d", 25, 6)
    problem = exit_placement(model, devices, 0.5, 1e6, link_delay=0.02, rule_time=1e-3)
    local, remote = problem.exits
    decision = eo.SplitDecision((np.zeros(local.layers, int), np.r_[np.zeros(4, int), np.ones(remote.layers - 4, int)]))
    found = problem.latencies(decision)
    [z] = [one for one in payloads(model, *samples(25, 6), COST, ["float32"]) if one.sent == "features"]
    assert found[0] == pytest.approx(local.exec_time[:, 0].sum() + 1e-3)
    there = remote.exec_time[:4, 0].sum() + remote.exec_time[4:, 1].sum()
    assert found[1] == pytest.approx(there + z.transfer_time(1e6) + 2 * 0.02 + 1e-3)
    half = exit_placement(model, devices, 0.5, 1e6, word_bits=16)
    assert half.exits[0].output_bits[0] == 0.5 * local.output_bits[0]


@pytest.mark.slow
def test_a_slow_link_sends_the_past_where_that_is_smaller(devices):
    """With 25 series and 6 slots D has 150 numbers and z 256; with 49 and 25 it is 1225 and 256."""
    for series, window, sends_past in ((25, 6, True), (49, 25, False)):
        model = network("conv3d", series, window)
        separate = exit_placement(model, devices, 0.5, 1e5, shared_trunk=False)
        together = exit_placement(model, devices, 0.5, 1e5)
        tiers = eo.solve(separate).decision.tiers[1]
        assert eo.solve(separate).objective <= eo.solve(together).objective + 1e-12
        names = [name for name, tier in zip(separate.exits[1].names, tiers, strict=True) if tier == 1]
        assert any("site.block.block.0" in name for name in names) == sends_past


def test_the_blocks_are_the_network(devices):
    model, past = network("conv3d", 9, 6).eval(), torch.rand(3, 9, 6)
    for answer, block in zip(model(past), ExitBlocks(model).eval()(past), strict=True):
        torch.testing.assert_close(answer, block + past[:, :, -1])
    with pytest.raises(eo.InvalidOptionError, match="the network has 3 sites and an exit at each"):
        exit_placement(network("conv3d", 9, 6, sites=3), devices, 0.5, 1e6)
    with pytest.raises(eo.InvalidOptionError, match="1 sites and no exit"):
        exit_placement(network("conv3d", 9, 6, exits=False), devices, 0.5, 1e6)
    with pytest.raises(eo.InvalidProblemError, match="local_fraction is 1.5"):
        exit_placement(model, devices, 1.5, 1e6)
    with pytest.raises(eo.InvalidProblemError, match="no regression for layers of kind recurrent"):
        exit_placement(network("lstm", 4, 12), devices, 0.5, 1e6)
