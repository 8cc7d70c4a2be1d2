"""Exact vertices: worked by hand, against another solver's optima, and on published instances."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import edgeopt as eo
from edgeopt.model.basis import BasisStatus
from edgeopt.verification.rational import exact_vertex

LOWER, BASIC, UPPER, ZERO = BasisStatus.LOWER, BasisStatus.BASIC, BasisStatus.UPPER, BasisStatus.ZERO


def vertex(program: eo.Program, columns, rows, **rest):
    return exact_vertex(
        program.cost,
        program.offset,
        program.matrix,
        program.row_lower,
        program.row_upper,
        program.lower,
        program.upper,
        np.array(columns, np.int8),
        np.array(rows, np.int8),
        **rest,
    )


# x + 3 y >= 1 and 3 x + y >= 1, minimise x + y: the vertex is (1/4, 1/4).
CORNER = eo.Program([1.0, 1.0], [[1.0, 3.0], [3.0, 1.0]], [1.0, 1.0])


def test_the_optimal_basis_has_no_violation_and_the_exact_objective():
    found = vertex(CORNER, [BASIC, BASIC], [LOWER, LOWER])
    assert (found.objective, found.primal_violation, found.dual_violation) == (Fraction(1, 2), 0, 0)


def test_a_third_is_a_third():
    program = eo.Program([1.0], [[3.0]], [1.0], offset=0.5)
    assert vertex(program, [BASIC], [LOWER]).objective == Fraction(1, 3) + Fraction(1, 2)


def test_an_infeasible_basis_says_by_how_much():
    found = vertex(CORNER, [LOWER, LOWER], [BASIC, BASIC])
    assert found.primal_violation == 1


def test_a_suboptimal_basis_has_a_dual_violation():
    # x basic in the first row, y = 0: feasible only as (1, 0), and y's price is 1 - 3 < 0.
    found = vertex(CORNER, [BASIC, LOWER], [LOWER, BASIC])
    assert (found.objective, found.primal_violation, found.dual_violation) == (1, 0, 2)


def test_a_float_optimum_that_is_not_exact_is_told_apart():
    # 0.1 + 0.2 > 0.3 in float64, exactly.
    program = eo.Program([0.0, 0.0], [[1.0, 1.0]], row_upper=[0.3], lower=[0.1, 0.2])
    found = vertex(program, [LOWER, LOWER], [BASIC])
    assert found.primal_violation == Fraction(0.1) + Fraction(0.2) - Fraction(0.3) > 0


def test_equality_rows_free_columns_and_upper_bounds():
    program = eo.Program(
        [0.0, -1.0, 0.0], [[1.0, 1.0, 1.0]], [7.0], [7.0], [-np.inf, 0.0, -np.inf], [np.inf, 2.0, np.inf]
    )
    found = vertex(program, [BASIC, UPPER, ZERO], [LOWER])
    assert (found.objective, found.primal_violation, found.dual_violation) == (-2, 0, 0)


def test_nothing_to_solve():
    found = vertex(eo.Program([1.0, -1.0], lower=[2.0, 0.0], upper=[3.0, 5.0]), [LOWER, UPPER], [])
    assert (found.objective, found.primal_violation, found.dual_violation) == (-3, 0, 0)


def test_a_basis_of_the_wrong_size_a_singular_and_a_large_one_are_refused():
    with pytest.raises(eo.NoSolutionError, match="1 basic columns for 2 tight rows"):
        vertex(CORNER, [BASIC, LOWER], [LOWER, LOWER])
    twice = eo.Program([1.0, 1.0], [[1.0, 1.0], [1.0, 1.0]], [1.0, 1.0])
    with pytest.raises(eo.NoSolutionError, match="singular"):
        vertex(twice, [BASIC, BASIC], [LOWER, LOWER])
    with pytest.raises(eo.NoSolutionError, match="at most 1"):
        vertex(CORNER, [BASIC, BASIC], [LOWER, LOWER], limit=1)


def test_singular_and_badly_scaled_bases_are_refused_and_do_not_hang():
    # The last row is a combination of the others, which a float64 factorisation does not see.
    rows = [[3.0, 3, 3, -8], [9, 1, 8, -4], [-3, 7, -6, -8], [-21, -5, -19, 16]]
    program = eo.Program(np.zeros(4), rows, [0.7, 0.6, 0.6, -0.4], lower=-np.inf)
    with pytest.raises(eo.NoSolutionError, match="singular"):
        vertex(program, [BASIC] * 4, [LOWER] * 4)
    # A small system is eliminated in rational arithmetic, whatever its scale; a larger one starts from float64.
    assert vertex(eo.Program([1.0], [[1e-200]], [1e200]), [BASIC], [LOWER]).primal_violation == 0
    size = 20
    with pytest.raises(eo.NoSolutionError, match="scaled"):
        vertex(eo.Program(np.ones(size), 1e-200 * np.eye(size), 1e200), [BASIC] * size, [LOWER] * size)


whole = st.integers(-9, 9).map(float)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_random_optima_are_proved_exactly(data):
    columns, rows = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 6))
    draw = lambda count: data.draw(st.lists(whole, min_size=count, max_size=count))  # noqa: E731
    program = eo.Program(
        draw(columns), np.reshape(draw(rows * columns), (rows, columns)), row_upper=np.abs(draw(rows)), upper=7.0
    )
    solution = eo.solve(program, "highs")
    checked = eo.verify(program, solution, exact=True)
    assert checked.exact, checked.message


@pytest.mark.parametrize("name", ["afiro", "adlittle"])
def test_published_optima_are_proved_exactly(excerpts, name):
    proved_exactly(excerpts / "mps" / f"{name}.mps")


@pytest.mark.parametrize("name", ["israel", "e226", "etamacro", "scrs8"])
def test_larger_published_optima_are_proved_exactly(data_dir, name):
    proved_exactly(data_dir / "mps" / f"{name}.mps")


def proved_exactly(path):
    program = eo.Program.read(path)
    checked = eo.verify(program, eo.solve(program, "highs"), exact=True)
    assert checked.exact, checked.message


def test_what_cannot_be_checked_exactly_says_so():
    program = eo.Program([1.0], [[1.0]], [1.0])
    checked = eo.verify(program, eo.solve(program, "pdlp"), exact=True)
    assert not checked.exact
    assert "basis" in checked.message
