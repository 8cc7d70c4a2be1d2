"""Notes in written files: edited files are read as they stand or refused, never followed blindly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgeopt.model.errors import DataFormatError
from edgeopt.model.program import Program

inf = np.inf


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A file with a note of each kind."""
    program = Program(
        [1, 2],
        [[1, 1], [1, 0], [0, 0]],
        [2, -inf, -1],
        [4, inf, inf],
        offset=3,
        name="p",
        column_names=["x[0]", "x[1]"],
        row_names=["r[0]", "free one", "empty"],
    )
    program.write(tmp_path / "p.lp")
    return tmp_path / "p.lp"


def test_a_written_file_explains_itself(written: Path) -> None:
    assert written.read_text() == (
        "\\ Problem name: p\n"
        "\\ edgeopt: the lines that begin with 'edgeopt' give it back the original names and rows\n"
        '\\ edgeopt column ["x_0", "x[0]"]\n'
        '\\ edgeopt column ["x_1", "x[1]"]\n'
        '\\ edgeopt row ["r_0", "r[0]"]\n'
        '\\ edgeopt row ["free_one", "free one"]\n'
        '\\ edgeopt range ["r_0_lo", "r_0_up", "r_0"]\n'
        '\\ edgeopt constant ["one"]\n'
        "minimize\n"
        " obj: + 1.0 x_0 + 2.0 x_1 + 3.0 one\n"
        "subject to\n"
        " r_0_lo: + 1.0 x_0 + 1.0 x_1 >= 2.0\n"
        " r_0_up: + 1.0 x_0 + 1.0 x_1 <= 4.0\n"
        "\\ edgeopt reads  free_one: + 1.0 x_0 >= -inf\n"
        " empty: + 0.0 one >= -1.0\n"
        "bounds\n"
        " one = 1.0\n"
        "end\n"
    )


def test_without_the_notes_it_is_the_program_that_others_read(written: Path) -> None:
    text = "\n".join(line for line in written.read_text().splitlines() if not line.startswith("\\ edgeopt"))
    written.write_text(text + "\n")
    program = Program.read(written)
    assert program.column_names == ("x_0", "x_1", "one")
    assert program.row_names == ("r_0_lo", "r_0_up", "empty")
    assert program.offset == 0


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_numbers_may_be_edited(written: Path) -> None:
    change(written, "r_0_lo: + 1.0 x_0 + 1.0 x_1 >= 2.0", "r_0_lo: + 1.0 x_0 + 1.0 x_1 >= 2.5")
    change(written, "+ 3.0 one", "+ 7.0 one")
    change(written, "empty: + 0.0 one >= -1.0", "empty: + 1.0 one + 2.0 x_0 >= -1.0")
    program = Program.read(written)
    assert program.row_lower.tolist() == [2.5, -inf, -2.0]
    assert program.offset == 7
    assert program.matrix.toarray().tolist() == [[1, 1], [1, 0], [2, 0]]


def test_renamed_columns_keep_their_new_names(written: Path) -> None:
    change(written, " x_0", " apples")
    assert Program.read(written).column_names == ("apples", "x[1]")


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("r_0_up: + 1.0 x_0", "r_0_up: + 1.5 x_0", 7, "two sides of one row, which is no longer so"),
        ("r_0_up: + 1.0 x_0 + 1.0 x_1 <=", "r_0_up: + 1.0 x_0 + 1.0 x_1 >=", 7, "two sides of one row"),
        (" r_0_up: ", " other: ", 7, "there are rows 'r_0_lo' and 'r_0_up'"),
        (" one = 1.0", " one <= 1.0", 8, "column 'one' is fixed at 1"),
        (" one", " two", 8, "there is 'one'"),
        ('["one"]', '["one"', 8, "damaged"),
        ('["one"]', '["one", "two"]', 8, "damaged.*expected 1 text"),
        ('["one"]', "[1]", 8, "damaged"),
        ('constant ["one"]', 'constant {"one": 1}', 8, "damaged"),
        ('["x_0", "x[0]"]', '["x_0", "x[1]"]', 0, "give the name 'x\\[1\\]' twice"),
        ('["r_0", "r[0]"]', '["r_0", "empty"]', 0, "give the name 'empty' twice"),
    ],
)
def test_notes_that_no_longer_fit_are_refused(written: Path, old: str, new: str, line: int, words: str) -> None:
    change(written, old, new)
    with pytest.raises(DataFormatError, match=(rf"p\.lp, line {line}: .*" if line else r"p\.lp: .*") + words):
        Program.read(written)


def test_a_helper_row_with_content_is_refused(tmp_path: Path) -> None:
    Program([1]).write(tmp_path / "p.lp")
    change(tmp_path / "p.lp", "helper: + 0.0 one", "helper: + 1.0 x_0")
    with pytest.raises(DataFormatError, match="row 'helper' has no content"):
        Program.read(tmp_path / "p.lp")


def test_comments_of_others_are_no_notes(tmp_path: Path) -> None:
    (tmp_path / "p.lp").write_text(
        "\\ edgeopt is nice\n\\ edgeopt + x\nmin\n x\nst\n x >= 1 \\ edgeopt reads y >= 2\nend\n"
    )
    assert Program.read(tmp_path / "p.lp").column_names == ("x",)


def test_a_maximum_in_mps_is_the_minimum_of_the_negative(tmp_path: Path) -> None:
    """GLPK refuses OBJSENSE and CBC passes it over, so no other spelling is read rightly by all."""
    Program([3, 0], [[1, 1]], -inf, 4, offset=5, sense="maximize").write(tmp_path / "p.mps")
    text = (tmp_path / "p.mps").read_text()
    assert "edgeopt negated []" in text
    assert "OBJSENSE" not in text
    assert "x[0]  COST  -3.0" in text
    assert "one  COST  -5.0" in text
