"""Published LP and MIP files: every general solver gives the published status and optimum, verified."""

from __future__ import annotations

import csv
from functools import cache

import pytest

import edgeopt as eo
from edgeopt.solving.registry import solvers

FILES = [
    "25fv47",
    "adlittle",
    "afiro",
    "bell5",
    "e226",
    "egout",
    "etamacro",
    "flugpl",
    "galenet",
    "garbage",
    "gas11",
    "gt2",
    "infeasible-mip0",
    "israel",
    "klein1",
    "lseu",
    "nan0",
    "p0548",
    "rgn",
    "scrs8",
    "smalllp",
    "stair",
    "standata",
    "woodinfe",
]
SHIPPED = (
    "adlittle",
    "afiro",
    "bell5",
    "flugpl",
    "galenet",
    "garbage",
    "infeasible-mip0",
    "lseu",
    "nan0",
    "smalllp",
    "woodinfe",
)
GENERAL = [name for name, entry in solvers().items() if entry.general]


def published(folder):
    """Return status and optimum of each file."""
    with (folder / "mps" / "optima.csv").open() as file:
        return {row["file"].removesuffix(".mps"): row for row in csv.DictReader(file)}


@cache
def read(path):
    """Read a file once for all solvers."""
    return eo.Program.read(path)


def test_the_lists_are_the_published_ones(data_dir, excerpts):
    assert sorted(published(data_dir)) == sorted(FILES)
    assert {name: published(data_dir)[name] for name in SHIPPED} == published(excerpts)


PAIRS = [
    (solver, name)
    for solver in GENERAL
    for name in FILES
    # A first-order method needs twenty seconds to see that klein1 is infeasible.
    if (solver, name) != ("pdlp", "klein1")
]


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """Let `priced` prove its optimum however busy the machine is."""
    monkeypatch.setattr("edgeopt.solvers.backends.priced_binaries._PATIENCE", 60.0)


@pytest.mark.parametrize(("solver", "name"), [pair for pair in PAIRS if pair[1] in SHIPPED])
def test_a_general_solver_gives_the_published_answer(excerpts, solver, name):
    gives_the_published_answer(excerpts, solver, name)


@pytest.mark.parametrize(("solver", "name"), [pair for pair in PAIRS if pair[1] not in SHIPPED])
def test_a_general_solver_gives_the_published_answer_to_larger_ones(data_dir, solver, name):
    gives_the_published_answer(data_dir, solver, name)


def gives_the_published_answer(folder, solver, name):
    expected = published(folder)[name]
    if expected["status"] == "malformed":
        with pytest.raises(eo.DataFormatError, match=rf"{name}\.mps, line \d+: "):
            read(folder / "mps" / f"{name}.mps")
        return
    program = read(folder / "mps" / f"{name}.mps")
    if solvers()[solver].refusal(program):
        with pytest.raises(eo.UnsupportedPairError, match="highs"):
            eo.solve(program, solver)
        return
    solution = eo.solve(program, solver)
    assert solution.status == expected["status"], solution
    if expected["objective"]:
        assert solution.objective == pytest.approx(float(expected["objective"]), rel=1e-6)
    assert eo.verify(program, solution).holds
