"""No back end is believed: what a layer hands on was measured on the program's own data."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from numerics import families

import edgeopt as eo
from edgeopt.layers import (
    RevenueLayer,
    SPOPlusLoss,
    lp,
    smoothing,
)
from edgeopt.layers.lp import LinearProgramLayer
from edgeopt.model.errors import NoSolutionError
from edgeopt.solvers.compiled.lp_batch import (
    INFEASIBLE,
    UNBOUNDED,
    Bases,
    Vertices,
)

inf = math.inf
PROGRAM = eo.Program([-2.0, -1.0], [[1.0, 1.0]], row_upper=[3.0], upper=[2.0, 2.0])
BATCH = torch.tensor([[3.0], [2.5]], dtype=torch.float64)


def spoiled(monkeypatch, change, backend="simplex"):
    """Let a back end return what `change` makes of its vertices."""
    honest = lp.BACKENDS[backend]

    def planted(*given):
        found = honest(*given)
        change(found)
        return found

    monkeypatch.setattr(lp, "BACKENDS", {**lp.BACKENDS, backend: planted})


def outside(found):
    found.point[0] = 15.0


def beyond_the_row(found):
    found.point[0] = 2.0


def worse(found):
    found.point[0] = 0.0


def no_duals(found):
    found.dual[0] = 0.0


def nan_dual(found):
    found.dual[0] = np.nan


def infinite(found):
    found.point[0] = np.inf


def wrong_basis(found):
    found.bases.columns[0] = found.bases.columns[0][::-1]


def no_basis(found):
    found.bases.rows[0] = 1


@pytest.mark.parametrize("backend", ["simplex", "highs", "batched"])
@pytest.mark.parametrize("change", [outside, beyond_the_row, worse, infinite])
def test_a_false_optimum_has_failed_and_leaves_the_others_alone(backend, change, monkeypatch):
    spoiled(monkeypatch, change, backend)
    layer = LinearProgramLayer(PROGRAM, ("row_upper",), backend=backend, on_failure="mask")
    point = layer(BATCH)
    assert layer.report().status.tolist() == ["failed", "optimal"]
    assert torch.isnan(point[0]).all()
    assert point[1].tolist() == [2.0, 0.5]
    with pytest.raises(NoSolutionError, match="instance 0 is failed"):
        LinearProgramLayer(PROGRAM, ("row_upper",), backend=backend)(BATCH)


@pytest.mark.parametrize("backend", ["simplex", "highs", "batched"])
@pytest.mark.parametrize("change", [no_duals, nan_dual, wrong_basis, no_basis])
def test_a_right_point_without_its_proof_gets_one(backend, change, monkeypatch):
    spoiled(monkeypatch, change, backend)
    capacity = BATCH.clone().requires_grad_()
    point, dual = LinearProgramLayer(PROGRAM, ("row_upper",), backend=backend)(capacity, duals=True)
    point[:, 1].sum().backward()
    assert point.tolist() == [[2.0, 1.0], [2.0, 0.5]]
    assert dual.tolist() == [[-1.0], [-1.0]]
    assert capacity.grad.tolist() == [[1.0], [1.0]]


@pytest.mark.parametrize("code", [INFEASIBLE, UNBOUNDED])
def test_a_false_claim_that_there_is_no_optimum_is_settled(code, monkeypatch):
    spoiled(monkeypatch, lambda found: found.ended.fill(code))
    layer = LinearProgramLayer(PROGRAM, ("row_upper",), backend="simplex")
    assert layer(BATCH).tolist() == [[2.0, 1.0], [2.0, 0.5]]


def test_vertices_of_the_wrong_shape_have_failed(monkeypatch):
    found = Vertices(
        np.ones((2, 3)),
        np.zeros((2, 1)),
        Bases(np.zeros((2, 2), np.int8), np.ones((2, 1), np.int8)),
        np.zeros(2, np.int8),
        np.zeros(2, np.int64),
    )
    monkeypatch.setattr(lp, "BACKENDS", {"simplex": lambda *_: found})
    point = LinearProgramLayer(PROGRAM, ("row_upper",), backend="simplex", on_failure="mask")(BATCH)
    assert point.shape == (2, 2)
    assert torch.isnan(point).all()


def test_the_revenue_layer_and_the_loss_believe_nothing_either(monkeypatch):
    spoiled(monkeypatch, outside)
    problem = eo.RevenueMaximization([3.0, 2.0], [[1.0, 1.0]], [[1.0, 0.5]], [2.0], [1.5], [1.0, 2.0])
    with pytest.raises(NoSolutionError):
        RevenueLayer(problem)(torch.tensor([[1.0, 2.0]]))
    cost = torch.tensor([[-2.0, -1.0]])
    with pytest.raises(NoSolutionError):
        SPOPlusLoss(PROGRAM)(cost, cost)


@pytest.mark.parametrize("kind", ["quadratic", "barrier"])
@pytest.mark.parametrize("part", ["x", "y"])
def test_a_false_smoothed_optimum_has_failed(kind, part, monkeypatch):
    honest = smoothing.solve_interior

    def planted(*given):
        found = honest(*given)
        getattr(found, part)[0] += 0.1
        return found

    layer = LinearProgramLayer(PROGRAM, ("row_upper",), smoothing=kind, on_failure="mask")
    assert layer(BATCH).isfinite().all()
    monkeypatch.setattr(smoothing, "solve_interior", planted)
    assert torch.isnan(layer(BATCH)[0]).all()
    assert layer.report().status.tolist() == ["failed", "optimal"]


FAMILIES = [name for name in families.FAMILIES if name.endswith("-lp") and name != "large-bounds-lp"]


@pytest.mark.parametrize("backend", ["simplex", "highs", "batched"])
@pytest.mark.parametrize("family", FAMILIES)
def test_ill_scaled_programs_end_as_solve_says(family, backend):
    for seed in range(6):
        program = families.drawn(family, seed).program()
        layer = LinearProgramLayer(program, ("upper", "row_upper"), backend=backend, on_failure="mask")
        point = layer(torch.tensor(np.array(program.upper)), torch.tensor(np.array(program.row_upper)))
        expected = eo.solve(program, "highs")
        assert layer.report().status[0] == expected.status, (family, seed)
        if expected.status == "optimal":
            size = 1e-9 * float(np.abs(program.cost) @ np.abs(point.numpy()))
            found = program.objective(eo.Point(point.numpy()))
            assert found == pytest.approx(expected.objective, rel=1e-6, abs=size), (family, seed)


def penalised():
    return eo.Program([3.0, 2.0, 1.0, 1e6], [[1.0, 1.0, 1.0, 1.0]], 1.0, inf, 0.0, [1.0, 1.0, 1.0, inf])


def in_small_units():
    matrix = [[1.0, 1.0], [1.0, 0.5]]
    return eo.Program([-3.0, -2.0], matrix, row_upper=[1e-9, 0.8e-9], upper=[5e-9, 4e-9])


@pytest.mark.parametrize("backend", ["simplex", "highs", "batched"])
def test_small_units_and_penalties_have_their_optima_and_gradients(backend):
    layer = LinearProgramLayer(in_small_units(), ("row_upper",), backend=backend)
    capacity = torch.tensor([[1e-9, 0.8e-9]], dtype=torch.float64, requires_grad=True)
    point = layer(capacity)
    np.testing.assert_allclose(point.detach().numpy(), [[0.6e-9, 0.4e-9]], rtol=1e-9)
    assert not layer.report().degenerate.any()
    # By hand: both rows bind, so the point solves a system of two equations.
    (point @ torch.tensor([3.0, 2.0], dtype=torch.float64)).sum().backward()
    expected = np.linalg.solve(np.array([[1.0, 1.0], [1.0, 0.5]]).T, [3.0, 2.0])
    np.testing.assert_allclose(capacity.grad.numpy()[0], expected)
    layer = LinearProgramLayer(penalised(), ("row_lower",), backend=backend)
    assert layer(torch.tensor([[1.0], [2.5]])).tolist() == [[0.0, 0.0, 1.0, 0.0], [0.5, 1.0, 1.0, 0.0]]


@pytest.mark.parametrize("backend", ["simplex", "highs", "batched"])
@pytest.mark.parametrize(
    ("program", "units"),
    [
        (
            eo.Program([-3.0, -2.0], [[1e9, 1e9], [1e-6, 0.5e-6]], row_upper=[1e9, 0.8e-6], upper=[5.0, 4.0]),
            [1e9, 1e-6],
        ),
        (eo.Program([3.0, 2.0, 1e8], [[1.0, 1.0, 1.0], [1e7, 0.0, 1e7]], [1.3, 2e6], upper=1.0), [1.0, 1e7]),
    ],
    ids=["rows in other units", "penalty"],
)
def test_gradients_of_ill_scaled_programs_are_those_of_differences(program, units, backend):
    side = "row_upper" if np.isfinite(program.row_upper).all() else "row_lower"
    layer = LinearProgramLayer(program, (side,), backend=backend)
    unit = torch.tensor(units, dtype=torch.float64)
    start = torch.tensor(np.array(getattr(program, side)), dtype=torch.float64) / unit
    assert torch.autograd.gradcheck(lambda value: layer(value * unit), start.requires_grad_(), eps=1e-4)
