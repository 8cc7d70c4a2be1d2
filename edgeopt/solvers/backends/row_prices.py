"""Prices of the rows of a program whose columns are binary: the maximum of its Lagrangian bound.

The bound is concave and piecewise linear in the prices. It is smoothed (:mod:`..compiled.priced_columns`), maximised by
Newton's method, and the smoothing is divided by five, until the smoothed bound lies close enough to the exact one. A
price stays on its side of 0: one that would cross stops there (projected Newton, Bertsekas 1982).

References
----------
D. P. Bertsekas, "Projected Newton methods for optimization problems with simple constraints", SIAM J. Control Optim.
20(2), 1982.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from os import cpu_count
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy import sparse

from ...model.cached import cached_property

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...model.outcome import Options

_WORTH_A_THREAD = 200_000
"""Matrix entries and columns (a millisecond of work) before another thread pays."""


class Smoothed(NamedTuple):
    """The smoothed bound at some prices: its value, the exact bound, the rows' activity, and minus the curvature."""

    value: float
    exact: float
    activity: NDArray[np.float64]
    curvature: NDArray[np.float64]


class Choice(NamedTuple):
    """What the columns choose at some prices: reduced costs, columns taken, the rows' activity, and the exact bound."""

    reduced: NDArray[np.float64]
    taken: NDArray[np.bool_]
    activity: NDArray[np.float64]
    bound: float


@dataclass(frozen=True, eq=False)
class PricedRows:
    """Minimise ``cost @ x`` over binary x with ``lower <= matrix @ x <= upper``.

    Attributes
    ----------
    cost : (columns,) float
        Cost of taking each column.
    matrix : (rows, columns) CSC
        Sorted indices, no duplicates.
    lower, upper : (rows,) float
        Sides of the rows; -inf or inf where there is none.
    threads : int
        Most threads to use.
    """

    cost: NDArray[np.float64]
    matrix: sparse.csc_array
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    threads: int = 1

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(self.matrix.shape[0])

    @cached_property
    def scale(self) -> float:
        """Mean size of the costs, where smoothing starts."""
        return float(np.abs(self.cost).mean()) or 1.0 if self.cost.size else 1.0

    @cached_property
    def dearest(self) -> float:
        """Largest cost of any point: a bound above it proves that no point satisfies the rows."""
        return float(self.cost[self.cost > 0].sum())

    @property
    def columns(self) -> int:
        """Number of columns."""
        return int(self.cost.size)

    @property
    def entries(self) -> tuple[Any, Any, Any]:
        """Arrays of the CSC matrix."""
        return self.matrix.indptr, self.matrix.indices, self.matrix.data

    def paid(self, price: NDArray[np.float64]) -> float:
        """Return what the prices pay for the rows' sides."""
        used = price != 0
        return float(price[used] @ np.where(price > 0, self.lower, self.upper)[used])

    def smoothed(self, price: NDArray[np.float64], mu: float) -> Smoothed:
        """Return the bound smoothed by `mu`, with its slopes."""
        from ..compiled.priced_columns import smoothed

        def part(first: int, last: int) -> Any:
            activity, curvature = np.zeros(self.rows), np.zeros((self.rows, self.rows))
            return *smoothed(first, last, *self.entries, self.cost, price, mu, activity, curvature), activity, curvature

        soft, hard, activity, curvature = (sum(parts) for parts in zip(*self._in_parts(part), strict=True))
        paid = self.paid(price)
        return Smoothed(soft + paid, hard + paid, activity, curvature)

    def choice(self, price: NDArray[np.float64]) -> Choice:
        """Return what every column chooses."""
        from ..compiled.priced_columns import decided

        reduced, taken = np.empty(self.columns), np.empty(self.columns, bool)

        def part(first: int, last: int) -> Any:
            activity = np.zeros(self.rows)
            return decided(first, last, *self.entries, self.cost, price, reduced, taken, activity), activity

        total, activity = (sum(parts) for parts in zip(*self._in_parts(part), strict=True))
        return Choice(reduced, taken, activity, total + self.paid(price))

    def _in_parts(self, function: Any) -> list[Any]:
        size = self.matrix.nnz + self.columns
        workers = min(self.threads, size // _WORTH_A_THREAD + 1)
        if workers == 1:
            return [function(0, self.columns)]
        # Parts of about equal work.
        work = self.matrix.indptr.astype(np.int64) + np.arange(self.columns + 1)
        bounds = np.searchsorted(work, np.linspace(0, size, workers + 1))
        bounds[0], bounds[-1] = 0, self.columns
        with ThreadPoolExecutor(workers) as pool:
            return list(pool.map(function, bounds[:-1].tolist(), bounds[1:].tolist()))

    def sample(self, size: int, generator: np.random.Generator) -> PricedRows:
        """Return every so-many-th column from a random place on, with rows that demand as much less."""
        share = size / self.columns
        drawn = ((np.arange(size) + generator.random(size)) / share).astype(np.int64)
        chosen = np.minimum(drawn, self.columns - 1)
        matrix = self.matrix[:, chosen]
        return replace(self, cost=self.cost[chosen], matrix=matrix, lower=share * self.lower, upper=share * self.upper)


def threads_of(options: Options) -> int:
    """Return the number of threads that a solve may use."""
    return options.threads or cpu_count() or 1


class Slope(NamedTuple):
    """Derivative of the bound by each price, 0 where the price stays at 0, and the side of 0 on which each may move."""

    gradient: NDArray[np.float64]
    side: NDArray[np.float64]


def _slope(rows: PricedRows, price: NDArray[np.float64], activity: NDArray[np.float64]) -> Slope:
    rising, falling = rows.lower - activity, rows.upper - activity  # by prices above, and below 0
    side = np.sign(price)
    at_zero = side == 0
    side = np.where(at_zero & (rising > 0), 1.0, np.where(at_zero & (falling < 0), -1.0, side))
    gradient = np.where(side > 0, rising, np.where(side < 0, falling, 0.0))
    return Slope(gradient, np.where(rows.lower == rows.upper, np.nan, side))  # an equation's price has any sign


def _projected(price: NDArray[np.float64], side: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where((side > 0) & (price < 0) | (side < 0) & (price > 0) | (side == 0), 0.0, price)


_ARMIJO, _SHORTEST, _RIDGE = 1e-4, 2.0**-30, 1e-6
_ACCURACY, _PRODUCTS = 1e-2, 200


def ascend(
    rows: PricedRows,
    price: NDArray[np.float64],
    mu: float,
    enough: float,
    options: Options,
    most: int = 50,
) -> tuple[NDArray[np.float64], Smoothed]:
    """Maximise the bound smoothed by `mu`, from `price` on.

    Stops once what Newton's method still promises is below `enough`, or below a part of the smoothing itself.
    """
    here = rows.smoothed(price, mu)
    for _ in range(most):
        if options.remaining() <= 0 or here.exact > rows.dearest:
            break
        gradient, side = _slope(rows, price, here.activity)
        step = _newton_step(here.curvature, gradient)
        promised = 0.5 * float(gradient @ step)
        if not promised > max(enough, 0.02 * (here.exact - here.value)):
            break
        length = 1.0
        while length > _SHORTEST:
            trial = _projected(price + length * step, side)
            there = rows.smoothed(trial, mu)
            if there.value >= here.value + _ARMIJO * float(gradient @ (trial - price)):
                break
            length *= 0.25
        else:
            break
        price, here = trial, there
    return price, here


def _newton_step(curvature: NDArray[np.float64], gradient: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return about Newton's step for the prices that move; rows that no column feels now move a little."""
    from ..compiled.priced_columns import conjugate_gradients

    step = np.zeros(gradient.size)
    diagonal = curvature.diagonal()
    largest = diagonal.max(initial=0.0)
    if not largest > 0:
        return gradient
    np.fill_diagonal(curvature, diagonal * (1.0 + _RIDGE) + _RIDGE * largest)
    conjugate_gradients(curvature, gradient, _ACCURACY, _PRODUCTS, step)
    return step
