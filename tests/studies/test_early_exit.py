"""The studies of early-exit networks: they run, go on where they were stopped, and say where their traffic is from."""

from __future__ import annotations

import matplotlib as mpl
import pandas as pd
import pytest

from edgeopt.profiles.costs import AllocationCost
from edgeopt.studies import early_exit, find, studies
from edgeopt.studies.early_exit import (
    Curves,
    Network,
    Workshop,
    at_share,
    traffic,
)
from edgeopt.studies.ehsanian2025 import evaluation as ehsanian
from edgeopt.studies.giannakas2025 import evaluation as giannakas
from edgeopt.studies.verdicts import Verdict

mpl.use("Agg")


@pytest.fixture
def small(monkeypatch):
    """Make both studies as small as they can be: one epoch, one share, some days."""
    for module in (giannakas, ehsanian):
        made = module.Evaluation.__post_init__

        def shrink(self, made=made):
            made(self)
            self.epochs, self.fractions = 1, (0.5,)

        monkeypatch.setattr(module.Evaluation, "__post_init__", shrink)
    whole = early_exit.traffic
    for module in (giannakas, ehsanian):
        monkeypatch.setattr(module, "traffic", lambda *args: (whole(*args)[0].iloc[: 5 * 144], whole(*args)[1]))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "tables", "figures", "statement"),
    [
        (
            "giannakas2025",
            ["table_ii", "table_iii", "exits", "figure_4", "extra_cost", "table_iv", "c2tm"],
            ["traffic_box", "figure_3", "figure_4", "figure_5", "figure_6"],
            ("Table IV", "every value"),
        ),
        (
            "ehsanian2025",
            ["exits", "curves", "shares", "weights", "independent", "table_ii", "latency"],
            ["figure_3", "figure_4", "figure_3c"],
            ("Table II follows its own formula", "10 of 18 values do not"),
        ),
    ],
)
def test_every_table_and_figure_is_written_and_no_network_is_trained_twice(
    name, tables, figures, statement, tmp_path, any_data, small, monkeypatch
):
    assert name in studies()
    claims = find(name).reproduce(tmp_path, quick=True, data=any_data)
    assert {*Verdict, "no claim of the paper"} >= set(claims.verdict)
    assert claims.set_index("claim").ours[statement[0]] == statement[1]
    for table in tables:
        assert len(pd.read_csv(tmp_path / f"{table}.csv"))
    for figure in figures:
        assert (tmp_path / f"{figure}.png").stat().st_size > 5000
    assert "Telecom Italia" in (tmp_path / "README.md").read_text()
    monkeypatch.setattr(early_exit, "train_jointly", lambda *_, **__: pytest.fail("a network was trained again"))
    again = find(name).reproduce(tmp_path, quick=True, data=any_data)
    timed = claims.claim != "Table IV"
    pd.testing.assert_frame_equal(claims[timed], again[timed])


def test_generated_traffic_says_so():
    frame, source = traffic(None, True, 16)
    assert frame.shape == (14 * 144, 16)
    assert "no measured traffic was at hand" in source


def test_a_point_between_two_is_on_their_line(tmp_path):
    frame, _ = traffic(None, True, 16)
    shop = Workshop(tmp_path, frame.iloc[:400])
    network = Network("conv3d", 6, AllocationCost(under=1.0), 0.5, seed=0, epochs=1)
    points = Curves(tmp_path).points(shop, network, early_exit.BASELINES, (0.0, 1.0))
    ends = [points[points.rule == name].cost.item() for name in ("Cloud", "Edge")]
    assert at_share(points, "Random", 0.25)[0] == pytest.approx(0.75 * ends[0] + 0.25 * ends[1])
    assert at_share(points, "Oracle", 0.0)[0] <= min(ends) + 1e-12
    resumed = Curves(tmp_path).points(shop, network, early_exit.BASELINES, (0.0, 1.0))
    pd.testing.assert_frame_equal(points, resumed)
