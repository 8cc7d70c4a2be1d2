"""Squares in declared objectives: every spelling, what is refused, and what the fields are worth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import edgeopt as eo
from edgeopt import InvalidProblemError

A = np.array([[1.0, 2.0, 3.0], [0.5, -1.0, 0.25]])
W = np.array([1.0, 2.0, 4.0])


def probe(objective, constraint=None, kind="continuous", **fields):
    """The problem of variables ``x`` over two dimensions whose objective is what a function of it says."""

    class Probe(eo.Formulation):
        a: eo.Array = eo.data("r", "m", default=A)
        w: eo.Array = eo.data("m", default=W)
        s: float = 0.5
        to: eo.Index = eo.data("m", into="r", default=np.array([0, 1, 0]))
        allowed: eo.Mask = eo.data("r", "m", default=np.array([[True, True, False], [True, False, True]]))

        def declare(self, m):
            x = m.variable("x", kind, ("r", "m"), 0.0, 3.0, None)
            goal = objective(self, m, x)
            if goal is not None:
                m.minimize(goal)
            if constraint is not None:
                m.subject_to(side=constraint(self, m, x))

    return Probe(**fields)


SPELLINGS = {
    "power": (lambda f, m, x: ((x - f.a) ** 2).sum(), lambda x: ((x - A) ** 2).sum()),
    "float power": (lambda f, m, x: (f.w * (x - f.a) ** 2.0).sum(), lambda x: (W * (x - A) ** 2).sum()),
    "np.square": (lambda f, m, x: np.square(x - 1.0).mean(), lambda x: ((x - 1) ** 2).mean()),
    "np.power and np.sum": (lambda f, m, x: np.sum(np.power(x, 2)), lambda x: (x**2).sum()),
    "times itself": (lambda f, m, x: _twice(x - f.a).sum(), lambda x: ((x - A) ** 2).sum()),
    "@": (lambda f, m, x: _dot(x.sum("r") - f.w), lambda x: ((x.sum(0) - W) ** 2).sum()),
    "square of a sum": (lambda f, m, x: (x.sum() - f.s) ** 2, lambda x: (x.sum() - 0.5) ** 2),
    "sum along one dimension": (
        lambda f, m, x: (f.w @ ((f.w * x).sum("r") ** 2)) / 3,
        lambda x: W @ (W * x.sum(0)) ** 2 / 3,
    ),
    "picked entry": (lambda f, m, x: 3 * (x[0, 1] - 2) ** 2 + x[1, 2], lambda x: 3 * (x[0, 1] - 2) ** 2 + x[1, 2]),
    "loop": (
        lambda f, m, x: sum(f.w[j] * (x[0, j] - f.a[1, j]) ** 2 for j in range(3)),
        lambda x: (W * (x[0] - A[1]) ** 2).sum(),
    ),
    "slices of squares": (lambda f, m, x: ((x**2)[:, 1:]).sum(), lambda x: (x[:, 1:] ** 2).sum()),
    "differences": (lambda f, m, x: ((x[:, 1:] - x[:, :-1]) ** 2).sum(), lambda x: (np.diff(x) ** 2).sum()),
    "previous": (
        lambda f, m, x: ((x - x.previous("m", first=f.s)) ** 2).sum(),
        lambda x: (np.diff(x, prepend=0.5) ** 2).sum(),
    ),
    "shifted squares": (
        lambda f, m, x: ((x**2).previous("m", first=0.0) * f.w).sum(),
        lambda x: (W[1:] * x[:, :-1] ** 2).sum(),
    ),
    "grouped": (
        lambda f, m, x: (x[1].sum_by(f.to) ** 2).sum(),
        lambda x: (x[1, 0] + x[1, 2]) ** 2 + x[1, 1] ** 2,
    ),
    "squares, grouped": (
        lambda f, m, x: ((x**2).sum("r").sum_by(f.to) * m.array([2.0, 5.0], "r")).sum(),
        lambda x: 2 * (x[:, [0, 2]] ** 2).sum() + 5 * (x[:, 1] ** 2).sum(),
    ),
    "gathered": (lambda f, m, x: (x.sum("m")[f.to] ** 2).sum(), lambda x: (x.sum(1)[[0, 1, 0]] ** 2).sum()),
    "linear parts and constants": (
        lambda f, m, x: 7 + x.sum() - 2 * f.s - (-(x**2)).sum() / f.s,
        lambda x: 6 + x.sum() + 2 * (x**2).sum(),
    ),
    "one square, twice": (lambda f, m, x: _thrice(x - f.a).sum(), lambda x: 3 * ((x - A) ** 2).sum()),
    "one that is taken away again": (lambda f, m, x: (x**2).sum() - 0.5 * (x**2).sum(), lambda x: 0.5 * (x**2).sum()),
    "renamed": (lambda f, m, x: ((x.rename(m="other") + f.a) ** 2).sum() / 3, lambda x: _outer(x) / 3),
}


def _twice(d):
    return d * d


def _dot(d):
    return d @ d


def _thrice(d):
    square = d**2
    return square + 2 * square


def _outer(x):
    return ((x[:, :, None] + A[:, None, :]) ** 2).sum()


@pytest.mark.parametrize("name", [n for n in SPELLINGS if n != "one that is taken away again"])
def test_every_spelling_is_the_function_that_numpy_says(name) -> None:
    stated, wanted = SPELLINGS[name]
    problem = probe(stated)
    program = problem.program()
    assert problem.quadratic
    assert program.quadratic
    for seed in range(3):
        x = np.random.default_rng(seed).uniform(0, 3, (2, 3))
        decision = problem.decide(x=x)
        assert problem.objective(decision) == pytest.approx(wanted(x), rel=1e-13)
        assert program.objective(eo.Point(problem.encode(decision))) == pytest.approx(wanted(x), rel=1e-13)
        assert problem.magnitude(decision) >= abs(wanted(x)) * (1 - 1e-13)
    solution = eo.solve(problem)
    assert (solution.status, solution.proved) == ("optimal", True), solution.message


def test_factors_are_judged_one_by_one_as_they_are_written() -> None:
    """Two nodes are two squares, though one would outweigh the other: write one, or sum before."""
    with pytest.raises(InvalidProblemError, match=r"multiplies a square at \[0, 0\] .* by -0.5"):
        probe(SPELLINGS["one that is taken away again"][0]).program()


def test_masked_entries_are_0_in_squares() -> None:
    class Masked(eo.Formulation):
        allowed: eo.Mask = eo.data("m")

        def declare(self, m):
            x = m.continuous("x", "m", upper=3.0, where=self.allowed)
            m.minimize(((x - 1) ** 2).sum())

    problem = Masked(allowed=[True, False, True])
    assert problem.program().columns == 2
    solution = eo.solve(problem)
    assert solution.objective == pytest.approx(1.0)
    np.testing.assert_allclose(solution.decision.x, [1.0, 0.0, 1.0], atol=1e-9)


@pytest.mark.parametrize(
    ("use", "words"),
    [
        (lambda f, m, x: ((x**2) ** 2).sum(), "power of a square of variables: objectives hold squares of linear"),
        (lambda f, m, x: np.sqrt(x**2).sum(), "sqrt of a square of variables"),
        (lambda f, m, x: (x**2 * x).sum(), "multiply of a square of variables"),
        (lambda f, m, x: (1 / x**2).sum(), "divide of a square of variables"),
        (lambda f, m, x: (x**3).sum(), r"of all powers \*\* 2 alone is taken, in the objective"),
        (lambda f, m, x: (x ** f.w).sum(), r"of all powers \*\* 2 alone"),
        (lambda f, m, x: (x * (x + 1)).sum(), r"a square in the objective is written \(x - y\) \*\* 2"),
        (lambda f, m, x: (x**2).max(), "max"),
        (lambda f, m, x: m.absolute("d", x**2).sum(), "constraint 'd_above_0' holds a square of variables"),
        (lambda f, m, x: m.continuous("y", "m", upper=x.sum("r") ** 2).sum(), "upper of 'y' holds variables"),
    ],
)  # fmt: skip
def test_what_is_no_square_of_a_linear_expression_is_refused(use, words) -> None:
    with pytest.raises(InvalidProblemError, match=words):
        probe(use)


@pytest.mark.parametrize(
    "side",
    [
        lambda f, m, x: x.sum("m") ** 2 <= 4,
        lambda f, m, x: x.sum() >= x[0, 0] ** 2,
        lambda f, m, x: (x**2).between(0, 1),
        lambda f, m, x: x[0, 0] ** 2 <= 4,
        lambda f, m, x: (x <= 1).when(x**2),
    ],
)
def test_squares_in_constraints_are_refused_by_name(side) -> None:
    with pytest.raises(InvalidProblemError, match="constraint 'side' holds a square of variables, which objectives"):
        probe(lambda f, m, x: x.sum(), side)


def test_a_factor_of_the_wrong_sign_is_named_with_its_field_and_index() -> None:
    with pytest.raises(
        InvalidProblemError, match=r"multiplies a square at \[0, 1\] .* by -2.0, for w\[1\] is -2.0; squares need a"
    ):
        probe(lambda f, m, x: (f.w * x**2).sum(), w=[1.0, -2.0, 1.0]).program()
    with pytest.raises(InvalidProblemError, match=r"for what is made of s, w\[2\] is -1.5"):
        probe(lambda f, m, x: ((f.w - f.s) * x**2).sum(), w=[1.0, 2.0, -1.0]).program()
    with pytest.raises(
        InvalidProblemError,
        match=r"to maximize, multiplies a square .* by 1.0; squares need a finite factor of at most 0, else the objective is not concave",
    ):
        probe(lambda f, m, x: m.maximize((x**2).sum())).program()
    with pytest.raises(InvalidProblemError, match=r"by inf, for s is 0.0"):
        probe(lambda f, m, x: (x**2).sum() / f.s, s=0.0).program()


def test_a_variable_that_stands_for_a_maximum_is_not_squared() -> None:
    with pytest.raises(InvalidProblemError, match=r"d stands for a maximum, .* and is squared"):
        probe(lambda f, m, x: (m.absolute("d", x - 1) ** 2).sum()).program()
    # Beside squares of others it is what it was.
    assert eo.solve(probe(lambda f, m, x: m.absolute("d", x - 1).sum() + ((x - 1) ** 2).sum())).objective < 1e-9


def test_a_maximum_of_returns_less_risk() -> None:
    class Portfolio(eo.Formulation):
        gain: eo.Array = eo.data("assets")
        factor: eo.Array = eo.data("factors", "assets")
        dread: float

        def declare(self, m):
            share = m.continuous("share", "assets")
            m.maximize(self.gain @ share - self.dread * ((self.factor * share).sum("assets") ** 2).sum())
            m.subject_to(whole=share.sum() == 1)

    problem = Portfolio(gain=[1.0, 1.2], factor=[[1.0, 0.0], [0.0, 2.0]], dread=2.0)
    solution = eo.solve(problem)
    # share = (1 - t, t) is best where 0.2 + 4 (1 - t) - 16 t = 0.
    np.testing.assert_allclose(solution.decision.share, [0.79, 0.21], atol=1e-9)
    assert solution.proved
    assert r"{\left(\sum_{a} \mathit{factor}_{f,a}\, \mathit{share}_{a}\right)}^{2}" in problem._repr_latex_()
    assert eo.solve(problem, "scip").objective == pytest.approx(solution.objective)


class Nearest(eo.Formulation):
    """The nearest point to a target whose parts sum to a total."""

    target: eo.Array = eo.data("items")
    weight: eo.Array = eo.data("items")
    most: eo.Array = eo.data("items")
    total: float
    fee: float = 0.1

    def declare(self, m: eo.Declaration) -> None:
        x = m.continuous("x", "items", upper=self.most)
        m.minimize((self.weight * (x - self.target) ** 2).sum() + self.fee * x.sum() ** 2)
        m.subject_to(total=x.sum() == self.total)


NEAREST = Nearest(target=[1.0, 2.0, -0.5, 3.0], weight=[1.0, 2.0, 1.0, 0.5], most=[4.0, 4.0, 4.0, 1.5], total=3.5)


def test_fields_are_worth_what_finite_differences_say() -> None:
    found = eo.sensitivity(eo.solve(NEAREST))
    step = 1e-5
    for name, values in found.fields.items():
        for place in np.ndindex(np.shape(values)):
            ends = []
            for side in (step, -step):
                changed = np.array(getattr(NEAREST, name), dtype=float)
                changed[place] += side
                ends.append(eo.solve(replace(NEAREST, **{name: changed if changed.ndim else float(changed)})).objective)
            slope = (ends[0] - ends[1]) / (2 * step)
            assert np.asarray(values)[place] == pytest.approx(slope, rel=1e-6, abs=1e-7), (name, place)


def test_of_whole_numbers_the_fields_are_worth_what_they_are_beside_them() -> None:
    class Mixed(eo.Formulation):
        target: float

        def declare(self, m):
            opened, x = m.integer("opened", upper=3), m.continuous("x", upper=9.0)
            m.minimize((x - self.target) ** 2 + 0.1 * (opened - 1.4) ** 2)
            m.subject_to(room=x <= 2 * opened)

    found = eo.sensitivity(eo.solve(Mixed(target=2.5)))
    assert "hold opened fixed" in found.note
    assert found.fields["target"] in (pytest.approx(0.0, abs=1e-6), pytest.approx(1.0, rel=1e-6))


def test_the_judge_reads_squares_in_rational_numbers() -> None:
    solution = eo.solve(NEAREST)
    found = eo.verify(NEAREST, solution, exact=True)
    assert found.exact, found.message


def test_a_batch_is_solved_instance_by_instance() -> None:
    batch = replace(NEAREST, total=np.array([3.5, 2.0, 1.0]))
    solution = eo.solve(batch)
    singles = [eo.solve(replace(NEAREST, total=total)).objective for total in (3.5, 2.0, 1.0)]
    np.testing.assert_allclose(solution.objective, singles)


def test_side_constraints_keep_the_squares_and_another_objective_replaces_them() -> None:
    even = NEAREST.subject_to(even=lambda m: m.x[0] == m.x[1], spread=lambda m: m.maximum("worst", m.x) <= 2)
    assert even.quadratic
    solution = eo.solve(even)
    assert solution.proved
    assert solution.decision.x[0] == pytest.approx(solution.decision.x[1])
    assert solution.objective > eo.solve(NEAREST).objective
    with pytest.raises(eo.UnsupportedPairError, match="takes no quadratic objective"):
        eo.solve(even, "glop")
    linear = NEAREST.minimize(lambda m: m.x[0])
    assert not linear.quadratic
    assert eo.solve(linear, "glop").objective == pytest.approx(0.0, abs=1e-9)
    with pytest.raises(InvalidProblemError, match="what to minimize holds a square of variables: another objective is"):
        NEAREST.minimize(lambda m: (m.x**2).sum())
    with pytest.raises(InvalidProblemError, match="constraint 'near' holds a square of variables"):
        NEAREST.subject_to(near=lambda m: (m.x**2).sum() <= 4)


def test_stored_problems_keep_their_squares(tmp_path) -> None:
    eo.save(NEAREST, tmp_path / "nearest.json")
    again = eo.load(tmp_path / "nearest.json")
    assert eo.solve(again).objective == eo.solve(NEAREST).objective
    assert eo.solve(NEAREST, isolate=True).objective == eo.solve(NEAREST).objective


def test_an_infeasible_problem_is_explained_in_its_words() -> None:
    explanation = replace(NEAREST, total=99.0).explain()
    assert explanation.repair is not None
    assert "total" in explanation.repair.text
