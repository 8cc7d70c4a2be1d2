"""The neutral program: defaults, names, immutability, relaxation, printing."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from scipy import sparse

import edgeopt as eo
from edgeopt.model.program import IndexedNames, bound_excess

inf = np.inf


def test_defaults():
    program = eo.Program([1.0, 2.0], [[1.0, 0.0]])
    np.testing.assert_array_equal([program.row_lower, program.row_upper], [[-inf], [inf]])
    np.testing.assert_array_equal([program.lower, program.upper], [[0.0, 0.0], [inf, inf]])
    assert not program.integral
    assert program.sense == "minimize"
    assert (list(program.column_names), list(program.row_names)) == (["x[0]", "x[1]"], ["row[0]"])
    assert (program.rows, program.columns) == (1, 2)
    assert repr(program) == "Program(minimize, 1 rows, 2 columns (continuous), 1 non-zeros)"
    named = eo.Program([1.0, 2.0], integrality=[True, False], sense="maximize", name="p")
    assert repr(named) == "Program('p', maximize, 0 rows, 2 columns (1 integer), 0 non-zeros)"


def test_scalar_bounds_and_integrality_fill_every_column():
    program = eo.Program([1.0, 2.0], [[1, 1], [1, 2]], 1.0, 5, lower=-inf, upper=3, integrality=True)
    np.testing.assert_array_equal(program.row_lower, [1.0, 1.0])
    np.testing.assert_array_equal(program.upper, [3.0, 3.0])
    assert program.integrality.all()


@pytest.mark.parametrize("kind", [sparse.csr_array, sparse.coo_matrix, sparse.csc_matrix, np.array, list])
def test_any_matrix_becomes_sorted_columns(kind):
    dense = [[0.0, 1.0, 2.0], [3.0, 0.0, 4.0]]
    program = eo.Program(np.ones(3), kind(dense))
    assert isinstance(program.matrix, sparse.csc_array)
    assert program.matrix.has_sorted_indices
    np.testing.assert_array_equal(program.matrix.toarray(), dense)


def test_duplicate_entries_add_up():
    program = eo.Program(np.ones(2), sparse.coo_array(([1.0, 2.0], ([0, 0], [1, 1])), shape=(1, 2)))
    assert (program.matrix.nnz, program.matrix[0, 1]) == (1, 3.0)


def test_names_cost_nothing_until_they_are_read():
    names = IndexedNames("local", 10**9)
    assert len(names) == 10**9
    assert (names[3], names[-1], names[1:3]) == ("local[3]", "local[999999999]", ["local[1]", "local[2]"])
    with pytest.raises(IndexError):
        names[10**9]
    assert names == IndexedNames("local", 10**9)


def test_objective_and_magnitude():
    program = eo.Program([2.0, -3.0], offset=-1.0)
    point = eo.Point([1.0, 2.0])
    assert (program.objective(point), program.magnitude(point)) == (-5.0, 9.0)
    assert program.program() is program
    assert program.decode(np.array([1.0, 2.0])).values.tolist() == program.encode(point).tolist() == [1.0, 2.0]


def test_excess_over_bounds_is_relative_and_knows_infinities():
    activity = np.array([5.0, -5.0, 205.0, 0.0, 0.0, 3.0, np.nan])
    size = np.array([5.0, 20.0, 300.0, 0.0, 0.0, 3.0, 1.0])
    lower = np.array([-inf, 0.0, -inf, inf, -inf, 3.0, 0.0])
    upper = np.array([inf, 1.0, 200.0, inf, -inf, 3.0, 1.0])
    np.testing.assert_array_equal(bound_excess(activity, size, lower, upper), [0.0, 0.25, 0.01, inf, inf, 0.0, inf])


def test_the_relaxation_forgets_integers_only():
    program = eo.Program([1.0], [[1.0]], [0.5], integrality=True, name="n", sense="maximize")
    relaxed = program.relaxation()
    assert not relaxed.integral
    assert (relaxed.name, relaxed.sense, relaxed.row_lower[0]) == ("n", "maximize", 0.5)
    assert program.integral


@pytest.mark.parametrize(
    "program",
    [
        eo.Program(np.zeros(0)),
        eo.Program(np.zeros(0), np.zeros((2, 0)), -1.0, 1.0, offset=4.0),
        eo.Program([1.0], np.zeros((2, 1)), -1.0, 1.0),
        eo.Program([1.0]),
    ],
)
@pytest.mark.parametrize("solver", ["highs", "glop", "pdlp", "scipy", "pyomo", "cvxpy"])
def test_programs_without_rows_or_columns(program, solver):
    solution = eo.solve(program, solver)
    assert (solution.status, solution.objective) == ("optimal", program.offset)
    assert eo.verify(program, solution)


@pytest.mark.parametrize("solver", ["highs", "glop", "pdlp", "scipy", "pyomo", "cvxpy"])
@pytest.mark.parametrize(
    "program",
    [
        eo.Program([1.0], lower=[2.0], upper=[1.0]),
        eo.Program([1.0], lower=[inf]),
        eo.Program([1.0], [[1.0]], [3.0], [2.0]),
        eo.Program(np.zeros(0), np.zeros((1, 0)), 1.0),
        eo.Program([1.0], np.zeros((1, 1)), 1.0),
    ],
)
def test_bounds_that_leave_nothing_are_infeasible(program, solver):
    solution = eo.solve(program, solver)
    assert solution.status == "infeasible", solution
    assert eo.verify(program, solution)


def test_records_can_be_sent_to_other_processes():
    program = eo.Program([1.0, 2.0], [[1.0, 1.0]], [1.0], column_names=["a", "b"])
    again = pickle.loads(pickle.dumps(program))
    assert eo.solve(again, "highs").objective == 1.0
