"""Objective and broken constraints of a decision, read off the tree; a batch is read at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from ..model.block_names import BlockNames
from ..model.program import bound_excess
from ..model.tolerance import FEASIBILITY
from .arithmetic import Rational
from .axes import shape
from .families import Loop
from .values import Values

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .declaration import Declaration
    from .families import Family
    from .variables import Variable

Rows = tuple[str, tuple[int, ...], Any, Any, Any, Any]
"""Name, shape, activity, its magnitude, lower and upper side of a family's rows."""


class Judge:
    """Reader of one decision.

    Parameters
    ----------
    m : Declaration
        What the problem declares.
    fields, points : mapping
        Arrays of fields and of variables; with `batched` each has one axis more in front.
    """

    def __init__(self, m: Declaration, fields: Mapping[str, Any], points: Mapping[str, Any], *, batched: bool) -> None:
        self.m, self.batched, self.points = m, batched, points
        self.values = Values(fields, points, batched=batched)
        self.magnitudes = Values(fields, points, batched=batched, magnitude=True)

    def objective(self) -> Any:
        """Return the objective; (batch,) for a batch."""
        return self._total(self.values)

    def magnitude(self) -> Any:
        """Return the sum of the absolute terms of the objective."""
        return self._total(self.magnitudes)

    def _total(self, reader: Values) -> Any:
        found = reader.of(self.m.goal)  # type: ignore[arg-type]
        if not self.batched:
            return float(found)
        count = max(array.shape[0] for array in self.points.values())
        return np.array(np.broadcast_to(found, (count,)))

    def violations(self) -> dict[str, float]:
        """Return the worst broken row of each constraint by its name and index, and of each variable's bounds."""
        found: dict[str, float] = {}
        for name, sizes, activity, size, low, high in self._rows():
            excess = bound_excess(activity, size, low, high)
            _worst(found, name, sizes, excess, self.batched)
        for variable in self.m.variables.values():
            x = np.asarray(self.points[variable.name], dtype=np.float64)
            low, high = (self.values.over(side, variable.axes) for side in (variable.lower, variable.upper))
            excess = bound_excess(x, np.abs(x), np.broadcast_to(low, x.shape), np.broadcast_to(high, x.shape))
            if variable.mask is not None:
                excess = np.where(variable.mask, excess, (x != 0).astype(float))
            _worst(found, variable.name, variable.shape, excess, self.batched, "bound of ")
            if variable.integral:
                _worst(found, variable.name, variable.shape, (x != np.round(x)) * 1.0, self.batched, "integrality of ")
        return found

    def _rows(self) -> Iterator[Rows]:
        for name, family in self.m.families.items():
            if isinstance(family, Loop):
                yield self._loop(name, family)
            else:
                yield self._family(name, family)

    def _loop(self, name: str, family: Loop) -> Rows:
        activity = family.activity(self.values, self.m.starts)
        size = family.activity(self.magnitudes, self.m.starts, magnitude=True)
        bound, relation = np.broadcast_to(family.bound(self.values), activity.shape), np.asarray(family.relations)
        low = np.where(relation == "<=", -np.inf, bound)
        return name, (family.rows,), activity, size, low, np.where(relation == ">=", np.inf, bound)

    def _family(self, name: str, family: Family) -> Rows:
        activity = np.asarray(self.values.full(family.activity, family.axes), dtype=np.float64)
        size = np.broadcast_to(self.magnitudes.full(family.activity, family.axes), activity.shape)

        def side(expression: Any, default: float) -> NDArray[np.float64]:
            if expression is None:
                return np.full(activity.shape, default)
            return np.broadcast_to(self.values.over(expression, family.axes), activity.shape).astype(np.float64)

        bound = side(family.bound, 0.0)
        none = np.full(activity.shape, np.inf)
        low, high = (-none if family.relation == "<=" else bound), (none if family.relation == ">=" else bound)
        if family.lower_bound is not None:
            low = side(family.lower_bound, 0.0)
        off = np.zeros(activity.shape, bool)
        if family.constraint.mask is not None:
            off |= ~family.constraint.mask
        if family.constraint.switch is not None:
            # A switch that is no whole number is told under integrality; from a half up it counts as on.
            off |= np.broadcast_to(self.values.over(family.constraint.switch, family.axes), activity.shape) < 0.5
        return name, shape(family.axes), activity, size, np.where(off, -none, low), np.where(off, none, high)


def _worst(
    found: dict[str, float], name: str, sizes: tuple[int, ...], excess: Any, batched: bool, before: str = ""
) -> None:
    if batched:
        excess = excess.max(axis=0) if excess.shape[0] else excess
    flat = np.asarray(excess).ravel()
    if flat.size and flat[place := int(flat.argmax())] > 0:
        found[f"{before}{BlockNames([name], [sizes], [None]).name(0, place)}"] = float(flat[place])


def missed_exactly(m: Declaration, fields: Mapping[str, Any], points: Mapping[str, Any]) -> dict[str, Fraction]:
    """Return by how much each broken row or bound is missed, in rational numbers.

    Raises
    ------
    NoSolutionError
        If a constraint applies a function that leaves the rational numbers.
    """
    values = rational_values(fields, points)
    missed: dict[str, Fraction] = {}
    for name, family in m.families.items():
        if isinstance(family, Loop):
            _miss(
                missed, name, (family.rows,), family.activity(values, m.starts), family.bound(values), family.relations
            )
        else:
            _miss_family(missed, name, family, values)
    for variable in m.variables.values():
        _miss_bounds(missed, variable, values, np.asarray(points[variable.name], dtype=np.float64))
    return missed


class _Fractions(dict[str, Any]):
    """Arrays of fractions, each made when it is first read."""

    def __init__(self, given: Mapping[str, Any], arithmetic: Rational) -> None:
        super().__init__()
        self.given, self.arithmetic = given, arithmetic

    def __missing__(self, name: str) -> Any:
        found = self[name] = self.arithmetic.constant(self.given[name])
        return found


def rational_values(fields: Mapping[str, Any], points: Mapping[str, Any]) -> Values:
    """Return a reader of values in rational numbers."""
    arithmetic = Rational()
    return Values(_Fractions(fields, arithmetic), _Fractions(points, arithmetic), arithmetic)


def _miss_family(missed: dict[str, Fraction], name: str, family: Family, values: Values) -> None:
    activity = np.asarray(values.full(family.activity, family.axes), dtype=object)
    zero = np.full(activity.shape, Fraction(0), object)
    bound = zero if family.bound is None else zero + values.over(family.bound, family.axes)
    on = np.ones(activity.shape, bool) if family.constraint.mask is None else family.constraint.mask
    if (switch := family.constraint.switch) is not None:
        on = on & np.broadcast_to(values.over(switch, family.axes) == 1, activity.shape)
    activity = np.where(on, activity, bound)
    _miss(missed, name, shape(family.axes), activity, bound, [family.relation] * activity.size)
    if family.lower_bound is not None:
        low = zero + values.over(family.lower_bound, family.axes)
        _miss(missed, name, shape(family.axes), np.where(on, activity, low), low, [">="] * activity.size)


def _miss_bounds(missed: dict[str, Fraction], variable: Variable, values: Values, x: NDArray[np.float64]) -> None:
    name, exact = f"bound of {variable.name}", Rational().constant
    for expression, relation in ((variable.lower, ">="), (variable.upper, "<=")):
        if expression.kind == "constant":  # float64 compares as fractions do, and a million times in no time
            side: Any = np.broadcast_to(np.asarray(expression.detail), x.shape)
            if variable.mask is None and ((x >= side) if relation == ">=" else (x <= side)).all():
                continue
        side = np.broadcast_to(values.over(expression, variable.axes), x.shape)
        if variable.mask is not None:
            side = np.where(variable.mask, side, np.full(x.shape, Fraction(0), object))
        _miss(missed, name, variable.shape, exact(x), side, [relation] * x.size)


def _miss(missed: dict[str, Fraction], name: str, sizes: Any, activity: Any, bound: Any, relations: list[str]) -> None:
    names = BlockNames([name], [sizes], [None])
    pairs = zip(np.ravel(activity).tolist(), np.ravel(bound).tolist(), relations, strict=True)
    for row, (a, b, relation) in enumerate(pairs):
        by: Any = max(a - b if relation != ">=" else 0, b - a if relation != "<=" else 0)
        if by > 0:
            missed[names.name(0, row)] = by


def small(violations: Mapping[str, float]) -> bool:
    """Whether a violation lies within the tolerance of the judge, so that whole numbers deserve a closer look."""
    return any(0 < v <= FEASIBILITY for v in violations.values())
