"""Reading MathOptFormat, the JSON format of JuMP, where it is linear.

Variables are free unless a constraint says otherwise. A constraint is a function in a set: a variable or an affine
function, in ``LessThan``, ``GreaterThan``, ``EqualTo``, ``Interval``, ``Integer`` or ``ZeroOne``, or a vector of them,
in ``Nonnegatives``, ``Nonpositives``, ``Zeros`` or ``Reals``. All else is refused under the constraint's name.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np
from scipy import sparse

from ...model.errors import DataFormatError
from ...model.problem import Sense
from ...model.program import Program

_SETS = {
    "LessThan": (None, "upper"),
    "GreaterThan": ("lower", None),
    "EqualTo": ("value", "value"),
    "Interval": ("lower", "upper"),
}
"""Keys of the lower and the upper end of each set."""
_AFFINE = {"ScalarAffineFunction", "Variable"}
_VECTORS = ("VectorAffineFunction", "VectorOfVariables")
_CONES = {
    "Nonnegatives": (0.0, math.inf),
    "Nonpositives": (-math.inf, 0.0),
    "Zeros": (0.0, 0.0),
    "Reals": (-math.inf, math.inf),
}
"""Bounds of each entry of a vector in these sets."""


@dataclass
class _Model:
    """What has been read so far."""

    place: str
    columns: dict[str, int]
    lower: dict[int, float] = field(default_factory=dict)
    upper: dict[int, float] = field(default_factory=dict)
    integral: set[int] = field(default_factory=set)
    binary: set[int] = field(default_factory=set)
    names: dict[str, None] = field(default_factory=dict)
    sides: list[tuple[float, float]] = field(default_factory=list)
    row_of: list[int] = field(default_factory=list)
    column_of: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    def error(self, found: str, remedy: str) -> DataFormatError:
        return DataFormatError(f"{self.place}: {found}; {remedy}")


def parse(text: str, place: str) -> tuple[Program, list[str]]:
    """Return the program that a MathOptFormat file holds, and what its reader should know.

    Raises
    ------
    DataFormatError
        If it is no JSON (with the line), not MathOptFormat 1.x or 0.6 and later, or not linear; names the constraint.
    """
    head = _json(text, place)
    model = _Model(place, {})
    _check_version(model, head)
    for k, variable in enumerate(_list(model, head, "variables")):
        name = _member(model, variable, "name", str, f"variables[{k}]")
        if name in model.columns:
            raise model.error(f"variable {name!r} comes twice", "names must be unique")
        model.columns[name] = k
    for k, constraint in enumerate(_list(model, head, "constraints")):
        _constraint(model, constraint, k)
    cost, offset, sense = _objective(model, head)
    return _program(model, cost, offset, sense, head.get("name")), []


def _json(text: str, place: str) -> dict[str, Any]:
    def refuse(word: str) -> NoReturn:
        raise DataFormatError(f"{place} holds the number {word}; JSON has finite numbers only")

    try:
        head = json.loads(text, parse_constant=refuse)
    except json.JSONDecodeError as error:
        raise DataFormatError(f"{place}, line {error.lineno}: {error.msg}; expected JSON") from error
    except DataFormatError:
        raise
    except (RecursionError, ValueError) as error:  # nested too deep, or a whole number of thousands of digits
        raise DataFormatError(f"{place} is no JSON that can be read: {error}") from error
    if not isinstance(head, dict):
        raise DataFormatError(f"{place} is no MathOptFormat file; expected an object with variables and constraints")
    return head


def _check_version(model: _Model, head: dict[str, Any]) -> None:
    version = head.get("version")
    if not isinstance(version, dict) or not all(isinstance(version.get(key), int) for key in ("major", "minor")):
        raise model.error("there is no version", 'expected "version": {"major": 1, "minor": …}')
    number = (version["major"], version["minor"])
    # Version 0.6 is the first with one objective and with "type" for kinds, as in 1.x.
    if not (number[0] == 1 or (number[0] == 0 and number[1] >= 6)):
        raise model.error(f"the version is {number[0]}.{number[1]}", "expected MathOptFormat 1.x: write it with JuMP 1")


def _list(model: _Model, head: dict[str, Any], key: str) -> list[dict[str, Any]]:
    items = head.get(key)
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise model.error(f"{key} is missing or no list of objects", f'expected "{key}": [{{…}}, …]')
    return items


def _member(model: _Model, item: dict[str, Any], key: str, kind: type[Any], where: str) -> Any:
    value = item.get(key)
    if not isinstance(value, kind):
        names: dict[type[Any], str] = {str: "text", list: "a list", dict: "an object"}
        raise model.error(f"{key} of {where} is {_short(value)}", f"expected {names[kind]}")
    return value


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _number(model: _Model, item: dict[str, Any], key: str, where: str) -> float:
    value = item.get(key)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            if math.isfinite(found := float(value)):
                return found
        except OverflowError:  # a whole number beyond float64
            pass
    raise model.error(f"{key} of {where} is {_short(value)}", "expected a finite number")


def _column(model: _Model, name: Any, where: str) -> int:
    if not isinstance(name, str) or name not in model.columns:
        raise model.error(f"{where} names the variable {_short(name)}", "which is not among the variables")
    return model.columns[name]


def _terms(model: _Model, function: dict[str, Any], where: str) -> tuple[list[int], list[float], float]:
    """Columns, coefficients and constant of a function."""
    kind = function.get("type")
    if kind == "Variable":
        return [_column(model, function.get("name"), where)], [1.0], 0.0
    if kind != "ScalarAffineFunction":
        raise model.error(
            f"{where} is a {_short(kind)}, which no linear program holds", f"expected {' or '.join(sorted(_AFFINE))}"
        )
    columns, values = [], []
    for term in _member(model, function, "terms", list, where):
        if not isinstance(term, dict):
            raise model.error(f"{where} has the term {_short(term)}", "expected a coefficient and a variable")
        columns.append(_column(model, term.get("variable"), where))
        values.append(_number(model, term, "coefficient", where))
    return columns, values, _number(model, function, "constant", where)


def _constraint(model: _Model, constraint: dict[str, Any], k: int) -> None:
    given = constraint.get("name") or f"constraints[{k}]"
    where = f"constraint {_short(given)}"
    function = _member(model, constraint, "function", dict, where)
    kind = _member(model, constraint, "set", dict, where).get("type")
    if kind in ("Integer", "ZeroOne") and function.get("type") == "Variable":
        column = _column(model, function.get("name"), where)
        model.integral.add(column)
        if kind == "ZeroOne":
            model.binary.add(column)
        return
    if kind in _CONES and function.get("type") in _VECTORS:
        return _vector_rows(model, str(given), function, constraint["set"], where)
    columns, values, constant = _terms(model, function, where)
    if kind not in _SETS:
        raise model.error(
            f"{where} lies in the set {_short(kind)}, which no linear program holds", f"expected {', '.join(_SETS)}"
        )
    keys = _SETS[kind]
    lower = -math.inf if keys[0] is None else _number(model, constraint["set"], keys[0], where)
    upper = math.inf if keys[1] is None else _number(model, constraint["set"], keys[1], where)
    if function["type"] == "Variable":
        _bound(model, columns[0], lower, upper, where)
    else:
        _row(model, str(given), columns, values, (lower - constant, upper - constant))


def _vector_rows(model: _Model, name: str, function: dict[str, Any], within: dict[str, Any], where: str) -> None:
    """Read a vector in a cone as rows, called ``name`` where it has one entry and ``name[1]``, ``name[2]``, … else."""
    entries = _entries(model, function, where)
    if within.get("dimension") != len(entries):
        raise model.error(
            f"{where} has {len(entries)} entries in a set of dimension {_short(within.get('dimension'))}",
            "both must be the same",
        )
    lower, upper = _CONES[within["type"]]
    for k, (columns, values, constant) in enumerate(entries, start=1):
        called = name if len(entries) == 1 else f"{name}[{k}]"
        _row(model, called, columns, values, (lower - constant, upper - constant))


def _entries(model: _Model, function: dict[str, Any], where: str) -> list[tuple[list[int], list[float], float]]:
    """Columns, coefficients and constant of each entry of a vector."""
    if function["type"] == "VectorOfVariables":
        return [
            ([_column(model, name, where)], [1.0], 0.0) for name in _member(model, function, "variables", list, where)
        ]
    constants = dict(enumerate(_member(model, function, "constants", list, where), start=1))
    found: dict[int, tuple[list[int], list[float], float]] = {
        k: ([], [], _number(model, {"constant": constant}, "constant", f"entry {k} of {where}"))
        for k, constant in constants.items()
    }
    for term in _member(model, function, "terms", list, where):
        if not isinstance(term, dict) or not isinstance(scalar := term.get("scalar_term"), dict):
            raise model.error(f"{where} has the term {_short(term)}", "expected an output_index and a scalar_term")
        k = term.get("output_index")
        if isinstance(k, bool) or not isinstance(k, int) or k not in found:
            raise model.error(f"{where} has a term of entry {_short(k)}", f"expected 1 to {len(found)}")
        found[k][0].append(_column(model, scalar.get("variable"), where))
        found[k][1].append(_number(model, scalar, "coefficient", where))
    return list(found.values())


def _bound(model: _Model, column: int, lower: float, upper: float, where: str) -> None:
    for given, value, side in ((model.lower, lower, "lower"), (model.upper, upper, "upper")):
        if math.isinf(value):
            continue
        if column in given:
            raise model.error(f"{where} gives its variable a second {side} bound", "keep one")
        given[column] = value


def _row(model: _Model, name: str, columns: list[int], values: list[float], sides: tuple[float, float]) -> None:
    if name in model.names:
        raise model.error(f"constraint {name!r} comes twice", "names must be unique")
    model.names[name] = None
    model.row_of += [len(model.sides)] * len(columns)
    model.column_of += columns
    model.values += values
    model.sides.append(sides)


def _objective(model: _Model, head: dict[str, Any]) -> tuple[np.ndarray[Any, Any], float, Sense]:
    cost = np.zeros(len(model.columns))
    goal = _member(model, head, "objective", dict, "the model")
    sense = goal.get("sense")
    if sense not in ("min", "max", "feasibility"):
        raise model.error(f"the sense of the objective is {_short(sense)}", "expected min, max or feasibility")
    if sense == "feasibility":
        return cost, 0.0, Sense.MINIMIZE
    columns, values, offset = _terms(model, _member(model, goal, "function", dict, "the objective"), "the objective")
    np.add.at(cost, columns, values)
    return cost, offset, Sense.MAXIMIZE if sense == "max" else Sense.MINIMIZE


def _program(model: _Model, cost: np.ndarray[Any, Any], offset: float, sense: Sense, name: Any) -> Program:
    columns, rows = len(model.columns), len(model.sides)
    lower, upper = np.full(columns, -np.inf), np.full(columns, np.inf)
    for target, given in ((lower, model.lower), (upper, model.upper)):
        target[list(given)] = list(given.values())
    for column in model.binary:
        lower[column], upper[column] = max(lower[column], 0.0), min(upper[column], 1.0)
    integrality = np.zeros(columns, dtype=bool)
    integrality[list(model.integral)] = True
    entries = (np.array(model.values, dtype=float), (np.array(model.row_of, int), np.array(model.column_of, int)))
    sides = np.array(model.sides, dtype=float).reshape(rows, 2)
    try:
        return Program(
            cost,
            sparse.csc_array(entries, shape=(rows, columns)),
            sides[:, 0],
            sides[:, 1],
            lower,
            upper,
            integrality,
            sense,
            offset,
            tuple(model.columns),
            tuple(model.names),
            name if isinstance(name, str) else "",
        )
    except ValueError as error:  # coefficients whose sum is infinite
        raise model.error(str(error), "expected finite coefficients") from error
