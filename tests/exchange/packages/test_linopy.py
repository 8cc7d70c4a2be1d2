"""linopy models read as programs, and values written back into them."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from made_models import assert_same_numbers, made

import edgeopt as eo

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what it imports warns of deprecations
    import linopy

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore:.*absent slots.*")


def build(seed):
    given = replace(made(seed), offset=0.0)  # linopy refuses constants in the objective
    model = linopy.Model()
    x = [
        model.add_variables(lower=given.lower[j], upper=given.upper[j], integer=bool(given.integral[j]), name=f"x{j}")
        for j in given.columns
    ]
    for i in given.rows:
        terms = given.row(i, x)
        low, high = given.row_lower[i], given.row_upper[i]
        if low == high:
            model.add_constraints(terms == low, name=f"equal{i}")
            continue
        if np.isfinite(low):
            model.add_constraints(terms >= low, name=f"lower{i}")
        if np.isfinite(high):
            model.add_constraints(terms <= high, name=f"upper{i}")
    model.add_objective(given.goal(x), sense="max" if given.maximize else "min")
    return given, model


def own_optimum(model):
    model.solve("highs", io_api="direct", presolve="off", log_to_console=False, output_flag=False)
    return model.objective.value


def split(given):
    """Arrays in which each side is a row, as linopy has no ranges."""
    rows = []
    for i in given.rows:
        low, high = given.row_lower[i], given.row_upper[i]
        if low == high:
            rows.append((f"equal{i}", given.matrix[i], low, high))
        else:
            rows += [(f"lower{i}", given.matrix[i], low, np.inf)] * bool(np.isfinite(low))
            rows += [(f"upper{i}", given.matrix[i], -np.inf, high)] * bool(np.isfinite(high))
    names, matrix, lower, upper = zip(*rows, strict=True)
    return eo.Program(
        given.cost,
        np.array(matrix),
        lower,
        upper,
        given.lower,
        given.upper,
        given.integral,
        given.sense,
        given.offset,
        [f"x{j}" for j in given.columns],
        names,
    )


@pytest.mark.parametrize("seed", range(25))
def test_what_is_read_is_the_model_and_its_optimum_is_linopys(seed):
    given, model = build(seed)
    program, expected = eo.from_linopy(model), split(given)
    assert_same_numbers(program, expected)
    assert list(program.column_names) == list(expected.column_names)
    assert list(program.row_names) == list(expected.row_names)
    solution = eo.solve(program)
    solution.assign(model)
    assert model.objective.value == pytest.approx(solution.objective)
    values = [float(model.variables[f"x{j}"].solution) for j in given.columns]
    assert given.goal(values) == pytest.approx(solution.objective, rel=1e-9, abs=1e-9)
    assert own_optimum(model) == pytest.approx(solution.objective, rel=1e-6, abs=1e-6)


def rich_model():
    site, year = pd.Index(["north", "south"], name="site"), pd.Index([2030, 2040, 2050], name="year")
    model = linopy.Model()
    upper = xr.DataArray([[1.0, 2, 3], [4, 5, 6]], coords=[site, year])
    there = xr.DataArray([[True, True, False], [True] * 3], coords=[site, year])
    flow = model.add_variables(lower=0, upper=upper, coords=[site, year], name="flow", mask=there)
    build = model.add_variables(coords=[year], binary=True, name="build")
    count = model.add_variables(lower=-5, upper=5, integer=True, name="count")
    model.add_constraints(flow.sum("site") + 2 * build <= 4, name="cap")
    model.add_constraints(flow >= build - 1, name="floor", mask=xr.DataArray([True, False], coords=[site]))
    model.add_constraints(count == flow.sum(), name="total")
    model.add_objective(flow.sum() + 3 * build.sum() - count, sense="max")
    return model


def test_dimensions_masks_and_kinds_of_variables():
    model = rich_model()
    program = eo.from_linopy(model)
    assert list(program.column_names) == [
        "flow[north, 2030]",
        "flow[north, 2040]",
        "flow[south, 2030]",
        "flow[south, 2040]",
        "flow[south, 2050]",
        "build[2030]",
        "build[2040]",
        "build[2050]",
        "count",
    ]
    assert list(program.row_names)[:4] == ["cap[2030]", "cap[2040]", "cap[2050]", "floor[north, 2030]"]
    assert program.row_names[-1] == "total"
    assert program.sense == "maximize"
    np.testing.assert_array_equal(program.upper, [1, 2, 4, 5, 6, 1, 1, 1, 5])
    np.testing.assert_array_equal(program.integrality, [False] * 5 + [True] * 4)
    np.testing.assert_array_equal(program.matrix.toarray()[0], [1, 0, 1, 0, 0, 2, 0, 0, 0])
    solution = eo.solve(program)
    solution.assign(model)
    assert model.status == "ok"
    assert np.isnan(model.variables["flow"].solution.sel(site="north", year=2050))
    assert model.solution["build"].dims == ("year",)
    assert own_optimum(model) == pytest.approx(solution.objective)


def test_frozen_constraints_say_the_same():
    model = rich_model()
    if not hasattr(model.constraints["cap"], "freeze"):
        pytest.skip("this linopy freezes no constraints")
    frozen = linopy.Model(freeze_constraints=True)
    x = frozen.add_variables(lower=0, coords=[pd.RangeIndex(3, name="i")], name="x")
    frozen.add_constraints(2 * x - x.sum() <= 4, name="c", mask=xr.DataArray([True, False, True], dims="i"))
    frozen.add_objective(x.sum(), sense="max")
    program = eo.from_linopy(frozen)
    assert list(program.row_names) == ["c[0]", "c[2]"]
    np.testing.assert_array_equal(program.matrix.toarray(), [[1, -1, -1], [-1, -1, 1]])
    np.testing.assert_array_equal(program.row_upper, [4, 4])


def test_scaling_factors_do_not_count():
    model = linopy.Model()
    x = model.add_variables(lower=0, upper=3, name="x")
    row = model.add_constraints(2 * x <= 4, name="row")
    model.add_objective(5 * x, sense="max")
    if not hasattr(row, "scaling"):
        pytest.skip("this linopy has no scaling")
    model.objective.scaling = 0.5
    program = eo.from_linopy(model)
    assert (program.cost[0], program.upper[0], program.matrix.toarray()[0, 0]) == (5, 3, 2)


def quadratic(model, x):
    model.add_objective((x * x).sum(), overwrite=True)


def in_a_set(model, x):
    model.add_sos_constraints(x, sos_type=1, sos_dim="i")


def semi_continuous(model, x):
    model.add_variables(lower=1, upper=2, semi_continuous=True, name="semi")


def unbounded_indicator(model, x):
    y, free = model.add_variables(binary=True, name="y"), model.add_variables(lower=0, name="free")
    model.add_indicator_constraints(y, 1, x.sum() + free <= 1, name="if_y")


def masked_indicator(model, x):
    i = pd.RangeIndex(3, name="i")
    y = model.add_variables(binary=True, coords=[i], name="y", mask=xr.DataArray([True, False, True], coords=[i]))
    model.add_indicator_constraints(y, 1, x <= 1, name="if_y")


REFUSED = [
    (quadratic, "the objective of the linopy model is quadratic"),
    (in_a_set, "variable 'x' of the linopy model belongs to a special ordered set"),
    (semi_continuous, "variable 'semi' of the linopy model is semi-continuous"),
    (unbounded_indicator, "constraint 'if_y' holds only where a condition is true, and its variable 'free' has an inf"),
    (masked_indicator, r"constraint 'if_y\[1\]' of the linopy model depends on a masked variable"),
]


@pytest.mark.parametrize(("spoil", "words"), REFUSED)
def test_what_no_linear_program_holds_is_refused_by_name(spoil, words):
    model = linopy.Model()
    x = model.add_variables(lower=0, upper=3, coords=[pd.RangeIndex(3, name="i")], name="x")
    model.add_objective(x.sum())
    spoil(model, x)
    with pytest.raises(eo.InvalidProblemError, match=words):
        eo.from_linopy(model)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("frozen", [False, True])
def test_indicators_hold_where_their_variable_has_its_value(seed, frozen):
    """Against the best over all values of the binary variables, each with the rows that they switch on."""
    rng, i = np.random.default_rng(seed), pd.RangeIndex(3, name="i")
    model = linopy.Model(**({"freeze_constraints": True} if frozen else {}))
    if not hasattr(model, "add_indicator_constraints"):
        pytest.skip("this linopy has no indicators")
    x = model.add_variables(lower=-3, upper=4, coords=[i], name="x", integer=bool(seed % 2))
    y = model.add_variables(binary=True, coords=[i], name="y")
    matrix, right = rng.integers(-3, 4, (3, 3)).astype(float), rng.integers(-3, 3, 3).astype(float)
    value, sign = int(rng.integers(2)), ["<=", ">=", "="][seed % 3]
    terms = (xr.DataArray(matrix, dims=["j", "i"], coords={"j": range(3), "i": range(3)}) * x).sum("i")
    switch = y.rename(i="j")
    model.add_indicator_constraints(switch, value, terms, sign, xr.DataArray(right, dims=["j"]), name="if_y")
    price, gain = rng.normal(size=3), rng.normal(size=3) * 5
    model.add_objective((xr.DataArray(price, coords=[i]) * x + xr.DataArray(gain, coords=[i]) * y).sum())
    program = eo.from_linopy(model)
    best = np.inf
    for switches in np.ndindex(2, 2, 2):
        on = np.array(switches) == value
        low = np.where(on & (sign != "<="), right, -np.inf)
        high = np.where(on & (sign != ">="), right, np.inf)
        each = eo.Program(
            price, matrix, low, high, -3.0, 4.0, np.full(3, bool(seed % 2)), offset=float(gain @ switches)
        )
        found = eo.solve(each)
        best = min(best, found.objective if found.status == "optimal" else np.inf)
    solution = eo.solve(program)
    assert solution.objective == pytest.approx(best, abs=1e-7)
    solution.assign(model)
    assert set(np.unique(model.variables["y"].solution)) <= {0.0, 1.0}


def test_other_things_and_other_models_are_refused():
    with pytest.raises(eo.InvalidProblemError, match="from_linopy was given a dict; expected a linopy.Model"):
        eo.from_linopy({})
    solution = eo.solve(eo.from_linopy(rich_model()))
    with pytest.raises(eo.InvalidProblemError, match="has no variable 'flow"):
        solution.assign(linopy.Model())


def test_the_transport_problem_of_dantzig():
    """Shipping from two canning plants to three markets: 153.675, in every modelling package's documentation."""
    plants, markets = (
        pd.Index(["seattle", "san-diego"], name="plant"),
        pd.Index(["ny", "chicago", "topeka"], name="market"),
    )
    cost = xr.DataArray(0.09 * np.array([[2.5, 1.7, 1.8], [2.5, 1.8, 1.4]]), coords=[plants, markets])
    model = linopy.Model()
    ship = model.add_variables(lower=0, coords=[plants, markets], name="ship")
    model.add_constraints(ship.sum("market") <= xr.DataArray([350, 600], coords=[plants]), name="supply")
    model.add_constraints(ship.sum("plant") >= xr.DataArray([325, 300, 275], coords=[markets]), name="demand")
    model.add_objective((cost * ship).sum())
    solution = eo.solve(eo.from_linopy(model))
    assert solution.objective == pytest.approx(153.675)
    assert solution.proved
    solution.assign(model)
    assert float((cost * ship.solution).sum()) == pytest.approx(153.675)
