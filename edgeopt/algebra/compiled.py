"""From a declaration to a sparse program: rows are counted first, then each entry is written where it belongs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from ..model.block_names import BlockNames
from ..model.errors import InvalidProblemError
from ..model.program import Program
from ..model.squares import Squares
from .big_m import switched
from .constants import constant_part, total
from .entries import Coordinates, Entries, added_in_place, allocated, counted, entries_of, write
from .families import Family, Loop
from .quadratic import Square, check_weights, rows_of, separated
from .reformulations import check_curvature
from .terms import lowered
from .values import Values

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .declaration import Declaration
    from .expression import Expression


@dataclass(eq=False)
class Block:
    """Rows of one family in the program.

    Attributes
    ----------
    start, count : int
        First row, and number of rows.
    kept : (rows,) int, optional
        Which of the family's rows a mask leaves.
    largest : (rows,) float, optional
        What an indicator adds to a row that is switched off.
    """

    start: int
    count: int
    kept: NDArray[np.int64] | None = None
    largest: NDArray[np.float64] | None = None

    @property
    def here(self) -> slice:
        """Its rows."""
        return slice(self.start, self.start + self.count)


@dataclass(eq=False)
class Compiled:
    """A program and how its columns and rows stand to the declaration.

    Attributes
    ----------
    program : Program
        What solvers read.
    column_of : (entries,) int or None
        Column of each variable's entry, -1 where a mask drops it; None where entry and column are the same.
    blocks : dict
        Rows of each family.
    """

    program: Program
    column_of: NDArray[np.int64] | None
    blocks: dict[str, Block] = field(default_factory=dict)


def compiled(m: Declaration, values: Values, name: str) -> Compiled:
    """Return the program of a declaration at the values of its fields.

    Raises
    ------
    InvalidProblemError
        If there is no objective or variable, a coefficient is not finite, a bound that an indicator needs is missing,
        or a maximum would not be one.
    """
    if m.goal is None:
        raise InvalidProblemError(f"{name}.declare gives no objective; call m.minimize(...) or m.maximize(...)")
    if not m.variables:
        raise InvalidProblemError(f"{name}.declare makes no variable; call m.binary, m.integer or m.continuous")
    lower, upper, integrality = _columns(m, values)
    _check_bounds(m, lower, upper)
    column_of, kept = _column_map(m)
    blocks, coordinates, sides = _rows(m, values, lower, upper)
    goal, parts = separated(m.goal, m.entries)
    cost = _cost(goal, values, m.entries + sum(part.inner.size for part in parts))
    weight, cost = cost[m.entries :], cost[: m.entries]
    matrix = _matrix(coordinates, sides[0].size, column_of, m.entries)
    _check_extremes(m, blocks, cost, matrix, column_of, sides)
    squares = None if not parts else _squares(m, parts, weight, values, column_of)
    if kept is not None:
        cost, lower, upper, integrality = cost[kept], lower[kept], upper[kept], integrality[kept]
    # Settled: nobody else has these arrays, so the program need not copy them.
    if parts:
        cost = cost.copy()  # what is behind it is let go
    for array in (cost, lower, upper, *sides, matrix.data, matrix.indices, matrix.indptr):
        array.flags.writeable = False
    constant = constant_part(goal)
    program = Program(
        cost=cost,
        matrix=matrix,
        row_lower=sides[0],
        row_upper=sides[1],
        lower=lower,
        upper=upper,
        integrality=integrality,
        sense=m.sense,
        offset=0.0 if constant is None else float(values.of(constant)),
        column_names=column_names(m),
        row_names=row_names(m, blocks),
        name=name,
        squares=squares,
    )
    return Compiled(program, column_of, blocks)


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


def _rows(
    m: Declaration, values: Values, lower: NDArray[Any], upper: NDArray[Any]
) -> tuple[dict[str, Block], Coordinates, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Return the families' rows, their entries over all variables' entries, and their sides."""
    blocks, start = {}, 0
    for label, family in m.families.items():
        mask = None if isinstance(family, Loop) else family.constraint.mask
        kept = None if mask is None else np.flatnonzero(mask)
        blocks[label] = Block(start, family.rows if kept is None else kept.size, kept)
        start += blocks[label].count
    sides = np.empty(start), np.empty(start)
    parts: dict[str, Entries | Coordinates] = {}
    for label, family in m.families.items():
        own = sides[0][blocks[label].here], sides[1][blocks[label].here]
        if isinstance(family, Loop):
            parts[label] = _loop(family, values, own)
        else:
            parts[label] = _family(m, family, values, (lower, upper), own, blocks[label])
    return blocks, _joined(parts, blocks, start, m.entries), sides


def _loop(family: Loop, values: Values, sides: tuple[Any, Any]) -> Coordinates:
    bound, relation = family.bound(values), np.asarray(family.relations)
    sides[0][...] = np.where(relation == "<=", -np.inf, bound)
    sides[1][...] = np.where(relation == ">=", np.inf, bound)
    return family.coefficients(values)


def _family(
    m: Declaration, family: Family, values: Values, bounds: tuple[Any, Any], sides: tuple[Any, Any], block: Block
) -> Entries | Coordinates:
    terms = lowered(family.activity, values)
    # Constants within the activity, (x - 3).sum() say, move to the bound too.
    inner = family.inner
    if family.constraint.switch is None and block.kept is None:
        _write_sides(family, values, inner, sides)
        return counted(terms, family.axes)
    whole = np.empty(family.rows), np.empty(family.rows)
    _write_sides(family, values, inner, whole)
    entries = entries_of(terms, family.axes, m.entries)
    if family.constraint.switch is not None:
        entries, whole, block.largest = switched(m, family, entries, whole, values, *bounds)
    if block.kept is not None:
        entries = _masked(entries, block.kept, family.rows)
        whole = whole[0][block.kept], whole[1][block.kept]
        block.largest = None if block.largest is None else block.largest[block.kept]
    sides[0][...], sides[1][...] = whole
    return entries


def _write_sides(family: Family, values: Values, inner: Expression | None, sides: tuple[Any, Any]) -> None:
    low, high = sides

    def put(expression: Expression | None, out: Any) -> None:
        moved = expression if inner is None else total([(1.0, expression), (-1.0, inner)])
        shape = [axis.size for axis in family.axes]
        out.reshape(shape)[...] = 0.0 if moved is None else values.over(moved, family.axes)

    if family.relation == ">=":
        put(family.bound, low)
        high[...] = np.inf
        return
    put(family.bound, high)
    if family.lower_bound is not None:
        put(family.lower_bound, low)
    elif family.relation == "==":
        low[...] = high
    else:
        low[...] = -np.inf


def _masked(entries: Coordinates, kept: NDArray[np.int64], count: int) -> Coordinates:
    place = np.full(count, -1, entries[0].dtype)
    place[kept] = np.arange(kept.size)
    rows = place[entries[0]]
    there = rows >= 0
    return rows[there], entries[1][there], entries[2][there]


def _joined(parts: dict[str, Entries | Coordinates], blocks: dict[str, Block], rows: int, entries: int) -> Coordinates:
    """Write the entries of all families one after the other."""
    sizes = [part.count if isinstance(part, Entries) else part[2].size for part in parts.values()]
    out, start = allocated(sum(sizes), rows, entries), 0
    for (label, part), size in zip(parts.items(), sizes, strict=True):
        own = tuple(array[start : start + size] for array in out)
        if isinstance(part, Entries):
            write(part, own, blocks[label].start)
        else:
            np.add(part[0], blocks[label].start, out=own[0], casting="same_kind")
            own[1][...], own[2][...] = part[1], part[2]
        start += size
    return out


def _cost(goal: Expression, values: Values, entries: int) -> NDArray[np.float64]:
    cost = np.zeros(entries)
    left = [term for term in lowered(goal, values) if not added_in_place(term, cost)]
    if left:
        _, columns, data = entries_of(left, (), entries)
        cost += np.bincount(columns, weights=data, minlength=entries)
    return cost


def _squares(
    m: Declaration, parts: list[Square], weight: NDArray[np.float64], values: Values, column_of: Any
) -> Squares:
    """Return the squares of the objective; those of factor 0 are left out."""
    check_weights(m, parts, weight, values)
    coordinates, offset = rows_of(parts, values, m.entries)
    matrix = _matrix(coordinates, offset.size, column_of, m.entries)
    _check_no_extreme(m, matrix, column_of)
    used = np.flatnonzero(weight)
    return Squares(sparse.csc_array(matrix.tocsr()[used]), offset[used], m.sense.sign * weight[used])


def _check_no_extreme(m: Declaration, matrix: sparse.csc_array, column_of: Any) -> None:
    """Raise where a variable that stands for an extreme is squared: below 0 it would gain by lying further out."""
    used = np.diff(matrix.indptr) > 0
    for variable in m.variables.values():
        columns = np.arange(variable.start, variable.start + variable.size)
        if variable.epigraph and used[columns if column_of is None else column_of[columns]].any():
            raise InvalidProblemError(
                f"{variable.name} stands for a maximum, minimum or absolute value and is squared in the objective; "
                "square the expressions themselves: the square of an absolute value is (...) ** 2"
            )


def _column_map(m: Declaration) -> tuple[NDArray[np.int64] | None, NDArray[np.int64] | None]:
    """Column of each entry and entry of each column; None where no mask drops any."""
    if all(variable.mask is None for variable in m.variables.values()):
        return None, None
    parts = [np.ones(v.size, bool) if v.mask is None else v.mask.ravel() for v in m.variables.values()]
    there = np.concatenate(parts)
    column_of = np.where(there, np.cumsum(there) - 1, -1)
    return column_of, np.flatnonzero(there)


def _matrix(coordinates: Coordinates, rows: int, column_of: Any, entries: int) -> sparse.csc_array:
    row, column, data = coordinates
    if column_of is not None:
        column = column_of.astype(column.dtype)[column]
        there = column >= 0
        row, column, data, entries = row[there], column[there], data[there], int(column_of.max(initial=-1)) + 1
    matrix = sparse.coo_array((data, (row, column)), shape=(rows, entries)).tocsc()
    # Summing duplicates leaves views. Where there were none, the arrays behind them serve, which need not be copied.
    for part in ("data", "indices"):
        view = getattr(matrix, part)
        if view.base is not None and view.base.shape == view.shape:
            setattr(matrix, part, view.base)
    return matrix


def _check_extremes(
    m: Declaration, blocks: dict[str, Block], cost: Any, matrix: sparse.csc_array, column_of: Any, sides: Any
) -> None:
    """Raise unless every variable that stands for a maximum or minimum is one at the optimum."""
    for variable in m.variables.values():
        if not variable.epigraph:
            continue
        here = slice(variable.start, variable.start + variable.size)
        columns = np.arange(here.start, here.stop) if column_of is None else column_of[here]
        part = matrix[:, columns].tocoo()
        other = np.ones(part.row.size, bool)
        for label, block in blocks.items():
            if m.families[label].epigraph_of == variable.name:
                other &= (part.row < block.start) | (part.row >= block.start + block.count)
        rows = part.row[other]
        check_curvature(
            variable.name,
            variable.epigraph,
            m.sense.sign * cost[here],
            part.data[other],
            sides[0][rows],
            sides[1][rows],
        )
