"""From a declaration to a sparse program: entries are written once, where they belong, at the width that they need."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from ..model.block_names import BlockNames
from ..model.errors import InvalidProblemError
from ..model.program import Program
from .big_m import switched
from .constants import constant_part, total
from .families import Family, Loop
from .reformulations import check_curvature
from .terms import Term, lowered
from .values import Values

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .axes import Axes
    from .declaration import Declaration
    from .expression import Expression


@dataclass
class Block:
    """Rows of one family, over the entries of all variables (masked ones included).

    `kept` are the rows that a mask leaves, `largest` what an indicator adds to a row that is switched off.
    """

    rows: NDArray[Any]
    columns: NDArray[Any]
    data: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    kept: NDArray[np.int64] | None = None
    largest: NDArray[np.float64] | None = None

    @property
    def count(self) -> int:
        """Number of its rows."""
        return int(self.lower.size)


@dataclass(eq=False)
class Compiled:
    """A program and how its columns and rows stand to the declaration.

    Attributes
    ----------
    program : Program
        What solvers read.
    column_of : (entries,) int or None
        Column of each variable's entry, -1 where a mask drops it; None where entry and column are the same.
    starts : dict
        First row of each family.
    blocks : dict
        Bounds and kept rows of each family.
    """

    program: Program
    column_of: NDArray[np.int64] | None
    starts: dict[str, int] = field(default_factory=dict)
    blocks: dict[str, Block] = field(default_factory=dict)


def compiled(m: Declaration, values: Values, name: str) -> Compiled:
    """Return the program of a declaration at the values of its fields.

    Raises
    ------
    InvalidProblemError
        If there is no objective or variable, a coefficient is not finite, a bound that an indicator needs is missing, or
        a maximum would not be one.
    """
    if m.goal is None:
        raise InvalidProblemError(f"{name}.declare gives no objective; call m.minimize(...) or m.maximize(...)")
    if not m.variables:
        raise InvalidProblemError(f"{name}.declare makes no variable; call m.binary, m.integer or m.continuous")
    lower, upper, integrality = _columns(m, values)
    _check_bounds(m, lower, upper)
    blocks = {label: _block(m, one, values, lower, upper) for label, one in m.families.items()}
    cost = _cost(m, m.goal, values)
    column_of, kept = _column_map(m)
    starts, matrix, sides = _stacked(list(blocks.items()), m.entries, column_of)
    _check_extremes(m, blocks, cost)
    chosen = slice(None) if kept is None else kept
    constant = constant_part(m.goal)
    program = Program(
        cost=cost[chosen],
        matrix=matrix,
        row_lower=sides[0],
        row_upper=sides[1],
        lower=lower[chosen],
        upper=upper[chosen],
        integrality=integrality[chosen],
        sense=m.sense,
        offset=0.0 if constant is None else float(values.of(constant)),
        column_names=column_names(m),
        row_names=row_names(m, blocks),
        name=name,
    )
    return Compiled(program, column_of, starts, blocks)


def column_names(m: Declaration) -> BlockNames:
    """Return the names of the columns."""
    every = m.variables.values()
    kept = [None if v.mask is None else np.flatnonzero(v.mask) for v in every]
    return BlockNames([v.name for v in every], [v.shape for v in every], kept)


def row_names(m: Declaration, blocks: dict[str, Block]) -> BlockNames:
    """Return the names of the rows."""
    shapes = [[axis.size for axis in family.axes] for family in m.families.values()]
    return BlockNames(list(m.families), shapes, [block.kept for block in blocks.values()])


def _columns(m: Declaration, values: Values) -> tuple[Any, Any, Any]:
    lower, upper = np.empty(m.entries), np.empty(m.entries)
    integrality = np.zeros(m.entries, bool)
    for variable in m.variables.values():
        here = slice(variable.start, variable.start + variable.size)
        for side, out in ((variable.lower, lower), (variable.upper, upper)):
            out[here].reshape(variable.shape)[...] = values.over(side, variable.axes)
            if variable.mask is not None:
                out[here][~variable.mask.ravel()] = 0.0
        integrality[here] = variable.integral
    return lower, upper, integrality


def _check_bounds(m: Declaration, lower: NDArray[np.float64], upper: NDArray[np.float64]) -> None:
    for side, bounds in (("lower", lower), ("upper", upper)):
        if np.isnan(bounds).any():
            place = int(np.isnan(bounds).argmax())
            raise InvalidProblemError(f"the {side} bound of {column_names_of(m, place)} is nan; bounds are numbers")


def column_names_of(m: Declaration, entry: int) -> str:
    """Return the name of a variable's entry."""
    variable = next(v for v in m.variables.values() if v.start <= entry < v.start + v.size)
    names = BlockNames([variable.name], [variable.shape], [None])
    return names.name(0, entry - variable.start)


def _block(m: Declaration, family: Family | Loop, values: Values, lower: Any, upper: Any) -> Block:
    if isinstance(family, Loop):
        matrix = family.matrix(values, m.entries).tocoo()
        bound = np.asarray(family.bound(values), dtype=np.float64)
        relation = np.asarray(family.relations)
        low = np.where(relation == "<=", -np.inf, bound)
        return Block(matrix.row, matrix.col, matrix.data, low, np.where(relation == ">=", np.inf, bound))
    terms = lowered(family.activity, values)
    rows, columns, data = entries_of(terms, family.axes, m.entries)
    # Constants within the activity, (x - 3).sum() say, move to the bound too.
    inner = constant_part(family.activity)
    low, high = _sides(family, values, inner)
    block = Block(rows, columns, data, low, high)
    if family.constraint.switch is not None:
        block = switched(m, family, block, values, lower, upper)
    return block if family.constraint.mask is None else _masked(block, family.constraint.mask)


def _sides(family: Family, values: Values, inner: Expression | None) -> tuple[Any, Any]:
    def full(expression: Expression | None) -> NDArray[np.float64]:
        moved = total([(1.0, expression), (-1.0, inner)])
        if moved is None:
            return np.zeros(family.rows)
        return np.array(values.full(moved, family.axes), dtype=np.float64).ravel()

    high = full(family.bound)
    if family.lower_bound is not None:
        return full(family.lower_bound), high
    free = np.full(family.rows, np.inf)
    return (high if family.relation != "<=" else -free), (high if family.relation != ">=" else free)


def entries_of(terms: list[Term], axes: Axes, entries: int) -> tuple[Any, Any, Any]:
    """Return rows, columns and coefficients of all terms."""
    spaces = [_space(term, axes) for term in terms]
    sizes = [int(np.prod([size for _, size in space], dtype=np.int64)) for space, _ in spaces]
    count = int(sum(sizes))
    rows_all = int(np.prod([axis.size for axis in axes], dtype=np.int64))
    # Decided before anything is multiplied: products of 32-bit numbers overflow without a word.
    width = np.int64 if max(count, rows_all, entries) >= 2**31 - 1 else np.int32
    rows, columns, data = np.empty(count, width), np.empty(count, width), np.empty(count)
    start = 0
    for term, (space, missing), size in zip(terms, spaces, sizes, strict=True):
        here, start = slice(start, start + size), start + size
        shape = [length for _, length in space]
        place = {one: i for i, (one, _) in enumerate(space)}
        parts = _row_parts(term, missing, axes)
        _add_up(rows[here].reshape(shape), 0, parts, place)
        _add_up(columns[here].reshape(shape), term.base, term.columns, place)
        _multiply_out(data[here].reshape(shape), term.scale, term.factors, place)
    return rows, columns, data


def _space(term: Term, axes: Axes) -> tuple[list[tuple[int, int]], dict[str, int]]:
    """Return the axes that are iterated over, those of rows first, and new ones for dimensions that a term lacks."""
    space: dict[int, int] = {}
    missing = {}
    for number, axis in enumerate(axes):
        if axis.name in term.rows:
            one = term.rows[axis.name][0]
            space[one] = term.sizes[one]
        else:
            one = -1 - number  # identities of terms count from 0
            missing[axis.name] = one
            space[one] = axis.size
    return list((space | term.sizes).items()), missing


def _row_parts(term: Term, missing: dict[str, int], axes: Axes) -> list[tuple[tuple[int, ...], Any]]:
    parts, stride = [], 1
    for axis in reversed(axes):
        one, positions = (missing[axis.name], None) if axis.name in missing else term.rows[axis.name]
        size = axis.size if axis.name in missing else term.sizes[one]
        places = np.arange(size, dtype=np.int64) if positions is None else positions
        parts.append(((one,), places * stride))
        stride *= axis.size
    return parts


def _shaped(axes: tuple[int, ...], array: Any, place: dict[int, int], ndim: int) -> Any:
    order = sorted(range(len(axes)), key=lambda i: place[axes[i]])
    if order != list(range(len(axes))):
        array, axes = array.transpose(order), tuple(axes[i] for i in order)
    shape = [1] * ndim
    for one, size in zip(axes, array.shape, strict=True):
        shape[place[one]] = size
    return array.reshape(shape)


def _add_up(out: Any, base: int, parts: Any, place: dict[int, int]) -> None:
    shaped = [_shaped(axes, array.astype(out.dtype, copy=False), place, out.ndim) for axes, array in parts]
    if not shaped:
        out[...] = base
        return
    if base:
        small = min(range(len(shaped)), key=lambda i: shaped[i].size)
        shaped[small] = shaped[small] + out.dtype.type(base)
    if len(shaped) == 1:
        out[...] = shaped[0]
        return
    np.add(shaped[0], shaped[1], out=out)
    for more in shaped[2:]:
        out += more


def _multiply_out(out: Any, scale: float, factors: Any, place: dict[int, int]) -> None:
    if not factors:
        out[...] = scale
        return
    out[...] = _shaped(*factors[0], place, out.ndim)
    for factor in factors[1:]:
        out *= _shaped(*factor, place, out.ndim)
    if scale != 1.0:
        out *= scale


def _masked(block: Block, mask: NDArray[np.bool_]) -> Block:
    kept = np.flatnonzero(mask)
    place = np.full(mask.size, -1, block.rows.dtype)
    place[kept] = np.arange(kept.size)
    rows = place[block.rows]
    there = rows >= 0
    largest = None if block.largest is None else block.largest[kept]
    return Block(
        rows[there], block.columns[there], block.data[there], block.lower[kept], block.upper[kept], kept, largest
    )


def _cost(m: Declaration, goal: Expression, values: Values) -> NDArray[np.float64]:
    _, columns, data = entries_of(lowered(goal, values), (), m.entries)
    return np.bincount(columns, weights=data, minlength=m.entries)


def _column_map(m: Declaration) -> tuple[NDArray[np.int64] | None, NDArray[np.int64] | None]:
    """Column of each entry and entry of each column; None where no mask drops any."""
    if all(variable.mask is None for variable in m.variables.values()):
        return None, None
    parts = [np.ones(v.size, bool) if v.mask is None else v.mask.ravel() for v in m.variables.values()]
    there = np.concatenate(parts)
    column_of = np.where(there, np.cumsum(there) - 1, -1)
    return column_of, np.flatnonzero(there)


def _stacked(blocks: list[tuple[str, Block]], entries: int, column_of: Any) -> tuple[dict[str, int], Any, Any]:
    starts, start = {}, 0
    for label, block in blocks:
        starts[label], start = start, start + block.count
    if not blocks:
        count = entries if column_of is None else int((column_of >= 0).sum())
        return starts, sparse.csc_array((0, count)), (np.empty(0), np.empty(0))
    wide = max(start, entries, sum(block.data.size for _, block in blocks)) >= 2**31 - 1
    width = np.int64 if wide else np.int32
    parts = [block for _, block in blocks]
    rows = np.concatenate([b.rows.astype(width, copy=False) + width(starts[label]) for label, b in blocks])
    columns = np.concatenate([b.columns.astype(width, copy=False) for b in parts])
    data = np.concatenate([b.data for b in parts])
    if column_of is not None:
        columns = column_of[columns].astype(width)
        there = columns >= 0
        rows, columns, data, entries = rows[there], columns[there], data[there], int((column_of >= 0).sum())
    matrix = sparse.coo_array((data, (rows, columns)), shape=(start, entries)).tocsc()
    return starts, matrix, (np.concatenate([b.lower for b in parts]), np.concatenate([b.upper for b in parts]))


def _check_extremes(m: Declaration, blocks: dict[str, Block], cost: NDArray[np.float64]) -> None:
    for variable in m.variables.values():
        if not variable.epigraph:
            continue
        here = slice(variable.start, variable.start + variable.size)
        parts: list[list[Any]] = [[], [], []]
        for label, block in blocks.items():
            if label.startswith(f"{variable.name}_") and m.families[label].epigraph:
                continue
            own = (block.columns >= here.start) & (block.columns < here.stop)
            for part, array in zip(parts, (block.data, block.lower, block.upper), strict=True):
                part.append(array[own] if array is block.data else array[block.rows[own]])
        found = [np.concatenate(part) if part else np.empty(0) for part in parts]
        check_curvature(variable.name, variable.epigraph, m.sense.sign * cost[here], *found)
