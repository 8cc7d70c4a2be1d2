"""Campaigns: complete tables, whatever is killed meanwhile; rows that say what happened; files."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread

import numpy as np
import pandas as pd
import pytest

import edgeopt as eo
from edgeopt.bench import run as run_module
from edgeopt.bench import task
from edgeopt.bench.campaign import Campaign
from edgeopt.bench.results import (
    COLUMNS,
    Format,
    content,
    export,
    markdown,
    read,
    tidy,
)
from edgeopt.bench.run import collect, run

KEYS = ["instance", "solver", "seed", "repetition"]
SMALL = ("offloading/generated-tiny", "split/generated-tiny")
SOLVERS = ("selection", "shortest-path", "highs", "random")


def done(folder: Path) -> int:
    return len(list((folder / "__cache__").rglob("run_one_to_cvg/*/output.pkl")))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished campaign: folder, campaign, table."""
    folder = tmp_path_factory.mktemp("campaign")
    campaign = Campaign(SMALL, SOLVERS, seeds=(0, 1), time_limit=20)
    return folder, campaign, run(campaign, folder)


def test_every_possible_pair_has_one_row_for_each_seed(finished):
    _, _, table = finished
    assert list(table.columns) == list(COLUMNS)
    assert len(table) == 2 * (3 + 3)
    assert not table.duplicated(KEYS).any()
    assert set(table["status"]) == {"optimal", "feasible"}
    assert table["verified"].all()
    assert (table.loc[table["kind"] == "exact", "excess"].abs() < 1e-9).all()
    for name in ("wall_time", "verify_time", "memory", "size", "cores"):
        assert (table[name] > 0).all(), name
    assert (table.loc[table["solver"] == "highs", "build_time"] > 0).all()
    for name in ("machine", "numpy", "solver_version", "fingerprint", "started", "revision"):
        assert (table[name] != "").all(), name


def test_the_same_again_runs_nothing(finished, monkeypatch):
    folder, campaign, table = finished
    monkeypatch.setattr("edgeopt.bench.components.perform", lambda **_: pytest.fail("ran again"))
    pd.testing.assert_frame_equal(run(campaign, folder), table)
    pd.testing.assert_frame_equal(collect(folder), table)
    pd.testing.assert_frame_equal(read(folder / "results.parquet"), table)
    assert not list((folder / "outputs").iterdir())


@pytest.mark.slow
def test_a_larger_campaign_keeps_what_there_is(finished):
    folder, campaign, table = finished
    wider = Campaign(SMALL, (*SOLVERS, "greedy"), seeds=(0, 1), time_limit=20)
    found = run(wider, folder)
    assert set(found["solver"]) == {*SOLVERS, "greedy"}
    kept = found[found["solver"] != "greedy"].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, table)
    pd.testing.assert_frame_equal(run(campaign, folder), table)


@pytest.mark.slow
def test_solvers_take_turns(tmp_path):
    campaign = Campaign(("slot/generated-tiny",), ("two-regime", "lambert-w"), repetitions=2, time_limit=20)
    order = []
    genuine = task.perform

    def noted(**what):
        order.append((what["repetition"], what["solver"]))
        return genuine(**what)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("edgeopt.bench.components.perform", noted)
        run(campaign, tmp_path)
    assert order == [(0, "two-regime"), (0, "lambert-w"), (1, "two-regime"), (1, "lambert-w")]


@pytest.mark.slow
def test_a_run_that_is_killed_again_and_again_ends_complete(tmp_path):
    words = [
        sys.executable,
        "-m",
        "edgeopt",
        "bench",
        "run",
        *SMALL,
        "--solvers",
        "selection,shortest-path,highs",
        "--repetitions",
        "4",
        "--out",
        str(tmp_path),
    ]
    scratch = tmp_path / "scratch"  # where isolated solvers work, so that they are known by their command line
    scratch.mkdir()
    here = os.environ | {"TMPDIR": str(scratch)}
    before, kills = 0, 0
    rng = np.random.default_rng(0)
    while kills < 4:
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=here)
        wait = time.monotonic() + 30
        while process.poll() is None and time.monotonic() < wait and done(tmp_path) < before + 2:
            time.sleep(0.02)
        time.sleep(rng.uniform(0.0, 0.5))
        process.send_signal(signal.SIGKILL)
        process.wait()
        kills += 1
        assert done(tmp_path) >= before  # nothing that was done is lost
        before = done(tmp_path)
    subprocess.run(words, check=True, capture_output=True, env=here)
    table = read(tmp_path / "results.parquet")
    assert len(table) == 16
    assert not table.duplicated(KEYS).any()
    assert table["verified"].all()
    assert not _workers(scratch)


def _workers(folder: Path) -> list[str]:
    """Isolated solvers that still run though what started them is gone."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().decode().split("\0")
            parent = int((process / "stat").read_text().rsplit(")", 1)[1].split()[1])
        except (OSError, ValueError):
            continue
        ours = any(word.startswith(str(folder)) for word in words)
        if "edgeopt.solving.worker" in words and ours and parent == 1:
            found.append(" ".join(words))
    return found


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_a_cluster_that_loses_a_worker_gives_the_same_table(finished, tmp_path):
    distributed = pytest.importorskip("distributed")
    _, campaign, here = finished
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster:
        killed = []

        def kill_one():
            late = time.monotonic() + 60
            while done(tmp_path) < 2 and time.monotonic() < late:
                time.sleep(0.05)
            nanny = next(iter(cluster.workers.values()))
            killed.append(nanny.pid)
            os.kill(nanny.pid, signal.SIGKILL)

        killer = Thread(target=kill_one)
        killer.start()
        there = run(campaign, tmp_path, dask=cluster.scheduler_address)
        killer.join()
    assert killed
    same = [*KEYS, "status", "verified", "objective", "bound", "best", "excess", "fingerprint"]
    pd.testing.assert_frame_equal(there[same], here[same])


@pytest.mark.slow
def test_two_tasks_at_once_give_the_same_table(finished, tmp_path):
    _, campaign, here = finished
    seen = []
    there = run(campaign, tmp_path, jobs=2, progress=lambda *counts: seen.append(counts))
    same = [*KEYS, "status", "objective"]
    pd.testing.assert_frame_equal(there[same], here[same])
    assert seen[-1] == (16, 16)


def perform(name: str, solver: str, **limits: float) -> dict:
    mark = eo.instances.load(name).fingerprint
    usual = {"seed": 0, "repetition": 0, "time_limit": 20.0, "memory_limit": 4e9, "threads": 1}
    return task.perform(instance=name, fingerprint=mark, solver=solver, **usual | limits)


@pytest.mark.slow
def test_a_crash_and_a_hang_cost_their_own_rows():
    hang = perform("offloading/generated-huge", "cp-sat", time_limit=0.5)
    assert hang["status"] in ("no_solution", "failed", "feasible")
    starved = perform("offloading/generated-huge", "highs", memory_limit=3e8)
    assert (starved["status"], starved["verified"]) == ("failed", False)
    assert "memory limit" in starved["message"]


@pytest.mark.slow
def test_what_cannot_be_run_is_told_and_tried_again(tmp_path, monkeypatch):
    campaign = Campaign(("slot/generated-tiny",), ("two-regime", "lambert-w"), time_limit=20)
    genuine, broken = task.perform, True

    def perform(**what):
        if broken and what["solver"] == "lambert-w":
            raise eo.SolverNotInstalledError("lambert-w needs a thing; install with: pip install thing")
        return genuine(**what)

    monkeypatch.setattr("edgeopt.bench.components.perform", perform)
    for _ in range(2):
        table = run(campaign, tmp_path)
        assert dict(zip(table["solver"], table["status"], strict=True)) == {
            "two-regime": "optimal",
            "lambert-w": "failed",
        }
        assert "pip install thing" in table.loc[table["solver"] == "lambert-w", "message"].item()
    broken = False
    table = run(campaign, tmp_path)
    assert len(table) == 2
    assert table["verified"].all()


@pytest.mark.slow
def test_a_file_that_has_changed_is_another_problem(tmp_path):
    eo.save(eo.OfflineOffloading([1.0], [2.0]), tmp_path / "p.json")
    first = run(Campaign((str(tmp_path / "p.json"),), ("selection",), time_limit=20), tmp_path / "out")
    eo.save(eo.OfflineOffloading([5.0], [7.0]), tmp_path / "p.json")
    second = run(Campaign((str(tmp_path / "p.json"),), ("selection",), time_limit=20), tmp_path / "out")
    assert (first["objective"].item(), second["objective"].item()) == (1.0, 5.0)
    assert second["fingerprint"].item() == eo.instances.load(tmp_path / "p.json").fingerprint


@pytest.mark.slow
def test_results_are_shown_from_anywhere_and_without_their_instances(tmp_path, monkeypatch):
    eo.save(eo.OfflineOffloading([1.0], [2.0]), tmp_path / "p.json")
    monkeypatch.chdir(tmp_path)
    run(Campaign(("p.json",), ("selection",), time_limit=20), "out")
    (tmp_path / "p.json").unlink()
    monkeypatch.chdir("/")
    assert collect(tmp_path / "out")["objective"].tolist() == [1.0]


def test_two_runs_in_one_folder_do_not_mix(tmp_path):
    campaign = Campaign(SMALL, SOLVERS, time_limit=20)
    with run_module._alone(tmp_path), pytest.raises(eo.InvalidOptionError, match="another run is going on"):
        run(campaign, tmp_path)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_killed_helper_loses_no_table(finished, tmp_path):
    folder, campaign, table = finished
    wider = Campaign(SMALL, SOLVERS, seeds=(0, 1), repetitions=3, time_limit=20)

    def kill_one():
        before, late = done(folder), time.monotonic() + 60
        while done(folder) < before + 3 and time.monotonic() < late:
            time.sleep(0.02)
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError, ValueError):
                words = (process / "cmdline").read_bytes()
                parent = int((process / "stat").read_text().rsplit(")", 1)[1].split()[1])
                if b"loky" in words and parent == os.getpid() and b"resource_tracker" not in words:
                    os.kill(int(process.name), signal.SIGKILL)
                    return

    killer = Thread(target=kill_one)
    killer.start()
    with pytest.raises(eo.EdgeOptError, match="the same command goes on"):
        run(wider, folder, jobs=2)
    killer.join()
    pd.testing.assert_frame_equal(read(folder / "results.parquet"), table)
    whole = run(wider, folder)
    assert len(whole) == 3 * len(table)
    assert not whole.duplicated(KEYS).any()
    pd.testing.assert_frame_equal(run(campaign, folder), table)


@pytest.mark.slow
def test_a_time_limit_holds_for_the_warm_up_too():
    row = perform("split/generated-huge", "genetic", time_limit=0.3)
    assert not row["verified"]
    assert "time limit of 0.3 s" in row["message"] or row["status"] == "no_solution"


@pytest.mark.slow
def test_the_command_of_a_row_runs_it_again(finished, capsys, monkeypatch):
    from edgeopt import cli

    row = finished[2].iloc[0]
    monkeypatch.setattr(sys, "argv", [*row["command"].split(), "--json"])
    with pytest.raises(SystemExit):
        cli.main()
    again = json.loads(capsys.readouterr().out)
    assert (again["status"], again["objective"]) == (row["status"], row["objective"])


def test_what_contradicts_a_proved_optimum_is_not_verified():
    instance = eo.instances.load("offloading/generated-tiny")
    truth = eo.solve(instance)
    worse = eo.solve(instance, "local-only")
    lie = eo.Solution(eo.Status.OPTIMAL, worse.objective, worse.objective, 0.0, problem=instance.problem)
    row = task.outcome(instance, lie)
    assert not row["verified"]
    assert "says optimal" in row["message"]
    better = eo.Solution(eo.Status.FEASIBLE, truth.objective - 1.0)
    row = task.outcome(instance, better)
    assert not row["verified"]
    assert row["conflict"] == row["message"] == f"the record of the instance says optimal with {truth.objective:.10g}"
    assert not task.outcome(instance, eo.Solution(eo.Status.INFEASIBLE))["verified"]
    assert task.outcome(instance, truth)["verified"]
    assert task.outcome(instance, worse)["verified"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"instances": ()}, "at least one entry in instances"),
        ({"instances": ("nonsense",)}, "no instance is called"),
        ({"solvers": ("nonsense",)}, "no solver is called"),
        ({"seeds": (-1,)}, "seed is -1"),
        ({"repetitions": 0}, "repetitions is 0"),
        ({"time_limit": 0.0}, "time_limit"),
        ({"memory_limit": float("nan")}, "memory_limit"),
        ({"threads": 0}, "threads is 0"),
        ({"repetitions": 1.5}, "repetitions is 1.5"),
        ({"seeds": (2**64,)}, "seed is"),
        ({"solvers": (1,)}, "solvers holds 1"),
        ({"solvers": ("highs[threads=2]",)}, "threads is set for the whole campaign"),
        ({"instances": ("x" * 5000,)}, "names no instance"),
        ({"instances": ("a\udcff.json",)}, "names no instance"),
    ],
)
def test_a_campaign_that_makes_no_sense_is_refused(fields, said):
    with pytest.raises(eo.EdgeOptError, match=said):
        Campaign(**{"instances": SMALL, "solvers": SOLVERS} | fields)


def test_patterns_stand_for_instances():
    chosen = Campaign.of(["split/generated-t*", "offloading/generated[samples=9]"], ["highs"]).instances
    assert chosen == (
        "split/generated-tiny",
        "split/generated-tied",
        "split/generated-trunk",
        "offloading/generated[samples=9]",
    )
    assert len(Campaign.of().instances) == len(eo.instances.names(shipped=True))
    with pytest.raises(eo.InvalidOptionError, match="no instance matches"):
        Campaign.of(["nonsense/*"])


def test_two_spellings_of_a_path_are_one_instance(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    eo.save(eo.OfflineOffloading([1.0], [2.0]), "p.json")
    assert Campaign(("p.json", "./p.json"), ("selection",)).instances == (str(tmp_path / "p.json"),)


def test_a_damaged_campaign_is_refused(tmp_path):
    with pytest.raises(eo.DataFormatError, match="bench run"):
        collect(tmp_path)
    for text in ("{", "[]", '{"instances": 3}', '{"instances": [], "solvers": 3}'):
        (tmp_path / "campaign.json").write_text(text)
        with pytest.raises(eo.DataFormatError):
            Campaign.read(tmp_path)
    with pytest.raises(eo.InvalidOptionError, match="jobs is 0"):
        run(Campaign(SMALL, SOLVERS), tmp_path, jobs=0)


def test_solvers_that_take_nothing_are_refused_and_leave_the_folder_as_it_was(tmp_path):
    with pytest.raises(eo.InvalidOptionError, match="'two-regime' solves SlotProblem, so not this Offline"):
        run(Campaign(SMALL, ("two-regime",), time_limit=5), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_campaign_that_has_not_run_gives_an_empty_table(tmp_path):
    run_module._write_benchmark(Campaign(SMALL, ("selection",)), tmp_path)
    assert collect(tmp_path).empty


def test_what_a_missing_plug_in_has_solved_is_shown(finished, tmp_path):
    folder, _, table = finished
    for name in ("results.parquet", "campaign.json"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    text = (tmp_path / "campaign.json").read_text()
    (tmp_path / "campaign.json").write_text(text.replace('"selection"', '"a-plug-in"'))
    pd.testing.assert_frame_equal(collect(tmp_path), table)


def test_a_table_goes_to_files_and_back(finished, tmp_path):
    table = finished[2]
    for ending in ("parquet", "csv", "json"):
        export(table, tmp_path / f"t.{ending}")
        back = read(tmp_path / f"t.{ending}")
        pd.testing.assert_frame_equal(back, table, check_exact=ending == "parquet")
    export(table, tmp_path / "t.md")
    assert (tmp_path / "t.md").read_text().count("\n") == len(table) + 2
    with pytest.raises(eo.InvalidOptionError, match="no format"):
        export(table, tmp_path / "t.xlsx")
    with pytest.raises(eo.InvalidOptionError, match="no folder"):
        export(table, tmp_path / "nowhere" / "t.csv")


def test_text_stays_text_and_truth_is_not_guessed(finished, tmp_path):
    table = finished[2].assign(solver_version="1.10", fingerprint="12e4567890123456", build_time=np.nan)
    for ending in ("csv", "json"):
        export(table, tmp_path / f"t.{ending}")
        back = read(tmp_path / f"t.{ending}")
        assert set(back["solver_version"]) == {"1.10"}
        assert set(back["fingerprint"]) == {"12e4567890123456"}
    export(table.assign(verified="no"), tmp_path / "t.csv")
    with pytest.raises(eo.DataFormatError, match="verified is 'no'"):
        read(tmp_path / "t.csv")


def test_files_that_are_no_tables_are_refused(tmp_path):
    for name, text in (("a.csv", "x\n1\n"), ("a.json", "{"), ("a.parquet", "PAR1"), ("a.txt", "")):
        (tmp_path / name).write_text(text)
        with pytest.raises(eo.DataFormatError):
            read(tmp_path / name)


def test_markdown_escapes_what_would_break_a_cell():
    table = pd.DataFrame({"a|b": ["x|y\nz <b>"], "n": [0.1]})
    assert "x\\|y z &lt;b>" in markdown(table)
    assert content(tidy(None), Format.CSV).decode().startswith("instance,formulation")
