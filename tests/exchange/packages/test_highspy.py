"""Models of highspy read as programs, and solutions handed over."""

from __future__ import annotations

import highspy
import numpy as np
import pytest
from made_models import assert_same_numbers, made

import edgeopt as eo

KINDS = highspy.HighsVarType


def quiet():
    h = highspy.Highs()
    h.setOptionValue("output_flag", False)
    h.setOptionValue("presolve", "off")
    return h


def build(seed, rowwise=False):
    given = made(seed)
    expected = given.program([f"x{j}" for j in given.columns], [f"r{i}" for i in given.rows], "made")
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_, lp.offset_, lp.model_name_ = expected.columns, expected.rows, given.offset, "made"
    lp.col_cost_, lp.col_lower_, lp.col_upper_ = given.cost, given.lower, given.upper
    lp.row_lower_, lp.row_upper_ = given.row_lower, given.row_upper
    lp.col_names_, lp.row_names_ = list(expected.column_names), list(expected.row_names)
    matrix = expected.rowwise if rowwise else expected.matrix
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise if rowwise else highspy.MatrixFormat.kColwise
    lp.a_matrix_.start_, lp.a_matrix_.index_, lp.a_matrix_.value_ = matrix.indptr, matrix.indices, matrix.data
    lp.integrality_ = [KINDS.kInteger if integral else KINDS.kContinuous for integral in given.integral]
    lp.sense_ = highspy.ObjSense.kMaximize if given.maximize else highspy.ObjSense.kMinimize
    return expected, lp


@pytest.mark.parametrize("seed", range(30))
def test_what_is_read_is_the_model_and_its_optimum_is_highs(seed):
    expected, lp = build(seed, rowwise=bool(seed % 2))
    h = quiet()
    assert h.passModel(lp) == highspy.HighsStatus.kOk
    for program in (eo.from_highspy(h), eo.from_highspy(lp)):
        assert_same_numbers(program, expected)
        assert list(program.column_names) == list(expected.column_names)
        assert list(program.row_names) == list(expected.row_names)
        assert program.name == "made"
    solution = eo.solve(program)
    solution.assign(h)
    np.testing.assert_array_equal(h.getSolution().col_value, solution.decision.values)
    h.run()
    assert h.getObjectiveValue() == pytest.approx(solution.objective, rel=1e-6, abs=1e-6)


def test_a_model_built_with_expressions():
    """highspy's first example: x0 + x1 + 3 at least, with the optimum 5.75 of its documentation."""
    h = quiet()
    x0, x1 = h.addVariable(0, 4, name="x0"), h.addVariable(1, name="x1")
    h.addConstr(x1 <= 7, name="c1")
    h.addConstr(5 <= x0 + 2 * x1 <= 15, name="c2")
    h.addConstr(3 * x0 + 2 * x1 >= 6, name="c3")
    h.changeObjectiveOffset(3)
    h.changeColsCost(2, np.array([0, 1], np.int32), np.array([1.0, 1.0]))
    program = eo.from_highspy(h)
    assert list(program.column_names) == ["x0", "x1"]
    assert list(program.row_names) == ["c1", "c2", "c3"]
    np.testing.assert_array_equal(program.row_lower, [-np.inf, 5, 6])
    np.testing.assert_array_equal(program.row_upper, [7, 15, np.inf])
    assert program.upper[1] == np.inf
    solution = eo.solve(program)
    assert solution.objective == pytest.approx(5.75)
    solution.assign(h)
    assert (h.val(x0), h.val(x1)) == (pytest.approx(0.5), pytest.approx(2.25))


def test_names_that_are_missing_and_a_model_without_rows():
    h = quiet()
    h.addVar(0, 1)
    h.addVar(0, 1e25)
    program = eo.from_highspy(h)
    assert list(program.column_names) == ["x[0]", "x[1]"]
    assert (program.rows, program.upper[1], program.integral) == (0, np.inf, False)
    assert eo.from_highspy(highspy.Highs()).columns == 0


def test_what_no_linear_program_holds_is_refused_by_name():
    h = quiet()
    h.addVariable(0, 4, name="x")
    h.addVariable(2, 4, name="lot")
    h.changeColsIntegrality(1, np.array([1], np.int32), np.array([KINDS.kSemiContinuous]))
    with pytest.raises(eo.InvalidProblemError, match="column 'lot' of the highspy model is semi-continuous"):
        eo.from_highspy(h)
    h = quiet()
    h.addVariable(0, 4, name="x")
    h.passHessian(1, 1, 1, np.array([0, 1], np.int32), np.array([0], np.int32), np.array([2.0]))
    with pytest.raises(eo.InvalidProblemError, match="the objective of the highspy model has 1 quadratic term"):
        eo.from_highspy(h)
    with pytest.raises(eo.InvalidProblemError, match="expected a highspy.Highs"):
        eo.from_highspy(None)


def test_a_model_of_other_variables_and_a_bare_lp_take_no_values():
    _, lp = build(1)
    solution = eo.solve(eo.from_highspy(lp))
    with pytest.raises(eo.InvalidProblemError, match="HighsLp holds no values"):
        solution.assign(lp)
    h = quiet()
    h.addVariable(0, 4, name="other")
    with pytest.raises(eo.InvalidProblemError, match="has a variable 'other' that the solved program has not"):
        solution.assign(h)
