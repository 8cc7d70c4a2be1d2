"""Compiled loops run where nothing can be kept on disk, with one warning that says what to do."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

SOLVES = """
    import warnings

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        import numpy as np
        import edgeopt as eo
        from edgeopt.control import DriftPlusPenalty, Environment, simulate

        for name, solver in (
            ("split/generated-small", "shortest-path"), ("revenue/generated-small", "simplex"),
            ("slot/labriji2023-typical", "two-regime"),
        ):
            found = eo.solve(eo.instances.load(name), solver)
            assert found.status == "optimal", (name, found.message)
        controller = DriftPlusPenalty(average_delay=0.05, max_delay=0.1, outage=0.01, rule="two-regime")
        simulate(controller, Environment(availability=0.1), 2000, warm_up=100)
        import torch
        from edgeopt.layers import LinearProgramLayer
        capacity = torch.tensor([3.0], requires_grad=True)
        LinearProgramLayer(eo.Program([-2.0, -1.0], [[1.0, 1.0]], upper=2.0), ("row_upper",))(capacity).sum().backward()
        assert capacity.grad.tolist() == [1.0]
    about = [str(w.message) for w in caught if "compiled" in str(w.message)]
    print(len(about), "NUMBA_CACHE_DIR" in "".join(about))
"""


def run(script: str, folder: Path, **how) -> str:
    file = folder / "script.py"
    file.write_text(textwrap.dedent(script))
    environment = {k: v for k, v in os.environ.items() if not k.startswith("NUMBA") and k != "XDG_CACHE_HOME"}
    done = subprocess.run(
        [sys.executable, "-B", str(file)],
        capture_output=True,
        text=True,
        timeout=600,
        cwd=folder,
        **{"env": {**environment, "PYTHONPATH": str(ROOT), **how.pop("environment", {})}, **how},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.slow
def test_without_a_folder_to_keep_them_in_loops_are_compiled_in_memory(tmp_path):
    nowhere = """
        from numba.core import caching

        # Numba asks each of these for a folder that can be written.
        for locator in (getattr(caching, "CacheImpl", None) or caching._CacheImpl)._locator_classes:
            locator.from_function = classmethod(lambda *_: None)
    """
    assert run(textwrap.dedent(nowhere) + textwrap.dedent(SOLVES), tmp_path) == "1 True"


def test_a_folder_that_is_named_is_used(tmp_path):
    kept = tmp_path / "kept"
    solve = """
        import warnings

        warnings.simplefilter("error")
        import edgeopt as eo

        assert eo.solve(eo.instances.load("split/generated-small"), "shortest-path").status == "optimal"
        print("done")
    """
    assert run(solve, tmp_path, environment={"NUMBA_CACHE_DIR": str(kept)}) == "done"
    assert list(kept.rglob("*.nbi"))


def test_what_is_kept_counts_only_as_long_as_no_part_of_a_loop_changes(tmp_path):
    twice = """
        from edgeopt.solvers.compiled import jit

        def twice(x):
            return 2.0 * x

        def hits():
            return sum(jit.njit("float64(float64)")(twice).stats.cache_hits.values())

        first, again = hits(), hits()
        jit._stamp = lambda: "another"
        print(first, again, hits(), hits())
    """
    assert run(twice, tmp_path) == "0 1 0 1"


def test_loops_are_compiled_in_one_place():
    for file in (ROOT / "edgeopt").rglob("*.py"):
        if file.name != "jit.py":
            text = file.read_text(encoding="utf-8")
            assert "numba.njit" not in text, file
            assert "numba.jit" not in text, file
