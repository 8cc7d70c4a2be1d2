"""Right certificates hold and perturbed ones do not, on programs small enough to work by hand."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

import edgeopt as eo
from edgeopt.formulations.offloading import LocalFractionMultiplier, TooFewAvailable
from edgeopt.verification.infeasibility import CrossedBounds, FarkasRay
from edgeopt.verification.linear_dual import LinearDual
from edgeopt.verification.rational import vertex_of
from edgeopt.verification.solver_words import MixedIntegerBound, SolverClaim, objective_step
from edgeopt.verification.unboundedness import PrimalRay

inf = np.inf

# Hillier and Lieberman's Wyndor Glass: max 3x + 5y, x <= 4, 2y <= 12, 3x + 2y <= 18; optimum 36 at (2, 6), prices
# (0, 3/2, 1). Its mirror image minimises the negative.
WYNDOR = eo.Program(
    [3.0, 5.0],
    [[1, 0], [0, 2], [3, 2]],
    row_upper=[4.0, 12.0, 18.0],
    sense="maximize",
    offset=1.0,
    row_names=["plant 1", "plant 2", "plant 3"],
)
MIRROR = eo.Program([-3.0, -5.0], [[1, 0], [0, 2], [3, 2]], row_upper=[4.0, 12.0, 18.0], offset=-1.0)
# A diet: min 2x + 3y, x + y >= 4, x + 3y >= 6, x <= 2.5; optimum 9.5 at (2.5, 1.5), prices (3, 0), x's reduced cost -1.
DIET = eo.Program([2.0, 3.0], [[1, 1], [1, 3]], row_lower=[4.0, 6.0], upper=[2.5, inf])


@pytest.mark.parametrize(
    ("program", "point", "dual", "value"),
    [
        (WYNDOR, [2.0, 6.0], [0.0, 1.5, 1.0], 37.0),
        (MIRROR, [2.0, 6.0], [0.0, -1.5, -1.0], -37.0),
        (DIET, [2.5, 1.5], [3.0, 0.0], 9.5),
    ],
)
def test_prices_worked_by_hand_prove_the_optimum(program, point, dual, value):
    certificate, decision = LinearDual(np.array(dual)), eo.Point(point)
    assert program.objective(decision) == pytest.approx(value)
    assert certificate.bound(program) == pytest.approx(value)
    assert certificate.optimality_gap(program, decision) == pytest.approx(0.0, abs=1e-12)
    for i in range(len(dual)):
        wrong = np.array(dual)
        wrong[i] += 0.01
        assert program.sense.sign * (value - LinearDual(wrong).bound(program)) > (1e-3 if dual[i] else -1e-9)
    opposite = LinearDual(-np.array(dual))
    assert program.sense.sign * (value - opposite.bound(program)) > 1.0


def test_prices_have_names_and_print():
    certificate = LinearDual(np.array([0.0, 1.5, 1.0]))
    assert certificate.prices(WYNDOR) == {"plant 2": 1.5, "plant 3": 1.0}
    assert str(certificate) == "LP duals: 2 of 3 rows have a price"
    assert "LP duals and basis" in str(LinearDual(np.ones(1), np.array([1]), np.array([0])))


def test_prices_that_are_none_prove_nothing():
    decision = eo.Point([2.0, 6.0])
    assert LinearDual(np.ones(2)).optimality_gap(WYNDOR, decision) == inf
    assert LinearDual(np.array([np.nan, 1.5, 1.0])).optimality_gap(WYNDOR, decision) == inf
    # A negative price on a "<=" row bets on a lower bound that is not there: it counts as 0.
    assert LinearDual(np.array([-1.0, 1.5, 1.0])).bound(WYNDOR) == pytest.approx(37.0)
    assert LinearDual(np.array([0.0, -1.5, 1.0])).bound(WYNDOR) == inf


def test_a_reduced_cost_of_the_wrong_sign_is_not_small_beside_a_large_cost():
    # x1 is worth 1e-6 a unit up to 1e12, which a threshold relative to the cost of x0 would forget.
    program = eo.Program([1e6, -1e-6, 0.0], [[0.0, 1.0, 1.0]], -inf, 1e12, [1.0, 0.0, 0.0], inf)
    assert LinearDual(np.zeros(1)).bound(program) == -inf
    assert LinearDual(np.array([-1e-6])).bound(program) == pytest.approx(0.0, abs=1e-3)


def test_a_bound_is_proved_by_a_basis_where_the_duals_are_no_floats():
    # min x + y over 3 x + y >= 1, x + 3 y >= 1: the prices are 1/4 ... and 1/3 of another; both columns are unbounded.
    program = eo.Program([1.0, 1.0], [[3.0, 1.0], [1.0, 7.0]], [1.0, 1.0])
    dual = LinearDual(np.array([0.3, 0.1]), np.array([1, 1]), np.array([0, 0]))
    assert LinearDual(dual.row_dual).bound(program) == -inf
    assert dual.exact_bound(program) == pytest.approx(0.4, rel=1e-15)
    assert dual.optimality_gap(program, eo.Point([0.3, 0.1])) == pytest.approx(0.0, abs=1e-15)


def test_the_bound_of_any_prices_is_never_on_the_wrong_side():
    """Weak duality: whatever the prices, no feasible point beats their bound."""

    @settings(max_examples=300, deadline=None)
    @given(st.lists(st.floats(-10, 10), min_size=3, max_size=3), st.floats(0, 1), st.floats(0, 1))
    def law(prices, a, b):
        x = np.array([4.0 * a, 6.0 * b])
        x *= min(1.0, 18.0 / max(18.0, 3 * x[0] + 2 * x[1]))
        assert LinearDual(np.array(prices)).optimality_gap(WYNDOR, eo.Point(x)) >= -1e-9

    law()


def test_the_bound_of_a_branch_and_bound_solver():
    knapsack = eo.Program([5.0, 4.0], [[2.0, 3.0]], row_upper=[4.0], upper=1.0, integrality=True, sense="maximize")
    best = eo.Point([1.0, 0.0])
    # Nobody's word counts.
    assert MixedIntegerBound(5.0, "s").optimality_gap(knapsack, best) == inf
    # The relaxation proves 5 + 4 * 2/3, and objectives are whole.
    relaxed = LinearDual(np.array([4 / 3]))
    assert MixedIntegerBound(5.0, "s", relaxed).optimality_gap(knapsack, best) == 2.0
    # The bounds that points as good as this one have are x = 1, y = 0.
    assert MixedIntegerBound(5.0, "s", relaxed).optimality_gap(
        replace(knapsack, cost=[5.0, 4.1]), best
    ) == pytest.approx(8 / 3)
    assert "relaxation bound 7.666666667 (checked)" in str(MixedIntegerBound(5.0, "s", relaxed, 23 / 3))


def test_the_step_between_objectives_of_integer_points():
    program = eo.Program([6.0, 0.0, -4.0], integrality=[1, 0, 1])
    assert objective_step(program) == 2.0
    assert objective_step(replace(program, cost=[0.5, 0.0, 0.75])) == 0.25
    assert objective_step(replace(program, cost=[6.0, 1.0, 4.0])) == 0.0  # a continuous column costs
    assert objective_step(replace(program, cost=[0.1, 0.0, 0.2])) == 0.0
    assert objective_step(replace(program, cost=np.zeros(3))) == 0.0


CONTRADICTION = eo.Program([0.0, 0.0], [[1.0, 1.0], [1.0, -1.0]], [4.0, -inf], [inf, 1.0], upper=[2.0, 1.5])


def test_a_farkas_ray_worked_by_hand():
    # x + y >= 4 against x <= 2, y <= 1.5: the first row alone.
    assert FarkasRay(np.array([1.0, 0.0])).holds(CONTRADICTION)
    assert FarkasRay(np.array([1e-200, 0.0])).holds(CONTRADICTION)
    for wrong in ([-1.0, 0.0], [0.0, 1.0], [1.0, -2.0], [0.0, 0.0], [np.nan, 0.0], [1.0], [1.0, inf]):
        assert not FarkasRay(np.array(wrong)).holds(CONTRADICTION)
    assert not FarkasRay(np.array([1.0, 0.0])).holds(
        eo.Program([0.0, 0.0], CONTRADICTION.matrix, [3.5, -inf], [inf, 1.0], upper=[2.0, 1.5])
    )
    assert "over 1 rows" in str(FarkasRay(np.array([1.0, 0.0])))


def test_a_farkas_ray_may_not_forget_a_small_coefficient_before_a_far_bound():
    # (1 + 1e-10) x - w >= 1 and x - w <= 0 hold at x = w = 1e10, which the bounds allow.
    program = eo.Program([0.0, 0.0], [[1 + 1e-10, -1], [1, -1]], [1.0, -inf], [inf, 0.0], upper=1e11)
    assert not FarkasRay(np.array([1.0, -1.0])).holds(program)


def test_a_primal_ray_worked_by_hand():
    # max x - y with x - 2y <= 4: (2, 1) goes on for ever and gains 1.
    program = eo.Program([1.0, -1.0], [[1.0, -2.0]], row_upper=[4.0], sense="maximize")
    point, ray = np.array([4.0, 0.0]), np.array([2.0, 1.0])
    assert PrimalRay(point, ray).holds(program)
    assert PrimalRay(point, ray * 1e-200).holds(program)
    assert PrimalRay(point, ray + np.array([0.0, 1e-12])).holds(program)
    assert not PrimalRay(point, -ray).holds(program)
    assert not PrimalRay(np.array([9.0, 0.0]), ray).holds(program)
    assert not PrimalRay(point, np.array([1.0, 0.0])).holds(program)
    assert not PrimalRay(point, np.array([1.0, 1.0])).holds(program)  # stays feasible, gains nothing
    assert not PrimalRay(point, np.zeros(2)).holds(program)
    assert not PrimalRay(point, np.array([np.nan, 1.0])).holds(program)
    assert not PrimalRay(point[:1], ray).holds(program)
    assert not PrimalRay(point, ray).holds(eo.Program([1.0, -1.0], [[1.0, -2.0]], row_upper=[4.0]))
    assert "over 2 columns" in str(PrimalRay(point, ray))


def test_a_primal_ray_may_not_run_into_a_row_with_small_coefficients():
    program = eo.Program([1.0], [[1e-10]], row_upper=[1.0], sense="maximize")
    assert not PrimalRay(np.zeros(1), np.ones(1)).holds(program)


def test_the_ray_of_an_integer_program_starts_from_an_integer_point():
    program = eo.Program([-1.0], integrality=True)
    assert PrimalRay(np.array([2.0]), np.ones(1)).holds(program)
    assert not PrimalRay(np.array([2.5]), np.ones(1)).holds(program)


def test_bounds_that_leave_no_value():
    program = eo.Program(
        [1.0, 1.0, 1.0],
        sparse.eye_array(3),
        [2.0, 0.0, 0.0],
        [1.0, 1.0, 1.0],
        [0.0, 0.3, inf],
        [1.0, 0.7, inf],
        [False, True, False],
    )
    held = [CrossedBounds(row, i).holds(program) for row in (True, False) for i in (-1, 0, 1, 2, 3)]
    assert held == [False, True, False, False, False, False, False, True, True, False]
    assert "row number 0" in str(CrossedBounds(True, 0))


def test_a_word_is_admissible_for_integer_programs_only():
    assert not SolverClaim("infeasible", "s").holds(CONTRADICTION)
    assert "not checked" in str(SolverClaim("infeasible", "s")) or "word" in str(SolverClaim("infeasible", "s"))


PROBLEM = eo.OfflineOffloading([3.0, 1.0, 2.0, 5.0], [1.0, 1.5, 1.0, 1.0], min_local_fraction=0.5)  # b = 2, -.5, 1, 4


def test_the_multiplier_of_the_local_fraction():
    best = eo.OffloadingDecision(np.array([False, True, True, False]))
    assert PROBLEM.multiplier == 1.0
    for multiplier in (1.0, 1.5, 2.0):  # any price between the last local and the first remote benefit
        assert LocalFractionMultiplier(multiplier).optimality_gap(PROBLEM, best) == 0.0
    for multiplier in (0.5, 2.5):
        assert LocalFractionMultiplier(multiplier).optimality_gap(PROBLEM, best) > 0.0
    for multiplier in (-1.0, np.nan, inf):
        assert LocalFractionMultiplier(multiplier).optimality_gap(PROBLEM, best) == inf
    worse = eo.OffloadingDecision(np.array([True, True, False, False]))
    assert LocalFractionMultiplier(1.0).optimality_gap(PROBLEM, worse) == pytest.approx(0.25)  # (2 - 1) / 4 too dear
    assert LocalFractionMultiplier(1.0).optimality_gap(CONTRADICTION, eo.Point([0.0, 0.0])) == inf


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(-5, 5), min_size=1, max_size=7), st.floats(0, 1), st.floats(0, 6), st.randoms())
def test_no_multiplier_proves_too_much(benefits, fraction, multiplier, random):
    problem = eo.OfflineOffloading(benefits, np.zeros(len(benefits)), fraction)
    optimum = eo.solve(problem, "exhaustive").objective
    local = [random.random() < 0.5 for _ in benefits]
    for index in random.sample(range(len(local)), len(local)):
        if sum(local) < problem.min_local:
            local[index] = True
    decision = eo.OffloadingDecision(np.array(local))
    slack = LocalFractionMultiplier(multiplier).optimality_gap(problem, decision)
    assert problem.objective(decision) - slack <= optimum + 1e-12


def test_too_few_available_is_recounted():
    problem = eo.OfflineOffloading(np.ones(4), np.zeros(4), 0.75, local_available=np.array([1, 1, 0, 0], bool))
    assert TooFewAvailable(3, 2).holds(problem)
    for required, available in ((3, 1), (4, 2), (2, 2)):
        assert not TooFewAvailable(required, available).holds(problem)
    assert not TooFewAvailable(2, 4).holds(PROBLEM)
    assert not TooFewAvailable(3, 2).holds(CONTRADICTION)
    assert str(TooFewAvailable(3, 2)) == "3 decisions must be local, only 2 can be"


def test_an_optimum_of_zero_is_not_lost_in_rounding():
    # x + w = 0 and x = 2w: the prices are thirds, and leave 5.6e-17 of a reduced cost where there is none.
    program = eo.Program([0.0, 1.0], [[-1.0, -1.0], [-1.0, 2.0]], 0.0, 0.0, [0.0, -3.0], [1.0, 1.0])
    dual = LinearDual(np.array([-0.3333333333333333, 0.33333333333333326]))
    assert dual.optimality_gap(program, eo.Point([0.0, 0.0])) == pytest.approx(0.0, abs=1e-15)
    for solver in ("highs", "scipy", "glop"):
        assert eo.solve(program, solver).status == "optimal"


def test_exact_duals_prove_what_floats_cannot_and_travel_without_what_they_remember():
    rng = np.random.default_rng(0)
    matrix = rng.integers(1, 9, (20, 30)).astype(float)
    program = eo.Program(rng.integers(1, 9, 30).astype(float), matrix, matrix @ rng.random(30))
    solution = eo.solve(program, "highs")
    dual = solution.certificate
    assert solution.proved
    assert dual.exact_bound(program) == pytest.approx(solution.objective, rel=1e-12)
    assert dual.exact_bound(program) <= float(vertex_of(program, dual.column_basis, dual.row_basis, 100).objective)
    again = pickle.loads(pickle.dumps(dual))
    assert again.exact_bound(program) == dual.exact_bound(program)
    doubled = replace(program, cost=2 * program.cost)
    assert dual.exact_bound(doubled) == pytest.approx(2 * solution.objective, rel=1e-12)
