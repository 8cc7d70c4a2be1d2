"""Reading MPS: a card deck of rows, columns, right-hand sides, ranges and bounds.

Readers of this old format are lenient to a fault: the usual ones take ``abc`` for 0, drop rows they do not know and
stop at a column that happens to be called RHS. This one takes nothing that it does not understand, and says where.
A row with a range is added up in decimal and rounded once, so that what is read is exactly what was written.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from ..errors import DataFormatError
from ..problem import Sense
from ..program import Program
from .spelling import EXACT, INFINITE, check_side, decimal_number, in_file, without_huge

if TYPE_CHECKING:
    from numpy.typing import NDArray

_REFUSED = {
    "QUADOBJ": "quadratic terms", "QSECTION": "quadratic terms", "QMATRIX": "quadratic terms",
    "QCMATRIX": "quadratic constraints", "CSECTION": "cones", "SOS": "special ordered sets",
    "SOS1": "special ordered sets", "SOS2": "special ordered sets", "SETS": "special ordered sets",
    "INDICATORS": "indicator constraints", "GENCONS": "general constraints", "PWLOBJ": "piecewise linear costs",
    "LAZYCONS": "lazy constraints", "USERCUTS": "user cuts",
}  # fmt: skip


@dataclass
class _Deck:
    """What has been read so far."""

    place: str
    line: int = 0
    name: str = ""
    sense: Sense = Sense.MINIMIZE
    objective: str | None = None
    offset: float = 0.0
    rows: dict[str, int] = field(default_factory=dict)
    kinds: list[str] = field(default_factory=list)
    rhs: dict[int, str] = field(default_factory=dict)
    ranges: dict[int, str] = field(default_factory=dict)
    offset_given: bool = False
    columns: dict[str, int] = field(default_factory=dict)
    cost: dict[int, float] = field(default_factory=dict)
    values: list[float] = field(default_factory=list)
    indices: list[int] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    touched: set[int] = field(default_factory=set)
    integers: set[int] = field(default_factory=set)
    within_marker: bool = False
    seen: set[str] = field(default_factory=set)
    lower: dict[int, float] = field(default_factory=dict)
    upper: dict[int, float] = field(default_factory=dict)
    bound_line: dict[int, int] = field(default_factory=dict)

    def error(self, found: str, remedy: str) -> DataFormatError:
        return in_file(self.place, self.line, found, remedy)

    def number(self, token: str, what: str, *, finite: bool = True) -> float:
        value = decimal_number(token)
        if math.isnan(value) or (finite and math.isinf(value)):
            raise self.error(f"{what} is {token!r}", "expected a finite number" if finite else "expected a number")
        return value


def parse(text: str, place: str) -> Program:
    """Return the program that an MPS file holds.

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
    deck = _Deck(place)
    read: Callable[[_Deck, list[str]], None] = _before_any_section
    ended = False
    for deck.line, raw in enumerate(text.splitlines(), 1):
        if not raw or raw[0] == "*":
            continue
        tokens = _tokens(raw)
        if not tokens:
            continue
        if raw[0] in " \t":
            read(deck, tokens)
        else:
            read = _section(deck, tokens, raw)
            if ended := tokens[0].upper() == "ENDATA":
                break  # by convention anything may follow
    if not ended:
        deck.line = max(1, deck.line)
        raise deck.error("the file ends without ENDATA", "it may be cut off: fetch or write it again")
    return _program(deck)


def _tokens(raw: str) -> list[str]:
    """Fields of a line, without a comment behind them (``$``, or ``*`` where no name can stand)."""
    tokens = raw.split()
    if "$" not in raw and "*" not in raw:
        return tokens
    for i, token in enumerate(tokens[1:], 1):
        named = i + 1 < len(tokens) and not math.isnan(decimal_number(tokens[i + 1]))
        if token[0] == "$" or (token[0] == "*" and i >= 2 and not named):
            return tokens[:i]
    return tokens


def _section(deck: _Deck, tokens: list[str], raw: str) -> Callable[[_Deck, list[str]], None]:
    head = tokens[0].upper()
    if head in _REFUSED:
        raise deck.error(f"section {head}", f"{_REFUSED[head]} do not belong to a mixed-integer linear program")
    if head not in _READERS:
        raise deck.error(
            f"{raw.strip()[:40]!r} is no section of MPS",
            "expected one of NAME, OBJSENSE, ROWS, COLUMNS, RHS, RANGES, BOUNDS, ENDATA (data lines are indented)",
        )
    if head == "NAME":
        deck.name = raw[4:].strip()
    elif head == "OBJSENSE":
        if len(tokens) > 1:
            _objsense(deck, tokens[1:])
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


def _before_any_section(deck: _Deck, tokens: list[str]) -> None:
    raise deck.error(
        f"{' '.join(tokens)[:40]!r} before any section", "expected an MPS file, which begins with NAME or ROWS"
    )


def _objsense(deck: _Deck, tokens: list[str]) -> None:
    word = tokens[0].upper()
    if len(tokens) > 1 or word not in ("MIN", "MAX", "MINIMIZE", "MAXIMIZE", "MINIMISE", "MAXIMISE"):
        raise deck.error(f"objective sense {' '.join(tokens)!r}", "expected MIN or MAX")
    deck.sense = Sense.MAXIMIZE if word.startswith("MAX") else Sense.MINIMIZE


def _row(deck: _Deck, tokens: list[str]) -> None:
    if len(tokens) != 2:
        raise deck.error(f"{' '.join(tokens)[:40]!r}", "expected a row's type and its name (without spaces)")
    kind, name = tokens[0].upper(), tokens[1]
    if kind not in ("N", "L", "G", "E"):
        raise deck.error(f"row type {tokens[0]!r} of {name}", "expected N, L, G or E")
    if name in deck.rows or name == deck.objective:
        raise deck.error(f"row {name} comes twice", "names must be unique")
    if kind == "N" and deck.objective is None:
        deck.objective = name
        return
    deck.rows[name] = len(deck.kinds)
    deck.kinds.append(kind)


def _column(deck: _Deck, tokens: list[str]) -> None:
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


def _entry(deck: _Deck, column: int, name: str, row: str, token: str) -> None:
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


def _marker(deck: _Deck, word: str) -> None:
    if word not in ("'INTORG'", "'INTEND'"):
        raise deck.error(f"marker {word}", "expected 'INTORG' or 'INTEND'")
    deck.within_marker = word == "'INTORG'"


def _pairs(deck: _Deck, tokens: list[str]) -> Iterator[tuple[str, str]]:
    """Pairs of row and number; the name of the set before them may be left out."""
    if not 2 <= len(tokens) <= 5:
        raise deck.error(
            f"{' '.join(tokens)[:40]!r} has {len(tokens)} fields", "expected one or two pairs of row and number"
        )
    pairs = tokens[len(tokens) % 2 :]
    return zip(pairs[::2], pairs[1::2], strict=True)


def _rhs(deck: _Deck, tokens: list[str]) -> None:
    for row, token in _pairs(deck, tokens):
        if row == deck.objective:
            if deck.offset_given:
                raise deck.error(f"row {row} has two right-hand sides", "keep one")
            deck.offset, deck.offset_given = -deck.number(token, f"right-hand side of row {row}"), True
            continue
        index = _known_row(deck, row)
        if index in deck.rhs:
            raise deck.error(f"row {row} has two right-hand sides", "keep one")
        if deck.kinds[index] == "N":
            raise deck.error(f"free row {row} has a right-hand side", "remove it, or give the row a type L, G or E")
        deck.number(token, f"right-hand side of row {row}", finite=False)
        deck.rhs[index] = token


def _range(deck: _Deck, tokens: list[str]) -> None:
    for row, token in _pairs(deck, tokens):
        if row == deck.objective or deck.kinds[index := _known_row(deck, row)] == "N":
            raise deck.error(f"free row {row} has a range", "remove it, or give the row a type L, G or E")
        if index in deck.ranges:
            raise deck.error(f"row {row} has two ranges", "keep one")
        deck.number(token, f"range of row {row}", finite=False)
        deck.ranges[index] = token


def _known_row(deck: _Deck, row: str) -> int:
    if row not in deck.rows:
        raise deck.error(f"row {row} is not in ROWS", "declare it there, or correct its name")
    return deck.rows[row]


_VALUED = ("LO", "UP", "FX", "LI", "UI")
_UNVALUED = ("FR", "MI", "PL", "BV")


def _bound(deck: _Deck, tokens: list[str]) -> None:
    kind = tokens[0].upper()
    if kind in ("SC", "SI"):
        what = "semi-continuous" if kind == "SC" else "semi-integer"
        raise deck.error(
            f"a {what} column ({' '.join(tokens)})", f"{what} columns are not supported: model with a binary"
        )
    if kind in _VALUED and len(tokens) in (3, 4):
        name, token = tokens[-2], tokens[-1]
    elif kind in _UNVALUED and 2 <= len(tokens) <= 4:
        name, token = (tokens[2] if len(tokens) > 2 and tokens[2] in deck.columns else tokens[1]), ""
    else:
        raise deck.error(
            f"{' '.join(tokens)[:40]!r}", "expected bound type, set, column and, but for FR MI PL BV, a number"
        )
    if name not in deck.columns:
        raise deck.error(f"column {name} is not in COLUMNS", "declare it there, or correct its name")
    column = deck.columns[name]
    deck.bound_line[column] = deck.line
    value = deck.number(token, f"bound of column {name}", finite=False) if token else 0.0
    if kind in ("LI", "UI", "BV"):
        deck.integers.add(column)
    for side, bound in _sides(kind, value):
        if column in _side(deck, side):
            raise deck.error(f"column {name} has two {side} bounds", "keep one")
        _side(deck, side)[column] = bound


def _side(deck: _Deck, side: str) -> dict[int, float]:
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


def _nothing(deck: _Deck, tokens: list[str]) -> None:
    raise deck.error(f"{' '.join(tokens)[:40]!r}", "expected a section (ROWS, COLUMNS, …) here")


_READERS: dict[str, Callable[[_Deck, list[str]], None]] = {
    "NAME": _nothing, "OBJSENSE": _objsense, "ROWS": _row, "COLUMNS": _column, "RHS": _rhs, "RANGES": _range,
    "BOUNDS": _bound, "ENDATA": _nothing,
}  # fmt: skip


def _program(deck: _Deck) -> Program:
    columns, rows = len(deck.columns), len(deck.kinds)
    integrality = np.zeros(columns, dtype=bool)
    integrality[list(deck.integers)] = True
    cost = np.zeros(columns)
    cost[list(deck.cost)] = list(deck.cost.values())
    lower, upper = _column_bounds(deck, integrality)
    sides = [_row_sides(deck, name, i) for name, i in deck.rows.items()]
    matrix = sparse.csc_array((deck.values, deck.indices, [*deck.starts, len(deck.values)]), shape=(rows, columns))
    return Program(
        cost, matrix, np.array([s[0] for s in sides], dtype=float), np.array([s[1] for s in sides], dtype=float),
        lower, upper, integrality, deck.sense, deck.offset, tuple(deck.columns), tuple(deck.rows), deck.name,
    )  # fmt: skip


def _column_bounds(deck: _Deck, integrality: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    names = list(deck.columns)
    lower = np.zeros(len(names))
    # By the format's convention an integer column of which no bound is said is binary.
    upper = np.where(integrality, 1.0, np.inf)
    upper[list(deck.bound_line)] = np.inf
    lower[list(deck.lower)] = list(deck.lower.values())
    upper[list(deck.upper)] = list(deck.upper.values())
    lower, upper = without_huge(lower, upper)
    for column, line in deck.bound_line.items():
        check_side(deck.place, line, f"column {names[column]}", lower[column], upper[column], column in deck.lower)
    return lower, upper


def _row_sides(deck: _Deck, name: str, index: int) -> tuple[float, float]:
    kind, rhs = deck.kinds[index], deck.rhs.get(index, "0")
    lower = upper = decimal_number(rhs)
    if kind == "L" or kind == "N":
        lower = -math.inf
    if kind == "G" or kind == "N":
        upper = math.inf
    if index in deck.ranges:
        lower, upper = _ranged(kind, rhs, deck.ranges[index])
    if abs(lower) >= INFINITE:
        lower = math.copysign(math.inf, lower)
    if abs(upper) >= INFINITE:
        upper = math.copysign(math.inf, upper)
    if lower == math.inf or upper == -math.inf:
        raise DataFormatError(
            f"{deck.place}: row {name} has bounds [{lower}, {upper}]; expected room for a finite number"
        )
    return lower, upper


def _ranged(kind: str, rhs: str, width: str) -> tuple[float, float]:
    """Both sides of a row with a range, each rounded once from decimal arithmetic."""
    side, span = decimal_number(rhs), decimal_number(width)
    if math.isinf(side) or math.isinf(span):
        return (-math.inf, side) if kind == "L" else (side, math.inf)
    exact, step = _decimal(rhs), _decimal(width)
    if kind == "L" or (kind == "E" and step < 0):
        return float(EXACT.subtract(exact, step.copy_abs())), side
    return side, float(EXACT.add(exact, step.copy_abs()))


def _decimal(token: str) -> Decimal:
    return Decimal(token.replace("D", "E").replace("d", "e"))
