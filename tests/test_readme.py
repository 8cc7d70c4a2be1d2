"""What the README and the guide show is what runs."""

from __future__ import annotations

import contextlib
import io
import re

import numpy as np
import pytest
from pages import PAGES, README, ROOT, blocks

import edgeopt as eo
from edgeopt.bench import matrix
from edgeopt.model import tolerance


def test_the_readme_prints_what_it_says():
    names: dict[str, object] = {"__name__": "readme"}
    compared = 0
    for code, expected in blocks(README):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, str(README), "exec"), names)  # the README's own blocks, in order
        if expected is not None:
            assert printed.getvalue() == expected
            compared += 1
    assert compared >= 5


def test_the_examples_of_the_four_decisions_are_short():
    for code, _ in blocks(README)[:4]:
        assert len(code.splitlines()) < 10


def test_every_block_of_the_guide_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for code, _ in blocks(ROOT / "docs" / "guide.md"):
        exec(compile(code, "guide.md", "exec"), names)
    assert "0.5 is the largest feasible local fraction" in capsys.readouterr().out


@pytest.mark.parametrize(
    "page",
    [
        "proved.md",
        "declare.md",
        "bring_a_model.md",
        "side_constraints.md",
        "networks.md",
        "language_models.md",
        "slices.md",
        "allocator.md",
    ],
)
def test_a_page_prints_what_it_says(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "__main__"}
    for code, expected in blocks(ROOT / "docs" / page):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, page, "exec"), names)
        assert printed.getvalue() == expected


def test_the_page_on_proofs_lists_every_tolerance_and_counts_the_instances():
    text = (ROOT / "docs" / "proved.md").read_text(encoding="utf-8")
    listed = dict(re.findall(r"^\| `([A-Z_]+)` \| (\S+) \|", text, re.MULTILINE))
    known = {name: value for name, value in vars(tolerance).items() if name.isupper()}
    assert {name: 2.0**-53 if value == "2^-53" else float(value) for name, value in listed.items()} == known
    table = eo.instances.describe()
    proved = int(table["proved"].sum())
    assert f"Of the {len(table)} recorded instances, {proved} are proved" in text
    assert f"{proved} of {len(table)} with proved optima" in README.read_text(encoding="utf-8")


def test_the_solver_that_newcomers_copy_is_a_good_one():
    code = blocks(ROOT / "CONTRIBUTING.md")[0][0].replace("from ..", "from edgeopt.")
    names: dict[str, object] = {"__name__": "edgeopt.solvers.my_solver"}
    exec(compile(code, "CONTRIBUTING.md", "exec"), names)
    shapes = [((3,), False), ((5, 2), False), ((5, 2), True)]
    for shape, independent in shapes:
        remote = np.ones(shape) if independent else np.ones(shape[0])
        problem = eo.OfflineOffloading(np.ones(shape), remote, 0.5, independent_sites=independent)
        assert eo.solve(problem, names["my_solver"]).status == "feasible"


def test_the_solver_table_is_the_registry_s():
    text = README.read_text(encoding="utf-8")
    assert matrix.renewed(text) == text, "run: python -m edgeopt.bench.matrix"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_linked_file_and_section_exists(page):
    for link, section in re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", page.read_text(encoding="utf-8")):
        target = page.parent / link if link else page
        assert target.exists(), link
        if section:
            heads = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}
            assert section in anchors, (link, section)
