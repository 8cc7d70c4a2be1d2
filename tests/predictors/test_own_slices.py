"""The notebook that walks from a table of one's own to a deployed allocator runs, and on a user's own file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import edgeopt as eo
from edgeopt.data import synthetic

ROOT = Path(eo.__file__).parents[1]


@pytest.mark.slow
@pytest.mark.parametrize("own", [False, True])
def test_the_notebook_ends_with_an_allocator_that_another_process_runs(own, tmp_path):
    pytest.importorskip("marimo")
    words = ["--quick"]
    if own:
        synthetic.traffic(cells=2, days=3).rename(columns=str).to_csv(tmp_path / "mine.csv", index_label="time")
        words += ["--data-file", str(tmp_path / "mine.csv")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg", "TMPDIR": str(tmp_path)}
    notebook = [sys.executable, str(ROOT / "examples" / "own_slices.py"), *words]
    done = subprocess.run(notebook, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "a fresh process gives the same answers, bit for bit: True\n"
