"""An LP file cut into sections and words: comments, headings, numbers, names and signs.

Line breaks mean nothing inside a section (HiGHS writes one between a number and its column), but a heading begins a
line, and words of headings are no names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from ...model.errors import DataFormatError
from ...model.problem import Sense
from .notes import Note, NoteReader
from .spelling import in_file, lines


class Token(NamedTuple):
    """A word of an LP file."""

    kind: str  # number, name, sign, relation, colon
    text: str
    line: int


_PATTERN = re.compile(
    r"""\s*(?:
      (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
    | (?P<relation><=|=<|>=|=>|<|>|=)
    | (?P<sign>[+-])
    | (?P<colon>:)
    | (?P<name>[^\W\d][^\s:<>=+\-*^/\\]*|[!"\#$%&(),;?@'`{}~|][^\s:<>=+\-*^/\\]*)
    )""",
    re.VERBOSE,
)
_SENSES = r"(minimi[sz]e|minimum|min|maximi[sz]e|maximum|max)"
_REST = r"(?![^\s])(?!\s*[:<>=+-])(.*)"  # a name behind the word goes on the list; a sign makes the word a name
_HEADS = (
    ("other", re.compile(r"\s*(lazy constraints|user cuts|general constraints|pwlobj)\s*()$", re.IGNORECASE)),
    ("objective", re.compile(rf"\s*{_SENSES}(?![\w.(\[])(.*)", re.IGNORECASE)),
    ("rows", re.compile(r"\s*(subject\s+to|such\s+that|s\.t\.|st\.|st)(?![\w.(\[])(.*)", re.IGNORECASE)),
    ("bounds", re.compile(rf"\s*(bounds?){_REST}", re.IGNORECASE)),
    ("general", re.compile(rf"\s*(generals?|gens?|integers?|ints?){_REST}", re.IGNORECASE)),
    ("binary", re.compile(rf"\s*(binary|binaries|bins?){_REST}", re.IGNORECASE)),
    ("semi", re.compile(rf"\s*(semi-continuous|semis?|sec){_REST}", re.IGNORECASE)),
    ("sos", re.compile(rf"\s*(sos[12]?){_REST}", re.IGNORECASE)),
    ("end", re.compile(r"\s*(end)\s*()$", re.IGNORECASE)),
)
_HEADING_WORD = re.compile(
    r"bounds?|generals?|gens?|integers?|ints?|binary|binaries|bins?|semis?|sec|sos[12]?|end|st|s\.t\.|st\.|subject|such",
    re.IGNORECASE,
)
_NAMED = re.compile(r"\s*(?:Problem name\s*:|Model)\s+(\S.*)", re.IGNORECASE)
_HIDDEN = re.compile(r"\s*edgeopt reads (.*)")
_ORDER = {"objective": 0, "rows": 1, "bounds": 2, "general": 2, "binary": 2, "semi": 2, "sos": 2, "other": 2, "end": 3}
_REFUSED = {
    "semi": "semi-continuous columns",
    "sos": "special ordered sets",
    "other": "constraints of a special kind",
}


@dataclass
class Sections:
    """What an LP file holds, section by section."""

    place: str
    name: str = ""
    sense: Sense = Sense.MINIMIZE
    tokens: dict[str, list[Token]] = field(default_factory=lambda: {head: [] for head, _ in _HEADS})
    notes: list[Note] = field(default_factory=list)

    def error(self, line: int, found: str, remedy: str) -> DataFormatError:
        """Return the error that names the place."""
        return in_file(self.place, line, found, remedy)


def sections(text: str, place: str) -> Sections:
    """Return the words of each section, comments and headings taken off.

    Raises
    ------
    DataFormatError
        If a section is missing, out of order or beyond a mixed-integer linear program, or a word is none.
    """
    found, notes = Sections(place), NoteReader(place)
    current, number = "", 0
    for number, raw in enumerate(lines(text), 1):
        line, _, comment = raw.partition("\\")
        if comment:
            notes.comment(comment, number)
            if not found.name and not current and (named := _NAMED.fullmatch(comment)):
                found.name = named[1].strip()
            if not line.strip() and (hidden := _HIDDEN.match(comment)):
                line = hidden[1]
        if line.strip():
            current = _take(found, current, line, number)
    if current != "end":
        raise found.error(max(1, number), "the file stops without 'end'", "it may be cut off: fetch or write it again")
    found.notes = notes.notes()
    return found


def _take(found: Sections, current: str, raw: str, number: int) -> str:
    """Read one line; return the section that goes on behind it."""
    head, line = _heading(raw)
    if head:
        _enter(found, number, head, current)
        current = head
        if head == "objective":
            found.sense = Sense.MAXIMIZE if raw.strip()[:3].lower() == "max" else Sense.MINIMIZE
    elif not current:
        raise found.error(number, f"{raw.strip()[:40]!r}", "expected an LP file: minimize or maximize comes first")
    elif current == "end":
        raise found.error(number, f"{raw.strip()[:40]!r} after end", "expected nothing there: remove it")
    if current in _REFUSED and line.strip():
        what = f"{_REFUSED[current]} ({line.strip()[:40]})"
        raise found.error(number, what, "a mixed-integer linear program has none: model them with binaries")
    tokens = _tokens(found, line, number)
    if _ORDER[current] == 2:
        _check_words(found, tokens)
    found.tokens[current] += tokens
    return current


def _heading(line: str) -> tuple[str, str]:
    """Section that begins on this line, and what stands behind its heading."""
    for head, pattern in _HEADS:
        if match := pattern.fullmatch(line):
            return head, match[2]
    return "", line


def _enter(found: Sections, number: int, head: str, current: str) -> None:
    expected = 0 if not current else _ORDER[head]
    if (not current and head != "objective") or (current and (_ORDER[current] > expected or head == "objective")):
        order = "expected the order objective, subject to, bounds, general, binary, end"
        raise found.error(number, f"section {head!r} " + (f"after {current!r}" if current else "comes first"), order)
    if current == head == "rows":
        raise found.error(number, "a second 'subject to'", "merge the two")


def _check_words(found: Sections, tokens: list[Token]) -> None:
    """Refuse a heading that does not stand alone, which would be taken for a column."""
    first = tokens[0] if tokens else None
    if first and first.kind == "name" and _HEADING_WORD.fullmatch(first.text):
        raise found.error(
            first.line, f"{first.text!r} begins a line", "expected a section's heading alone on its line, or no keyword"
        )


def _tokens(found: Sections, line: str, number: int) -> list[Token]:
    tokens, at = [], 0
    line = line.rstrip()
    while at < len(line):
        match = _PATTERN.match(line, at)
        if match is None or match.lastgroup is None or line.startswith("->", match.start(match.lastgroup)):
            rest = line[at:].strip()
            raise found.error(number, f"{rest[:30]!r}", _why(rest))
        token = Token(match.lastgroup, match[match.lastgroup], number)
        if token.kind == "name" and token.text.lower() == "nan":
            raise found.error(number, "nan", "expected a number")
        if token.kind == "name" and token.text.count("(") != token.text.count(")"):
            raise found.error(
                number,
                f"parentheses in {line[match.start() :].strip()[:30]!r}",
                "they are letters of a name in LP: multiply them out",
            )
        tokens.append(token)
        at = match.end()
    return tokens


def _why(rest: str) -> str:
    """Why `rest` cannot be read."""
    if rest.startswith(("/*", "//", "*/")):
        return "a comment of LP begins with a backslash and ends with its line"
    if rest.startswith("->"):
        return "expected one number on the right; indicator constraints cannot be read here"
    if rest[0] in "[]*^/":
        return "quadratic terms, products or powers cannot be read here"
    return "it is nothing of a linear program"
