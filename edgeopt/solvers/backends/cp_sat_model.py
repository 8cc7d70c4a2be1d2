"""Programs in whole numbers: what CP-SAT reads, with the error that rounding the costs makes.

CP-SAT knows integers only, and every column needs finite bounds. Rows are therefore multiplied until their coefficients
are whole (exactly, or the program is refused), missing bounds are derived from the rows, and costs are rounded at a
fine scale; by how much the rounded objective can miss the true one is kept, because the bound must carry it. The sides
of a row that was multiplied by a power of two are exact; a row of decimals or other fractions (of a mean, say), which
float64 holds with an error, gives way by that error, so that no point of the program is lost.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from ...model.errors import UnsupportedPairError
from ...model.tolerance import UNIT
from ...verification.propagation import outwards, propagated, rest_of_row

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...model.program import Program

_MULTIPLIERS = [1.0, *(2.0**k for k in range(1, 21)), *(10.0**d for d in range(1, 10))]
"""Multipliers under which a coefficient may become whole: it is then dyadic, or a decimal of up to nine digits."""

_DENOMINATOR = 1 << 20
"""Largest common denominator of a row of other fractions."""

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
        rounded.astype(np.int64),
        scale,
        cost - rounded / scale,
        lower.astype(np.int64),
        upper.astype(np.int64),
        coefficients.astype(np.int64),
        matrix.indices,
        matrix.indptr,
        *_sides(program, factor, activity.astype(np.float64)),
    )


def _sides(
    program: Program, factor: NDArray[np.float64], activity: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Whole sides of the rows: exact, but for rows of decimals, which give way by the error of their numbers."""
    decimal = np.frexp(factor)[0] != 0.5
    lower, upper = program.row_lower * factor, program.row_upper * factor
    error = [np.where(decimal, 4 * UNIT * (activity + np.abs(side)), 0.0) for side in (lower, upper)]
    with np.errstate(invalid="ignore"):
        low, high = np.ceil(lower - error[0]), np.floor(upper + error[1])
    return np.where(np.isinf(lower), lower, low), np.where(np.isinf(upper), upper, high)


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
    order = np.argsort(owner, kind="stable")
    starts = np.searchsorted(owner[order], np.arange(program.rows + 1))
    for row in np.flatnonzero(factor == 0):
        entries = np.unique(values[order[starts[row] : starts[row + 1]]])
        factor[row] = _common_denominator(entries, program.row_names[int(row)])
    return factor


def _common_denominator(entries: NDArray[np.float64], row: str) -> float:
    """Return the smallest number that makes whole each of a row's entries, floats next to fractions.

    Raises
    ------
    UnsupportedPairError
        If there is none of moderate size.
    """
    common = 1
    for entry in entries.tolist():
        near = Fraction(entry).limit_denominator(_DENOMINATOR)
        common = math.lcm(common, near.denominator)
        if float(near) != entry or common > _DENOMINATOR or abs(entry) * common > _LARGEST:
            raise UnsupportedPairError(
                f"cp-sat needs rows in whole numbers, and coefficient {entry!r} of row {row} is no decimal of up to "
                f"nine digits, nor have the row's coefficients a common denominator of at most {_DENOMINATOR}; round "
                "it, or use 'highs'"
            )
    return float(common)


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


def _finite_bounds(program: Program) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Whole bounds of every column, derived from rows and costs where the program states none."""
    lower, upper = propagated(program, rounds=_ROUNDS)
    for _ in range(_ROUNDS):
        far = (lower < -_LARGEST) | (upper > _LARGEST)
        if not far.any():
            return lower, upper
        tighter = _needed(
            program, np.where(lower < -_LARGEST, -np.inf, lower), np.where(upper > _LARGEST, np.inf, upper)
        )
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


def _needed(
    program: Program, lower: NDArray[np.float64], upper: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Bounds beyond which an optimal point never needs to go.

    An infinite column that costs nothing or more per unit never needs to exceed what its rows ``a x_j + rest >= L`` ask
    for at worst, ``(L - min rest) / a``. This holds for all columns at once, since each allows for the worst rest.
    """
    matrix = program.matrix
    used = matrix.data != 0
    owner = matrix.indices[used].astype(np.int64)
    column, a = np.repeat(np.arange(program.columns), np.diff(matrix.indptr))[used], matrix.data[used]
    rises = a > 0
    floor, ceiling = program.row_lower[owner], program.row_upper[owner]
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):  # inf - inf, on sides that a row does not have
        least, error_least = rest_of_row(a * np.where(rises, lower[column], upper[column]), owner, -np.inf)
        most, error_most = rest_of_row(a * np.where(rises, upper[column], lower[column]), owner, np.inf)
        at_floor = outwards(floor - least, error_least + UNIT * (np.abs(floor) + np.abs(least)), a, np.inf)
        at_ceiling = outwards(ceiling - most, error_most + UNIT * (np.abs(ceiling) + np.abs(most)), a, -np.inf)
    high, low = np.full(program.columns, -np.inf), np.full(program.columns, np.inf)
    for asks, target, value in (
        (rises & np.isfinite(floor), np.maximum, at_floor),
        (~rises & np.isfinite(ceiling), np.maximum, at_ceiling),
        (rises & np.isfinite(ceiling), np.minimum, at_ceiling),
        (~rises & np.isfinite(floor), np.minimum, at_floor),
    ):
        side = high if target is np.maximum else low
        target.at(side, column[asks], (np.ceil if target is np.maximum else np.floor)(value[asks]))
    cost = program.sense.sign * program.cost
    high = np.maximum(high, lower)
    high[np.isneginf(high)] = 0.0  # nothing asks for more, nothing bounds it below: 0 does as well as any
    new_upper = np.where(np.isinf(upper) & (cost >= 0), high, upper)
    low = np.minimum(low, new_upper)
    low[np.isposinf(low)] = 0.0
    return np.where(np.isinf(lower) & (cost <= 0), low, lower), new_upper
