"""Ctrl-C reaches the caller of a solve, whatever library is at work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from edgeopt.solving.registry import find

ROOT = Path(__file__).resolve().parents[2]
LONG = 600.0
"""Seconds that the instance is given: far more than the test waits for."""
HANGS = 60
"""Seconds after the interrupt at which a child is killed; it ends in a fraction of one."""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sends a signal to a child process")

SOLVE = f"""
    import os, signal, sys, threading, time, warnings
    import numpy as np
    import edgeopt as eo

    warnings.simplefilter("ignore")
    rng, columns, rows = np.random.default_rng(0), 50, 6
    a = rng.integers(0, 100, (rows, columns)).astype(float)
    b = a.sum(axis=1) // 2
    # A market split: no solver here proves its optimum in hours.
    hard = eo.Program(
        np.r_[np.zeros(columns), np.ones(2 * rows)], np.c_[a, np.eye(rows), -np.eye(rows)], b, b, 0,
        np.r_[np.ones(columns), np.full(2 * rows, 1000)], True,
    )
    eo.solve(eo.Program([1.0, 2.0], [[1.0, 1.0]], 1.0, 2.0, 0, 1, True), sys.argv[1])  # imports
    print("ready", flush=True)
    try:
        found = eo.solve(hard, sys.argv[1], time_limit={LONG}, isolate="isolate" in sys.argv)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
        again = eo.solve(eo.Program([1.0, 2.0], [[1.0, 1.0]], 1.0, 2.0, 0, 1, True), sys.argv[1], isolate=False)
        print("and again", again.status, flush=True)
    else:
        print("returned", found.status, found.message, flush=True)
"""


@pytest.mark.parametrize(
    "arguments",
    ["highs"]
    + [
        pytest.param(name, marks=pytest.mark.slow)
        for name in ("cp-sat", "scip", "pyomo", "cvxpy", "scipy", "cvxpy:SCIP", "scipy isolate")
    ],
)
def test_ctrl_c_ends_a_solve_at_once(arguments, tmp_path):
    name, *isolated = arguments.split()
    if name == "cvxpy:SCIP":
        pytest.importorskip("pyscipopt")
    elif not find(name)[0].installed:
        pytest.skip(f"{name} is not installed")
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SOLVE))
    child = subprocess.Popen(
        [sys.executable, str(script), name, *isolated],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        time.sleep(1.5)  # into the search
        child.send_signal(signal.SIGINT)
        out, _ = child.communicate(timeout=HANGS)
    finally:
        child.kill()
        child.wait()
    assert "interrupted" in out
    assert "and again optimal" in out
    assert child.returncode == 0


def test_signals_within_a_process():
    """Tests that send signals to their own process run in one of their own: a late one must not end a worker."""
    inside = Path(__file__).with_name("signals_inside.py")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", str(inside)],
        capture_output=True,
        text=True,
        timeout=10 * HANGS,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert " passed" in done.stdout
