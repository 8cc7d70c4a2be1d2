"""The compiled program against the tree that it was made of, at one random point: two code paths, one value.

A fault of the compiler shows as a row or a cost that differs, or a side that is finite where the relation has none; no
judge of decisions would see all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from ..model.errors import EdgeOptError
from ..model.program import Point
from ..model.tolerance import ROUNDOFF
from .families import Family, Loop
from .values import Values

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from .compiled import Block, Compiled
    from .declaration import Declaration


class CompilerFaultError(EdgeOptError, AssertionError):
    """The program that was made of a declaration is not what it declares: a fault of edgeopt, to be reported."""


def _point(entries: int) -> NDArray[np.float64]:
    """Return the random point; one that is longer than what is kept repeats it, at a distance that is prime."""
    kept = _kept_point()
    return kept[:entries] if entries <= kept.size else np.resize(kept, entries)  # resize copies all that is kept


@lru_cache(maxsize=1)
def _kept_point() -> NDArray[np.float64]:
    return np.random.default_rng(20251).uniform(0.5, 1.5, 65_537)


def check_compiled(m: Declaration, found: Compiled, fields: Mapping[str, Any]) -> None:
    """Compare rows, sides, costs and offset of the program with the tree.

    Raises
    ------
    CompilerFaultError
        Names the first row, or the objective, that differs.
    """
    program = found.program
    dense = _point(m.entries)
    x = dense
    if found.column_of is not None:
        dense = np.where(found.column_of >= 0, dense, 0.0)
        x = dense[found.column_of >= 0]
    points = m.points(dense)
    readers = Values(fields, points), Values(fields, points, magnitude=True)
    assert m.goal is not None  # the program was made
    value, goal = np.asarray(program.objective(Point(x))).reshape(1), m.goal
    _compare("the objective", value, readers[0].of(goal).reshape(1), lambda: readers[1].of(goal).reshape(1))
    activity = program.matrix @ x
    for name, family in m.families.items():
        block = found.blocks[name]
        sides = program.row_lower[block.here], program.row_upper[block.here]
        read = _of_loop(m, family, readers) if isinstance(family, Loop) else _of_family(family, block, readers)
        _check_rows(name, activity[block.here], sides, read)


@dataclass
class _Read:
    """What the tree says of a family's rows; magnitudes are read where a difference has to be judged."""

    activity: Any
    low: Any
    high: Any
    magnitude: Callable[[], Any]
    moved: bool = False


def _check_rows(name: str, activity: Any, sides: tuple[Any, Any], read: _Read) -> None:
    if not read.moved:
        _compare(name, activity, read.activity, read.magnitude)
    for side, wanted in zip(sides, (read.low, read.high), strict=True):
        if not read.moved and (side == wanted).all():
            continue
        expected = np.broadcast_to(wanted, side.shape)
        different = np.isfinite(side) != np.isfinite(expected)
        different |= ~np.isfinite(side) & (side != expected)
        if different.any():
            row = int(different.argmax())
            raise CompilerFaultError(
                f"{name}, row {row}: a side is {side[row]}, the declaration says {expected[row]}; please report it"
            )
        # A constant within the activity stands in the program's sides: what is compared then is the slack.
        there = np.isfinite(side)
        if read.moved:
            size = _Magnitude(read, expected, there)
            _compare(name, (activity - side)[there], (read.activity - expected)[there], size)
        else:
            _compare(name, side[there], expected[there], lambda: 0.0)


@dataclass
class _Magnitude:
    """Sizes of slacks, read when they are asked for."""

    read: _Read
    side: Any
    there: Any

    def __call__(self) -> Any:
        return (np.broadcast_to(self.read.magnitude(), self.side.shape) + np.abs(self.side))[self.there]


def _of_loop(m: Declaration, family: Loop, readers: tuple[Values, Values]) -> _Read:
    bound, relation = family.bound(readers[0]), np.asarray(family.relations)
    return _Read(
        family.activity(readers[0], m.starts),
        np.where(relation == "<=", -np.inf, bound),
        np.where(relation == ">=", np.inf, bound),
        lambda: family.activity(readers[1], m.starts, magnitude=True),
    )


def _of_family(family: Family, block: Block, readers: tuple[Values, Values]) -> _Read:
    values, magnitudes = readers
    kept = slice(None) if block.kept is None else block.kept

    def flat(reader: Values, node: Any) -> Any:
        return 0.0 if node is None else np.asarray(reader.full(node, family.axes)).reshape(-1)[kept]

    activity, bound = flat(values, family.activity), flat(values, family.bound)
    low, high = {"<=": (-np.inf, bound), ">=": (bound, np.inf), "==": (bound, bound)}[family.relation]
    if family.lower_bound is not None:
        low = flat(values, family.lower_bound)
    moved = family.inner is not None
    if family.constraint.switch is None:
        return _Read(activity, low, high, lambda: flat(magnitudes, family.activity), moved)
    on, most = flat(values, family.constraint.switch), block.largest
    assert most is not None  # the compiler keeps it
    sign = 1.0 if family.relation == "<=" else -1.0
    return _Read(
        activity + sign * most * (on - 1.0),
        low,
        high,
        lambda: flat(magnitudes, family.activity) + most * (2.0 + np.abs(on)),
        True,
    )


def _compare(what: str, program: Any, tree: Any, magnitude: Callable[[], Any]) -> None:
    if (program == tree).all():
        return
    different = np.abs(program - tree)
    if (different <= ROUNDOFF * np.abs(tree)).all():
        return
    wrong = ~(different <= ROUNDOFF * (np.abs(tree) + magnitude()))
    if wrong.any():
        row = int(wrong.argmax())
        raise CompilerFaultError(
            f"{what}, row {row}: the program gives {float(program[row])!r} at a random point, the declaration "
            f"{float(np.broadcast_to(tree, wrong.shape)[row])!r}; please report it with the declaration"
        )
