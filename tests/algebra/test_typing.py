"""A declaration passes mypy --strict, and what is wrong with one is flagged where it is written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import edgeopt as eo

CODE = (Path(__file__).parents[1] / "declared_problems.py").read_text().partition("class Dispatch")[0]
WRONG = {
    "ModelCaching(size=[1, 2], memory=3.0)": "Missing named argument",
    'ModelCaching(size=[1, 2], latency=[[1.0, 1.0]], memory="x")': "incompatible type",
    "ModelCaching(size=[1, 2], latency=[[1.0, 1.0]], memory=3.0).memory = 4.0": "read-only",
    "eo.Declaration.subject_to(m, d=True)": "incompatible type",
}


@pytest.mark.slow
def test_the_spelling_is_typed(tmp_path):
    pytest.importorskip("mypy")
    right = (
        CODE + "\nproblem = ModelCaching(size=[1, 2], latency=np.ones((3, 2)), memory=3.0)\nprint(eo.solve(problem))\n"
    )
    (tmp_path / "right.py").write_text(right)
    wrong = right + "\ndef f(m: eo.Declaration) -> None:\n" + "".join(f"    {line}\n" for line in WRONG)
    (tmp_path / "wrong.py").write_text(wrong)
    environment = {**os.environ, "MYPYPATH": str(Path(eo.__file__).parents[1])}

    def errors(file):
        command = [
            sys.executable,
            "-m",
            "mypy",
            "--strict",
            "--no-incremental",
            "--follow-imports=silent",
            "--ignore-missing-imports",
            file,
        ]
        return subprocess.run(
            command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False
        ).stdout

    assert "Success" in errors("right.py")
    found = errors("wrong.py")
    for words in WRONG.values():
        assert words in found
    assert f"Found {len(WRONG)} errors" in found
