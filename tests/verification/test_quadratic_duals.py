"""Duals of quadratic programs: whatever they are, what they prove is true."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

import edgeopt as eo
from edgeopt.model.basis import BasisStatus
from edgeopt.verification.exact_optimum import exact_optimum
from edgeopt.verification.existence import solution_size
from edgeopt.verification.linear_dual import LinearDual
from edgeopt.verification.unboundedness import PrimalRay

tenths = st.integers(-20, 20).map(lambda n: n / 10)

# min (x - 1)^2 + (y - 2)^2 over x + y <= 1 is 2, at (0, 1).
NEAREST = eo.Program(
    [0.0, 0.0], [[1.0, 1.0]], row_upper=1.0, lower=-np.inf, squares=eo.Squares(np.eye(2), [-1.0, -2.0])
)
OPTIMUM = eo.Point([0.0, 1.0])
DUAL = LinearDual([-2.0], square_dual=[-2.0, -2.0])


def test_the_duals_of_a_projection_prove_it() -> None:
    assert DUAL.bound(NEAREST) == pytest.approx(2.0, rel=1e-13)
    assert DUAL.bound(NEAREST) <= 2.0
    assert DUAL.optimality_gap(NEAREST, OPTIMUM) == pytest.approx(0.0, abs=1e-13)


def test_wrong_duals_prove_less_and_missing_slopes_count_as_none() -> None:
    assert LinearDual([-2.0], square_dual=[-2.1, -2.0]).proved(NEAREST, 2.0) < 2.0
    assert LinearDual([0.0]).proved(NEAREST, 2.0) == pytest.approx(0.0, abs=1e-300)  # squares are not negative
    for wrong in (LinearDual([-2.0], square_dual=[-2.0]), LinearDual([-2.0], square_dual=[np.nan, 0.0])):
        assert wrong.proved(NEAREST, 2.0) == -np.inf
    assert LinearDual([-2.0], square_dual=[0.0]).proved(NEAREST.without_squares(), 0.0) == -np.inf


@given(st.data())
def test_no_duals_prove_more_than_a_feasible_point_has(data) -> None:
    """For any point of any program, and any duals at all: the bound lies below the objective."""
    columns, rows, squares = (data.draw(st.integers(1, 4)) for _ in range(3))

    def array(*shape):
        size = int(np.prod(shape))
        return np.array(data.draw(st.lists(tenths, min_size=size, max_size=size))).reshape(shape)

    point, matrix = array(columns), array(rows, columns)
    sign = data.draw(st.sampled_from([1, -1]))
    lower = np.array([data.draw(st.sampled_from([-np.inf, v, v - 1.0])) for v in point])
    upper = np.array([data.draw(st.sampled_from([np.inf, v, v + 1.0])) for v in point])
    activity = matrix @ point
    free = np.array([data.draw(st.booleans()) for _ in range(rows)])
    program = eo.Program(
        array(columns),
        matrix,
        row_lower=np.where(free, -np.inf, activity),
        row_upper=np.where(free, np.inf, activity + 1.0),
        lower=lower,
        upper=upper,
        sense="minimize" if sign > 0 else "maximize",
        squares=eo.Squares(array(squares, columns), array(squares), np.abs(array(squares))),
    )
    dual = LinearDual(array(rows), square_dual=array(squares))
    objective = program.objective(eo.Point(point))
    rounding = 1e-12 * (1.0 + program.magnitude(eo.Point(point)))
    for bound in (dual.bound(program), dual.proved(program, objective)):
        assert sign * (objective - bound) >= -rounding


def test_a_dense_free_program_is_proved_by_float64_alone() -> None:
    """Least squares over free columns: no reduced cost is exactly 0, and rational elimination would take minutes."""
    rng = np.random.default_rng(3)
    matrix, target = rng.normal(size=(150, 80)), rng.normal(size=150)
    program = eo.Program(np.zeros(80), lower=-np.inf, squares=eo.Squares(matrix, -target))
    x, residual = np.linalg.lstsq(matrix, target, rcond=None)[:2]
    dual = LinearDual([], square_dual=2.0 * (matrix @ x - target))
    assert dual.bound(program) == -np.inf
    assert dual.proved(program, float(residual[0])) == pytest.approx(float(residual[0]), rel=1e-11)


@given(st.data())
def test_solutions_lie_within_their_sizes(data) -> None:
    equations = data.draw(st.integers(1, 4))
    unknowns = equations + data.draw(st.integers(0, 3))
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    matrix, right = rng.normal(size=(equations, unknowns)), rng.normal(size=equations)
    size = solution_size(sparse.csr_array(matrix), np.abs(right))
    if size is None:
        return  # close to dependent
    least = np.linalg.lstsq(matrix, right, rcond=None)[0]
    # The solution of least norm is one of those within the sizes, up to rounding of its own computation.
    assert (np.abs(least) <= size * (1 + 1e-9) + 1e-12).all()


def test_dependent_equations_have_no_size() -> None:
    assert solution_size(sparse.csr_array([[1.0, 2.0], [2.0, 4.0]]), np.ones(2)) is None
    assert solution_size(sparse.csr_array([[1.0], [2.0]]), np.ones(2)) is None


def test_an_exact_optimum_is_substituted_in_rational_numbers() -> None:
    basic, upper = BasisStatus.BASIC, BasisStatus.UPPER
    found = exact_optimum(NEAREST, np.array([basic, basic], np.int8), np.array([upper], np.int8))
    assert (found.objective, found.primal_violation, found.dual_violation) == (2, 0, 0)
    assert found.point == (0, 1)
    # Without the row the point is the target itself, which violates it by 2.
    free = exact_optimum(NEAREST, np.array([basic, basic], np.int8), np.array([basic], np.int8))
    assert (free.objective, free.primal_violation) == (0, 2)


def test_a_ray_along_which_a_square_grows_proves_nothing() -> None:
    start, flat = np.zeros(2), eo.Squares([[1.0, 0.0]])
    assert PrimalRay(start, np.array([0.0, 1.0])).holds(eo.Program([0.0, -1.0], lower=-np.inf, squares=flat))
    for direction in ([0.0, 1.0], [1.0, 1.0], [1e-8, 1.0]):
        ray = PrimalRay(start, np.array(direction))
        assert not ray.holds(eo.Program([0.0, -1.0], lower=-np.inf, squares=eo.Squares(np.eye(2))))
        assert not ray.holds(eo.Program([1.0, 1.0], lower=-np.inf, squares=flat))
