"""Squares of a quadratic objective: what they are, and that nobody who does not know them loses them."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import edgeopt as eo
from edgeopt.exchange.storage import fingerprint
from edgeopt.layers import LinearProgramLayer, SPOPlusLoss
from edgeopt.model.scaling import scaling_of
from edgeopt.solving.highs_session import HighsSession

NEAREST = eo.Squares(np.eye(2), [-1.0, -2.0], [1.0, 3.0])
PROGRAM = eo.Program([1.0, 0.0], [[1.0, 1.0]], row_upper=1.0, offset=5.0, squares=NEAREST)

numbers = st.floats(-100, 100).map(lambda v: round(v, 3))


def test_the_objective_adds_squares_to_a_minimum_and_subtracts_them_from_a_maximum() -> None:
    point = eo.Point([2.0, 0.0])
    assert PROGRAM.objective(point) == 2.0 + 5.0 + 1.0 + 12.0
    assert PROGRAM.magnitude(point) == 2.0 + 5.0 + 9.0 + 12.0
    largest = eo.Program([1.0, 0.0], offset=5.0, sense="maximize", squares=NEAREST)
    assert largest.objective(point) == 2.0 + 5.0 - 1.0 - 12.0
    np.testing.assert_array_equal(PROGRAM.gradient(point.values), [1.0 + 2.0, -12.0])
    np.testing.assert_array_equal(largest.gradient(point.values), [1.0 - 2.0, 12.0])


def test_a_program_says_whether_it_has_squares() -> None:
    assert PROGRAM.quadratic
    assert "2 squares" in repr(PROGRAM)
    assert not PROGRAM.without_squares().quadratic
    assert not eo.Program([1.0], squares=eo.Squares(np.zeros((0, 1)))).quadratic


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({"matrix": np.eye(2), "weight": [1.0, -0.5]}, r"squares.weight\[1\] is -0.5; every entry must be at least 0"),
        ({"matrix": np.eye(2), "weight": [1.0, np.nan]}, r"squares.weight\[1\] is nan"),
        ({"matrix": np.eye(2), "offset": [1.0]}, r"squares.offset has shape \(1,\); expected \(2,\)"),
        ({"matrix": [[np.inf, 0.0]]}, "squares.matrix.data.0. is inf"),
        ({"matrix": [1.0, 2.0]}, "squares.matrix is no .rows, columns. matrix"),
    ],
)
def test_what_is_no_sum_of_squares_is_refused_by_name(fields, match) -> None:
    with pytest.raises(eo.InvalidProblemError, match=match):
        eo.Squares(**fields)


def test_a_program_refuses_squares_that_do_not_fit() -> None:
    with pytest.raises(eo.InvalidProblemError, match=r"squares.matrix has shape \(1, 3\); expected \(squares, 2\)"):
        eo.Program([1.0, 2.0], squares=eo.Squares(np.ones((1, 3))))
    with pytest.raises(eo.InvalidProblemError, match="squares is a list; expected Squares"):
        eo.Program([1.0], squares=[1.0])


@given(st.data())
def test_expanded_squares_are_the_same_function(data) -> None:
    squares, columns = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 4))

    def draw(*shape):
        size = int(np.prod(shape))
        return np.array(data.draw(st.lists(numbers, min_size=size, max_size=size))).reshape(shape)

    own = eo.Squares(draw(squares, columns), draw(squares), np.abs(draw(squares)))
    x = draw(columns)
    hessian, gradient, constant = own.expanded()
    value = 0.5 * x @ (hessian @ x) + gradient @ x + constant
    assert value == pytest.approx(own.total(x), abs=1e-12 * own.magnitude(x) + 1e-300)
    assert (hessian != hessian.T).nnz == 0


@given(st.data())
def test_scaling_by_powers_of_two_rounds_nothing(data) -> None:
    size = st.floats(1e-9, 1e9)
    columns = 3
    matrix = np.array([[data.draw(size) for _ in range(columns)] for _ in range(2)])
    own = eo.Squares(matrix, [data.draw(size), -data.draw(size)], [data.draw(size), data.draw(size)])
    program = eo.Program(
        [data.draw(size) for _ in range(columns)], np.diag([1e7, 1.0, 1e-7]), row_lower=1.0, squares=own
    )
    scaling = scaling_of(program)
    scaled, x = scaling.apply(program), np.array([0.5, 2.0, 0.25])
    mine, theirs = _exactly(program, x), _exactly(scaled, scaling.scaled_point(x))
    assert mine * Fraction(2) ** scaling.cost == theirs


def _exactly(program: eo.Program, x: np.ndarray) -> Fraction:
    squares = program.squares
    assert squares is not None
    exact = [Fraction(v) for v in x.tolist()]
    total = sum((Fraction(c) * v for c, v in zip(program.cost.tolist(), exact, strict=True)), Fraction(program.offset))
    for row, offset, weight in zip(
        squares.matrix.toarray().tolist(), squares.offset.tolist(), squares.weight.tolist(), strict=True
    ):
        inner = sum((Fraction(a) * v for a, v in zip(row, exact, strict=True)), Fraction(offset))
        total += Fraction(weight) * inner * inner
    return total


def test_saved_squares_come_back_and_linear_programs_are_stored_as_before(tmp_path) -> None:
    eo.save(PROGRAM, tmp_path / "program.json")
    again = eo.load(tmp_path / "program.json")
    assert fingerprint(again) == fingerprint(PROGRAM)
    assert again.objective(eo.Point([2.0, 0.0])) == PROGRAM.objective(eo.Point([2.0, 0.0]))
    linear = PROGRAM.without_squares()
    eo.save(linear, tmp_path / "linear.json")
    assert "squares" not in (tmp_path / "linear.json").read_text()
    assert fingerprint(linear) != fingerprint(PROGRAM)


@pytest.mark.parametrize(
    "use",
    [
        lambda program, path: program.write(path / "model.mps"),
        lambda program, path: program.write(path / "model.lp"),
        lambda program, path: program.write(path / "model.mof.json"),
        lambda program, path: LinearProgramLayer(program),
        lambda program, path: SPOPlusLoss(program),
        lambda program, path: HighsSession(program),
    ],
    ids=["mps", "lp", "mof", "layer", "spo", "session"],
)
def test_who_knows_linear_objectives_only_refuses_squares(use, tmp_path) -> None:
    with pytest.raises(eo.UnsupportedPairError, match="takes linear objectives only, and this one has 2 squares"):
        use(PROGRAM, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["glop", "pdlp", "scipy", "cp-sat", "simplex", "priced"])
def test_solvers_of_linear_programs_refuse_squares(name) -> None:
    with pytest.raises(eo.UnsupportedPairError, match=r"these solve it: highs, scip, pyomo, cvxpy"):
        eo.solve(PROGRAM, name)


@pytest.mark.parametrize("name", ["highs", "cvxpy", "pyomo"])
def test_solvers_of_continuous_quadratic_programs_refuse_integer_ones(name) -> None:
    integer = eo.Program([1.0, 0.0], upper=4.0, integrality=[True, False], squares=NEAREST)
    with pytest.raises(eo.UnsupportedPairError, match="takes no quadratic objective over integer columns"):
        eo.solve(integer, name)


@pytest.mark.parametrize("variant", ["GLOP", "PDLP", "SCIPY"])
def test_back_ends_of_cvxpy_that_know_linear_objectives_only_refuse_squares(variant) -> None:
    with pytest.raises(eo.UnsupportedPairError, match=f"'cvxpy:{variant}' takes no quadratic objective"):
        eo.solve(PROGRAM, f"cvxpy:{variant}")
