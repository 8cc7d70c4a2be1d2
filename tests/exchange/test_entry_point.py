"""A formulation that an installed package brings: files of it are read without a word of trust."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

DECLARED = """
import edgeopt as eo

class Sites(eo.Formulation):
    value: eo.Array = eo.data("sites")
    price: eo.Array = eo.data("sites", nonnegative=True)
    budget: float

    def declare(self, m):
        opened = m.binary("opened", "sites")
        m.maximize(self.value @ opened)
        m.subject_to(budget=self.price @ opened <= self.budget)
"""
MADE = """
import edgeopt as eo
from mine.sites import Sites
problem = Sites(value=[5.0, 4.0, 3.0], price=[2.0, 3.0, 1.0], budget=3.0)
eo.save(problem, "problem.json")
eo.save(eo.solve(problem, isolate=True), "solution.json")
"""


@pytest.fixture
def site(tmp_path) -> Path:
    """Return a folder in which the package ``mine`` is installed, with an entry point for its formulation."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "__init__.py").touch()
    (tmp_path / "mine" / "sites.py").write_text(DECLARED)
    info = tmp_path / "mine-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[edgeopt.formulations]\nsites = mine.sites:Sites\n")
    return tmp_path


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    here = str(Path(__file__).parents[2])
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(folder), here])}
    return subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, check=False, env=environment, cwd=folder
    )


@pytest.mark.slow
def test_what_an_installed_package_brings_needs_no_trust(site):
    made = run(site, "-c", MADE)
    assert made.returncode == 0, made.stderr
    read = run(site, "-c", "import edgeopt as eo; print(eo.solve(eo.load('problem.json'), isolate=True).objective)")
    assert read.stdout.strip() == "8.0", read.stderr
    checked = run(site, "-m", "edgeopt", "verify", "problem.json", "solution.json")
    assert checked.returncode == 0, checked.stderr


@pytest.mark.slow
def test_without_its_entry_point_the_same_file_is_refused(site):
    run(site, "-c", MADE)
    (site / "mine-1.0.dist-info" / "entry_points.txt").unlink()
    read = run(site, "-c", "import edgeopt as eo; eo.load('problem.json')")
    assert "load(path, trust=['mine.sites'])" in read.stderr
    assert run(site, "-m", "edgeopt", "solve", "problem.json", "--trust", "mine.sites").returncode == 0
