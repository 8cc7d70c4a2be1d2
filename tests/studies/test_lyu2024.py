"""The study of Lyu et al. (2024): it runs, goes on where it was stopped, and tells its two effects apart."""

from __future__ import annotations

import matplotlib as mpl
import pandas as pd
import pytest

import edgeopt as eo
from edgeopt.studies import find, studies
from edgeopt.studies.lyu2024 import runs, tables
from edgeopt.studies.lyu2024.frameworks import (
    FRAMEWORKS,
    PAPER,
    forecaster,
    run,
)
from edgeopt.studies.lyu2024.setting import setting
from edgeopt.studies.verdicts import Verdict

mpl.use("Agg")


def test_it_is_a_study_and_needs_its_data(tmp_path):
    assert "lyu2024" in studies()
    with pytest.raises(eo.InvalidOptionError, match="pass --data FOLDER"):
        find("lyu2024").reproduce(tmp_path)


@pytest.fixture
def small(monkeypatch):
    """Make the study as small as it can be."""
    monkeypatch.setattr(runs.Runs, "epochs", property(lambda _: 1))
    monkeypatch.setattr(runs.Runs, "steps", property(lambda _: 120))
    monkeypatch.setattr(runs.Runs, "seeds", property(lambda _: range(1)))


@pytest.mark.slow
def test_every_table_and_figure_is_written_and_nothing_is_done_twice(any_data, tmp_path, small, monkeypatch):
    claims = find("lyu2024").reproduce(tmp_path, quick=True, data=any_data)
    assert {*Verdict, "no claim of the paper"} >= set(claims.verdict)
    for name in ("figure_5", "figure_6", "figure_7", "figure_8", "figure_9", "figure_10", "ablation"):
        assert (tmp_path / f"{name}.png").stat().st_size > 5000
    table = pd.read_csv(tmp_path / "table_4.csv")
    assert set(table.framework) == set(FRAMEWORKS)
    assert table[(table.dataset == "TOTEM") & (table.framework == "proposed")].paper.tolist() == [98.49, 96.09, 93.76]
    assert table.ours.between(0, 100.0001).all()
    assert (table.optimal_recourse >= table.ours - 1e-6).all()
    known = table[table.framework == "true capacities, same forecast"]
    assert known.capacity_error.max() < 1e-6

    done = (tmp_path / "runs.csv").read_bytes()
    monkeypatch.setattr(runs.Runs, "_one", lambda *_: pytest.fail("a finished run was done again"))
    find("lyu2024").reproduce(tmp_path, quick=True, data=any_data)
    assert (tmp_path / "runs.csv").read_bytes() == done


@pytest.mark.slow
def test_knowing_the_capacities_helps_and_observing_them_comes_close(any_data):
    one = setting("TOTEM", any_data, 60.0, seed=0, steps=400)
    predictor = forecaster(one, False, 0, 3)
    found = {
        name: run(name, one, predictor, 0, 3).utility
        for name in ("LSTM", "true capacities, same forecast", "censored capacity learning")
    }
    assert found["true capacities, same forecast"] > found["LSTM"] + 0.02
    assert found["censored capacity learning"] > found["LSTM"] + 0.02
    assert set(PAPER) <= set(FRAMEWORKS)
    assert tables.TABLE_4["TOTEM", "proposed"][-1] == 93.76
