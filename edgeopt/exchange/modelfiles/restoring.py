"""What the notes of a file say is undone: the original names, rows, constant and sense come back.

A file may have been edited since it was written. A note whose rows or columns are no longer what it says is refused,
since following it would change the program without a word; a renaming of what is gone is passed over.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ...model.errors import DataFormatError
from ...model.problem import Sense
from ...model.program import Program
from .notes import Note
from .spelling import in_file


def restored(program: Program, notes: Sequence[Note], place: str) -> Program:
    """Return the program from which :mod:`portable` made what a file holds.

    Parameters
    ----------
    program : Program
        What the file says.
    notes : sequence of Note
        Notes found in it.
    place : str
        How messages call the file.

    Raises
    ------
    DataFormatError
        If the file has been changed so that a note no longer fits; names the note's line.
    """
    of_kind: dict[str, list[Note]] = {}
    for note in notes:
        of_kind.setdefault(note.kind, []).append(note)
    for note in of_kind.get("constant", []):
        program = _without_constant(program, note, place)
    for note in of_kind.get("helper", []):
        program = _without_helper(program, note, place)
    if "range" in of_kind:
        program = _merged(program, of_kind["range"], place)
    if "negated" in of_kind:
        # The sum turns -0.0 into 0.0.
        program = replace(program, cost=0.0 - program.cost, offset=0.0 - program.offset, sense=Sense.MAXIMIZE)
    columns = _renamed(program.column_names, of_kind.get("column", []), place)
    rows = _renamed(program.row_names, of_kind.get("row", []), place)
    titles = {note.texts[0]: note.texts[1] for note in of_kind.get("program", [])}
    return replace(program, column_names=columns, row_names=rows, name=titles.get(program.name, program.name))


def _unfit(place: str, note: Note, what: str) -> DataFormatError:
    return in_file(
        place,
        note.line,
        f"the note 'edgeopt {note.kind}' says that {what}, which is no longer so",
        "delete the note to read the file as it stands, or write it again",
    )


def _place_of(names: Sequence[str], name: str, place: str, note: Note) -> int:
    try:
        return tuple(names).index(name)
    except ValueError:
        raise _unfit(place, note, f"there is {name!r}") from None


def _without_constant(program: Program, note: Note, place: str) -> Program:
    column = _place_of(program.column_names, note.texts[0], place, note)
    if program.lower[column] != 1 or program.upper[column] != 1:
        raise _unfit(place, note, f"column {note.texts[0]!r} is fixed at 1")
    kept = np.delete(np.arange(program.columns), column)
    constant = program.matrix[:, [column]].toarray()[:, 0]
    return replace(
        program,
        cost=program.cost[kept],
        offset=program.offset + float(program.cost[column]),
        matrix=program.matrix[:, kept],
        row_lower=program.row_lower - constant,
        row_upper=program.row_upper - constant,
        lower=program.lower[kept],
        upper=program.upper[kept],
        integrality=program.integrality[kept],
        column_names=_at(program.column_names, kept),
    )


def _at(names: Sequence[str], kept: NDArray[np.intp]) -> tuple[str, ...]:
    return tuple(names[i] for i in kept.tolist())


def _without_rows(program: Program, dropped: Iterable[int]) -> Program:
    kept = np.delete(np.arange(program.rows), list(dropped))
    return replace(
        program,
        matrix=sparse.csc_array(program.matrix.tocsr()[kept]),
        row_lower=program.row_lower[kept],
        row_upper=program.row_upper[kept],
        row_names=_at(program.row_names, kept),
    )


def _without_helper(program: Program, note: Note, place: str) -> Program:
    row = _place_of(program.row_names, note.texts[0], place, note)
    if program.matrix[[row]].nnz or program.row_lower[row] > 0 or program.row_upper[row] < 0:
        raise _unfit(place, note, f"row {note.texts[0]!r} has no content")
    return _without_rows(program, [row])


def _merged(program: Program, notes: list[Note], place: str) -> Program:
    """Program in which each pair of rows is the one that it was."""
    position = {name: i for i, name in enumerate(program.row_names)}
    by_row = program.matrix.tocsr()
    row_upper, names, seconds = program.row_upper.copy(), list(program.row_names), []
    for note in notes:
        low, high, name = note.texts
        if low not in position or high not in position:
            raise _unfit(place, note, f"there are rows {low!r} and {high!r}")
        first, second = position[low], position[high]
        if row_upper[first] != np.inf or program.row_lower[second] != -np.inf or not _same(by_row, first, second):
            raise _unfit(place, note, f"{low!r} and {high!r} are the two sides of one row")
        row_upper[first], names[first] = row_upper[second], name
        seconds.append(second)
    merged, gone = _without_rows(replace(program, row_upper=row_upper), seconds), set(seconds)
    kept = tuple(name for i, name in enumerate(names) if i not in gone)
    _check_unique(kept, place)
    return replace(merged, row_names=kept)


def _same(by_row: sparse.csr_array, first: int, second: int) -> bool:
    one = slice(by_row.indptr[first], by_row.indptr[first + 1])
    other = slice(by_row.indptr[second], by_row.indptr[second + 1])
    return np.array_equal(by_row.indices[one], by_row.indices[other]) and np.array_equal(
        by_row.data[one], by_row.data[other]
    )


def _renamed(names: Sequence[str], notes: list[Note], place: str) -> tuple[str, ...]:
    originals = {note.texts[0]: note.texts[1] for note in notes}
    found = [originals.get(name, name) for name in names]
    _check_unique(found, place)
    return tuple(found)


def _check_unique(names: Sequence[str], place: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise DataFormatError(
                f"{place}: the notes 'edgeopt …' give the name {name!r} twice; names must be unique: correct the "
                "notes, or delete them to read the file as it stands"
            )
        seen.add(name)
