"""From functions of a problem's words to a :class:`Constrained`; of a batch, instances are asked where they differ."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from ...algebra.side_rows import SideRows, side_objective, side_rows
from ...algebra.words import Words
from ...model.batch_axis import batch_of
from ...model.errors import InvalidProblemError
from .auxiliary import Auxiliary, Goal, joined_blocks
from .problem import Constrained

if TYPE_CHECKING:
    from ...model.problem import HasProgram, Sense


def subject_to(problem: HasProgram, constraints: Mapping[str, Any]) -> Constrained:
    """Return `problem` with more constraints; see :meth:`edgeopt.model.problem.HasProgram.subject_to`."""
    if not constraints:
        raise InvalidProblemError("subject_to was given nothing; name a constraint: per_day=lambda m: …")
    return _constrained(problem, _of_instances(problem, lambda words: side_rows(words, constraints)), None)


def with_objective(problem: HasProgram, sense: Sense, objective: Callable[[Any], Any]) -> Constrained:
    """Return `problem` with another objective; see :meth:`edgeopt.model.problem.HasProgram.minimize`."""
    return _constrained(problem, _of_instances(problem, lambda words: side_objective(words, sense, objective)), sense)


def _of_instances(problem: HasProgram, state: Callable[[Words], SideRows]) -> list[SideRows]:
    """Return what is stated of the problem; of a batch for each instance, or once where no instance was asked."""
    batch = batch_of(problem)
    if batch is None:
        return [state(_words(problem))]
    batched: Any = problem
    first = state(_words(batched.instance(0)))
    if not first.of_instance:
        return [first]
    found = [first, *(state(_words(batched.instance(index))) for index in range(1, batch))]
    for index, other in enumerate(found):
        if not _same(first, other):
            raise InvalidProblemError(
                f"the rows of instances 0 and {index} have other coefficients; instances of a batch may differ in the "
                "bounds of rows and in costs alone: state the constraint on each instance(i)"
            )
    return found


def _words(problem: HasProgram) -> Words:
    """Return the problem's words, fields of the base among them."""
    return Words(problem, problem.base if isinstance(problem, Constrained) else problem)


def _same(first: SideRows, second: SideRows) -> bool:
    parts = [(one.matrix.indptr, one.matrix.indices, one.matrix.data) for one in (first, second)]
    return first.matrix.shape == second.matrix.shape and all(map(np.array_equal, *parts))


def _constrained(problem: HasProgram, stated: Sequence[SideRows], sense: Sense | None) -> Constrained:
    """Return the problem with what was stated behind what it has already."""
    first = stated[0]
    known = problem if isinstance(problem, Constrained) else None
    base: Any = problem if known is None else known.base
    own = 0 if known is None or known.auxiliary is None else len(known.auxiliary)
    columns = first.matrix.shape[1] - len(first.variables) - own
    goal = None if known is None else known.goal
    if sense is not None:
        many = len(stated) > 1
        cost = np.stack([one.cost[:columns] for one in stated]) if many else first.cost[:columns]
        offset = np.array([one.offset for one in stated]) if many else first.offset
        goal = Goal(sense, cost, offset, first.cost[columns:])
    elif goal is not None and len(first.variables):
        goal = Goal(goal.sense, goal.cost, goal.offset, np.r_[goal.auxiliary_cost, np.zeros(len(first.variables))])
    lower, upper = (_sides([getattr(one, side) for one in stated]) for side in ("lower", "upper"))
    extra, names = first.matrix[:, :columns], first.names
    if known is not None:
        extra = sparse.vstack([known.extra, extra], format="csr")
        names = joined_blocks(known.extra_names, names)
        lower, upper = _beside(known.extra_lower, lower), _beside(known.extra_upper, upper)
    return Constrained(base, extra, lower, upper, names, _auxiliary(known, first, columns), goal)


def _auxiliary(known: Constrained | None, stated: SideRows, columns: int) -> Auxiliary | None:
    before = None if known is None else known.auxiliary
    if before is None and not len(stated.variables):
        return None
    own, matrix = 0 if before is None else len(before), stated.matrix[:, columns:]
    defines = np.where(stated.defines >= 0, stated.defines + own, -1)
    if known is None:
        return Auxiliary(stated.variables, stated.side, matrix, defines)
    rows = known.extra.shape[0]
    shape = (rows, matrix.shape[1] - own)
    old: Any = sparse.csr_array((rows, 0)) if before is None else before.matrix
    matrix = sparse.vstack([sparse.hstack([old, sparse.csr_array(shape)]), matrix], format="csr")
    none = np.full(rows, -1)
    return Auxiliary(
        stated.variables if before is None else joined_blocks(before.names, stated.variables),
        stated.side if before is None else np.r_[before.side, stated.side],
        matrix,
        np.r_[none if before is None else before.defines, defines],
    )


def _sides(parts: Sequence[Any]) -> Any:
    """Return the sides of all instances, once where they are the same."""
    same = all(np.array_equal(parts[0], part) for part in parts[1:])
    return parts[0] if same else np.stack(parts)


def _beside(first: Any, second: Any) -> Any:
    lead = np.broadcast_shapes(first.shape[:-1], second.shape[:-1])
    return np.concatenate([np.broadcast_to(part, (*lead, part.shape[-1])) for part in (first, second)], axis=-1)
