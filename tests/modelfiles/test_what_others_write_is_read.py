"""edgeopt reads what HiGHS, SCIP, GLPK and PuLP write: empty rows, columns without a place, lines broken anywhere."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import highspy
import numpy as np
import pytest

from edgeopt.model.errors import DataFormatError, ModelFileWarning
from edgeopt.model.problem import Sense
from edgeopt.model.program import Program

inf = np.inf


def handed_to_highs(program: Program) -> highspy.Highs:
    model = highspy.Highs()
    model.setOptionValue("output_flag", False)
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_, lp.offset_ = program.columns, program.rows, program.offset
    lp.col_cost_, lp.col_lower_, lp.col_upper_ = program.cost, program.lower, program.upper
    lp.row_lower_, lp.row_upper_ = program.row_lower, program.row_upper
    lp.col_names_, lp.row_names_ = list(program.column_names), list(program.row_names)
    lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    lp.a_matrix_.start_, lp.a_matrix_.index_ = program.matrix.indptr, program.matrix.indices
    lp.a_matrix_.value_ = program.matrix.data
    kinds = highspy.HighsVarType
    lp.integrality_ = [kinds.kInteger if integer else kinds.kContinuous for integer in program.integrality]
    lp.sense_ = highspy.ObjSense.kMaximize if program.sense is Sense.MAXIMIZE else highspy.ObjSense.kMinimize
    assert model.passModel(lp) != highspy.HighsStatus.kError
    return model


def random_program(seed: int) -> Program:
    draw = np.random.default_rng(seed)
    columns, rows = int(draw.integers(1, 6)), int(draw.integers(1, 6))
    matrix = draw.integers(-5, 6, (rows, columns)) * (draw.random((rows, columns)) < 0.5)

    def bounds(count: int) -> tuple[np.ndarray, np.ndarray]:
        low, high = np.sort(draw.integers(-6, 7, (2, count)).astype(float), axis=0)
        return np.where(draw.random(count) < 0.4, -inf, low), np.where(draw.random(count) < 0.3, inf, high)

    lower, upper = bounds(columns)
    lower = np.where(draw.random(columns) < 0.4, np.minimum(0, upper), lower)
    return Program(
        draw.integers(-3, 4, columns) * (draw.random(columns) < 0.6),
        matrix,
        *bounds(rows),
        lower,
        upper,
        draw.random(columns) < 0.4,
        str(draw.choice(["minimize", "maximize"])),
        float(draw.choice([0.0, 2.5])),
        [f"x{j}" for j in range(columns)],
        [f"r{i}" for i in range(rows)],
    )


def read(path: Path) -> Program:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ModelFileWarning)
        return Program.read(path)


def assert_close(found: float | None, expected: float | None) -> None:
    if expected is None:
        assert found is None
    else:
        assert found == pytest.approx(expected, rel=1e-6, abs=1e-7)


@pytest.mark.parametrize("ending", [".lp", ".mps"])
@pytest.mark.parametrize("seed", range(30))
def test_files_of_highs(tmp_path: Path, optimum: Callable[[Program], float | None], ending: str, seed: int) -> None:
    program = random_program(seed)
    path = tmp_path / f"p{ending}"
    handed_to_highs(program).writeModel(str(path))
    assert_close(optimum(read(path)), optimum(program))


@pytest.mark.parametrize("ending", [".lp", ".mps"])
@pytest.mark.parametrize("seed", range(30))
def test_files_of_scip(tmp_path: Path, optimum: Callable[[Program], float | None], ending: str, seed: int) -> None:
    pyscipopt = pytest.importorskip("pyscipopt")
    program = random_program(seed)
    program.write(tmp_path / "ours.lp")
    model = pyscipopt.Model()
    model.hideOutput()
    model.readProblem(str(tmp_path / "ours.lp"))
    path = tmp_path / f"theirs{ending}"
    model.writeProblem(str(path), verbose=False)
    assert_close(optimum(read(path)), optimum(program))


@pytest.mark.parametrize(("option", "ending"), [("--wlp", ".lp"), ("--wmps", ".mps"), ("--wfreemps", ".mps")])
@pytest.mark.parametrize("seed", range(10))
def test_files_of_glpk(
    tmp_path: Path,
    optimum: Callable[[Program], float | None],
    run: Callable[[list[str], Path], str],
    option: str,
    ending: str,
    seed: int,
) -> None:
    program = random_program(seed)
    if ending == ".mps":  # GLPK writes no sense into MPS
        program = replace(program, sense=Sense.MINIMIZE)
    program.write(tmp_path / "ours.lp")
    path = tmp_path / f"theirs{ending}"
    run(["glpsol", "--lp", str(tmp_path / "ours.lp"), option, str(path), "--check"], tmp_path)
    assert_close(optimum(read(path)), optimum(program))


@pytest.mark.filterwarnings("ignore::DeprecationWarning:pulp", "ignore:.*PuLP:DeprecationWarning")
@pytest.mark.parametrize("with_section", [False, True])
def test_the_sense_of_pulp(tmp_path: Path, with_section: bool) -> None:
    pulp = pytest.importorskip("pulp")
    model = pulp.LpProblem("fruit", pulp.LpMaximize)
    apples = pulp.LpVariable("apples", 0, 4)
    model += 2 * apples
    model += apples <= 3, "shelf"
    model.writeMPS(str(tmp_path / "p.mps"), with_objsense=with_section)
    if with_section:
        program = Program.read(tmp_path / "p.mps")
    else:
        with pytest.warns(ModelFileWarning, match=r"p\.mps, line 1: the comment SENSE:Maximize .*OBJSENSE"):
            program = Program.read(tmp_path / "p.mps")
    assert program.sense is Sense.MAXIMIZE
    np.testing.assert_array_equal(program.cost, [2.0])


def test_a_comment_that_says_minimise_needs_no_warning_and_a_contradiction_is_refused(tmp_path: Path) -> None:
    text = "*SENSE:Minimize\n{}ROWS\n N  c\nCOLUMNS\n    x  c  1\nENDATA\n"
    (tmp_path / "p.mps").write_text(text.format(""))
    assert Program.read(tmp_path / "p.mps").sense is Sense.MINIMIZE
    (tmp_path / "p.mps").write_text(text.format("OBJSENSE\n    MAX\n"))
    with pytest.raises(DataFormatError, match="line 1: the comment SENSE says minimize.*OBJSENSE maximize"):
        Program.read(tmp_path / "p.mps")


def test_long_names_broken_anywhere_by_highs(tmp_path: Path, optimum: Callable[[Program], float | None]) -> None:
    names = [f"{'long' * 40}{j}" for j in range(12)]
    program = Program(np.arange(1.0, 13), np.ones((2, 12)) * 1.5, [3, -inf], [inf, 9], 0, 1, column_names=names)
    handed_to_highs(program).writeModel(str(tmp_path / "p.lp"))
    found = Program.read(tmp_path / "p.lp")
    assert list(found.column_names) == names
    assert_close(optimum(found), optimum(program))
