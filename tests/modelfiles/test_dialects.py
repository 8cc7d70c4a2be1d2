"""Oddities of both formats: what CPLEX's rules, SCIP, HiGHS, GLPK and CBC make of them, or a clear refusal."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from edgeopt.model.errors import DataFormatError, ModelFileWarning
from edgeopt.model.problem import Sense
from edgeopt.model.program import Program

LP = "minimize\n obj: x + y\nst\n c0: x + y >= 1\n{}\nend\n"

# What stands behind c0, and the optimum that SCIP, HiGHS, GLPK and CBC find where they read it (or one finds by hand).
READ_LP = {
    "a label on its own line": (" c1:\n x >= 2", 2.0),
    "a break after a number": (" c1: x + 2\n y >= 4", 2.0),
    "a break before the side": (" c1: x\n >=\n 2", 2.0),
    "rows without labels": (" x >= 1\n y >= 2", 3.0),
    "a row that begins with a sign": (" x >= 1\n - y >= -2", 1.0),
    "a coefficient without a space": (" c1: 2x + 3y = 7", 7 / 3),
    "an exponent beside a column": (" c1: 2e1 x >= 7", 1.0),
    "a column called e1": (" c1: 2 e1 >= 7", 1.0),
    "two signs": (" c1: x - - y >= 3", 3.0),
    "a constant on the left": (" c1: x + 3 >= 5", 2.0),
    "a range": (" c1: 2 <= x + y <= 4", 2.0),
    "a range, upside down": (" c1: 4 >= x + y >= 2", 2.0),
    "sides that cross": (" c1: 4 <= x + y <= 2", None),
    "an empty row": (" c1: >= -1", 1.0),
    "an empty equation": (" c1: = +0", 1.0),
    "an empty row that nothing satisfies": (" c1: >= 1", None),
    "a number as row": (" c1: 0 >= -1", 1.0),
    "old relations": (" c1: x => 2\n c2: y =< 4", 2.0),
    "a strict relation": (" c1: x > 2", 2.0),
    "a bound on two lines": ("bounds\n x\n >= 2", 2.0),
    "a bound upside down": ("bounds\n 5 >= x >= 2", 2.0),
    "bounds that cross": ("bounds\n 2 <= x <= 1", None),
    "infinity as a number": ("bounds\n x >= 0.5\n y <= 1e+30", 1.0),
    "infinity as a word": ("bounds\n -infinity <= x <= 0\n y <= +Inf\n y >= 3", 1.0),
    "a number without digits behind the point": ("bounds\n x >= 2.", 2.0),
    "a number without digits before it": ("bounds\n x >= .5e1", 5.0),
    "two sections of bounds": ("bounds\n x >= 2\nbounds\n y >= 3", 5.0),
    "integers on the line of the heading": (" c1: x >= 1.5\ngeneral x", 2.0),
    "integers in a row": (" c1: x >= 1.5\nintegers\nx y", 2.0),
    "integers, then binaries": (" c1: x >= 1.5\ngen\n x\nbin\n y", 2.0),
    "bounds behind integers": (" c1: x >= 1.5\ngeneral\n x\nbounds\n x <= 5", 2.0),
    "a row called end": (" end: x >= 2", 2.0),
    "a row called free": (" free: x >= 2", 2.0),
    "a comment behind a row": (" c1: x >= 2 \\ not >= 3", 2.0),
    "another line break of Unicode in a comment": (" \\ a note\u2028x >= 3\x0cx >= 4", 1.0),
    "old line ends": (" c1: x >= 2\r\n c2: y >= 1\r", 3.0),
    "tabs": ("\tc1:\tx\t>=\t2", 2.0),
}


@pytest.mark.parametrize("name", READ_LP)
def test_lp_that_is_odd_but_plain(tmp_path: Path, optimum: Callable[[Program], float | None], name: str) -> None:
    text, expected = READ_LP[name]
    (tmp_path / "p.lp").write_bytes(LP.format(text).encode())
    found = optimum(Program.read(tmp_path / "p.lp"))
    assert found is None if expected is None else found == pytest.approx(expected)


REFUSED_LP = {
    "two lower sides": (" c1: 5 <= x + y >= 1", "two sides that both give a lower bound"),
    "two upper sides": (" c1: 5 >= x + y <= 9", "two sides that both give an upper bound"),
    "an equation and a side": (" c1: 1 = x + y <= 4", "two sides"),
    "a side and an equation": (" c1: 1 <= x + y = 4", "two sides"),
    "two equations": (" c1: 1 = x + y = 4", "two sides that both give the value"),
    "an equation in the bounds": ("bounds\n 2 = x <= 4", "two sides"),
    "two lower bounds at once": ("bounds\n 2 <= x >= 1", "two sides that both give a lower bound"),
    "two lower bounds": ("bounds\n x >= 1\n x >= 2", "two lower bounds"),
    "an upper bound below the lower one that is not said": ("bounds\n x <= -1", "readers disagree"),
    "a coefficient in the bounds": ("bounds\n 2 x >= 4", "expected a column's name"),
    "a name in the bounds": ("bounds\n c1: x >= 2", "expected a bound"),
    "a decimal comma": ("bounds\n x >= 1,5", "expected a bound"),
    "a hexadecimal number": ("bounds\n x >= 0x10", "expected a bound"),
    "an exponent without digits": (" c1: x >= 1e", "one number on the right"),
    "two points": (" c1: 1.5.2 x >= 4", "unexpected"),
    "an underscore in a number": (" c1: 1_000 x >= 4", "unexpected"),
    "two numbers": (" c1: 2 3 x >= 4", "unexpected"),
    "two columns": (" c1: x y >= 4", "unexpected"),
    "a coefficient beyond floats": (" c1: 1e400 x >= 4", "finite number"),
    "constants beyond floats": (" c1: x + 1e308 + 1e308 >= 4", "infinite"),
    "a side beyond 1e20": (" c1: x + 6e19 >= -6e19", "beyond 1e\\+20"),
    "a column on the right": (" c1: x >= y", "columns go to the left"),
    "a sum on the right": (" c1: x >= 2 + y", "one number on the right"),
    "two relations": (" c1: x == 4", "unexpected '='"),
    "a column twice": (" c1: x + x >= 4", "comes twice"),
    "a row twice": (" c0: x >= 4", "comes twice"),
    "an empty row without a label": (" >= -1", "expected terms"),
    "parentheses": (" c1: 2 (x + y) >= 4", "parentheses .*multiply them out"),
    "a product": (" c1: 2 * x >= 4", "products"),
    "a fraction": (" c1: x / 2 >= 4", "products"),
    "a power": (" c1: x^2 >= 4", "powers"),
    "a quadratic form": (" c1: [ x ^ 2 ] >= 4", "quadratic"),
    "an indicator": (" c1: b = 1 -> x >= 4", "indicator"),
    "a comment of C": (" /* c1: x >= 5 */", "comment of LP begins with a backslash"),
    "a comment of C++": (" // c1: x >= 5", "comment of LP begins with a backslash"),
    "a semicolon": (" c1: x >= 3;", "unexpected ';'"),
    "a zero byte": (" \0", "nothing of a linear program"),
    "a side at infinity": (" c1: x >= inf", "room for a finite number"),
    "a heading as column": ("bounds\n general <= 3", "heading alone"),
    "semi-continuous columns": ("semi-continuous\n x", "semi-continuous"),
    "semi-continuous columns on the line of the heading": ("sec x", "semi-continuous"),
    "special ordered sets": ("sos1\n s1: x:1 y:2", "special ordered sets"),
    "lazy constraints": ("lazy constraints\n l: x >= 3", "special kind"),
}


@pytest.mark.parametrize("name", REFUSED_LP)
def test_lp_that_can_be_read_in_two_ways_or_none_is_refused(tmp_path: Path, name: str) -> None:
    text, words = REFUSED_LP[name]
    (tmp_path / "p.lp").write_text(LP.format(text))
    with pytest.raises(DataFormatError, match=rf"p\.lp, line \d+: .*{words}"):
        Program.read(tmp_path / "p.lp")


@pytest.mark.parametrize("where", ["bounds\n z <= 4\n w free", "general\n z\n w", "binary\n z\nbounds\n w >= 1"])
def test_columns_named_outside_the_rows_are_read_with_a_warning(tmp_path: Path, where: str) -> None:
    (tmp_path / "p.lp").write_text(LP.format(where))
    with pytest.warns(
        ModelFileWarning, match=r"p\.lp, line \d: column . \(and 1 more\) is in no objective and no row"
    ) as told:
        program = Program.read(tmp_path / "p.lp")
    assert told[0].filename == __file__
    assert sorted(program.column_names) == ["w", "x", "y", "z"]
    assert program.cost.tolist()[2:] == [0.0, 0.0]


MPS = """NAME          t
ROWS
 N  COST
 G  r
 G  g
COLUMNS
    x         COST               1.0   r                  1.0
    y         COST               1.0   g                  1.0
{columns}RHS
    RHS       r                  4.0   g                  2.0
{rhs}{sections}ENDATA
"""


def _mps(columns: str = "", rhs: str = "", sections: str = "") -> str:
    return MPS.format(columns=columns, rhs=rhs, sections=sections)


INTEGER = "    M1        'MARKER'                 'INTORG'\n{}    M2        'MARKER'                 'INTEND'\n"
Z = "    z         COST              -1.0\n"
READ_MPS = {
    "as it is": (_mps(), 6.0),
    "MI": (_mps(Z, sections="BOUNDS\n MI BND       z\n UP BND       z                  9.0\n"), -3.0),
    "UP, then MI": (_mps(Z, sections="BOUNDS\n UP BND       z                  9.0\n MI BND       z\n"), -3.0),
    "BV": (_mps(Z, sections="BOUNDS\n BV BND       z\n"), 5.0),
    "BV with a number": (_mps(Z, sections="BOUNDS\n BV BND       z                  1.0\n"), 5.0),
    "LI": (_mps(Z.replace("-", " "), sections="BOUNDS\n LI BND       z                  1.5\n"), 8.0),
    "UI": (_mps(Z, sections="BOUNDS\n UI BND       z                  7.5\n"), -1.0),
    "FX": (_mps(sections="BOUNDS\n FX BND       x                  9.0\n"), 11.0),
    "UP 0": (_mps(sections="BOUNDS\n UP BND       x                  0.0\n"), None),
    "bounds that cross": (_mps(sections="BOUNDS\n LO BND  x  9.0\n UP BND  x  5.0\n"), None),
    "infinity as a word": (_mps(sections="BOUNDS\n UP BND  x  Inf\n LO BND  y  -Infinity\n"), 6.0),
    "bounds without a set": (_mps(sections="BOUNDS\n UP           x                  9.0\n"), 6.0),
    "an integer without bounds": (_mps(INTEGER.format(Z)), 5.0),
    "an integer with an upper bound": (_mps(INTEGER.format(Z), sections="BOUNDS\n UP BND  z  7.0\n"), -1.0),
    "an integer with a lower bound": (
        _mps(INTEGER.format(Z.replace("-", " ")), sections="BOUNDS\n LO BND  z  3\n"),
        9.0,
    ),
    "an offset": (_mps(rhs="    RHS       COST             -10.0\n"), 16.0),
    "Fortran's exponent": (_mps("    z         COST             1.0D1   r                1.0d0\n"), 6.0),
    "a comment in the first column": (_mps(rhs="* a comment\n"), 6.0),
    "a range before the side": (
        _mps()
        .replace("RHS\n", "RANGES\n    RNG  r  2\nRHS\n", 1)
        .replace("COST               1.0   r", "COST  -1.0   r"),
        -4.0,
    ),
    "no right-hand sides": (
        _mps().replace("RHS\n    RHS       r                  4.0   g                  2.0\n", ""),
        0.0,
    ),
    "old line ends": (_mps().replace("\n", "\r\n"), 6.0),
    "CBC's word for free format": (_mps().replace("NAME          t", "NAME t FREE"), 6.0),
}


@pytest.mark.parametrize("name", READ_MPS)
def test_mps_that_is_odd_but_plain(tmp_path: Path, optimum: Callable[[Program], float | None], name: str) -> None:
    text, expected = READ_MPS[name]
    (tmp_path / "p.mps").write_bytes(text.encode())
    program = Program.read(tmp_path / "p.mps")
    assert program.name == "t"
    found = optimum(program)
    assert found is None if expected is None else found == pytest.approx(expected)


@pytest.mark.parametrize(
    ("row", "width", "low", "high"),
    [
        ("L", "-2", 2, 4),
        ("L", "2", 2, 4),
        ("G", "2", 4, 6),
        ("G", "-2", 4, 6),
        ("E", "2", 4, 6),
        ("E", "-2", 2, 4),
        ("E", "0", 4, 4),
    ],
)
def test_ranges_by_the_rules_of_cplex(tmp_path: Path, row: str, width: str, low: float, high: float) -> None:
    (tmp_path / "p.mps").write_text(
        f"ROWS\n N  COST\n {row}  r\nCOLUMNS\n    x  r  1\nRHS\n    RHS  r  4\nRANGES\n    RNG  r  {width}\nENDATA\n"
    )
    program = Program.read(tmp_path / "p.mps")
    assert (program.row_lower[0], program.row_upper[0]) == (low, high)


TWO_SETS = """NAME T
ROWS
 N COST
 L R1
 G R2
COLUMNS
    x COST 1 R1 1
    x R2 1
    y COST 2 R1 1
    y R2 1
RHS
    RHS R1 10 R2 2
{rhs}{ranges}BOUNDS
 UP B1 x 1
{bounds}ENDATA
"""


@pytest.mark.parametrize(
    ("parts", "section", "expected"),
    [
        ({"bounds": " UP B2 y 0\n"}, "BOUNDS has two sets, B1 and B2", 3.0),
        ({"bounds": " FR B2 y\n"}, "BOUNDS has two sets, B1 and B2", 3.0),
        ({"rhs": "    OTHER R2 5\n"}, "RHS has two sets, RHS and OTHER", 3.0),
        ({"rhs": "    OTHER COST -5\n"}, "RHS has two sets, RHS and OTHER", 3.0),
        ({"ranges": "RANGES\n    A R1 7\n    B R2 0\n"}, "RANGES has two sets, A and B", 5.0),
    ],
)
def test_the_first_of_two_sets_counts(
    tmp_path: Path, optimum: Callable[[Program], float | None], parts: dict[str, str], section: str, expected: float
) -> None:
    """As for CPLEX, SCIP and CBC; HiGHS merges them, GLPK refuses."""
    (tmp_path / "p.mps").write_text(TWO_SETS.format(**{"rhs": "", "ranges": "", "bounds": ""} | parts))
    with pytest.warns(ModelFileWarning, match=rf"p\.mps, line \d+: {section}; the first is used"):
        program = Program.read(tmp_path / "p.mps")
    assert optimum(program) == pytest.approx(expected)


@pytest.mark.parametrize("line", ["    OTHER R9 5\n", "    OTHER R2 x\n", "    * a comment\n"])
def test_the_second_set_is_read_as_carefully(tmp_path: Path, line: str) -> None:
    (tmp_path / "p.mps").write_text(TWO_SETS.format(rhs=line, ranges="", bounds=""))
    with pytest.raises(DataFormatError, match="line 13: "):
        Program.read(tmp_path / "p.mps")


@pytest.mark.parametrize(
    ("head", "sense", "cost"),
    [
        ("OBJSENSE\nMAX\n", Sense.MAXIMIZE, 1.0),
        ("OBJSENSE\n  MAXIMIZE\n", Sense.MAXIMIZE, 1.0),
        ("OBJSENSE MAX\n", Sense.MAXIMIZE, 1.0),
        ("OBJSENSE\n    MIN\nOBJNAME\n    SECOND\n", Sense.MINIMIZE, 3.0),
        ("OBJNAME\nSECOND\nOBJSENSE\nMAX\n", Sense.MAXIMIZE, 3.0),
        ("OBJNAME SECOND\n", Sense.MINIMIZE, 3.0),
    ],
)
def test_sections_of_the_objective(tmp_path: Path, head: str, sense: Sense, cost: float) -> None:
    (tmp_path / "p.mps").write_text(
        f"NAME t\n{head}ROWS\n N  FIRST\n N  SECOND\n L  r\nCOLUMNS\n    x  FIRST  1  SECOND  3\n    x  r  1\nENDATA\n"
    )
    program = Program.read(tmp_path / "p.mps")
    assert (program.sense, program.cost.tolist()) == (sense, [cost])
    assert program.row_names == ("SECOND" if cost == 1 else "FIRST", "r")


@pytest.mark.parametrize(
    ("head", "line", "words"),
    [
        ("MAX\n", 2, "'MAX' is no section"),
        ("OBJSENSE\n", 9, "section OBJSENSE is empty"),
        ("OBJNAME\n", 9, "section OBJNAME is empty"),
        ("OBJSENSE\n    MAX\n    MIN\n", 4, "a second objective sense"),
        ("OBJNAME\n    r\n", 3, "objective r is no row of type N"),
        ("OBJNAME\n    q\n", 3, "objective q is no row of type N"),
        ("OBJNAME\n    FIRST SECOND\n", 3, "expected the name of one row"),
    ],
)
def test_damaged_sections_of_the_objective(tmp_path: Path, head: str, line: int, words: str) -> None:
    (tmp_path / "p.mps").write_text(
        f"NAME t\n{head}ROWS\n N  FIRST\n N  SECOND\n L  r\nCOLUMNS\n    x  FIRST  1  SECOND  3\nENDATA\n"
    )
    with pytest.raises(DataFormatError, match=rf"line {line}: .*{words}"):
        Program.read(tmp_path / "p.mps")


SPACED = """NAME          t
ROWS
 N  MY COST
 G  ROW 1
 G  ROW 2
COLUMNS
    COL 1     MY COST            1.0   ROW 1              1.0
    COL 2     MY COST            1.0   ROW 2              1.0
    M1        'MARKER'                 'INTORG'
    COL 3     MY COST           -1.0
    M2        'MARKER'                 'INTEND'
RHS
    MY RHS    ROW 1              4.0   ROW 2              2.0
BOUNDS
 LO BND       COL 1              5.0
 FR           COL 2
ENDATA
"""


def test_names_with_spaces_in_fixed_format(tmp_path: Path, optimum: Callable[[Program], float | None]) -> None:
    (tmp_path / "p.mps").write_text(SPACED)
    program = Program.read(tmp_path / "p.mps")
    assert program.column_names == ("COL 1", "COL 2", "COL 3")
    assert program.row_names == ("ROW 1", "ROW 2")
    assert optimum(program) == pytest.approx(6.0)
    program.write(tmp_path / "again.mps")
    assert Program.read(tmp_path / "again.mps").column_names == program.column_names


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    COL 1     MY COST            1.0   ROW 1              1.0", "    COL 1 MY COST 1.0 ROW 1 1.0"),
        (" G  ROW 2", "   G ROW 2"),
        ("    MY RHS    ROW 1              4.0", "\tMY RHS    ROW 1              4.0"),
        ("LO BND       COL 1              5.0", "LO BND       COL 1                            5.0"),
        (" LO BND       COL 1", " LO BND       COL 9"),
    ],
)
def test_names_with_spaces_where_the_columns_do_not_hold(tmp_path: Path, old: str, new: str) -> None:
    (tmp_path / "p.mps").write_text(SPACED.replace(old, new))
    with pytest.raises(DataFormatError, match=r"line 3: 'N MY COST'.*without spaces"):
        Program.read(tmp_path / "p.mps")


def test_a_plain_file_warns_of_nothing(tmp_path: Path) -> None:
    (tmp_path / "p.mps").write_text(_mps())
    (tmp_path / "p.lp").write_text(LP.format(""))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Program.read(tmp_path / "p.mps")
        Program.read(tmp_path / "p.lp")


def test_an_infinite_side_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "p.mps").write_text(_mps(rhs="").replace("4.0", "inf"))
    with pytest.raises(DataFormatError, match=r"p\.mps, line 10: row r has bounds \[inf, inf\]"):
        Program.read(tmp_path / "p.mps")
