"""Problems with side constraints for people: one line, a summary, and mathematics where the base has some."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .problem import Constrained

_TERMS = 5
"""Terms of a row that are written out."""


def represented(problem: Constrained) -> str:
    """Return the base, and the names of what was added, in a line."""
    parts = [repr(problem.base)]
    if problem.goal is not None:
        parts.append(f"{problem.goal.sense} another objective")
    families = [f"{name} ({count} rows)" if count > 1 else name for name, count, _ in _families(problem)]
    more = [f"… {len(families) - _TERMS} more"] if len(families) > _TERMS else []
    parts += ["subject to " + ", ".join(families[:_TERMS] + more)] if families else []
    return f"Constrained({', '.join(parts)})"


def summary(problem: Constrained) -> str:
    """Return the base's summary, or its name, and a line for each side constraint."""
    of_base = getattr(problem.base, "summary", None)
    lines = [repr(problem.base) if of_base is None else of_base()]
    if problem.goal is not None:
        lines.append(f"objective\n  {problem.goal.sense} {_terms(problem, _goal_row(problem))}")
    lines.append("side constraints")
    for name, count, first in _families(problem):
        entries = int(problem.extra.indptr[first + count] - problem.extra.indptr[first])
        lines.append(f"  {name}: {count} row{'s' * (count > 1)}, {entries} entries, {_row(problem, first)}")
    return "\n".join(lines)


def latex(problem: Constrained) -> str | None:
    """Return the base's mathematics with the side constraints below; None where the base has none."""
    of_base = getattr(problem.base, "_repr_latex_", None)
    text: str | None = None if of_base is None else of_base()
    if not text or "\\end{aligned}" not in text:
        return None
    rows = []
    for name, count, first in _families(problem):
        several = rf"\text{{{count} rows, the first }} " if count > 1 else ""
        label = name.replace("_", " ")
        rows.append(rf"& {several}{_row(problem, first, tex=True)}\quad \text{{({label})}}")
    head, end, tail = text.rpartition("\n\\end{aligned}")
    if problem.goal is not None:
        start = head.index("\\begin{aligned}\n") + len("\\begin{aligned}\n")
        line = rf"\{str(problem.goal.sense)[:3]}\quad & {_terms(problem, _goal_row(problem), tex=True)}"
        head = head[:start] + line + head[head.index(" \\\\\n", start) :]
    return " \\\\\n".join([head, *rows]) + end + tail


def _families(problem: Constrained) -> Iterator[tuple[str, int, int]]:
    """Name, number of rows and first row of each side constraint; rows that define a variable are none."""
    start, defines = 0, None if problem.auxiliary is None else problem.auxiliary.defines
    for stem, count in zip(problem.extra_names.stems, problem.extra_names.counts, strict=True):
        if count and (defines is None or defines[start] < 0):
            yield stem, count, start
        start += count


def _goal_row(problem: Constrained) -> list[tuple[str, float]]:
    goal, names = problem.goal, problem._one.program().column_names
    assert goal is not None
    cost = goal.cost if goal.cost.ndim == 1 else goal.cost[0]
    found = [(names[j], float(cost[j])) for j in np.flatnonzero(cost)[: _TERMS + 1]]
    if problem.auxiliary is not None:
        own = problem.auxiliary.names
        found += [(own[j], float(goal.auxiliary_cost[j])) for j in np.flatnonzero(goal.auxiliary_cost)[: _TERMS + 1]]
    return found


def _row(problem: Constrained, row: int, *, tex: bool = False) -> str:
    """Return a row with its first terms: ``local[0] + local[7] + … >= 40``."""
    names = problem._one.program().column_names
    here = slice(problem.extra.indptr[row], problem.extra.indptr[row + 1])
    columns, values = problem.extra.indices[here][: _TERMS + 1], problem.extra.data[here][: _TERMS + 1]
    terms = [(names[j], float(v)) for j, v in zip(columns, values, strict=True)]
    if problem.auxiliary is not None:
        own = problem.auxiliary.matrix
        here = slice(own.indptr[row], own.indptr[row + 1])
        pairs = zip(own.indices[here], own.data[here], strict=True)
        terms += [(problem.auxiliary.names[j], float(v)) for j, v in pairs]
    low, high = (np.atleast_2d(side)[0, row] for side in (problem.extra_lower, problem.extra_upper))
    text, less, more = _terms(problem, terms, tex=tex), r"\le" if tex else "<=", r"\ge" if tex else ">="
    if low == high:
        return f"{text} = {low:g}"
    if np.isinf(low):
        return f"{text} {less} {high:g}"
    return f"{text} {more} {low:g}" if np.isinf(high) else f"{low:g} {less} {text} {less} {high:g}"


def _terms(problem: Constrained, terms: list[tuple[str, float]], *, tex: bool = False) -> str:
    parts = []
    for place, (name, value) in enumerate(terms[:_TERMS]):
        sign = "-" if value < 0 else "+" if place else ""
        number = "" if abs(value) == 1 else f"{abs(value):g} "
        stem, bracket, index = name.partition("[")
        shown = rf"\mathit{{{stem}}}" + (rf"_{{{index.rstrip(']')}}}" if bracket else "") if tex else name
        parts.append(f"{sign} {number}{shown.replace('_', chr(92) + '_') if tex and not bracket else shown}".strip())
    more = [r"+ \dots" if tex else "+ …"] if len(terms) > _TERMS else []
    return " ".join(parts + more) or "0"
