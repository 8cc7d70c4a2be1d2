"""What a problem's ``declare`` is handed: it makes variables, takes the objective and the constraints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..model.errors import InvalidProblemError
from ..model.problem import Sense
from . import axes as named
from .axes import Axes, Axis
from .constraint import Constraint
from .expression import Expression, Operand, as_expression, plain_array
from .families import Family, Loop
from .masks import aligned_mask
from .scalars import Scalars
from .variables import Variable

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Owner:
    """What variables of one declaration have in common: their expressions hold it, and not the declaration itself.

    Attributes
    ----------
    starts : dict
        Position of each variable's first entry among the entries of all.
    """

    __slots__ = ("starts",)

    def __init__(self, starts: dict[str, int]) -> None:
        self.starts = starts


class Declaration:
    """Variables, objective and constraints of one problem, as ``declare`` states them.

    Attributes
    ----------
    variables : dict
        By name.
    families : dict
        Constraints by name.
    sense : Sense
        Minimise or maximise.
    goal : Expression
        The objective.
    """

    def __init__(self, sizes: Mapping[str, int], value_of: Callable[[Expression], NDArray[np.float64]]) -> None:
        self.sizes = dict(sizes)
        self.variables: dict[str, Variable] = {}
        self.families: dict[str, Family | Loop] = {}
        self.kinds: dict[str, str] = {}
        self.starts: dict[str, int] = {}
        self.owner = Owner(self.starts)
        self.sense = Sense.MINIMIZE
        self.goal: Expression | None = None
        self.entries = 0
        self._value_of: Callable[[Expression], NDArray[np.float64]] | None = value_of

    # Dimensions and data.

    def dimension(self, name: str, size: int) -> None:
        """Say how long a dimension is that no field carries.

        Raises
        ------
        InvalidProblemError
            If it is known with another size, or the size is no whole number of at least 0.
        """
        if isinstance(size, bool) or not isinstance(size, (int, np.integer)) or size < 0:
            raise InvalidProblemError(f"dimension {name!r} has size {size!r}; expected a whole number of at least 0")
        named.parse(name)
        if self.sizes.setdefault(name, int(size)) != size:
            raise InvalidProblemError(f"dimension {name!r} has size {self.sizes[name]} already, not {size}")

    def constant(self, expression: Any) -> NDArray[np.float64]:
        """Return the plain numbers of data: to compare, branch on and compute with; they have no gradient."""
        if not isinstance(expression, Expression):
            return np.array(plain_array(expression), dtype=np.float64)
        if expression.owner is not None:
            raise InvalidProblemError("m.constant: a variable has no value while the problem is declared")
        if self._value_of is None:
            raise InvalidProblemError("m.constant: the problem is declared already; read its fields themselves")
        return self._value_of(expression)

    def points(self, entries: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Return the values of each variable, by its name, from those of all entries one after the other."""
        return {v.name: entries[v.start : v.start + v.size].reshape(v.shape) for v in self.variables.values()}

    def close(self) -> None:
        """End the declaration: what is left holds the problem no more, so that nothing waits for the collector."""
        self._value_of = None

    def array(self, values: Any, *dimensions: str) -> Expression:
        """Return plain numbers with named dimensions."""
        array = plain_array(values)
        axes = self._axes(dimensions, "m.array")
        if array.shape != named.shape(axes):
            raise InvalidProblemError(f"m.array has shape {array.shape}; expected {named.shown(axes)}")
        return as_expression(array, Expression("constant", axes=axes))

    def _axes(self, dimensions: tuple[str, ...], what: str) -> Axes:
        named.check_distinct(dimensions, what)
        found = []
        for dimension in dimensions:
            label, kind = named.parse(dimension)
            if kind not in self.sizes:
                known = ", ".join(sorted(self.sizes)) or "none"
                raise InvalidProblemError(
                    f"{what}: no field has the dimension {kind!r} (known: {known}); say m.dimension({kind!r}, size)"
                )
            self.kinds[label] = kind
            found.append(Axis(label, self.sizes[kind]))
        return tuple(found)

    # Variables.

    def binary(self, name: str, *dimensions: str, where: Any = None) -> Expression:
        """Return variables that are 0 or 1.

        Parameters
        ----------
        name : str
            Their name.
        *dimensions : str
            Names of their dimensions; none for a single one.
        where : mask, optional
            Entries that there are, others are 0: a Mask field, or booleans of exactly the shape.
        """
        return self.variable(name, "binary", dimensions, 0.0, 1.0, where)

    def integer(
        self, name: str, *dimensions: str, lower: Operand = 0.0, upper: Operand = np.inf, where: Any = None
    ) -> Expression:
        """Return variables that are whole numbers, by default of at least 0; bounds are numbers or data."""
        return self.variable(name, "integer", dimensions, lower, upper, where)

    def continuous(
        self, name: str, *dimensions: str, lower: Operand = 0.0, upper: Operand = np.inf, where: Any = None
    ) -> Expression:
        """Return variables that are real numbers, by default of at least 0; bounds are numbers or data."""
        return self.variable(name, "continuous", dimensions, lower, upper, where)

    def variable(
        self, name: str, kind: str, dimensions: tuple[str, ...], lower: Any, upper: Any, where: Any, epigraph: int = 0
    ) -> Expression:
        """Return variables of a kind; see :meth:`binary`, :meth:`integer` and :meth:`continuous`."""
        axes = self._axes(dimensions, f"variable {name!r}")
        return self.variable_over(name, kind, axes, lower, upper, where, epigraph)

    def variable_over(
        self, name: str, kind: str, axes: Axes, lower: Any, upper: Any, where: Any = None, epigraph: int = 0
    ) -> Expression:
        """Return variables over axes that are known."""
        if not isinstance(name, str) or not name.isidentifier() or name.startswith("_"):
            raise InvalidProblemError(f"a variable is called {name!r}; expected a name that Python can read")
        if name in self.variables:
            raise InvalidProblemError(f"two variables are called {name!r}; rename one")
        like = Expression("constant", axes=axes)
        bounds = [as_expression(bound, like) for bound in (lower, upper)]
        for side, bound in zip(("lower", "upper"), bounds, strict=True):
            if bound.owner is not None:
                raise InvalidProblemError(f"{side} of {name!r} holds variables; write a constraint instead")
            if extra := [axis for axis in bound.axes if axis not in axes]:
                raise InvalidProblemError(f"{side} of {name!r} is over {extra[0].name!r}, which {name!r} is not")
        mask = None if where is None else aligned_mask(where, axes, "where")
        made = Variable(name, axes, kind, bounds[0], bounds[1], mask, self.entries, epigraph)
        self.variables[name], self.starts[name] = made, self.entries
        self.entries += made.size
        return Expression("variable", axes=axes, detail=made, owner=self.owner)

    def maximum(self, name: str, *expressions: Any) -> Expression:
        """Return a variable that is at least each expression: their maximum where a small value is an advantage.

        Raises
        ------
        InvalidProblemError
            When the program is made: if a larger value is of advantage somewhere, since it would then not be the
            maximum.
        """
        from .reformulations import extreme

        return extreme(self, name, expressions, 1)

    def minimum(self, name: str, *expressions: Any) -> Expression:
        """Return a variable that is at most each expression: their minimum where a large value is an advantage."""
        from .reformulations import extreme

        return extreme(self, name, expressions, -1)

    def absolute(self, name: str, expression: Expression) -> Expression:
        """Return a variable that is at least ``|expression|``: equal to it where a small value is an advantage."""
        return self.maximum(name, expression, -expression)

    def piecewise(self, name: str, expression: Expression, slopes: Any, intercepts: Any) -> Expression:
        """Return the largest of ``slope * expression + intercept``: a convex function made of straight pieces.

        Parameters
        ----------
        slopes, intercepts : sequences of numbers or data
            One of each for every piece.
        """
        pieces = [slope * expression + intercept for slope, intercept in zip(slopes, intercepts, strict=True)]
        return self.maximum(name, *pieces)

    # Objective and constraints.

    def minimize(self, objective: Any) -> None:
        """Take what is to be small; it may hold squares of linear expressions, ``((x - y) ** 2).sum()``.

        Raises
        ------
        InvalidProblemError
            If it is given twice, or not summed over all dimensions; when the program is made, if a square is multiplied
            by a negative number.
        """
        self._aim(Sense.MINIMIZE, objective)

    def maximize(self, objective: Any) -> None:
        """Take what is to be large; of it squares of linear expressions may be subtracted.

        Raises
        ------
        InvalidProblemError
            As for :meth:`minimize`; a square must not be multiplied by a positive number.
        """
        self._aim(Sense.MAXIMIZE, objective)

    def _aim(self, sense: Sense, objective: Any) -> None:
        if self.goal is not None:
            raise InvalidProblemError("the objective is given twice; add both up, weighted, in one")
        if isinstance(objective, Constraint):
            raise InvalidProblemError(f"m.{sense}: a constraint is no objective; pass it to m.subject_to")
        goal = as_expression(objective)
        if goal.axes:
            raise InvalidProblemError(
                f"m.{sense}: the objective has the dimensions {named.shown(goal.axes)}; sum over them: (...).sum()"
            )
        self._check_owner(goal, "the objective")
        self.sense, self.goal = sense, goal

    def subject_to(self, *constraints: Constraint | str, **families: Constraint) -> None:
        """Take constraints; keywords name them.

        A text before a constraint names it as well, and may be repeated for scalar rows that a loop adds:
        ``m.subject_to("ramp", x[t] - x[t - 1] <= self.ramp)``. Scalar rows without a name are called ``row``.

        Raises
        ------
        InvalidProblemError
            If a name is given twice, there is no variable on either side, or one of another problem.
        """
        label = "row"
        for one in constraints:
            if isinstance(one, str):
                label = one
            elif not self._add_scalar(label, one):
                self._add(label, one, repeated=True)
        for name, one in families.items():
            self._add(name, one, repeated=False)

    def _add(self, name: str, constraint: Any, *, repeated: bool, epigraph_of: str = "") -> None:
        if type(constraint) is not Constraint:
            raise InvalidProblemError(
                f"constraint {name!r} is {constraint!r}; expected a comparison of expressions with <=, >= or =="
            )
        left, right = constraint.left, constraint.right
        self._check_constraint(name, constraint)
        if constraint.switch is not None and constraint.relation == "==":
            for word, relation in (("at_most", "<="), ("at_least", ">=")):
                half = Constraint(left, relation, right, switch=constraint.switch, mask=constraint.mask)
                self._add(f"{name}_{word}", half, repeated=False)
            return
        if repeated and (name == "row" or name in self.families):
            name = self._numbered("constraint" if name == "row" else name)
        if name in self.families:
            raise InvalidProblemError(f"two constraints are called {name!r}; rename one")
        self.families[name] = Family(name, constraint, constraint.axes, epigraph_of)

    def _add_scalar(self, name: str, constraint: Any) -> bool:
        """Take a row of picked entries, if it is one; loops call this most."""
        if type(constraint) is not Constraint or not constraint.is_plain:
            return False
        left, right = constraint.left, constraint.right
        if type(left) is not Scalars or type(right) is not Scalars:
            return False
        if (left.owner or right.owner) is not self.owner:
            self._check_constraint(name, constraint)
        known = self.families.get(name)
        if known is None:
            known = self.families[name] = Loop(name)
        elif not isinstance(known, Loop):
            raise InvalidProblemError(f"two constraints are called {name!r}; rename one")
        known.add(left, constraint.relation, right)
        return True

    def _numbered(self, stem: str) -> str:
        number = len(self.families) if stem == "constraint" else 1
        while f"{stem}_{number}" in self.families:
            number += 1
        return f"{stem}_{number}"

    def _check_constraint(self, name: str, constraint: Constraint) -> None:
        sides = [s for s in (constraint.left, constraint.right, constraint.lower, constraint.switch) if s is not None]
        if constraint.left.owner is None and constraint.right.owner is None:
            raise InvalidProblemError(
                f"constraint {name!r} has no variable on either side: it compares data. What must hold of fields is "
                "checked before, in __post_init__, or with m.constant"
            )
        for side in sides:
            self._check_owner(side, f"constraint {name!r}")
            if side.curved:
                raise InvalidProblemError(
                    f"constraint {name!r} holds a square of variables, which objectives alone may; bound the "
                    "expression itself, or its absolute value by m.absolute('name', expression)"
                )

    def _check_owner(self, expression: Expression, what: str) -> None:
        if expression.owner is not None and expression.owner is not self.owner:
            raise InvalidProblemError(f"{what} holds a variable of another declaration; make it by this m")
