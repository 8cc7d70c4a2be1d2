"""Linear programs with many bounded columns by sifting: equal to HiGHS, and proved."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

import edgeopt as eo
from edgeopt.model.outcome import Options
from edgeopt.solvers.backends import sifting
from edgeopt.solvers.highs import highs
from edgeopt.solvers.priced import priced
from edgeopt.solvers.simplex import simplex

pytestmark = pytest.mark.compiled


def drawn(seed: int) -> eo.Program:
    """Return a program with entries of both signs, ties, fixed columns, equations and rows that contradict each other."""
    rng = np.random.default_rng(seed)
    m, n = int(rng.integers(1, 6)), int(rng.integers(20, 200))
    sizes = [
        rng.uniform(0.5, 1.5, (m, n)),
        np.ones((m, n)),
        rng.normal(size=(m, n)),
        rng.integers(-2, 3, (m, n)).astype(float),
        1e4 * rng.uniform(0.0, 1.0, (m, n)),
    ]
    matrix = sizes[rng.integers(5)] * (rng.random((m, n)) < rng.uniform(0.1, 1.0))
    costs = [rng.normal(size=n), rng.integers(-3, 4, n).astype(float), np.zeros(n), 1e-9 * rng.normal(size=n)]
    lower = rng.normal(size=n) * rng.choice([0, 1])
    upper = lower + rng.gamma(1.0, 1.0, n) * (rng.random(n) < 0.95)
    low = np.minimum(matrix * lower, matrix * upper).sum(axis=1)
    high = np.maximum(matrix * lower, matrix * upper).sum(axis=1)
    middle = low + (high - low) * rng.uniform(-0.05, 1.05, m)
    return eo.Program(
        costs[rng.integers(4)],
        matrix,
        row_lower=np.where(rng.random(m) < 0.5, middle, -np.inf),
        row_upper=np.where(rng.random(m) < 0.5, middle + rng.choice([0.0, 1.0, 0.1 * np.abs(middle).max()]), np.inf),
        lower=lower,
        upper=upper,
        sense=str(rng.choice(["minimize", "maximize"])),
        offset=float(rng.normal()),
    )


def agrees_with_highs(seeds: range) -> None:
    programs = 0
    for seed in seeds:
        program = drawn(seed)
        found, other = eo.solve(program, "priced"), eo.solve(program, "highs")
        assert (found.status, found.proved) == (other.status, True), seed
        if other.status == "optimal":
            assert found.objective == pytest.approx(other.objective, rel=1e-9, abs=1e-9), seed
            programs = max(programs, found.statistics["programs"])
    assert programs > 1  # wrongly held columns joined


@pytest.mark.parametrize(("least", "each"), [(5, 2), (3, 1)])
def test_it_agrees_with_highs_and_is_proved(monkeypatch, least, each):
    monkeypatch.setattr(sifting, "_LEAST", least)
    monkeypatch.setattr(sifting, "_FIRST", each)
    agrees_with_highs(range(40))


@pytest.mark.slow
def test_it_agrees_with_highs_on_hundreds(monkeypatch):
    monkeypatch.setattr(sifting, "_LEAST", 4)
    monkeypatch.setattr(sifting, "_FIRST", 1)
    agrees_with_highs(range(1_000, 1_600))


def network(services: int, seed: int = 0) -> eo.RevenueMaximization:
    rng = np.random.default_rng(seed)
    compute = rng.uniform(0.5, 1.5, (4, services)) * (rng.random((4, services)) < 0.4)
    links = rng.uniform(0.5, 1.5, (8, services)) * (rng.random((8, services)) < 0.3)
    traffic = rng.gamma(2.0, 1.0, services)
    half = 0.4 * compute @ traffic, 0.4 * links @ traffic
    return eo.RevenueMaximization(rng.uniform(1.0, 5.0, services), compute, links, *half, traffic)


def test_revenue_with_floors_is_sifted_to_its_optimum():
    base = network(12_000)
    region = np.arange(12_000) % 20
    each = sparse.csr_array((np.ones(12_000), (region, np.arange(12_000))))
    floors = base.subject_to(region=lambda m: each @ m.admitted >= 0.3 * (each @ base.traffic))
    found = eo.solve(floors)
    assert (found.solver, found.status, found.proved) == ("priced", "optimal", True)
    assert found.statistics["columns"] < 4_000
    assert found.objective == pytest.approx(eo.solve(floors, "highs").objective, rel=1e-9)
    assert eo.verify(floors, found, exact=True).proved


def test_auto_takes_it_where_the_simplex_method_is_slow():
    assert not simplex.defers(network(100))
    assert priced.defers(network(100))
    assert simplex.defers(network(12_000))
    assert not priced.defers(network(12_000))
    found = eo.solve(network(12_000))
    assert (found.solver, found.proved) == ("priced", True)


def test_prices_prove_that_no_point_satisfies_the_rows():
    program = eo.Program(np.ones(5_000), np.ones((1, 5_000)), row_lower=[5_001.0], upper=1.0)
    found = eo.solve(program, "priced")
    assert (found.status, found.proved) == ("infeasible", True)


def test_held_columns_join_where_the_rows_need_them(monkeypatch):
    # The columns nearest to their threshold cannot satisfy the row: four times as many are taken, then all.
    monkeypatch.setattr(sifting, "_LEAST", 2)
    monkeypatch.setattr(sifting, "_FIRST", 1)
    monkeypatch.setattr(sifting, "smoothed_prices", lambda rows, near, options: np.zeros(rows.rows))
    program = eo.Program(np.arange(1.0, 101.0), np.ones((1, 100)), row_lower=[50.0], upper=1.0)
    found = sifting.sift(program, Options(), highs)
    assert found.claim == "optimal"
    assert program.objective(found.decision) == pytest.approx(np.arange(1.0, 51.0).sum())


@pytest.mark.parametrize(("side", "cost"), [(0.5, 0.5), (1.25, 1.5)])
def test_counted_shares_keep_sides_between_whole_numbers(side, cost):
    program = eo.Program([1.0, 2.0], [[1.0, 1.0]], row_lower=[side], row_upper=[side + 0.25], upper=1.0)
    found = eo.solve(program, "priced")
    assert (found.status, found.proved, found.objective) == ("optimal", True, cost)


def test_columns_without_bounds_are_refused():
    with pytest.raises(eo.UnsupportedPairError, match="every column has finite bounds"):
        eo.solve(eo.Program([1.0], [[1.0]], row_lower=[1.0]), "priced")


def test_a_time_limit_is_named():
    found = eo.solve(network(12_000), "priced", time_limit=1e-9)
    assert found.status == "no_solution"
    assert found.message
