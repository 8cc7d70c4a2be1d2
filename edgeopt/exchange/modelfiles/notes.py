"""Notes in comment lines: what a written file says to this package only, so that reading gives the original back.

A note is ``edgeopt KIND [JSON]`` behind the format's comment sign. Other readers skip it; without it they lose nothing
but names. A long note goes on in lines that begin with ``edgeopt +``, since CBC ends a comment of MPS at 900 letters.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .spelling import in_file

ARGUMENTS = {"program": 2, "column": 2, "row": 2, "constant": 1, "helper": 1, "range": 3, "negated": 0}
"""How many texts a note of each kind holds.

``program``, ``column``, ``row``
    Name in the file, and the name that it stands for.
``constant``
    A column fixed at 1 whose cost is the objective's constant.
``helper``
    A row without content.
``range``
    Two rows, one with the lower and one with the upper bound of the row that the third name is for.
``negated``
    The file minimises the negative of what the program maximises.
"""

INTRODUCTION = "edgeopt: the lines that begin with 'edgeopt' give it back the original names and rows"
_LINE = re.compile(r"\s*edgeopt (\w+|\+) (.*)")
_WIDTH = 200


@dataclass(frozen=True)
class Note:
    """One note: its kind, its texts and the line where it stands (0: not yet in a file)."""

    kind: str
    texts: tuple[str, ...] = ()
    line: int = 0


def spelled(notes: Iterable[Note]) -> Iterator[str]:
    """Yield the comment lines that hold `notes`, without the format's comment sign."""
    introduced = False
    for note in notes:
        if not introduced:
            yield INTRODUCTION
            introduced = True
        content = json.dumps(list(note.texts))
        for start in range(0, len(content), _WIDTH):
            yield f"edgeopt {note.kind if start == 0 else '+'} {content[start : start + _WIDTH]}"


class NoteReader:
    """Collects the notes of a file, comment after comment."""

    def __init__(self, place: str) -> None:
        self._place = place
        self._found: list[list[str]] = []
        self._lines: list[int] = []

    def comment(self, text: str, line: int) -> None:
        """Take a comment, without its sign; one that is no note is passed over."""
        match = _LINE.match(text)
        if match is None:
            return
        kind, content = match.groups()
        if kind == "+" and self._found:
            self._found[-1][1] += content
        elif kind in ARGUMENTS:
            self._found.append([kind, content])
            self._lines.append(line)

    def notes(self) -> list[Note]:
        """Return the notes.

        Raises
        ------
        DataFormatError
            If one of them is damaged; names its line.
        """
        return [self._note(kind, content, line) for (kind, content), line in zip(self._found, self._lines, strict=True)]

    def _note(self, kind: str, content: str, line: int) -> Note:
        try:
            texts = json.loads(content)
        except ValueError:
            texts = None
        if not isinstance(texts, list) or len(texts) != ARGUMENTS[kind] or not all(isinstance(t, str) for t in texts):
            raise in_file(
                self._place,
                line,
                f"the note 'edgeopt {kind} {content[:40]}' is damaged",
                f"expected {ARGUMENTS[kind]} texts as JSON; write the file again, or delete the notes",
            )
        return Note(kind, tuple(texts), line)
