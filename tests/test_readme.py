"""What the README shows is what runs."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

from edgeopt.core.registry import solvers

README = Path(__file__).parents[1] / "README.md"


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


def test_the_ten_lines_print_what_the_readme_says():
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(_blocks("python")[0], str(README), "exec"), {})  # the README's own first block
    assert printed.getvalue().splitlines() == _blocks("text")[0].splitlines()


def test_every_python_block_runs_after_the_first(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in _blocks("python"):
        exec(compile(block, str(README), "exec"), names)  # the README's own blocks, in order
    assert "0.5 is the largest feasible local fraction" in capsys.readouterr().out


def test_the_solver_table_names_exactly_the_registered_solvers():
    table = README.read_text(encoding="utf-8").split("## Who solves it")[1].split("Statuses are")[0]
    named = {name.partition(":")[0] for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
             for name in re.findall(r"`([^`]+)`", row)}  # fmt: skip
    assert named == set(solvers())


def test_every_linked_file_exists():
    links = re.findall(r"\]\(([^)#:]+)\)", README.read_text(encoding="utf-8"))
    assert links
    assert [link for link in links if not (README.parent / link).exists()] == []
