"""MathOptFormat, the JSON format of JuMP: written and read to the last bit, and refused by name where not linear."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_models import made

import edgeopt as eo
from edgeopt.model.program import Program

Same = Callable[[Program, Program], None]


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("ending", [".mof.json", ".mof.json.gz", ".MOF.JSON"])
def test_a_program_comes_back(seed: int, ending: str, tmp_path: Path, same: Same) -> None:
    given = made(seed)
    names = [f"line\n{j}" for j in given.columns]
    program = given.program(names, [f'Reihe ≥ {i} "' for i in given.rows], "made")
    program.write(tmp_path / f"p{ending}")
    same(Program.read(tmp_path / f"p{ending}"), program)


def test_numbers_and_bounds_of_all_kinds_come_back(same: Same, tmp_path: Path) -> None:
    inf = np.inf
    program = Program(
        [0.1, -1 / 3, 0.0, 5e-324],
        [[1e-300, 0.0, 0.0, 1e300], [0.0] * 4, [0.0, 1.0, 1.0, 0.0]],
        [-inf, -1.0, 2.0],
        [1e25, inf, 1.0],
        [-inf, 0.0, 2.5, 0.0],
        [inf, inf, 2.5, 1.0],
        [False, True, False, True],
        "maximize",
        -0.1,
        ["free", "whole", "fixed", "switch"],
        ["tiny", "empty", "crossed"],
    )
    program.write(tmp_path / "p.mof.json")
    same(Program.read(tmp_path / "p.mof.json"), program)
    head = json.loads((tmp_path / "p.mof.json").read_text())
    assert {constraint["set"]["type"] for constraint in head["constraints"]} == {
        "LessThan",
        "GreaterThan",
        "EqualTo",
        "Interval",
        "Integer",
    }


def test_a_row_without_bounds_comes_back(same: Same, tmp_path: Path) -> None:
    """In the set of all vectors of length 1: the format has no set of all numbers."""
    inf = np.inf
    matrix = [[1.0, 0.1], [2.0, 0.0], [0.0, 0.0]]
    program = Program([1.0, 0.0], matrix, [-inf, 1.0, -inf], [inf, inf, inf], row_names=["idle", "kept", "empty"])
    program.write(tmp_path / "p.mof.json")
    same(Program.read(tmp_path / "p.mof.json"), program)
    first = json.loads((tmp_path / "p.mof.json").read_text())["constraints"][0]
    assert first["set"] == {"type": "Reals", "dimension": 1}
    assert first["function"]["terms"][1] == {"output_index": 1, "scalar_term": {"coefficient": 0.1, "variable": "x[1]"}}


def test_vectors_in_linear_cones_are_rows() -> None:
    affine = {
        "type": "VectorAffineFunction",
        "terms": [
            {"output_index": k, "scalar_term": {"coefficient": c, "variable": v}}
            for k, c, v in ((1, 1, "x"), (1, 2, "y"), (2, 3, "x"), (1, 1, "x"))
        ],
        "constants": [5, 6],
    }
    for kind, lower, upper in (
        ("Nonnegatives", [-5, -6], [np.inf] * 2),
        ("Nonpositives", [-np.inf] * 2, [-5, -6]),
        ("Zeros", [-5, -6], [-5, -6]),
    ):
        program = read(one(affine, {"type": kind, "dimension": 2}))
        assert list(program.row_names) == ["bent[1]", "bent[2]"]
        assert program.matrix.toarray().tolist() == [[2, 2], [3, 0]]
        assert (program.row_lower.tolist(), program.row_upper.tolist()) == (lower, upper)
    program = read(one(VECTOR | {"variables": ["y"]}, {"type": "Nonpositives", "dimension": 1}))
    assert (list(program.row_names), program.row_upper.tolist()) == (["bent"], [0])


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (Program([1.0], lower=np.inf), r"column x\[0\] has bounds \[inf, inf\]"),
        (Program([1.0], [[1.0]], np.inf), r"row row\[0\] has bounds"),
        (Program([1.0], [[1.0]], 0.0, row_names=[""]), "a row has an empty name"),
    ],
)
def test_what_json_does_not_hold_is_refused(program: Program, words: str, tmp_path: Path) -> None:
    with pytest.raises(eo.InvalidProblemError, match=words):
        program.write(tmp_path / "p.mof.json")
    assert not list(tmp_path.iterdir())


def model(**changed: Any) -> dict[str, Any]:
    """The example of the format's repository: min x, x + y >= 1, x in [0, 1], y in {0, 1}."""
    x, y = ({"type": "Variable", "name": name} for name in "xy")
    terms = [{"coefficient": 1, "variable": name} for name in "xy"]
    total = {"type": "ScalarAffineFunction", "terms": terms, "constant": 0}
    return {
        "description": "The problem: min{x | x + y >= 1, x in [0, 1], y in {0, 1}}",
        "version": {"major": 1, "minor": 7},
        "variables": [{"name": "x", "primal_start": 0.0}, {"name": "y", "primal_start": 1.0}],
        "objective": {"sense": "min", "function": x},
        "constraints": [
            {"name": "x + y >= 1", "function": total, "set": {"type": "GreaterThan", "lower": 1}},
            {"name": "x in [0, 1]", "function": x, "set": {"type": "Interval", "lower": 0, "upper": 1}},
            {"name": "y in {0, 1}", "function": y, "set": {"type": "ZeroOne"}},
        ],
    } | changed


def read(head: Any) -> Program:
    return Program.read_string(json.dumps(head), "mof.json")


def test_the_example_of_the_format() -> None:
    program = read(model())
    assert list(program.column_names) == ["x", "y"]
    assert list(program.row_names) == ["x + y >= 1"]
    assert program.integrality.tolist() == [False, True]
    assert (program.lower.tolist(), program.upper.tolist()) == ([0, 0], [1, 1])
    solution = eo.solve(program)
    assert solution.objective == 0
    assert solution.decision.values.tolist() == [0, 1]


def test_constants_repeated_terms_and_constraints_without_names() -> None:
    terms = [{"coefficient": 2, "variable": "x"}, {"coefficient": 3, "variable": "x"}]
    function = {"type": "ScalarAffineFunction", "terms": terms, "constant": 4}
    head = model(
        objective={"sense": "max", "function": function},
        constraints=[{"function": function, "set": {"type": "LessThan", "upper": 10}}],
    )
    program = read(head)
    assert (program.offset, program.sense, program.cost.tolist()) == (4, "maximize", [5, 0])
    assert list(program.row_names) == ["constraints[0]"]
    assert program.row_upper.tolist() == [6]
    assert program.lower.tolist() == [-np.inf, -np.inf]
    assert read(model(objective={"sense": "feasibility"})).cost.tolist() == [0, 0]


X = {"type": "Variable", "name": "x"}
QUADRATIC = {"type": "ScalarQuadraticFunction", "affine_terms": [], "quadratic_terms": [], "constant": 0}
TERM = {"coefficient": 1, "variable": "x"}
ENTRIES = {"type": "VectorAffineFunction", "terms": [], "constants": [0]}
VECTOR = {"type": "VectorOfVariables", "variables": ["x", "y"]}
AFFINE = {"type": "ScalarAffineFunction", "terms": [{"coefficient": 1, "variable": "x"}], "constant": 0}


def one(function: Any, within: Any) -> dict[str, Any]:
    return model(constraints=[{"name": "bent", "function": function, "set": within}])


REFUSED = [
    (one(QUADRATIC, {"type": "LessThan", "upper": 1}), "constraint 'bent' is a 'ScalarQuadraticFunction'"),
    (one(VECTOR, {"type": "SOS1", "weights": [1, 2]}), "constraint 'bent' is a 'VectorOfVariables'"),
    (one(X, {"type": "Semicontinuous", "lower": 1, "upper": 2}), "constraint 'bent' lies in the set 'Semicontinuous'"),
    (one(VECTOR, {"type": "Zeros", "dimension": 3}), "constraint 'bent' has 2 entries in a set of dimension 3"),
    (one(VECTOR, {"type": "Zeros"}), "constraint 'bent' has 2 entries in a set of dimension None"),
    (one(VECTOR | {"variables": ["z"]}, {"type": "Zeros", "dimension": 1}), "constraint 'bent' names the variable 'z'"),
    (one(AFFINE, {"type": "Zeros", "dimension": 1}), "constraint 'bent' lies in the set 'Zeros'"),
    (one(ENTRIES | {"terms": [3]}, {"type": "Zeros", "dimension": 1}), "constraint 'bent' has the term 3"),
    (
        one(ENTRIES | {"terms": [{"output_index": 2, "scalar_term": TERM}]}, {"type": "Zeros", "dimension": 1}),
        "constraint 'bent' has a term of entry 2; expected 1 to 1",
    ),
    (
        one(ENTRIES | {"constants": [True]}, {"type": "Zeros", "dimension": 1}),
        "constant of entry 1 of constraint 'bent' is True",
    ),
    (one(AFFINE, {"type": "Integer"}), "constraint 'bent' lies in the set 'Integer'"),
    (one(X, {"type": "LessThan"}), "upper of constraint 'bent' is None; expected a finite number"),
    (one(X, {"type": "LessThan", "upper": True}), "upper of constraint 'bent' is True"),
    (one(X, {"type": "LessThan", "upper": 10**400}), "upper of constraint 'bent' is 1000.*; expected a finite number"),
    (one({"type": "Variable", "name": "z"}, {"type": "Integer"}), "constraint 'bent' names the variable 'z'"),
    (one({"type": []}, {"type": "LessThan", "upper": 1}), r"constraint 'bent' is a \[\]"),
    (one(AFFINE | {"terms": [3]}, {"type": "LessThan", "upper": 1}), "constraint 'bent' has the term 3"),
    (one(X, 7), "set of constraint 'bent' is 7; expected an object"),
    (
        model(constraints=[{"name": "c", "function": X, "set": {"type": "EqualTo", "value": 1}}] * 2),
        "second lower bound",
    ),
    (
        model(constraints=[{"name": "c", "function": AFFINE, "set": {"type": "EqualTo", "value": 1}}] * 2),
        "'c' comes twice",
    ),
    (model(variables=[{"name": "x"}, {"name": "x"}]), "variable 'x' comes twice"),
    (model(variables=[{}]), r"name of variables\[0\] is None; expected text"),
    (model(variables={}), "variables is missing or no list"),
    (model(objective={"sense": "both", "function": X}), "the sense of the objective is 'both'"),
    (model(objective={"sense": "min", "function": VECTOR}), "the objective is a 'VectorOfVariables'"),
    (model(version={"major": 2, "minor": 0}), "the version is 2.0; expected MathOptFormat 1.x"),
    (model(version=1), "there is no version"),
    ([], "is no MathOptFormat file"),
]


@pytest.mark.parametrize(("head", "words"), REFUSED)
def test_what_no_linear_program_holds_is_refused_by_name(head: Any, words: str) -> None:
    with pytest.raises(eo.DataFormatError, match=words):
        read(head)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{\n]", "the text, line 2"),
        ('{"version": NaN}', "the number NaN"),
        ("[" * 100_000, "no JSON that can be read"),
        ('{"a": ' + "9" * 5000 + "}", "no JSON that can be read"),
        ("", "line 1"),
    ],
)
def test_damaged_text_is_refused(text: str, words: str) -> None:
    with pytest.raises(eo.DataFormatError, match=words):
        Program.read_string(text, "mof.json")


def test_a_file_that_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEOPT_MAX_UNPACKED", "1000")
    (tmp_path / "p.mof.json.gz").write_bytes(gzip.compress(json.dumps(model()).encode() + b" " * 10_000))
    with pytest.raises(eo.DataFormatError, match="EDGEOPT_MAX_UNPACKED"):
        Program.read(tmp_path / "p.mof.json.gz")


def test_text_in_the_other_formats() -> None:
    lp = "maximize\n obj: 2 x + y\nsubject to\n c: x + y <= 4\nbounds\n x <= 3\nend\n"
    program = Program.read_string(lp)
    assert eo.solve(program).objective == 7
    mps = "NAME p\nROWS\n N c\n L r\nCOLUMNS\n x c 1\n x r 1\nRHS\n B r 4\nENDATA\n"
    assert Program.read_string(mps, "mps").row_upper.tolist() == [4]
    with pytest.raises(eo.DataFormatError, match="the text, line 2"):
        Program.read_string("maximize\n obj: 2 x ^ 2\nend\n", "lp")
    with pytest.raises(eo.InvalidOptionError, match="format is 'xml'; expected 'mps' or 'lp' or 'mof.json'"):
        Program.read_string(lp, "xml")
    with pytest.raises(eo.DataFormatError, match="the text is a bytes"):
        Program.read_string(lp.encode())  # type: ignore[arg-type]


def test_a_warning_about_text_points_at_its_reader() -> None:
    pulp_text = "*SENSE:Maximize\nNAME p\nROWS\n N c\nCOLUMNS\n x c 1\nBOUNDS\n UP B x 3\nENDATA\n"
    with pytest.warns(eo.ModelFileWarning, match="SENSE:Maximize") as caught:
        program = Program.read_string(pulp_text, "mps")
    assert program.sense == "maximize"
    assert re.search(r"test_mof\.py$", caught[0].filename)
