"""A constraint as it is written: two sides, a relation, perhaps a mask of rows or a binary that switches it on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from ..model.errors import InvalidProblemError
from . import axes as named

if TYPE_CHECKING:
    from .expression import Expression


def truth_of(variables: bool) -> str:
    """Say why an expression or constraint is neither true nor false."""
    if variables:
        return (
            "an expression of variables is neither true nor false while the problem is declared; write "
            "x.between(0, 1) for 0 <= x <= 1, and constraints one by one in m.subject_to"
        )
    return (
        "a float field is neither true nor false while the problem is declared; branch on whole-number or bool fields, "
        "or on m.constant(self.field), which has no gradient"
    )


def of_no_variable(operation: str) -> str:
    """Say that an extreme of variables has a method of its own."""
    return f"a {operation} over variables is not linear; write m.{operation}imum('name', ...)"


class Constraint:
    """``left <= right``, ``>=`` or ``==``, one row for each entry; ``lower`` makes it a range.

    Attributes
    ----------
    left, right : Expression
        Both sides.
    relation : str
        ``"<="``, ``">="`` or ``"=="``.
    lower : Expression, optional
        Smallest value of `left` in ``left.between(lower, right)``.
    switch : Expression, optional
        Binary that switches it on: ``(x <= b).when(y)``.
    mask : array of bool, optional
        Rows that are kept, over the dimensions of the constraint.
    """

    __slots__ = ("left", "lower", "mask", "relation", "right", "switch")

    if not TYPE_CHECKING:
        __array_ufunc__ = None

    def __init__(
        self,
        left: Expression,
        relation: str,
        right: Expression,
        lower: Expression | None = None,
        switch: Expression | None = None,
        mask: Any = None,
    ) -> None:
        self.left, self.relation, self.right = left, relation, right
        self.lower, self.switch, self.mask = lower, switch, mask

    @property
    def axes(self) -> named.Axes:
        """Dimensions of the rows: those of both sides in the order in which they first appear."""
        parts = [part.axes for part in (self.left, self.right, self.lower, self.switch) if part is not None]
        first = parts[0]
        return first if all(axes == first for axes in parts[1:]) else named.union(parts, "the constraint")

    @property
    def is_plain(self) -> bool:
        """Whether it has two sides and nothing more."""
        return self.switch is None and self.mask is None and self.lower is None

    def when(self, switch: Expression) -> Constraint:
        """Return the constraint that holds where the binary `switch` is 1, and asks for nothing where it is 0."""
        if getattr(switch, "owner", None) is None:
            raise InvalidProblemError(f"when({switch!r}): expected an expression of binary variables")
        if self.switch is not None or self.lower is not None:
            raise InvalidProblemError("when: write one-sided constraints, each with one switch")
        return Constraint(self.left, self.relation, self.right, switch=switch, mask=self.mask)

    def where(self, mask: Any) -> Constraint:
        """Return the constraint with the rows alone where `mask`, over its dimensions, is true."""
        from .masks import aligned_mask

        kept = aligned_mask(mask, self.axes, "where")
        return Constraint(self.left, self.relation, self.right, self.lower, self.switch, kept)

    def __bool__(self) -> bool:
        raise TypeError(truth_of(self.left.owner is not None or self.right.owner is not None))

    def __le__(self, other: object) -> NoReturn:
        raise TypeError("a constraint is not compared again; write x.between(0, 1) for 0 <= x <= 1")

    __ge__ = __le__

    def __and__(self, other: object) -> NoReturn:
        raise TypeError("constraints are not joined by &; pass both to m.subject_to")

    __rand__ = __and__

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        rows = int(np.prod(named.shape(self.axes), dtype=np.int64))
        return f"<constraint of {rows} rows over {named.shown(self.axes)}>"
