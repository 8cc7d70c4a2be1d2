"""Hour and day of the week as inputs of both exits."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

import edgeopt as eo
from edgeopt.data import milano, synthetic
from edgeopt.predictors.calendar_inputs import FEATURES, calendar_features
from edgeopt.predictors.ddnn import DDNN, resources
from edgeopt.predictors.exits import ExitSamples
from edgeopt.predictors.slice_allocator import SliceAllocator
from edgeopt.profiles.costs import AllocationCost


def test_features_go_round_with_the_day_and_the_week():
    times = pd.date_range("2024-01-01", periods=2 * 7 * 144, freq="10min")
    found = calendar_features(times)
    assert found.shape == (2 * 7 * 144, FEATURES)
    np.testing.assert_allclose(found[: 7 * 144], found[7 * 144 :], atol=1e-12)  # the same a week later
    np.testing.assert_allclose(found[:144, :4], found[144:288, :4], atol=1e-12)
    assert np.abs(np.diff(found, axis=0)).max() < 0.1  # without a jump at midnight or on Monday
    assert len(np.unique(found[: 7 * 144].round(9), axis=0)) == 7 * 144


@pytest.mark.parametrize("exit", ["residual", "printed"])
@pytest.mark.parametrize("remote", ["blocks", "dlinear"])
def test_before_training_the_network_is_the_one_without_a_calendar(exit, remote):
    models = []
    for calendar in (0, FEATURES):
        torch.manual_seed(0)
        models.append(DDNN("conv3d", 4, 6, exit=exit, remote=remote, calendar=calendar).eval())
    plain, dated = models
    assert all(value.equal(dated.state_dict()[name]) for name, value in plain.state_dict().items())
    demand, known = torch.rand(5, 4, 6), torch.rand(5, FEATURES, 6)
    for one, other in zip(plain(demand), dated(torch.cat([demand, known], dim=1)), strict=True):
        assert one.equal(other)
    with pytest.raises(eo.InvalidProblemError, match=r"expected \(batch, 10, 6\)"):
        dated(demand)


def test_both_exits_read_the_calendar_and_count_it():
    plain, dated = (DDNN("conv3d", 4, 6, calendar=calendar).eval() for calendar in (0, FEATURES))
    for part in dated.calendars.values():
        torch.nn.init.normal_(part.last.weight)
    demand, known = torch.rand(1, 4, 6).expand(2, -1, -1), torch.rand(2, FEATURES, 1).expand(-1, -1, 6)
    for answer in dated(torch.cat([demand, known], dim=1)):
        assert (answer[0] != answer[1]).all()
    for place in ("edge", "cloud"):
        for count in ("parameters", "macs"):
            assert resources(dated)[place][count] > resources(plain)[place][count]
    assert dated.passes(torch.cat([demand, known], dim=1), 3, torch.Generator().manual_seed(0)).shape == (3, 2, 4)
    samples = ExitSamples.of(dated, torch.cat([demand, known], dim=1), np.zeros((2, 4)), AllocationCost(1.0))
    assert samples.past.shape == (2, 4 + FEATURES, 6)
    with pytest.raises(eo.InvalidOptionError, match="calendar is -1"):
        DDNN("conv3d", 4, 6, calendar=-1)


def costs(table: pd.DataFrame, calendar: bool, **options) -> pd.Series:
    fitted = SliceAllocator(AllocationCost(under=1.0), rule="edge", calendar=calendar, **options).fit(
        table, max_shortfall=1.0
    )
    return fitted.report.table()["cost"]


@pytest.mark.slow
def test_a_calendar_helps_where_the_clock_decides():
    """Every slice doubles at 8 and halves at 20 o'clock: the window does not tell when."""
    times = pd.date_range("2024-01-01", periods=60 * 24, freq="h")
    high = ((times.hour >= 8) & (times.hour < 20)).astype(float)
    noise = np.random.default_rng(0).random((len(times), 3))
    table = pd.DataFrame(10 + 10 * high[:, None] + noise, index=times, columns=list("abc"))
    with_it, without = (costs(table, calendar, window=2, epochs=60)["edge"] for calendar in (True, False))
    assert with_it < 0.9 * without


@pytest.mark.slow
def test_a_calendar_lowers_the_cost_of_hourly_traffic_with_a_daily_cycle():
    table = synthetic.traffic(cells=9, days=30, seed=0).resample("h").sum()
    with_it, without = (costs(table, calendar, epochs=60) for calendar in (True, False))
    assert with_it["edge"] < 0.97 * without["edge"]
    assert with_it["persistence"] == without["persistence"]


@pytest.mark.slow
def test_a_calendar_does_not_harm_on_milano(data_dir):
    table = milano.read_25_cells(data_dir / "milano" / "milano_internet_25cells_10min.csv.gz").iloc[:, :9]
    with_it, without = (costs(table, calendar, epochs=40) for calendar in (True, False))
    assert with_it["edge"] < 1.01 * without["edge"]
