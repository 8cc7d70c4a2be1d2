"""The instance library: every name loads, what is recorded of it holds, and one's own families and files join in."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import edgeopt as eo
from edgeopt import instances as library
from edgeopt.exchange.storage import fingerprint
from edgeopt.instances import prove
from edgeopt.instances.family import Family

SHIPPED = library.names(shipped=True)
GENERATED = [name for family in library.families().values() if not family.needs_data for name in family.names()]
CUT = [name for family in library.families().values() if family.needs_data for name in family.names()]


def test_every_name_is_recorded_and_every_record_has_a_name():
    assert set(library._index()) == set(library.names())
    assert len(library.names()) >= 90


def test_what_ships_is_small():
    files = [path for path in library.LIBRARY.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 2_000_000


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * name.endswith(("large", "huge"))) for name in GENERATED]
)
def test_a_recipe_makes_what_was_recorded(name):
    family, knobs = library._find(name)
    assert fingerprint(family.problem(knobs, None)) == library.describe_one(name)["fingerprint"]


SHIPPED_FILES = [f"program/published-{name}" for name in ("afiro", "adlittle", "flugpl", "lseu", "bell5")]


@pytest.mark.parametrize("name", SHIPPED_FILES)
def test_a_published_model_file_is_the_recorded_instance(name, excerpts):
    instance = library.load(name, data=excerpts)
    assert instance.fingerprint == library.describe_one(name)["fingerprint"]


@pytest.mark.parametrize("name", sorted(set(CUT) - set(SHIPPED_FILES)))
def test_an_instance_cut_from_data_is_the_recorded_one(name, data_dir):
    instance = library.load(name, data=data_dir)
    assert instance.fingerprint == library.describe_one(name)["fingerprint"]


@pytest.mark.parametrize(
    "name",
    [
        "offloading/milano-even",
        "split/branchy-alexnet-trace-verizon-lte",
        pytest.param("revenue/geant-noon", marks=pytest.mark.slow),
        pytest.param("revenue/abilene-scarce", marks=pytest.mark.slow),
    ],
)
def test_other_data_make_an_instance_and_are_not_taken_for_the_recorded_one(name, small_data):
    family, knobs = library._find(name)
    assert eo.solve(family.problem(knobs, small_data)).status == "optimal"
    with pytest.raises(eo.DataFormatError, match="is not the one it was recorded with"):
        library.load(name, data=small_data)


# No certificate ships with these: an engine solves them again, for up to a minute.
AGAIN = ("task-assignment/area-large", "task-assignment/chu-beasley-d-hard")


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] * (name in AGAIN)) for name in SHIPPED])
def test_the_best_known_answer_proves_itself(name):
    instance = library.load(name)
    best = instance.best
    assert best.certificate is not None
    if best.found is None:  # too large to ship with its decision: its objective and bound are found again
        again = eo.solve(instance, best.solver)
        np.testing.assert_allclose(again.objective, best.objective, rtol=1e-9)
    else:
        assert eo.verify(instance, best).holds


@pytest.mark.parametrize("name", SHIPPED)
def test_what_is_recorded_as_proved_is_what_the_best_answer_proves(name):
    known, best = library.describe_one(name), library.load(name).best
    assert known["proved"] == best.proved == bool(known["proved_by"])
    assert known["status"] == str(best.status)
    if not best.proved:  # then the record says whose word it is, or leaves a gap
        assert "the word of" in known["certificate"] or best.status == "feasible"
    if best.proved and best.found is not None:
        assert eo.verify(library.load(name), best).proved


@pytest.mark.parametrize(
    ("name", "solver"),
    [
        ("offloading/generated-tied", "highs"),
        ("offloading/generated-sites", "cp-sat"),
        ("split/branchy-alexnet-lte", "highs"),
        ("split/generated-trunk", "exhaustive"),
        ("graph-split/generated-small", "highs"),
        ("revenue/generated-degenerate", "highs"),
        ("slot/labriji2023-tight-deadline", "scipy"),
        ("shared-slot/crowd-two", "dual-prices"),
        ("program/assignment-tied", "scipy"),
    ],
)
def test_a_second_route_finds_no_better(name, solver):
    instance = eo.instances.load(name)
    found = eo.solve(instance, solver)
    assert found.objective == pytest.approx(instance.best_objective, rel=1e-6 + (found.gap or 0.0))


def test_knobs_make_instances_of_any_size():
    tied = eo.instances.load("offloading/generated[samples=500, ties=1.0]").problem
    assert tied.samples == 500
    assert len(np.unique(tied.local_cost)) == 5
    assert eo.instances.load("offloading/generated[samples=500]").best is None
    degenerate = eo.instances.load("offloading/generated[samples=400,degeneracy=1.0]").problem
    np.testing.assert_array_equal(degenerate.local_cost, degenerate.remote_cost)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("split/nonsense", "no instance is called"),
        ("offloading/generated[samples=500", "closing bracket"),
        ("offloading/generated[500]", "no setting=value"),
        ("offloading/generated[size=5]", "no knob 'size'"),
        ("offloading/generated[ties=2]", "ties is 2; expected a fraction"),
        ("offloading/generated[samples=0]", "samples is 0"),
        ("split/generated[tiers=1]", "tiers is 1"),
        ("split/branchy-alexnet[link=carrier-pigeon]", "no link 'carrier-pigeon'"),
    ],
)
def test_wrong_names_and_knobs_are_refused(name, said):
    with pytest.raises(eo.EdgeOptError, match=said):
        eo.instances.load(name)


def test_data_that_are_not_at_hand_are_named(monkeypatch, tmp_path):
    monkeypatch.setenv("EDGEOPT_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(eo.InvalidOptionError, match="Milano traffic.*EDGEOPT_DATA"):
        eo.instances.load("offloading/milano-even")


def test_other_data_are_noticed(monkeypatch):
    family, _ = library._find("offloading/generated-large")
    other = Family(family.name, "", "", lambda **_: eo.OfflineOffloading([1.0], [1.0]), family.members)
    monkeypatch.setattr(library, "_find", lambda _: (other, {}))
    with pytest.raises(eo.DataFormatError, match="fingerprint"):
        library.load("offloading/generated-large")


def test_a_file_is_an_instance(tmp_path):
    eo.save(eo.OfflineOffloading([1.0, 2.0], [2.0, 1.0]), tmp_path / "mine.json")
    eo.Program([1.0], lower=[1.0]).write(tmp_path / "mine.mps")
    assert eo.solve(eo.instances.load(tmp_path / "mine.json")).objective == 1.0
    assert eo.solve(eo.instances.load(str(tmp_path / "mine.mps"))).objective == 1.0


def test_a_family_of_ones_own_joins_by_an_entry_point(monkeypatch):
    mine = Family(
        "offloading/mine", "", "mine", lambda samples=3: eo.OfflineOffloading(np.ones(samples), np.zeros(samples))
    )

    class Point:
        name, value = "mine", "mine:family"

        def load(self):
            return mine

    monkeypatch.setattr(
        "importlib.metadata.entry_points", lambda group: [Point()] if group == "edgeopt.instances" else []
    )
    library.families.cache_clear()
    try:
        assert eo.instances.load("offloading/mine[samples=7]").problem.samples == 7
        row = eo.instances.describe("offloading/mine[samples=7]").iloc[0]
        assert (row["source"], row["size"], row["status"]) == ("mine", 14, None)
    finally:
        library.families.cache_clear()


def test_describe_builds_nothing(monkeypatch):
    monkeypatch.setattr(Family, "problem", lambda *_: pytest.fail("built"))
    table = eo.instances.describe()
    assert table["fingerprint"].notna().all()
    assert set(eo.instances.names("split")) <= set(table["instance"])
    with pytest.raises(eo.InvalidOptionError, match="no instances of 'nonsense'"):
        eo.instances.names("nonsense")


def test_fingerprints_know_a_bit():
    one, other = eo.OfflineOffloading([1.0], [2.0]), eo.OfflineOffloading([1.0], [np.nextafter(2.0, 3.0)])
    assert fingerprint(one) != fingerprint(other)
    assert fingerprint(one) == fingerprint(eo.OfflineOffloading([1.0], [2.0]))


def test_the_record_of_an_instance_is_written_anew(monkeypatch, tmp_path):
    monkeypatch.setattr(prove, "LIBRARY", tmp_path)
    monkeypatch.setattr(prove, "_path", lambda name: Path(tmp_path / f"{name}.json"))
    found = prove.record("slot/generated-tiny")
    recorded = library.describe_one("slot/generated-tiny")
    assert {key: found[key] for key in ("fingerprint", "status", "size")} == {
        key: recorded[key] for key in ("fingerprint", "status", "size")
    }
    assert eo.load(tmp_path / "slot/generated-tiny.json").splits == 3
    assert json.loads((tmp_path / "slot/generated-tiny.best.json").read_text())["type"] == "Solution"


def test_solve_compare_and_verify_take_instances():
    instance = eo.instances.load("offloading/generated-tiny")
    solution = eo.solve(instance)
    assert eo.verify(instance, solution).holds
    assert set(eo.compare([instance], ["selection", "highs"])["problem"]) == {"offloading/generated-tiny"}
    assert "selection" in set(eo.solvers_for(instance)["solver"])
    assert "best 1.5" in repr(instance)
