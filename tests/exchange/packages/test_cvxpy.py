"""CVXPY problems read as programs, and values written back into them."""

from __future__ import annotations

import warnings

import cvxpy as cp
import numpy as np
import pytest
from made_models import assert_same_numbers, made

import edgeopt as eo


def build(seed):
    given = made(seed)
    x = cp.Variable(len(given.columns), name="x", integer=np.nonzero(given.integral) if given.integral.any() else False)
    low, high = np.isfinite(given.row_lower), np.isfinite(given.row_upper)
    equal = given.row_lower == given.row_upper
    constraints = [x >= given.lower, x <= given.upper]
    parts = [
        (given.matrix[equal] @ x == given.row_lower[equal]) if equal.any() else None,
        (given.matrix[low & ~equal] @ x >= given.row_lower[low & ~equal]) if (low & ~equal).any() else None,
        (given.matrix[high & ~equal] @ x <= given.row_upper[high & ~equal]) if (high & ~equal).any() else None,
    ]
    constraints += [part for part in parts if part is not None]
    goal = given.cost @ x + given.offset
    return given, cp.Problem(cp.Maximize(goal) if given.maximize else cp.Minimize(goal), constraints), x


@pytest.mark.parametrize("seed", range(30))
def test_the_optimum_is_cvxpys_and_the_values_come_back(seed):
    given, problem, x = build(seed)
    program = eo.from_cvxpy(problem)
    assert list(program.column_names) == [f"x[{j}]" for j in given.columns]
    assert program.offset == given.offset
    assert program.sense == given.sense
    np.testing.assert_array_equal(program.cost, given.cost)
    np.testing.assert_array_equal(program.integrality, given.integral)
    solution = eo.solve(program)
    solution.assign(problem)
    assert problem.status == "optimal"
    assert problem.value == pytest.approx(solution.objective, rel=1e-9, abs=1e-9)
    np.testing.assert_array_equal(x.value, solution.decision.values)
    assert own_optimum(problem) == pytest.approx(solution.objective, rel=1e-6, abs=1e-6)


def own_optimum(problem):
    with np.errstate(invalid="ignore"):  # CVXPY multiplies 0 by infinite bounds
        return problem.solve(solver=cp.HIGHS)


@pytest.mark.parametrize("seed", range(30))
def test_a_program_comes_back_from_its_own_problem(seed):
    """Ranges come as two rows, one-column rows as bounds: what is said stays the same to the last bit."""
    given = made(seed)
    program = given.program([f"pears and {j}" for j in given.columns], [f"r{i}" for i in given.rows])
    back = eo.from_cvxpy(program.to_cvxpy())
    assert list(back.column_names) == list(program.column_names)
    assert_same_numbers(normal(back), normal(program), order=False)


def normal(program):
    """Rows with one side each, written with their upper one; single columns with a factor of one as bounds."""
    lower, upper, rows = program.lower.copy(), program.upper.copy(), []
    for row, low, high in zip(program.matrix.toarray(), program.row_lower, program.row_upper, strict=True):
        if low == high:
            rows.append((row, low, high))
            continue
        for a, side in ((row, high), (-row, -low)):
            used = np.flatnonzero(a)
            if np.isinf(side):
                continue
            if used.size == 1 and abs(a[used[0]]) == 1:
                j = used[0]
                if a[j] > 0:
                    upper[j] = min(upper[j], side)
                else:
                    lower[j] = max(lower[j], -side)
            else:
                rows.append((a, -np.inf, side))
    matrix = np.array([a for a, _, _ in rows]).reshape(len(rows), program.columns) + 0.0
    return eo.Program(
        program.cost,
        matrix,
        [low for _, low, _ in rows],
        [high for _, _, high in rows],
        lower,
        upper,
        program.integrality,
        program.sense,
        program.offset,
        program.column_names,
    )


def test_shapes_attributes_and_labels():
    x = cp.Variable((2, 2), nonneg=True, name="x")
    y = cp.Variable(boolean=True, name="y")
    s = cp.Variable((2, 2), symmetric=True, name="s")
    d = cp.Variable((2, 2), diag=True, name="d")
    w = cp.Variable(3, bounds=[-1, 2], name="w")
    b = cp.Variable(2, boolean=[(1,)], name="b")
    limit = cp.sum(x) + cp.sum(w) <= 7 * y
    goal = cp.Maximize(cp.sum(x) + 2 * cp.sum(s) + cp.trace(d) + cp.sum(b) + y - 5)
    constraints = [x <= 3, s == x, d <= s + 1, 2 * b <= 3]
    if hasattr(limit, "set_label"):
        limit.set_label("limit")
    problem = cp.Problem(goal, [*constraints, limit])
    program = eo.from_cvxpy(problem)
    names = list(program.column_names)
    assert {"x[0, 0]", "x[1, 0]", "y", "s[0, 0]", "s[0, 1]", "s[1, 1]", "d[0, 0]", "d[1, 1]", "w[2]", "b[1]"} < set(
        names
    )
    assert "s[1, 0]" not in names
    assert program.upper[names.index("x[1, 0]")] == 3
    assert program.integrality[[names.index("y"), names.index("b[1]"), names.index("b[0]")]].tolist() == [
        True,
        True,
        False,
    ]
    assert program.upper[names.index("y")] == 1
    assert program.lower[names.index("w[0]")] == -1
    assert program.offset == -5
    assert {"constraints[1][0, 1]", "limit" if hasattr(limit, "set_label") else "constraints[4]"} < set(
        program.row_names
    )
    solution = eo.solve(program)
    solution.assign(problem)
    assert problem.value == pytest.approx(solution.objective)
    np.testing.assert_allclose(s.value, x.value)
    assert all(constraint.violation().max() <= 1e-9 for constraint in problem.constraints)
    assert own_optimum(problem) == pytest.approx(solution.objective, rel=1e-6)


@pytest.mark.parametrize("seed", range(12))
def test_piecewise_linear_atoms_are_written_by_cvxpy(seed):
    draw = np.random.default_rng(seed)
    a, b = draw.integers(-3, 4, (4, 3)), draw.integers(-3, 4, 4)
    x = cp.Variable(3, name="x", integer=bool(seed % 2))
    costs = [cp.norm1(a @ x - b), cp.max(a @ x - b), cp.norm_inf(a @ x - b), cp.sum(cp.pos(a @ x - b)) + 2]
    problem = cp.Problem(cp.Minimize(costs[seed % 4]), [cp.abs(x) <= 4, cp.sum_largest(x, 2) <= 3])
    program = eo.from_cvxpy(problem)
    assert [name for name in program.column_names if not name.startswith("auxiliary")] == ["x[0]", "x[1]", "x[2]"]
    solution = eo.solve(program)
    solution.assign(problem)
    assert problem.value == pytest.approx(solution.objective, rel=1e-7, abs=1e-7)
    assert own_optimum(problem) == pytest.approx(solution.objective, rel=1e-6, abs=1e-6)


def test_parameters_count_with_the_values_that_they_have_now():
    x, price = cp.Variable(2, name="x"), cp.Parameter(2, name="price", value=[1.0, 2.0])
    problem = cp.Problem(cp.Minimize(price @ x), [x >= 1])
    assert eo.solve(eo.from_cvxpy(problem)).objective == pytest.approx(3.0)
    price.value = [5.0, 2.0]
    assert eo.solve(eo.from_cvxpy(problem)).objective == pytest.approx(7.0)


def test_a_finite_set_is_written_with_binary_columns():
    x = cp.Variable(2, name="x")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of CVXPY, about its own code
        problem = cp.Problem(cp.Minimize(cp.max(x)), [cp.sum(x) == 3, cp.constraints.FiniteSet(x[0], [0, 1, 4])])
    solution = eo.solve(eo.from_cvxpy(problem))
    assert solution.objective == pytest.approx(2.0)
    solution.assign(problem)
    np.testing.assert_allclose(x.value, [1, 2])


def refused():
    x = cp.Variable(2, name="x")
    yield cp.Problem(cp.Minimize(cp.sum_squares(x))), "the objective of the CVXPY problem is not linear"
    yield cp.Problem(cp.Minimize(x[0]), [x >= 0, cp.norm(x) <= 1]), r"constraint 'constraints\[1\]' .* is not linear"
    yield cp.Problem(cp.Minimize(x[0]), [x >= 0, cp.abs(x) >= 1]), r"constraint 'constraints\[1\]' .* is not convex"
    yield cp.Problem(cp.Minimize(x[0]), [cp.exp(x) <= 1]), "is not linear: exp"
    yield cp.Problem(cp.Minimize(x[0]), [cp.SOC(x[0], x)]), "is of the kind SOC"
    yield cp.Problem(cp.Minimize(cp.trace(cp.Variable((2, 2), PSD=True, name="P")))), "variable 'P' .* declared PSD"
    yield cp.Problem(cp.Minimize(cp.real(cp.Variable(complex=True, name="z")))), "variable 'z' .* declared complex"
    yield cp.Problem(cp.Minimize(3)), "the CVXPY problem has no variables"
    yield cp.Problem(cp.Minimize(x[0]), [x >= cp.Parameter(name="q")]), "parameter 'q' .* has no value"


@pytest.mark.parametrize(("problem", "words"), list(refused()))
def test_what_no_linear_program_holds_is_refused_by_name(problem, words):
    with pytest.raises(eo.InvalidProblemError, match=words):
        eo.from_cvxpy(problem)


def test_other_things_and_other_problems_are_refused():
    with pytest.raises(eo.InvalidProblemError, match="expected a cvxpy.Problem"):
        eo.from_cvxpy(cp.Variable())
    x, y = cp.Variable(2, nonneg=True, name="x"), cp.Variable(3, nonneg=True, name="x")
    solution = eo.solve(eo.from_cvxpy(cp.Problem(cp.Minimize(cp.sum(x)))))
    with pytest.raises(eo.InvalidProblemError, match=r"has a variable 'x\[2\]' that the solved program has not"):
        solution.assign(cp.Problem(cp.Minimize(cp.sum(y))))
    assert y.value is None


def test_two_variables_of_one_name_are_told_apart():
    x, y = cp.Variable(nonneg=True, name="x"), cp.Variable(nonneg=True, name="x")
    problem = cp.Problem(cp.Minimize(x + 2 * y), [x + y >= 3, x <= 1])
    program = eo.from_cvxpy(problem)
    assert sorted(program.column_names) == ["x", "x#2"]
    eo.solve(program).assign(problem)
    assert (x.value, y.value) == (pytest.approx(1), pytest.approx(2))


def test_the_least_absolute_deviation_of_a_line_worked_by_hand():
    """Points (0, 0), (1, 1), (2, 5): the line through the outer two misses the middle one by 1.5, and none does better."""
    t, y = np.array([0.0, 1.0, 2.0]), np.array([0.0, 1.0, 5.0])
    slope, level = cp.Variable(name="slope"), cp.Variable(name="level")
    problem = cp.Problem(cp.Minimize(cp.norm1(slope * t + level - y)))
    solution = eo.solve(eo.from_cvxpy(problem))
    assert solution.objective == pytest.approx(1.5)
    assert solution.proved
    solution.assign(problem)
    assert (slope.value, level.value) == (pytest.approx(2.5), pytest.approx(0.0))


def test_what_cvxpy_itself_cannot_rewrite_is_refused_with_its_words(monkeypatch):
    """CVXPY 1.9 fails on some sparse constants where it wants their bounds, which it does for linear solvers only."""
    x = cp.Variable(2, name="x")
    problem = cp.Problem(cp.Minimize(cp.norm_inf(x)), [x == 5])

    def fails(*_):
        raise TypeError("unsupported operand")

    monkeypatch.setattr(problem, "get_problem_data", fails)
    with pytest.raises(eo.InvalidProblemError, match=r"by CVXPY itself \(TypeError: unsupported operand\)"):
        eo.from_cvxpy(problem)


@pytest.mark.parametrize("k", [2, 1.5, 5])
def test_the_largest_entries_of_variables_that_have_values(k):
    """CVXPY starts what it adds from those values, and fails where the number of entries is broken, or all of them."""
    x = cp.Variable(5, name="x")
    problem = cp.Problem(cp.Minimize(cp.sum_largest(x, k)), [x >= np.arange(5.0), cp.sum(x) >= 13])
    first = eo.solve(eo.from_cvxpy(problem))
    first.assign(problem)
    values = x.value
    again = eo.solve(eo.from_cvxpy(problem))
    assert x.value is values
    again.assign(problem)
    x.save_value(None)
    assert own_optimum(problem) == pytest.approx(first.objective, rel=1e-6)
    assert again.objective == first.objective
