"""Several writers, and writers that are killed, leave one whole pair of files and nothing beside it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import edgeopt as eo
from edgeopt.exchange import writing
from edgeopt.exchange.storage import write_atomically

ROOT = Path(__file__).resolve().parents[2]
HANGS = 120

locks = pytest.mark.skipif(writing.fcntl is None, reason="this system locks no folders")


def problem(number: float, samples: int = 40) -> eo.OfflineOffloading:
    return eo.OfflineOffloading(np.full(samples, float(number)), np.zeros(samples))


def is_one_pair(folder: Path) -> bool:
    """Whether `folder` holds one head and the arrays that it names, and nothing else."""
    eo.load(folder / "p.json")
    return len(list(folder.iterdir())) == 2


@locks
def test_many_threads_may_save_to_one_name(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda k: eo.save(problem(k), tmp_path / "p.json"), range(60)))
    assert is_one_pair(tmp_path)


@locks
def test_a_reader_sees_one_pair_or_the_next(tmp_path):
    eo.save(problem(0), tmp_path / "p.json")
    done = threading.Event()

    def write() -> None:
        for k in range(1, 120):
            eo.save(problem(k), tmp_path / "p.json")
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not done.is_set():
        assert np.ptp(eo.load(tmp_path / "p.json").local_cost) == 0
    writer.join()
    assert is_one_pair(tmp_path)


WRITES = """
    import sys
    import numpy as np
    import edgeopt as eo

    print("ready", flush=True)
    k = int(sys.argv[2])
    while True:
        k += 2
        eo.save(eo.OfflineOffloading(np.full(20_000, float(k)), np.zeros(20_000)), sys.argv[1])
"""


@locks
def test_writers_that_are_killed_leave_nothing_for_long(tmp_path):
    (tmp_path / "out").mkdir()
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(WRITES))
    path = tmp_path / "out" / "p.json"
    for turn in range(4):
        writers = [
            subprocess.Popen(
                [sys.executable, str(script), str(path), str(k)],
                stdout=subprocess.PIPE,
                text=True,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )
            for k in range(2)
        ]
        for writer in writers:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "ready\n"
        time.sleep(0.3 + 0.037 * turn)
        for writer in writers:
            writer.kill()
            writer.wait()
            writer.stdout.close()
        with contextlib.suppress(eo.DataFormatError):  # the first pair may not have been there yet
            eo.load(path)
    eo.save(problem(7), path)
    assert is_one_pair(path.parent)


def die_before_step(number: int) -> None:
    """Have this process killed before its n-th change of a folder: making, renaming or removing a file."""
    left = [number]

    def step(event: str, arguments: tuple[object, ...]) -> None:
        if event in ("os.rename", "os.remove") or (event == "open" and "x" in str(arguments[1])):
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(step)


@locks
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("dies", range(1, 8))
def test_a_writer_that_dies_at_any_step_is_cleared_up_after(dies, tmp_path):
    for first in (True, False):
        folder = tmp_path / f"{first}"
        folder.mkdir()
        if not first:
            eo.save(problem(1), folder / "p.json")
        child = os.fork()
        if child == 0:
            die_before_step(dies)
            eo.save(problem(2), folder / "p.json")
            os._exit(0)
        os.waitpid(child, 0)
        if not first:
            assert eo.load(folder / "p.json").local_cost[0] in (1, 2)
        eo.save(problem(3), folder / "p.json")
        assert is_one_pair(folder)


def test_without_locks_writers_do_not_meet_either(tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "fcntl", None)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda k: eo.save(problem(k), tmp_path / "p.json"), range(30)))
    eo.load(tmp_path / "p.json")
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(".part")]


@locks
def test_a_writer_that_hangs_is_not_waited_for_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "PATIENCE", 0.05)
    with writing.alone_in(tmp_path) as first, writing.alone_in(tmp_path) as second:
        assert (first, second) == (True, False)
        eo.save(problem(1), tmp_path / "p.json")
    assert is_one_pair(tmp_path)


@locks
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_child_that_was_forked_meanwhile_does_not_keep_the_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "PATIENCE", 20.0)
    with writing.alone_in(tmp_path):
        child = os.fork()
        if child == 0:
            time.sleep(HANGS)
            os._exit(0)
    try:
        with writing.alone_in(tmp_path) as alone:
            assert alone
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_files_of_others_are_left_alone(tmp_path):
    others = [
        "p.json.mine.npz",
        "p.json.0123456789abcdef.npz.bak",
        ".p.json.swp",
        "q.json.0123456789abcdef.npz",
        "p.json~",
    ]
    for name in others:
        (tmp_path / name).write_text("mine")
    for k in range(3):
        eo.save(problem(k), tmp_path / "p.json")
    assert set(others) <= {path.name for path in tmp_path.iterdir()}
    assert len(list(tmp_path.iterdir())) == len(others) + 2


def test_a_link_under_a_temporary_name_is_not_followed(tmp_path):
    (tmp_path / "precious").write_text("precious")
    (tmp_path / ".x.csv.part").symlink_to(tmp_path / "precious")
    write_atomically(tmp_path / "x.csv", b"content")
    assert (tmp_path / "precious").read_text() == "precious"
    assert (tmp_path / "x.csv").read_text() == "content"
    assert not (tmp_path / "x.csv").is_symlink()
