"""HiGHS, SCIP, GLPK and CBC read the files that edgeopt writes, and edgeopt gets back every bit and name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgeopt.model.problem import Sense
from edgeopt.model.program import Program

inf = np.inf
# Everything with its optimum, worked by hand.
PROGRAMS = {
    "a range": (Program([1, 2], [[1, 1]], 2, 4, column_names=["a", "b"], row_names=["r"]), 2.0),
    "a range that ends it": (Program([-1, -2], [[1, 1]], 2, 4), -8.0),
    "default names": (Program([1, 2], [[1, 1]], 2), 2.0),
    "an offset": (Program([1, 2], [[1, 1]], 2, offset=-0.1), 1.9),
    "an offset, maximised": (Program([1, 2], [[1, 1]], -inf, 4, offset=10, sense="maximize"), 18.0),
    "maximised": (Program([3, 1], [[1, 1], [1, -1]], [-inf, -1], [4, 2], sense="maximize"), 10.0),
    "empty rows": (Program([1], [[0], [1], [0], [0]], [-1, 2, -inf, 0], [inf, inf, 5, 0]), 2.0),
    "an empty row that nothing satisfies": (Program([1], [[0], [1]], [1, 2]), None),
    "free rows": (Program([1, 1], [[1, 0], [0, 1], [1, 1]], [2, -inf, -inf], [inf, inf, inf]), 2.0),
    "free rows alone": (Program([1], [[1], [0]], -inf, inf, 3), 3.0),
    "no rows": (Program([1, -1], lower=2, upper=5), -3.0),
    "no columns": (Program([], np.zeros((2, 0)), [-1, 0], [1, 0], offset=4), 4.0),
    "nothing": (Program([]), 0.0),
    "columns that occur nowhere": (Program([0, 1, 0], [[0, 1, 0]], 2, lower=[0, 0, -inf], upper=[inf, inf, -3]), 2.0),
    "integers without end": (Program([1, -1], [[2, 0], [0, 2]], [-7, -inf], [inf, 7], -inf, inf, True), -6.0),
    "integers from below": (Program([-1], [[2]], -inf, 17, -3, inf, True), -8.0),
    "integers from above": (Program([1], [[2]], -7, inf, -inf, -1, True), -3.0),
    "negative upper bounds": (Program([-1, 1], lower=[-inf, -5], upper=[-3, -2]), -2.0),
    "binaries": (Program([-3, -2, -2], [[2, 1, 1]], -inf, 3, 0, 1, True), -5.0),
    "fixed columns": (Program([1, 1], [[1, 1]], 4, inf, [-1.5, 0], [-1.5, inf]), 4.0),
    "an equation": (Program([1, 1], [[1, 2]], 3, 3), 1.5),
    "large and small": (Program([1e-7, 1e7], [[1e-3, 1e5]], 1, 1e12), 1e-4),
    "all digits": (Program([1 / 3, 0.1 + 0.2], [[1, 1]], 2 / 3), 0.2),
    "a range with no float for its width": (Program([1.0], [[1.0]], 0.1, 1e15), 0.1),
    "one name for all": (Program([1], [[1]], 2, column_names=["r"], row_names=["r"], name="r", offset=1), 3.0),
    "names of helpers": (
        Program(
            [1, 1],
            [[1, 1], [1, 0]],
            [2, -inf],
            [4, inf],
            offset=1,
            column_names=["one", "helper"],
            row_names=["r", "r_lo"],
            name="FREE",
        ),
        3.0,
    ),
}


@pytest.mark.parametrize("ending", [".lp", ".mps"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_others_find_the_optimum(
    tmp_path: Path, reader: Callable[[Path], float | None], ending: str, name: str
) -> None:
    program, expected = PROGRAMS[name]
    path = tmp_path / f"p{ending}"
    program.write(path)
    found = reader(path)
    if expected is None:
        assert found is None
    else:
        assert _as_meant(program, ending, found) == pytest.approx(expected, rel=1e-8, abs=1e-12)


def _as_meant(program: Program, ending: str, found: float | None) -> float | None:
    """A maximum stands in MPS as the minimum of the negative."""
    return -found if found is not None and ending == ".mps" and program.sense is Sense.MAXIMIZE else found


@pytest.mark.parametrize("ending", [".lp", ".mps", ".lp.gz", ".mps.gz"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_reading_gives_the_program_back(
    tmp_path: Path, same: Callable[[Program, Program], None], ending: str, name: str
) -> None:
    program, _ = PROGRAMS[name]
    program.write(tmp_path / f"p{ending}")
    same(Program.read(tmp_path / f"p{ending}"), program)


NAMES = [
    "x[0]",
    "x[1,2]",
    "x(1)",
    "two words",
    "1st",
    "-3",
    "1e5",
    "e",
    "e1",
    "E12",
    "e1x",
    "inf",
    "Infinity",
    "infx",
    "nan",
    "free",
    "FREE",
    "st",
    "s.t.",
    "subject",
    "bounds",
    "Bound",
    "general",
    "int",
    "bin",
    "end",
    "END",
    "max",
    "minimize",
    "sec",
    "sos1",
    "RHS",
    "BOUND",
    "RANGES",
    "ROWS",
    "COLUMNS",
    "ENDATA",
    "NAME",
    "OBJSENSE",
    "MARKER",
    "'MARKER'",
    "COST",
    "obj",
    "one",
    "$x",
    "*x",
    ".x",
    ";x",
    "x+y",
    "x-y",
    "x*y",
    "x/y",
    "x^2",
    "x:y",
    "x<y",
    "x>=y",
    "x=y",
    "x\\y",
    "x|y",
    "x;y",
    'x"y',
    "(",
    "[",
    "",
    " ",
    "\t",
    "a\nb",
    "é",
    "变量",
    "\u2028",
    "x" * 100,
    "x" * 101,
    "x" * 300,
    "y" * 3000,
    "x_0",
    "x_0_",
    "x_0_2",
]


@pytest.mark.parametrize("ending", [".lp", ".mps"])
def test_others_take_every_name(tmp_path: Path, reader: Callable[[Path], float | None], ending: str) -> None:
    count = len(NAMES)
    program = Program(
        np.arange(1.0, count + 1),
        np.eye(count),
        1.0,
        4.0,
        0.0,
        9.0,
        np.arange(count) % 2 == 0,
        column_names=NAMES,
        row_names=NAMES,
    )
    path = tmp_path / f"p{ending}"
    program.write(path)
    assert reader(path) == pytest.approx(count * (count + 1) / 2)


@pytest.mark.parametrize("ending", [".lp", ".mps"])
@pytest.mark.parametrize("name", [*NAMES, *(f"a{chr(code)}b" for code in range(33, 127))])
def test_every_name_comes_back(
    tmp_path: Path, same: Callable[[Program, Program], None], ending: str, name: str
) -> None:
    program = Program([1.0, 2.0], [[1.0, 1.0]], 1.0, 2.0, column_names=[name, "z"], row_names=[name], offset=2)
    program.write(tmp_path / f"p{ending}")
    same(Program.read(tmp_path / f"p{ending}"), program)


def test_lines_of_a_file_are_short(tmp_path: Path) -> None:
    """CPLEX reads 560 letters of a line of LP, CBC 900 of a comment of MPS."""
    names = [f"{'x' * 90}{j}" for j in range(40)]
    program = Program(np.ones(40), np.ones((1, 40)), 1, 2, column_names=names, row_names=["y" * 5000])
    for ending in (".lp", ".mps"):
        program.write(tmp_path / f"p{ending}")
        assert max(map(len, (tmp_path / f"p{ending}").read_text().splitlines())) <= 255


def random_program(seed: int) -> Program:
    draw = np.random.default_rng(seed)
    columns, rows = (int(n) for n in draw.integers(0, 5, 2))
    matrix = draw.integers(-5, 6, (rows, columns)) * draw.choice([1.0, 0.1, 1 / 3])
    matrix[draw.random((rows, columns)) < 0.4] = 0

    def bounds(count: int) -> tuple[np.ndarray, np.ndarray]:
        low, high = np.sort(draw.integers(-6, 7, (2, count)).astype(float), axis=0)
        equal = draw.random(count) < 0.2
        low, high = np.where(draw.random(count) < 0.3, -inf, low), np.where(draw.random(count) < 0.3, inf, high)
        return np.where(equal & np.isfinite(high), high, low), high

    row_lower, row_upper = bounds(rows)
    lower, upper = bounds(columns)
    binary = draw.random(columns) < 0.2
    names = [list(map(str, draw.permutation(NAMES)[:count])) for count in (columns, rows)]
    return Program(
        draw.integers(-5, 6, columns) * draw.choice([1.0, 0.01]),
        matrix,
        row_lower,
        row_upper,
        np.where(binary, 0, lower),
        np.where(binary, 1, upper),
        binary | (draw.random(columns) < 0.3),
        str(draw.choice(["minimize", "maximize"])),
        float(draw.choice([0.0, 2.5, -1e3])),
        names[0],
        names[1],
        str(draw.choice(["", "a name", "free"])),
    )


@pytest.mark.parametrize("ending", [".lp", ".mps"])
@pytest.mark.parametrize("seed", range(20))
def test_others_find_the_optimum_of_random_programs(
    tmp_path: Path,
    reader: Callable[[Path], float | None],
    optimum: Callable[[Program], float | None],
    same: Callable[[Program, Program], None],
    ending: str,
    seed: int,
) -> None:
    program = random_program(seed)
    path = tmp_path / f"p{ending}"
    program.write(path)
    same(Program.read(path), program)
    expected, found = optimum(program), _as_meant(program, ending, reader(path))
    if expected is None:
        assert found is None
    else:
        assert found == pytest.approx(expected, rel=1e-6, abs=1e-7)
