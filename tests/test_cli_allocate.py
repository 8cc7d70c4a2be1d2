"""``edgeopt allocate``: from a table of one's own to what to reserve, on the command line."""

from __future__ import annotations

import json
import sys

import numpy as np
import pandas as pd
import pytest

from edgeopt import cli
from edgeopt.cli.completion import complete_rule
from edgeopt.data import synthetic
from edgeopt.data.demand_table import read_demands
from edgeopt.predictors.slice_allocator import SliceAllocator
from edgeopt.profiles.costs import AllocationCost


@pytest.fixture
def run(monkeypatch, capsys):
    """Run the command line in this process; return exit code, output and errors."""

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["edgeopt", "allocate", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capsys.readouterr()
        return ended.value.code or 0, captured.out, captured.err

    return call


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    frame = synthetic.traffic(cells=3, days=3).set_axis(["web", "video", "iot"], axis=1)
    frame = frame.set_axis(frame.index.tz_localize(None))
    frame.to_csv(folder / "demand.csv", index_label="time")
    frame.tail(20).to_csv(folder / "recent.csv", index_label="time")
    return folder


@pytest.mark.slow
def test_train_and_run(run, data, tmp_path):
    words = ("--epochs", 1, "--rule", "optimized", "--under", 2, "--under", "iot=20", "--budget", "web,video=2000")
    code, out, err = run("train", data / "demand.csv", "--out", tmp_path / "model", "--calendar", *words)
    assert (code, err) == (0, "")
    for word in ("persistence", "edge", "cloud", "allocator", "violation_rate", "surplus", "iot", "Held out: 85 slots"):
        assert word in out
    code, out, _ = run(
        "run", tmp_path / "model", data / "recent.csv", "--slots", 2, "--json", "--out", tmp_path / "a.csv"
    )
    rows = json.loads(out)
    assert code == 0
    assert [row["time"] for row in rows] == ["2013-11-06 23:50:00", "2013-11-07 00:00:00"]
    assert list(rows[0]) == ["time", "exit", "confidence", "web", "video", "iot"]
    # The same as by hand.
    cost = AllocationCost(under=[2.0, 2.0, 20.0])
    options = {"rule": "optimized", "epochs": 1, "calendar": True, "budget": {("web", "video"): 2000.0}}
    fitted = SliceAllocator(cost, **options).fit(read_demands(data / "demand.csv"))
    wanted = fitted.allocate(read_demands(data / "recent.csv"), slots=2)
    np.testing.assert_array_equal([[row[name] for name in wanted.slices] for row in rows], wanted.allocation)
    assert [row["exit"] for row in rows] == wanted.table()["exit"].tolist()
    np.testing.assert_array_equal(pd.read_csv(tmp_path / "a.csv")[["web", "video", "iot"]], wanted.allocation)


@pytest.fixture(scope="module")
def model(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained") / "model"
    frame = read_demands(data / "demand.csv")
    SliceAllocator(AllocationCost(1.0), epochs=0, rule="edge").fit(frame).save(folder)
    return folder


def test_the_report_for_machines(run, data, tmp_path):
    code, out, _ = run("train", data / "demand.csv", "--out", tmp_path, "--epochs", 0, "--rule", "edge", "--json")
    report = json.loads(out)
    assert code == 0
    assert [row["way"] for row in report["ways"]] == ["persistence", "edge", "cloud", "allocator"]
    assert [row["slice"] for row in report["slices"]] == ["web", "video", "iot", "all"]
    assert report["ways"][3]["cost"] == pytest.approx(report["slices"][3]["cost"])
    assert report["local_fraction"] == 1.0


def test_answers_on_the_screen_and_in_files(run, data, model, tmp_path, monkeypatch):
    code, out, _ = run("run", model, data / "recent.csv", "--all", "--out", tmp_path / "a.json")
    assert code == 0
    assert len(json.loads((tmp_path / "a.json").read_text())) == 15
    assert "2013-11-07 00:00:00" in out
    monkeypatch.setattr("edgeopt.cli.allocate._WIDEST", 2)  # many slices stand below each other
    out = run("run", model, data / "recent.csv", "--slots", 6)[1]
    assert out.count("confidence") == 2
    assert "2013-11-07 00:00:00" in out


def test_names_that_look_like_markup_are_printed_as_they_are(run, data, tmp_path):
    frame = read_demands(data / "demand.csv").set_axis(["[red]web", "b", "c"], axis=1)
    frame.to_csv(tmp_path / "demand.csv")
    assert run("train", tmp_path / "demand.csv", "--out", tmp_path / "model", "--epochs", 0, "--rule", "edge")[0] == 0
    assert "[red]web" in run("run", tmp_path / "model", tmp_path / "demand.csv")[1]


def test_decimal_commas_are_read_where_asked(run, data, model, tmp_path):
    read_demands(data / "recent.csv").to_csv(tmp_path / "excel.csv", sep=";", decimal=",")
    code, _, err = run("run", model, tmp_path / "excel.csv")
    assert (code, err.count("\n")) == (2, 1)
    assert "a decimal comma is read with --decimal ," in err
    code, out, _ = run("run", model, tmp_path / "excel.csv", "--decimal", ",", "--json")
    assert code == 0
    assert json.loads(out) == json.loads(run("run", model, data / "recent.csv", "--json")[1])


def test_nothing_is_written_over(run, data, tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "mine.txt").write_text("precious")
    code, _, err = run("train", data / "demand.csv", "--out", tmp_path / "model")
    assert code == 2
    assert "is there and not empty; take a new folder, or remove it" in err
    assert list((tmp_path / "model").iterdir()) == [tmp_path / "model" / "mine.txt"]
    assert run("train", data / "demand.csv", "--out", tmp_path / "model" / "mine.txt")[0] == 2
    code, _, err = run("train", data / "nowhere.csv", "--out", tmp_path / "model" / "mine.txt" / "model")
    assert code == 2
    assert "no folder can be made in" in err  # before the table is read


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--under", "many"), "--under is 'many'; expected a number, or NAME=NUMBER"),
        (("--over", "car=2"), "--over is 'car=2'; the slices are web, video, iot"),
        (("--under", "-1"), "under"),
        (("--budget", "car=2"), "budget names 'car'"),
        (("--budget", "web=2", "--budget", "3"), "--budget is '3' beside others"),
        (("--rule", "luck"), "rule is 'luck'; expected one of benefit"),
        (("--kind", "cube"), "kind is 'cube'; expected one of conv3d"),
        (("--cost", "free"), "kind is 'free'; costs known by name"),
        (("--local-share", "1.5"), "min_local_fraction is 1.5"),
        (("--window", "500"), "demand has 432 rows and window is 500"),
    ],
)
def test_wrong_options_are_one_line_and_leave_nothing_behind(words, said, run, data, tmp_path):
    code, _, err = run("train", data / "demand.csv", "--out", tmp_path / "model", "--epochs", 0, *words)
    assert (code, err.count("\n")) == (2, 1)
    assert said in err
    assert not (tmp_path / "model").exists()


def test_wrong_files_are_one_line(run, data, model, tmp_path):
    (tmp_path / "bad.csv").write_text((data / "recent.csv").read_text().replace("iot", "phone"))
    (tmp_path / "empty").mkdir()
    calls = {
        "recent lacks the slice iot; it has web, video, phone": (model, tmp_path / "bad.csv"),
        "nowhere.csv cannot be read": (model, tmp_path / "nowhere.csv"),
        "allocator.json cannot be read": (tmp_path / "empty", data / "recent.csv"),
        "expected a name that ends in .csv or .json": (model, data / "recent.csv", "--out", tmp_path / "a.xls"),
        "slots is 0": (model, data / "recent.csv", "--slots", 0),
    }
    for said, words in calls.items():
        code, _, err = run("run", *words)
        assert (code, err.count("\n")) == (2, 1), err
        assert said in err


def test_shells_complete_rules():
    assert complete_rule("op") == ["optimized"]
