"""A problem that is declared in algebra: everything else that a formulation owes follows from the declaration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from typing import TYPE_CHECKING, Any, dataclass_transform

import numpy as np

from ..model.batch_axis import BatchAxis
from ..model.errors import InvalidProblemError
from ..model.problem import Sense
from ..model.records import assign, require
from .classes import Known, install, known_fields
from .decision import NamedDecision
from .declared import Declared
from .fields import data
from .own_words import in_own_words
from .validation import Sizes, check_positions, validated

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..model.explanation import Explanation
    from .declaration import Declaration


@dataclass_transform(kw_only_default=True, frozen_default=True, eq_default=False, field_specifiers=(data,))
@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Formulation(BatchAxis[NamedDecision], Declared[NamedDecision]):
    """Base of problems that are written as mathematics: fields with named dimensions, and one method ``declare``.

    Each subclass is a frozen dataclass, whose fields are given by keyword. ``declare`` runs once, when a problem is
    built, on symbols of its float fields; it makes the variables and states the objective and the constraints.

    Attributes
    ----------
    labels : mapping, optional
        What the positions of dimensions are called; from pandas and xarray it is read off their index.

    Raises
    ------
    InvalidProblemError
        If a field is not what its dimensions say, or the declaration is not linear in the variables.

    Examples
    --------
    >>> class Knapsack(Formulation):
    ...     value: Array = data("items")
    ...     size: Array = data("items")
    ...     room: float
    ...     def declare(self, m):
    ...         packed = m.binary("packed", "items")
    ...         m.maximize(self.value @ packed)
    ...         m.subject_to(room=self.size @ packed <= self.room)
    >>> Knapsack(value=[3.0, 2.0], size=[2.0, 1.0], room=2.0).program()
    Program('Knapsack', maximize, 1 rows, 2 columns (2 integer), 2 non-zeros)
    """

    labels: Mapping[str, Sequence[Any]] | None = None

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        install(cls)
        dataclass(frozen=True, eq=False, kw_only=True, repr=False)(cls)
        cls.batched_fields = {one.name: len(one.spec.dimensions) for one in fields_of(cls) if one.kind == "f"}

    def declare(self, m: Declaration) -> None:
        """Make the variables and state objective and constraints; every formulation writes its own."""
        raise NotImplementedError(f"{type(self).__name__} has no method declare(self, m)")

    def __post_init__(self) -> None:
        sizes: Sizes = {}
        labels: dict[str, list[Any]] = {k: list(v) for k, v in (self.labels or {}).items()}
        known = fields_of(type(self))
        held = self.__dict__
        for one in known:
            held[one.name] = validated(one, held[one.name], sizes, labels)
        check_positions(known, held, sizes)
        assign(self, labels=labels or None)
        held["_sizes"] = sizes
        self.check_batch()
        _ = self.declaration  # an error of it is shown where the problem is built

    # What the declaration says.

    @property
    def declared_fields(self) -> tuple[Known, ...]:
        """Kind, dimensions and unit of each field, as the class says."""
        return fields_of(type(self))

    @property
    def sense(self) -> Sense:  # type: ignore[override]
        """Whether the objective is to be small or large."""
        return self.declaration.sense

    @property
    def integral(self) -> bool:
        """Whether there are binaries or whole numbers among the variables."""
        return any(variable.integral for variable in self.declaration.variables.values())

    @property
    def mixed(self) -> bool:
        """Whether there are variables of both kinds."""
        return self.integral and not all(variable.integral for variable in self.declaration.variables.values())

    @property
    def quadratic(self) -> bool:
        """Whether the objective holds squares of variables."""
        goal = self.declaration.goal
        return goal is not None and goal.curved

    # Decisions.

    def decide(self, **arrays: Any) -> NamedDecision:
        """Return a decision with these values of the variables, by name.

        Raises
        ------
        InvalidProblemError
            If a variable is missing or unknown, or a value has another shape.
        """
        decision = self.decided(arrays)
        self.check(decision)
        return decision

    def decided(self, arrays: Mapping[str, Any]) -> NamedDecision:
        """Return the decision with these values of the variables, which nobody has checked."""
        m = self.declaration
        dims = {name: [axis.name for axis in v.axes] for name, v in m.variables.items()}
        labels = {label: self.labels[kind] for label, kind in m.kinds.items() if self.labels and kind in self.labels}
        return NamedDecision(arrays, dims, labels)

    def _points(self, decision: NamedDecision) -> dict[str, NDArray[np.float64]]:
        # By mapping: a variable may be called as an attribute of decisions is.
        return {name: np.asarray(decision.values[name], dtype=np.float64) for name in self.declaration.variables}

    def check(self, decision: NamedDecision) -> None:
        """Raise unless `decision` is a :class:`NamedDecision` with one finite number for every variable's entry."""
        if not isinstance(decision, NamedDecision):
            raise InvalidProblemError(f"decision is a {type(decision).__name__}; expected a NamedDecision")
        variables = self.declaration.variables
        if set(decision.values) != set(variables):
            raise InvalidProblemError(f"decision has {sorted(decision.values)}; expected {sorted(variables)}")
        lead = () if self.batch is None else (self.batch,)
        for name, variable in variables.items():
            array, wanted = decision.values[name], (*lead, *variable.shape)
            if array.shape != wanted or array.dtype.kind not in "fiub":
                raise InvalidProblemError(
                    f"decision.{name} is {array.dtype} of shape {array.shape}; expected numbers of shape {wanted}"
                )
            if array.dtype.kind == "f":
                require(f"decision.{name}", array, np.isfinite(array), "must be finite")

    def explain(self) -> Explanation:
        """Say why the problem is infeasible, in the names of its constraints, and what would repair it."""
        return in_own_words(self, super().explain())

    # The batch axis.

    def _batched(self) -> dict[str, Any]:
        values = {name: (self.__dict__[name], single) for name, single in self.batched_fields.items()}
        return {name: value for name, (value, single) in values.items() if np.ndim(value) > single}

    def pick(self, decision: NamedDecision, index: int) -> NamedDecision:
        """Decision of one instance from that of the batch."""
        return self.decided({name: array[index] for name, array in decision.values.items()})

    def stack(self, decisions: Sequence[NamedDecision]) -> NamedDecision:
        """Decision of the batch from those of its instances."""
        names = self.declaration.variables
        return self.decided({name: np.stack([one.values[name] for one in decisions]) for name in names})

    def __repr__(self) -> str:
        several = "" if self.batch is None else f"batch of {self.batch}, "
        sizes = ", ".join(f"{size} {name}" for name, size in self.declaration.sizes.items())
        return f"{type(self).__name__}({several}{sizes})"

    def __reduce__(self) -> tuple[Any, ...]:
        """Return the fields alone: the declaration is made anew from them."""
        return _rebuilt, (type(self), {field.name: getattr(self, field.name) for field in fields(self)})


def _rebuilt(kind: type[Formulation], values: dict[str, Any]) -> Formulation:
    return kind(**values)


@cache
def fields_of(kind: type) -> tuple[Known, ...]:
    """Return what is known of the fields of a formulation's class."""
    return tuple(one for one in known_fields(kind) if one.name != "labels")
