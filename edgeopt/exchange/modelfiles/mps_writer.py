"""Writing free MPS: every number with all its digits, and nothing that a reader takes for something else."""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np

from ...model.errors import InvalidProblemError
from .naming import plain_in_mps, unused
from .notes import spelled
from .portable import Dialect, portable
from .spelling import EXACT, check_writable

if TYPE_CHECKING:
    from ...model.program import Program

DIALECT = Dialect(plain_in_mps, maximises=False, ranges=True, empty_rows=True, titles=True)


def spell(program: Program) -> Iterator[str]:
    """Yield the lines of the program as free MPS, every number with all its digits.

    Raises
    ------
    InvalidProblemError
        If a number or the program's name is one that the format cannot hold.
    """
    check_writable(program)
    _check_crossed(program)
    program, notes = portable(program, DIALECT)
    columns, rows = list(program.column_names), list(program.row_names)
    objective = unused("COST", rows)
    # CBC takes the file for fixed columns where FREE is missing.
    yield f"NAME {program.name} FREE"
    yield from (f"* {line}" for line in spelled(notes))
    kinds = _kinds(program)
    yield "ROWS"
    yield f" N  {objective}"
    yield from (f" {kind}  {name}" for kind, name in zip(kinds, rows, strict=True))
    yield "COLUMNS"
    yield from _spell_columns(program, columns, rows, objective)
    yield "RHS"
    yield from _spell_sides(program, kinds, rows)
    yield "BOUNDS"
    yield from _spell_bounds(program, columns)
    yield "ENDATA"


def _check_crossed(program: Program) -> None:
    crossed = program.row_lower > program.row_upper
    if crossed.any():
        i = int(crossed.argmax())
        raise InvalidProblemError(
            f"row {program.row_names[i]} has bounds [{program.row_lower[i]}, {program.row_upper[i]}]; MPS cannot hold "
            "crossed row bounds: write .lp"
        )


def _kinds(program: Program) -> list[str]:
    low, high = np.isfinite(program.row_lower), np.isfinite(program.row_upper)
    kinds = np.where(program.row_lower == program.row_upper, "E", np.where(high, "L", np.where(low, "G", "N")))
    return [str(kind) for kind in kinds]


def _spell_columns(program: Program, columns: list[str], rows: list[str], objective: str) -> Iterator[str]:
    starts = program.matrix.indptr.tolist()
    indices, values = program.matrix.indices.tolist(), program.matrix.data.tolist()
    cost, integers = program.cost.tolist(), program.integrality.tolist()
    within = False
    for j, name in enumerate(columns):
        if integers[j] != within:
            within = integers[j]
            yield f"    MARKER{j}  'MARKER'  '{'INTORG' if within else 'INTEND'}'"
        if cost[j] or starts[j] == starts[j + 1]:
            yield f"    {name}  {objective}  {cost[j]!r}"
        for k in range(starts[j], starts[j + 1]):
            yield f"    {name}  {rows[indices[k]]}  {values[k]!r}"
    if within:
        yield "    MARKER  'MARKER'  'INTEND'"


def _spell_sides(program: Program, kinds: list[str], rows: list[str]) -> Iterator[str]:
    lower, upper = program.row_lower.tolist(), program.row_upper.tolist()
    two_sided = [i for i, kind in enumerate(kinds) if kind == "L" and math.isfinite(lower[i])]
    for i, kind in enumerate(kinds):
        side = lower[i] if kind == "G" else upper[i]
        if kind != "N" and side:
            yield f"    RHS  {rows[i]}  {side!r}"
    if two_sided:
        yield "RANGES"
        for i in two_sided:
            yield f"    RANGE  {rows[i]}  {EXACT.subtract(Decimal(repr(upper[i])), Decimal(repr(lower[i])))}"


def _spell_bounds(program: Program, columns: list[str]) -> Iterator[str]:
    lower, upper, integer = program.lower.tolist(), program.upper.tolist(), program.integrality.tolist()
    # Only columns that differ from the default [0, inf] of continuous ones are spelled out.
    for j in np.flatnonzero((program.lower != 0) | (program.upper != np.inf) | program.integrality).tolist():
        name, low, high = columns[j], lower[j], upper[j]
        if low == -math.inf and high == math.inf:
            yield f" FR BOUND  {name}"
        elif low == high:
            yield f" FX BOUND  {name}  {low!r}"
        else:
            if low == -math.inf:
                yield f" MI BOUND  {name}"
            elif low or high < 0:
                yield f" LO BOUND  {name}  {low!r}"
            if high < math.inf:
                yield f" UP BOUND  {name}  {high!r}"
            elif integer[j]:  # GLPK ends an integer column at 1 where nothing is said
                yield f" PL BOUND  {name}"
