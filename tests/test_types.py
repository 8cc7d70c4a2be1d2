"""What the pages show and what ``edgeopt new`` writes passes mypy --strict and pyright, and wrong use is flagged."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from pages import PAGES, blocks

import edgeopt as eo

PACKAGE = Path(eo.__file__).parent
TYPED = Path(__file__).parent / "typed"

MYPY = """
[mypy]
strict = True
# The package itself is checked by `make check`.
follow_imports = silent
# Tensor.backward, which the guide calls, has no types in torch.
untyped_calls_exclude = torch

[mypy-pyomo.*]
# Pyomo has neither types nor stubs, and a page brings a model of it.
ignore_missing_imports = True
"""

PYRIGHT = {
    "typeCheckingMode": "standard",
    "extraPaths": [str(PACKAGE.parent)],
    # What pyright infers from the code of a package without py.typed is no promise of that package: operators of Pyomo's
    # variables are made when it is imported, and pyright takes them for missing.
    "useLibraryCodeForTypes": False,
}


def modules() -> dict[str, str]:
    """Each page's blocks as one module, the templates as `edgeopt new` writes them, and what is read and refused."""
    found = {f"page_{page.stem.lower()}": "\n".join(code for code, _ in blocks(page)) for page in PAGES}
    # What is put into a room of edgeopt imports from beside it.
    found["page_contributing"] = found["page_contributing"].replace("from ..", "from edgeopt.")
    for template in sorted((PACKAGE / "testing" / "templates").glob("*.txt")):
        if not template.stem.endswith("_test"):
            text = template.read_text(encoding="utf-8")
            found[f"new_{template.stem}"] = re.sub("NAME|MODULE|CLASS", "First", text)
    return found | {file.stem: file.read_text(encoding="utf-8") for file in sorted(TYPED.glob("*.py"))}


def by_mypy(folder: Path, files: list[str]) -> list[tuple[str, int, str]]:
    """File, line and words of each error."""
    (folder / "mypy.ini").write_text(MYPY, encoding="utf-8")
    found = run(folder, "mypy", "--config-file", "mypy.ini", "--no-incremental", "--show-error-codes", *files)
    assert found.endswith("source files)\n"), found
    return [
        (file, int(line), words) for file, line, words in re.findall(r"^(\w+)\.py:(\d+): error: (.*)$", found, re.M)
    ]


def by_pyright(folder: Path, files: list[str]) -> list[tuple[str, int, str]]:
    """File, line and words of each error."""
    (folder / "pyrightconfig.json").write_text(json.dumps(PYRIGHT), encoding="utf-8")
    found = json.loads(run(folder, "basedpyright", "--pythonpath", sys.executable, "--outputjson", *files))
    assert found["summary"]["filesAnalyzed"] == len(files), found["summary"]
    return [
        (Path(one["file"]).stem, one["range"]["start"]["line"] + 1, one["message"])
        for one in found["generalDiagnostics"]
        if one["severity"] == "error"
    ]


def run(folder: Path, module: str, *words: str) -> str:
    pytest.importorskip(module)
    environment = {**os.environ, "MYPYPATH": str(PACKAGE.parent)}
    command = [sys.executable, "-m", module, *words]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, check=False)
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("errors", [by_mypy, by_pyright])
def test_users_code_is_checked(errors, tmp_path):
    texts = modules()
    for name, text in texts.items():
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    found = errors(tmp_path, [f"{name}.py" for name in texts])
    assert [one for one in found if one[0] != "refused"] == []
    lines = texts["refused"].splitlines()
    wrong = {number for number, line in enumerate(lines, 1) if line.endswith("# refused")}
    assert {line for _, line, _ in found} == wrong
    assert len(wrong) > 10
