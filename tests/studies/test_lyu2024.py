"""The study of Lyu et al. (2024): it runs, goes on where it was stopped, and says no more than its runs show."""

from __future__ import annotations

from itertools import product

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

import edgeopt as eo
from edgeopt.studies import find, studies
from edgeopt.studies.lyu2024 import claims, paper, runs
from edgeopt.studies.lyu2024.frameworks import FRAMEWORKS, PAPER, forecaster, run
from edgeopt.studies.lyu2024.setting import MEAN_CAPACITY, SOURCES, capacities, setting
from edgeopt.studies.report import Report
from edgeopt.studies.verdicts import Verdict

mpl.use("Agg")


def test_it_is_a_study_and_needs_its_data(tmp_path):
    assert "lyu2024" in studies()
    with pytest.raises(eo.InvalidOptionError, match="pass --data FOLDER"):
        find("lyu2024").reproduce(tmp_path)


def test_the_papers_own_numbers_reveal_one_offline_optimum_if_two_are_swapped():
    at_20 = {name: paper.printed("Kaggle", name, 20.0) / 100 for name in PAPER}
    for name in PAPER:
        assert paper.FIGURE_10[name] / at_20[name] == pytest.approx(SOURCES["Kaggle"].optimum, abs=0.01)
    assert paper.FIGURE_10["LSTM"] / at_20["Bi-LSTM"] != pytest.approx(85.76, abs=1.0)  # as the text has them
    assert paper.FIGURE_6["proposed"] / 0.9647 == pytest.approx(SOURCES["TOTEM"].optimum, abs=0.05)
    ratio = paper.printed("Kaggle", "proposed", 60.0) / paper.printed("Kaggle", "LSTM", 60.0) - 1
    assert 100 * ratio == pytest.approx(paper.LARGEST_GAIN, abs=0.01)
    assert np.isnan(paper.printed("Abilene", "proposed", 60.0))


def test_a_sweep_moves_capacities_and_changes_none_by_chance():
    drawn = {(m, d): capacities(97, m, d, 3) for m, d in product((20.0, 80.0), (0.0, 20.0, 60.0))}
    assert all((c > 0).all() for c in drawn.values())
    np.testing.assert_array_equal(drawn[80.0, 0.0], 80.0)
    first = np.random.default_rng(3).standard_normal(97)
    for (mean, deviation), found in drawn.items():
        kept = mean + deviation * first > 0
        np.testing.assert_allclose(found[kept], (mean + deviation * first)[kept])
    assert (capacities(97, 80.0, 20.0, 4) != drawn[80.0, 20.0]).all()


def made(gain: float = 0.05, spread: float = 0.001, bound: float = 1.0, single: float = 250.0) -> pd.DataFrame:
    """Runs as the study would leave them, with a gain of the proposed framework over all others."""
    rng = np.random.default_rng(0)
    networks = [("TOTEM", "gus", MEAN_CAPACITY, d) for d in (0.0, 20.0, 60.0)]
    networks += [("TOTEM", "gus", 120.0, 20.0), ("TOTEM", "single", MEAN_CAPACITY, 20.0)]
    networks += [("Kaggle", "gus", MEAN_CAPACITY, d) for d in (0.0, 20.0, 60.0)]
    rows = []
    for (dataset, deployment, mean, deviation), seed, name in product(networks, range(5), FRAMEWORKS):
        share = 0.85 + 0.01 * seed + gain * (name == "proposed") + spread * rng.standard_normal()
        measured = dict.fromkeys(runs.MEASURED, share)
        measured |= {"throughput": single if deployment == "single" else 300 * share, "offline": 300.0}
        key = (dataset, deployment, mean, deviation, seed, name, 20, 2016)
        rows.append(dict(zip(runs.KEY, key, strict=True)) | measured | {"tightness": 1.0, "believed_tightness": bound})
    return pd.DataFrame(rows)


def judged(tmp_path, **options) -> pd.Series:
    report = Report(tmp_path, "made")
    claims.write(report, claims.Evidence(made(**options)))
    return report.write().set_index("claim").verdict


def _one(verdicts: pd.Series, part: str) -> str:
    (found,) = {verdict for claim, verdict in verdicts.items() if part in claim}
    return found


def test_a_clear_gain_holds_and_one_within_the_noise_is_indistinguishable(tmp_path):
    clear = judged(tmp_path / "clear")
    assert _one(clear, "admits more than LSTM (Fig. 6)") == Verdict.HOLDS
    assert _one(clear, "TOTEM: the proposed framework earns more than Bi-LSTM at every deviation") == Verdict.HOLDS
    assert _one(clear, "as printed at a deviation of 60") == Verdict.FAILS  # +6 % is not +24 %
    noisy = judged(tmp_path / "noisy", gain=0.0, spread=0.02)
    assert _one(noisy, "admits more than LSTM (Fig. 6)") == Verdict.INDISTINGUISHABLE
    worse = judged(tmp_path / "worse", gain=-0.05)
    assert _one(worse, "admits more than LSTM (Fig. 6)") == Verdict.FAILS


def test_a_fraction_of_the_claimed_ratio_is_no_yes(tmp_path):
    found = judged(tmp_path, single=250.0)
    assert _one(found, "splitting beats non-splitting") == Verdict.HOLDS
    assert _one(found, "4.2 times as much") == Verdict.FAILS
    assert _one(judged(tmp_path, single=50.0), "4.2 times as much") == Verdict.HOLDS


def test_nothing_is_decided_where_no_believed_row_binds_or_fifty_rows_train(tmp_path):
    unbound = judged(tmp_path / "unbound", bound=0.0)
    for claim in (
        "admits more than LSTM (Fig. 6)",
        "earns more than LSTM at every deviation",
        "grows with the deviation",
    ):
        assert {v for c, v in unbound.items() if claim in c} == {str(Verdict.UNDECIDABLE)}
    bound = judged(tmp_path / "bound")
    kaggle = {v for c, v in bound.items() if "Kaggle" in c or "Fig. 10" in c} - {"no claim of the paper"}
    assert kaggle == {str(Verdict.UNDECIDABLE)}


def test_runs_of_another_version_are_refused(tmp_path):
    pd.DataFrame({"dataset": ["TOTEM"], "utility": [1.0]}).to_csv(tmp_path / "runs.csv", index=False)
    with pytest.raises(eo.DataFormatError, match="another version of the study"):
        runs.Runs(tmp_path, tmp_path, True)


@pytest.fixture
def small(monkeypatch):
    """Make the study as small as it can be."""
    monkeypatch.setattr(runs.Runs, "epochs", property(lambda _: 1))
    monkeypatch.setattr(runs.Runs, "steps", property(lambda _: 120))
    monkeypatch.setattr(runs.Runs, "seeds", property(lambda _: range(2)))


@pytest.mark.slow
def test_every_table_and_figure_is_written_and_nothing_is_done_twice(any_data, tmp_path, small, monkeypatch):
    found = find("lyu2024").reproduce(tmp_path, quick=True, data=any_data)
    assert {*Verdict, "no claim of the paper"} >= set(found.verdict)
    for name in ("figure_5", "figure_6", "figure_7", "figure_8", "figure_9", "figure_10", "ablation", "online"):
        assert (tmp_path / f"{name}.png").stat().st_size > 5000
    table = pd.read_csv(tmp_path / "table_4.csv")
    assert set(table.framework) == set(FRAMEWORKS)
    proposed = table[(table.dataset == "TOTEM") & (table.framework == "proposed")].set_index("deviation").paper
    assert proposed.to_dict() == {0.0: 98.49, 20.0: 96.47, 60.0: 93.76}
    assert (table.ours <= 100.0001).all()
    assert (table.optimal_recourse >= table.ours - 1e-6).all()
    assert (table.reservations_free >= table.ours - 1e-6).all()
    assert (table.with_penalty <= table.ours + 1e-6).all()
    assert (table[table.framework == "over-reservation, 100 times"].ours < 0).all()
    assert table[table.framework == "true capacities, same forecast"].capacity_error.max() < 1e-6
    binds = table[(table.dataset == "TOTEM") & (table.deviation == 20.0)].believed_tightness
    assert (binds > 0).all()  # else the default setting could decide nothing

    done = {path.name: path.read_bytes() for path in tmp_path.glob("*.csv")}
    monkeypatch.setattr(runs.Runs, "_one", lambda *_: pytest.fail("a finished run was done again"))
    monkeypatch.setattr("edgeopt.studies.lyu2024.online._one", lambda *_: pytest.fail("a finished seed was done again"))
    find("lyu2024").reproduce(tmp_path, quick=True, data=any_data)
    assert {path.name: path.read_bytes() for path in tmp_path.glob("*.csv")} == done


@pytest.mark.slow
def test_knowing_the_capacities_helps_and_observing_them_comes_close(any_data):
    one = setting("TOTEM", any_data, 60.0, seed=0, steps=400)
    predictor = forecaster(one, "plain", 0, 3)
    found = {
        name: run(name, one, predictor, 0, 3).revenue
        for name in ("LSTM", "true capacities, same forecast", "capacities observed, same forecast")
    }
    assert found["true capacities, same forecast"] > found["LSTM"] + 0.02
    assert found["capacities observed, same forecast"] > found["LSTM"] + 0.02
    assert set(PAPER) <= set(FRAMEWORKS)
