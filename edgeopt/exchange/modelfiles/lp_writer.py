"""Writing the LP format: readable, with every number in all its digits and every column named in the objective.

Columns appear in the order of their first mention, so the objective mentions them all. What a reader of the format
lacks is spelled in another way (:mod:`.portable`), and rows without bounds, at which GLPK stops, stand in comments,
since no solver needs them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from ...model.problem import Sense
from .naming import plain_in_lp, unused
from .notes import spelled
from .portable import Dialect, portable
from .spelling import check_writable

if TYPE_CHECKING:
    from ...model.program import Program

DIALECT = Dialect(plain_in_lp, maximises=True, ranges=False, empty_rows=False, titles=False)
HIDDEN = "edgeopt reads "
"""A comment that begins with this holds text for this package."""
_WIDTH = 200


def spell(program: Program) -> Iterator[str]:
    """Yield the lines of the program as LP file.

    Raises
    ------
    InvalidProblemError
        If a number or the program's name is one that the format cannot hold.
    """
    check_writable(program)
    program, notes = portable(program, DIALECT)
    columns, rows = list(program.column_names), list(program.row_names)
    if program.name:
        yield f"\\ Problem name: {program.name}"
    yield from (f"\\ {line}" for line in spelled(notes))
    yield "maximize" if program.sense is Sense.MAXIMIZE else "minimize"
    terms = [_term(cost, name) for cost, name in zip(program.cost.tolist(), columns, strict=True)]
    yield from _wrapped(f" {unused('obj', rows)}:", terms, "")
    yield "subject to"
    yield from _spell_rows(program, columns, rows)
    yield "bounds"
    yield from _spell_bounds(program, columns)
    if program.integral:
        yield "general"
        yield from (f" {columns[j]}" for j in np.flatnonzero(program.integrality).tolist())
    yield "end"


def _term(value: float, name: str) -> str:
    return f"{'-' if np.signbit(value) else '+'} {abs(value)!r} {name}"


def _wrapped(head: str, terms: list[str], tail: str) -> Iterator[str]:
    """Lines of at most 200 letters or one term: CPLEX reads 560, older readers 255."""
    line = head
    for word in [*terms, tail] if tail else terms:
        if len(line) + len(word) >= _WIDTH and line.strip():
            yield line
            line = "  "
        line = f"{line} {word}"
    yield line


def _spell_rows(program: Program, columns: list[str], rows: list[str]) -> Iterator[str]:
    by_row = program.matrix.tocsr()
    starts, indices, values = by_row.indptr.tolist(), by_row.indices.tolist(), by_row.data.tolist()
    lower, upper = program.row_lower.tolist(), program.row_upper.tolist()
    for i, name in enumerate(rows):
        terms = [_term(values[k], columns[indices[k]]) for k in range(starts[i], starts[i + 1])]
        lines = _wrapped(f" {name}:", terms, _relation(lower[i], upper[i]))
        free = lower[i] == -np.inf and upper[i] == np.inf
        yield from (f"\\ {HIDDEN}{line}" for line in lines) if free else lines


def _relation(lower: float, upper: float) -> str:
    if lower == upper:
        return f"= {lower!r}"
    return f"<= {upper!r}" if lower == -np.inf and upper < np.inf else f">= {lower!r}"


def _spell_bounds(program: Program, columns: list[str]) -> Iterator[str]:
    lower, upper = program.lower.tolist(), program.upper.tolist()
    for j in np.flatnonzero((program.lower != 0) | (program.upper != np.inf)).tolist():
        name, low, high = columns[j], lower[j], upper[j]
        if low == high:
            yield f" {name} = {low!r}"
        elif high == np.inf:
            yield f" {name} free" if low == -np.inf else f" {name} >= {low!r}"
        else:
            yield f" {low!r} <= {name} <= {high!r}"
