"""The other readers of model files: HiGHS, SCIP, GLPK and CBC, each asked for the optimum of a file or a program."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import highspy
import numpy as np
import pytest

from edgeopt.model.program import Program

PACKAGES = {"glpsol": "glpk-utils", "cbc": "coinor-cbc"}


class UnreadableError(Exception):
    """A reader refused a file."""


def by_highs(path: Path) -> float | None:
    model = highspy.Highs()
    model.setOptionValue("output_flag", False)
    # 1.14 loses optima of mixed programs in presolve; here the file is on trial.
    model.setOptionValue("presolve", "off")
    if model.readModel(str(path)) == highspy.HighsStatus.kError:
        raise UnreadableError(path.read_text())
    model.run()
    optimal = model.getModelStatus() == highspy.HighsModelStatus.kOptimal
    return model.getInfo().objective_function_value if optimal else None


def by_scip(path: Path) -> float | None:
    pyscipopt = pytest.importorskip("pyscipopt")
    model = pyscipopt.Model()
    model.hideOutput()
    try:
        model.readProblem(str(path))
    except (OSError, Exception) as error:  # its own errors have no common type
        raise UnreadableError(path.read_text()) from error
    model.optimize()
    return model.getObjVal() if model.getStatus() == "optimal" else None


def run_or_skip(command: list[str], folder: Path) -> str:
    if shutil.which(command[0]) is None:
        reason = f"no {command[0]}: apt-get install {PACKAGES[command[0]]}"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    done = subprocess.run(command, capture_output=True, cwd=folder, timeout=60, check=False)
    return done.stdout.decode(errors="replace")


def by_glpk(path: Path) -> float | None:
    answer = path.with_suffix(".glpk")
    answer.unlink(missing_ok=True)
    kind = "--freemps" if path.suffix == ".mps" else "--lp"
    output = run_or_skip(["glpsol", kind, str(path), "-o", str(answer)], path.parent)
    if "file processing error" in output:
        raise UnreadableError(output + path.read_text())
    if not answer.is_file():  # a fault of its presolver in an infeasible program: the file has been read
        return None
    text = answer.read_text()
    status = re.search(r"Status:\s+(.*)", text)
    value = re.search(r"Objective:\s+.*= (\S+)", text)
    return float(value[1]) if status and value and status[1].strip().endswith("OPTIMAL") else None


def by_cbc(path: Path) -> float | None:
    answer = path.with_suffix(".cbc")
    answer.unlink(missing_ok=True)
    output = run_or_skip(["cbc", str(path), "solve", "solution", str(answer)], path.parent)
    if re.search(r"[1-9]\d* errors|Bad image|Unknown image|### CoinLpIO.*(?i:error|invalid)|Unable to read", output):
        raise UnreadableError(output + path.read_text())
    head = answer.read_text().splitlines()[0] if answer.is_file() else ""
    found = re.match(r"Optimal - objective value (\S+)", head)
    return float(found[1]) if found else None


READERS: dict[str, Callable[[Path], float | None]] = {
    "highs": by_highs,
    "scip": by_scip,
    "glpk": by_glpk,
    "cbc": by_cbc,
}


@pytest.fixture(params=READERS)
def reader(request: pytest.FixtureRequest) -> Callable[[Path], float | None]:
    """Each of the other readers: optimum of the file, or None where there is none."""
    return READERS[request.param]


@pytest.fixture
def run() -> Callable[[list[str], Path], str]:
    """Run a program of GLPK or CBC; what it prints."""
    return run_or_skip


def solved_by_scip(program: Program) -> float | None:
    """Optimum of a program that SCIP is handed piece by piece, without a file."""
    pyscipopt = pytest.importorskip("pyscipopt")
    model = pyscipopt.Model()
    model.hideOutput()
    bounds = zip(program.lower.tolist(), program.upper.tolist(), program.integrality.tolist(), strict=True)
    x = [
        model.addVar(f"x{j}", lb=_finite(low), ub=_finite(high), vtype="I" if integer else "C")
        for j, (low, high, integer) in enumerate(bounds)
    ]
    rows = program.matrix.tocsr()
    for i, (low, high) in enumerate(zip(program.row_lower.tolist(), program.row_upper.tolist(), strict=True)):
        entries = range(rows.indptr[i], rows.indptr[i + 1])
        if not entries:
            if low > 0 or high < 0:
                return None
            continue
        body = pyscipopt.quicksum(float(rows.data[k]) * x[rows.indices[k]] for k in entries)
        if np.isfinite(low):
            model.addCons(body >= low)
        if np.isfinite(high):
            model.addCons(body <= high)
    costs = pyscipopt.quicksum(c * v for c, v in zip(program.cost.tolist(), x, strict=True))
    model.setObjective(costs + program.offset, str(program.sense))
    model.optimize()
    return model.getObjVal() if model.getStatus() == "optimal" else None


def _finite(bound: float) -> float | None:
    return bound if np.isfinite(bound) else None


@pytest.fixture
def optimum() -> Callable[[Program], float | None]:
    """What SCIP says of a program, handed over without a file."""
    return solved_by_scip


@pytest.fixture
def same() -> Callable[[Program, Program], None]:
    """Assert that two programs are equal to the last bit and name."""

    def check(read: Program, written: Program) -> None:
        for field in ("cost", "row_lower", "row_upper", "lower", "upper", "integrality"):
            np.testing.assert_array_equal(getattr(read, field), getattr(written, field), err_msg=field)
        for part in ("indptr", "indices", "data"):
            np.testing.assert_array_equal(getattr(read.matrix, part), getattr(written.matrix, part))
        assert (read.sense, read.offset, read.name) == (written.sense, written.offset, written.name)
        assert list(read.column_names) == list(written.column_names)
        assert list(read.row_names) == list(written.row_names)

    return check
