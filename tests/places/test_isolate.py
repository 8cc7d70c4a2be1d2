"""What an isolated solver starts ends with the call, however the call ends, and what a killed caller leaves is removed.

The solvers leave a process behind as a daemon does: forked twice, in a session of its own, with an empty environment.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

import edgeopt as eo
from edgeopt.solving import supervisor, workplace

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell who started what")

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 120.0
"""Seconds after which a test gives up; what it waits for takes a few."""
PROBLEM = eo.OfflineOffloading([1.0, 2.0], [2.0, 1.0])
BEST = eo.OffloadingDecision(np.array([True, False]))
SLEEPS = "import time; time.sleep(600)"
EATS = "import time; taken = bytearray(b'1') * 900_000_000; time.sleep(600)"


def leave_behind(program: str = SLEEPS) -> None:
    """Start a process that nothing ties to this one, and note its number where the test looks."""
    child = os.fork()
    if child == 0:
        os.setsid()
        if os.fork() == 0:
            with Path(os.environ["NOTES"]).open("a") as notes:
                notes.write(f"{os.getpid()}\n")
            os.execve(sys.executable, [sys.executable, "-I", "-S", "-c", program], {})
        os._exit(0)
    os.waitpid(child, 0)
    while not Path(os.environ["NOTES"]).exists():
        time.sleep(0.01)


def hang() -> None:
    while True:
        time.sleep(0.01)


@eo.solver("leaves-one", solves=eo.OfflineOffloading, exact=False)
def leaves_one(problem, options):
    """Answer well."""
    leave_behind()
    return eo.Outcome.feasible(BEST)


@eo.solver("leaves-many", solves=eo.OfflineOffloading, exact=False)
def leaves_many(problem, options):
    """Leave more behind while the first ones are ended."""
    for _ in range(20):
        subprocess.Popen([sys.executable, "-I", "-S", "-c", SLEEPS], start_new_session=True)
    leave_behind(
        "import os, time\n"
        "for k in range(3):\n"
        "    if os.fork() == 0: os.setsid()\n"
        "while True:\n"
        "    time.sleep(0.05)\n"
        "    if os.fork() != 0: os._exit(0)\n"  # a new number each time
    )
    return eo.Outcome.feasible(BEST)


@eo.solver("leaves-one-and-hangs", solves=eo.OfflineOffloading, exact=False)
def leaves_one_and_hangs(problem, options):
    """Never end."""
    leave_behind()
    hang()


@eo.solver("leaves-one-and-crashes", solves=eo.OfflineOffloading, exact=False)
def leaves_one_and_crashes(problem, options):
    """Die as a native library dies."""
    leave_behind()
    os.kill(os.getpid(), signal.SIGSEGV)


@eo.solver("leaves-an-eater", solves=eo.OfflineOffloading, exact=False)
def leaves_an_eater(problem, options):
    """Take memory by a process that is no longer below this one."""
    leave_behind(EATS)
    hang()


def left_in(folder: Path) -> list[int]:
    """Processes noted in this folder that still run."""
    noted = (folder / "notes").read_text().split() if (folder / "notes").exists() else []
    return [int(pid) for pid in noted if is_running(int(pid))]


def is_running(pid: int) -> bool:
    try:
        return "(zombie)" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def at_work(folder: Path) -> list[str]:
    """Processes with a word that names something in this folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if any(folder in Path(word).parents for word in words):
            found.append(entry.parent.name)
    return found


@pytest.fixture
def scratch(tmp_path, monkeypatch):
    """Give isolated calls a temporary folder of their own; neither a folder nor a process may be left."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("NOTES", str(tmp_path / "notes"))
    yield folder
    assert (tmp_path / "notes").exists()
    assert left_in(tmp_path) == []
    assert at_work(folder) == []
    assert list(folder.iterdir()) == []


def test_a_process_left_behind_ends_with_the_answer(scratch):
    assert eo.solve(PROBLEM, leaves_one, isolate=True).status == "feasible"


def test_many_processes_left_behind_end_with_the_answer(scratch):
    before = set(everything())
    assert eo.solve(PROBLEM, leaves_many, isolate=True).status == "feasible"
    sleeping = [pid for pid in set(everything()) - before if SLEEPS in words_of(pid)]
    assert sleeping == []


def everything() -> list[int]:
    return [int(entry) for entry in os.listdir("/proc") if entry.isdecimal()]


def words_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return ""


@pytest.mark.slow
def test_a_process_left_behind_ends_with_the_time_limit(scratch):
    solution = eo.solve(PROBLEM, leaves_one_and_hangs, isolate=True, time_limit=3.0)
    assert "time limit" in solution.message


def test_a_process_left_behind_ends_with_a_crash(scratch):
    solution = eo.solve(PROBLEM, leaves_one_and_crashes, isolate=True)
    assert f"ended by signal {int(signal.SIGSEGV)}" in solution.message


def test_memory_of_a_process_left_behind_counts(scratch):
    solution = eo.solve(PROBLEM, leaves_an_eater, isolate=True, memory_limit=800e6, time_limit=PATIENCE)
    assert solution.status == "failed"
    assert "memory limit" in solution.message


SOLVE = """
    import sys
    sys.path.insert(0, sys.argv[1])
    import test_isolate as these
    import edgeopt as eo

    try:
        eo.solve(these.PROBLEM, these.leaves_one_and_hangs, isolate=True)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
"""


@pytest.fixture
def caller(tmp_path, scratch):
    """Start a process that waits in an isolated call whose solver has left a process behind."""
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SOLVE))
    process = subprocess.Popen(
        [sys.executable, str(script), str(Path(__file__).parent)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(scratch)},
    )
    try:
        wait_for(lambda: left_in(tmp_path))
        yield process
    finally:
        process.kill()
        process.communicate()
        wait_for(lambda: not at_work(scratch) and not left_in(tmp_path))


def wait_for(reached) -> None:
    limit = time.monotonic() + PATIENCE
    while not reached():
        assert time.monotonic() < limit
        time.sleep(0.05)


def test_a_process_left_behind_ends_with_an_interrupt(caller):
    caller.send_signal(signal.SIGINT)
    out, _ = caller.communicate(timeout=PATIENCE)
    assert "interrupted" in out


def test_a_caller_that_is_killed_leaves_nothing(caller, scratch, tmp_path):
    caller.kill()
    caller.wait()
    wait_for(lambda: not at_work(scratch))
    assert left_in(tmp_path) == []
    assert list(scratch.iterdir()) == []


def test_the_next_call_removes_what_caller_and_supervisor_left(caller, scratch, tmp_path):
    (call,) = supervisor.children(caller.pid)
    (folder,) = scratch.iterdir()
    left = left_in(tmp_path)
    os.kill(caller.pid, signal.SIGSTOP)
    os.kill(call, signal.SIGKILL)  # the one that would have cleaned
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    caller.kill()
    caller.wait()
    wait_for(lambda: not at_work(scratch))
    assert folder.exists()
    assert eo.solve(PROBLEM, "selection", isolate=True).status == "optimal"
    assert not folder.exists()


def test_a_folder_in_use_stays(caller, scratch):
    (folder,) = scratch.iterdir()
    assert eo.solve(PROBLEM, "selection", isolate=True).status == "optimal"
    assert (folder / "call" / "request.json").exists()


def test_only_folders_of_killed_calls_are_removed(tmp_path):
    name = workplace.PREFIX
    for kept in (f"{name}short", f"{name}UPPERCAS", "edgeopt-abcdefgh", f"my-{name}abcdefgh", f"{name}abcdefgh.copy"):
        (tmp_path / kept).mkdir(mode=0o700)
    (tmp_path / f"{name}readable").mkdir(mode=0o755)
    (tmp_path / f"{name}is_afile").write_text("mine")
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / "elsewhere" / "mine").write_text("mine")
    (tmp_path / f"{name}linked_0").symlink_to(tmp_path / "elsewhere")
    before = set(tmp_path.iterdir())
    (tmp_path / f"{name}abandon1").mkdir(mode=0o700)
    (tmp_path / f"{name}abandon1" / "request.json").write_text("{}")
    workplace.remove_abandoned(str(tmp_path))
    assert set(tmp_path.iterdir()) == before
    assert (tmp_path / "elsewhere" / "mine").exists()


def test_another_users_folder_stays(tmp_path, monkeypatch):
    (tmp_path / f"{workplace.PREFIX}abandon1").mkdir(mode=0o700)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    workplace.remove_abandoned(str(tmp_path))
    assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_that_is_swept_before_it_is_locked_is_replaced(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    lock, swept = workplace._lock, []

    def late(folder):
        if not swept:
            swept.append(folder)
            workplace._remove_if_abandoned(folder)
        return lock(folder)

    with monkeypatch.context() as patch:
        patch.setattr(workplace, "_lock", late)
        with workplace.workplace() as work:
            assert work.is_dir()
            assert str(work.parent) not in swept
    assert list(tmp_path.iterdir()) == []


def test_where_folders_cannot_be_locked_the_call_works(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def refuse(*_):
        raise OSError(9, "no locks here")

    monkeypatch.setattr(workplace.fcntl, "flock", refuse)
    with workplace.workplace() as first, workplace.workplace() as second:
        assert first.is_dir()
        assert second.is_dir()
    assert list(tmp_path.iterdir()) == []


def test_children_are_found_without_the_list_of_the_system(monkeypatch):
    """Some kernels are built without it."""
    child = subprocess.Popen([sys.executable, "-I", "-S", "-c", SLEEPS])
    try:
        assert child.pid in supervisor.children(os.getpid())
        monkeypatch.setattr(os.path, "exists", lambda path: False)
        assert child.pid in supervisor.children(os.getpid())
    finally:
        child.kill()
        child.wait()
