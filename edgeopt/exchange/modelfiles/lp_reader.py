"""Reading the LP format: an objective, constraints, bounds and lists of integer columns, as one would write them down.

The common dialect of CPLEX and Gurobi, linear part. Some readers drop a constant on the left of a constraint, or take
``1 <= 2 x + y <= 4`` for two constraints; this one reads both, and refuses what it does not understand with its line.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from scipy import sparse

from ...model.errors import DataFormatError
from ...model.problem import Sense
from ...model.program import Program
from .lp_sections import Token, sections
from .restoring import restored
from .spelling import INFINITE, check_side, in_file

_INFINITY = frozenset({"inf", "infinity"})


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
    apart: dict[str, int] = field(default_factory=dict)  # columns of no objective and row, and their lines

    def error(self, line: int, found: str, remedy: str) -> DataFormatError:
        return in_file(self.place, line, found, remedy)


def parse(text: str, place: str) -> tuple[Program, list[str]]:
    """Return the program that an LP file holds, and what its reader should know.

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
    found = sections(text, place)
    model = _Model(place, found.name, found.sense)
    _objective(model, found.tokens["objective"])
    for statement in _labelled(found.tokens["rows"]):
        _statements(model, statement)
    _bounds(model, found.tokens["bounds"])
    for token in found.tokens["general"]:
        model.integers.add(_column(model, token))
    for token in found.tokens["binary"]:
        column = _column(model, token)
        model.integers.add(column)
        model.binaries[column] = token.line
    return restored(_program(model), found.notes, place), _remarks(model)


def _remarks(model: _Model) -> list[str]:
    if not model.apart:
        return []
    name, line = next(iter(model.apart.items()))
    others = f" (and {len(model.apart) - 1} more)" if len(model.apart) > 1 else ""
    return [
        f"{model.place}, line {line}: column {name}{others} is in no objective and no row; it is read as a column "
        "without cost, so check how it is spelled"
    ]


def _objective(model: _Model, tokens: list[Token]) -> None:
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


def _unexpected(model: _Model, token: Token, remedy: str) -> DataFormatError:
    return model.error(token.line, f"unexpected {token.text!r}", remedy)


def _expression(model: _Model, tokens: list[Token], at: int) -> tuple[list[tuple[Token, float]], float, int]:
    """Terms and constant of ``+ 2 x - y + 3`` from `at`, and where they end: at the first token that does not fit."""
    terms: list[tuple[Token, float]] = []
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
        if _names_column(tokens, at):
            terms.append((tokens[at], sign * (1.0 if value is None else value)))
            at += 1
        elif value is not None:
            constant += sign * value
            if math.isinf(constant):
                raise model.error(tokens[at - 1].line, "constants whose sum is infinite", "expected finite numbers")
        else:
            raise _unexpected(model, tokens[min(at, len(tokens) - 1)], "expected a number or a column's name")
    return terms, constant, at


def _names_column(tokens: list[Token], at: int) -> bool:
    return at < len(tokens) and tokens[at].kind == "name" and tokens[at].text.lower() not in _INFINITY


def _finite(model: _Model, token: Token) -> float:
    value = float(token.text)
    if math.isinf(value):
        raise model.error(token.line, f"coefficient {token.text!r}", "expected a finite number")
    return value


def _number(model: _Model, tokens: list[Token], at: int) -> tuple[float, int]:
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


def _is_number(tokens: list[Token], at: int) -> bool:
    """Whether a number and a relation stand at `at`, as in ``1 <= x + y``."""
    while at < len(tokens) and tokens[at].kind == "sign":
        at += 1
    if at + 1 >= len(tokens) or tokens[at + 1].kind != "relation":
        return False
    return tokens[at].kind == "number" or tokens[at].text.lower() in _INFINITY


def _labelled(tokens: list[Token]) -> list[list[Token]]:
    """Split before every label ``name :``; unlabelled statements stay together."""
    starts = [i for i in range(len(tokens) - 1) if tokens[i].kind == "name" and tokens[i + 1].kind == "colon"]
    starts = sorted({0, *starts, len(tokens)})
    return [tokens[a:b] for a, b in pairwise(starts)]


def _statements(model: _Model, tokens: list[Token]) -> None:
    label, at = None, 0
    if len(tokens) > 1 and tokens[1].kind == "colon":
        label, at = tokens[0], 2
        if at == len(tokens):
            raise model.error(label.line, f"row {label.text} is empty", "expected a constraint")
    while at < len(tokens):
        at = _constraint(model, tokens, at, label)
        label = None


def _constraint(model: _Model, tokens: list[Token], at: int, label: Token | None) -> int:
    """Read one constraint; return where it ends."""
    line, sides = tokens[at].line, _Sides(model)
    # "0 >= 1" is a row without columns; "1 <= x" has its number first.
    first = _is_number(tokens, at) and any(_names_column(tokens, i) for i in range(at, len(tokens)))
    two_sided = _is_number(tokens, at) and sum(token.kind == "relation" for token in tokens[at:]) > 1
    if first or two_sided:
        at = sides.left(tokens, at)
    begin = at
    terms, constant, at = _expression(model, tokens, at)
    # SCIP and HiGHS write a row without columns as "name: >= 1".
    if at == begin and (label is None or first or two_sided or not _is_relation(tokens, at)):
        raise _unexpected(model, tokens[at] if at < len(tokens) else tokens[-1], "expected terms such as + 2 x")
    if _is_relation(tokens, at):
        at = sides.right(tokens, at)
        if at < len(tokens) and tokens[at].line == tokens[at - 1].line:
            raise _unexpected(model, tokens[at], "expected one number on the right and then a new line")
    elif not (first or two_sided):
        raise _unexpected(model, tokens[min(at, len(tokens) - 1)], "expected <=, >= or = and a number")
    if (first or two_sided) and at < len(tokens):
        raise _unexpected(model, tokens[at], "expected the end of the constraint (label the one that follows)")
    lower = -math.inf if math.isnan(sides.lower) else sides.lower
    upper = math.inf if math.isnan(sides.upper) else sides.upper
    if constant and any(math.isfinite(side) and abs(side - constant) >= INFINITE for side in (lower, upper)):
        raise model.error(
            line, f"a side beyond {INFINITE:g} once the constant {constant} is moved to it", "scale the row"
        )
    _add_row(model, label, line, terms, lower - constant, upper - constant)
    return at


def _is_relation(tokens: list[Token], at: int) -> bool:
    return at < len(tokens) and tokens[at].kind == "relation"


class _Sides:
    """The numbers to the left and right of an expression; nan where none is given."""

    def __init__(self, model: _Model) -> None:
        self.lower, self.upper = math.nan, math.nan
        self._model = model

    def left(self, tokens: list[Token], at: int) -> int:
        """Read ``4 >=`` at `at`; return where it ends."""
        side, at = _number(self._model, tokens, at)
        self._take(tokens[at], side, flipped=True)  # 4 >= x says x <= 4
        return at + 1

    def right(self, tokens: list[Token], at: int) -> int:
        """Read ``>= 4`` at `at`; return where it ends."""
        side, end = _number(self._model, tokens, at + 1)
        self._take(tokens[at], side)
        return end

    def _take(self, relation: Token, side: float, *, flipped: bool = False) -> None:
        equal = "<" not in relation.text and ">" not in relation.text
        below = equal or ("<" in relation.text) is not flipped
        above = equal or not below
        second = (above and not math.isnan(self.lower)) or (below and not math.isnan(self.upper))
        if second:
            given = "the value" if above and below else "a lower bound" if above else "an upper bound"
            raise self._model.error(
                relation.line,
                f"two sides that both give {given}",
                "expected one below and one above, as in 1 <= x + y <= 4 (two constraints? label the one that follows)",
            )
        if above:
            self.lower = side
        if below:
            self.upper = side


def _add_row(
    model: _Model, label: Token | None, line: int, terms: list[tuple[Token, float]], lower: float, upper: float
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


def _column(model: _Model, token: Token) -> int:
    """Index of the column called so, which may be new: HiGHS and SCIP write columns that only the bounds name."""
    if token.kind != "name" or token.text.lower() in _INFINITY:
        raise _unexpected(model, token, "expected a column's name")
    if token.text not in model.columns:
        model.apart[token.text] = token.line
    return model.columns.setdefault(token.text, len(model.columns))


def _bounds(model: _Model, tokens: list[Token]) -> None:
    at = 0
    while at < len(tokens):
        at = _bound(model, tokens, at)


def _bound(model: _Model, tokens: list[Token], at: int) -> int:
    """Read one bound: ``1 <= x <= 4``, ``x >= 1``, ``x = 2`` or ``x free``; return where it ends."""
    line, sides, begin = tokens[at].line, _Sides(model), at
    if _is_number(tokens, at):
        at = sides.left(tokens, at)
    if at >= len(tokens):
        raise _unexpected(model, tokens[-1], "expected a column's name behind it")
    name = tokens[at]
    column, at = _column(model, name), at + 1
    if _is_relation(tokens, at):
        at = sides.right(tokens, at)
    elif at == begin + 1 and at < len(tokens) and tokens[at].text.lower() == "free":
        sides.lower, sides.upper, at = -math.inf, math.inf, at + 1
    given_none = math.isnan(sides.lower) and math.isnan(sides.upper)
    if given_none or (at < len(tokens) and tokens[at].line == tokens[at - 1].line):
        raise _unexpected(model, tokens[min(at, len(tokens) - 1)], "expected a bound such as 1 <= x <= 4 or x free")
    _keep_bound(model, column, name.text, line, sides)
    return at


def _keep_bound(model: _Model, column: int, name: str, line: int, sides: _Sides) -> None:
    for given, value, side_name in ((model.lower, sides.lower, "lower"), (model.upper, sides.upper, "upper")):
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
        cost,
        matrix,
        sides[:, 0],
        sides[:, 1],
        lower,
        upper,
        integrality,
        model.sense,
        model.offset,
        tuple(names),
        tuple(model.rows),
        model.name,
    )
