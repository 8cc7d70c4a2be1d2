"""Indicators, maxima, absolute values and straight pieces: equal to what they stand for, or refused by name."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import edgeopt as eo
from edgeopt import InvalidProblemError
from edgeopt.testing import brute_force


class Switched(eo.Formulation):
    value: eo.Array = eo.data("items")
    cost: eo.Array = eo.data("items")
    most: eo.Array = eo.data("items")
    upper: float = 4.0

    def declare(self, m):
        x = m.integer("x", "items", upper=self.upper)
        on = m.binary("on", "items")
        m.maximize((self.value * x).sum() + (self.cost * on).sum())
        m.subject_to(small=(x <= self.most).when(on), even=(x + 1.0 >= self.most).when(on))


@pytest.mark.slow
@given(st.integers(0, 10_000))
def test_an_indicator_is_what_brute_force_over_the_declaration_finds(seed):
    rng = np.random.default_rng(seed)
    problem = Switched(value=rng.normal(size=2), cost=rng.normal(size=2) * 3, most=rng.integers(0, 5, 2).astype(float))
    assert eo.solve(problem).objective == pytest.approx(brute_force(problem), abs=1e-9)


def test_the_constant_of_an_indicator_is_the_smallest_that_is_needed():
    problem = Switched(value=[1.0], cost=[0.0], most=[1.0])
    program = problem.program()
    assert program.matrix.toarray().tolist() == [[1.0, 3.0], [1.0, 0.0]]
    assert program.row_upper[0] == 4.0


def test_an_indicator_without_bounds_names_the_one_that_is_missing():
    problem = Switched(value=[1.0], cost=[0.0], most=[1.0], upper=3.0)

    class Unbounded(Switched):
        def declare(self, m):
            x = m.continuous("x", "items")
            on = m.binary("on", "items")
            m.maximize((self.value * x).sum())
            m.subject_to(small=(x <= self.most).when(on))

    assert problem.program().rows == 2
    with pytest.raises(InvalidProblemError, match=r"small: .* x\[0\] has no finite upper bound; give upper="):
        Unbounded(value=[1.0], cost=[0.0], most=[1.0]).program()


@pytest.mark.parametrize(
    "switch", [lambda on, x: x, lambda on, x: 2.0 * on, lambda on, x: on + on, lambda on, x: 1 - on]
)
def test_a_switch_is_a_binary_itself(switch):
    class Odd(eo.Formulation):
        a: eo.Array = eo.data("r")

        def declare(self, m):
            x, on = m.continuous("x", "r", upper=1.0), m.binary("on", "r")
            m.minimize(x.sum())
            m.subject_to(odd=(x >= self.a).when(switch(on, x)))

    with pytest.raises(InvalidProblemError, match=r"odd: when\(\.\.\.\) needs"):
        Odd(a=[1.0]).program()


def test_an_equation_that_is_switched_is_two_rows():
    class Equal(eo.Formulation):
        a: float

        def declare(self, m):
            x, on = m.continuous("x", upper=9.0), m.binary("on")
            m.maximize(x + 20.0 * on)
            m.subject_to(equal=(x == self.a).when(on))

    problem = Equal(a=4.0)
    assert list(problem.program().row_names) == ["equal_at_most", "equal_at_least"]
    assert eo.solve(problem).decision.x == pytest.approx(4.0)


class Distance(eo.Formulation):
    target: eo.Array = eo.data("points")
    weight: float = 1.0

    def declare(self, m):
        x = m.continuous("x", lower=-10.0, upper=10.0)
        far = m.absolute("far", x - self.target)
        m.minimize(self.weight * far.sum())


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=7))
def test_the_sum_of_distances_is_least_at_a_median(targets):
    solution = eo.solve(Distance(target=targets))
    assert solution.objective == pytest.approx(np.abs(np.median(targets) - targets).sum(), abs=1e-7)
    assert solution.decision.far == pytest.approx(np.abs(solution.decision.x - np.array(targets)), abs=1e-7)


def test_an_absolute_value_that_may_be_overstated_is_refused():
    with pytest.raises(
        InvalidProblemError, match="far stands for a maximum or absolute value, but the objective gains"
    ):
        Distance(target=[1.0], weight=-1.0).program()

    class InARow(Distance):
        def declare(self, m):
            x = m.continuous("x", upper=10.0)
            m.minimize(x)
            m.subject_to(apart=m.absolute("far", x - self.target) >= 1.0)

    with pytest.raises(InvalidProblemError, match="a constraint gains"):
        InARow(target=[1.0]).program()


def test_straight_pieces_and_minima():
    class Pieces(eo.Formulation):
        demand: eo.Array = eo.data("time")

        def declare(self, m):
            x = m.continuous("x", "time", lower=self.demand)
            cost = m.piecewise("cost", x, slopes=[1.0, 3.0], intercepts=[0.0, -4.0])
            least = m.minimum("least", x.sum(), 100.0)
            m.maximize(0.5 * least - cost.sum())

    problem = Pieces(demand=[1.0, 3.0])
    solution = eo.solve(problem)
    x = solution.decision.x
    assert solution.decision.cost == pytest.approx(np.maximum(x, 3 * x - 4))
    assert solution.objective == pytest.approx(0.5 * 4.0 - (1.0 + 5.0))


def test_the_sensitivity_of_a_mixed_problem_with_switches_is_that_of_its_continuous_part():
    class Mixed(eo.Formulation):
        price: eo.Array = eo.data("s")
        floor: eo.Array = eo.data("s")
        demand: float

        def declare(self, m):
            x, on = m.continuous("x", "s", upper=9.0), m.binary("on", "s")
            m.minimize((self.price * x).sum() + 2.0 * on.sum())
            m.subject_to(demand=x.sum() == self.demand, floor=(x >= self.floor).when(on), used=x <= 9.0 * on)

    problem = Mixed(price=[1.0, 2.0], floor=[1.0, 3.0], demand=11.0)
    found = eo.sensitivity(eo.solve(problem, "highs"))
    assert found.fields["price"] == pytest.approx([8.0, 3.0])
    assert found.fields["floor"] == pytest.approx([0.0, 1.0])
    assert found.fields["demand"] == pytest.approx(1.0)
    assert "on fixed" in found.note
