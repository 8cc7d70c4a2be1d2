"""Early-exit networks: boxes, blocks, joint training, and what their exits cost."""

from __future__ import annotations

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import edgeopt as eo
from edgeopt.predictors import joint
from edgeopt.predictors.blocks import _ReachingConv3d
from edgeopt.predictors.boxes import (
    TrafficBox,
    box_shape,
    on_grid,
    places,
    shape_distances,
)
from edgeopt.predictors.ddnn import DDNN, resources
from edgeopt.predictors.demand_exits import DLinear
from edgeopt.predictors.exits import ExitSamples, independent_costs
from edgeopt.predictors.joint import train_jointly
from edgeopt.predictors.samples import MinMax, chronological, windows
from edgeopt.predictors.training import train
from edgeopt.profiles.costs import AllocationCost
from edgeopt.profiles.dnn import LayerTable
from edgeopt.profiles.latency import GIANNAKAS2025, ROUND_TRIP, ExitTimes

mpl.use("Agg")
COST = AllocationCost(under=1.0)


@pytest.fixture(scope="module")
def traffic():
    rng = np.random.default_rng(0)
    day = 0.5 + 0.4 * np.sin(np.arange(400) / 10)[:, None] * rng.uniform(0.5, 1.0, 8)
    return day + 0.05 * rng.random((400, 8))


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 40), st.integers(2, 6), st.integers(0, 10**6))
def test_shape_distances_are_those_of_numpy_s_correlation(steps, cells, seed):
    series = np.random.default_rng(seed).normal(size=(steps, cells))
    found = shape_distances(series)
    centred = series - series.mean(axis=0)
    centred = centred / np.linalg.norm(centred, axis=0)
    wanted = [[1 - np.correlate(a, b, "full").max() for b in centred.T] for a in centred.T]
    np.testing.assert_allclose(found, wanted, atol=2e-6)
    assert (found == found.T).all()
    assert (np.diag(found) == 0).all()


def test_series_without_a_shape_are_refused():
    with pytest.raises(eo.InvalidProblemError, match=r"series\[:, 1\] is constant"):
        shape_distances(np.c_[np.arange(5.0), np.ones(5)])
    with pytest.raises(eo.InvalidProblemError, match="expected finite values"):
        shape_distances([[np.nan, 1.0], [1.0, 2.0]])


def test_cells_that_move_together_become_neighbours(data_dir):
    from edgeopt.data import milano

    frame = milano.read_25_cells(data_dir / "milano/milano_internet_25cells_10min.csv.gz")
    box = TrafficBox.fit(frame.to_numpy()[:2592])
    assert sorted(box.order) == list(range(25))
    everyone = box.distances[np.triu_indices(25, 1)].mean()
    assert box.neighbour_distance() < 0.8 * everyone
    axes = box.draw(frame.columns)
    assert len(axes.texts) == 25
    plt.close(axes.figure)


def test_places_and_grid_recover_a_grid_that_was_one():
    rows, columns = np.divmod(np.arange(12), 4)
    shuffled = np.random.default_rng(1).permutation(12)
    points = np.c_[rows, columns][shuffled].astype(float)
    assert (shuffled[on_grid(points, (3, 4))] == np.arange(12)).all()
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    again = places(distances)
    np.testing.assert_allclose(np.linalg.norm(again[:, None] - again[None], axis=2), distances, atol=0.05)
    with pytest.raises(eo.InvalidOptionError, match="12 cells do not fill a grid of 2 x 4"):
        on_grid(points, (2, 4))
    with pytest.raises(eo.InvalidOptionError, match="cells is 0"):
        box_shape(0)


def test_the_future_leaves_no_trace_in_the_features(traffic):
    def seen(series):
        cut = 240
        box, scale = TrafficBox.fit(series[:cut]), MinMax.fit(series[:cut])
        past, target = windows(scale.normalise(series)[:, box.order], 6)
        train = chronological(len(target)).train
        return box.order, past[train], target[train]

    shuffled = traffic.copy()
    np.random.default_rng(3).shuffle(shuffled[240:])
    for before, after in zip(seen(traffic), seen(shuffled), strict=True):
        np.testing.assert_array_equal(before[:230], after[:230])


@pytest.mark.parametrize("kind", ["conv3d", "conv", "lstm"])
@pytest.mark.parametrize("sites", [1, 2])
def test_every_network_answers_for_every_series(kind, sites):
    model = DDNN(kind, 8, 12, sites=sites).eval()
    past = torch.rand(3, 8, 12)
    features = model.features(past)
    assert len(features) == sites
    local, remote = model(past)
    assert local.shape == remote.shape == (3, 8)
    silent = model.cloud(features, past, torch.ones(3, sites, dtype=torch.bool))
    torch.testing.assert_close(silent, remote)
    if sites == 2:  # a site sees its own series only, the cloud all of them
        other = past.clone()
        other[:, 4:] += 1.0
        changed = model(other)
        torch.testing.assert_close(changed[0][:, :4], local[:, :4])
        assert not torch.allclose(changed[1][:, :4], remote[:, :4])
        alone = model.cloud(features, past, torch.tensor([[True, False]] * 3))
        assert not torch.allclose(alone, remote)


def test_the_answer_comes_in_the_order_of_the_series():
    torch.manual_seed(0)
    model = DDNN("conv3d", 4, 6, sites=[[2, 0], [3, 1]]).eval()
    for part in (*model.sites.parameters(), *model.remote.parameters()):
        torch.nn.init.zeros_(part)
    past = torch.rand(2, 4, 6)
    for answer in model(past):  # all weights 0: the correction is 0
        torch.testing.assert_close(answer, past[:, :, -1])
    printed = DDNN("conv3d", 4, 6, exit="printed").eval()
    for part in (*printed.sites.parameters(), *printed.remote.parameters()):
        torch.nn.init.zeros_(part)
    assert not any(answer.any() for answer in printed(past))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: DDNN("rnn", 4, 6), "kind is 'rnn'"),
        (lambda: DDNN("lstm", 4, 7), "take a multiple"),
        (lambda: DDNN("conv", 4, 7), "take a multiple"),
        (lambda: DDNN("conv3d", 4, 6, exit="plain"), "exit is 'plain'"),
        (lambda: DDNN("conv3d", 4, 6, remote="lstm"), "remote is 'lstm'"),
        (lambda: DDNN("conv3d", 4, 6, dropout=1.0), "dropout is 1.0"),
        (lambda: DDNN("conv3d", 4, 6, sites=3), "cannot be shared equally"),
        (lambda: DDNN("conv3d", 4, 6, sites=[[0, 1], [1, 2, 3]]), "each at exactly one site"),
        (lambda: DDNN("conv3d", 4, 6, sites=[[0], [1, 2, 3]]), r"sites have \[1, 3\] series"),
        (lambda: DDNN("conv3d", 4, 6, exits=False)(torch.zeros(1, 4, 6)), "no local exits"),
    ],
)
def test_impossible_networks_are_refused(call, message):
    with pytest.raises(eo.InvalidOptionError, match=message):
        call()


def test_samples_of_another_shape_are_refused():
    with pytest.raises(eo.InvalidProblemError, match=r"expected \(batch, 4, 6\)"):
        DDNN("conv3d", 4, 6)(torch.zeros(1, 6, 4))


def test_the_printed_sizes_fit():
    """F1 64 -> 49, F2 128 -> 64 -> 49: the sizes that the first paper prints, whatever window and cells are."""
    for cells, window in ((49, 6), (49, 25), (16, 6)):
        model = DDNN("conv3d", cells, window, exit="printed")
        widths = [(m.in_features, m.out_features) for m in model.modules() if isinstance(m, torch.nn.Linear)]
        assert widths == [(64, cells), (128, 64), (64, cells)]
        filters = [(m.out_channels, m.kernel_size[0]) for m in model.modules() if isinstance(m, torch.nn.Conv3d)]
        assert filters == [(32, 3), (16, 5)]
        assert model.features(torch.zeros(1, cells, window))[0].numel() == 32 * 8


@pytest.mark.parametrize("size", [(2, 2, 2), (2, 4, 2), (1, 1, 2), (7, 3, 4)])
def test_taps_that_meet_padding_alone_change_nothing(size):
    conv, box = _ReachingConv3d(3, 4, 5, padding=2), torch.rand(2, 3, *size)
    whole = torch.nn.functional.conv3d(box, conv.weight, conv.bias, padding=2)
    torch.testing.assert_close(conv(box), whole)


@pytest.mark.parametrize("remote", ["deepcog", "dlinear", "transformer"])
@pytest.mark.parametrize("exits", [True, False])
def test_a_remote_exit_may_read_the_demand(remote, exits):
    torch.manual_seed(0)
    model = DDNN("conv3d", 8, 6, sites=2, exits=exits, remote=remote).eval()
    past = torch.rand(3, 8, 6)
    features = model.features(past)
    answer = model.cloud(features, past)
    assert answer.shape == (3, 8)
    half = torch.tensor([[True, False]] * 3)  # zeros stand in for what the second site sees
    torch.testing.assert_close(
        model.cloud(features, past, half) - past[:, :, -1],
        model.remote(torch.cat([past[:, :4], torch.zeros(3, 4, 6)], dim=1)),
    )
    assert (model.edge_parameters() == 0) == (not exits)
    margin, series = model.remote_margin()
    assert (margin.shape, series) == ((8,), list(range(8)))


def test_dlinear_is_linear_in_each_window_and_the_same_for_all_series():
    model = DLinear(3, 30)
    past = torch.rand(2, 3, 30)
    torch.testing.assert_close(model(2 * past), 2 * model(past))
    torch.testing.assert_close(model(past[:, [2, 0, 1]]), model(past)[:, [2, 0, 1]])


def test_resources_by_hand():
    found = resources(DDNN("conv3d", 49, 6))
    features, exit_ = 32 * 27 * 6 * 49, 64 * 49
    assert found["edge"]["macs"] == features + exit_
    # Of the 125 taps of a filter 27 can reach another of the 2 x 2 x 2 places; the rest meet padding alone.
    assert found["cloud"]["macs"] == 32 * 16 * 27 * 8 + 128 * 64 + 64 * 49
    assert found["cloud"]["parameters"] == 16 * (32 * 125 + 1) + 129 * 64 + 65 * 49
    assert found["edge"]["parameters"] == 32 * 28 + 65 * 49
    lstm = resources(DDNN("lstm", 16, 144))["edge"]
    assert lstm["macs"] == 24 * 4 * 32 * (96 + 32) + 32 * 64 + 64 * 16
    assert resources(DDNN("conv3d", 49, 6, exits=False))["edge"]["macs"] == features


def parts(traffic, window=6):
    past, target = windows(MinMax.fit(traffic[:240]).normalise(traffic), window)
    split = chronological(len(target))
    return [(past[rows], target[rows]) for rows in (split.train, split.validation, split.test)]


def test_an_exit_of_no_weight_keeps_its_parameters_bit_for_bit(traffic):
    training, validation, _ = parts(traffic)
    for weight, untouched in ((0.0, "exit"), (1.0, "remote")):
        torch.manual_seed(0)
        model = DDNN("conv3d", 8, 6)
        before = {name: value.clone() for name, value in model.named_parameters()}
        train_jointly(model, training, validation, COST, local_weight=weight, epochs=2)
        for name, value in model.named_parameters():
            assert torch.equal(value, before[name]) == (untouched in name), name


def test_training_lowers_both_costs_is_repeatable_and_survives_a_kill(traffic, tmp_path):
    training, validation, test = parts(traffic)

    def trained(epochs, folder=None):
        torch.manual_seed(0)
        model = DDNN("conv3d", 8, 6)
        return train_jointly(model, training, validation, COST, epochs=epochs, patience=99, folder=folder, rate=3e-3)

    torch.manual_seed(0)
    fresh = ExitSamples.of(DDNN("conv3d", 8, 6), *test, COST)
    model = trained(4)
    done = ExitSamples.of(model, *test, COST)
    assert done.local_cost.mean() < fresh.local_cost.mean()
    assert done.remote_cost.mean() < fresh.remote_cost.mean()
    again = trained(4)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))
    trained(2, tmp_path)
    resumed = trained(4, tmp_path)
    assert ExitSamples.of(resumed, *test, COST).remote_cost.mean() < fresh.remote_cost.mean()


def test_each_exit_is_selected_by_its_own_cost_and_margins_are_fitted_again(traffic, monkeypatch):
    training, validation, _ = parts(traffic)
    steps = []

    def noted(model, *given, score, **options):
        before = {name: value.detach().clone() for name, value in model.named_parameters()}
        train(model, *given, score=score, **options)
        changed = {name for name, value in model.named_parameters() if not torch.equal(value, before[name])}
        steps.append((options["epochs"], changed))

    monkeypatch.setattr(joint, "train", noted)
    torch.manual_seed(0)
    model = DDNN("conv3d", 8, 6, exit="printed")
    options = {"local_weight": 0.9, "epochs": 40, "patience": 40, "rate": 3e-3}
    seen = []
    train_jointly(
        model, training, validation, COST, watch=lambda epoch: seen.append((epoch, model.training)), **options
    )
    assert seen == [(epoch, False) for epoch in range(1, 41)]
    assert [epochs for epochs, _ in steps] == [2, 2, 2, 34, 34]  # three widths, both exits, the local exit alone
    assert {name.split(".")[2] for name in steps[-1][1]} == {"exit"}
    assert all(value.requires_grad for value in model.parameters())
    past, demand = (np.concatenate(both) for both in zip(training, validation, strict=True))
    with torch.no_grad():
        answers = model(torch.tensor(past, dtype=torch.float32))
    for answer in answers:  # no other margin would be cheaper on what the margins were fitted on
        costs = [COST.exact(answer.numpy() + shift, demand).mean(axis=0) for shift in np.linspace(-0.2, 0.2, 41)]
        assert (COST.exact(answer.numpy(), demand).mean(axis=0) <= np.min(costs, axis=0) + 1e-3).all()
        assert ((answer.numpy() < demand).mean(axis=0) < 0.5).all()


@pytest.mark.parametrize("remote", ["blocks", "dlinear"])
def test_a_network_without_local_exits_is_trained_too(traffic, remote):
    training, validation, (past, demand) = parts(traffic)
    torch.manual_seed(0)
    model = DDNN("conv3d", 8, 6, exits=False, remote=remote)
    train_jointly(model, training, validation, COST, epochs=2)
    with torch.no_grad():
        given = torch.tensor(past, dtype=torch.float32)
        answer = model.cloud(model.features(given), given).numpy()
    assert (answer < demand).mean() < 0.5


def test_a_series_that_is_left_below_its_demand_is_no_result(traffic):
    training, validation, _ = parts(traffic)
    cheap = AllocationCost(under=1e-3)  # a shortfall that costs nothing: never to reserve enough is the best there is
    with pytest.raises(eo.InvalidProblemError, match=r"the local exit allocates less than the demand of series \d in"):
        train_jointly(DDNN("conv3d", 8, 6), training, validation, cheap, epochs=1)
    train_jointly(DDNN("conv3d", 8, 6), training, validation, cheap, epochs=1, max_shortfall=1.0)


@pytest.mark.slow
def test_a_training_that_was_killed_in_any_step_ends_as_it_would_have(traffic, tmp_path, monkeypatch):
    training, validation, _ = parts(traffic)

    def trained(**options):
        torch.manual_seed(0)
        return train_jointly(DDNN("conv3d", 8, 6), training, validation, COST, epochs=20, patience=9, **options)

    whole = trained()
    for stop in (2, 4, 5):  # of five steps

        def dying(*given, stop=stop, calls=iter(range(9)), **options):  # noqa: B008
            if next(calls) == stop - 1:
                options["epochs"] = max(1, options["epochs"] // 2)
                train(*given, **options)
                raise KeyboardInterrupt
            train(*given, **options)

        with monkeypatch.context() as patch:
            patch.setattr(joint, "train", dying)
            with pytest.raises(KeyboardInterrupt):
                trained(folder=tmp_path)
    resumed = trained(folder=tmp_path)
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), resumed.parameters(), strict=True))


def test_shares_are_checked_before_training(traffic):
    training, validation, _ = parts(traffic)
    with pytest.raises(eo.InvalidOptionError, match="local_weight is 1.5"):
        train_jointly(DDNN("conv3d", 8, 6), training, validation, COST, local_weight=1.5)
    bad = (np.full_like(training[0], np.nan), training[1])
    with pytest.raises(eo.InvalidProblemError, match="not finite"):
        train_jointly(DDNN("conv3d", 8, 6), bad, validation, COST)


def test_costs_of_the_exits_by_hand(traffic):
    _, _, (past, target) = parts(traffic)
    model = DDNN("conv3d", 8, 6, sites=2)
    found = ExitSamples.of(model, past, target, COST, batch=7)
    local, remote = (answer.detach().numpy() for answer in model.eval()(torch.tensor(past, dtype=torch.float32)))
    for answer, cost in ((local, found.local_cost), (remote, found.remote_cost)):
        excess = answer - target
        each = np.where(excess < 0, 1.0, excess)
        np.testing.assert_allclose(cost, np.c_[each[:, :4].sum(axis=1), each[:, 4:].sum(axis=1)], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found.local, local, atol=1e-6)
    stay = np.zeros(len(found), bool)
    assert found.cost(stay) == pytest.approx(found.remote_cost.sum(axis=1).mean())
    with pytest.raises(eo.InvalidProblemError, match="do not match"):
        ExitSamples.of(model, past, target[:3], COST)


def test_a_site_sees_its_own_part(traffic):
    _, _, (past, target) = parts(traffic)
    model = DDNN("lstm", 8, 6, sites=2)
    found = ExitSamples.of(model, past, target, COST)
    views = [found.at_site(i, own) for i, own in enumerate(model.cells)]
    np.testing.assert_allclose(sum(view.benefit for view in views), found.benefit)
    np.testing.assert_array_equal(np.concatenate([view.past for view in views], axis=1), found.past)
    np.testing.assert_array_equal(np.concatenate([view.features for view in views], axis=1), found.features)


def test_sites_that_agree_cost_what_the_common_choice_costs(traffic):
    _, _, (past, target) = parts(traffic)
    model = DDNN("lstm", 8, 6, sites=2)
    found = ExitSamples.of(model, past, target, COST)
    for stay, wanted in ((True, found.local_cost), (False, found.remote_cost)):
        cost = independent_costs(model, past, target, COST, np.full((len(found), 2), stay))
        np.testing.assert_allclose(cost, wanted.sum(axis=1), rtol=1e-5, atol=1e-5)
    with pytest.raises(eo.InvalidProblemError, match="local has shape"):
        independent_costs(model, past, target, COST, np.zeros((2, 2), bool))


def test_table_iv_to_the_printed_digit():
    shares = np.array([4.2, 15.8, 46.2, 54.4, 69.6, 81.9, 97.7]) / 100
    printed = [41.0, 36.1, 23.1, 19.6, 13.2, 7.9, 1.2]
    assert [round(1e3 * t, 1) for t in GIANNAKAS2025.expected(shares)] == printed
    by_hand = 0.3 * (0.1e-3 + 0.12e-3) + 0.7 * (0.1e-3 + 42.46e-3 + 0.23e-3)
    assert GIANNAKAS2025.expected(0.3) == pytest.approx(by_hand)


def test_what_the_paper_leaves_out_adds_up():
    times = ExitTimes(1.0, 2.0, 3.0, 4.0, offloader=5.0, passes=2)
    assert times.expected([0.0, 1.0]).tolist() == [1 + 5 + 2 * 3 + 4 + 3, 1 + 5 + 2 * 3 + 2]
    with pytest.raises(eo.InvalidProblemError, match=r"local_fraction\[0\] is 1.5"):
        times.expected(1.5)
    with pytest.raises(eo.InvalidProblemError, match="remote is -1"):
        ExitTimes(1.0, 1.0, -1.0)


def test_parts_are_timed_on_this_machine():
    model = DDNN("conv3d", 8, 6).eval()
    past = torch.rand(5, 8, 6)
    times = ExitTimes.measured((model.sites[0], model.sites[0].exit, model.remote), past, repeats=3)
    assert min(times.features, times.local, times.remote) > 0
    assert times.round_trip == ROUND_TRIP


@pytest.mark.parametrize(
    ("kind", "window"), [("conv3d", 6), ("conv", 144), pytest.param("lstm", 144, marks=pytest.mark.slow)]
)
def test_resources_are_those_of_the_layer_table(kind, window):
    """One counter for both, and a capture of a network with statements in place and indices."""
    model = DDNN(kind, 4, window, sites=2).eval()
    table = LayerTable.from_module(model, torch.randn(2, 4, window))
    found = resources(model)
    assert table.macs == 2 * sum(part["macs"] for part in found.values())  # of a batch of two
    assert table.parameters == sum(part["parameters"] for part in found.values())
    assert not table.uncounted
