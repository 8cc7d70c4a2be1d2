"""Single numbers picked from variables and fields, for rows that are written one by one in a Python loop.

A tree of nodes would cost ten times as much as such a row is worth. A sum of a few picked entries is kept as plain
tuples instead, from which ``subject_to`` writes the row at once. A coefficient picked from a field is remembered as
(field, position), so that it keeps its gradient.
"""

from __future__ import annotations

from typing import Any

from ..model.errors import InvalidProblemError
from .constraint import Constraint
from .expression import Expression, apply

Term = tuple[float, int, str | None, int]
"""Coefficient, position of the variable's entry among all entries, and field and position that multiply it."""
Reference = tuple[float, str, int]
"""Coefficient, field and position."""

MOST = 64
"""Terms up to which sums are kept as tuples: copying longer ones for every addend would be quadratic."""


class Scalars(Expression):
    """A sum of picked entries.

    Attributes
    ----------
    terms : tuple of Term
        What multiplies variables.
    references : tuple of Reference
        What is picked from fields alone.
    offset : float
        What is a number.
    """

    __slots__ = ("offset", "references", "terms")

    kind = "scalars"
    operands = ()
    axes = ()
    detail = None
    curved = False

    def __init__(
        self, owner: Any, terms: tuple[Term, ...], references: tuple[Reference, ...] = (), offset: float = 0.0
    ) -> None:
        self.owner, self.terms, self.references, self.offset = owner, terms, references, offset

    def _scaled(self, factor: float) -> Scalars:
        return Scalars(
            self.owner,
            tuple((factor * c, column, field, place) for c, column, field, place in self.terms),
            tuple((factor * c, field, place) for c, field, place in self.references),
            factor * self.offset,
        )

    def __add__(self, other: Any) -> Expression:
        given = _scalars(other)
        if given is None or len(self.terms) + len(given.terms) > MOST:
            return apply("add", self, other)
        return Scalars(
            _one(self.owner, given.owner),
            self.terms + given.terms,
            self.references + given.references,
            self.offset + given.offset,
        )

    def __radd__(self, other: Any) -> Expression:
        if type(other) is int and other == 0:
            return self
        given = _scalars(other)
        return apply("add", other, self) if given is None else given.__add__(self)

    def __sub__(self, other: Any) -> Expression:
        given = other if type(other) is Scalars else _scalars(other)
        if given is None or len(self.terms) + len(given.terms) > MOST:
            return apply("subtract", self, other)
        owner = self.owner
        if given.owner is not owner:
            owner = _one(owner, given.owner)
        terms = self.terms + tuple([(-c, column, field, place) for c, column, field, place in given.terms])
        references = self.references
        if given.references:
            references += tuple([(-c, field, place) for c, field, place in given.references])
        return Scalars(owner, terms, references, self.offset - given.offset)

    def __rsub__(self, other: Any) -> Expression:
        return self._scaled(-1.0).__add__(other)

    def __neg__(self) -> Scalars:
        return self._scaled(-1.0)

    def __mul__(self, other: Any) -> Expression:
        if isinstance(other, float) or type(other) is int:
            return self._scaled(float(other))
        given = _scalars(other)
        if given is not None:
            for factor, sum_ in ((given, self), (self, given)):
                if (product := _product(factor, sum_)) is not None:
                    return product
        return apply("multiply", self, other)

    def __rmul__(self, other: Any) -> Expression:
        return self.__mul__(other)

    def __le__(self, other: Any) -> Constraint:
        given = _scalars(other)
        return super().__le__(other) if given is None else Constraint(self, "<=", given)

    def __ge__(self, other: Any) -> Constraint:
        given = _scalars(other)
        return super().__ge__(other) if given is None else Constraint(self, ">=", given)

    def __eq__(self, other: object) -> Constraint:  # type: ignore[override]
        given = _scalars(other)
        return super().__eq__(other) if given is None else Constraint(self, "==", given)

    __hash__ = Expression.__hash__


def _one(first: Any, second: Any) -> Any:
    if first is None or second is None or first is second:
        return second if first is None else first
    raise InvalidProblemError("the expression mixes variables of two declarations; use one of them")


def _scalars(value: Any) -> Scalars | None:
    """`value` as picked entries where it is a number, a scalar field or picked entries; None otherwise."""
    if type(value) is Scalars:
        return value
    if isinstance(value, float) or type(value) is int:
        number = float(value)
        return Scalars(None, (), (), number) if number == number else None
    return _single(value) if type(value) is Expression and not value.axes else None


def _single(value: Expression) -> Scalars | None:
    """Return a field or variable of no dimension, or a number times one, as picked entries."""
    if value.kind == "field":
        return Scalars(None, (), ((1.0, value.detail, 0),))
    if value.kind == "variable":
        return Scalars(value.owner, ((1.0, value.detail.start, None, 0),))
    if value.kind == "constant":
        return Scalars(None, (), (), float(value.detail))
    if value.kind == "apply" and value.detail in ("negative", "multiply"):
        parts = [_scalars(operand) for operand in value.operands]
        if value.detail == "negative":
            return None if parts[0] is None else parts[0]._scaled(-1.0)
        for factor, other in (parts, parts[::-1]):
            if factor is not None and other is not None and not factor.terms and not factor.references:
                return other._scaled(factor.offset)
    return None


def _product(factor: Scalars, sum_: Scalars) -> Scalars | None:
    """Product of data that is one number, or one entry of a field, with a sum of numbers times variables."""
    if factor.terms:
        return None
    if not factor.references:
        return sum_._scaled(factor.offset)
    plain = all(field is None for _, _, field, _ in sum_.terms) and not sum_.references
    if len(factor.references) > 1 or factor.offset or not plain:
        return None
    coefficient, field, place = factor.references[0]
    references = ((coefficient * sum_.offset, field, place),) if sum_.offset else ()
    return Scalars(
        sum_.owner, tuple((coefficient * c, column, field, place) for c, column, _, _ in sum_.terms), references
    )


def entry(operand: Expression, keys: tuple[int, ...]) -> Scalars:
    """Return one entry of a variable or field.

    Raises
    ------
    InvalidProblemError
        If a position is outside its dimension.
    """
    flat = 0
    for axis, key in zip(operand.axes, keys, strict=True):
        place = key + axis.size if key < 0 else key
        if not 0 <= place < axis.size:
            raise InvalidProblemError(
                f"index {key} along {axis.name!r} is outside its {axis.size} positions, which count from 0"
            )
        flat = flat * axis.size + place
    if operand.kind == "variable":
        return Scalars(operand.owner, ((1.0, operand.detail.start + flat, None, 0),))
    return Scalars(None, (), ((1.0, operand.detail, flat),))


def picked_one(operand: Expression, key: int) -> Scalars:
    """Return one entry of a variable or field of one dimension; what :func:`entry` does, for loops."""
    size = operand.axes[0][1]
    place = key + size if key < 0 else key
    if not 0 <= place < size:
        return entry(operand, (key,))  # which says what is wrong
    if operand.kind == "variable":
        return Scalars(operand.owner, ((1.0, operand.detail.start + place, None, 0),))
    return Scalars(None, (), ((1.0, operand.detail, place),))
