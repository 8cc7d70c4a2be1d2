"""A problem with more constraints than its formulation has, or with another objective than its own.

What is kept are rows over the columns of the base's program, in numbers and names. Everything in words is the base's:
its decision, its objective, how it decodes a point and what it says of a broken constraint.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from scipy import sparse

from ...model.batch_axis import BatchAxis, batch_of
from ...model.block_names import BlockNames, JoinedNames, stems_of
from ...model.cached import cached_property
from ...model.errors import InvalidProblemError
from ...model.problem import HasProgram, Sense
from ...model.program import Program
from ...model.records import assign, float_array
from .auxiliary import Auxiliary, Goal, block_names, row_matrix

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...model.explanation import Bound, Explanation


@dataclass(frozen=True, eq=False)
class Constrained(BatchAxis, HasProgram):
    """What ``problem.subject_to(...)`` returns: the problem, and rows over the columns of its program.

    Attributes
    ----------
    base : HasProgram
        The problem without them.
    extra : (rows, columns) sparse CSR
        Coefficients of the columns of the base's program.
    extra_lower, extra_upper : (..., rows) float
        Sides of the rows; -inf and inf by default. Where the base is a batch they may carry its axis.
    extra_names : BlockNames
        Names of the rows; ``side[i]`` by default.
    auxiliary : Auxiliary, optional
        Minima and maxima that the rows define. Their values follow from the decision.
    goal : Goal, optional
        Objective in place of the base's.

    Raises
    ------
    InvalidProblemError
        If shapes disagree, a coefficient is not finite, a name is taken, or a minimum or maximum would not be one.
    """

    base: Any
    extra: Any
    extra_lower: Any = None
    extra_upper: Any = None
    extra_names: Any = None
    auxiliary: Auxiliary | None = None
    goal: Goal | None = None

    batched_fields: ClassVar[Mapping[str, int]] = {"extra_lower": 1, "extra_upper": 1}

    def __post_init__(self) -> None:
        if not isinstance(self.base, HasProgram):
            raise InvalidProblemError(f"base is a {type(self.base).__name__}; expected a problem that has a program")
        program = self._one.program()
        extra = row_matrix(self.extra, "extra", program.columns)
        rows = extra.shape[0]
        assign(
            self,
            extra=extra,
            extra_lower=_sides(self.extra_lower, "extra_lower", rows, -np.inf),
            extra_upper=_sides(self.extra_upper, "extra_upper", rows, np.inf),
            extra_names=_row_names(self.extra_names, rows),
        )
        self._check_sides()
        self._check_names(program)
        self._check_parts(program)
        self.check_batch()

    def _check_sides(self) -> None:
        for sides, never, word in ((self.extra_lower, np.inf, "least"), (self.extra_upper, -np.inf, "most")):
            if (sides == never).any():
                name = self.extra_names[int(np.argwhere(sides == never)[0][-1])]
                raise InvalidProblemError(
                    f"side constraint {name!r} demands at {word} {never}, which no decision meets; give it a number"
                )

    def _check_names(self, program: Program) -> None:
        stems = [stem.partition("[")[0] for stem in self.extra_names.stems]
        taken = stems_of(program.row_names)
        for stem in stems:
            if stem in taken:
                raise InvalidProblemError(f"{self.base!r} has rows called {stem!r}; call the side constraint otherwise")
        if len(set(self.extra_names.stems)) < len(stems):
            twice = next(stem for stem in self.extra_names.stems if self.extra_names.stems.count(stem) > 1)
            raise InvalidProblemError(f"two side constraints are called {twice!r}; rename one")

    def _check_parts(self, program: Program) -> None:
        count, rows = 0 if self.auxiliary is None else len(self.auxiliary), self.extra.shape[0]
        if self.auxiliary is not None and self.auxiliary.matrix.shape[0] != rows:
            raise InvalidProblemError(f"auxiliary.matrix has {self.auxiliary.matrix.shape[0]} rows; expected {rows}")
        cost = np.zeros(count)
        if self.goal is not None:
            lead = () if self.goal.cost.ndim == 1 else (batch_of(self.base),)
            wanted = ((*lead, program.columns), (count,))
            if (self.goal.cost.shape, self.goal.auxiliary_cost.shape) != wanted:
                given = f"{self.goal.cost.shape} and {self.goal.auxiliary_cost.shape}"
                raise InvalidProblemError(f"the goal's costs have shapes {given}; expected {wanted[0]} and {wanted[1]}")
            cost = self.goal.sense.sign * self.goal.auxiliary_cost
        if self.auxiliary is not None:
            self.auxiliary.check(cost, self.extra_lower, self.extra_upper)

    # The batch axis.

    @cached_property
    def batch(self) -> int | None:
        """Number of instances of the base, or None."""
        return batch_of(self.base)

    def check_batch(self) -> None:
        """Raise unless bounds that carry the batch axis have one for each instance of the base."""
        for name, value in self._batched().items():
            if value.shape[0] != self.batch:
                raise InvalidProblemError(
                    f"{name} has shape {value.shape}; the base is "
                    + ("no batch: give one bound for each row" if self.batch is None else f"a batch of {self.batch}")
                )

    def instance(self, index: int) -> Constrained:
        """Return one problem of the batch."""
        own = {name: value[index] for name, value in self._batched().items()}
        goal = None if self.goal is None else self.goal.pick(index)
        return replace(self, base=self.base.instance(index), goal=goal, **own)

    def pick(self, decision: Any, index: int) -> Any:
        """Decision of one instance from that of the batch."""
        return self.base.pick(decision, index)

    def stack(self, decisions: Sequence[Any]) -> Any:
        """Decision of the batch from those of its instances."""
        return self.base.stack(decisions)

    @property
    def _one(self) -> HasProgram:
        """The base, or its first instance: all have the same columns."""
        return self.base if self.batch is None else self.base.instance(0)  # type: ignore[no-any-return]

    # The program.

    @property
    def sense(self) -> Sense:  # type: ignore[override]
        """Whether the objective is to be small or large."""
        found: Sense = self.base.sense if self.goal is None else self.goal.sense
        return found

    @property
    def integral(self) -> bool:
        """Whether the base's program has integer columns."""
        return bool(self.base.integral)

    @property
    def mixed(self) -> bool:
        """Whether the base's program has continuous columns, or a maximum or magnitude adds one."""
        return bool(self.integral and (self.base.mixed or self.auxiliary is not None))

    @property
    def quadratic(self) -> bool:
        """Whether the objective is the base's and has squares."""
        return self.goal is None and bool(self.base.quadratic)

    @cached_property
    def _program(self) -> Program:
        if self.batch is not None:
            raise InvalidProblemError(f"the problem is a batch of {self.batch}; ask one instance(i) for its program")
        return self.beside(self.base.program())

    def beside(self, base: Program) -> Program:
        """Return a program over the base's columns with the side constraints' rows and variables behind its own."""
        count = 0 if self.auxiliary is None else len(self.auxiliary)
        matrix, extra = base.matrix, self.extra
        if self.auxiliary is not None:
            matrix = sparse.hstack([matrix, sparse.csc_array((base.rows, count))], format="csc")
            extra = sparse.hstack([extra, self.auxiliary.matrix], format="csr")
        goal, free = self.goal, np.full(count, np.inf)
        squares = None if goal is not None else base.squares
        if squares is not None and count:
            none = sparse.csc_array((squares.count, count))
            squares = replace(squares, matrix=sparse.hstack([squares.matrix, none], format="csc"))
        return replace(
            base,
            cost=np.r_[base.cost, np.zeros(count)] if goal is None else np.r_[goal.cost, goal.auxiliary_cost],
            matrix=sparse.vstack([matrix, extra], format="csc"),
            row_lower=np.r_[base.row_lower, self.extra_lower],
            row_upper=np.r_[base.row_upper, self.extra_upper],
            lower=np.r_[base.lower, -free],
            upper=np.r_[base.upper, free],
            integrality=np.r_[base.integrality, np.zeros(count, bool)],
            sense=self.sense,
            offset=base.offset if goal is None else float(goal.offset),
            column_names=JoinedNames([base.column_names, self.auxiliary.names])
            if self.auxiliary
            else base.column_names,
            row_names=JoinedNames([base.row_names, self.extra_names]),
            squares=squares,
        )

    def program(self) -> Program:
        """Return the base's program with the rows, and the columns of the auxiliary variables, behind its own.

        Raises
        ------
        InvalidProblemError
            If the problem has a batch axis.
        """
        return self._program

    def decode(self, point: NDArray[np.float64]) -> Any:
        """Decision of the base that a `point` (columns,) stands for."""
        return self.base.decode(point[: self.extra.shape[1]])

    def encode(self, decision: Any) -> NDArray[np.float64]:
        """Point (columns,) of a decision; auxiliary variables have the values that follow from it."""
        point: NDArray[np.float64] = self.base.encode(decision)
        if self.auxiliary is None:
            return point
        values = self.auxiliary.values(self.extra @ point, self.extra_lower, self.extra_upper)
        return np.concatenate([point, values])

    # The judge.

    def check(self, decision: Any) -> None:
        """Raise unless `decision` is an answer of the base."""
        self.base.check(decision)

    def objective(self, decision: Any) -> Any:
        """Objective of `decision`: the base's own, or the one that was stated; (batch,) for a batch."""
        return self.base.objective(decision) if self.goal is None else self._stated(decision, Program.objective)

    def magnitude(self, decision: Any) -> Any:
        """Sum of the absolute terms of the objective."""
        return self.base.magnitude(decision) if self.goal is None else self._stated(decision, Program.magnitude)

    def _stated(self, decision: Any, measure: Any) -> Any:
        """Objective that was stated, or its magnitude, of each instance."""
        if self.batch is not None:
            pairs = ((self.instance(i), self.pick(decision, i)) for i in range(self.batch))
            return np.array([one._stated(picked, measure) for one, picked in pairs])
        program = self.program()
        return float(measure(program, program.decode(self.encode(decision))))

    def violations(self, decision: Any) -> dict[str, float]:
        """Return what the base finds broken, and the worst row of each side constraint, relative to bound and terms."""
        found: dict[str, float] = dict(self.base.violations(decision))
        if self.batch is None:
            return found | self._side_violations(decision)
        for index in range(self.batch):
            for name, amount in self.instance(index)._side_violations(self.pick(decision, index)).items():
                found[name] = max(amount, found.get(name, 0.0))
        return found

    def _side_violations(self, decision: Any) -> dict[str, float]:
        program = self.program()
        excess = program.row_excess(self.encode(decision))[program.rows - self.extra.shape[0] :]
        if self.auxiliary is not None:  # rows that define a variable hold by its value, up to rounding
            excess[self.auxiliary.defines >= 0] = 0.0
        found, start = {}, 0
        for count in self.extra_names.counts:
            own = excess[start : start + count]
            if own.size and own[worst := int(own.argmax())] > 0:
                found[self.extra_names[start + worst]] = float(own[worst])
            start += count
        return found

    # Words.

    def words(self, columns: Any) -> dict[str, Any]:
        """Return the base's words, and the auxiliary variables by their names."""
        found, start = dict(self.base.words(columns)), self.extra.shape[1]
        if self.auxiliary is None:
            return found
        names, place = self.auxiliary.names, 0
        for stem, shape, count in zip(names.stems, names.shapes, names.counts, strict=True):
            sizes = {f"{stem}{axis or ''}": size for axis, size in enumerate(shape)}
            found[stem] = columns.block(start + place, extreme=int(self.auxiliary.side[place]), **sizes)
            place += count
        return found

    def in_words(self, bounds: Sequence[Bound]) -> list[str]:
        """Return bounds in words: side constraints by their names, the rest as the base says it."""
        from .explaining import in_words

        return in_words(self, bounds)

    def explain(self) -> Explanation:
        """Say why the problem is infeasible, and how far the side constraints have to give way at least.

        Where the base is infeasible by itself, its own explanation is returned.
        """
        from .explaining import explain

        return explain(self)

    def _repr_latex_(self) -> str | None:
        """Return the model as mathematics, where the base is declared in algebra."""
        from .showing import latex

        return latex(self)

    def summary(self) -> str:
        """Return what the problem holds, as text."""
        from .showing import summary

        return summary(self)

    def __repr__(self) -> str:
        from .showing import represented

        return represented(self)


def _sides(value: Any, field: str, rows: int, default: float) -> NDArray[np.float64]:
    array = float_array(np.full(rows, default) if value is None else value, field, ndim=(1, 2), finite=False)
    if array.shape[-1] != rows:
        raise InvalidProblemError(f"{field} has shape {array.shape}; expected ({rows},), one for each row of extra")
    return array


def _row_names(value: Any, rows: int) -> BlockNames:
    names = BlockNames(["side"], [[rows]], [None]) if value is None else value
    names = names if isinstance(names, BlockNames) else block_names(names)
    if len(names) != rows:
        raise InvalidProblemError(f"extra_names has {len(names)} names; expected {rows}")
    return names
