"""Side constraints, stated as functions of a problem's words, become rows over its program's columns.

The functions are called once and forgotten: what is kept are numbers and names, which a file can hold. At every
statement the rows are compared at a random point with the trees that they were made of, as those of a declaration are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..model.block_names import BlockNames
from ..model.errors import InvalidProblemError
from ..model.problem import Sense
from .compile_check import check_compiled
from .compiled import compiled
from .constraint import Constraint
from .expression import as_expression
from .reformulations import check_curvature
from .scalars import Scalars
from .values import Values

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy import sparse

    from ..model.program import Program
    from .compiled import Compiled
    from .families import Family, Loop
    from .variables import Variable
    from .words import SideDeclaration, Words


@dataclass(frozen=True, eq=False)
class SideRows:
    """What was stated, in numbers and names.

    Attributes
    ----------
    matrix : (rows, columns + variables) sparse CSR
        Coefficients of the program's columns, then of the variables that the rows define.
    lower, upper : (rows,) float
        Sides of the rows.
    names : BlockNames
        Names of the rows.
    variables : BlockNames
        Names of the variables that are defined.
    side : (variables,) int8
        1 for a maximum, -1 for a minimum.
    defines : (rows,) int
        Which variable the row defines; -1 for rows that are constraints.
    cost : (columns + variables,) float
        Costs of an objective that was stated; 0 otherwise.
    offset : float
        Constant of that objective.
    of_instance : bool
        Whether the numbers may differ between the instances of a batch.
    """

    matrix: sparse.csr_array
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    names: BlockNames
    variables: BlockNames
    side: NDArray[np.int8]
    defines: NDArray[np.int64]
    cost: NDArray[np.float64]
    offset: float
    of_instance: bool


def side_rows(words: Words, constraints: Mapping[str, Any]) -> SideRows:
    """Return the rows that functions of a problem's words state.

    Parameters
    ----------
    constraints : mapping
        By name a function of :class:`Words` that returns a constraint, or several in a list or mapping.

    Raises
    ------
    InvalidProblemError
        If one is no such function, asks for a word that the problem does not offer, or is not linear.
    """
    for name, function in constraints.items():
        _take(words._declaration, name, _called(function, words, f"constraint {name!r}", "m.local.sum() >= 4"))
    words._declaration.minimize(as_expression(0.0))
    return _lowered(words)


def side_objective(words: Words, sense: Sense, function: Callable[[Words], Any]) -> SideRows:
    """Return the objective that a function of a problem's words states, and the rows that it needs."""
    goal = _called(function, words, f"what to {sense}", "m.local.sum()")
    if getattr(goal, "curved", False):
        raise InvalidProblemError(
            f"what to {sense} holds a square of variables: another objective is linear; a quadratic one is stated in a "
            "declaration of its own"
        )
    (words._declaration.minimize if sense is Sense.MINIMIZE else words._declaration.maximize)(goal)
    return _lowered(words)


def _called(function: Any, words: Words, what: str, example: str) -> Any:
    if not callable(function) or isinstance(function, Constraint):
        raise InvalidProblemError(f"{what} is {function!r}; expected a function of the words, as lambda m: {example}")
    return function(words)


def _take(m: SideDeclaration, name: str, stated: Any) -> None:
    """Add what was stated: one constraint, or several under one name."""
    if isinstance(stated, Mapping):
        for key, one in stated.items():
            m._add(f"{name}[{key}]", one, repeated=False)
        return
    if not isinstance(stated, Sequence) or isinstance(stated, str):
        m._add(name, stated, repeated=False)
        return
    if not stated:
        raise InvalidProblemError(f"constraint {name!r} is an empty list; expected at least one comparison")
    if all(map(_is_scalar, stated)):
        for one in stated:
            m._add_scalar(name, one)
        return
    for place, one in enumerate(stated):
        m._add(f"{name}[{place}]", one, repeated=False)


def _is_scalar(stated: Any) -> bool:
    """Whether it compares sums of single entries."""
    return (
        type(stated) is Constraint
        and stated.is_plain
        and type(stated.left) is Scalars
        and type(stated.right) is Scalars
        and (stated.left.owner or stated.right.owner) is not None
    )


def _lowered(words: Words) -> SideRows:
    m = words._declaration
    m.close()
    found = compiled(m, Values({}, {}), "the side constraint")
    check_compiled(m, found, {})
    program, own = found.program, [v for name, v in m.variables.items() if name != "columns"]
    for block in m.blocks.values():
        if block.epigraph:
            _check_block(words, block, program)
    start = m.variables["columns"].size
    return SideRows(
        program.rowwise,
        program.row_lower,
        program.row_upper,
        _joined(program.row_names),
        BlockNames([v.name for v in own], [v.shape for v in own], [None] * len(own)),
        np.repeat(np.array([v.epigraph for v in own], np.int8), [v.size for v in own]),
        _defined(m, found, start),
        program.cost,
        program.offset,
        words._of_instance,
    )


def _joined(names: Any) -> BlockNames:
    """Return the names with the rows of a list, ``name[0]``, ``name[1]`` and so on, as one block."""
    stems: list[str] = []
    shapes: list[tuple[int, ...]] = []
    kept: list[Any] = []
    for stem, shape, rows in zip(names.stems, names.shapes, names.kept, strict=True):
        name, bracket, place = stem.partition("[")
        number = int(place[:-1]) if bracket and place[:-1].isdecimal() and not shape else None
        if number == 0:
            stem, shape = name, (1,)
        elif number is not None and stems and stems[-1] == name and shapes[-1] == (number,):
            shapes[-1] = (number + 1,)
            continue
        stems.append(stem)
        shapes.append(shape)
        kept.append(rows)
    return BlockNames(stems, shapes, kept)


def _check_block(words: Words, block: Variable, program: Program) -> None:
    """Raise where rows or costs gain if a variable of the problem's own lies further out than its extreme."""
    here = slice(block.start, block.start + block.size)
    part = program.matrix[:, np.arange(here.start, here.stop)].tocoo()
    sides = program.row_lower[part.row], program.row_upper[part.row]
    cost = program.sense.sign * program.cost[here]
    check_curvature(words._program.column_names[block.start], block.epigraph, cost, part.data, *sides)


def _defined(m: SideDeclaration, found: Compiled, start: int) -> NDArray[np.int64]:
    """(rows,) which of the variables each row defines, counted from the first; -1 for none."""
    defines = np.full(found.program.rows, -1, np.int64)
    for name, family in m.families.items():
        if family.epigraph_of:
            defines[found.blocks[name].here] = _places(m.variables[family.epigraph_of], family, start)
    return defines


def _places(variable: Variable, family: Family | Loop, start: int) -> NDArray[np.int64]:
    own = {axis.name for axis in variable.axes}
    # The variable stands on the left, so its dimensions come first and in its order.
    shape = [axis.size if axis.name in own else 1 for axis in family.axes]
    places = variable.start - start + np.arange(variable.size).reshape(shape)
    return np.broadcast_to(places, [axis.size for axis in family.axes]).ravel()
