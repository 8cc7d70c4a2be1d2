"""Linear programs with few rows and many bounded columns, by a compiled dual simplex; a batch is one array operation.

The network-revenue program is of this kind: a row for each server and link, a column with bounds for each service. The
instances of a batch share the matrix, so each starts from the optimal basis of their mean: with the same cost that
basis is dual feasible whatever the right-hand sides, and few iterations are left.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from os import cpu_count
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from ..core.outcome import Options, Outcome, Status
from ..core.registry import solver
from ..formulations.revenue import AdmissionDecision, ResourcePrices, RevenueMaximization

if TYPE_CHECKING:
    from numpy.typing import NDArray

    _Given = tuple[NDArray[np.float64], ...]

MOST_ROWS = 2000
"""Rows beyond which the dense inverse of the compact basis no longer pays; HiGHS keeps a sparse one."""


@dataclass(frozen=True, eq=False)
class Constraints:
    """The matrix of a program by columns and by rows, as the compiled loops read it.

    Attributes
    ----------
    columnwise, rowwise : tuple of (ptr, indices, data)
        CSC and CSR arrays, int32 and float64.
    shape : (rows, columns)
        Its shape.
    """

    columnwise: tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float64]]
    rowwise: tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float64]]
    shape: tuple[int, int]

    @classmethod
    def of(cls, matrix: Any) -> Constraints:
        """Return the constraints of a sparse or dense (rows, columns) `matrix`."""
        by_column, by_row = sparse.csc_array(matrix), sparse.csr_array(matrix)
        return cls(_parts(by_column), _parts(by_row), (int(by_column.shape[0]), int(by_column.shape[1])))


def _parts(matrix: Any) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float64]]:
    return matrix.indptr.astype(np.int32), matrix.indices.astype(np.int32), matrix.data.astype(np.float64)


@dataclass(frozen=True, eq=False)
class Bases:
    """Where every column and row of each instance stands: 0 at its lower bound, 1 basic, 2 at its upper, 3 free at 0.

    Attributes
    ----------
    columns : (batch, columns) int8
    rows : (batch, rows) int8
    """

    columns: NDArray[np.int8]
    rows: NDArray[np.int8]


@dataclass(frozen=True, eq=False)
class Vertices:
    """What the dual simplex found.

    Attributes
    ----------
    point : (batch, columns) float
        Primal solutions.
    dual : (batch, rows) float
        Row duals, of the sign of ``cost - matrix.T @ dual >= 0`` at a lower bound; a Farkas ray where infeasible.
    bases : Bases
        Optimal bases.
    ended : (batch,) int8
        0 optimal, 1 infeasible, 2 no dual feasible start, 3 unfinished.
    iterations : (batch,) int
        Simplex iterations.
    """

    point: NDArray[np.float64]
    dual: NDArray[np.float64]
    bases: Bases
    ended: NDArray[np.int8]
    iterations: NDArray[np.int64]


OPTIMAL, INFEASIBLE, NO_START, UNFINISHED = 0, 1, 2, 3

_AT_A_TIME = 500
"""Iterations between two looks at the clock."""


def dual_simplex(
    constraints: Constraints,
    cost: NDArray[np.float64],
    lower: NDArray[np.float64],
    upper: NDArray[np.float64],
    row_lower: NDArray[np.float64],
    row_upper: NDArray[np.float64],
    start: Bases | None = None,
    threads: int | None = None,
    seconds: float = np.inf,
) -> Vertices:
    """Minimise ``cost @ x`` in each instance.

    Parameters
    ----------
    cost, lower, upper, row_lower, row_upper : (batch, size) float
        One row for each instance, or a single row that all share.
    start : Bases, optional
        Where to start, one for each instance or one for all; by default from the optimum of the mean instance.
    threads : int, optional
        Most threads to use; all cores by default.
    seconds : float
        Time limit; instances that it cuts short are unfinished.
    """
    given = tuple(np.ascontiguousarray(part, np.float64) for part in (cost, lower, upper, row_lower, row_upper))
    batch = max(part.shape[0] for part in given)
    deadline = time.monotonic() + seconds
    if start is None:
        start = _slack_basis(constraints)
        if batch > 1:
            mean = tuple(_mean(part) for part in given)
            start = _to_the_end(constraints, mean, start, 1, 1, deadline).bases
    return _to_the_end(constraints, given, start, batch, threads, deadline)


def _to_the_end(
    constraints: Constraints, given: _Given, start: Bases, batch: int, threads: int | None, deadline: float
) -> Vertices:
    """Go on from basis to basis until every instance has ended, the time is up, or nothing helps."""
    found = _run(constraints, given, start, batch, threads)
    most = 20 * sum(constraints.shape) + 1000
    while (found.ended == UNFINISHED).any() and found.iterations.max() < most and time.monotonic() < deadline:
        further = _run(constraints, given, found.bases, batch, threads)
        further.iterations[:] += found.iterations
        found = further
    return found


def _mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(1, size) mean of the instances; the first where a bound is infinite in some."""
    with np.errstate(invalid="ignore"):
        mean = values.mean(axis=0, keepdims=True)
    return np.where(np.isnan(mean), values[:1], mean)


def _slack_basis(constraints: Constraints) -> Bases:
    rows, columns = constraints.shape
    return Bases(np.zeros((1, columns), np.int8), np.ones((1, rows), np.int8))


_WORTH_A_THREAD = 2000
"""Entries of points to compute before another thread pays."""


def _run(constraints: Constraints, given: _Given, start: Bases, batch: int, threads: int | None) -> Vertices:
    from .compiled.dual_simplex import solve_range

    rows, columns = constraints.shape
    point, dual = np.empty((batch, columns)), np.zeros((batch, rows))
    bases = Bases(np.empty((batch, columns), np.int8), np.empty((batch, rows), np.int8))
    ended, iterations = np.empty(batch, np.int8), np.empty(batch, np.int64)
    data = (
        *constraints.columnwise, *constraints.rowwise, *given, np.ascontiguousarray(start.columns),
        np.ascontiguousarray(start.rows), point, dual, bases.columns, bases.rows, ended, iterations, _AT_A_TIME,
    )  # fmt: skip
    in_chunks(lambda first, last: solve_range(first, last, *data), batch, point.size, threads)
    return Vertices(point, dual, bases, ended, iterations)


def in_chunks(work: Any, batch: int, size: int, threads: int | None) -> None:
    """Call ``work(first, last)`` for slices of the batch, on several threads where `size` numbers make it worth it."""
    workers = min(threads or cpu_count() or 1, batch, max(1, size // _WORTH_A_THREAD))
    if workers == 1:
        work(0, batch)
        return
    # Small slices: instances differ in their iterations, and a thread that is early takes the next.
    bounds = np.linspace(0, batch, min(batch, 8 * workers) + 1).astype(int)
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(work, bounds[:-1], bounds[1:]))


def _declines(problem: RevenueMaximization) -> str | None:
    size = min(problem.resources, problem.services)
    return f"keeps a dense inverse of up to {MOST_ROWS} rows, not {size}" if size > MOST_ROWS else None


@solver(
    "simplex", solves=RevenueMaximization, exact=True, rank=10, batched=True, declines=_declines,
    honours=("time_limit", "relative_gap", "threads"), requires=("numba",),
)  # fmt: skip
def simplex(problem: RevenueMaximization, options: Options) -> Outcome:
    """Solve by the bounded dual simplex, all instances of a batch as one array operation."""
    profit = np.atleast_2d(problem.unit_profit)
    exponent = int(np.frexp(np.abs(profit).max())[1])  # costs near 1, without rounding
    found = dual_simplex(
        Constraints.of(problem.density),
        -np.ldexp(profit, -exponent),
        np.zeros((1, problem.services)),
        np.atleast_2d(problem.traffic),
        np.full((1, problem.resources), -np.inf),
        np.atleast_2d(problem.capacity),
        threads=options.threads,
        seconds=options.remaining(),
    )
    if (found.ended != OPTIMAL).any():
        return _unfinished(found, options)
    one = problem.batch is None
    point, price = (part[0] if one else part for part in (found.point, np.ldexp(-found.dual, exponent)))
    return Outcome.optimal(
        AdmissionDecision(point), ResourcePrices(price), statistics={"iterations": int(found.iterations.sum())}
    )


def _unfinished(found: Vertices, options: Options) -> Outcome:
    where = np.flatnonzero(found.ended != OPTIMAL)
    if options.remaining() <= 0:
        return Outcome(Status.NO_SOLUTION, message=f"the time limit came before {where.size} instances were solved")
    return Outcome.failed(f"the simplex method gave up on instance {where[0]} after {found.iterations[where[0]]} steps")
