"""Devices that each choose one of several options and share one row: equal to brute force and HiGHS, and proved."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import sparse

import edgeopt as eo
from edgeopt.model.outcome import Options
from edgeopt.solvers.backends import fleet_choice

pytestmark = pytest.mark.compiled


def fleet(devices: int, options: int, seed: int = 0) -> eo.Program:
    """Return devices that each take one of several options and share a server."""
    rng = np.random.default_rng(seed)
    size = devices * options
    device = np.repeat(np.arange(devices), options)
    cost, load = rng.uniform(0.1, 1.0, size), rng.uniform(0.0, 1.0, size)
    matrix = sparse.vstack(
        [sparse.csc_array((np.ones(size), (device, np.arange(size)))), sparse.csc_array(load[None])], format="csc"
    )
    side = np.r_[np.ones(devices), 0.2 * devices]
    lower = np.r_[np.ones(devices), -np.inf]
    return eo.Program(cost, matrix, row_lower=lower, row_upper=side, upper=1.0, integrality=True)


def drawn(seed: int) -> tuple[eo.Program, float | None]:
    """Return a small fleet with ties, closed options, either side of the row and columns in any order; its optimum."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, 5, int(rng.integers(2, 6)))
    devices, size = counts.size, int(counts.sum())
    ends = np.r_[0, np.cumsum(counts)]
    draws = [rng.uniform(0.1, 1.0, size), rng.integers(0, 4, size).astype(float), rng.normal(size=size), np.ones(size)]
    cost = draws[rng.integers(4)]
    load = [*draws, cost + rng.choice([0.0, 0.5]), 1.0 - cost][rng.integers(6)]
    each = [load[first:last] for first, last in itertools.pairwise(ends)]
    least, most = sum(one.min() for one in each), sum(one.max() for one in each)
    side = least + (most - least) * rng.uniform(-0.1, 1.1)
    side = np.floor(side) if rng.random() < 0.3 else side
    below = rng.random() < 0.6
    closed = rng.random(size) < 0.05
    shuffled = rng.permutation(size) if rng.random() < 0.5 else np.arange(size)
    one = sparse.csc_array((np.ones(size), (np.repeat(np.arange(devices), counts), np.arange(size))))
    program = eo.Program(
        cost[shuffled],
        sparse.vstack([one, sparse.csc_array(load[None])], format="csc")[:, shuffled],
        row_lower=np.r_[np.ones(devices), -np.inf if below else side],
        row_upper=np.r_[np.ones(devices), side if below else np.inf],
        upper=np.where(closed, 0.0, 1.0)[shuffled],
        integrality=True,
        sense=str(rng.choice(["minimize", "maximize"])),
        offset=float(rng.normal()),
    )
    values = []
    for picked in map(list, itertools.product(*[range(*pair) for pair in itertools.pairwise(ends)])):
        excess = load[picked].sum() - side
        if not closed[picked].any() and (excess if below else -excess) <= 1e-9 * max(1.0, np.abs(load[picked]).sum()):
            values.append(program.sense.sign * cost[picked].sum())
    return program, program.sense.sign * min(values) + program.offset if values else None


def meets_brute_force(seeds: range) -> None:
    for seed in seeds:
        program, best = drawn(seed)
        assert fleet_choice.Fleet.of(program) is not None, seed
        found = eo.solve(program, "priced")
        assert (found.status == "infeasible") == (best is None), seed
        if best is not None:
            assert found.status == "optimal", (seed, found)
            assert found.objective == pytest.approx(best, rel=1e-7, abs=1e-9), seed


def test_small_fleets_meet_brute_force():
    meets_brute_force(range(40))


@pytest.mark.slow
def test_thousands_of_small_fleets_meet_brute_force():
    meets_brute_force(range(1_000, 3_000))


@pytest.mark.slow
@pytest.mark.parametrize("labels", [300_000, 1_000])
def test_medium_fleets_agree_with_highs(monkeypatch, labels):
    # Few labels: what they leave open is left to an integer program.
    monkeypatch.setattr(fleet_choice, "_LABELS", labels)
    for seed in range(25):
        program = fleet(40 + seed, 5 + seed % 4, seed)
        found, other = eo.solve(program, "priced"), eo.solve(program, "highs")
        assert (found.status, other.status) == ("optimal", "optimal"), seed
        assert found.objective == pytest.approx(other.objective, rel=1e-8), seed


def test_an_integer_program_settles_what_labels_leave_open(monkeypatch):
    monkeypatch.setattr(fleet_choice, "_LABELS", 1)
    asked = []
    settled = fleet_choice._settled
    monkeypatch.setattr(fleet_choice, "_settled", lambda *given: asked.append(given) or settled(*given))
    program = fleet(30, 4)
    found = fleet_choice.price_fleet(fleet_choice.Fleet.of(program), Options())
    assert asked
    assert found.claim == "optimal"
    assert program.objective(found.decision) == pytest.approx(eo.solve(program, "highs").objective, rel=1e-8)


def test_a_gap_of_whole_options_is_closed_by_labels():
    # Two devices with options 0 and 1 of weights 0 and 2 do not fill a row of 3: the relaxation promises half a unit more.
    matrix = [[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0], [0.0, 2.0, 0.0, 2.0]]
    program = eo.Program(
        [0.0, -1.0, 0.0, -1.0], matrix, row_lower=[1, 1, -np.inf], row_upper=[1, 1, 3.0], upper=1.0, integrality=True
    )
    found = eo.solve(program, "priced")
    assert (found.status, found.objective) == ("optimal", -1.0)


@pytest.mark.parametrize("seed", range(10))
def test_a_small_fleet_meets_highs(seed):
    program = fleet(6, 3, seed)
    found, other = eo.solve(program, "priced"), eo.solve(program, "highs")
    assert found.status == other.status
    if found.status == "optimal":
        assert found.objective == pytest.approx(other.objective, rel=1e-7)


def test_a_large_fleet_is_proved():
    found = eo.solve(fleet(10_000, 20), "priced", relative_gap=1e-5)
    assert (found.status, found.proved) == ("optimal", True)
