"""Small files of the test sets of HiGHS, SCIP and MathOptInterface: the known optimum, or a refusal with its line."""

from __future__ import annotations

import csv
import os
import re
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from edgeopt.model.errors import DataFormatError, ModelFileWarning
from edgeopt.model.program import Program

# Both solvers agree on these, which hold what a mixed-integer linear program cannot, or what both pass over.
REFUSED = {
    "QUADOBJ|QMATRIX|quadratic terms": [
        "2821-duplicate",
        "2821-qmatrix",
        "2821-quadobj",
        "2821-summation",
        "atwood0",
        "qjh.lp",
        "qjh_qmatrix",
        "qpinfeasible",
        "qpunbounded",
    ],
    "semi-continuous|semi-integer": ["semi-continuous", "semi-integer", "semicon1"],
    "'nan'": ["nan0", "nan1"],
    "'9/10'": ["flugpl_rational"],
    "row e is not in ROWS": ["parse_items_single_2", "parse_items_single_3", "ranges_malformed2"],
}
# Read where only one of the two reads: the value is that one's, or one's own where a constant stands on the left.
BY_ONE = {
    "highs_1451.lp": 3.0,  # x - 1 >= 2; HiGHS drops the 1
    "highs_comment.mps": -4.0,
    "highs_dD2e.mps": -3000.0,
    "moi_MPS_failing_models_bounds_invalid_type2.mps": 0.0,
}
# Both solvers stop within their own gaps or tolerances, each elsewhere, on the same program.
WITHIN_GAPS = {"highs_2122.lp": 1e-4}


@pytest.fixture(scope="module")
def folder() -> Path:
    beside = Path(__file__).parents[3] / "shared" / "cases"
    found = Path(os.environ.get("EDGEOPT_CASES", beside)) / "models"
    if not (found / "reference.csv").is_file():
        pytest.skip(f"no model files in {found}; set EDGEOPT_CASES")
    return found


@pytest.fixture(scope="module")
def reference(folder: Path) -> dict[str, dict[str, str]]:
    with (folder / "reference.csv").open() as file:
        return {row["file"]: row for row in csv.DictReader(file)}


def _read(path: Path) -> Program | str:
    """The program, or the message with which the file is refused."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ModelFileWarning)
        try:
            return Program.read(path)
        except DataFormatError as error:
            return str(error)


@pytest.mark.slow
def test_what_two_solvers_agree_on_is_read_so_or_refused_for_a_reason(
    folder: Path, reference: dict[str, dict[str, str]], optimum: Callable[[Program], float | None]
) -> None:
    read = refused = 0
    for name, row in reference.items():
        program = _read(folder / name)
        if isinstance(program, str):
            refused += 1
            assert re.search(rf"{re.escape(name)}, line \d+: ", program)
            if row["scip_status"] == row["highs_status"] != "error":
                assert _expected_refusal(name, program), program
            continue
        read += 1
        found = optimum(program)
        if row["scip_status"] == "optimal":
            assert found == pytest.approx(float(row["scip_value"]), rel=WITHIN_GAPS.get(name, 1e-6), abs=1e-6), name
        elif name in BY_ONE:
            assert found == pytest.approx(BY_ONE[name]), name
        else:
            assert row["scip_status"] in ("infeasible", "unbounded"), name
            assert found is None, name
    assert (read, refused) == (72, 82)


def _expected_refusal(name: str, message: str) -> bool:
    return (
        any(re.search(reason, message) for reason, parts in REFUSED.items() if any(part in name for part in parts))
        or "coefficients in row" in message
    )


def test_every_readable_file_comes_back_from_both_formats(
    folder: Path, reference: dict[str, dict[str, str]], tmp_path: Path, same: Callable[[Program, Program], None]
) -> None:
    for name in reference:
        program = _read(folder / name)
        if isinstance(program, str):
            continue
        for ending in (".lp", ".mps"):
            program.write(tmp_path / f"p{ending}")
            same(Program.read(tmp_path / f"p{ending}"), program)
