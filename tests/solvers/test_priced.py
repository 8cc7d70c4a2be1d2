"""Prices of rows over binary columns: equal to brute force and HiGHS, bounds proved, hard cases told apart."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pytest
from scipy import sparse

import edgeopt as eo
from edgeopt.formulations.constrained import CapPrice
from edgeopt.solvers.priced import priced

pytestmark = pytest.mark.compiled


def drawn(seed: int, columns: tuple[int, int], rows: tuple[int, int] = (1, 4)) -> eo.Program:
    """Return a program with ties, zeros, negative coefficients, two-sided rows, equations, fixed columns at random."""
    rng = np.random.default_rng(seed)
    m, n = int(rng.integers(*rows)), int(rng.integers(*columns))
    costs = [rng.normal(size=n), rng.integers(-3, 4, n).astype(float), np.zeros(n), 1e6 * rng.normal(size=n)]
    sizes = [
        rng.uniform(0.5, 1.5, (m, n)),
        np.ones((m, n)),
        rng.normal(size=(m, n)),
        rng.integers(-2, 3, (m, n)).astype(float),
        rng.uniform(0, 1e5, (m, n)),
    ]
    matrix = (rng.random((m, n)) < rng.uniform(0.1, 1.0)) * sizes[rng.integers(5)]
    low, high = np.minimum(matrix, 0).sum(axis=1), np.maximum(matrix, 0).sum(axis=1)
    middle = low + (high - low) * rng.uniform(-0.1, 1.1, m)
    lower = np.where(rng.random(m) < 0.5, middle, -np.inf)
    upper = np.where(rng.random(m) < 0.5, middle + rng.choice([0.0, 1.0, 0.1 * np.abs(middle).max()]), np.inf)
    fixed_low = (rng.random(n) < 0.05).astype(float)
    fixed_high = np.maximum(fixed_low, rng.random(n) >= 0.05)
    return eo.Program(
        costs[rng.integers(4)],
        matrix,
        row_lower=lower,
        row_upper=upper,
        lower=fixed_low,
        upper=fixed_high,
        integrality=True,
        sense=str(rng.choice(["minimize", "maximize"])),
        offset=float(rng.normal()),
    )


def by_brute_force(program: eo.Program) -> float | None:
    points = np.array(list(itertools.product((0.0, 1.0), repeat=program.columns)))
    activity = points @ program.matrix.toarray().T
    terms = 1e-9 * (1.0 + np.abs(points) @ np.abs(program.matrix.toarray()).T)
    holds = ((activity >= program.row_lower - terms) & (activity <= program.row_upper + terms)).all(axis=1)
    holds &= ((points >= program.lower) & (points <= program.upper)).all(axis=1)
    values = points[holds] @ program.cost + program.offset
    return None if not values.size else float(program.sense.sign * (program.sense.sign * values).min())


@pytest.mark.parametrize("part", range(4))
def test_small_programs_meet_brute_force(part):
    for seed in range(15 * part, 15 * part + 15):
        program = drawn(seed, (2, 11))
        found, best = eo.solve(program, "priced"), by_brute_force(program)
        if best is None:
            assert found.status == "infeasible", seed
        else:
            assert found.status == "optimal", (seed, found)
            assert found.objective == pytest.approx(best, rel=1e-6, abs=1e-9), seed


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
def test_thousands_of_small_programs_meet_brute_force(part):
    for seed in range(1000 + 500 * part, 1500 + 500 * part):
        program = drawn(seed, (2, 9))
        found, best = eo.solve(program, "priced"), by_brute_force(program)
        assert (found.status == "infeasible") == (best is None), seed
        assert best is None or found.objective == pytest.approx(best, rel=1e-6, abs=1e-9), seed


@pytest.mark.slow
def test_medium_programs_agree_with_highs():
    for seed in range(60):
        program = drawn(seed, (60, 130))
        found, other = eo.solve(program, "priced", time_limit=5), eo.solve(program, "highs", time_limit=5)
        assert found.status != "failed", (seed, found.message)
        if {"infeasible"} & {found.status, other.status} and "no_solution" not in (found.status, other.status):
            assert found.status == other.status, seed
        if found.status == other.status == "optimal":
            assert found.objective == pytest.approx(other.objective, rel=1e-6), seed
        if found.status == "feasible" and other.status == "optimal":  # the bound is proved, the point is no better
            sign = program.sense.sign
            assert sign * found.bound <= sign * other.objective + 1e-6 * abs(other.objective)


def many_rows(samples: int, rows: int, kind: str, seed: int = 0) -> eo.Program:
    """Return samples under rows by day (disjoint), by window (overlapping), or by day, user and weighted cell."""
    rng = np.random.default_rng(seed)
    ones, each = np.ones(samples), np.arange(samples)

    def groups(which: np.ndarray, count: int, weights: np.ndarray = ones) -> sparse.csc_array:
        return sparse.csc_array((weights, (which, each)), shape=(count, samples))

    if kind == "days":
        matrix = groups(each * rows // samples, rows)
    elif kind == "windows":
        width = 2 * samples // rows
        starts = np.arange(rows) * (samples - width) // (rows - 1)
        places = (starts[:, None] + np.arange(width)).ravel()
        matrix = sparse.csc_array((np.ones(places.size), (np.repeat(np.arange(rows), width), places)), (rows, samples))
    else:
        third = rows // 3
        cells = groups(rng.integers(0, third, samples), third, rng.uniform(0.5, 1.5, samples))
        users = groups(rng.integers(0, third, samples), third)
        matrix = sparse.vstack([groups(each * third // samples, third), users, cells], format="csc")
    lower = np.floor(rng.uniform(0.3, 0.6, matrix.shape[0]) * matrix.sum(axis=1))
    return eo.Program(rng.normal(size=samples) + 0.5, matrix, row_lower=lower, upper=1.0, integrality=True)


@pytest.mark.parametrize("kind", ["days", "windows", "mixed"])
def test_many_rows_are_priced_to_a_proved_gap(kind):
    program = many_rows(60_000, 30, kind)
    found = eo.solve(program, "priced", relative_gap=1e-4)
    assert (found.status, found.proved) == ("optimal", True)
    assert found.gap <= 1e-4
    assert eo.verify(program, found, relative_gap=1e-4).holds
    relaxed = eo.solve(eo.Program(**{**vars_of(program), "integrality": None}), "highs").objective
    assert relaxed - 1e-6 * abs(relaxed) <= found.objective <= relaxed + 1e-4 * abs(found.objective)


def vars_of(program: eo.Program) -> dict[str, object]:
    names = ("cost", "matrix", "row_lower", "row_upper", "lower", "upper", "integrality", "sense", "offset")
    return {name: getattr(program, name) for name in names}


def test_disjoint_groups_are_exact():
    # The best of a day's n columns under one count row is a sort: the m cheapest, and whatever lowers the cost.
    program = many_rows(6_000, 12, "days")
    day = np.repeat(np.arange(12), 500)
    expected = 0.0
    for d in range(12):
        cost = np.sort(program.cost[day == d])
        count = int(max(program.row_lower[d], (cost < 0).sum()))
        expected += cost[:count].sum()
    assert eo.solve(program, "priced").objective == pytest.approx(expected, rel=1e-9)


def test_what_it_does_not_take_is_refused():
    with pytest.raises(eo.UnsupportedPairError, match="binary columns only"):
        eo.solve(eo.Program([1.0], [[1.0]], row_lower=[2.0], upper=3.0, integrality=True), "priced")
    rows = 2_001
    program = eo.Program(np.ones(rows), sparse.eye_array(rows), row_lower=1.0, upper=1.0, integrality=True)
    with pytest.raises(eo.UnsupportedPairError, match="at most 2,000 rows, and these are 2,001"):
        eo.solve(program, "priced")


def test_auto_takes_prices_where_integer_programming_is_slow():
    assert priced.defers(many_rows(6_000, 12, "days"))
    assert not priced.defers(many_rows(300_000, 30, "days"))


def test_the_same_question_gives_the_same_answer_and_a_time_limit_is_kept():
    program = many_rows(60_000, 30, "mixed")
    first, second = (eo.solve(program, "priced", relative_gap=1e-4) for _ in range(2))
    assert first.objective == second.objective
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        short = eo.solve(program, "priced", relative_gap=1e-12, time_limit=1.0)
    assert short.wall_time < 5.0
    assert short.status in ("feasible", "optimal", "no_solution")


def test_a_time_limit_that_is_too_short_is_named():
    found = eo.solve(many_rows(20_000, 300, "mixed"), "priced", relative_gap=1e-12, time_limit=1e-3)
    assert found.status in ("feasible", "no_solution")
    assert "the time limit ended the search" in found.message


# A split with one cap.


def split(seed: int, layers: int, exits: int, tiers: int) -> eo.StochasticSplit:
    rng = np.random.default_rng(seed)
    speed = np.array([1.0, 0.1, 0.02])[:tiers]
    return eo.StochasticSplit(
        [
            eo.Exit(0.5 + 0.1 * k, rng.uniform(0.01, 1.0, (layers, tiers)) * speed, rng.uniform(1e5, 4e6, layers + 1))
            for k in range(exits)
        ],
        rng.dirichlet(np.ones(exits)),
        uplink_rate=1e7,
        backhaul_rate=5e7 if tiers == 3 else None,
    )


def shared(seed: int, branches: int, tiers: int) -> eo.StochasticSplit:
    """Exits that leave a trunk of two layers, one branch each: a tree."""
    rng = np.random.default_rng(seed)
    whole = rng.random() < 0.3  # many placements that cost and weigh the same
    draw = (lambda *shape: rng.integers(1, 4, shape).astype(float)) if whole else (lambda *shape: rng.random(shape))
    trunk, sizes = draw(2, tiers), 1e6 * draw(3)
    exits = [
        eo.Exit(0.5 + 0.1 * k, np.vstack([trunk, draw(1, tiers)]), np.r_[sizes, 1e6 * draw(1)]) for k in range(branches)
    ]
    backhaul = 5e6 if tiers == 3 else None
    return eo.StochasticSplit(exits, rng.dirichlet(np.ones(branches)), 1e6, backhaul, shared_trunk=True)


def placements(problem: eo.StochasticSplit) -> tuple[list[eo.SplitDecision], np.ndarray, np.ndarray]:
    """Every placement, with its energy and its latency."""
    nodes = problem.costs.tree.parent.size
    joules = problem.minimize(lambda m: m.expected_energy(0.5, 1.2)).program()
    found = [problem.decision_at(np.array(tiers)) for tiers in itertools.product(range(problem.tiers), repeat=nodes)]
    energies = [float(joules.cost @ problem.encode(decision)) for decision in found]
    return found, np.array(energies), np.array([problem.objective(decision) for decision in found])


@pytest.mark.parametrize("seed", range(60))
def test_a_capped_split_meets_all_placements_and_is_proved(seed):
    rng = np.random.default_rng(seed)
    tiers = int(rng.integers(2, 4))
    chain = split(seed, int(rng.integers(1, 5)), 1, tiers)
    problem = shared(seed, 1 + int(rng.integers(1, 6 - tiers)), tiers) if seed % 2 else chain
    decisions, energies, latencies = placements(problem)
    cap = float(np.quantile(energies, rng.uniform(0.0, 0.6))) * (1.0 + 1e-9)
    fits = energies <= cap
    best = latencies[fits].min()
    capped = problem.subject_to(battery=lambda m: m.expected_energy(0.5, 1.2) <= cap)
    found = eo.solve(capped)
    assert (found.solver, found.status, found.proved) == ("priced", "optimal", True)
    assert found.objective == pytest.approx(best, rel=1e-9)
    assert eo.verify(capped, found).proved
    # Whatever the price and the decision, no more is proved than is true, and whatever is counted is proved exactly.
    prices = [found.certificate.price, 0.0, float(rng.gamma(1.0, found.certificate.price + 1e-3))]
    for index in rng.choice(np.flatnonzero(fits), 5):
        for price in prices:
            gap = CapPrice(price).optimality_gap(capped, decisions[index])
            assert gap == pytest.approx(latencies[index] - best, abs=1e-11 * latencies.max())
            assert gap >= latencies[index] - best - 1e-15 * latencies.max()


def test_the_price_of_a_cap_proves_nothing_of_other_problems():
    problem = split(3, 3, 1, 2)
    decision = eo.solve(problem).decision
    assert CapPrice(0.1).optimality_gap(problem, decision) == np.inf
    ranged = problem.subject_to(band=lambda m: (m.expected_energy(0.5, 1.2) >= 0.0, m.expected_energy(0.5, 1.2) <= 9.0))
    assert CapPrice(0.1).optimality_gap(ranged, decision) == np.inf
    with pytest.raises(eo.InvalidProblemError, match="price"):
        CapPrice(-1.0)


def test_a_proved_cap_is_saved_and_loaded(tmp_path):
    problem = split(7, 6, 2, 3)
    _, energies, _ = placements(split(7, 2, 1, 3))
    capped = problem.subject_to(battery=lambda m: m.expected_energy(0.5, 1.2) <= float(energies.max()))
    found = eo.solve(capped)
    eo.save(capped, tmp_path / "problem.json")
    eo.save(found, tmp_path / "solution.json")
    again = eo.verify(eo.load(tmp_path / "problem.json"), eo.load(tmp_path / "solution.json"))
    assert again.holds
    assert again.proved


@pytest.mark.parametrize("seed", range(6))
def test_a_capped_split_of_several_exits_agrees_with_highs(seed):
    problem = split(seed, 12, 3, 3)
    least = eo.solve(problem.minimize(lambda m: m.expected_energy(0.5, 1.2)), "highs").objective
    for share in (0.9, 1.0001, 1.05, 1.3):
        capped = problem.subject_to(battery=lambda m, cap=share * least: m.expected_energy(0.5, 1.2) <= cap)
        found, other = eo.solve(capped, "priced"), eo.solve(capped, "highs")
        assert found.status == other.status
        if found.status == "optimal":
            assert found.objective == pytest.approx(other.objective, rel=1e-8)
