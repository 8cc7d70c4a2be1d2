"""Linear programs with few rows and many bounded columns, by a compiled dual simplex; a batch is one array operation.

The network-revenue program is of this kind: a row for each server and link, a column with bounds for each service. The
instances of a batch share the matrix, so each starts from the optimal basis of their mean: with the same cost that
basis is dual feasible whatever the right-hand sides, and few iterations are left.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from os import cpu_count
from typing import TYPE_CHECKING

import numpy as np

from ..formulations.revenue import AdmissionDecision, ResourcePrices, RevenueMaximization
from ..model.forked import in_child
from ..model.outcome import Options, Outcome, Status
from ..model.solver import solver
from ..model.tolerance import ROUNDOFF
from .compiled.lp_batch import OPTIMAL, UNFINISHED, Bases, Constraints, Instances, Vertices
from .compiled.lp_scaling import batch_scaling, scaled, unscaled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    _Given = tuple[NDArray[np.float64], ...]

MOST_ROWS = 2000
"""Rows or columns, whichever are fewer, beyond which the dense inverse of the compact basis is refused."""

FASTEST_ROWS = 200
"""Rows or columns, whichever are fewer, up to which it beats HiGHS, which keeps a sparse inverse.

Measured by ``benchmarks/crossover.py``: at 100 it takes a third of HiGHS's time, at 200 half of it to all of it, at 300
1.2 to 2.4 times as long, at 800 5 to 10 times as long.
"""

FASTEST_SERVICES = 10_000
"""Services of a single instance up to which it beats sifting (`priced`).

With 10^4 services and 5 rows both take as long, with 70 rows it takes 7 times as long, and with 10^5 services and 70
rows a hundred times.
"""


_AT_A_TIME = 500
"""Iterations between two looks at the clock."""


def dual_simplex(
    instances: Instances, start: Bases | None = None, threads: int | None = None, seconds: float = np.inf
) -> Vertices:
    """Solve every instance, in numbers that the tolerances of the compiled loop can tell apart.

    Parameters
    ----------
    instances : Instances
        What to minimise.
    start : Bases, optional
        Where to start, one for each instance or one for all; by default from the optimum of the mean instance.
    threads : int, optional
        Most threads to use; all cores by default.
    seconds : float
        Time limit; instances that it cuts short are unfinished.
    """
    scaling = batch_scaling(instances)
    return unscaled(_dual_simplex(scaled(instances, scaling), start, threads, seconds), scaling)


def _dual_simplex(instances: Instances, start: Bases | None, threads: int | None, seconds: float) -> Vertices:
    constraints, batch = instances.constraints, instances.batch
    given = tuple(np.ascontiguousarray(part, np.float64) for part in instances.parts)
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
    begun = np.ascontiguousarray(start.columns), np.ascontiguousarray(start.rows)
    found = point, dual, bases.columns, bases.rows, ended, iterations
    data = constraints.columnwise, constraints.rowwise, given, begun, found, _AT_A_TIME
    in_chunks(lambda first, last: solve_range(first, last, *data), batch, point.size, threads)
    return Vertices(point, dual, bases, ended, iterations)


def in_chunks(
    work: Callable[[int, int], None], batch: int, size: int, threads: int | None, slices_each: int = 8
) -> None:
    """Call ``work(first, last)`` for slices of the batch, on several threads where `size` numbers make it worth it.

    Each thread takes about `slices_each` slices: more balance the work better, fewer begin anew less often.
    """
    slices = max(1, min(batch, size // _WORTH_A_THREAD))
    workers = 1 if slices == 1 else min(threads or _cores(), slices)
    if workers == 1:
        work(0, batch)
        return
    # Small slices, but not too small: instances differ in their work, and a thread that is early takes the next.
    parts = min(slices, slices_each * workers)
    bounds = [batch * part // parts for part in range(parts + 1)]
    list(_pool(workers).map(work, bounds[:-1], bounds[1:]))


@lru_cache(maxsize=1)
def _cores() -> int:
    return cpu_count() or 1


@lru_cache(maxsize=4)
def _pool(workers: int) -> ThreadPoolExecutor:
    """Return threads that wait for the next batch: starting them takes longer than many a batch."""
    return ThreadPoolExecutor(workers)


in_child(_pool.cache_clear)  # a forked process has none of these threads


def _declines(problem: RevenueMaximization) -> str | None:
    size = min(problem.resources, problem.services)
    return f"keeps a dense inverse of up to {MOST_ROWS} rows, not {size}" if size > MOST_ROWS else None


def _defers(problem: RevenueMaximization) -> bool:
    single = problem.batch is None
    return min(problem.resources, problem.services) > FASTEST_ROWS or (single and problem.services > FASTEST_SERVICES)


@solver(
    "simplex",
    solves=RevenueMaximization,
    exact=True,
    rank=10,
    batched=True,
    declines=_declines,
    defers=_defers,
    options=("time_limit", "relative_gap", "threads"),
)
def simplex(problem: RevenueMaximization, options: Options) -> Outcome:
    """Solve by the bounded dual simplex, all instances of a batch as one array operation."""
    profit = np.atleast_2d(problem.unit_profit)
    instances = Instances(
        Constraints.of(problem.density),
        cost=-profit,
        lower=np.zeros((1, problem.services)),
        upper=np.atleast_2d(problem.traffic),
        row_lower=np.full((1, problem.resources), -np.inf),
        row_upper=np.atleast_2d(problem.capacity),
    )
    found = dual_simplex(instances, threads=options.threads, seconds=options.remaining())
    if (found.ended != OPTIMAL).any():
        return _unfinished(found, options)
    one = problem.batch is None
    point, price = (part[0] if one else part for part in (found.point, -found.dual))
    point = np.where(_needs_what_is_not_there(problem), 0.0, point)
    # Where nothing is admitted there is no revenue beside which rounding would be small: the prices are to exceed it.
    price = np.where(point.any(axis=-1, keepdims=True), price, price * (1.0 + ROUNDOFF))
    # Rounding may leave a price just below zero; any prices that are not negative prove a bound.
    prices = ResourcePrices(np.maximum(price, 0.0))
    return Outcome.optimal(AdmissionDecision(point), prices, statistics={"iterations": int(found.iterations.sum())})


def _needs_what_is_not_there(problem: RevenueMaximization) -> NDArray[np.bool_]:
    """(..., services) services that need a resource of capacity 0: rounding must not admit a trace of them."""
    empty = (problem.capacity == 0).astype(float)
    needed: NDArray[np.bool_] = (empty @ problem.density) > 0
    return needed


def _unfinished(found: Vertices, options: Options) -> Outcome:
    where = np.flatnonzero(found.ended != OPTIMAL)
    if options.remaining() <= 0:
        return Outcome(Status.NO_SOLUTION, message=f"the time limit came before {where.size} instances were solved")
    return Outcome.failed(f"the simplex method gave up on instance {where[0]} after {found.iterations[where[0]]} steps")
