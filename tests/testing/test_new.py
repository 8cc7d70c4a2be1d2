"""What ``edgeopt new`` writes works as it is, and is refused where it would do harm."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from edgeopt.cli import main
from edgeopt.testing import check_solver


@pytest.fixture
def begin(monkeypatch):
    """Return a function that runs ``edgeopt new`` with these words and returns its exit code."""

    def run(*words: str) -> int:
        monkeypatch.setattr(sys, "argv", ["edgeopt", "new", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0)

    return run


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["solver", "formulation", "instances"])
def test_a_template_passes_its_own_tests(begin, kind, tmp_path, capsys):
    assert begin(kind, "first-try", "--out", str(tmp_path)) == 0
    assert f"wrote {tmp_path / 'first_try.py'}" in capsys.readouterr().out
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout


def test_nothing_is_written_over_and_a_bad_name_or_folder_is_refused(begin, tmp_path, capsys):
    (tmp_path / "test_mine.py").write_text("mine")
    assert begin("solver", "mine", "--out", str(tmp_path)) == 2
    assert "test_mine.py exists and is not written over" in capsys.readouterr().err
    assert not (tmp_path / "mine.py").exists()
    for name in ("My-Solver", "class", "a b", "../x", "1st"):
        assert begin("solver", name, "--out", str(tmp_path)) == 2
        assert "expected lower-case letters" in capsys.readouterr().err
    assert begin("solver", "mine", "--out", str(tmp_path / "nowhere")) == 2
    assert "expected a folder that exists" in capsys.readouterr().err


def test_the_recipe_of_a_solver_in_contributing_is_a_sound_solver():
    text = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text(encoding="utf-8")
    block = re.search(r"## Add a solver.*?```python\n(.*?)```", text, re.DOTALL)[1]
    names: dict[str, object] = {"__name__": "recipe"}
    exec(compile(block.replace("from ..", "from edgeopt."), "CONTRIBUTING.md", "exec"), names)
    assert check_solver(names["my_solver"]) > 0
