"""Forked, spawned and served processes solve as their parent does, whatever threads the parent had used before."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from edgeopt.model.cached import cached_property
from edgeopt.model.forked import Lock

ROOT = Path(__file__).resolve().parents[2]
HANGS = 120
"""Seconds after which a child is taken to hang; what it does takes one or two."""
METHODS = [name for name in ("fork", "spawn", "forkserver") if name in multiprocessing.get_all_start_methods()]

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


def runs(script: str, folder: Path, *arguments: str) -> str:
    """Output of `script` in a process of its own, started as a file so that spawned children can import it."""
    file = folder / "script.py"
    file.write_text(textwrap.dedent(script))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(file), *arguments],
        capture_output=True,
        text=True,
        timeout=HANGS,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


SOLVES = """
    import multiprocessing, sys
    import numpy as np
    import edgeopt as eo

    SLOTS = eo.RevenueMaximization(
        [3.0, 2.0], [[1.0, 1.0]], [[0.5, 0.0], [0.0, 2.0]], [4.0], [1.0, 3.0],
        traffic=np.random.default_rng(0).gamma(2.0, 1.0, (6000, 2)),
    )
    SMALL = eo.Program([-5.0, -4.0, -3.0], [[2.0, 3.0, 1.0], [4.0, 1.0, 2.0]], -np.inf, [5.0, 11.0], 0, 4, True)

    # A fresh process imports each of these anew, which takes seconds: a few stand for all there.
    NAMES = ("highs", "scipy", "cp-sat", "pyomo", "cvxpy") if sys.argv[1] == "fork" else ("highs", "cp-sat")

    def answers(_=0):
        found = eo.solve(SLOTS, "simplex", threads=4).objective.sum()
        return found, *(eo.solve(SMALL, name).objective for name in NAMES)

    def report(pipe):
        pipe.send(answers())

    if __name__ == "__main__":
        import highspy
        expected = answers()
        # HiGHS by hand, with workers of its own in this very thread.
        model = highspy.Highs()
        model.setOptionValue("output_flag", False)
        model.setOptionValue("threads", 4)
        model.addVars(3, np.zeros(3), np.ones(3))
        model.run()
        context = multiprocessing.get_context(sys.argv[1])
        here, there = context.Pipe()
        child = context.Process(target=report, args=(there,))
        child.start()
        assert here.poll(100), "the child hangs"
        assert np.allclose(here.recv(), expected)
        child.join()
        if sys.argv[1] == "fork":
            with context.Pool(2) as pool:
                assert np.allclose(pool.map(answers, range(3)), [expected] * 3)
        print("done")
"""


@pytest.mark.parametrize("method", METHODS[:1] + [pytest.param(name, marks=pytest.mark.slow) for name in METHODS[1:]])
def test_a_child_process_solves_after_its_parent_used_many_threads(method, tmp_path):
    assert "done" in runs(SOLVES, tmp_path, method)


LAYERS = """
    import sys
    import torch
    from torch.utils.data import DataLoader, Dataset
    from edgeopt import Program
    from edgeopt.layers import LinearProgramLayer

    torch.set_num_threads(1)
    LAYERS = [
        LinearProgramLayer(
            Program([-2.0, -1.0], [[1.0, 1.0]], upper=2.0), ("row_upper",), backend=name, threads=4
        )
        for name in ("simplex", "highs", "batched")
    ]

    def optima(batch):
        capacity = (1.0 + torch.arange(4000) % 7 / 7)[:, None].clone().requires_grad_()
        total = sum(layer(capacity[: batch if layer.backend == "highs" else None]).sum() for layer in LAYERS)
        total.backward()
        return torch.stack([total.detach(), capacity.grad.sum()])

    class Solved(Dataset):
        def __len__(self):
            return 2

        def __getitem__(self, index):
            return optima(2000)

    if __name__ == "__main__":
        expected = optima(2000)
        loader = DataLoader(Solved(), batch_size=1, num_workers=1, multiprocessing_context=sys.argv[1], timeout=100)
        for found in loader:
            assert torch.allclose(found[0], expected), (found, expected)
        print("done")
"""


@pytest.mark.parametrize(
    "method", [pytest.param(name, marks=[] if name == "fork" else pytest.mark.slow) for name in METHODS]
)
def test_the_workers_of_a_data_loader_use_layers(method, tmp_path):
    assert "done" in runs(LAYERS, tmp_path, method)


COMPILES = """
    import os, signal, threading, time
    import numba

    import edgeopt.model.forked
    from numba.core.compiler_lock import global_compiler_lock

    entered, leave = threading.Event(), threading.Event()

    def compile_for_long():
        with global_compiler_lock:
            entered.set()
            leave.wait(1.0)

    threading.Thread(target=compile_for_long).start()
    entered.wait()
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        numba.njit(lambda x: x + 1)(1)
        os._exit(0)
    leave.set()
    assert os.waitpid(child, 0)[1] == 0
    print("done")
"""


@needs_fork
def test_a_fork_during_a_compilation_does_not_lock_the_compiler(tmp_path):
    assert "done" in runs(COMPILES, tmp_path)


def in_child(work) -> int:
    """Exit status of a fork that does `work`; a hang is ended by an alarm."""
    child = os.fork()
    if child == 0:
        import signal

        signal.alarm(HANGS)
        try:
            work()
        except BaseException:
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1]


@needs_fork
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_lock_that_another_thread_holds_is_free_in_a_child():
    lock = Lock()
    with lock:
        assert not lock.acquire(timeout=0.01)
        assert in_child(lambda: lock.acquire() or 1 / 0) == 0
        assert not lock.acquire(timeout=0.01)
    assert lock.acquire(timeout=0.01)


class Slow:
    def __init__(self) -> None:
        self.entered, self.leave, self.count = threading.Event(), threading.Event(), 0

    @cached_property
    def value(self) -> int:
        """Return a number, once."""
        self.count += 1
        self.entered.set()
        self.leave.wait(HANGS)
        return 7


@needs_fork
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_property_that_another_thread_computes_is_computed_anew_in_a_child():
    slow, other = Slow(), Slow()
    other.leave.set()
    thread = threading.Thread(target=lambda: slow.value)
    thread.start()
    slow.entered.wait()
    assert in_child(lambda: other.value) == 0
    slow.leave.set()
    thread.join()
    assert (slow.value, slow.value, slow.count) == (7, 7, 1)
    assert Slow.value.__doc__ == "Return a number, once."


def test_no_module_keeps_a_lock_or_pool_that_a_child_would_inherit():
    """Locks come from `model.forked`, properties from `model.cached`; pools that outlive a call are named there."""
    allowed = {
        "model/forked.py",
        "model/cached.py",
        "solvers/backends/interrupt.py",  # it gives up its threads with its locks
    }
    for file in (ROOT / "edgeopt").rglob("*.py"):
        name, text = file.relative_to(ROOT / "edgeopt").as_posix(), file.read_text(encoding="utf-8")
        if name in allowed:
            continue
        for word in ("threading.Lock", "threading.RLock", "threading.Condition", "functools import cached_property"):
            assert word not in text, (name, word)
