"""Programs in whole numbers: what CP-SAT reads, with the error that rounding the costs makes.

CP-SAT knows integers only, and every column needs finite bounds. Rows are therefore multiplied until their coefficients
are whole (exactly, or the program is refused), missing bounds are derived from the rows, and costs are rounded at a
fine scale; by how much the rounded objective can miss the true one is kept, because the bound must carry it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..core.errors import UnsupportedPairError
from ..core.tolerance import INTEGRALITY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..core.program import Program

_MULTIPLIERS = [1.0, *(2.0**k for k in range(1, 21)), *(10.0**d for d in range(1, 10))]
"""Multipliers under which a coefficient may become whole: it is then dyadic, or a decimal of up to nine digits."""

_LARGEST = 2.0**53
"""Whole numbers above this are not all floats, so neither bounds nor costs go beyond."""

_ACTIVITY = 2.0**62
"""Largest absolute activity of a row; int64 ends at twice this."""

_ROUNDS = 50
"""Passes over the rows in search of missing bounds."""


@dataclass(frozen=True)
class WholeProgram:
    """A minimisation over integers that stands for a program.

    Attributes
    ----------
    cost : (columns,) int64
        Costs times `scale`, rounded, to be minimised.
    scale : float
        Whole units of cost per unit of the program's objective.
    error : (columns,) float
        True cost (to be minimised) less ``cost / scale``.
    lower, upper : (columns,) int64
        Bounds of the columns.
    coefficients : (non-zeros,) int64
        Matrix entries in row-major order.
    indices, starts : (non-zeros,), (rows + 1,) int
        Columns of the entries, and where each row starts.
    row_lower, row_upper : (rows,) float
        Whole or infinite bounds of the rows.
    """

    cost: NDArray[np.int64]
    scale: float
    error: NDArray[np.float64]
    lower: NDArray[np.int64]
    upper: NDArray[np.int64]
    coefficients: NDArray[np.int64]
    indices: NDArray[np.int32]
    starts: NDArray[np.int32]
    row_lower: NDArray[np.float64]
    row_upper: NDArray[np.float64]

    def true_bound(self, bound: float) -> float:
        """Bound on the true cost, given a lower `bound` on the whole one: the rounding error at its most favourable."""
        return bound / self.scale + float(np.minimum(self.error * self.lower, self.error * self.upper).sum())


def whole(program: Program) -> WholeProgram:
    """Return `program` in whole numbers.

    Raises
    ------
    UnsupportedPairError
        If a row has coefficients that no moderate multiplier makes whole, a column has no finite bound, or the numbers
        exceed 64 bits.
    """
    lower, upper = _finite_bounds(program)
    matrix = program.matrix.tocsr()
    owner = np.repeat(np.arange(program.rows), np.diff(matrix.indptr))
    factor = _row_factors(program, matrix.data, owner)
    coefficients = np.round(matrix.data * factor[owner])
    span = np.maximum(np.abs(lower), np.abs(upper))
    activity = np.bincount(owner, np.abs(coefficients) * span[matrix.indices], program.rows)
    if (activity > _ACTIVITY).any():
        row = program.row_names[int(activity.argmax())]
        raise UnsupportedPairError(f"cp-sat counts in 64 bits, which row {row} exceeds; use 'highs'")
    scale = _cost_scale(program, span)
    cost = program.sense.sign * program.cost
    # A column fixed at zero costs nothing, however large its price: the scale takes no account of it.
    rounded = np.round(np.where(span > 0, cost, 0.0) * scale)
    return WholeProgram(
        rounded.astype(np.int64), scale, cost - rounded / scale, lower.astype(np.int64), upper.astype(np.int64),
        coefficients.astype(np.int64), matrix.indices, matrix.indptr,
        _inwards(program.row_lower * factor, up=True), _inwards(program.row_upper * factor, up=False),
    )  # fmt: skip


def _becomes_whole(values: NDArray[np.float64], multiplier: float) -> NDArray[np.bool_]:
    """Whether each value is the float next to a multiple of ``1 / multiplier``."""
    rounded = np.round(values * multiplier)
    return (rounded / multiplier == values) & (np.abs(rounded) <= _LARGEST)  # type: ignore[no-any-return]


def _row_factors(program: Program, values: NDArray[np.float64], owner: NDArray[np.int64]) -> NDArray[np.float64]:
    """Smallest multiplier of each row that makes its coefficients whole."""
    factor = np.zeros(program.rows)
    for multiplier in _MULTIPLIERS:
        broken = np.bincount(owner[~_becomes_whole(values, multiplier)], minlength=program.rows) > 0
        factor[(factor == 0) & ~broken] = multiplier
        if factor.all():
            return factor
    row = int((factor == 0).argmax())
    entry = values[owner == row]
    entry = entry[~_becomes_whole(entry, _MULTIPLIERS[-1])][0]
    raise UnsupportedPairError(
        f"cp-sat needs rows in whole numbers, and coefficient {float(entry)!r} of row {program.row_names[row]} is no "
        "decimal of up to nine digits nor a multiple of 2**-20; round it, or use 'highs'"
    )


def _cost_scale(program: Program, span: NDArray[np.float64]) -> float:
    """Scale that makes all costs whole where there is one, else the finest that 53 bits allow."""
    largest = float(np.abs(program.cost) @ span)
    if largest == 0.0:
        return 1.0
    for multiplier in _MULTIPLIERS:
        if largest * multiplier <= _LARGEST and _becomes_whole(program.cost, multiplier).all():
            return multiplier
    fine, finest = (float(np.ldexp(1.0, bits - int(np.frexp(largest)[1]))) for bits in (52, 60))
    # Beyond 53 bits only to be exact: wide numbers slow CP-SAT down.
    exact = (np.round(program.cost * finest) == program.cost * finest).all()
    return finest if exact and not (np.round(program.cost * fine) == program.cost * fine).all() else fine


def _inwards(bound: NDArray[np.float64], *, up: bool) -> NDArray[np.float64]:
    """Round row bounds to the next whole number inside, forgiving 1e-9 of their size."""
    slack = 1e-9 * np.maximum(1.0, np.where(np.isinf(bound), 1.0, np.abs(bound)))
    return np.ceil(bound - slack) if up else np.floor(bound + slack)


def _finite_bounds(program: Program) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Whole bounds of every column, derived from rows and costs where the program states none."""
    lower, upper = np.ceil(program.lower - INTEGRALITY), np.floor(program.upper + INTEGRALITY)
    lower[lower < -_LARGEST], upper[upper > _LARGEST] = -np.inf, np.inf
    for _ in range(_ROUNDS):
        missing = np.isinf(lower) | np.isinf(upper)
        if not missing.any():
            return lower, upper
        tighter = _tightened(program, lower, upper)
        if np.array_equal(tighter[0], lower) and np.array_equal(tighter[1], upper):
            break
        lower, upper = tighter
    missing = np.isinf(lower) | np.isinf(upper) | (np.maximum(np.abs(lower), np.abs(upper)) > _LARGEST)
    if not missing.any():
        return lower, upper
    name = program.column_names[int(missing.argmax())]
    raise UnsupportedPairError(
        f"cp-sat needs finite bounds, and neither the bounds nor the rows of column {name} give any; "
        "state its lower and upper bound, or use 'highs'"
    )


def _tightened(
    program: Program, lower: NDArray[np.float64], upper: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """One pass of bound propagation, then of what an optimal point never needs.

    From ``a x_j + rest <= U`` follows ``x_j <= (U - min rest) / a`` for a > 0. An endless column that costs nothing or
    more per unit never needs to exceed what its rows ``a x_j + rest >= L`` ask for at worst, ``(L - min rest) / a``.
    Both hold for all columns at once, since each allows for the worst rest within the bounds.
    """
    matrix = program.matrix.tocsr()
    used = matrix.data != 0
    owner = np.repeat(np.arange(program.rows), np.diff(matrix.indptr))[used]
    column, a = matrix.indices[used], matrix.data[used]
    rises = a > 0
    least = _rest(a * np.where(rises, lower[column], upper[column]), owner, program.rows, -np.inf)
    most = _rest(a * np.where(rises, upper[column], lower[column]), owner, program.rows, np.inf)
    floor, ceiling = program.row_lower[owner], program.row_upper[owner]
    with np.errstate(invalid="ignore"):  # inf - inf, on sides that the row does not have
        forced = (floor - most) / a, (ceiling - least) / a
        enough = (floor - least) / a, (ceiling - most) / a
    new_lower, new_upper = lower.copy(), upper.copy()
    np.maximum.at(new_lower, column, _inwards(np.where(rises, *forced), up=True))
    np.minimum.at(new_upper, column, _inwards(np.where(rises, *forced[::-1]), up=False))
    sides = np.isfinite(floor), np.isfinite(ceiling)
    high, low = np.full(program.columns, -np.inf), np.full(program.columns, np.inf)
    asks = np.where(rises, *sides)
    np.maximum.at(high, column[asks], _inwards(np.where(rises, *enough)[asks], up=True))
    asks = np.where(rises, *sides[::-1])
    np.minimum.at(low, column[asks], _inwards(np.where(rises, *enough[::-1])[asks], up=False))
    cost = program.sense.sign * program.cost
    high = np.maximum(high, new_lower)
    high[np.isneginf(high)] = 0.0  # nothing asks for more, nothing bounds it below: 0 does as well as any
    new_upper = np.where(np.isinf(new_upper) & (cost >= 0), high, new_upper)
    low = np.minimum(low, new_upper)
    low[np.isposinf(low)] = 0.0
    return np.where(np.isinf(new_lower) & (cost <= 0), low, new_lower), new_upper


def _rest(terms: NDArray[np.float64], owner: NDArray[np.int64], rows: int, infinite: float) -> NDArray[np.float64]:
    """Sum of a row's other terms, for each term; `infinite` where one of them is."""
    endless = np.isinf(terms)
    own = np.where(endless, 0.0, terms)
    others = np.bincount(owner, endless, rows)[owner] - endless
    return np.where(others > 0, infinite, np.bincount(owner, own, rows)[owner] - own)
