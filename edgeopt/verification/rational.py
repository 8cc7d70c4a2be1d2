"""An LP's optimum in exact arithmetic: the vertex of a basis, and whether it is feasible and optimal without tolerance.

Every float64 is a dyadic rational, so a program's data are exact. A factorisation in float64 gives some forty bits of
the solution of a basic system; the residual of these bits, exact in integers, gives the next forty, and so on until
continued fractions find the rational numbers behind them (Wan 2006; Gleixner, Steffy and Wolter 2016). What they find
is substituted back in integers, so a wrong guess can never pass.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from ..model.basis import BasisStatus
from ..model.errors import NoSolutionError
from ..model.scaling import matrix_scaling

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from ..model.program import Program


@dataclass(frozen=True, slots=True)
class ExactVertex:
    """The vertex of a basis, in rational numbers; both violations are 0 if and only if the basis is proved optimal.

    Attributes
    ----------
    objective : Fraction
        Objective at the vertex.
    primal_violation : Fraction
        Largest violation of a row or column bound.
    dual_violation : Fraction
        Largest reduced cost or dual of the wrong sign.
    point : tuple of Fraction
        The vertex itself.
    """

    objective: Fraction
    primal_violation: Fraction
    dual_violation: Fraction
    point: tuple[Fraction, ...] = ()


@dataclass(frozen=True, slots=True)
class _Numbers:
    """Rational numbers over one denominator."""

    numerators: list[int]
    denominator: int

    def fraction(self, index: int) -> Fraction:
        return Fraction(self.numerators[index], self.denominator)


def exact_vertex(
    cost: NDArray[np.float64],
    offset: float,
    matrix: Any,
    row_lower: NDArray[np.float64],
    row_upper: NDArray[np.float64],
    lower: NDArray[np.float64],
    upper: NDArray[np.float64],
    column_status: NDArray[np.int8],
    row_status: NDArray[np.int8],
    *,
    limit: int = 2000,
) -> ExactVertex:
    """Return the exact vertex of a basis of: minimise ``cost @ x + offset`` within bounds of rows and columns.

    Parameters
    ----------
    column_status, row_status : (columns,), (rows,) int8
        Codes of :class:`BasisStatus`; as many basic ones as there are rows.
    limit : int
        Largest basic system that is solved.

    Raises
    ------
    NoSolutionError
        If the basis has the wrong size, is singular or too ill-conditioned for float64, or exceeds `limit`.
    """
    is_basic = column_status == BasisStatus.BASIC
    basic, tight = np.flatnonzero(is_basic).tolist(), np.flatnonzero(row_status != BasisStatus.BASIC).tolist()
    if len(basic) != len(tight):
        raise NoSolutionError(f"the basis has {len(basic)} basic columns for {len(tight)} tight rows; expected as many")
    if len(basic) > limit:
        raise NoSolutionError(f"the basic system has {len(basic)} rows; an exact check takes at most {limit}")
    point = [resting_value(lower, upper, column_status, j) for j in range(cost.size)]
    rows = sparse.csr_array(matrix)
    square = rows[tight][:, basic]
    wanted = [
        resting_value(row_lower, row_upper, row_status, i) - exact_dot(rows, i, point, skip=is_basic) for i in tight
    ]
    solved = solved_exactly(square, wanted)
    for place, j in enumerate(basic):
        point[j] = solved.fraction(place)
    prices = solved_exactly(sparse.csr_array(square.T), [Fraction(c) for c in cost[basic].tolist()])
    dual = dict(zip(tight, (prices.fraction(place) for place in range(len(tight))), strict=True))
    activity = [exact_dot(rows, i, point) for i in range(rows.shape[0])]
    return ExactVertex(
        sum((Fraction(c) * x for c, x in zip(cost.tolist(), point, strict=True) if c), Fraction(offset)),
        max(exact_excess(point, lower, upper), exact_excess(activity, row_lower, row_upper)),
        exact_dual_violation(
            cost, sparse.csc_array(matrix), dual, (row_lower, row_upper), (lower, upper), point, activity
        ),
        tuple(point),
    )


EXACT_ROWS = 400
"""Largest basic system that is solved exactly while an answer is judged: a second or two in the worst case."""


def program_vertex(
    program: Program, column_basis: NDArray[np.int8], row_basis: NDArray[np.int8], *, limit: int = 2000
) -> ExactVertex:
    """Return the exact vertex of a basis of `program` (minimised), whose numbers are factorised as they are.

    Raises
    ------
    NoSolutionError
        As :func:`exact_vertex` does.
    """
    sign = program.sense.sign
    return exact_vertex(
        sign * program.cost,
        sign * program.offset,
        program.matrix,
        program.row_lower,
        program.row_upper,
        program.lower,
        program.upper,
        column_basis,
        row_basis,
        limit=limit,
    )


def vertex_of(
    program: Program, column_basis: NDArray[np.int8], row_basis: NDArray[np.int8], limit: int
) -> ExactVertex | None:
    """Return the exact vertex of a basis of `program` (minimised), or None where there is none or it is out of reach.

    The program is scaled by powers of two first: this changes no number, and lets float64 factorise the basis.
    """
    if column_basis.shape != (program.columns,) or row_basis.shape != (program.rows,):
        return None
    try:
        return program_vertex(matrix_scaling(program).apply(program), column_basis, row_basis, limit=limit)
    except NoSolutionError:
        return None


def basis_bound(
    program: Program, column_basis: NDArray[np.int8], row_basis: NDArray[np.int8], limit: int
) -> float | None:
    """Return the bound (of the minimisation) that the exact duals of a basis prove, rounded down; None if they do not.

    The duals alone are solved for, which takes half the time of the vertex.
    """
    if column_basis.shape != (program.columns,) or row_basis.shape != (program.rows,):
        return None
    scaled, sign = matrix_scaling(program).apply(program), program.sense.sign
    basic, tight = np.flatnonzero(column_basis == BasisStatus.BASIC), np.flatnonzero(row_basis != BasisStatus.BASIC)
    if basic.size != tight.size or basic.size > limit:
        return None
    cost = (sign * scaled.cost).tolist()
    square = sparse.csr_array(scaled.rowwise[tight.tolist()][:, basic.tolist()].T)
    try:
        prices = solved_exactly(square, [Fraction(cost[j]) for j in basic.tolist()])
    except NoSolutionError:
        return None
    numerators = dict(zip(tight.tolist(), prices.numerators, strict=True))
    total = Fraction(sign * scaled.offset)
    for weight, low, high in _weights(scaled, cost, numerators, prices.denominator):
        side = low if weight > 0 else high
        if not math.isfinite(side):
            return None
        total += weight * Fraction(side)
    return rounded_down(total)


def _weights(
    program: Program, cost: list[float], numerators: dict[int, int], denominator: int
) -> Iterator[tuple[Fraction, float, float]]:
    """Yield the prices of rows and the reduced costs of columns that are not 0, each with its bounds."""
    for i, numerator in numerators.items():
        if numerator:
            yield Fraction(numerator, denominator), float(program.row_lower[i]), float(program.row_upper[i])
    matrix = program.matrix
    for j, own in enumerate(cost):
        entries = slice(matrix.indptr[j], matrix.indptr[j + 1])
        pairs = zip(matrix.indices[entries].tolist(), matrix.data[entries].tolist(), strict=True)
        terms = [(numerators[i], Fraction(a)) for i, a in pairs if numerators.get(i)]
        # Over one power of two everything is whole, and nothing has to be reduced on the way.
        shift = max([Fraction(own).denominator, *(a.denominator for _, a in terms)])
        reduced = int(Fraction(own) * shift) * denominator - sum(int(a * shift) * y for y, a in terms)
        if reduced:
            yield Fraction(reduced, denominator * shift), float(program.lower[j]), float(program.upper[j])


def vertex_point(
    program: Program, column_basis: NDArray[np.int8], row_basis: NDArray[np.int8], limit: int
) -> NDArray[np.float64] | None:
    """Return (columns,) the vertex of a basis, each value the float64 next to the exact one, or None."""
    found = vertex_of(program, column_basis, row_basis, limit)
    if found is None:
        return None
    values = np.array([float(value) for value in found.point])
    return np.clip(matrix_scaling(program).point(values), program.lower, program.upper)


def rounded_down(value: Fraction) -> float:
    """Return the largest float64 that is not above `value`."""
    try:
        nearest = float(value)
    except OverflowError:
        return math.nextafter(math.inf, 0.0) if value > 0 else -math.inf
    return nearest if Fraction(nearest) <= value else math.nextafter(nearest, -math.inf)


def resting_value(lower: NDArray[np.float64], upper: NDArray[np.float64], status: NDArray[np.int8], i: int) -> Fraction:
    """Value of a nonbasic column or row; 0 for a basic one, which the system sets later."""
    low, high = float(lower[i]), float(upper[i])
    if status[i] == BasisStatus.LOWER and math.isfinite(low):
        return Fraction(low)
    if status[i] == BasisStatus.UPPER and math.isfinite(high):
        return Fraction(high)
    if status[i] in (BasisStatus.BASIC, BasisStatus.ZERO):
        return Fraction(0)
    finite = [bound for bound in (low, high) if math.isfinite(bound)]
    return Fraction(min(finite, key=abs)) if finite else Fraction(0)


def exact_dot(rows: Any, i: int, point: Sequence[Fraction], skip: NDArray[np.bool_] | None = None) -> Fraction:
    """Return the activity of row `i` of a CSR matrix at a point, without the columns to `skip`."""
    start, stop = rows.indptr[i], rows.indptr[i + 1]
    total = Fraction(0)
    for j, value in zip(rows.indices[start:stop].tolist(), rows.data[start:stop].tolist(), strict=True):
        if (skip is None or not skip[j]) and point[j]:
            total += Fraction(value) * point[j]
    return total


def exact_excess(values: Sequence[Fraction], lower: NDArray[np.float64], upper: NDArray[np.float64]) -> Fraction:
    """Return by how much the value that is farthest outside leaves its bounds; 0 where none does."""
    worst = Fraction(0)
    for value, low, high in zip(values, lower.tolist(), upper.tolist(), strict=True):
        if math.isfinite(low):
            worst = max(worst, Fraction(low) - value)
        if math.isfinite(high):
            worst = max(worst, value - Fraction(high))
    return worst


def exact_dual_violation(
    cost: NDArray[np.float64],
    columns: Any,
    dual: dict[int, Fraction],
    row_bounds: tuple[NDArray[np.float64], NDArray[np.float64]],
    bounds: tuple[NDArray[np.float64], NDArray[np.float64]],
    point: Sequence[Fraction],
    activity: Sequence[Fraction],
) -> Fraction:
    """Largest price that complementary slackness forbids: positive off the lower bound, negative off the upper."""
    worst = Fraction(0)
    for i, price in dual.items():
        worst = max(worst, _forbidden(price, activity[i], float(row_bounds[0][i]), float(row_bounds[1][i])))
    for j, price in enumerate(map(Fraction, cost.tolist())):
        start, stop = columns.indptr[j], columns.indptr[j + 1]
        for i, value in zip(columns.indices[start:stop].tolist(), columns.data[start:stop].tolist(), strict=True):
            if dual.get(i):
                price -= Fraction(value) * dual[i]
        worst = max(worst, _forbidden(price, point[j], float(bounds[0][j]), float(bounds[1][j])))
    return worst


def _forbidden(price: Fraction, value: Fraction, low: float, high: float) -> Fraction:
    if price > 0 and not (math.isfinite(low) and value <= Fraction(low)):
        return price
    if price < 0 and not (math.isfinite(high) and value >= Fraction(high)):
        return -price
    return Fraction(0)


@dataclass(frozen=True, slots=True)
class _Whole:
    """A square system whose rows were multiplied by powers of two until every number was whole."""

    entries: list[tuple[int, int, int]]
    right: list[int]
    shift: list[int]

    def most_bits(self) -> int:
        """Bits at which a regular system must have been solved, from Hadamard's bound on its determinants."""
        squares = [value * value for value in self.right]
        for i, _, value in self.entries:
            squares[i] += value * value
        return 256 + 4 * sum(value.bit_length() // 2 + 1 for value in squares)

    def less(self, right: Sequence[int], digits: Sequence[int]) -> list[int]:
        """``right - matrix @ digits``."""
        residual = list(right)
        for i, j, value in self.entries:
            residual[i] -= value * digits[j]
        return residual


def _whole(square: Any, wanted: Sequence[Fraction]) -> _Whole:
    coordinates = sparse.coo_array(square)
    exact = [Fraction(value) for value in coordinates.data.tolist()]
    shift = [value.denominator.bit_length() - 1 for value in wanted]
    where = list(zip(coordinates.coords[0].tolist(), coordinates.coords[1].tolist(), exact, strict=True))
    for i, _, value in where:
        shift[i] = max(shift[i], value.denominator.bit_length() - 1)
    entries = [(i, j, int(value * 2 ** shift[i])) for i, j, value in where]
    return _Whole(entries, [int(value * 2**s) for value, s in zip(wanted, shift, strict=True)], shift)


def solved_exactly(square: Any, wanted: Sequence[Fraction]) -> _Numbers:
    """Solve ``square @ x = wanted`` exactly; the right-hand side is dyadic."""
    if 0 < len(wanted) <= _FEW:
        return _eliminated(square.toarray().tolist(), list(wanted))
    system = _whole(square, wanted)
    try:
        factor = splu(sparse.csc_array(square)) if wanted else None
    except RuntimeError as error:
        raise NoSolutionError("the basis is singular") from error
    digits, residual, bits, tried = [0] * len(wanted), system.right, 0, 64
    most = system.most_bits()
    while any(residual):
        step, gained = _correction(residual, system.shift, factor)
        if (any(digits) and gained < _LEAST_GAIN) or bits > most:
            raise NoSolutionError("the basis is singular, or too ill-conditioned for a check that starts from float64")
        digits = [(digit << gained) + more for digit, more in zip(digits, step, strict=True)]
        residual = system.less([value << gained for value in residual], step)
        bits += gained
        if bits >= tried:
            if (found := _recognised(digits, bits, system)) is not None:
                return found
            tried = bits + bits // 4
    return _Numbers(digits, 1 << bits)


_FEW = 16
"""Rows up to which elimination in rational arithmetic is as fast as a float64 factorisation, refined."""


def _eliminated(square: list[list[float]], wanted: list[Fraction]) -> _Numbers:
    """Solve a small system by elimination in rational arithmetic."""
    rows = [[Fraction(value) for value in row] + [right] for row, right in zip(square, wanted, strict=True)]
    size = len(rows)
    for k in range(size):
        pivot = next((i for i in range(k, size) if rows[i][k]), None)
        if pivot is None:
            raise NoSolutionError("the basis is singular")
        rows[k], rows[pivot] = rows[pivot], rows[k]
        top = [value / rows[k][k] for value in rows[k]]
        rows[k] = top
        for i in range(size):
            if i != k and (factor := rows[i][k]):
                rows[i] = [a - factor * b if b else a for a, b in zip(rows[i], top, strict=True)]
    solved = [row[-1] for row in rows]
    denominator = math.lcm(*(value.denominator for value in solved))
    return _Numbers([int(value * denominator) for value in solved], denominator)


_LEAST_GAIN = 4


def _correction(residual: Sequence[int], shift: Sequence[int], factor: Any) -> tuple[list[int], int]:
    """Next digits, and how many bits further they reach."""
    size = max(abs(value).bit_length() - s for value, s in zip(residual, shift, strict=True))
    leading = [_shifted(value, 60 - s - size) for value, s in zip(residual, shift, strict=True)]
    solved = factor.solve(np.ldexp(np.array(leading, dtype=np.float64), -60))
    largest = float(np.abs(solved).max())
    if not math.isfinite(largest) or largest == 0.0:
        raise NoSolutionError("the basis is singular")
    reach = max(50 - math.frexp(largest)[1], size)
    try:
        return [round(math.ldexp(value, reach)) for value in solved.tolist()], reach - size
    except OverflowError as error:
        raise NoSolutionError("the basis is too badly scaled for an exact check that starts from float64") from error


def _shifted(value: int, bits: int) -> int:
    return value << bits if bits >= 0 else value >> -bits


def _recognised(digits: Sequence[int], bits: int, system: _Whole) -> _Numbers | None:
    """Rational numbers near ``digits / 2**bits`` that solve the system, or None while the bits are too few."""
    one, common = 1 << bits, 1
    for digit in digits:
        if abs((digit * common + (one >> 1)) % one - (one >> 1)) >> (bits - bits // 4):
            common *= Fraction(digit * common % one, one).limit_denominator(1 << bits // 3).denominator
            if common.bit_length() > bits // 2:  # noise has no small denominator: these bits are too few
                return None
    numerators = [(digit * common + (one >> 1)) >> bits for digit in digits]
    solved = not any(system.less([value * common for value in system.right], numerators))
    return _Numbers(numerators, common) if solved else None
