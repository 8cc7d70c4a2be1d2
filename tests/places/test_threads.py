"""Every solver answers in several threads at once as it does in one."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import edgeopt as eo
from edgeopt.model.outcome import Options
from edgeopt.solvers.backends import pyomo_call

ROOT = Path(__file__).resolve().parents[2]
HANGS = 180
"""Seconds after which the threads are taken to wait for each other; they need a few."""

SOLVES = """
    import sys, threading, warnings
    from concurrent.futures import ThreadPoolExecutor
    import numpy as np
    import edgeopt as eo

    warnings.simplefilter("ignore")
    rng = np.random.default_rng(0)
    programs = [
        eo.Program(-rng.integers(1, 50, 12), rng.integers(1, 9, (3, 12)), -np.inf, rng.integers(15, 30, 3), 0, 3, k % 2 > 0)
        for k in range(8)
    ]

    def best(program):
        return eo.solve(program, sys.argv[1], threads=None).objective

    expected = [best(program) for program in programs]
    with ThreadPoolExecutor(4) as pool:
        assert np.allclose(list(pool.map(best, programs * 3)), expected * 3)
    sys.stdout.write("done")
"""


@pytest.mark.parametrize(
    "solver",
    ["highs"]
    + [
        pytest.param(name, marks=pytest.mark.slow)
        for name in ("pyomo", "scip", "pyomo:scip", "cvxpy", "scipy", "cp-sat")
    ],
)
def test_four_threads_solve_at_the_same_time(solver, tmp_path):
    if solver == "pyomo:scip":
        pytest.importorskip("pyscipopt")
    script = tmp_path / "script.py"
    whole = "True" if solver == "cp-sat" else "k % 2 > 0"
    script.write_text(textwrap.dedent(SOLVES).replace("k % 2 > 0", whole))
    done = subprocess.run(
        [sys.executable, str(script), solver],
        capture_output=True,
        text=True,
        timeout=HANGS,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "done"


def test_a_time_limit_also_ends_the_wait_for_pyomo(monkeypatch):
    program = eo.Program([1.0, 2.0], [[1.0, 1.0]], 1.0, 2.0, 0, 1, True)
    with pyomo_call._turn:
        found = eo.solve(program, "pyomo", time_limit=0.2)
    assert found.status == "no_solution"
    assert "another thread" in found.message
    assert eo.solve(program, "pyomo", time_limit=60).status == "optimal"


def test_what_pyomo_raises_gives_the_turn_back():
    class Broken:
        name = "broken"

        def solve(self, model):
            raise ZeroDivisionError

    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            pyomo_call.call(Broken(), None, Options())


def test_an_interrupt_that_pyomo_swallows_is_raised():
    class Interrupted:
        name = "other"

        def solve(self, model):
            raise RuntimeError("KeyboardInterrupt: (6: <redirect_fd>)")

    with pytest.raises(KeyboardInterrupt):
        pyomo_call.call(Interrupted(), None, Options())
