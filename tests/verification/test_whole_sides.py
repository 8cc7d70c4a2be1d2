"""Rows in whole numbers have whole sides in a dual bound; rows under a square keep theirs."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import edgeopt as eo
from edgeopt.model.program import Squares
from edgeopt.verification.linear_dual import LinearDual


def drawn(seed: int, squares: bool) -> tuple[eo.Program, float]:
    """Return a small binary program, some rows in whole numbers, and its optimum by enumeration (inf if none)."""
    rng = np.random.default_rng(seed)
    rows, columns = int(rng.integers(1, 4)), int(rng.integers(1, 6))
    matrix = rng.integers(-2, 3, (rows, columns)).astype(float)
    matrix[rng.random(rows) < 0.3] += 0.25
    lower = rng.uniform(-2.0, 2.0, rows)
    sums = rng.integers(0, 2, (2, columns)).astype(float)
    program = eo.Program(
        rng.normal(size=columns),
        matrix,
        row_lower=lower,
        row_upper=lower + rng.uniform(0.0, 3.0, rows),
        upper=1.0,
        integrality=True,
        squares=Squares(sums, rng.uniform(-2.0, 2.0, 2), rng.uniform(0.5, 2.0, 2)) if squares else None,
    )
    points = [eo.Point(np.array(each, float)) for each in itertools.product((0, 1), repeat=columns)]
    return program, min((program.objective(p) for p in points if not program.violations(p)), default=np.inf)


@pytest.mark.parametrize("squares", [False, True])
def test_no_prices_prove_more_than_the_optimum(squares):
    closed = 0
    for seed in range(300):
        program, best = drawn(seed, squares)
        rng = np.random.default_rng(seed)
        for size in (0.1, 1.0):
            slopes = size * rng.normal(size=2) if squares else None
            bound = LinearDual(size * rng.normal(size=program.rows), square_dual=slopes).bound(program)
            assert bound <= best, seed
            closed += bound > best - 2.0
    assert closed > 20  # the bounds are not all far away


def test_a_side_between_whole_numbers_counts_as_the_next():
    program = eo.Program([1.0, 1.0], [[1.0, 1.0]], row_lower=[0.5], upper=1.0, integrality=True)
    assert LinearDual([1.0]).bound(program) == pytest.approx(1.0, abs=1e-14)
    relaxed = eo.Program([1.0, 1.0], [[1.0, 1.0]], row_lower=[0.5], upper=1.0)
    assert LinearDual([1.0]).bound(relaxed) == pytest.approx(0.5, abs=1e-14)


def test_a_square_keeps_its_own_zero():
    # (x - 0.5)^2 of a binary x is a quarter; the slope that would prove 1 of a row at a whole number proves less.
    program = eo.Program([0.0], upper=1.0, integrality=True, squares=Squares([[1.0]], [-0.5], [1.0]))
    for slope in np.linspace(-2.0, 2.0, 21):
        assert LinearDual([], square_dual=[slope]).bound(program) <= 0.25
