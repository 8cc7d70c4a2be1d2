"""Rows that count columns and share none: one selection for each, equal to brute force, and proved."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import sparse

import edgeopt as eo
from edgeopt.solvers.backends.disjoint_rows import chosen_in_groups
from edgeopt.solvers.backends.standard_binaries import Standard

pytestmark = pytest.mark.compiled


def drawn(seed: int) -> eo.Program:
    """Return columns in groups, some in none, with sides between whole numbers, and at times a row over all columns."""
    rng = np.random.default_rng(seed)
    columns, groups = int(rng.integers(2, 11)), int(rng.integers(1, 4))
    matrix = (np.arange(groups)[:, None] == rng.integers(0, groups + 1, columns)).astype(float)
    lower = np.where(rng.random(groups) < 0.7, rng.uniform(-1.0, 3.0, groups), -np.inf)
    upper = np.where(rng.random(groups) < 0.4, np.maximum(lower, 0.0) + rng.uniform(0.0, 3.0, groups), np.inf)
    if rng.random() < 0.4:
        matrix = np.vstack([matrix, np.ones(columns)])
        lower, upper = np.r_[lower, rng.uniform(0.0, 0.6 * columns)], np.r_[upper, np.inf]
    return eo.Program(
        rng.normal(size=columns) if rng.random() < 0.6 else rng.integers(-2, 3, columns).astype(float),
        matrix,
        row_lower=lower,
        row_upper=upper,
        upper=1.0,
        integrality=True,
        sense=str(rng.choice(["minimize", "maximize"])),
    )


def meets_brute_force(seeds: range) -> None:
    selected = 0
    for seed in seeds:
        program = drawn(seed)
        points = np.array(list(itertools.product((0.0, 1.0), repeat=program.columns)))
        activity = points @ program.matrix.toarray().T
        values = points[((activity >= program.row_lower) & (activity <= program.row_upper)).all(axis=1)] @ program.cost
        found = eo.solve(program, "priced")
        assert (found.status == "infeasible") == (not values.size), seed
        if values.size:
            best = program.sense.sign * (program.sense.sign * values).min()
            assert found.status == "optimal", seed
            assert found.objective == pytest.approx(best, abs=1e-12), seed
        if chosen_in_groups(Standard.of(program, 1).rows) is not None:
            selected += 1
            assert (found.status, found.proved) == ("optimal", True), seed
    assert selected > len(seeds) // 4


def test_small_groups_meet_brute_force():
    meets_brute_force(range(80))


@pytest.mark.slow
def test_many_small_groups_meet_brute_force():
    meets_brute_force(range(1_000, 2_500))


def test_days_of_an_offloading_problem_are_selected_and_proved():
    rng = np.random.default_rng(0)
    day, samples = np.repeat(np.arange(10), 30_000), 300_000
    base = eo.OfflineOffloading(rng.gamma(2.0, 1.0, samples), rng.gamma(2.0, 0.8, samples), min_local_fraction=0.3)
    each = sparse.csr_array((np.ones(samples), (day, np.arange(samples))))
    daily = base.subject_to(per_day=lambda m: each @ m.local >= 0.4 * 30_000 + 0.5)
    found = eo.solve(daily)
    assert (found.solver, found.status, found.proved, found.gap) == (
        "priced",
        "optimal",
        True,
        pytest.approx(0, abs=1e-12),
    )
    expected = base.remote_totals.sum()
    for d in range(10):
        benefit = np.sort((base.local_totals - base.remote_totals)[day == d])
        expected += benefit[: max(12_001, int((benefit < 0).sum()))].sum()
    assert found.objective * samples == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("matrix", "lower"),
    [
        ([[1.0, 1.0, 0.0], [0.0, 1.0, 1.0]], [1.0, 1.0]),  # a column in two rows
        ([[1.0, 2.0, 0.0]], [1.0]),  # a weight
        ([[1.0, 1.0, 0.0], [1.0, 1.0, 1.0]], [1.0, 3.0]),  # the row over all columns binds
        ([[1.0, 1.0, 0.0]], [3.0]),  # more than there are
    ],
)
def test_other_rows_are_left_to_prices(matrix, lower):
    program = eo.Program([1.0, 2.0, 3.0], matrix, row_lower=lower, upper=1.0, integrality=True)
    assert chosen_in_groups(Standard.of(program, 1).rows) is None


@pytest.mark.parametrize("sense", ["minimize", "maximize"])
def test_no_rows_at_all(sense):
    program = eo.Program([1.0, -2.0, 0.0], upper=1.0, integrality=True, sense=sense)
    found = eo.solve(program, "priced")
    assert (found.status, found.proved) == ("optimal", True)
    assert found.objective == (-2.0 if sense == "minimize" else 1.0)
