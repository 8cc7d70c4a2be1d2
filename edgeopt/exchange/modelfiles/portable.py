"""A program as every reader understands it, and back: names, constants, ranges and senses that some readers lack.

GLPK knows no constant in an LP objective and reads one of MPS with the other sign; HiGHS and CBC misread a range of an
LP file, SCIP and GLPK refuse it; CBC minimises whatever the objective sense of an MPS file, and GLPK refuses one. So a
constant becomes the cost of a column fixed at 1, a range two rows, and a maximum in MPS the minimum of the negative.
Notes say so, and :func:`.restoring.restored` undoes it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from ...model.problem import Sense
from ...model.program import Program
from .naming import plain_names, plain_title, unused
from .notes import Note

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True)
class Dialect:
    """What the readers of a format take.

    Attributes
    ----------
    plain : callable
        Whether a name can stand in the file.
    maximises : bool
        Whether all of them can maximise.
    ranges : bool
        Whether all of them read a row with two bounds.
    empty_rows : bool
        Whether all of them read a row without columns, and a file without rows.
    titles : bool
        Whether the program's name must be plain, too.
    """

    plain: Callable[[str], bool]
    maximises: bool
    ranges: bool
    empty_rows: bool
    titles: bool


def portable(program: Program, dialect: Dialect) -> tuple[Program, list[Note]]:
    """Return the program that the file shall hold, and the notes that lead back from it."""
    program, notes = _renamed(program, dialect)
    if program.sense is Sense.MAXIMIZE and not dialect.maximises:
        notes.append(Note("negated"))
        program = replace(program, cost=-program.cost, offset=-program.offset, sense=Sense.MINIMIZE)
    program, split = _with_split_ranges(program, dialect)
    program, helped = _with_constant(program, dialect)
    return program, [*notes, *split, *helped]


def _renamed(program: Program, dialect: Dialect) -> tuple[Program, list[Note]]:
    title = program.name
    if dialect.titles and not plain_title(title):
        title = "unnamed"
    columns = plain_names(program.column_names, dialect.plain, "x")
    rows = plain_names(program.row_names, dialect.plain, "r")
    notes = [Note("program", (title, program.name))] if title != program.name else []
    for kind, new, old in (("column", columns, program.column_names), ("row", rows, program.row_names)):
        notes += [Note(kind, pair) for pair in zip(new, old, strict=True) if pair[0] != pair[1]]
    return replace(program, name=title, column_names=tuple(columns), row_names=tuple(rows)), notes


def _with_split_ranges(program: Program, dialect: Dialect) -> tuple[Program, list[Note]]:
    """Program in which rows with two bounds that not all readers take are two rows each."""
    lower, upper = program.row_lower, program.row_upper
    split = np.isfinite(lower) & np.isfinite(upper) & (lower != upper)
    if dialect.ranges:
        # Readers of MPS subtract the width in floats: what they find shall be the lower bound to twelve digits.
        width = np.subtract(upper, lower, where=split, out=np.zeros(program.rows))
        found = np.subtract(upper, width, where=split, out=np.zeros(program.rows))
        split &= np.abs(np.where(split, found - lower, 0.0)) > 1e-12 * np.abs(lower)
    if not split.any():
        return program, []
    source = np.repeat(np.arange(program.rows), 1 + split)
    second = np.flatnonzero(np.diff(source, prepend=-1) == 0)
    names, notes = _split_names(program.row_names, np.flatnonzero(split).tolist())
    new_lower, new_upper = lower[source], upper[source]
    new_lower[second], new_upper[second - 1] = -np.inf, np.inf
    matrix = sparse.csc_array(program.matrix.tocsr()[source])
    return replace(program, matrix=matrix, row_lower=new_lower, row_upper=new_upper, row_names=names), notes


def _split_names(names: Sequence[str], split: list[int]) -> tuple[tuple[str, ...], list[Note]]:
    found: list[list[str]] = [[name] for name in names]
    taken, notes = set(names), []
    for i in split:
        name, stem = names[i], names[i][:80]
        number, low, high = 1, f"{stem}_lo", f"{stem}_up"
        while low in taken or high in taken:
            number += 1
            low, high = f"{stem}_lo{number}", f"{stem}_up{number}"
        taken |= {low, high}
        found[i] = [low, high]
        notes.append(Note("range", (low, high, name)))
    return tuple(name for pair in found for name in pair), notes


def _with_constant(program: Program, dialect: Dialect) -> tuple[Program, list[Note]]:
    """Program with a column fixed at 1 that carries the offset and stands in rows without columns."""
    bounded = np.isfinite(program.row_lower) | np.isfinite(program.row_upper)
    empty = np.zeros(program.rows, bool)
    if not dialect.empty_rows:
        empty = bounded & (np.diff(program.matrix.tocsr().indptr) == 0)
    helped = not dialect.empty_rows and not bounded.any()
    if program.offset == 0 and program.columns and not empty.any() and not helped:
        return program, []
    name = unused("one", program.column_names)
    notes = [Note("constant", (name,))]
    if helped:
        helper = unused("helper", program.row_names)
        notes.append(Note("helper", (helper,)))
        program = _with_row(program, helper)
        empty = np.append(empty, True)
    return _with_column(program, name, np.flatnonzero(empty)), notes


def _with_row(program: Program, name: str) -> Program:
    return replace(
        program,
        matrix=sparse.vstack([program.matrix, sparse.csc_array((1, program.columns))], format="csc"),
        row_lower=np.append(program.row_lower, -np.inf),
        row_upper=np.append(program.row_upper, 1.0),
        row_names=(*program.row_names, name),
    )


def _with_column(program: Program, name: str, rows: NDArray[np.intp]) -> Program:
    old = program.matrix
    matrix = sparse.csc_array(
        (
            np.append(old.data, np.zeros(rows.size)),
            np.append(old.indices, rows.astype(np.int32)),
            np.append(old.indptr, old.indptr[-1] + rows.size),
        ),
        shape=(program.rows, program.columns + 1),
    )
    return replace(
        program,
        cost=np.append(program.cost, program.offset),
        offset=0.0,
        matrix=matrix,
        lower=np.append(program.lower, 1.0),
        upper=np.append(program.upper, 1.0),
        integrality=np.append(program.integrality, False),
        column_names=(*program.column_names, name),
    )
