"""SciPy's linprog and milp: duals, statuses, limits."""

from __future__ import annotations

import numpy as np
import pytest

import edgeopt as eo


def test_marginals_become_duals_for_both_senses():
    for sign, sense in ((1.0, "minimize"), (-1.0, "maximize")):
        program = eo.Program(
            np.array([-3.0, -5.0]) * sign, [[1, 0], [0, 2], [3, 2]], row_upper=[4.0, 12.0, 18.0], sense=sense
        )
        solution = eo.solve(program, "scipy")
        assert solution.objective == pytest.approx(-36.0 * sign)
        np.testing.assert_allclose(solution.certificate.row_dual, sign * np.array([0.0, -1.5, -1.0]), atol=1e-9)


def test_two_sided_rows_are_one_price():
    program = eo.Program([1.0, 1.0], [[1.0, 1.0]], [2.0], [3.0])
    assert eo.solve(program, "scipy").certificate.row_dual == pytest.approx([1.0])


def test_a_time_limit_without_a_point_gives_no_solution():
    rng = np.random.default_rng(0)
    weights = rng.integers(1, 100, (4, 60)).astype(float)
    half = np.floor(weights.sum(axis=1) / 2)
    program = eo.Program(np.zeros(60), weights, half, half, upper=1.0, integrality=True)
    assert eo.solve(program, "scipy", time_limit=0.3).status == "no_solution"


def test_what_scipy_does_not_support_is_refused():
    program = eo.Program([1.0], lower=[1.0])
    with pytest.raises(eo.InvalidOptionError, match="warm_start"):
        eo.solve(program, "scipy", warm_start=eo.Point([1.0]))
    with pytest.raises(eo.InvalidOptionError, match="presolve"):
        eo.solve(program, "scipy", no_such_option=1)
