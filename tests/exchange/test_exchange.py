"""Model files keep every bit, refuse what they cannot hold, and agree with what HiGHS reads."""

from __future__ import annotations

import gzip
from pathlib import Path

import highspy
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import sparse

from edgeopt.exchange.modelling_packages import to_cvxpy, to_pyomo
from edgeopt.model.errors import DataFormatError, InvalidProblemError
from edgeopt.model.problem import Sense
from edgeopt.model.program import Program
from edgeopt.solving.solve import solve


@pytest.fixture(scope="module")
def model_files(genuine: Path) -> Path:
    return genuine / "mps"


def assert_same(read: Program, written: Program) -> None:
    for field in ("cost", "row_lower", "row_upper", "lower", "upper", "integrality"):
        np.testing.assert_array_equal(getattr(read, field), getattr(written, field), err_msg=field)
    for part in ("indptr", "indices", "data"):
        np.testing.assert_array_equal(getattr(read.matrix, part), getattr(written.matrix, part))
    assert read.matrix.shape == written.matrix.shape
    assert (read.sense, read.offset, read.name) == (written.sense, written.offset, written.name)
    assert list(read.column_names) == list(written.column_names)
    assert list(read.row_names) == list(written.row_names)


finite = st.floats(-1e15, 1e15, allow_subnormal=True) | st.sampled_from(
    [0.1, 1 / 3, 1e-300, -1e-12, 5e-324, 1e19, -7.0]
)
bound = finite | st.sampled_from([-np.inf, np.inf, 0.0, 1.0])
names = st.lists(
    st.from_regex(r"[A-Za-z_][A-Za-z0-9_.\[\]()#]{0,7}", fullmatch=True)
    | st.text(max_size=5)
    | st.sampled_from(["x_0", "x[0]", "x(0)", "free", "rhs", "one", "obj", "COST"]),
    min_size=4,
    max_size=4,
    unique=True,
)


@st.composite
def programs(draw: st.DrawFn) -> Program:
    columns, rows = draw(st.integers(0, 4)), draw(st.integers(0, 4))
    column = st.lists(finite, min_size=columns, max_size=columns)
    sides = [(draw(bound), draw(bound)) for _ in range(rows)]
    limits = [(draw(bound), draw(bound)) for _ in range(columns)]
    dense = np.array(draw(st.lists(column, min_size=rows, max_size=rows)), dtype=float).reshape(rows, columns)
    mask = np.array(draw(st.lists(st.booleans(), min_size=rows * columns, max_size=rows * columns)), dtype=bool)
    named = draw(st.booleans())
    return Program(
        draw(column),
        np.where(mask.reshape(rows, columns), dense, 0.0),
        [min(side, 1e19) for side, _ in sides],
        [max(side, -1e19) for _, side in sides],
        [min(side, 1e19) for side, _ in limits],
        [max(side, -1e19) for _, side in limits],
        draw(st.lists(st.booleans(), min_size=columns, max_size=columns)),
        draw(st.sampled_from(list(Sense))),
        draw(finite),
        draw(names)[:columns] if named else None,
        draw(names)[:rows] if named else None,
        draw(st.sampled_from(["", "a name", "P0548"])),
    )


@pytest.mark.parametrize(
    "ending", [".mps", ".lp", *(pytest.param(packed, marks=pytest.mark.slow) for packed in (".mps.gz", ".lp.gz"))]
)
@given(program=programs())
def test_what_is_read_is_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, ending: str, program: Program
) -> None:
    assume("mps" not in ending or bool((program.row_lower <= program.row_upper).all()))
    path = tmp_path_factory.getbasetemp() / f"program{ending}"
    program.write(path)
    assert_same(Program.read(path), program)


def test_range_survives_although_no_float_is_its_width(tmp_path: Path) -> None:
    lower, upper = -0.7, np.nextafter(0.9, 1)
    program = Program([1.0], [[1.0], [1.0]], [lower, 1e-300], [upper, 1e15])
    program.write(tmp_path / "range.mps")
    assert_same(Program.read(tmp_path / "range.mps"), program)


def test_explicit_zeros_free_rows_and_empty_columns_survive(tmp_path: Path) -> None:
    matrix = sparse.csc_array(([0.0, 2.0], ([0, 1], [0, 0])), shape=(3, 2))
    program = Program([0.0, 0.0], matrix, [-np.inf, 1, -np.inf], [np.inf, 1, 4], name="gaps")
    for name in ("gaps.mps", "gaps.lp"):
        program.write(tmp_path / name)
        assert_same(Program.read(tmp_path / name), program)


def test_every_model_file_survives(model_files: Path, tmp_path: Path) -> None:
    survived = 0
    for file in sorted([*model_files.glob("*.mps"), *model_files.glob("*.lp")]):
        try:
            program = Program.read(file)
            program.write(tmp_path / "copy.mps")
        except (DataFormatError, InvalidProblemError):
            continue
        assert_same(Program.read(tmp_path / "copy.mps"), program)
        survived += 1
    assert survived >= 15


MISREAD_BY_HIGHS = {"comment.mps": "refuses its comments", "silly-names.mps": "stops at the column called RANGES"}


def test_highs_reads_the_same_from_every_model_file(model_files: Path, tmp_path: Path) -> None:
    compared = 0
    for file in sorted([*model_files.glob("*.mps"), *model_files.glob("*.lp")]):
        if file.name in MISREAD_BY_HIGHS:
            continue
        try:
            program = Program.read(file)
        except DataFormatError:
            continue
        _assert_highs_agrees(file, program)
        if file.suffix == ".mps":
            program.write(tmp_path / "copy.mps")
            _assert_highs_agrees(tmp_path / "copy.mps", _with_a_column_for_the_offset(program))
        compared += 1
    assert compared >= 15


def _with_a_column_for_the_offset(program: Program) -> Program:
    """As it is written, since GLPK reads an offset in MPS with the other sign."""
    if not program.offset:
        return program
    return Program(
        [*program.cost, program.offset],
        sparse.hstack([program.matrix, sparse.csc_array((program.rows, 1))]),
        program.row_lower,
        program.row_upper,
        [*program.lower, 1.0],
        [*program.upper, 1.0],
        [*program.integrality, False],
        program.sense,
        0.0,
        [*program.column_names, "one"],
        program.row_names,
    )


def _assert_highs_agrees(path: Path, program: Program) -> None:
    model = highspy.Highs()
    model.setOptionValue("output_flag", False)
    model.setOptionValue("small_matrix_value", 1e-12)
    assert model.readModel(str(path)) != highspy.HighsStatus.kError
    lp = model.getLp()
    # HiGHS drops rows without bounds, and adds a range in float arithmetic.
    kept = np.flatnonzero(np.isfinite(program.row_lower) | np.isfinite(program.row_upper))
    for ours, theirs in (
        (program.cost, lp.col_cost_),
        (program.lower, lp.col_lower_),
        (program.upper, lp.col_upper_),
        (program.row_lower[kept], lp.row_lower_),
        (program.row_upper[kept], lp.row_upper_),
    ):
        np.testing.assert_allclose(ours, np.array(theirs), rtol=1e-15, atol=1e-15)
    assert list(program.column_names) == list(lp.col_names_)
    assert program.offset == lp.offset_
    assert (program.sense is Sense.MAXIMIZE) == (lp.sense_ == highspy.ObjSense.kMaximize)
    integer = [kind == highspy.HighsVarType.kInteger for kind in lp.integrality_]
    assert list(program.integrality) == (integer or [False] * program.columns)
    if kept.size:
        model.ensureColwise()
        matrix = model.getLp().a_matrix_
        theirs = sparse.csc_array((matrix.value_, matrix.index_, matrix.start_), shape=(kept.size, program.columns))
        assert abs(program.matrix[kept] - theirs).sum() == 0


MPS = """NAME          P
ROWS
 N  COST
 L  R1
 G  R2
 E  R3
COLUMNS
    x   COST  1.0   R1  2.0
    x   R2  3.0
    y   R3  1   {entry}
{columns}RHS
    RHS  R1  4   R2  1
    RHS  R3  2
{rhs}{sections}ENDATA
"""


@pytest.mark.parametrize(
    ("change", "line", "words"),
    [
        ({"entry": "R1 nan"}, 10, "finite number"),
        ({"entry": "R1 inf"}, 10, "finite number"),
        ({"entry": "R1 1e999"}, 10, "finite number"),
        ({"entry": "R1 1.2.3"}, 10, "1.2.3"),
        ({"entry": "R1 1_000"}, 10, "1_000"),
        ({"entry": "R1"}, 10, "4 fields"),
        ({"entry": "R1 1 R2 3"}, 10, "7 fields"),
        ({"entry": "R9 3"}, 10, "R9 of column y is not in ROWS"),
        ({"entry": "R3 3"}, 10, "two coefficients"),
        ({"columns": "    x   R3  3\n"}, 11, "two places"),
        ({"columns": "    y   COST  3\n    y   COST  4\n"}, 12, "two coefficients"),
        ({"columns": "    M   'MARKER'   'SOSORG'\n"}, 11, "marker"),
        ({"columns": "RANGE\n"}, 11, "no section"),
        ({"rhs": "    RHS  R9  3\n"}, 14, "R9 is not in ROWS"),
        ({"rhs": "    RHS  R3  7\n"}, 14, "two right-hand sides"),
        ({"rhs": "    RHS  R3\n"}, 14, "two right-hand sides|not in ROWS"),
        ({"rhs": "    RHS\n"}, 14, "1 fields"),
        ({"rhs": "    RHS  COST  1  COST  2\n"}, 14, "two right-hand sides"),
        ({"sections": "RANGES\n    R  COST  3\n"}, 15, "free row"),
        ({"sections": "RANGES\n    R  R1  3  R1  4\n"}, 15, "two ranges"),
        ({"sections": "RANGES\n    R  R1  x\n"}, 15, "range of row R1"),
        ({"sections": "BOUNDS\n UP B z 3\n"}, 15, "z is not in COLUMNS"),
        ({"sections": "BOUNDS\n XX B x 3\n"}, 15, "bound type"),
        ({"sections": "BOUNDS\n UP B x\n"}, 15, "bound of|not in COLUMNS"),
        ({"sections": "BOUNDS\n UP B x nan\n"}, 15, "expected a number"),
        ({"sections": "BOUNDS\n UP B x -3\n"}, 15, "lower bound too"),
        ({"sections": "BOUNDS\n LO B x 1e30\n"}, 15, "room for a finite number"),
        ({"sections": "BOUNDS\n UP B x 3\n UP B x 4\n"}, 16, "two upper bounds"),
        ({"sections": "BOUNDS\n SC B x 3\n"}, 15, "semi-continuous"),
        ({"sections": "BOUNDS\n SI B x 3\n"}, 15, "semi-integer"),
        ({"sections": "SOS\n S1 SOS1\n"}, 14, "special ordered sets"),
        ({"sections": "QUADOBJ\n    x x 1\n"}, 14, "quadratic"),
        ({"sections": "FOO\n"}, 14, "no section of MPS"),
        ({"sections": "RHS\n"}, 14, "comes twice"),
        ({"sections": "RANGES x\n"}, 14, "alone on its line"),
        ({"sections": "NAME\n    x\n"}, 14, "comes twice"),
    ],
)
def test_malformed_mps_is_refused_with_its_line(tmp_path: Path, change: dict[str, str], line: int, words: str) -> None:
    path = tmp_path / "bad.mps"
    path.write_text(MPS.format(**{"entry": "", "columns": "", "rhs": "", "sections": ""} | change))
    with pytest.raises(DataFormatError, match=rf"bad\.mps, line {line}: .*({words})"):
        Program.read(path)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 1, "without ENDATA"),
        ("NAME x\nROWS\n N obj\nCOLUMNS\n", 4, "without ENDATA"),
        ("    x\n", 1, "before any section"),
        ("RHS\n", 1, "before ROWS"),
        ("ROWS\nRHS\n", 2, "before COLUMNS"),
        ("ROWS\n N\n", 2, "row's type"),
        ("ROWS\n Q a\n", 2, "row type"),
        ("ROWS\n N a\n L a\n", 3, "twice"),
        ("OBJSENSE\n    UP\n", 2, "MIN or MAX"),
        ("OBJSENSE UP\n", 1, "MIN or MAX"),
        ("NAME\n    x\n", 2, "expected a section"),
        ("ROWS\n N obj\n N free\nCOLUMNS\n    x free 1\nRHS\n    RHS free 1\nENDATA\n", 7, "free row"),
        ("ROWS\n N obj\n N free\nCOLUMNS\n    x free 1\nRANGES\n    R free 1\nENDATA\n", 7, "free row"),
    ],
)
def test_broken_decks_are_refused_with_their_line(tmp_path: Path, text: str, line: int, words: str) -> None:
    (tmp_path / "bad.mps").write_text(text)
    with pytest.raises(DataFormatError, match=rf"line {line}: .*{words}"):
        Program.read(tmp_path / "bad.mps")


def test_an_equation_with_an_infinite_side_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.mps").write_text("ROWS\n N obj\n E e\nCOLUMNS\n    x e 1\nRHS\n    RHS e 1e30\nENDATA\n")
    with pytest.raises(DataFormatError, match="row e has bounds"):
        Program.read(tmp_path / "bad.mps")


def test_the_old_conventions_of_mps(tmp_path: Path) -> None:
    text = """* a comment
NAME          OLD DECK   one
OBJSENSE MAXIMIZE
ROWS
 N  COST  $ comment
 L  R1
 G  R2
 E  R3
 E  R4
 N  FREE
COLUMNS
    x   COST  1D0   R1  2.0   $ comment
    x   R2    3.0
    M1  'MARKER'  'INTORG'
    i   R3    1
    j   R4    1   FREE  2
    M2  'MARKER'  'INTEND'
    b   R1    1   *comment
    c   R1    1
    d   R1    1
RHS
    R1  4   R2  1
    RHS  R3  2   COST  -5
RANGES
    R1  1   R2  2
    RNG  R3  -1   R4  1
BOUNDS
 PL BND  j
 BV BND  b
 FR c
 MI BND  d
 UP BND  d   -1e30
ENDATA
anything
"""
    text = text.replace("   -1e30", "   1e30")
    (tmp_path / "old.mps").write_text(text)
    program = Program.read(tmp_path / "old.mps")
    assert (program.name, program.sense, program.offset) == ("OLD DECK   one", Sense.MAXIMIZE, 5.0)
    assert program.row_names == ("R1", "R2", "R3", "R4", "FREE")
    np.testing.assert_array_equal(program.row_lower, [3, 1, 1, 0, -np.inf])
    np.testing.assert_array_equal(program.row_upper, [4, 3, 2, 1, np.inf])
    assert program.column_names == ("x", "i", "j", "b", "c", "d")
    np.testing.assert_array_equal(program.integrality, [False, True, True, True, False, False])
    np.testing.assert_array_equal(program.lower, [0, 0, 0, 0, -np.inf, -np.inf])
    np.testing.assert_array_equal(program.upper, [np.inf, 1, np.inf, 1, np.inf, np.inf])


def test_columns_called_like_sections_are_read_and_written(excerpts: Path, tmp_path: Path) -> None:
    program = Program.read(excerpts / "mps" / "silly-names.mps")
    assert program.column_names == ("C0", "OBJSENSE", "RANGES", "RHS", "C1")
    for name in ("silly.mps", "silly.lp"):
        program.write(tmp_path / name)
        assert_same(Program.read(tmp_path / name), program)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("garbage.mps", 2),
        ("garbage.lp", 2),
        ("nan0.mps", 8),
        ("qjh.mps", 13),
        ("qjh.lp", 5),
        ("qptestnw.lp", 2),
        ("semi-continuous.mps", 22),
        ("semi-continuous.lp", 12),
        ("semi-integer.mps", 20),
        ("semi-integer.lp", 12),
    ],
)
def test_real_files_that_are_no_linear_program(excerpts: Path, name: str, line: int) -> None:
    with pytest.raises(DataFormatError, match=rf"{name}, line {line}: "):
        Program.read(excerpts / "mps" / name)


LP = "\\ Problem name: demo\nmin\n obj: x + 2 y {objective}\nst\n c1: x + y >= 1\n{rows}\nbounds\n x <= 4\n{bounds}\n{lists}\nend\n"


@pytest.mark.parametrize(
    ("change", "line", "words"),
    [
        ({"objective": "+ [ x ^2 ] / 2"}, 3, "quadratic"),
        ({"objective": "+ 3 x"}, 3, "twice in the objective"),
        ({"objective": "+ +"}, 3, "expected a number or a column"),
        ({"objective": ">= 2"}, 3, "expected terms"),
        ({"objective": "+ 1e999 z"}, 3, "finite number"),
        ({"objective": "+ nan"}, 3, "nan"),
        ({"rows": " c2: x + x >= 1"}, 6, "twice in row c2"),
        ({"rows": " c1: x >= 1"}, 6, "row c1 comes twice"),
        ({"rows": " c2: 2 x >= 4 y"}, 6, "one number on the right"),
        ({"rows": " c2: 2 x >= 4 + y"}, 6, "one number on the right"),
        ({"rows": " c2: x + y"}, 6, "expected <=, >= or ="),
        ({"rows": " c2: x y >= 1"}, 6, "expected <=, >= or ="),
        ({"rows": " >= 1"}, 6, "expected terms"),
        ({"rows": " c2: 5 <= x + y >= 1"}, 6, "two sides that both give a lower bound"),
        ({"rows": " c2: 5 >= x + y <= 1"}, 6, "two sides that both give an upper bound"),
        ({"rows": " c2: 1 = x + y <= 4"}, 6, "two sides"),
        ({"rows": " c2: 1 <= x + y = 4"}, 6, "two sides"),
        ({"rows": " c2: x >= 2 /* a comment */"}, 6, "begins with a backslash"),
        ({"rows": " c2: x >= y"}, 6, "columns go to the left"),
        ({"rows": " c2: x >="}, 6, "expected a number behind it"),
        ({"rows": " c2: x >= 1.2.3"}, 6, "one number on the right"),
        ({"rows": " c2: x >= 1e30"}, 6, "room for a finite number"),
        ({"rows": " c2: 1 <= x\n x + y >= 3"}, 7, "label the one that follows"),
        ({"rows": " c2: 0 >= 1\n x + y <= 3"}, 7, "label the one that follows"),
        ({"rows": " c2: b = 1 -> x >= 2"}, 6, "one number on the right"),
        ({"rows": " c2: x ** y >= 2"}, 6, "products"),
        ({"rows": " c2:\n c3: x >= 2"}, 6, "empty"),
        ({"rows": "st\n c2: x >= 2"}, 6, "second 'subject to'"),
        ({"rows": "min"}, 6, "order"),
        ({"bounds": " 2 = y <= 3"}, 9, "two sides"),
        ({"bounds": " 2 <= y >= 1"}, 9, "two sides that both give a lower bound"),
        ({"bounds": "binary <= 3"}, 9, "heading alone on its line"),
        ({"bounds": " 3 <= 4"}, 9, "expected a column's name"),
        ({"bounds": " y <= -3"}, 9, "lower bound too"),
        ({"bounds": " y <= 3 4"}, 9, "expected a bound"),
        ({"bounds": " x <= 5"}, 9, "two upper bounds"),
        ({"bounds": " y"}, 9, "expected a bound"),
        ({"bounds": " 3 <="}, 9, "expected a column's name behind it"),
        ({"lists": "general\n 3"}, 11, "expected a column's name"),
        ({"lists": "semi\n x"}, 11, "semi-continuous"),
        ({"lists": "sos\n s1: S1:: x:1 y:2"}, 11, "special ordered sets"),
        ({"lists": "lazy constraints\n c9: x <= 3"}, 11, "special kind"),
        ({"lists": "end\n x"}, 11, "after end"),
    ],
)
def test_malformed_lp_is_refused_with_its_line(tmp_path: Path, change: dict[str, str], line: int, words: str) -> None:
    (tmp_path / "bad.lp").write_text(LP.format(**{"objective": "", "rows": "", "bounds": "", "lists": ""} | change))
    with pytest.raises(DataFormatError, match=rf"bad\.lp, line {line}: .*{words}"):
        Program.read(tmp_path / "bad.lp")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "line 1: .*without 'end'"),
        ("min\n x\nst\n x >= 1\n", "line 4: .*'end'"),
        ("hello\nend\n", "line 1: .*minimize or maximize"),
        ("st\n", "comes first"),
    ],
)
def test_lp_files_that_are_cut_off_or_none(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "bad.lp").write_text(text)
    with pytest.raises(DataFormatError, match=words):
        Program.read(tmp_path / "bad.lp")


def test_lp_says_what_other_readers_get_wrong(tmp_path: Path) -> None:
    (tmp_path / "a.lp").write_text(
        """\\ Model twists
Maximize
 obj: 3 - x[0] + 2x[1] + 0 z
Subject To
 1 <= 2 x[0] + x[1] <= 4
 const: 2 x[0] + 3 >= 4
 4 >= z
 - z + x[1] = 0
 eq: 3 = z
 none: 0 >= -1
 both: -1 <= 0 <= 1
 low: -inf <= x[0] + z
Bounds
 -5 <= x[0] <= -1e-3
 x[1] free
 z >= -infinity
 z <= 1e20
General
 x[1]
Binary
 z
End
"""
    )
    error = pytest.raises(DataFormatError, match="line 6")
    with error:  # a labelled row follows: fine; an unlabelled one after a range is ambiguous
        Program.read(_without(tmp_path / "a.lp", " const: 2 x[0] + 3 >= 4\n"))
    text = (tmp_path / "a.lp").read_text().replace(" 4 >= z\n - z", " z <= 4\n - z")
    (tmp_path / "b.lp").write_text(text)
    program = Program.read(tmp_path / "b.lp")
    assert (program.name, program.sense, program.offset) == ("twists", Sense.MAXIMIZE, 3.0)
    np.testing.assert_array_equal(program.cost, [-1, 2, 0])
    assert program.row_names == ("row[0]", "const", "row[2]", "row[3]", "eq", "none", "both", "low")
    np.testing.assert_array_equal(program.row_lower, [1, 1, -np.inf, 0, 3, -1, -1, -np.inf])
    np.testing.assert_array_equal(program.row_upper, [4, np.inf, 4, 0, 3, np.inf, 1, np.inf])
    np.testing.assert_array_equal(program.lower, [-5, -np.inf, 0])
    np.testing.assert_array_equal(program.upper, [-1e-3, np.inf, 1])
    np.testing.assert_array_equal(program.integrality, [False, True, True])


def _without(path: Path, part: str) -> Path:
    other = path.with_name("without.lp")
    other.write_text(path.read_text().replace(part, ""))
    return other


@pytest.mark.parametrize("ending", [".mps", ".lp"])
@pytest.mark.parametrize(
    ("program", "words"),
    [
        (Program([1.0], upper=1e25), "1e\\+20"),
        (Program([1.0], lower=np.inf), "x\\[0\\] has bounds"),
        (Program([1.0], [[1.0]], -1e20), "row\\[0\\] has bounds"),
        (Program([1.0], name="two\nlines"), "name"),
        (Program([1.0], name=" padded"), "name"),
    ],
)
def test_what_no_format_holds_is_refused_and_nothing_appears(
    tmp_path: Path, ending: str, program: Program, words: str
) -> None:
    path = tmp_path / f"p{ending}"
    path.write_text("old")
    with pytest.raises(InvalidProblemError, match=words):
        program.write(path)
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("ending", [".mps", ".lp"])
@pytest.mark.parametrize(
    "name",
    [
        "1x",
        "x+y",
        "x:y",
        "[x",
        ".x",
        "free",
        "INF",
        "e5",
        "st",
        "bounds",
        "$x",
        "*x",
        "'MARKER'",
        "RHS",
        "a b",
        "",
        "a\nb",
    ],
)
def test_names_that_readers_would_misread_come_back(tmp_path: Path, ending: str, name: str) -> None:
    program = Program([1.0], [[1.0]], 1.0, column_names=[name], row_names=[name])
    program.write(tmp_path / f"p{ending}")
    assert_same(Program.read(tmp_path / f"p{ending}"), program)


def test_crossed_rows_fit_lp_alone(tmp_path: Path) -> None:
    program = Program([1.0], [[1.0]], 2.0, 1.0)
    with pytest.raises(InvalidProblemError, match="crossed"):
        program.write(tmp_path / "p.mps")
    program.write(tmp_path / "p.lp")
    assert_same(Program.read(tmp_path / "p.lp"), program)


def test_objective_row_gets_a_free_name(tmp_path: Path) -> None:
    program = Program([1.0], [[1.0], [2.0]], 1.0, row_names=["COST", "obj"])
    for name in ("p.mps", "p.lp"):
        program.write(tmp_path / name)
        assert_same(Program.read(tmp_path / name), program)


@pytest.mark.parametrize("name", ["p.txt", "p", "p.gz", "p.mps.zip"])
def test_unknown_endings_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidProblemError, match=r"expected \.mps, \.lp or \.mof\.json"):
        Program([1.0]).write(tmp_path / name)
    with pytest.raises(DataFormatError, match=r"expected \.mps, \.lp or \.mof\.json"):
        Program.read(tmp_path / name)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DataFormatError, match=r"missing\.mps cannot be read: No such file"):
        Program.read(tmp_path / "missing.mps")
    (tmp_path / "binary.mps").write_bytes(b"NAME\nROWS\n N \xff\xfe\n")
    with pytest.raises(DataFormatError, match="line 3: no UTF-8"):
        Program.read(tmp_path / "binary.mps")
    (tmp_path / "cut.mps.gz").write_bytes(gzip.compress(b"NAME\n" * 1000)[:-12])
    with pytest.raises(DataFormatError, match="no whole gzip file"):
        Program.read(tmp_path / "cut.mps.gz")
    with pytest.raises(DataFormatError, match="cannot be written"):
        Program([1.0]).write(tmp_path / "no" / "folder.mps")


def test_a_file_depends_on_the_program_alone(tmp_path: Path) -> None:
    program = Program([1.0, 2.0], [[1.0, 1.0]], 1.0)
    for name in ("a.mps.gz", "b.mps.gz"):
        program.write(tmp_path / name)
    assert (tmp_path / "a.mps.gz").read_bytes() == (tmp_path / "b.mps.gz").read_bytes()


def small_program(sense: str = "maximize") -> Program:
    return Program(
        [3.0, 2.0, 0.5],
        [[1.0, 1.0, 0.0], [1.0, -1.0, 0.0], [0.0, 1.0, 1.0], [1.0, 0.0, 0.0]],
        [-np.inf, 0.0, -1.0, -np.inf],
        [4.5, np.inf, 3.0, np.inf],
        [0.0, 1.5, -np.inf],
        [np.inf, 1.5, 2.0],
        [True, False, False],
        sense,
        10.0,
        ["apples", "pears", "free trade"],
        ["shelf", "taste", "band", "idle"],
        "fruit",
    )


def test_pyomo_model_is_named_and_solves_to_the_same_optimum() -> None:
    import pyomo.environ as pyo
    from pyomo.contrib.solver.solvers.highs import Highs

    program = small_program()
    model = to_pyomo(program)
    assert model.name == "fruit"
    assert set(model.rows) == {"shelf", "taste", "band"}
    assert model.x["apples"].is_integer()
    assert model.x["pears"].fixed is False
    assert model.x["pears"].bounds == (1.5, 1.5)
    assert model.x["free trade"].bounds == (None, 2.0)
    Highs().solve(model)
    best = solve(program, "highs")
    assert pyo.value(model.objective) == pytest.approx(best.objective, rel=1e-9)
    assert pyo.value(model.x["apples"]) == pytest.approx(best.decision.values[0])
    model.x["apples"].setub(2)  # it is the user's to edit
    Highs().solve(model)
    assert pyo.value(model.objective) < best.objective


def test_pyomo_model_of_rows_without_columns() -> None:
    model = to_pyomo(Program([1.0], sparse.csc_array((2, 1)), -1.0, 1.0))
    assert len(model.rows) == 0
    with pytest.raises(InvalidProblemError, match=r"row\[0\] has no columns"):
        to_pyomo(Program([1.0], sparse.csc_array((1, 1)), 1.0, 2.0))


@pytest.mark.parametrize("sense", ["minimize", "maximize"])
def test_cvxpy_problem_is_disciplined_and_re_solves(sense: str) -> None:
    import cvxpy

    program = small_program(sense).relaxation()
    if sense == "minimize":
        program = Program([1.0, 1.0], [[1.0, 2.0], [1.0, 0.0]], [2.0, 0.5], [np.inf, 0.5], offset=1.0)
    problem = to_cvxpy(program)
    assert problem.is_dcp(dpp=True)
    assert {parameter.name() for parameter in problem.parameters()} >= {"cost", "row_lower", "lower"}
    problem.solve(solver=cvxpy.HIGHS)
    assert problem.value == pytest.approx(solve(program, "highs").objective, rel=1e-7)
    parameters = {parameter.name(): parameter for parameter in problem.parameters()}
    parameters["cost"].value = 2 * program.cost
    problem.solve(solver=cvxpy.HIGHS)
    assert problem.value - program.offset == pytest.approx(2 * (solve(program, "highs").objective - program.offset))


def test_cvxpy_problem_keeps_integers() -> None:
    import cvxpy

    problem = to_cvxpy(small_program())
    problem.solve(solver=cvxpy.HIGHS)
    assert problem.value == pytest.approx(solve(small_program(), "highs").objective)
    assert problem.variables()[0].name() == "x"


def test_problem_methods_reach_the_models() -> None:
    assert len(small_program().to_pyomo().x) == 3
    assert small_program().to_cvxpy().variables()[0].shape == (3,)
