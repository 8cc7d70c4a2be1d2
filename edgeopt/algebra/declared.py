"""What follows from a declaration, whoever validates the fields: program, judge, exact judge, LaTeX, summary.

A problem that is written by hand as a frozen dataclass takes part by two methods: ``declare``, and a property that says
which dimensions its fields have. What it writes by hand beside (``program``, ``objective``, ``violations``) is then a
faster spelling of the declaration, and ``edgeopt.testing.check_override`` holds both equal.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..model.batch_axis import batch_of
from ..model.cached import cached_property
from ..model.errors import InvalidProblemError
from ..model.problem import DecisionT, HasProgram
from ..model.program import Point
from .compile_check import check_compiled
from .compiled import Compiled, compiled
from .judging import Judge, missed_exactly, small
from .range_check import warn_of_ranges
from .tracing import traced
from .validation import Sizes, sizes_of
from .values import Values

if TYPE_CHECKING:
    from fractions import Fraction

    from numpy.typing import NDArray

    from ..model.program import Program
    from .classes import Known
    from .declaration import Declaration

_MADE_ANEW = ("declaration", "_compiled")
"""What is kept once it was asked for, and neither copied nor pickled: trees are made of the fields again."""


class Declared(HasProgram[DecisionT]):
    """A problem that says in algebra what it is; the declaration is made when it is first asked for."""

    @property
    @abstractmethod
    def declared_fields(self) -> tuple[Known, ...]:
        """Kind, dimensions and unit of each field."""

    @abstractmethod
    def declare(self, m: Declaration) -> None:
        """Make the variables and state objective and constraints; `self` holds symbols in place of float fields."""

    @abstractmethod
    def decided(self, arrays: Mapping[str, Any]) -> DecisionT:
        """Return the decision with these values of the variables, by name."""

    # What the declaration says.

    @cached_property
    def declaration(self) -> Declaration:
        """Variables, objective and constraints, as ``declare`` stated them."""
        return traced(self, self.declared_fields, self._sizes)

    @cached_property
    def _sizes(self) -> Sizes:
        return sizes_of(self.declared_fields, self.__dict__)

    @property
    def dimensions(self) -> dict[str, int]:
        """Size of each dimension by name."""
        return dict(self.declaration.sizes)

    # The program.

    @cached_property
    def _compiled(self) -> Compiled:
        fields = self._field_arrays()
        found = compiled(self.declaration, Values(fields, {}), type(self).__name__)
        check_compiled(self.declaration, found, fields)
        warn_of_ranges(found.program)
        return found

    def program(self) -> Program:
        """Return the problem as a sparse program; rows and columns carry the names of constraints and variables.

        Raises
        ------
        InvalidProblemError
            If the problem has a batch axis, or see :func:`~edgeopt.algebra.compiled.compiled`.
        """
        if (batch := batch_of(self)) is not None:
            raise InvalidProblemError(f"the problem is a batch of {batch}; ask one instance(i) for its program")
        return self._compiled.program

    def _field_arrays(self) -> dict[str, Any]:
        """Return the float fields as arrays; in a batch with its axis, or one of length 1, in front."""
        found, batched = {}, batch_of(self) is not None
        for one in self.declared_fields:
            if one.kind != "f":
                continue
            value = self.__dict__[one.name]
            array = value.toarray() if hasattr(value, "toarray") else np.asarray(value)
            found[one.name] = array[None] if batched and array.ndim == len(one.spec.dimensions) else array
        return found

    def decode(self, point: NDArray[np.float64]) -> DecisionT:
        """Decision that a `point` of the program stands for: whole numbers rounded, entries without a column 0."""
        m, column_of = self.declaration, self._compiled.column_of
        dense = point if column_of is None else np.where(column_of >= 0, point[column_of], 0.0)
        found: dict[str, Any] = {}
        for variable in m.variables.values():
            array = dense[variable.start : variable.start + variable.size].reshape(variable.shape)
            if variable.kind == "binary":
                array = array > 0.5
            elif variable.kind == "integer":
                array = np.round(array).astype(np.int64)
            found[variable.name] = array
        return self.decided(found)

    def encode(self, decision: Any) -> NDArray[np.float64]:
        """Point of the program that stands for a decision."""
        dense = np.concatenate([array.ravel() for array in self._points(decision).values()])
        column_of = self._compiled.column_of
        return dense if column_of is None else dense[column_of >= 0]

    def _points(self, decision: Any) -> dict[str, NDArray[np.float64]]:
        """Return the values of all variables as real numbers, by name."""
        return {name: np.asarray(getattr(decision, name), dtype=np.float64) for name in self.declaration.variables}

    def words(self, columns: Any) -> dict[str, Any]:
        """Return the variables by their names."""
        found, start = {}, 0
        for variable in self.declaration.variables.values():
            sizes = {axis.name: axis.size for axis in variable.axes}
            if variable.mask is None:
                found[variable.name] = columns.block(start, extreme=variable.epigraph, **sizes)
                start += variable.size
            else:
                kept = np.flatnonzero(variable.mask)
                found[variable.name] = columns.scattered(kept, start, **sizes)
                start += kept.size
        return found

    # The judge.

    def objective(self, decision: Any) -> Any:
        """Objective of `decision`, read off the declaration; (batch,) for a batch."""
        return self._judge(decision).objective()

    def magnitude(self, decision: Any) -> Any:
        """Sum of the absolute terms of the objective."""
        return self._judge(decision).magnitude()

    def violations(self, decision: Any) -> dict[str, float]:
        """Worst broken row of each constraint, by its name and index, relative to its bound and terms.

        What a program of whole numbers breaks by less than the tolerance is looked at again in exact arithmetic.
        """
        found = self._judge(decision).violations()
        if batch_of(self) is None and self.integral and small(found):
            found |= {name.removeprefix("row "): v for name, v in self._in_whole_numbers(decision).items()}
        return found

    def _in_whole_numbers(self, decision: Any) -> dict[str, float]:
        broken = self._compiled.program.violations(Point(Declared.encode(self, decision)))
        return {name: v for name, v in broken.items() if name.startswith("row ") and v >= 1.0}

    def _judge(self, decision: Any) -> Judge:
        return Judge(self.declaration, self._field_arrays(), self._points(decision), batched=batch_of(self) is not None)

    def missed_exactly(self, decision: Any) -> dict[str, Fraction]:
        """Return by how much `decision` misses constraints and bounds in rational numbers, by their names.

        Raises
        ------
        InvalidProblemError
            If the problem has a batch axis.
        NoSolutionError
            If a constraint applies a function that leaves the rational numbers.
        """
        if (batch := batch_of(self)) is not None:
            raise InvalidProblemError(f"the problem is a batch of {batch}; ask one instance(i) and pick its decision")
        return missed_exactly(self.declaration, self._field_arrays(), self._points(decision))

    def holds_exactly(self, decision: Any) -> bool:
        """Whether `decision` keeps every constraint and bound without any tolerance, in rational numbers."""
        return not self.missed_exactly(decision)

    # What users look at.

    def _repr_latex_(self) -> str:
        """Return the model as mathematics, which notebooks show."""
        from .latex import latex

        return latex(self)

    def summary(self) -> str:
        """Return what the problem holds: dimensions, fields, variables, objective and constraints."""
        from .summary import summary

        return summary(self)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in _MADE_ANEW}
