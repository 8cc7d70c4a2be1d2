"""Python's traps and those that other modelling packages fall into: each has the behaviour stated in the guide."""

from __future__ import annotations

import copy
import pickle
import re

import numpy as np
import pytest

import edgeopt as eo
from edgeopt import InvalidProblemError


def declared(body, **fields):
    """The problem of a class with common fields, whose declare is `body`."""

    class Probe(eo.Formulation):
        a: eo.Array = eo.data("r", default=np.array([1.0, 2.0, 3.0]))
        c: eo.Array = eo.data("m", default=np.array([1.0, 2.0, 4.0]))
        ct: eo.Array = eo.data("m", "r", default=np.arange(9.0).reshape(3, 3))
        limit: float = 2.0
        n: int = 3
        to: eo.Index = eo.data("r", into="m", default=np.array([0, 2, 2]))
        allowed: eo.Mask = eo.data("r", "m", default=np.eye(3, dtype=bool))

        def declare(self, m):
            body(self, m)
            if m.goal is None:
                m.minimize(next(iter(m.variables.values())).lower * 0.0)

    return Probe(**fields)


def expect(error, match, body, **fields):
    with pytest.raises(error, match=match):
        declared(body, **fields)


# Truth, containment, order, iteration.


@pytest.mark.parametrize(
    "use",
    [
        lambda x, y: 0 <= x <= 1,
        lambda x, y: max(x, y),
        lambda x, y: bool(x == y),
        lambda x, y: 1 if x <= y else 0,
        lambda x, y: x in [y],
        lambda x, y: [y].remove(x),
        lambda x, y: not x,
        lambda x, y: x and y,
    ],
)
def test_what_asks_for_truth_is_an_error_that_says_what_to_write(use):
    expect(TypeError, r"between\(0, 1\)|m\.maximum", lambda self, m: use(m.binary("x", "r"), m.binary("y", "r")))


@pytest.mark.parametrize(
    ("use", "words"),
    [
        (lambda self, x: float(self.a), "m.constant"),
        (lambda self, x: int(self.limit), "m.constant"),
        (lambda self, x: 1 if self.limit else 0, "m.constant"),
        (lambda self, x: 1 if self.limit > 1 else 0, "closed"),
        (lambda self, x: np.asarray(self.a), "m.constant"),
        (lambda self, x: np.array(x), "m.constant"),
        (lambda self, x: list(x), "iterated"),
        (lambda self, x: x in self.a, "declared"),
        (lambda self, x: x != 1, "!="),
        (lambda self, x: x < 1, "<="),
        (lambda self, x: np.sort(x), r"np\.sort"),
        (lambda self, x: np.sin(self.a), r"np\.sin"),
        (lambda self, x: (x <= 1) <= 2, "between"),
        (lambda self, x: (x <= 1) & (x >= 0), "m.subject_to"),
        (lambda self, x: pickle.dumps(x), "pickle the problem"),
    ],
)
def test_what_has_no_meaning_is_a_type_error(use, words):
    expect(TypeError, words, lambda self, m: use(self, m.binary("x", "r")))


def test_an_unknown_method_points_to_plain_numbers():
    expect(AttributeError, r"m\.constant", lambda self, m: self.a.cumsum())


@pytest.mark.parametrize(
    "use",
    [
        lambda x: x * (x + 1),
        lambda x: x**3,
        lambda x: 2**x,
        lambda x: 1.0 / x,
        lambda x: abs(x),
        lambda x: np.abs(x),
        lambda x: np.maximum(x, 0),
        lambda x: np.exp(x),
        lambda x: x.max(),
    ],
)
def test_what_is_not_linear_is_refused(use):
    expect(InvalidProblemError, "not linear", lambda self, m: use(m.binary("x", "r")))


def test_identity_hash_and_copies():
    def body(self, m):
        x = m.binary("x", "r")
        assert {x: 1}[x] == 1
        assert len({x, x, m.binary("y", "r")}) == 2
        assert copy.copy(x) is x
        assert copy.deepcopy(x) is x

    declared(body)


# Operands from the left.


def test_arrays_and_numbers_on_the_left_reach_the_expression():
    from scipy import sparse

    values = np.array([1.0, 2.0, 3.0])

    def body(self, m):
        x = m.continuous("x", "r", lower=1.0, upper=1.0)
        whole = m.continuous("z", upper=100.0)
        m.minimize(whole)
        for name, row in {
            "array": (values * x).sum() <= whole,
            "scalar": np.float64(2.0) * x.sum() <= whole,
            "product": values @ x <= whole,
            "compared": (np.float64(3.0) <= x.sum() + 0 * whole),
            "dense": np.ones((2, 3)) @ x <= np.array([3.0, 3.0]),
            "sparse": sparse.csr_array(np.eye(3)) @ x == np.ones(3),
            "equal": values - 2.0 * values <= x,
            "sum": np.sum(x) <= 3.0,
            "listed": x <= [1.0, 1.0, 1.0],
            "matrix": self.ct @ x <= 1000.0,
        }.items():
            m.subject_to(**{name: row})

    problem = declared(body)
    assert eo.solve(problem).objective == pytest.approx(6.0)


def test_pandas_on_the_left_reaches_the_expression():
    import pandas as pd

    def body(self, m):
        x = m.continuous("x", "r")
        m.minimize((pd.Series([1.0, 2.0, 3.0]) * x).sum())
        m.subject_to(low=pd.Series([1.0, 1.0, 2.0]) <= x)

    assert eo.solve(declared(body)).objective == 9.0


def test_tensors_come_in_as_fields():
    import torch

    expect(InvalidProblemError, "field", lambda self, m: m.binary("x", "r") * torch.ones(3))
    expect(InvalidProblemError, "field", lambda self, m: torch.ones(3) * m.binary("x", "r"))
    problem = declared(lambda self, m: m.binary("x", "r"), a=torch.tensor([1.0, 2.0, 3.0]))
    assert problem.a.dtype == np.float64
    with pytest.raises(InvalidProblemError, match="detach"):
        declared(lambda self, m: m.binary("x", "r"), a=torch.ones(3, requires_grad=True))


# Alignment.


def test_dimensions_align_by_name_in_square_matrices_too():
    def body(self, m):
        x = m.continuous("x", "r", "m", lower=1.0, upper=1.0)
        m.minimize((self.ct * x).sum("m")[1] + 0 * x.sum())
        m.subject_to(rows=self.ct * x <= 100.0)

    problem = declared(body)
    assert eo.solve(problem).objective == np.arange(9.0).reshape(3, 3)[:, 1].sum()
    assert [axis.name for axis in problem.declaration.families["rows"].axes] == ["m", "r"]


@pytest.mark.parametrize("plain", [np.ones(1), np.ones((1, 3)), np.ones((3, 1)), np.ones(3)])
def test_a_plain_array_of_another_shape_is_refused(plain):
    expect(InvalidProblemError, "name them", lambda self, m: m.binary("x", "r", "m") * plain)


def test_a_plain_array_of_the_same_shape_is_taken():
    declared(lambda self, m: m.binary("x", "r", "m") * np.ones((3, 3)))


def test_a_slice_against_the_whole_dimension_is_refused_where_it_is_written():
    expect(InvalidProblemError, "slice both alike", lambda self, m: (lambda x: x[1:] - x)(m.binary("x", "r")))
    declared(lambda self, m: (lambda x: x[1:] - x[:-1])(m.binary("x", "r")))


def test_matrix_products_meet_by_name():
    expect(InvalidProblemError, r"write \(a \* x\)\.sum", lambda self, m: self.ct @ m.binary("x", "m"))
    expect(InvalidProblemError, r"\(a \* x\)\.sum", lambda self, m: self.ct @ m.binary("x", "r", "m"))
    expect(InvalidProblemError, "expected 3 columns", lambda self, m: np.ones((2, 4)) @ m.binary("x", "r"))


def test_a_dimension_twice_needs_labels():
    expect(InvalidProblemError, "label", lambda self, m: m.binary("y", "r", "r"))
    with pytest.raises(InvalidProblemError, match="label"):
        eo.data("n", "n")

    def body(self, m):
        y = m.continuous("y", "src:r", "dst:r", lower=np.arange(9.0).reshape(3, 3))
        m.minimize((self.a.rename(r="src") * y).sum())
        m.subject_to(diagonal=y[self.to_r(m), self.to_r(m)] >= 0)

    def square(self, m):
        y = m.continuous("y", "src:r", "dst:r", lower=np.arange(9.0).reshape(3, 3))
        m.minimize((self.a.rename(r="src") * y).sum())

    assert eo.solve(declared(square)).objective == (np.array([1.0, 2, 3])[:, None] * np.arange(9.0).reshape(3, 3)).sum()


def test_positions_are_checked():
    for bad in ([0, 3, 1], [-1, 0, 1]):
        with pytest.raises(
            InvalidProblemError, match=r"to\[\d\] is -?\d; every entry is a position of 'm', from 0 to 2"
        ):
            declared(lambda self, m: m.binary("x", "m"), to=bad)
    expect(InvalidProblemError, "points into 'm'", lambda self, m: m.binary("x", "r")[self.to])
    expect(InvalidProblemError, "outside its 3 positions", lambda self, m: m.binary("x", "r")[3])
    expect(InvalidProblemError, "outside its 3 positions", lambda self, m: m.binary("x", "r")[[0, -1]])
    expect(InvalidProblemError, "known while", lambda self, m: m.binary("x", "r")[self.a])


def test_an_unknown_dimension_is_said():
    expect(InvalidProblemError, r"m\.dimension\('slots', size\)", lambda self, m: m.binary("x", "slots"))

    def body(self, m):
        m.dimension("slots", self.n)
        assert m.binary("x", "slots").shape == (3,)

    declared(body)


def test_a_sum_over_a_dimension_that_an_addend_lacks_multiplies_it():
    def body(self, m):
        x, y = m.continuous("x", "r", lower=1.0), m.continuous("y", lower=1.0)
        m.minimize((x + y).sum())

    assert eo.solve(declared(body)).objective == 6.0


def test_masks_drop_columns_and_rows():
    def body(self, m):
        x = m.binary("x", "r", "m", where=self.allowed)
        m.maximize(x.sum())
        m.subject_to(one=(x <= self.limit).where(self.allowed), all_rows=x.sum("m") <= 1)

    problem = declared(body)
    program = problem.program()
    assert (program.columns, program.rows) == (3, 6)
    assert program.column_names[1] == "x[1,1]"
    assert list(program.row_names)[:3] == ["one[0,0]", "one[1,1]", "one[2,2]"]
    decision = eo.solve(problem).decision
    assert np.array_equal(decision.x, np.eye(3, dtype=bool))
    ones = problem.decide(x=np.ones((3, 3), bool))
    assert "bound of x[0,1]" in problem.violations(ones)
    expect(InvalidProblemError, r"m\.constant", lambda self, m: m.binary("x", "r", where=self.a <= 1.0))
    expect(InvalidProblemError, "booleans", lambda self, m: m.binary("x", "r", where=np.ones(3)))
    expect(InvalidProblemError, "shape", lambda self, m: m.binary("x", "r", where=np.ones(2, bool)))
    declared(lambda self, m: m.binary("x", "r", where=m.constant(self.a) <= 1.0))


def test_masks_over_data_select_positions():
    def body(self, m):
        x = m.continuous("x", "r", upper=5.0)
        m.maximize(x.sum())
        m.subject_to(few=x[np.array([True, False, True])].sum() <= 1.0)

    assert eo.solve(declared(body)).objective == 6.0


# Constraints.


def test_constraints_need_a_variable_and_a_name_of_their_own():
    expect(InvalidProblemError, "no variable on either side", lambda self, m: m.subject_to(d=self.a <= self.limit))
    expect(InvalidProblemError, "expected a comparison", lambda self, m: m.subject_to(d=True))
    expect(InvalidProblemError, "two variables", lambda self, m: (m.binary("x", "r"), m.binary("x", "r")))

    def twice(self, m):
        x = m.binary("x", "r")
        m.subject_to(d=x <= 1)
        m.subject_to(d=x >= 0)

    expect(InvalidProblemError, "two constraints", twice)


def test_a_variable_of_another_declaration_is_refused():
    kept = []

    def keep(self, m):
        kept.append(m.binary("x", "r"))

    declared(keep)
    expect(InvalidProblemError, "another declaration", lambda self, m: m.subject_to(d=kept[0] <= 1))
    expect(InvalidProblemError, "two declarations", lambda self, m: kept[0] + m.binary("y", "r"))
    expect(InvalidProblemError, "two declarations", lambda self, m: kept[0][0] + m.binary("y", "r")[0])


def test_a_row_without_entries_stays_and_is_infeasible():
    def body(self, m):
        x = m.continuous("x", "r")
        m.minimize(x.sum())
        m.subject_to(empty=x[:0].sum() >= 1.0, zero=(0.0 * x).sum() >= -1.0)

    problem = declared(body)
    assert problem.program().rows == 2
    assert eo.solve(problem).status == "infeasible"


def test_constants_in_the_objective_are_kept():
    def body(self, m):
        x = m.continuous("x", "r", lower=1.0)
        m.minimize(((x - 3.0) * self.a).sum() + self.limit)

    problem = declared(body)
    assert problem.program().offset == -16.0
    assert eo.solve(problem).objective == -10.0


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (lambda self, m: m.minimize(m.binary("x", "r")), r"sum over them"),
        (lambda self, m: m.minimize(m.binary("x", "r") <= 1), "constraint is no objective"),
        (lambda self, m: [m.minimize(m.binary(n, "r").sum()) for n in "xy"], "given twice"),
        (lambda self, m: m.binary("not a name", "r"), "Python can read"),
        (lambda self, m: m.continuous("x", "r", upper=self.c), "over 'm'"),
        (lambda self, m: m.binary("x", "r") + np.nan, "nan"),
        (lambda self, m: m.binary("x", "r") + None, "None stands"),
    ],
)
def test_other_slips_are_told(body, words):
    expect(InvalidProblemError, words, body)


def test_a_class_without_objective_or_declare_is_told():
    class Bare(eo.Formulation):
        a: eo.Array = eo.data("r")

    with pytest.raises(NotImplementedError, match="declare"):
        Bare(a=[1.0])

    class NoGoal(Bare):
        def declare(self, m):
            m.binary("x", "r")

    with pytest.raises(InvalidProblemError, match="no objective"):
        NoGoal(a=[1.0]).program()


# Fields.


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([1.0, np.nan, 1.0], r"a\[1\] is nan"),
        ([1.0, np.inf, 1.0], r"a\[1\] is inf"),
        ([True, False, True], "bool"),
        (["1", "2", "3"], "real numbers"),
        ([1.0, None, 1.0], "object"),
        ([1j, 0, 0], "complex"),
        ([[1.0], [1.0, 2.0]], "rectangular"),
        (np.ones((2, 2, 2)), "expected the dimensions"),
        (np.ones(2), "positions along 'r'"),
        (np.ma.masked_array([1.0, 2.0, 3.0], [0, 1, 0]), "masked"),
    ],
)
def test_bad_fields_are_named_with_index_and_value(value, words):
    with pytest.raises(InvalidProblemError, match=words):
        declared(lambda self, m: m.binary("x", "r"), a=value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("limit", "2"),
        ("limit", True),
        ("limit", np.nan),
        ("n", 2.0),
        ("n", True),
        ("to", [0.0, 1.0, 2.0]),
        ("allowed", np.ones((3, 3))),
    ],
)
def test_scalars_positions_and_masks_are_checked(field, value):
    with pytest.raises(InvalidProblemError, match=re.escape(field)):
        declared(lambda self, m: m.binary("x", "r"), **{field: value})


def test_fields_are_copies():
    given = np.ones(3)
    problem = declared(lambda self, m: m.binary("x", "r"), a=given)
    given[0] = 7.0
    assert problem.a[0] == 1.0


def test_xarray_is_aligned_by_name_and_labels_must_agree():
    xarray = pytest.importorskip("xarray")
    polars = pytest.importorskip("polars")
    values = np.arange(9.0).reshape(3, 3)
    turned = xarray.DataArray(values.T, dims=("r", "m"), coords={"m": ["x", "y", "z"]})
    problem = declared(lambda self, m: m.binary("x", "r", "m"), ct=turned, a=polars.Series([1.0, 2.0, 3.0]))
    assert np.array_equal(problem.ct, values)
    assert problem.labels == {"m": ["x", "y", "z"]}
    assert list(eo.solve(problem).decision.to_pandas("x").columns) == ["x", "y", "z"]
    with pytest.raises(InvalidProblemError, match="dimensions"):
        declared(lambda self, m: m.binary("x", "r"), ct=turned.rename(m="k"))
    other = xarray.DataArray(np.ones(3), dims="m", coords={"m": ["y", "x", "z"]})
    with pytest.raises(InvalidProblemError, match="otherwise than the field before it, first at position 0"):
        declared(lambda self, m: m.binary("x", "r"), ct=turned, c=other)


def test_what_users_of_arrays_type_works_on_fields():
    def body(self, m):
        x = m.continuous("x", "r", "m", lower=1.0, upper=1.0)
        assert (self.ct.shape, self.ct.ndim, len(self.a), self.a.size) == ((3, 3), 2, 3, 3)
        part = -self.a + 1 / self.c.rename(m="r") + self.a**2 + self.ct.T.mean("m") + self.a.max() - np.min(self.c)
        part = part + np.maximum(self.a, 2.0) + np.where(np.array([True, False, True]), self.a, 0.0) + np.sqrt(self.a)
        part = part + np.mean(self.ct, axis=0) + self.limit * np.exp(-self.a) + np.square(self.a) + abs(-self.a)
        m.minimize((part * x).sum())

    a, c, ct = np.array([1.0, 2, 3]), np.array([1.0, 2, 4]), np.arange(9.0).reshape(3, 3)
    part = -a + 1 / c + a**2 + ct.mean(0) + 3.0 - 1.0 + np.maximum(a, 2) + np.where([1, 0, 1], a, 0) + np.sqrt(a)
    part = part + ct.mean(0) + 2 * np.exp(-a) + a**2 + a
    assert eo.solve(declared(body)).objective == pytest.approx(3 * part.sum(), rel=1e-12)


def test_inheritance_helpers_and_defaults():
    class Base(eo.Formulation):
        a: eo.Array = eo.data("r", nonnegative=True)
        limit: float = 1.0

        def chosen(self, m):
            return m.binary("x", "r")

        @property
        def weight(self):
            return 2.0 * self.a

        def declare(self, m):
            m.maximize((self.weight * self.chosen(m)).sum())

    class Limited(Base):
        extra: float = 3.0

        def declare(self, m):
            x = self.chosen(m)
            m.maximize((self.weight * x).sum())
            m.subject_to(limit=x.sum() <= self.limit + self.extra)

    assert eo.solve(Base(a=[1.0, 2.0])).objective == 6.0
    assert eo.solve(Limited(a=[1.0, 2.0], extra=0.0)).objective == 4.0
    assert isinstance(Limited(a=[1.0]), Base)
    with pytest.raises(InvalidProblemError, match=r"a\[0\] is -1.0; every entry must not be negative"):
        Base(a=[-1.0])
    with pytest.raises(TypeError, match="unexpected keyword"):
        Base(b=[1.0])
    with pytest.raises(TypeError, match="missing"):
        Base()


def test_a_long_sum_is_no_deep_recursion():
    def body(self, m):
        x = m.continuous("x", "r", lower=1.0)
        m.minimize(sum(x[i % 3] * 1.0 for i in range(10_000)))
        m.subject_to(total=sum((x * 1.0).sum() for _ in range(3000)) <= 1e6)

    assert eo.solve(declared(body)).objective == pytest.approx(10_000.0)
