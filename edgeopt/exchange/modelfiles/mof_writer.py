"""Writing MathOptFormat, the JSON format of JuMP: named variables, functions and the sets in which they lie.

Bounds and integrality are constraints on a variable there. Every number keeps all its digits, and names need no
replacement, since JSON holds any text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ...model.errors import InvalidProblemError
from ...model.problem import Sense

if TYPE_CHECKING:
    from ...model.program import Program

VERSION = {"major": 1, "minor": 0}
"""The first version that has all that is written here, so every reader of 1.x takes it."""


def spell(program: Program) -> Iterator[str]:
    """Yield the lines of the program as MathOptFormat: one for each variable and constraint.

    A row without bounds lies in the set ``Reals``, which is one of vectors, so that the row is a vector of length 1.

    Raises
    ------
    InvalidProblemError
        If a bound leaves no room for a finite number, or a row's name is empty.
    """
    _check(program)
    variables = [{"name": name} for name in program.column_names]
    sense = "max" if program.sense is Sense.MAXIMIZE else "min"
    used = np.flatnonzero(program.cost).tolist()
    costs = _affine(program, used, program.cost[used].tolist(), program.offset)
    yield "{"
    yield f'"name": {_text(program.name)},'
    yield f'"version": {_text(VERSION)},'
    yield from _list("variables", variables, ",")
    yield f'"objective": {_text({"sense": sense, "function": costs})},'
    yield from _list("constraints", [*_rows(program), *_columns(program)], "")
    yield "}"


def _check(program: Program) -> None:
    for kind, names, lower, upper in (
        ("row", program.row_names, program.row_lower, program.row_upper),
        ("column", program.column_names, program.lower, program.upper),
    ):
        bad = (lower == np.inf) | (upper == -np.inf)
        if bad.any():
            i = int(bad.argmax())
            raise InvalidProblemError(
                f"{kind} {names[i]} has bounds [{lower[i]}, {upper[i]}]; JSON holds no infinity: use finite bounds"
            )
        if "" in names:
            raise InvalidProblemError(f"a {kind} has an empty name, which MathOptFormat takes for none; give it one")


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _list(key: str, items: Iterable[Any], end: str) -> Iterator[str]:
    lines = [_text(item) for item in items]
    yield f'"{key}": ['
    yield from (f"{line}{',' if i < len(lines) - 1 else ''}" for i, line in enumerate(lines))
    yield f"]{end}"


def _affine(program: Program, columns: list[int], values: list[float], constant: float) -> dict[str, Any]:
    names = program.column_names
    terms = [{"coefficient": value, "variable": names[j]} for j, value in zip(columns, values, strict=True)]
    return {"type": "ScalarAffineFunction", "terms": terms, "constant": constant}


def _set(lower: float, upper: float) -> dict[str, Any] | None:
    """Return the set of the numbers between two bounds, None for all numbers."""
    if lower == upper:
        return {"type": "EqualTo", "value": lower}
    if np.isinf(lower) and np.isinf(upper):
        return None
    if np.isinf(lower):
        return {"type": "LessThan", "upper": upper}
    if np.isinf(upper):
        return {"type": "GreaterThan", "lower": lower}
    return {"type": "Interval", "lower": lower, "upper": upper}


def _rows(program: Program) -> Iterator[dict[str, Any]]:
    by_row = program.rowwise
    starts, places, values = by_row.indptr.tolist(), by_row.indices.tolist(), by_row.data.tolist()
    sides = zip(program.row_names, program.row_lower.tolist(), program.row_upper.tolist(), strict=True)
    for i, (name, lower, upper) in enumerate(sides):
        entries = slice(starts[i], starts[i + 1])
        function, within = _affine(program, places[entries], values[entries], 0.0), _set(lower, upper)
        if within is None:
            function, within = _vector(function), {"type": "Reals", "dimension": 1}
        yield {"name": name, "function": function, "set": within}


def _vector(affine: dict[str, Any]) -> dict[str, Any]:
    """Return the vector of length 1 that an affine function is."""
    terms = [{"output_index": 1, "scalar_term": term} for term in affine["terms"]]
    return {"type": "VectorAffineFunction", "terms": terms, "constants": [affine["constant"]]}


def _columns(program: Program) -> Iterator[dict[str, Any]]:
    sides = zip(program.column_names, program.lower.tolist(), program.upper.tolist(), strict=True)
    for j, (name, lower, upper) in enumerate(sides):
        variable = {"type": "Variable", "name": name}
        if (within := _set(lower, upper)) is not None:
            yield {"function": variable, "set": within}
        if program.integrality[j]:
            yield {"function": variable, "set": {"type": "Integer"}}
