"""The compiled program against the tree that it was made of, at one random point: two code paths, one value.

A fault of the compiler shows as a row or a cost that differs, or a side that is finite where the relation has none; no
judge of decisions would see all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..model.errors import EdgeOptError
from ..model.tolerance import ROUNDOFF
from .families import Family, Loop
from .values import Values

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from .compiled import Compiled
    from .declaration import Declaration


class CompilerFaultError(EdgeOptError, AssertionError):
    """The program that was made of a declaration is not what it declares: a fault of edgeopt, to be reported."""


def check_compiled(m: Declaration, found: Compiled, fields: Mapping[str, Any]) -> None:
    """Compare rows, sides, costs and offset of the program with the tree.

    Raises
    ------
    CompilerFaultError
        Names the first row, or the objective, that differs.
    """
    program = found.program
    dense = np.random.default_rng(20251).uniform(0.5, 1.5, m.entries)
    x = dense
    if found.column_of is not None:
        dense = np.where(found.column_of >= 0, dense, 0.0)
        x = dense[found.column_of >= 0]
    points = {v.name: dense[v.start : v.start + v.size].reshape(v.shape) for v in m.variables.values()}
    readers = Values(fields, points), Values(fields, points, magnitude=True)
    assert m.goal is not None  # the program was made
    _same("the objective", np.atleast_1d(program.cost @ x + program.offset), m, m.goal, readers)
    activity = program.matrix @ x
    for name, family in m.families.items():
        start, block = found.starts[name], found.blocks[name]
        here = slice(start, start + block.count)
        _check_family(name, m, family, block, activity[here], program, here, readers)


def _check_family(
    name: str, m: Declaration, family: Family | Loop, block: Any, activity: Any, program: Any, here: slice, readers: Any
) -> None:
    values, magnitudes = readers
    low, high = program.row_lower[here], program.row_upper[here]
    if isinstance(family, Loop):
        tree, size = family.activity(values, m.starts), family.activity(magnitudes, m.starts, magnitude=True)
        bound = family.bound(values)
        relation = np.asarray(family.relations)
        wanted = np.where(relation == "<=", -np.inf, bound), np.where(relation == ">=", np.inf, bound)
    else:
        tree, wanted, size = _read(family, block, readers)
    inner = _finite_or(low, high)
    for side, expected in zip((low, high), wanted, strict=True):
        if not np.array_equal(np.isfinite(side), np.isfinite(expected)):
            row = int((np.isfinite(side) != np.isfinite(expected)).argmax())
            raise CompilerFaultError(f"{name}, row {row}: a side is {side[row]}, the declaration says {expected[row]}")
    # Slack against the sides, since constants may stand on either.
    reference = _finite_or(*wanted)
    _compare(name, activity - inner, tree - reference, size + np.abs(reference))
    both = np.isfinite(low) & np.isfinite(high)
    if both.any():
        _compare(name, (high - low)[both], (wanted[1] - wanted[0])[both], (np.abs(high) + np.abs(low))[both])


def _finite_or(low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.isfinite(high), high, np.where(np.isfinite(low), low, 0.0))


def _read(family: Family, block: Any, readers: Any) -> tuple[Any, tuple[Any, Any], Any]:
    """Activity, sides and magnitude of a family's rows, by the tree."""
    values, magnitudes = readers
    kept = slice(None) if block.kept is None else block.kept
    shape = [axis.size for axis in family.axes]

    def flat(reader: Values, node: Any) -> Any:
        return np.zeros(family.rows)[kept] if node is None else np.asarray(reader.full(node, family.axes)).ravel()[kept]

    tree, size = flat(values, family.activity), flat(magnitudes, family.activity)
    bound = flat(values, family.bound)
    sides = bound if family.lower_bound is None else flat(values, family.lower_bound), bound
    free = np.full(bound.shape, np.inf)
    if family.lower_bound is None and family.relation != "==":
        sides = (-free, bound) if family.relation == "<=" else (bound, free)
    if (switch := family.constraint.switch) is not None:
        on = np.broadcast_to(values.over(switch, family.axes), shape).ravel()[kept]
        sign = 1.0 if family.relation == "<=" else -1.0
        tree = tree + sign * block.largest * (on - 1.0)
        size = size + block.largest * np.abs(on - 1.0) + np.abs(block.largest)
    return tree, sides, size


def _same(what: str, value: Any, m: Declaration, node: Any, readers: Any) -> None:
    values, magnitudes = readers
    _compare(what, value, np.atleast_1d(values.of(node)), np.atleast_1d(magnitudes.of(node)))


def _compare(what: str, program: Any, tree: Any, size: Any) -> None:
    with np.errstate(invalid="ignore"):
        wrong = ~(np.abs(program - tree) <= ROUNDOFF * (np.abs(tree) + np.abs(size)) + 0.0)
    wrong &= ~((program == tree) | (~np.isfinite(size)))
    if wrong.any():
        row = int(wrong.argmax())
        raise CompilerFaultError(
            f"{what}, row {row}: the program gives {float(program[row])!r} at a random point, the declaration "
            f"{float(tree[row])!r}; please report it with the declaration"
        )
