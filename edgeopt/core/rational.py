"""Exact proof of an LP optimum: solve the basis again in rational arithmetic.

Every float is a whole number times a power of two, so a linear program given in floats is an exact rational program.
An optimal basis names the bounds that hold with equality; what remains is two square linear systems, ``B x = b`` for the
vertex and ``B' y = c`` for its duals. Solved exactly, they prove the optimum or say by how much the basis misses it.

Logical variables (basic rows) drop out, which leaves the tight rows by the basic columns. Dixon (1982, Numer. Math. 40,
137-141) solves such a system without fractions: invert it modulo one prime p, read off the solution's digits in base p
one by one, and when there are enough of them recover numerators and denominator by Euclid's algorithm. A result
counts only after the integer system ``B numerators = denominator * b`` holds exactly, so luck cannot pass for proof.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from .errors import InvalidProblemError

Floats: TypeAlias = NDArray[np.float64]
Indices: TypeAlias = NDArray[np.intp]
Words: TypeAlias = NDArray[np.int64]
Integers: TypeAlias = NDArray[np.object_]  # Python integers of any size
Bounds: TypeAlias = tuple[Floats, Floats]

# Just below 2^31, so that the product of two residues fits an int64. A regular basis can be singular modulo a prime that
# divides its determinant; that two more primes do so as well is as good as impossible for a regular one.
PRIMES = (2147483647, 2147483629, 2147483587)
HALF_WORD = 16  # digit (30 bits) x half word x 65,536 summands stays below 2^62
FIRST_ATTEMPT = 8  # digits before the first reconstruction
SPARE_BITS = 32  # a random residue reconstructs to a fraction this much too long


class BasisStatus(IntEnum):
    """Where a column or a row rests at a vertex; the numbers are those of ``highspy.HighsBasisStatus``."""

    LOWER = 0
    BASIC = 1
    UPPER = 2
    ZERO = 3
    NONBASIC = 4


@dataclass(frozen=True, slots=True)
class ExactVertex:
    """What exact arithmetic says about a basis.

    Attributes
    ----------
    objective : Fraction
        Cost of the vertex, offset included.
    primal_violation : Fraction
        Largest distance of a column or row from its bounds; 0 if the vertex is feasible.
    dual_violation : Fraction
        Largest reduced cost of the wrong sign (rows included); 0 if no neighbour is better.
    """

    objective: Fraction
    primal_violation: Fraction
    dual_violation: Fraction

    @property
    def is_optimal(self) -> bool:
        """Whether the basis is proved optimal: feasible, and every reduced cost has the right sign."""
        return self.primal_violation == 0 and self.dual_violation == 0


def exact_vertex(
    cost: ArrayLike,
    offset: float,
    matrix: sparse.csc_matrix | sparse.csr_matrix | sparse.sparray,
    row_lower: ArrayLike,
    row_upper: ArrayLike,
    lower: ArrayLike,
    upper: ArrayLike,
    column_status: ArrayLike,
    row_status: ArrayLike,
    *,
    limit: int = 2000,
) -> ExactVertex:
    """Judge a basis of ``min cost'x + offset, row_lower <= A x <= row_upper, lower <= x <= upper`` exactly.

    Parameters
    ----------
    cost : (columns,) float
        Cost of each column; finite.
    offset : float
        Constant of the objective; finite.
    matrix : (rows, columns) sparse
        Coefficients ``A``; finite.
    row_lower, row_upper : (rows,) float
        Row bounds, infinite where there is none.
    lower, upper : (columns,) float
        Column bounds, infinite where there is none.
    column_status, row_status : (columns,), (rows,) int
        The basis, in the codes of `BasisStatus`. As many columns and rows together are basic as there are rows.
    limit : int
        Largest system (tight rows by basic columns) to solve; the work grows with its cube.

    Returns
    -------
    ExactVertex
        Exact objective and violations; both violations zero prove the basis optimal.

    Raises
    ------
    InvalidProblemError
        If data are not finite or sizes disagree, the basis is no basis (wrong number of basic variables, unknown code,
        resting on a bound that is infinite, singular), or the system is above `limit`. It is a `ValueError`.

    Examples
    --------
    Minimise ``-x`` subject to ``3 x <= 1``: the row rests on its upper bound, the column is basic.

    >>> import numpy as np
    >>> vertex = exact_vertex([-1.0], 0.0, sparse.csr_array([[3.0]]), [-np.inf], [1.0], [0.0], [np.inf], [1], [2])
    >>> vertex.objective, vertex.is_optimal
    (Fraction(-1, 3), True)
    """
    columns = (_floats("lower", lower), _floats("upper", upper))
    rows = (_floats("row_lower", row_lower), _floats("row_upper", row_upper))
    costs = _finite("cost", np.append(_floats("cost", cost), offset))[:-1]
    _check_sizes(matrix.shape, costs, columns, rows)
    column_rest = _resting("column", column_status, columns)
    row_rest = _resting("row", row_status, rows)
    basic = np.flatnonzero(np.isnan(column_rest))
    tight = np.flatnonzero(~np.isnan(row_rest))
    _check_basis(len(basic), len(tight), limit)

    # One power of two makes integers of each kind of data; a row's activity carries the scales of matrix and column.
    system = _IntegerMatrix.of(matrix)
    column_scale = max(_scale(*columns), _scale(*rows) - system.scale)
    row_scale = column_scale + system.scale
    cost_scale = _scale(costs)
    scaled_cost = _integers(costs, cost_scale)
    basis = _Basis(system.block(tight, basic))

    x = _integers(column_rest, column_scale)
    solution, denominator = basis.solve(_integers(row_rest, row_scale)[tight] - system.times(x)[tight])
    x = x * denominator
    x[basic] = solution
    primal = max(
        Fraction(_outside(x, columns, column_scale, denominator), denominator << column_scale),
        Fraction(_outside(system.times(x), rows, row_scale, denominator), denominator << row_scale),
    )

    y = _integers(np.zeros_like(row_rest), 0)
    y[tight], divisor = basis.solve_transposed(scaled_cost[basic])
    reduced_cost = scaled_cost * divisor - system.transposed().times(y)
    dual = max(
        Fraction(_wrong_sign(reduced_cost, column_rest, columns), divisor << cost_scale),
        Fraction(_wrong_sign(y << system.scale, row_rest, rows), divisor << cost_scale),
    )
    objective = Fraction(int(scaled_cost @ x), denominator << (cost_scale + column_scale)) + Fraction(float(offset))
    return ExactVertex(objective, primal, dual)


def _floats(name: str, values: ArrayLike) -> Floats:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or np.isnan(array).any():
        raise InvalidProblemError(f"{name} must be a vector without nan, got {array!r}")
    return array


def _finite(name: str, values: Floats) -> Floats:
    if not np.isfinite(values).all():
        where = int(np.flatnonzero(~np.isfinite(values))[0])
        raise InvalidProblemError(f"{name}[{where}] is {values[where]}; exact arithmetic needs finite numbers")
    return values


def _check_sizes(shape: tuple[int, ...], cost: Floats, columns: Bounds, rows: Bounds) -> None:
    sizes = {"row_lower": len(rows[0]), "row_upper": len(rows[1])}, {
        "cost": len(cost),
        "lower": len(columns[0]),
        "upper": len(columns[1]),
    }
    for expected, named in zip(shape, sizes, strict=True):
        for name, size in named.items():
            if size != expected:
                raise InvalidProblemError(f"{name} has {size} entries; the matrix of shape {shape} asks for {expected}")


def _check_basis(basic: int, tight: int, limit: int) -> None:
    """With as many basic variables as rows, the basic columns are as many as the rows that are not basic."""
    if basic != tight:
        raise InvalidProblemError(
            f"the basis leaves {tight} rows tight but has {basic} basic columns; basic columns and basic rows together "
            "must be as many as there are rows"
        )
    if tight > limit:
        raise InvalidProblemError(
            f"the basis needs a system of {tight} rows solved exactly, above limit={limit}; raise the limit if the time "
            "and 8 * rows^2 bytes of memory are acceptable, or verify in floating point"
        )


def _resting(kind: str, codes: ArrayLike, bounds: Bounds) -> Floats:
    """Value at which each nonbasic column or row rests; nan where it is basic."""
    status = np.asarray(codes)
    lower, upper = bounds
    if status.shape != lower.shape or not np.isin(status, list(BasisStatus)).all():
        expected = ", ".join(f"{member.value} {member.name}" for member in BasisStatus)
        raise InvalidProblemError(f"{kind}_status must hold {len(lower)} of the codes {expected}; got {status!r}")
    nearer = np.where(np.abs(lower) <= np.abs(upper), lower, upper)
    nearer = np.where(np.isfinite(nearer), nearer, 0.0)
    rest: Floats = np.choose(status, [lower, np.full_like(lower, np.nan), upper, np.zeros_like(lower), nearer])
    for index in np.flatnonzero(np.isinf(rest)):
        name = BasisStatus(status[index]).name
        raise InvalidProblemError(f"{kind}_status[{index}] is {name}, but that bound is {rest[index]}; it must be finite")
    return rest


def _odd_parts(values: Floats) -> tuple[Words, Words]:
    """Write each finite value as ``whole * 2**exponent`` with an odd (or zero) whole number; others count as zero."""
    fraction, exponent = np.frexp(np.where(np.isfinite(values), values, 0.0))
    whole = np.ldexp(fraction, 53).astype(np.int64)
    trailing = np.frexp((whole & -whole).astype(np.float64))[1] - 1
    zero = whole == 0
    return whole >> np.where(zero, 0, trailing), np.where(zero, 0, exponent + trailing - 53).astype(np.int64)


def _scale(*values: Floats) -> int:
    """Smallest ``s >= 0`` for which all finite values times ``2**s`` are integers."""
    return max(0, *(-int(_odd_parts(array)[1].min(initial=0)) for array in values))


def _integers(values: Floats, scale: int) -> Integers:
    """Return the values times ``2**scale``, exactly."""
    whole, exponent = _odd_parts(values)
    shifted: Integers = whole.astype(object) << np.where(whole == 0, 0, exponent + scale).astype(object)
    return shifted


def _outside(values: Integers, bounds: Bounds, scale: int, denominator: int) -> int:
    """Largest excess of the values, which are ``denominator * 2**scale`` too large, over their finite bounds."""
    lower, upper = bounds
    below = (_integers(lower, scale) * denominator - values)[np.isfinite(lower)]
    above = (values - _integers(upper, scale) * denominator)[np.isfinite(upper)]
    empty = np.where(lower == np.inf, 1, 0).any() or np.where(upper == -np.inf, 1, 0).any()
    if empty:
        raise InvalidProblemError("a lower bound is inf or an upper bound is -inf; no vertex can satisfy it")
    return int(max(0, below.max(initial=0), above.max(initial=0)))


def _wrong_sign(reduced_cost: Integers, rest: Floats, bounds: Bounds) -> int:
    """Largest reduced cost that invites a step: negative below the upper bound, or positive above the lower bound.

    A basic variable has reduced cost zero by construction, so its (nan) place fails both comparisons harmlessly.
    """
    lower, upper = bounds
    rising, falling = -reduced_cost[rest < upper], reduced_cost[rest > lower]
    return int(max(0, rising.max(initial=0), falling.max(initial=0)))


@dataclass(frozen=True, slots=True)
class _IntegerMatrix:
    """A sparse matrix of integers of any size, ``2**scale`` times the rational one, as coordinates."""

    shape: tuple[int, int]
    rows: Indices
    columns: Indices
    values: Integers
    scale: int

    @staticmethod
    def of(matrix: Any) -> _IntegerMatrix:
        entries = matrix.tocoo()
        data = _finite("matrix.data", np.asarray(entries.data, dtype=np.float64))
        scale = _scale(data)
        return _IntegerMatrix(matrix.shape, entries.row, entries.col, _integers(data, scale), scale)

    def transposed(self) -> _IntegerMatrix:
        return _IntegerMatrix(self.shape[::-1], self.columns, self.rows, self.values, self.scale)

    def block(self, rows: Indices, columns: Indices) -> _IntegerMatrix:
        """Entries in the given rows and columns, renumbered."""
        row_place, column_place = (np.full(size, -1, dtype=np.intp) for size in self.shape)
        row_place[rows], column_place[columns] = np.arange(len(rows)), np.arange(len(columns))
        row, column = row_place[self.rows], column_place[self.columns]
        inside = (row >= 0) & (column >= 0)
        return _IntegerMatrix((len(rows), len(columns)), row[inside], column[inside], self.values[inside], self.scale)

    def times(self, vector: Integers) -> Integers:
        product = np.zeros(self.shape[0], dtype=object)
        np.add.at(product, self.rows, self.values * vector[self.columns])
        return product

    def modulo(self, prime: int) -> Words:
        """Dense residues in ``[0, prime)``."""
        dense = np.zeros(self.shape, dtype=np.int64)
        np.add.at(dense, (self.rows, self.columns), (self.values % prime).astype(np.int64))
        return dense % prime

    def half_words(self) -> Any:
        """Stack the base-``2**16`` digits of the entries, lowest first, as one tall sparse int64 matrix."""
        size, sign = np.abs(self.values), np.where(self.values < 0, -1, 1)
        levels = range(max(1, -(-max(map(int.bit_length, size)) // HALF_WORD)))
        mask = (1 << HALF_WORD) - 1
        digits = [sign * ((size >> (HALF_WORD * level)) & mask).astype(np.int64) for level in levels]
        layers = [sparse.csr_array((digit, (self.rows, self.columns)), shape=self.shape) for digit in digits]
        return sparse.vstack(layers, format="csr")


class _Basis:
    """A regular square integer matrix with its inverse modulo a prime, ready to solve exactly."""

    def __init__(self, matrix: _IntegerMatrix) -> None:
        self.matrix = matrix
        for self.prime in PRIMES:
            inverse = _modular_inverse(matrix.modulo(self.prime), self.prime)
            if inverse is not None:
                self.inverse = sparse.csr_array(_balanced(inverse, self.prime))
                return
        raise InvalidProblemError(
            f"the basis matrix ({matrix.shape[0]} tight rows by as many basic columns) is singular modulo each of "
            f"{len(PRIMES)} primes; its columns depend on each other, so it is no basis"
        )

    def solve(self, right: Integers) -> tuple[Integers, int]:
        """Return integers ``(x, d)``, ``d > 0``, with ``B x = d * right``."""
        return _lift(self.matrix, self.inverse, self.prime, right)

    def solve_transposed(self, right: Integers) -> tuple[Integers, int]:
        """Return integers ``(y, d)``, ``d > 0``, with ``B' y = d * right``, for the rational B (unscaled)."""
        y, divisor = _lift(self.matrix.transposed(), self.inverse.T.tocsr(), self.prime, right)
        return y, divisor


def _modular_inverse(residues: Words, prime: int) -> Words | None:
    """Invert modulo a prime by Gauss-Jordan elimination in place; None if singular.

    Each pivot is the sparsest entry of the sparsest open column (Markowitz): triangular parts cost nothing, and only
    the rows and columns that a pivot touches are updated.
    """
    size = len(residues)
    table = residues.copy()
    open_row, open_column = np.ones(size, dtype=bool), np.ones(size, dtype=bool)
    count = np.count_nonzero(table, axis=0)
    pivots = np.empty((size, 2), dtype=np.intp)
    for step in range(size):
        column = int(np.argmin(np.where(open_column, count, size + 1)))
        touched = np.flatnonzero(table[:, column])
        choice = touched[open_row[touched]]
        if not len(choice):
            return None
        row = int(choice[np.argmin(np.count_nonzero(table[np.ix_(choice, np.flatnonzero(open_column))], axis=1))])
        pivots[step] = row, column
        open_row[row] = open_column[column] = False
        count -= table[row] != 0
        _pivot(table, row, column, touched[touched != row], prime, count, open_row)
    inverse = np.empty_like(table)
    inverse[np.ix_(pivots[:, 1], pivots[:, 0])] = table[np.ix_(pivots[:, 0], pivots[:, 1])]
    return inverse


def _pivot(table: Words, row: int, column: int, others: Indices, prime: int, count: Words, open_row: Any) -> None:
    """Exchange one row with one column of the table, and keep the nonzero count of each column's open rows."""
    reciprocal = pow(int(table[row, column]), -1, prime)
    table[row, column] = 1
    table[row] = table[row] * reciprocal % prime
    factor = table[others, column]
    table[others, column] = 0
    support = np.flatnonzero(table[row])
    block = np.ix_(others, support)
    before = table[block]
    table[block] = after = (before - factor[:, None] * table[row, support]) % prime
    still = open_row[others]
    count[support] += np.count_nonzero(after[still], axis=0) - np.count_nonzero(before[still], axis=0)


def _balanced(residues: Any, modulus: int) -> Any:
    """Residues of smallest absolute value."""
    return residues - np.where(residues > modulus // 2, modulus, 0)


def _lift(matrix: _IntegerMatrix, inverse: Any, prime: int, right: Integers) -> tuple[Integers, int]:
    """Solve ``matrix x = right`` by Dixon's lifting; return numerators and their common positive denominator.

    It ends: by Cramer's rule numerators and denominator are determinants, bounded by Hadamard, and the modulus grows.
    """
    if not right.any():
        return right, 1
    half_words = matrix.half_words()
    levels = half_words.shape[0] // matrix.shape[0]
    generator = np.random.default_rng(0)
    residual, digits, attempt = right, [], FIRST_ATTEMPT
    while True:
        digit = _modular_product(inverse, (residual % prime).astype(np.int64), prime)
        digits.append(digit)
        product = np.zeros(matrix.shape[0], dtype=object)
        for layer in (half_words @ digit).reshape(levels, -1)[::-1].astype(object):
            product = (product << HALF_WORD) + layer
        residual = (residual - product) // prime  # exact: the digit makes the difference divisible
        if len(digits) >= attempt:
            found = _reconstruct(np.array(digits), prime, generator)
            if found is not None and np.array_equal(matrix.times(found[0]), right * found[1]):
                return found
            attempt = attempt * 7 // 5


def _modular_product(inverse: Any, residues: Words, prime: int) -> Words:
    """Multiply modulo the prime, in half words so that no sum leaves int64; balanced residues."""
    low = inverse @ (residues & ((1 << HALF_WORD) - 1)) % prime
    high = inverse @ (residues >> HALF_WORD) % prime
    product: Words = _balanced((low + (high << HALF_WORD)) % prime, prime)
    return product


def _reconstruct(digits: Words, prime: int, generator: np.random.Generator) -> tuple[Integers, int] | None:
    """Numerators and common denominator of the vector with these p-adic digits; None if there are too few.

    The denominator comes from random combinations of all entries, so that one or two of Euclid's runs suffice.
    """
    modulus = prime ** len(digits)
    root = math.isqrt(modulus)
    values = _horner(digits, prime)
    denominator = 1
    while denominator <= root >> SPARE_BITS:
        numerators = _balanced(values * denominator % modulus, modulus)
        if np.abs(numerators).max() <= root >> SPARE_BITS:
            return numerators, denominator
        weights = generator.integers(1, 1 << (HALF_WORD - 1), len(values)).astype(object)
        denominator *= _denominator(int(weights @ numerators) % modulus, modulus, root)
    return None


def _horner(digits: Words, base: int) -> Integers:
    """Sum of ``digits[i] * base**i`` along the first axis, halves first so that the long products are few."""
    values = digits.astype(object)
    while len(values) > 1:
        if len(values) % 2:
            values = np.concatenate([values, np.zeros_like(values[:1])])
        values, base = values[::2] + values[1::2] * base, base * base
    total: Integers = values[0]
    return total


def _denominator(residue: int, modulus: int, bound: int) -> int:
    """Denominator of the fraction, numerator at most `bound`, that the residue stands for (Wang 1981)."""
    remainder, following = modulus, residue
    cofactor, next_cofactor = 0, 1
    while following > bound:
        quotient = remainder // following
        remainder, following = following, remainder - quotient * following
        cofactor, next_cofactor = next_cofactor, cofactor - quotient * next_cofactor
    return abs(next_cofactor)
