"""Reading the LP format: an objective, constraints, bounds and lists of integer columns, as one would write them down.

The common dialect of CPLEX and Gurobi, linear part. Some readers drop a constant on the left of a constraint, or take
``1 <= 2 x + y <= 4`` for two constraints; this one reads both, and refuses what it does not understand with its line.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy import sparse

from ..errors import DataFormatError
from ..problem import Sense
from ..program import Program
from .spelling import INFINITE, check_side, in_file


class _Token(NamedTuple):
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
_INFINITY = frozenset({"inf", "infinity"})
_SENSES = r"(minimi[sz]e|minimum|min|maximi[sz]e|maximum|max)"
_HEADS = (
    ("objective", re.compile(rf"\s*{_SENSES}(?![\w.(\[])(.*)", re.IGNORECASE)),
    ("rows", re.compile(r"\s*(subject\s+to|such\s+that|s\.t\.|st\.|st)(?![\w.(\[])(.*)", re.IGNORECASE)),
    ("bounds", re.compile(r"\s*(bounds?)\s*()$", re.IGNORECASE)),
    ("general", re.compile(r"\s*(generals?|gens?|integers?|ints?)\s*()$", re.IGNORECASE)),
    ("binary", re.compile(r"\s*(binary|binaries|bins?)\s*()$", re.IGNORECASE)),
    ("semi", re.compile(r"\s*(semi-continuous|semis?|sec)\s*()$", re.IGNORECASE)),
    ("sos", re.compile(r"\s*(sos[12]?)\s*()$", re.IGNORECASE)),
    ("other", re.compile(r"\s*(lazy constraints|user cuts|general constraints|pwlobj)\s*()$", re.IGNORECASE)),
    ("end", re.compile(r"\s*(end)\s*()$", re.IGNORECASE)),
)
_NAMED = re.compile(r"\s*(?:Problem name:|Model)\s+(\S.*)", re.IGNORECASE)


@dataclass
class _Model:
    """What has been read so far."""

    place: str
    name: str = ""
    sense: Sense = Sense.MINIMIZE
    offset: float = 0.0
    columns: dict[str, int] = field(default_factory=dict)
    cost: dict[int, float] = field(default_factory=dict)
    rows: dict[str, tuple[float, float]] = field(default_factory=dict)
    row_of: list[int] = field(default_factory=list)
    column_of: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    lower: dict[int, float] = field(default_factory=dict)
    upper: dict[int, float] = field(default_factory=dict)
    bound_line: dict[int, int] = field(default_factory=dict)
    integers: set[int] = field(default_factory=set)
    binaries: dict[int, int] = field(default_factory=dict)

    def error(self, line: int, found: str, remedy: str) -> DataFormatError:
        return in_file(self.place, line, found, remedy)


def parse(text: str, place: str) -> Program:
    """Return the program that an LP file holds.

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
    model = _Model(place)
    sections = _sections(model, text)
    _objective(model, sections["objective"])
    for statement in _labelled(sections["rows"]):
        _statements(model, statement)
    for line in _lines(sections["bounds"]):
        _bound(model, line)
    for token in sections["general"]:
        model.integers.add(_known(model, token))
    for token in sections["binary"]:
        column = _known(model, token)
        model.integers.add(column)
        model.binaries[column] = token.line
    return _program(model)


def _sections(model: _Model, text: str) -> dict[str, list[_Token]]:
    """Tokens of each section, comments and headings taken off."""
    found: dict[str, list[_Token]] = {name: [] for name, _ in _HEADS}
    current, number = "", 0
    for number, raw in enumerate(text.splitlines(), 1):
        line, _, comment = raw.partition("\\")
        if comment and not model.name and not current and (named := _NAMED.fullmatch(comment)):
            model.name = named[1].strip()
        if not line.strip():
            continue
        head, line = _heading(line)
        if head:
            _enter(model, number, head, current, line)
            current = head
            if head == "objective":
                model.sense = Sense.MAXIMIZE if raw.strip()[:3].lower() == "max" else Sense.MINIMIZE
        elif not current:
            raise model.error(number, f"{raw.strip()[:40]!r}", "expected an LP file: minimize or maximize comes first")
        elif current == "end":
            raise model.error(number, f"{raw.strip()[:40]!r} after end", "expected nothing there: remove it")
        if current in _REFUSED and line.strip():
            what = f"{_REFUSED[current]} ({line.strip()[:40]})"
            raise model.error(number, what, "a mixed-integer linear program has none: model them with binaries")
        found[current] += _tokens(model, line, number)
    if current != "end":
        raise model.error(max(1, number), "the file stops without 'end'", "it may be cut off: fetch or write it again")
    return found


_ORDER = {"objective": 0, "rows": 1, "bounds": 2, "general": 2, "binary": 2, "semi": 2, "sos": 2, "other": 2, "end": 3}
_REFUSED = {
    "semi": "semi-continuous columns", "sos": "special ordered sets", "other": "constraints of a special kind",
}  # fmt: skip


def _heading(line: str) -> tuple[str, str]:
    """Section that begins on this line, and what stands behind its heading."""
    for head, pattern in _HEADS:
        if found := pattern.fullmatch(line):
            return head, found[2]
    return "", line


def _enter(model: _Model, number: int, head: str, current: str, rest: str) -> None:
    expected = 0 if not current else _ORDER[head]
    if (not current and head != "objective") or (current and (_ORDER[current] > expected or head == "objective")):
        order = "expected the order objective, subject to, bounds, general, binary, end"
        raise model.error(number, f"section {head!r} " + (f"after {current!r}" if current else "comes first"), order)
    if current == head == "rows":
        raise model.error(number, "a second 'subject to'", "merge the two")


def _tokens(model: _Model, line: str, number: int) -> list[_Token]:
    found, at = [], 0
    line = line.rstrip()
    while at < len(line):
        match = _PATTERN.match(line, at)
        if match is None or match.lastgroup is None:
            rest = line[at:].strip()
            what = "quadratic terms, products or powers" if rest[0] in "[]*^/" else "nothing of a linear program"
            raise model.error(number, f"{rest[:30]!r}", f"{what} cannot be read here")
        token = _Token(match.lastgroup, match[match.lastgroup], number)
        if token.kind == "name" and token.text.lower() == "nan":
            raise model.error(number, "nan", "expected a number")
        found.append(token)
        at = match.end()
    return found


def _objective(model: _Model, tokens: list[_Token]) -> None:
    if len(tokens) > 1 and tokens[0].kind == "name" and tokens[1].kind == "colon":
        tokens = tokens[2:]
    terms, model.offset, at = _expression(model, tokens, 0)
    if at < len(tokens):
        raise _unexpected(model, tokens[at], "expected terms such as + 2 x")
    for token, value in terms:
        column = model.columns.setdefault(token.text, len(model.columns))
        if column in model.cost:
            raise model.error(token.line, f"column {token.text} is twice in the objective", "add up the coefficients")
        model.cost[column] = value


def _unexpected(model: _Model, token: _Token, remedy: str) -> DataFormatError:
    return model.error(token.line, f"unexpected {token.text!r}", remedy)


def _expression(model: _Model, tokens: list[_Token], at: int) -> tuple[list[tuple[_Token, float]], float, int]:
    """Terms and constant of ``+ 2 x - y + 3`` from `at`, and where they end: at the first token that does not fit."""
    terms: list[tuple[_Token, float]] = []
    constant, start = 0.0, at
    while at < len(tokens) and tokens[at].kind in ("sign", "number", "name"):
        signed, sign = at, 1.0
        while at < len(tokens) and tokens[at].kind == "sign":
            sign = -sign if tokens[at].text == "-" else sign
            at += 1
        if signed == at and at > start:
            break  # two terms with nothing between them: the next statement begins
        value = None
        if at < len(tokens) and tokens[at].kind == "number":
            value = _finite(model, tokens[at])
            at += 1
        if _names_column(tokens, at) and (value is None or tokens[at].line == tokens[at - 1].line):
            terms.append((tokens[at], sign * (1.0 if value is None else value)))
            at += 1
        elif value is not None:
            constant += sign * value
        else:
            raise _unexpected(model, tokens[min(at, len(tokens) - 1)], "expected a number or a column's name")
    return terms, constant, at


def _names_column(tokens: list[_Token], at: int) -> bool:
    return at < len(tokens) and tokens[at].kind == "name" and tokens[at].text.lower() not in _INFINITY


def _finite(model: _Model, token: _Token) -> float:
    value = float(token.text)
    if math.isinf(value):
        raise model.error(token.line, f"coefficient {token.text!r}", "expected a finite number")
    return value


def _number(model: _Model, tokens: list[_Token], at: int) -> tuple[float, int]:
    """Signed number or infinity at `at`."""
    sign = 1.0
    while at < len(tokens) and tokens[at].kind == "sign":
        sign = -sign if tokens[at].text == "-" else sign
        at += 1
    if at < len(tokens):
        token = tokens[at]
        if token.kind == "number":
            value = sign * float(token.text)
            return (math.copysign(math.inf, value) if abs(value) >= INFINITE else value), at + 1
        if token.text.lower() in _INFINITY:
            return sign * math.inf, at + 1
        raise _unexpected(model, token, "expected a number (columns go to the left)")
    raise _unexpected(model, tokens[-1], "expected a number behind it")


def _is_number(tokens: list[_Token]) -> bool:
    """Whether `tokens` begin with a number and a relation, as in ``1 <= x + y``."""
    at = 0
    while at < len(tokens) and tokens[at].kind == "sign":
        at += 1
    if at + 1 >= len(tokens) or tokens[at + 1].kind != "relation":
        return False
    return tokens[at].kind == "number" or tokens[at].text.lower() in _INFINITY


def _labelled(tokens: list[_Token]) -> list[list[_Token]]:
    """Split before every label ``name :``; unlabelled statements stay together."""
    starts = [i for i in range(len(tokens) - 1) if tokens[i].kind == "name" and tokens[i + 1].kind == "colon"]
    starts = sorted({0, *starts, len(tokens)})
    return [tokens[a:b] for a, b in pairwise(starts)]


def _statements(model: _Model, tokens: list[_Token]) -> None:
    label = None
    if len(tokens) > 1 and tokens[1].kind == "colon":
        label, tokens = tokens[0], tokens[2:]
        if not tokens:
            raise model.error(label.line, f"row {label.text} is empty", "expected a constraint")
    while tokens:
        tokens = _constraint(model, tokens, label)
        label = None


def _constraint(model: _Model, tokens: list[_Token], label: _Token | None) -> list[_Token]:
    """Read one constraint; return the tokens behind it."""
    lower, upper, at, line = -math.inf, math.inf, 0, tokens[0].line
    # "0 >= 1" is a row without columns; "1 <= x" has its number first.
    first = _is_number(tokens) and any(_names_column(tokens, i) for i in range(len(tokens)))
    two_sided = _is_number(tokens) and sum(token.kind == "relation" for token in tokens) > 1
    if first or two_sided:
        side, at = _number(model, tokens, 0)
        # 4 >= x says x <= 4
        lower, upper = _narrowed(lower, upper, tokens[at].text, side, flipped=True)
        at += 1
    begin = at
    terms, constant, at = _expression(model, tokens, at)
    if at == begin:
        raise _unexpected(model, tokens[at] if at < len(tokens) else tokens[-1], "expected terms such as + 2 x")
    if at < len(tokens) and tokens[at].kind == "relation":
        relation = tokens[at].text
        side, at = _number(model, tokens, at + 1)
        if at < len(tokens) and tokens[at].line == tokens[at - 1].line:
            raise _unexpected(model, tokens[at], "expected one number on the right and then a new line")
        lower, upper = _narrowed(lower, upper, relation, side)
    elif not (first or two_sided):
        raise _unexpected(model, tokens[min(at, len(tokens) - 1)], "expected <=, >= or = and a number")
    if (first or two_sided) and at < len(tokens):
        raise _unexpected(model, tokens[at], "expected the end of the constraint (label the one that follows)")
    _add_row(model, label, line, terms, lower - constant, upper - constant)
    return tokens[at:]


def _narrowed(lower: float, upper: float, relation: str, side: float, *, flipped: bool = False) -> tuple[float, float]:
    if relation == "=":
        return side, side
    below = ("<" in relation) is not flipped
    return (lower, side) if below else (side, upper)


def _add_row(
    model: _Model, label: _Token | None, line: int, terms: list[tuple[_Token, float]], lower: float, upper: float
) -> None:
    name = label.text if label else f"row[{len(model.rows)}]"
    if name in model.rows:
        raise model.error(line, f"row {name} comes twice", "names must be unique")
    check_side(model.place, line, f"row {name}", lower, upper, True)
    row, seen = len(model.rows), set()
    model.rows[name] = (lower, upper)
    for token, value in terms:
        column = model.columns.setdefault(token.text, len(model.columns))
        if column in seen:
            raise model.error(token.line, f"column {token.text} comes twice in row {name}", "add up its coefficients")
        seen.add(column)
        model.row_of.append(row)
        model.column_of.append(column)
        model.values.append(value)


def _lines(tokens: list[_Token]) -> list[list[_Token]]:
    """Split tokens by line."""
    grouped: dict[int, list[_Token]] = {}
    for token in tokens:
        grouped.setdefault(token.line, []).append(token)
    return list(grouped.values())


def _known(model: _Model, token: _Token) -> int:
    if token.kind != "name":
        raise _unexpected(model, token, "expected a column's name")
    if token.text not in model.columns:
        raise model.error(
            token.line, f"column {token.text} occurs in no objective or row",
            "correct its name, or give it the coefficient 0 in the objective",
        )  # fmt: skip
    return model.columns[token.text]


def _bound(model: _Model, tokens: list[_Token]) -> None:
    """Read one line of bounds: ``1 <= x <= 4``, ``x >= 1``, ``x = 2`` or ``x free``."""
    line, at = tokens[0].line, 0
    lower, upper = math.nan, math.nan
    if _is_number(tokens):
        side, at = _number(model, tokens, 0)
        lower, upper = _narrowed(lower, upper, tokens[at].text, side, flipped=True)
        at += 1
    if at >= len(tokens):
        raise _unexpected(model, tokens[-1], "expected a column's name behind it")
    column = _known(model, tokens[at])
    name, at = tokens[at].text, at + 1
    if at == 1 and len(tokens) == 2 and tokens[1].text.lower() == "free":
        lower, upper, at = -math.inf, math.inf, 2
    elif at < len(tokens) and tokens[at].kind == "relation":
        relation = tokens[at].text
        side, at = _number(model, tokens, at + 1)
        lower, upper = _narrowed(lower, upper, relation, side)
    if at < len(tokens) or (math.isnan(lower) and math.isnan(upper)):
        raise _unexpected(model, tokens[min(at, len(tokens) - 1)], "expected a bound such as 1 <= x <= 4 or x free")
    for given, value, side_name in ((model.lower, lower, "lower"), (model.upper, upper, "upper")):
        if math.isnan(value):
            continue
        if column in given:
            raise model.error(line, f"column {name} has two {side_name} bounds", "keep one")
        given[column] = value
    model.bound_line[column] = line


def _program(model: _Model) -> Program:
    columns, rows = len(model.columns), len(model.rows)
    cost, lower, upper = np.zeros(columns), np.zeros(columns), np.full(columns, np.inf)
    for target, given in ((cost, model.cost), (lower, model.lower), (upper, model.upper)):
        target[list(given)] = list(given.values())
    names = list(model.columns)
    for column, line in model.bound_line.items():
        check_side(model.place, line, f"column {names[column]}", lower[column], upper[column], column in model.lower)
    for column in model.binaries:
        lower[column], upper[column] = max(lower[column], 0.0), min(upper[column], 1.0)
    integrality = np.zeros(columns, dtype=bool)
    integrality[list(model.integers)] = True
    matrix = sparse.csc_array((model.values, (model.row_of, model.column_of)), shape=(rows, columns))
    sides = np.array(list(model.rows.values()), dtype=float).reshape(rows, 2)
    return Program(
        cost, matrix, sides[:, 0], sides[:, 1], lower, upper, integrality, model.sense, model.offset,
        tuple(names), tuple(model.rows), model.name,
    )  # fmt: skip
