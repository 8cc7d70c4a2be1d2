"""Exact corrections of float64 duals and rays: what they prove is true, and larger published files need no more."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numerics.data import Data
from numerics.oracle import truth

import edgeopt as eo
from edgeopt.model.outcome import Outcome
from edgeopt.solving.repair import repaired
from edgeopt.verification.corrections import correction
from edgeopt.verification.duality import dual_bound, improves_for_ever
from edgeopt.verification.linear_dual import LinearDual
from edgeopt.verification.propagation import propagated
from edgeopt.verification.unboundedness import PrimalRay

INF = np.inf

small = st.integers(-4, 4)
tenths = st.integers(-9, 9).map(lambda n: n / 10)


@given(st.data())
def test_a_correction_solves_every_equation_exactly(data):
    unknowns = data.draw(st.integers(1, 6))
    rows = data.draw(st.lists(st.lists(tenths, min_size=unknowns, max_size=unknowns), min_size=1, max_size=6))
    behind = [Fraction(data.draw(small), 7) for _ in range(unknowns)]
    equations = [({k: Fraction(a) for k, a in enumerate(row)}, _dot(row, behind)) for row in rows]
    found = correction(equations)
    assert found is not None
    values = [found.get(k, Fraction(0)) for k in range(unknowns)]
    assert [_dot(row, values) for row in rows] == [right for _, right in equations]


def _dot(row, values):
    return sum((Fraction(a) * x for a, x in zip(row, values, strict=True)), Fraction(0))


def test_equations_that_contradict_each_other_have_no_correction():
    one = {0: Fraction(1), 1: Fraction(2)}
    assert correction([(one, Fraction(1)), (dict(one), Fraction(2))]) is None
    assert correction([({}, Fraction(1))]) is None
    assert correction([({0: Fraction(0)}, Fraction(0))]) == {}


@given(st.data())
def test_corrected_duals_never_prove_more_than_the_optimum(data):
    rows, columns = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 4))
    matrix = [[data.draw(tenths) for _ in range(columns)] for _ in range(rows)]
    cost = [data.draw(tenths) for _ in range(columns)]
    sides = [data.draw(small) * 1.0 for _ in range(rows)]
    lower = [data.draw(st.sampled_from([0.0, -1.0, -INF])) for _ in range(columns)]
    upper = [data.draw(st.sampled_from([INF, 2.0])) for _ in range(columns)]
    lp = Data(cost, matrix, sides, sides, lower, upper, [False] * columns, 1, "", 0)
    exact, program = truth(lp), lp.program()
    solution = eo.solve(program, "highs")
    y = solution.certificate.row_dual if isinstance(solution.certificate, LinearDual) else np.zeros(rows)
    noise = np.array([data.draw(st.sampled_from([0.0, 1e-16, -1e-15, 1e-9])) for _ in range(rows)])
    for box in ((program.lower, program.upper), propagated(program)):
        bound = dual_bound(program, y + noise, *box, corrected=True)
        if exact.status == "optimal":
            assert bound == -INF or Fraction(bound) <= exact.objective
        if exact.status == "unbounded":
            assert bound == -INF


def test_columns_that_cancel_each_other_get_reduced_costs_of_exactly_0():
    # Two columns undo each other, so no dual gives either a positive reduced cost; those of 0.1 y are never 0 in float64.
    matrix = [[0.1, 0.3, -0.3, 1.0], [0.7, -0.1, 0.1, 0.0]]
    program = eo.Program([1.0, 0.03, -0.03, 0.5], matrix, [1.0, 0.2], [1.0, 0.2])
    solution = eo.solve(program, "highs")
    assert solution.status == "optimal"
    dual = LinearDual(solution.certificate.row_dual)
    exact = truth(
        Data([1.0, 0.03, -0.03, 0.5], matrix, [1.0, 0.2], [1.0, 0.2], [0.0] * 4, [INF] * 4, [False] * 4, 1, "", 0)
    )
    assert Fraction(dual.proved(program, solution.objective)) <= exact.objective
    assert dual.proved(program, solution.objective) == pytest.approx(float(exact.objective), rel=1e-12)


def test_a_ray_that_rounding_lets_leave_a_row_is_straightened():
    program = eo.Program([-1.0, 0.0], [[0.1, -0.3]], [0.0], [0.0])
    direction = np.array([1.0, 1.0 / 3.0])
    assert Fraction(0.1) * Fraction(direction[0]) != Fraction(0.3) * Fraction(direction[1])
    assert improves_for_ever(program, direction)
    assert PrimalRay(np.zeros(2), direction).holds(program)
    # Where the columns end, no correction helps.
    ended = eo.Program([-1.0, 0.0], [[0.1, -0.3]], [0.0], [0.0], upper=[INF, 5.0])
    assert not improves_for_ever(ended, direction)
    dear = eo.Program([1.0, 0.0], [[0.1, -0.3]], [0.0], [0.0])
    assert not improves_for_ever(dear, direction)


def test_a_point_near_the_rows_is_projected_onto_them():
    program = eo.Program([1.0, 1.0, 0.0], [[1.0, 2.0, -1.0], [0.0, 1.0, 3.0]], [1.0, 2.0], [1.0, 2.0])
    exact = np.array([0.0, 5.0 / 7.0, 3.0 / 7.0])
    near = Outcome.optimal(eo.Point(exact + [1e-12, 3e-8, -1e-8]))
    point = repaired(program, near).decision
    assert not [v for v in program.violations(point).values() if v > 1e-12]
    assert point.values == pytest.approx(exact, abs=1e-7)
    # What is far off is the solver's fault, and stays as it is for the judge to say so.
    far = Outcome.optimal(eo.Point(exact + [0.0, 1e-3, 0.0]))
    assert repaired(program, far).decision.values == pytest.approx(exact + [0.0, 1e-3, 0.0], rel=1e-15)
