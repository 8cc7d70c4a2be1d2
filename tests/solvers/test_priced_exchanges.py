"""Exchanges of a few columns and prices polished by a linear program: what they keep, and what they reach."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import sparse

import edgeopt as eo
from edgeopt.model.outcome import Options
from edgeopt.solvers.backends.polished_prices import linear_prices, polishable
from edgeopt.solvers.backends.priced_points import Found, allowance, exchanged, nearest
from edgeopt.solvers.backends.row_prices import PricedRows
from edgeopt.solvers.compiled.priced_exchanges import exchange

pytestmark = pytest.mark.compiled


def rows_of(cost, matrix, lower, upper) -> PricedRows:
    given = sparse.csc_array(np.asarray(matrix, dtype=float))
    given.indptr, given.indices = given.indptr.astype(np.int32), given.indices.astype(np.int32)
    return PricedRows(*(np.asarray(cost, dtype=float), given, np.asarray(lower, float), np.asarray(upper, float)))


def drawn(seed: int) -> tuple[PricedRows, np.ndarray]:
    """Return rows over ten columns, with entries of both signs, and a point that satisfies them."""
    rng = np.random.default_rng(seed)
    rows, columns = int(rng.integers(1, 5)), 10
    sizes = [np.ones((rows, columns)), rng.uniform(-1.0, 1.5, (rows, columns)), rng.integers(-2, 3, (rows, columns))]
    matrix = sizes[rng.integers(3)] * (rng.random((rows, columns)) < 0.6)
    taken = rng.random(columns) < 0.5
    activity = matrix @ taken
    lower = np.where(rng.random(rows) < 0.7, activity - rng.choice([0.0, 0.3, 1.0], rows), -np.inf)
    upper = np.where(rng.random(rows) < 0.4, activity + rng.choice([0.0, 0.3, 1.0], rows), np.inf)
    return rows_of(rng.normal(size=columns), matrix, lower, upper), taken


def chains_of(rows: PricedRows, taken: np.ndarray, depth: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Return what exchanges of up to `depth` flips make of a point: the columns taken, the activity, what is saved."""
    near, rowwise = np.arange(rows.columns), rows.matrix.tocsr()
    after, activity, total = taken.copy(), rows.matrix @ taken.astype(float), 0.0
    by_row = rowwise.indptr.astype(np.intp), rowwise.indices.astype(np.intp), rowwise.data
    sides = rows.lower, rows.upper, allowance(rows)
    while True:
        saved, work = exchange(
            near, *rows.entries, *by_row, rows.cost, *sides, activity, after, depth, rows.columns, 1e-12, 1e6
        )
        assert work > 0
        total += saved
        if saved == 0.0:
            return after, activity, total


@pytest.mark.parametrize("depth", [2, 3])
def test_exchanges_keep_the_rows_and_save_what_they_say(depth):
    for seed in range(60):
        rows, taken = drawn(seed)
        after, activity, saved = chains_of(rows, taken, depth)
        assert activity == pytest.approx(rows.matrix @ after.astype(float), abs=1e-12), seed
        assert (activity >= rows.lower - 1e-9).all(), seed
        assert (activity <= rows.upper + 1e-9).all(), seed
        assert rows.cost[taken].sum() - rows.cost[after].sum() == pytest.approx(saved, abs=1e-12), seed


def test_no_better_point_of_one_count_row_is_two_flips_away():
    # Of one row with a fixed number of columns, swaps lead to the cheapest: what brute force over all swaps says.
    for seed in range(20):
        cost = np.random.default_rng(seed).normal(size=9)
        rows = rows_of(cost, np.ones((1, 9)), [4.0], [4.0])
        after, _, _ = chains_of(rows, np.arange(9) < 4, 2)
        best = min(cost[list(four)].sum() for four in itertools.combinations(range(9), 4))
        assert cost[after].sum() == pytest.approx(best, abs=1e-12)


def test_a_chain_of_three_flips_is_found():
    # Column 0 leaves only where 1 mends the first row and 2 the second, that neither mends alone.
    rows = rows_of([3.0, 1.0, 1.0], [[1, 1, 0], [1, 0, 1]], [1.0, 1.0], [np.inf, np.inf])
    taken = np.array([True, False, False])
    assert chains_of(rows, taken, 2)[2] == 0.0
    after, _, saved = chains_of(rows, taken, 3)
    assert after.tolist() == [False, True, True]
    assert saved == pytest.approx(1.0)


def test_exchanges_end_when_their_work_is_done(monkeypatch):
    rng = np.random.default_rng(0)
    rows = rows_of(rng.normal(size=200), rng.uniform(0.5, 1.5, (3, 200)), [150.0] * 3, [np.inf] * 3)
    start = Found(np.ones(200, bool), float(rows.cost.sum()))
    order = nearest(rows.cost, 200)
    free = exchanged(rows, order, allowance(rows), start, Options())
    monkeypatch.setattr("edgeopt.solvers.backends.priced_points._EXCHANGE_WORK", 500.0)
    short = exchanged(rows, order, allowance(rows), start, Options())
    assert free.cost < short.cost < start.cost


def test_polished_prices_reach_the_linear_relaxation():
    rng = np.random.default_rng(1)
    samples, days, users = 6_000, 12, 20
    each = np.arange(samples)
    matrix = sparse.vstack(
        [
            sparse.csc_array((np.ones(samples), (each * days // samples, each))),
            sparse.csc_array((rng.uniform(0.5, 1.5, samples), (rng.integers(0, users, samples), each))),
        ],
        format="csc",
    )
    lower = np.floor(0.5 * matrix.sum(axis=1))
    program = eo.Program(rng.normal(size=samples) + 0.5, matrix, row_lower=lower, upper=1.0)
    rows = PricedRows(program.cost, program.matrix, program.row_lower, program.row_upper)
    assert polishable(rows)
    # From prices that a few digits are missing to.
    relaxed = eo.solve(program, "highs")
    rough = np.maximum(relaxed.certificate.row_dual + 0.01 * rng.normal(size=days + users), 0.0)
    before, after = rows.choice(rough), rows.choice(linear_prices(rows, rows.choice(rough), Options()))
    assert before.bound < relaxed.objective - 1e-6 * abs(relaxed.objective)
    assert after.bound == pytest.approx(relaxed.objective, rel=1e-9)


def test_many_dense_rows_are_not_polished():
    assert not polishable(rows_of(np.ones(400), np.ones((300, 400)), np.ones(300), np.full(300, np.inf)))
