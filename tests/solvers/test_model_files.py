"""Published LP and MIP files: every general solver gives the published status and optimum, verified."""

from __future__ import annotations

import csv

import pytest

import edgeopt as eo
from edgeopt.core.registry import solvers

FILES = [
    "25fv47", "adlittle", "afiro", "bell5", "e226", "egout", "etamacro", "flugpl", "galenet", "garbage", "gas11", "gt2",
    "infeasible-mip0", "israel", "klein1", "lseu", "nan0", "p0548", "rgn", "scrs8", "smalllp", "stair", "standata",
    "woodinfe",
]  # fmt: skip
GENERAL = [name for name, entry in solvers().items() if entry.general]


@pytest.fixture(scope="session")
def published(data_dir):
    """Status and optimum of each file."""
    with (data_dir / "mps" / "optima.csv").open() as file:
        return {row["file"].removesuffix(".mps"): row for row in csv.DictReader(file)}


@pytest.fixture(scope="session")
def read(data_dir):
    """Read a file once for all solvers."""
    cache = {}

    def from_file(name):
        if name not in cache:
            cache[name] = eo.Program.read(data_dir / "mps" / f"{name}.mps")
        return cache[name]

    return from_file


def test_the_list_is_the_published_one(published):
    assert sorted(published) == sorted(FILES)


PAIRS = [
    (solver, name)
    for solver in GENERAL
    for name in FILES
    # A first-order method needs twenty seconds to see that klein1 is infeasible.
    if (solver, name) != ("pdlp", "klein1")
]


@pytest.mark.parametrize(("solver", "name"), PAIRS)
def test_a_general_solver_gives_the_published_answer(published, read, solver, name):
    expected = published[name]
    if expected["status"] == "malformed":
        with pytest.raises(eo.DataFormatError, match=rf"{name}\.mps, line \d+: "):
            read(name)
        return
    program = read(name)
    if solvers()[solver].refusal(program):
        with pytest.raises(eo.UnsupportedPairError, match="highs"):
            eo.solve(program, solver)
        return
    solution = eo.solve(program, solver)
    assert solution.status == expected["status"], solution
    if expected["objective"]:
        assert solution.objective == pytest.approx(float(expected["objective"]), rel=1e-6)
    assert eo.verify(program, solution).holds
