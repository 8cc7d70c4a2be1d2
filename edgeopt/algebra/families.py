"""Families of rows: a constraint over dimensions, or scalar rows that a loop adds one by one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ..model.cached import cached_property
from .axes import Axes, Axis
from .constants import constant_part, total
from .values import Values, addends, picked

if TYPE_CHECKING:
    from .constraint import Constraint
    from .expression import Expression
    from .scalars import Scalars


@dataclass(eq=False)
class Family:
    """A constraint with its name; ``activity`` relates to ``-level``, both trees.

    Attributes
    ----------
    name : str
        Its name in rows and reports.
    constraint : Constraint
        As it was written.
    axes : tuple of Axis
        Dimensions of its rows.
    epigraph_of : str
        Variable that it makes a maximum or minimum; empty for others.
    """

    name: str
    constraint: Constraint
    axes: Axes
    epigraph_of: str = ""

    @property
    def relation(self) -> str:
        """``"<="``, ``">="`` or ``"=="``."""
        return self.constraint.relation

    @property
    def rows(self) -> int:
        """Number of rows, before a mask."""
        return int(np.prod([axis.size for axis in self.axes], dtype=np.int64))

    @cached_property
    def difference(self) -> Expression:
        """The left side less the right; of a range the left side alone."""
        return (
            self.constraint.left if self.constraint.lower is not None else self.constraint.left - self.constraint.right
        )

    @cached_property
    def _parts(self) -> tuple[Expression, Expression | None]:
        """What of the difference holds variables, and the rest with its sign turned."""
        parts = addends(self.difference)
        data = [(-sign, part) for sign, part in parts if part.owner is None]
        if not data:
            return self.difference, None
        found = total((sign, part) for sign, part in parts if part.owner is not None)
        assert found is not None  # subject_to refuses a constraint without variables
        return found, total(data)

    @property
    def activity(self) -> Expression:
        """What of the difference holds variables."""
        return self._parts[0]

    @cached_property
    def inner(self) -> Expression | None:
        """Constants within the activity, as of ``(x - 3).sum()``; None where there are none."""
        return constant_part(self.activity)

    @cached_property
    def bound(self) -> Expression | None:
        """What the activity is compared with: data; None stands for 0."""
        own = self._parts[1]
        return own if self.constraint.lower is None else total([(1.0, self.constraint.right), (1.0, own)])

    @cached_property
    def lower_bound(self) -> Expression | None:
        """What the activity must reach, where a range says so: data."""
        lower = self.constraint.lower
        return None if lower is None else total([(1.0, lower), (1.0, self._parts[1])])


@dataclass(eq=False)
class Loop:
    """Scalar rows of one name, kept as flat lists; their trees are dropped as soon as they are read.

    Attributes
    ----------
    name : str
        Their name in rows and reports.
    relations : list of str
        Relation of each row.
    """

    name: str
    relations: list[str] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    offsets: list[float] = field(default_factory=list)
    references: list[tuple[int, float, str, int]] = field(default_factory=list)
    # A list for each part of a term: tuples that are kept would be looked at again and again by the garbage collector.
    coefficient: list[float] = field(default_factory=list)
    column: list[int] = field(default_factory=list)
    factor: list[str | None] = field(default_factory=list)
    place: list[int] = field(default_factory=list)

    epigraph_of = ""

    def add(self, left: Scalars, relation: str, right: Scalars) -> None:
        """Add a row; terms of the right side move to the left."""
        for c, column, factor, place in left.terms:
            self.coefficient.append(c)
            self.column.append(column)
            self.factor.append(factor)
            self.place.append(place)
        for c, column, factor, place in right.terms:
            self.coefficient.append(-c)
            self.column.append(column)
            self.factor.append(factor)
            self.place.append(place)
        row = len(self.relations)
        for c, name, place in left.references:
            self.references.append((row, c, name, place))
        for c, name, place in right.references:
            self.references.append((row, -c, name, place))
        self.relations.append(relation)
        self.ends.append(len(self.column))
        self.offsets.append(left.offset - right.offset)

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.relations)

    @property
    def axes(self) -> Axes:
        """One dimension of no name."""
        return (Axis("row", self.rows),)

    @cached_property
    def entries(self) -> tuple[Any, ...]:
        """Row, column, coefficient, field (-1: none) and position in it, of every term; and the fields' names."""
        ends = np.asarray(self.ends)
        row = np.repeat(np.arange(self.rows), np.diff(ends, prepend=0))
        known: dict[str | None, int] = {None: -1}
        factors = [known.setdefault(name, len(known) - 1) for name in self.factor]
        return (
            row,
            np.array(self.column, np.int64),
            np.array(self.coefficient, np.float64),
            np.array(factors, np.int64),
            np.array(self.place, np.int64),
            list(known)[1:],
        )

    def coefficients(self, values: Values) -> tuple[Any, Any, Any]:
        """Return row, column and coefficient of every entry, sorted by the field that multiplies it."""
        row, column, coefficient, field_of, place, names = self.entries
        order = np.argsort(field_of, kind="stable")
        starts = np.searchsorted(field_of[order], np.arange(-1, len(names) + 1))
        parts = []
        for number in range(-1, len(names)):
            chosen = order[starts[number + 1] : starts[number + 2]]
            part = values.arithmetic.constant(coefficient[chosen])
            if values.lead:
                part = part.reshape([1, -1])
            parts.append(part if number < 0 else part * picked(values, names[number], place[chosen]))
        if values.lead:
            length = max(int(part.shape[0]) for part in parts)
            parts = [values.arithmetic.spread(part, (length, part.shape[1])) for part in parts]
        return row[order], column[order], values.arithmetic.joined(parts, values.lead)

    def activity(self, values: Values, starts: Any, magnitude: bool = False) -> Any:
        """Return the terms' sum of each row."""
        row, column, coefficient = self.coefficients(values)
        part = coefficient * values.flat_points(starts)[..., column]
        if magnitude:
            part = values.arithmetic.apply("absolute", part)
        return values.arithmetic.grouped(part, row, values.lead, self.rows)

    def bound(self, values: Values) -> Any:
        """Return what each row's activity is compared with."""
        found = values.arithmetic.constant(-np.asarray(self.offsets))
        if values.lead:
            found = found.reshape([1, -1])
        by_field: dict[str, list[tuple[int, float, int]]] = {}
        for row, c, name, place in self.references:
            by_field.setdefault(name, []).append((row, -c, place))
        for name, items in by_field.items():
            rows, coefficients, places = (np.asarray(column) for column in zip(*items, strict=True))
            factor = values.arithmetic.constant(coefficients)
            part = factor * picked(values, name, places)
            found = found + values.arithmetic.grouped(part, rows, values.lead, self.rows)
        return found
