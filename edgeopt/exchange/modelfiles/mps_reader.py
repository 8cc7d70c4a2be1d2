"""Reading MPS: a card deck of rows, columns, right-hand sides, ranges and bounds.

Readers of this old format are lenient to a fault: the usual ones take ``abc`` for 0, drop rows they do not know and
stop at a column that happens to be called RHS. This one takes nothing that it does not understand, and says where.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator

from ...model.errors import DataFormatError
from ...model.problem import Sense
from ...model.program import Program
from .mps_deck import Deck, program_of
from .mps_fields import FixedFields, free_fields
from .restoring import restored
from .spelling import lines

_REFUSED = {
    "QUADOBJ": "quadratic terms",
    "QSECTION": "quadratic terms",
    "QMATRIX": "quadratic terms",
    "QCMATRIX": "quadratic constraints",
    "CSECTION": "cones",
    "SOS": "special ordered sets",
    "SOS1": "special ordered sets",
    "SOS2": "special ordered sets",
    "SETS": "special ordered sets",
    "INDICATORS": "indicator constraints",
    "GENCONS": "general constraints",
    "PWLOBJ": "piecewise linear costs",
    "LAZYCONS": "lazy constraints",
    "USERCUTS": "user cuts",
}


def parse(text: str, place: str) -> tuple[Program, list[str]]:
    """Return the program that an MPS file holds, and what its reader should know.

    Parameters
    ----------
    text : str
        The file's content.
    place : str
        How messages call the file.

    Raises
    ------
    DataFormatError
        If anything in it is malformed, contradictory or beyond a mixed-integer linear program; names the line.
    """
    try:
        deck = _read(text, Deck(place))
        program = program_of(deck)
    except DataFormatError:
        fixed = FixedFields(place)
        try:
            deck = _read(text, Deck(place, fixed=fixed))
            program = program_of(deck)
        except DataFormatError:
            fixed.spaced = False
        if not fixed.spaced:
            raise
    return restored(program, deck.notes.notes(), place), _remarks(deck)


def _read(text: str, deck: Deck) -> Deck:
    read: Callable[[Deck, list[str]], None] = _before_any_section
    ended = False
    for deck.line, raw in enumerate(lines(text), 1):
        if not raw or raw[0] == "*":
            _comment(deck, raw[1:])
            continue
        if not raw.strip():
            continue
        if raw[0] in " \t" or (read in _WORDS and not _begins_section(raw)):
            read(deck, _fields(deck, raw, read))
        else:
            tokens = free_fields(raw)
            read = _section(deck, tokens, raw)
            if ended := tokens[0].upper() == "ENDATA":
                break  # by convention anything may follow
    if not ended:
        deck.line = max(1, deck.line)
        raise deck.error("the file ends without ENDATA", "it may be cut off: fetch or write it again")
    return deck


def _fields(deck: Deck, raw: str, read: Callable[[Deck, list[str]], None]) -> list[str]:
    if deck.fixed is None or read in _WORDS:
        return free_fields(raw)
    return deck.fixed(raw, deck.line)


def _begins_section(raw: str) -> bool:
    head = raw.split()[0].upper()
    return head in _READERS or head in _REFUSED


_PULP = re.compile(r"\s*SENSE:\s*(Maximize|Minimize)\s*$", re.IGNORECASE)


def _comment(deck: Deck, text: str) -> None:
    """Look for this package's notes, and for the sense that PuLP writes into a comment."""
    deck.notes.comment(text, deck.line)
    if match := _PULP.match(text):
        deck.commented_sense = (Sense(match[1].lower()), deck.line)


def _remarks(deck: Deck) -> list[str]:
    remarks = []
    if deck.commented_sense and deck.commented_sense[0] is Sense.MAXIMIZE and "OBJSENSE" not in deck.seen:
        remarks.append(
            f"{deck.place}, line {deck.commented_sense[1]}: the comment SENSE:Maximize (PuLP) is taken at its word; "
            "other readers pass it over and minimise: an OBJSENSE section says it to more of them"
        )
    for (section, name), (line, used) in deck.passed_over.items():
        remarks.append(
            f"{deck.place}, line {line}: {section} has two sets, {used} and {name}; the first is used, as CPLEX and "
            "SCIP do (HiGHS merges the two): delete the one that does not count"
        )
    return remarks


def _section(deck: Deck, tokens: list[str], raw: str) -> Callable[[Deck, list[str]], None]:
    head = tokens[0].upper()
    if head in _REFUSED:
        raise deck.error(f"section {head}", f"{_REFUSED[head]} do not belong to a mixed-integer linear program")
    if head not in _READERS:
        raise deck.error(
            f"{raw.strip()[:40]!r} is no section of MPS",
            f"expected one of {', '.join(_READERS)} (data lines are indented)",
        )
    if head == "NAME":
        deck.name = _title(raw[4:].strip())
    elif head in ("OBJSENSE", "OBJNAME"):
        if len(tokens) > 1:
            _READERS[head](deck, tokens[1:])
    elif head != "ENDATA" and len(tokens) > 1:
        raise deck.error(
            f"section {head} is followed by {tokens[1]!r}", "expected the section's name alone on its line"
        )
    if head in deck.seen:
        raise deck.error(f"section {head} comes twice", "merge the two")
    if head in ("COLUMNS", "RHS", "RANGES", "BOUNDS") and "ROWS" not in deck.seen:
        raise deck.error(f"section {head} comes before ROWS", "expected the order ROWS, COLUMNS, RHS, RANGES, BOUNDS")
    if head in ("RHS", "RANGES", "BOUNDS", "ENDATA") and "COLUMNS" not in deck.seen:
        raise deck.error(f"section {head} comes before COLUMNS", "expected ROWS and COLUMNS first")
    deck.seen.add(head)
    return _READERS[head]


def _title(text: str) -> str:
    """Name of the program, without the word by which CBC knows free format."""
    name, _, last = text.rpartition(" ")
    return name.strip() if last == "FREE" else text


def _before_any_section(deck: Deck, tokens: list[str]) -> None:
    raise deck.error(
        f"{' '.join(tokens)[:40]!r} before any section", "expected an MPS file, which begins with NAME or ROWS"
    )


def _objsense(deck: Deck, tokens: list[str]) -> None:
    word = tokens[0].upper()
    if len(tokens) > 1 or word not in ("MIN", "MAX", "MINIMIZE", "MAXIMIZE", "MINIMISE", "MAXIMISE"):
        raise deck.error(f"objective sense {' '.join(tokens)!r}", "expected MIN or MAX")
    if deck.sense_given:
        raise deck.error("a second objective sense", "keep one")
    deck.sense_given = True
    deck.sense = Sense.MAXIMIZE if word.startswith("MAX") else Sense.MINIMIZE


def _objname(deck: Deck, tokens: list[str]) -> None:
    if len(tokens) > 1 or deck.wanted_line:
        raise deck.error(f"objective name {' '.join(tokens)!r}", "expected the name of one row of type N")
    deck.wanted, deck.wanted_line = tokens[0], deck.line


def _row(deck: Deck, tokens: list[str]) -> None:
    if len(tokens) != 2:
        raise deck.error(f"{' '.join(tokens)[:40]!r}", "expected a row's type and its name (without spaces)")
    kind, name = tokens[0].upper(), tokens[1]
    if kind not in ("N", "L", "G", "E"):
        raise deck.error(f"row type {tokens[0]!r} of {name}", "expected N, L, G or E")
    if name in deck.rows or name == deck.objective:
        raise deck.error(f"row {name} comes twice", "names must be unique")
    if kind == "N" and deck.objective is None and deck.wanted in (None, name):
        deck.objective = name
        return
    deck.rows[name] = len(deck.kinds)
    deck.kinds.append(kind)


def _column(deck: Deck, tokens: list[str]) -> None:
    if len(tokens) == 3 and tokens[1] == "'MARKER'":
        _marker(deck, tokens[2])
        return
    if len(tokens) not in (3, 5):
        raise deck.error(
            f"{' '.join(tokens)[:40]!r} has {len(tokens)} fields",
            "expected a column and one or two pairs of row and coefficient (names without spaces)",
        )
    name = tokens[0]
    column = deck.columns.get(name)
    if column is None:
        column = deck.columns[name] = len(deck.starts)
        deck.starts.append(len(deck.values))
        deck.touched = set()
        if deck.within_marker:
            deck.integers.add(column)
    elif column != len(deck.starts) - 1:
        raise deck.error(f"column {name} comes in two places", "expected its entries on consecutive lines")
    for row, value in zip(tokens[1::2], tokens[2::2], strict=True):
        _entry(deck, column, name, row, value)


def _entry(deck: Deck, column: int, name: str, row: str, token: str) -> None:
    value = deck.number(token, f"coefficient of column {name} in row {row}")
    if row == deck.objective:
        if column in deck.cost:
            raise deck.error(f"column {name} has two coefficients in row {row}", "keep one")
        deck.cost[column] = value
        return
    index = deck.rows.get(row)
    if index is None:
        raise deck.error(f"row {row} of column {name} is not in ROWS", "declare it there, or correct its name")
    if index in deck.touched:
        raise deck.error(f"column {name} has two coefficients in row {row}", "keep one")
    deck.touched.add(index)
    deck.indices.append(index)
    deck.values.append(value)


def _marker(deck: Deck, word: str) -> None:
    if word not in ("'INTORG'", "'INTEND'"):
        raise deck.error(f"marker {word}", "expected 'INTORG' or 'INTEND'")
    deck.within_marker = word == "'INTORG'"


_SIDES = {"RHS": "right-hand side", "RANGES": "range"}


def _pairs(deck: Deck, section: str, tokens: list[str]) -> Iterator[tuple[str, str]]:
    """Pairs of row and number of the first set; its name before them may be left out."""
    if not 2 <= len(tokens) <= 5:
        raise deck.error(
            f"{' '.join(tokens)[:40]!r} has {len(tokens)} fields", "expected one or two pairs of row and number"
        )
    flat = tokens[len(tokens) % 2 :]
    pairs = list(zip(flat[::2], flat[1::2], strict=True))
    for row, token in pairs:
        if row not in deck.rows and row != deck.objective:
            raise deck.error(f"row {row} is not in ROWS", "declare it there, or correct its name")
        deck.number(token, f"{_SIDES[section]} of row {row}", finite=False)
    if len(tokens) % 2 and not _of_first_set(deck, section, tokens[0]):
        return iter(())
    return iter(pairs)


def _of_first_set(deck: Deck, section: str, name: str) -> bool:
    """Whether a line belongs to the section's first set; the others are alternatives that do not count."""
    used = deck.sets.setdefault(section, name)
    if name != used:
        deck.passed_over.setdefault((section, name), (deck.line, used))
    return name == used


def _rhs(deck: Deck, tokens: list[str]) -> None:
    for row, token in _pairs(deck, "RHS", tokens):
        if row == deck.objective:
            if deck.offset_given:
                raise deck.error(f"row {row} has two right-hand sides", "keep one")
            deck.offset, deck.offset_given = -deck.number(token, f"right-hand side of row {row}"), True
            continue
        index = deck.rows[row]
        if index in deck.rhs:
            raise deck.error(f"row {row} has two right-hand sides", "keep one")
        if deck.kinds[index] == "N":
            raise deck.error(f"free row {row} has a right-hand side", "remove it, or give the row a type L, G or E")
        deck.rhs[index] = token
        deck.side_line[index] = deck.line


def _range(deck: Deck, tokens: list[str]) -> None:
    for row, token in _pairs(deck, "RANGES", tokens):
        if row == deck.objective or deck.kinds[index := deck.rows[row]] == "N":
            raise deck.error(f"free row {row} has a range", "remove it, or give the row a type L, G or E")
        if index in deck.ranges:
            raise deck.error(f"row {row} has two ranges", "keep one")
        deck.ranges[index] = token
        deck.side_line[index] = deck.line


_VALUED = ("LO", "UP", "FX", "LI", "UI")
_UNVALUED = ("FR", "MI", "PL", "BV")


def _bound(deck: Deck, tokens: list[str]) -> None:
    kind = tokens[0].upper()
    if kind in ("SC", "SI"):
        what = "semi-continuous" if kind == "SC" else "semi-integer"
        raise deck.error(
            f"a {what} column ({' '.join(tokens)})", f"{what} columns are not supported: model with a binary"
        )
    if kind in _VALUED and len(tokens) in (3, 4):
        at, token = len(tokens) - 2, tokens[-1]
    elif kind in _UNVALUED and 2 <= len(tokens) <= 4:
        at, token = (2 if len(tokens) > 2 and tokens[2] in deck.columns else 1), ""
    else:
        raise deck.error(
            f"{' '.join(tokens)[:40]!r}", "expected bound type, set, column and, but for FR MI PL BV, a number"
        )
    name = tokens[at]
    if name not in deck.columns:
        raise deck.error(f"column {name} is not in COLUMNS", "declare it there, or correct its name")
    value = deck.number(token, f"bound of column {name}", finite=False) if token else 0.0
    if at == 2 and not _of_first_set(deck, "BOUNDS", tokens[1]):
        return
    column = deck.columns[name]
    deck.bound_line[column] = deck.line
    if kind in ("LI", "UI", "BV"):
        deck.integers.add(column)
    for side, bound in _sides(kind, value):
        if column in _side(deck, side):
            raise deck.error(f"column {name} has two {side} bounds", "keep one")
        _side(deck, side)[column] = bound


def _side(deck: Deck, side: str) -> dict[int, float]:
    """Bounds given on one side, by column."""
    return deck.lower if side == "lower" else deck.upper


def _sides(kind: str, value: float) -> list[tuple[str, float]]:
    match kind:
        case "LO" | "LI":
            return [("lower", value)]
        case "UP" | "UI":
            return [("upper", value)]
        case "FX":
            return [("lower", value), ("upper", value)]
        case "FR":
            return [("lower", -math.inf), ("upper", math.inf)]
        case "MI":
            return [("lower", -math.inf)]
        case "PL":
            return [("upper", math.inf)]
        case _:
            return [("lower", 0.0), ("upper", 1.0)]


def _nothing(deck: Deck, tokens: list[str]) -> None:
    raise deck.error(f"{' '.join(tokens)[:40]!r}", "expected a section (ROWS, COLUMNS, …) here")


_READERS: dict[str, Callable[[Deck, list[str]], None]] = {
    "NAME": _nothing,
    "OBJSENSE": _objsense,
    "OBJNAME": _objname,
    "ROWS": _row,
    "COLUMNS": _column,
    "RHS": _rhs,
    "RANGES": _range,
    "BOUNDS": _bound,
    "ENDATA": _nothing,
}


_WORDS = (_objsense, _objname)
"""Sections whose one word may begin its line."""
