"""Model files of public test sets: no solver may call one optimal or infeasible that is not.

What is right is what SCIP and HiGHS, each called by hand, agree on; where they differ either answer is accepted, and so
is a refusal. The files are no part of the project: without them there is nothing to test.
"""

from __future__ import annotations

import csv
import os
import warnings
from functools import cache
from pathlib import Path

import pytest
from numerics.right import INFEASIBLE, UNBOUNDED, Right, false_claims, optimal
from numerics.told import told

import edgeopt as eo

LARGEST = 100_000
"""Bytes of the largest file that is tried."""

SECONDS = 10.0
SOLVERS = ["auto", "highs", "scipy"]
DATA = Path(os.environ.get("EDGEOPT_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
FOLDERS = {"mps": DATA / "mps", "models": DATA.parent / "cases" / "models"}
BY_HAND = {"highs_1451.lp": optimal(3)}
"""Where neither is right: HiGHS leaves out a constant on the left of a row, SCIP refuses it."""


def _small_files() -> list[Path]:
    found = [path for folder in FOLDERS.values() if folder.is_dir() for path in sorted(folder.iterdir())]
    return [path for path in found if path.suffix in (".mps", ".lp") and path.stat().st_size < LARGEST]


FILES = _small_files()


@cache
def _rows(table: Path) -> dict[str, dict[str, str]]:
    if not table.is_file():
        return {}
    with table.open() as lines:
        return {row["file"]: row for row in csv.DictReader(lines)}


def _right(status: str, value: str) -> Right | None:
    if status == "optimal" and value:
        return optimal(float(value), rel=1e-5, slack=1e-6)
    return {"infeasible": INFEASIBLE, "unbounded": UNBOUNDED}.get(status)


def accepted(path: Path) -> tuple[Right, ...]:
    """Answers that somebody who is independent of edgeopt gives."""
    if path.name in BY_HAND:
        return (BY_HAND[path.name],)
    if published := _rows(FOLDERS["mps"] / "optima.csv").get(path.name):
        found = [_right(published["status"], published["objective"])]
    elif told_of := _rows(FOLDERS["models"] / "reference.csv").get(path.name):
        found = [_right(told_of[f"{who}_status"], told_of[f"{who}_value"]) for who in ("scip", "highs")]
    else:
        found = [_by_scip(path)]
    return tuple(right for right in found if right is not None)


@cache
def _by_scip(path: Path) -> Right | None:
    pyscipopt = pytest.importorskip("pyscipopt")
    model = pyscipopt.Model()
    model.hideOutput()
    model.setParam("limits/time", SECONDS)
    try:
        model.readProblem(str(path))
    except OSError:
        return None
    model.optimize()
    status = model.getStatus()
    return _right(status, repr(model.getObjVal()) if status == "optimal" else "")


@cache
def read(path: Path) -> eo.Program:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", eo.ModelFileWarning)  # of two readings, the one that others take, too
            return eo.Program.read(path)
    except eo.DataFormatError as error:
        pytest.skip(f"refused: {error}")


@pytest.mark.data
@pytest.mark.skipif(not FILES, reason=f"no model files in {DATA}")
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_no_claim_about_a_public_model_is_false(path, solver):
    program = read(path)
    if not (rights := accepted(path)):
        pytest.skip("nobody else reads or settles it")
    answer = told(program, solver, time_limit=SECONDS)
    assert not false_claims(rights, int(program.sense.sign), answer), answer
