"""The allocator to deploy: units, names and order, what it refuses, and that a file gives the same answers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import dateutil.tz
import numpy as np
import pandas as pd
import pytest

import edgeopt as eo
from edgeopt.data import synthetic
from edgeopt.exchange import storage
from edgeopt.predictors.exit_odds import ExitOdds
from edgeopt.predictors.exits import ExitSamples
from edgeopt.predictors.provisioning import Provisioning
from edgeopt.predictors.slice_allocator import SliceAllocator
from edgeopt.predictors.slice_files import NAME
from edgeopt.profiles.costs import AllocationCost
from edgeopt.profiles.own_costs import ExactCost, FunctionCost

NAMES = ["web", "video", "iot", "car"]
UNDER = {"web": 1.0, "video": 2.0, "iot": 1.0, "car": 5.0}
RULES = ["benefit", "optimized", "uncertainty", "edge", "cloud"]


class Relative(ExactCost):
    def price(self, allocation, demand):
        return np.where(allocation < demand, 1 - allocation / demand, allocation - demand)


def table_of(days: int = 3) -> pd.DataFrame:
    frame = synthetic.traffic(cells=4, days=days, seed=0).set_axis(NAMES, axis=1)
    return frame.set_axis(frame.index.tz_localize(None))


def made(rule: str = "benefit", **options) -> SliceAllocator:
    return SliceAllocator(AllocationCost(under=[UNDER[name] for name in NAMES]), rule=rule, epochs=1, **options)


@pytest.fixture(scope="module")
def table():
    return table_of()


@pytest.fixture(scope="module")
def allocator(table):
    return made().fit(table)


def same(one, other) -> None:
    """Bit for bit."""
    pd.testing.assert_frame_equal(one.table(), other.table(), check_exact=True)


@pytest.mark.parametrize("rule", RULES)
def test_a_saved_allocator_gives_the_same_answers_bit_for_bit(rule, table, tmp_path):
    options = {"calendar": True, "budget": {("web", "video"): 500.0, ("car",): 300.0}} if rule == "benefit" else {}
    fitted = made(rule, **options).fit(table, max_shortfall=1.0)
    fitted.save(tmp_path / "model")
    loaded = SliceAllocator.load(tmp_path / "model")
    same(loaded.allocate(table, slots=None), fitted.allocate(table, slots=None))
    assert loaded.options() == fitted.options()
    assert loaded.cost == fitted.cost
    held_out = table[table.index >= fitted.report.first - pd.Timedelta("60min")]
    for report in (loaded.report, loaded.provisioning(held_out)):
        pd.testing.assert_frame_equal(report.by_slice(), fitted.report.by_slice(), check_exact=True)
    assert (loaded.report.first, loaded.report.last) == (fitted.report.first, fitted.report.last)


@pytest.mark.slow
def test_a_fresh_process_gives_the_same_answers(allocator, table, tmp_path):
    allocator.save(tmp_path / "model")
    table.to_pickle(tmp_path / "table.pkl")
    code = (
        "import pandas as pd; from edgeopt.predictors.slice_allocator import SliceAllocator\n"
        "found = SliceAllocator.load('model').allocate(pd.read_pickle('table.pkl'), slots=None)\n"
        "found.table().to_pickle('answer.pkl')"
    )
    path = {**os.environ, "PYTHONPATH": str(Path(eo.__file__).parents[1])}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, env=path)
    answer = pd.read_pickle(tmp_path / "answer.pkl")
    pd.testing.assert_frame_equal(answer, allocator.allocate(table, slots=None).table(), check_exact=True)


def test_the_answer_is_for_the_slot_after_the_table_in_its_unit(allocator, table):
    answer = allocator.allocate(table)
    assert len(answer) == 1
    assert answer.times[0] == table.index[-1] + pd.Timedelta("10min")
    assert answer.slices == tuple(NAMES)
    # Within the range that the demand of each slice has had, more or less: neither on [0, 1] nor of another slice.
    low, high = table.min().to_numpy(), table.max().to_numpy()
    assert ((answer.allocation > low - 0.5 * (high - low)) & (answer.allocation < high + 0.5 * (high - low))).all()
    assert list(answer.table().columns) == ["exit", "confidence", *NAMES]
    assert answer.table()["exit"].iloc[0] in ("edge", "cloud")
    assert 0 < answer.confidence[0] < 1


def test_an_old_gap_keeps_nobody_from_allocating(allocator, table):
    old = table.drop(table.index[100])
    old.iloc[50] = np.nan
    same(allocator.allocate(old), allocator.allocate(table))
    with pytest.raises(eo.InvalidProblemError, match="recent has a gap"):
        allocator.allocate(old, slots=len(old) - 52)


def test_columns_are_known_by_name(allocator, table):
    moved = table[["car", "iot", "web", "video"]].assign(notes="-")
    same(allocator.allocate(moved, slots=None), allocator.allocate(table, slots=None))


def test_the_order_of_the_columns_does_not_matter_to_fitting(allocator, table):
    order = ["iot", "car", "web", "video"]
    cost = AllocationCost(under=[UNDER[name] for name in order])
    other = SliceAllocator(cost, epochs=1).fit(table[order])
    ours, theirs = (one.allocate(table, slots=None).table() for one in (allocator, other))
    pd.testing.assert_frame_equal(theirs[ours.columns], ours, check_exact=True)


def test_the_unit_of_the_demand_does_not_matter(allocator, table):
    scaled = made().fit(1024 * table)  # a power of two, so that nothing is rounded differently
    given, wanted = (one.allocate(f * table, slots=None) for one, f in ((scaled, 1024), (allocator, 1)))
    np.testing.assert_array_equal(given.allocation, 1024 * wanted.allocation)
    np.testing.assert_array_equal(given.local, wanted.local)


@pytest.mark.parametrize("rule", ["benefit", "uncertainty"])
def test_a_slot_s_answer_depends_on_its_own_past_alone(rule, allocator, table):
    fitted = allocator if rule == "benefit" else made(rule).fit(table)
    many = fitted.allocate(table.iloc[:200], slots=20)
    for place, row in enumerate(range(181, 201)):
        one = fitted.allocate(table.iloc[row - 6 : row])
        np.testing.assert_allclose(one.allocation[0], many.allocation[place], rtol=1e-5)
        assert (one.times[0], one.local[0]) == (many.times[place], many.local[place])


def test_nothing_is_learned_of_the_part_that_is_held_out(allocator, table):
    changed = table.copy()
    changed.iloc[-80:] *= 7
    other = made().fit(changed)
    same(other.allocate(table.iloc[:50], slots=None), allocator.allocate(table.iloc[:50], slots=None))


def test_the_report_prices_what_the_allocator_answers(allocator, table):
    report = allocator.report
    answer = allocator.allocate(table.iloc[:-1], slots=None)
    rows = answer.times >= report.first
    scale = allocator.fitted.view.scale
    given, wanted = answer.allocation[rows], table.loc[answer.times[rows]].to_numpy()
    found = Provisioning.of(scale.normalise(given), scale.normalise(wanted), allocator.cost)
    np.testing.assert_allclose(report.found["allocator"].cost, found.cost, rtol=1e-6)
    np.testing.assert_allclose(report.found["allocator"].surplus, np.maximum(given - wanted, 0).mean(axis=0), rtol=1e-6)
    assert report.local_fraction == pytest.approx(answer.local[rows].mean())
    assert report.last == table.index[-1]
    assert report.by_slice()["persistence"]["all"] == pytest.approx(report.table()["cost"]["persistence"])


def test_persistence_is_the_allocator_of_that_name(table):
    from edgeopt.predictors.persistence import Persistence
    from edgeopt.predictors.samples import windows

    fitted = made("edge").fit(table)
    scaled = fitted.fitted.view.scale.normalise(table.to_numpy())
    past, target = windows(scaled, 6)
    known = round(0.8 * len(past))
    other = Persistence(fitted.cost).fit(past[:known], target[:known]).provisioning(past[known:], target[known:])
    np.testing.assert_allclose(fitted.report.found["persistence"].cost, other.cost, rtol=1e-5)


def test_budgets_are_in_units_and_by_name(table):
    fitted = made(budget=800.0).fit(table, max_shortfall=1.0)
    given = fitted.allocate(table, slots=None).allocation
    assert given.sum(axis=1).max() == pytest.approx(800.0, rel=1e-12)  # it binds, and is kept to
    assert (given >= 0).all()
    fitted = made(budget={("car", "web"): 400.0}).fit(table, max_shortfall=1.0)
    frame = fitted.allocate(table, slots=None).table()
    assert (frame["car"] + frame["web"]).max() <= 400.0 * (1 + 1e-12)
    assert (frame["video"] + frame["iot"]).max() > 400.0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.drop(columns=["iot", "car"]), "recent lacks the slices iot, car; it has web, video"),
        (
            lambda t: t[[]].assign(**dict.fromkeys("abcdefghijkl", 1.0)),
            "it has a, b, c, d, e, f, g, h, i, j and 2 more",
        ),
        (lambda t: t.drop(t.index[5]), r"a gap: 1 slot of 10 minutes missing between .*00:40:00 and .*01:00:00"),
        (lambda t: t.iloc[::3], "slots of 30 minutes; the allocator was fitted on slots of 10 minutes"),
        (
            lambda t: t.where(t.index.to_numpy()[:, None] != t.index[[3] * 4].to_numpy()),
            "recent of web at 2013-11-04 00:30:00 is nan",
        ),
        (lambda t: -t, r"recent of web at 2013-11-04 00:00:00 is -\d"),
        (lambda t: t.astype(str) + "x", "recent of web holds .*; expected numbers"),
        (lambda t: t.iloc[:5], "recent has 5 rows; at least 6"),
        (
            lambda t: t.iloc[::-1],
            "04:40:00 in the row after .*04:50:00; rows must be in order of time, as recent.sort_index",
        ),
        (lambda t: t.iloc[[0, 1, 1, 2, 3, 4, 5]], "the time 2013-11-04 00:10:00 twice, in successive rows; keep one"),
        (lambda t: t.set_axis(t.index + pd.to_timedelta(np.arange(30) % 2, unit="s")), "expected a row every 10 min"),
        (lambda t: t.astype(complex), "recent of web holds complex128; expected numbers"),
        (lambda t: t.reset_index(drop=True), "recent has a RangeIndex as index; expected times"),
        (lambda t: t.tz_localize("Europe/Rome"), "the zone Europe/Rome and the allocator was fitted on None"),
        (lambda t: t.set_axis(["web", "web", "iot", "car"], axis=1), "two columns called 'web'"),
        (lambda t: t.to_numpy(), "recent is a ndarray; expected a pandas DataFrame"),
    ],
)
def test_tables_of_another_kind_are_refused(change, words, allocator, table):
    with pytest.raises(eo.InvalidProblemError, match=words):
        allocator.allocate(change(table.iloc[:30]), slots=None)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.assign(car=3.0), r"the demand of slice car \(3\) is the same throughout .* drop car"),
        (lambda t: t.assign(car=3.0, iot=0.0), "the demand of 2 slices is the same throughout .* drop iot, car"),
        (lambda t: t.iloc[:40], "demand has 40 rows and window is 6"),
        (lambda t: t.drop(t.index[100]), "demand has a gap: 1 slot of 10 minutes missing"),
        (
            lambda t: t.rename(columns={"car": "exit"}),
            "a slice called 'exit', as is a column or a row of what is printed",
        ),
        (lambda t: t.rename(columns={"car": "all"}), "a slice called 'all'"),
        (lambda t: t[[]], "0 slices"),
        (lambda t: t.iloc[::-1], "rows must be in order of time, as demand.sort_index"),
        (lambda t: t.sample(frac=1.0, random_state=0), "rows must be in order of time"),
        (lambda t: t.set_axis(t.index[[0] * len(t)]), "the time 2013-11-04 00:00:00 twice"),
        (lambda t: t.drop(t.index[12:18]), "6 slots .* where summer time begins there, give times with an offset"),
        (lambda t: 1e200 * t, "demand of web at .* is .*e.202; every demand must be a number from 0 to 1e.150"),
        (
            lambda t: t.tz_localize(dateutil.tz.gettz("Europe/Rome")),
            "has no name; give it one, as in demand.tz_convert",
        ),
        (
            lambda t: t.set_axis(pd.date_range("2024-01-01", periods=len(t), freq="MS")),
            "expected a row every 31 days",
        ),
    ],
)
def test_tables_that_cannot_be_learned_from_are_refused(change, words, table):
    with pytest.raises(eo.InvalidProblemError, match=words):
        made().fit(change(table))


def test_options_out_of_range_are_refused_by_name(table):
    with pytest.raises(eo.InvalidOptionError, match="rule is 'luck'; expected one of benefit"):
        made("luck").fit(table)
    with pytest.raises(eo.InvalidOptionError, match="budget names 'phone'; expected groups"):
        made(budget={("web", "phone"): 3.0}).fit(table)
    with pytest.raises(eo.InvalidOptionError, match="slots is 0; expected a whole number of at least 1"):
        made("edge").fit(table).allocate(table, slots=0)
    with pytest.raises(eo.InvalidOptionError, match="has not been fitted; call fit"):
        made().allocate(table)
    with pytest.raises(eo.InvalidOptionError):
        SliceAllocator(AllocationCost(under=[1.0, 2.0])).fit(table)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"window": 2.5}, "window is 2.5; expected a whole number of at least 1"),
        ({"window": True}, "window is True"),
        ({"window": 0}, "window is 0"),
        ({"epochs": 1.5}, "epochs is 1.5; expected a whole number of at least 0"),
        ({"seed": -1}, "seed is -1; expected a whole number from 0 to 4294967295"),
        ({"seed": 2**40}, "seed is 1099511627776"),
        ({"held_out": float("nan")}, "held_out is nan; expected a number between 0 and 1"),
        ({"budget": "500"}, "budget is '500'; expected a real number"),
        ({"budget": {("web",): float("inf")}}, "budget is inf; expected a finite number of at least 0"),
    ],
)
def test_options_that_are_no_such_number_are_refused_by_name(options, words, table):
    with pytest.raises(eo.EdgeOptError, match=words):
        SliceAllocator(AllocationCost(1.0), **{"epochs": 1, **options}).fit(table)


@pytest.mark.parametrize(("name", "value"), [("window", 12), ("rule", "cloud"), ("budget", 300.0)])
def test_options_that_were_changed_after_fitting_are_not_saved(name, value, table, tmp_path):
    fitted = made("edge").fit(table)
    before = getattr(fitted, name)
    setattr(fitted, name, value)
    with pytest.raises(eo.InvalidOptionError, match=f"{name} is {value!r} and was {before!r} when .*; fit it again"):
        fitted.save(tmp_path / "model")
    assert not (tmp_path / "model").exists()
    setattr(fitted, name, before)
    fitted.save(tmp_path / "model")


def test_a_cost_without_a_price_at_the_lowest_demand_is_refused(table):
    with pytest.raises(eo.InvalidOptionError, match="Relative costs inf where a demand is 0"):
        SliceAllocator(Relative(), epochs=1).fit(table)


def test_the_number_of_slots_is_whole(allocator, table):
    with pytest.raises(eo.InvalidOptionError, match="slots is 1.5; expected a whole number of at least 1"):
        allocator.allocate(table, slots=1.5)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("size", [1e42, 1e100])
def test_demands_without_a_finite_answer_are_refused(size, allocator, table):
    recent = table.tail(6).copy()
    recent.iloc[2, 1] *= size
    with pytest.raises(
        eo.InvalidProblemError, match=r"recent has a demand of video of .*e\+.* the highest in training was"
    ):
        allocator.allocate(recent)


def test_a_slice_that_is_left_short_is_named(table):
    with pytest.raises(eo.InvalidProblemError, match="less than the demand of (web|video|iot|car) in"):
        SliceAllocator(AllocationCost(under=0.001), epochs=1).fit(table)


def test_times_with_a_zone_go_through_the_change_to_winter_time():
    frame = synthetic.traffic(cells=2, days=4, start="2013-10-25").set_axis(["a", "b"], axis=1)
    fitted = SliceAllocator(AllocationCost(1.0), epochs=0, rule="edge", calendar=True).fit(frame)
    answer = fitted.allocate(frame.tz_convert("UTC"), slots=None)
    assert str(answer.times.tz) == "Europe/Rome"
    same(answer, fitted.allocate(frame, slots=None))


def test_a_cost_of_one_s_own_is_not_in_the_file(table, tmp_path):
    cost = FunctionCost(lambda short: 2 + short * np.array([1.0, 2.0, 3.0, 4.0]), lambda extra: extra)
    fitted = SliceAllocator(cost, epochs=1, rule="edge").fit(table)
    fitted.save(tmp_path)
    loaded = SliceAllocator.load(tmp_path)
    same(loaded.allocate(table, slots=None), fitted.allocate(table, slots=None))
    with pytest.raises(eo.InvalidOptionError, match=r"load\(folder, cost=…\)"):
        loaded.provisioning(table)
    priced = SliceAllocator.load(tmp_path, cost=cost).provisioning(
        table[table.index >= fitted.report.first - pd.Timedelta("60min")]
    )
    np.testing.assert_allclose(priced.found["allocator"].cost, fitted.report.found["allocator"].cost)


@pytest.fixture
def saved(allocator, tmp_path):
    allocator.save(tmp_path / "model")
    return tmp_path / "model"


def refused(folder, words) -> None:
    with pytest.raises(eo.DataFormatError, match=words) as error:
        SliceAllocator.load(folder)
    assert NAME in str(error.value)
    assert "\n" not in str(error.value)
    assert "train anew" in str(error.value)


def test_damaged_and_foreign_files_are_refused_with_what_to_do(saved, allocator):
    head = (saved / NAME).read_text()
    (saved / NAME).write_text(head[:-200])
    refused(saved, "expected JSON")
    (saved / NAME).write_text(head.replace('"threshold": ', '"threshold": 1'))
    refused(saved, "is damaged or was changed by hand")
    (saved / NAME).write_text(head.replace('"version": 1', '"version": 2'))
    refused(saved, "has version 2, written by edgeopt .*; this edgeopt reads version 1")
    (saved / NAME).write_text("[1, 2]")
    refused(saved, "is no edgeopt file")
    eo.save(eo.OfflineOffloading([1.0], [2.0]), saved / NAME)
    refused(saved, "holds a OfflineOffloading, no allocator")
    (saved / NAME).unlink()
    refused(saved, "cannot be read: No such file")


def test_arrays_that_are_missing_or_damaged_are_refused(saved):
    arrays = next(saved.glob("*.npz"))
    content = arrays.read_bytes()
    for damaged in (content[:-30], bytes([content[0], content[1] ^ 1, *content[2:]]), b""):
        arrays.write_bytes(damaged)
        refused(saved, "its checksum differs")
    arrays.unlink()
    refused(saved, "cannot be read: No such file")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: f["network"].popitem(), "is missing"),
        (lambda f: f["network"].update(more=np.zeros(3)), "more is unknown"),
        (lambda f: f["network"].update({"remote.2.bias": np.zeros(3)}), "remote.2.bias"),
        (lambda f: next(iter(f["network"].values())).fill(np.nan), "is not finite"),
        (lambda f: f.pop("odds"), "odds"),
        (lambda f: f.update(margin=np.full(4, np.nan)), "margin is not finite"),
        (lambda f: f.update(margin=np.zeros(2)), r"margin has shape \(2,\); expected 4 numbers"),
        (lambda f: f.update(scale={"lowest": np.zeros(4), "span": np.zeros(4)}), "span is 0; expected numbers above 0"),
        (lambda f: f.update(odds={**f["odds"], "local": np.full(2, np.inf)}), "local is not finite"),
        (lambda f: f.update(odds={**f["odds"], "quantiles": np.zeros(0)}), "quantiles has no number"),
        (lambda f: f.update(box={**f["box"], "order": np.array([-1, 0, 1, 2])}), "each of 4 slices once"),
        (lambda f: f.update(form={**f["form"], "slot": 0.0}), "slot is 0.0; expected seconds above 0"),
        (lambda f: f.update(form={**f["form"], "slices": ["web", "web", "iot", "car"]}), "expected names, each once"),
        (lambda f: f.update(rule={**f["rule"], "threshold": float("nan")}), "threshold is nan"),
        (lambda f: f["form"].update(slices=["web"]), "allocator.json holds no whole allocator"),
    ],
)
def test_a_file_with_a_right_fingerprint_and_wrong_content_is_refused(change, words, saved):
    from dataclasses import replace

    file = storage.load(saved / NAME)
    fitted = {**file.fitted, "network": {k: v.copy() for k, v in file.fitted["network"].items()}}
    change(fitted)
    file = replace(file, fitted=fitted, check="")
    storage.save(replace(file, check=storage.fingerprint(file)), saved / NAME)
    refused(saved, words)


def test_the_head_can_be_read_by_anyone(saved):
    head = json.loads((saved / NAME).read_text())
    assert head["fitted"]["mapping"]["form"]["mapping"]["slices"] == NAMES
    assert head["options"]["mapping"]["rule"] == "benefit"


def priced(scores: np.ndarray, seed: int = 0) -> ExitSamples:
    """Samples in which the edge is as cheap with probability 1 - score."""
    count, draw = len(scores), np.random.default_rng(seed).random(len(scores))
    local = np.where(draw < scores, 2.0, 0.0)[:, None]
    return ExitSamples(*(np.zeros((count, 1, 1), np.float32),) * 3, local, np.ones((count, 1)))


def test_confidence_is_how_often_the_exit_is_right():
    scores = np.random.default_rng(1).random(4000)
    odds = ExitOdds.fit(scores[:2000], priced(scores[:2000]))
    later = priced(scores[2000:], seed=2)
    for local in (True, False):
        sure = odds.confidence(scores[2000:], np.full(2000, local))
        right = (later.benefit <= 0) if local else (later.benefit >= 0)
        for low in (0.1, 0.3, 0.5, 0.7):
            near = (sure >= low) & (sure < low + 0.2)
            assert right[near].mean() == pytest.approx(sure[near].mean(), abs=0.06)


def test_confidence_of_scores_that_are_all_the_same_is_the_share_of_the_samples():
    odds = ExitOdds.fit(np.zeros(1000), priced(np.full(1000, 0.3)))
    sure = odds.confidence(np.array([0.0, -1.0, 1.0]), np.array([True, True, True]))
    np.testing.assert_allclose(sure, 0.7, atol=0.04)
    few = ExitOdds.fit(np.arange(3.0), priced(np.zeros(3)))
    assert (few.confidence(np.array([-9.0, 1.0, 9.0]), np.array([True, True, False])) < 1).all()
