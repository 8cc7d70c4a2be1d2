"""What an MPS file says, as it is read, and the program that it makes.

A row with a range is added up in decimal and rounded once, so that what is read is exactly what was written.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from ...model.errors import DataFormatError
from ...model.problem import Sense
from ...model.program import Program
from .mps_fields import FixedFields
from .notes import NoteReader
from .spelling import EXACT, INFINITE, check_side, decimal_number, in_file, without_huge

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass
class Deck:
    """What has been read of an MPS file so far."""

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
    side_line: dict[int, int] = field(default_factory=dict)
    offset_given: bool = False
    sense_given: bool = False
    wanted: str | None = None
    wanted_line: int = 0
    commented_sense: tuple[Sense, int] | None = None
    fixed: FixedFields | None = None
    sets: dict[str, str] = field(default_factory=dict)
    passed_over: dict[tuple[str, str], tuple[int, str]] = field(default_factory=dict)
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

    def __post_init__(self) -> None:
        self.notes = NoteReader(self.place)

    def error(self, found: str, remedy: str) -> DataFormatError:
        """Return the error that names file and line."""
        return in_file(self.place, self.line, found, remedy)

    def number(self, token: str, what: str, *, finite: bool = True) -> float:
        """Return the number that `token` spells, or raise the error that calls it `what`."""
        value = decimal_number(token)
        if math.isnan(value) or (finite and math.isinf(value)):
            raise self.error(f"{what} is {token!r}", "expected a finite number" if finite else "expected a number")
        return value


def program_of(deck: Deck) -> Program:
    """Return the program that the deck holds.

    Raises
    ------
    DataFormatError
        If what its lines say does not fit together.
    """
    for head, given in (("OBJSENSE", deck.sense_given), ("OBJNAME", deck.wanted is not None)):
        if head in deck.seen and not given:
            raise deck.error(f"section {head} is empty", "expected its word on the next line")
    if deck.wanted and deck.objective is None:
        deck.line = deck.wanted_line
        raise deck.error(f"objective {deck.wanted} is no row of type N", "declare it in ROWS, or correct its name")
    _take_commented_sense(deck)
    columns, rows = len(deck.columns), len(deck.kinds)
    integrality = np.zeros(columns, dtype=bool)
    integrality[list(deck.integers)] = True
    cost = np.zeros(columns)
    cost[list(deck.cost)] = list(deck.cost.values())
    lower, upper = _column_bounds(deck, integrality)
    sides = [_row_sides(deck, name, i) for name, i in deck.rows.items()]
    matrix = sparse.csc_array((deck.values, deck.indices, [*deck.starts, len(deck.values)]), shape=(rows, columns))
    return Program(
        cost,
        matrix,
        np.array([s[0] for s in sides], dtype=float),
        np.array([s[1] for s in sides], dtype=float),
        lower,
        upper,
        integrality,
        deck.sense,
        deck.offset,
        tuple(deck.columns),
        tuple(deck.rows),
        deck.name,
    )


def _take_commented_sense(deck: Deck) -> None:
    if deck.commented_sense is None:
        return
    sense, line = deck.commented_sense
    if "OBJSENSE" in deck.seen and sense is not deck.sense:
        deck.line = line
        raise deck.error(f"the comment SENSE says {sense}, the section OBJSENSE {deck.sense}", "delete the wrong one")
    deck.sense = sense


def _column_bounds(deck: Deck, integrality: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
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


def _row_sides(deck: Deck, name: str, index: int) -> tuple[float, float]:
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
    check_side(deck.place, deck.side_line.get(index, deck.line), f"row {name}", lower, upper, True)
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
