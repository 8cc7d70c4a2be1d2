"""The studies of early-exit networks: they run, go on where they were stopped, and reuse nothing that is of other data."""

from __future__ import annotations

from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from edgeopt.predictors.rules import Oracle
from edgeopt.profiles.costs import AllocationCost
from edgeopt.studies import find, studies
from edgeopt.studies.early_exit import networks, traffic
from edgeopt.studies.early_exit.baselines import ALLOCATORS, NAMES, Bar, baselines, gated
from edgeopt.studies.early_exit.curves import ORACLE, SHARES, Family, at_shares, points
from edgeopt.studies.early_exit.networks import Network, Workshop
from edgeopt.studies.ehsanian2025 import evaluation as ehsanian
from edgeopt.studies.ehsanian2025 import runs as ehsanian_runs
from edgeopt.studies.giannakas2025 import evaluation as giannakas
from edgeopt.studies.giannakas2025 import runs as giannakas_runs
from edgeopt.studies.giannakas2025 import tables
from edgeopt.studies.verdicts import Verdict

mpl.use("Agg")


@pytest.fixture
def small(monkeypatch):
    """Make both studies as small as they can be: two epochs, some days."""
    for runs in (giannakas_runs.Runs, ehsanian_runs.Runs):
        made = runs.of.__func__
        monkeypatch.setattr(
            runs, "of", classmethod(lambda cls, *given, made=made: replace(made(cls, *given), epochs=2))
        )
    # After two epochs an exit may be short of a cell's demand in most slots, which training refuses.
    monkeypatch.setitem(networks.TRAINING, "max_shortfall", 1.0)
    for module in (giannakas, ehsanian):
        whole = module.traffic
        monkeypatch.setattr(
            module, "traffic", lambda *given, whole=whole: (whole(*given)[0].iloc[:720], whole(*given)[1])
        )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "files", "figures", "statement"),
    [
        (
            "giannakas2025",
            [
                "table_ii",
                "table_iii",
                "exits",
                "other_exits",
                "c2tm",
                "figure_4_printed",
                "extra_cost_residual",
                "table_iv",
            ],
            [
                "traffic_box",
                "figure_3",
                "figure_4_printed",
                "figure_4_residual",
                "figure_5_printed",
                "figure_6",
                "epochs",
            ],
            ("Table IV", "every value"),
        ),
        (
            "ehsanian2025",
            ["penalties", "exits", "baselines", "shares_printed", "weights", "independent", "table_ii", "latency"],
            ["figure_3", "figure_4", "figure_3c", "epochs"],
            ("Table II follows its own formula", "10 of 18 values do not"),
        ),
    ],
)
def test_every_table_and_figure_is_written_and_no_network_is_trained_twice(
    name, files, figures, statement, tmp_path, any_data, small, monkeypatch
):
    assert name in studies()
    claims = find(name).reproduce(tmp_path, quick=True, data=any_data)
    assert {*Verdict, "no claim of the paper"} >= set(claims.verdict)
    assert claims.set_index("claim").ours[statement[0]] == statement[1]
    for table in files:
        assert len(pd.read_csv(tmp_path / f"{table}.csv"))
    for figure in figures:
        assert (tmp_path / f"{figure}.png").stat().st_size > 5000
    assert "Telecom Italia" in (tmp_path / "README.md").read_text()
    monkeypatch.setattr(networks, "train_jointly", lambda *_, **__: pytest.fail("a network was trained again"))
    monkeypatch.setattr(Family, "decide", lambda *_, **__: pytest.fail("a rule was fitted again"))
    again = find(name).reproduce(tmp_path, quick=True, data=any_data)
    timed = claims.claim != "Table IV"
    pd.testing.assert_frame_equal(claims[timed], again[timed])


def test_generated_traffic_says_so():
    frame, source = traffic(None, True, 16)
    assert frame.shape == (14 * 144, 16)
    assert "no measured traffic was at hand" in source


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    frame, _ = traffic(None, True, 16)
    return Workshop(tmp_path_factory.mktemp("report"), frame.iloc[:500])


NETWORK = Network("conv3d", 6, AllocationCost(under=1.0), 0.5, seed=0, epochs=1)


@pytest.mark.slow
def test_a_kept_network_is_of_this_traffic_these_options_and_this_code(shop, tmp_path, monkeypatch):
    """A run without data once left networks that a later run on Milano took for its own."""
    path = shop.path(NETWORK)
    assert path == Workshop(shop.folder, shop.frame.copy()).path(NETWORK)
    other = shop.frame.copy()
    other.iloc[3, 2] += 1e-9
    others = [
        Workshop(shop.folder, other).path(NETWORK),
        Workshop(shop.folder, shop.frame.iloc[:499]).path(NETWORK),
        *(shop.path(replace(NETWORK, **change)) for change in ({"seed": 1}, {"epochs": 2}, {"exit": "residual"})),
        shop.path(replace(NETWORK, cost=AllocationCost(under=1.0, ramp=0.03))),
    ]
    monkeypatch.setitem(networks.TRAINING, "rate", 1e-4)
    others.append(shop.path(NETWORK))
    monkeypatch.undo()
    monkeypatch.setattr(networks, "of_code", lambda _: "another version")
    others.append(shop.path(NETWORK))
    assert len({path, *others}) == 1 + len(others)


def test_curves_reach_from_nothing_to_everything_and_chance_is_a_line(shop):
    found = points(shop, NETWORK, [ORACLE])
    test = shop.ask(NETWORK, "test")
    stay = np.ones(len(test), bool)
    ends = np.array([test.cost(~stay), test.cost(stay)])
    shares = np.array(SHARES)
    assert len(shares) == 11
    line = at_shares(found, "Random", SHARES).loc[0]
    np.testing.assert_allclose(line, (1 - shares) * ends[0] + shares * ends[1])
    oracle = at_shares(found, "Oracle", SHARES).loc[0].to_numpy()
    np.testing.assert_allclose(oracle[[0, -1]], ends)
    assert (oracle <= line + 1e-12).all()
    for row in found[found.rule == "Oracle"].itertuples():  # exactly this share: no cheaper than at least this share
        assert row.cost >= test.cost(Oracle(row.asked).decide(test)) - 1e-12
    pd.testing.assert_frame_equal(found, points(Workshop(shop.folder, shop.frame), NETWORK, [ORACLE]))


@pytest.mark.slow
@pytest.mark.parametrize("method", ["uncertainty", "optimized", "benefit", "transmission"])
def test_every_rule_keeps_more_where_it_is_asked_for_more(shop, method):
    found = points(shop, NETWORK, [Family(method, method, epochs=2)])
    own = found[found.rule == method]
    assert own.local.iloc[0] <= own.local.iloc[-1] - 0.2  # nothing is asked first, everything last
    assert own.local.diff().min() >= -0.05  # thresholds of one fit for each share: some samples may change sides
    assert own.local.iloc[-1] >= 0.9
    again = points(shop, NETWORK, [Family(method, method, epochs=2)])
    pd.testing.assert_frame_equal(found, again)


@pytest.mark.slow
def test_baselines_are_fitted_before_the_test_and_kept(shop, monkeypatch):
    cost = AllocationCost(under=1.0)
    bar = baselines(shop, 6, cost, range(2))
    assert list(bar.cost.columns) == sorted(NAMES)
    assert bar.cost.persistence.nunique() == 1  # nothing in it is drawn
    assert (bar.shortfall < 0.5).all().all()
    monkeypatch.setitem(ALLOCATORS, "persistence", lambda *_, **__: pytest.fail("fitted again"))
    pd.testing.assert_frame_equal(bar.cost, baselines(shop, 6, cost, range(2)).cost)


def test_a_cloud_that_does_not_beat_the_baselines_decides_nothing():
    seeds = pd.RangeIndex(5)
    costs = pd.DataFrame({"persistence": 2.0, "EdgeAllocator": 1.9, "CloudAllocator": 1.8}, index=seeds)
    bar = Bar(costs, costs)
    noise = np.array([0.0, 0.01, -0.01, 0.02, -0.02])
    for level, word in ((1.85, Verdict.UNDECIDABLE), (1.8, Verdict.UNDECIDABLE), (1.7, Verdict.HOLDS)):
        verdict, note = gated(Verdict.HOLDS, bar.verdict(level + noise), "")
        assert verdict is word
        assert ("among the network's own exits: holds" in note) == (word is Verdict.UNDECIDABLE)
    assert "CloudAllocator 1.8" in gated(Verdict.HOLDS, bar.verdict(1.85 + noise), "")[1]


def test_the_counts_of_table_iii_follow_from_1536_positions():
    for part, call in tables.unpooled().items():
        _, macs, parameters = tables.TABLE_III[part]
        assert round(tables.count_work(call).macs / 1e6, 1) == macs
        assert round(sum(value.numel() for value in call.module.parameters()) / 1e6, 1) == parameters
