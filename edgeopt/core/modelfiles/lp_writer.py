"""Writing the LP format: readable, with every number in all its digits and every column named in the objective.

Columns appear in the order of their first mention, so the objective mentions them all. Indexed names such as ``x[3]``
are kept (Gurobi, SCIP and this package read them; HiGHS and CPLEX want them renamed, or MPS).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InvalidProblemError
from ..problem import Sense
from .spelling import check_writable, unused

if TYPE_CHECKING:
    from ..program import Program

_NAME = re.compile(r"[^\W\d][^\s:<>=+\-*^/\\]*|[!\"#$%&(),;?@'`{}~|][^\s:<>=+\-*^/\\]*")
_KEYWORD = re.compile(
    r"inf|infinity|nan|free|end|st|s\.t\.|st\.|bounds?|generals?|gens?|integers?|ints?|binary|binaries|bins?|semis?|sec|sos[12]?"
    r"|min|max|minimum|maximum|minimi[sz]e|maximi[sz]e|subject|such",
    re.IGNORECASE,
)
_EXPONENT = re.compile(r"[eE]\d*")
_TERMS_PER_LINE = 8


def spell(program: Program) -> Iterator[str]:
    """Yield the lines of the program as LP file.

    Raises
    ------
    InvalidProblemError
        If a name or number is one that the format cannot hold.
    """
    check_writable(program)
    columns, rows = list(program.column_names), list(program.row_names)
    for kind, names in (("column", columns), ("row", rows)):
        for name in names:
            _check_name(kind, name)
    if program.name:
        yield f"\\ Problem name: {program.name}"
    yield "maximize" if program.sense is Sense.MAXIMIZE else "minimize"
    terms = [_term(cost, name) for cost, name in zip(program.cost.tolist(), columns, strict=True)]
    if program.offset:
        terms.append(_term(program.offset, ""))
    yield from _wrapped(f" {unused('obj', rows)}:", terms, "")
    yield "subject to"
    yield from _spell_rows(program, columns, rows)
    yield "bounds"
    yield from _spell_bounds(program, columns)
    if program.integral:
        yield "general"
        yield from (f" {columns[j]}" for j in np.flatnonzero(program.integrality).tolist())
    yield "end"


def _check_name(kind: str, name: str) -> None:
    if not name.isprintable() or not _NAME.fullmatch(name):
        reason = "expected text without spaces and operators that begins with no digit, point or bracket"
    elif _KEYWORD.fullmatch(name) or (kind == "column" and _EXPONENT.fullmatch(name)):
        reason = "it reads as a keyword or a number"
    else:
        return
    raise InvalidProblemError(f"{kind} name {name!r} cannot be written to LP: {reason}; rename it, or write .mps")


def _term(value: float, name: str) -> str:
    sign = "-" if np.signbit(value) else "+"
    return f"{sign} {abs(value)!r} {name}".rstrip()


def _wrapped(head: str, terms: list[str], tail: str) -> Iterator[str]:
    for start in range(0, max(1, len(terms)), _TERMS_PER_LINE):
        line = " ".join([head if start == 0 else "  ", *terms[start : start + _TERMS_PER_LINE]])
        yield f"{line} {tail}".rstrip() if start + _TERMS_PER_LINE >= len(terms) else line


def _spell_rows(program: Program, columns: list[str], rows: list[str]) -> Iterator[str]:
    by_row = program.matrix.tocsr()
    starts, indices, values = by_row.indptr.tolist(), by_row.indices.tolist(), by_row.data.tolist()
    lower, upper = program.row_lower.tolist(), program.row_upper.tolist()
    for i, name in enumerate(rows):
        terms = [_term(values[k], columns[indices[k]]) for k in range(starts[i], starts[i + 1])] or ["0"]
        if lower[i] == upper[i]:
            head, tail = "", f"= {lower[i]!r}"
        elif upper[i] == np.inf:  # a free row is one above -inf
            head, tail = "", f">= {lower[i]!r}"
        else:
            head = f" {lower[i]!r} <=" if lower[i] > -np.inf else ""
            tail = f"<= {upper[i]!r}"
        yield from _wrapped(f" {name}:{head}", terms, tail)


def _spell_bounds(program: Program, columns: list[str]) -> Iterator[str]:
    lower, upper = program.lower.tolist(), program.upper.tolist()
    for j in np.flatnonzero((program.lower != 0) | (program.upper != np.inf)).tolist():
        if lower[j] == -np.inf and upper[j] == np.inf:
            yield f" {columns[j]} free"
        else:
            yield f" {lower[j]!r} <= {columns[j]} <= {upper[j]!r}"
