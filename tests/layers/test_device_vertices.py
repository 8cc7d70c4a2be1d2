"""Vertices finished on the device: right where they are called optimal, and called so only where they are."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from made_layers import network, program

import edgeopt as eo
from edgeopt.layers.device_vertices import optimal_vertices
from edgeopt.layers.interior_point import bases_near_optimum, tensors
from edgeopt.layers.lp import LinearProgramLayer
from edgeopt.model.basis import LOWER, UPPER
from edgeopt.solvers.compiled.lp_batch import Constraints, Instances


def instances(one: eo.Program) -> Instances:
    bounds = one.lower, one.upper, one.row_lower, one.row_upper
    return Instances(Constraints.of(one.matrix), one.sense.sign * one.cost[None], *(part[None] for part in bounds))


@pytest.mark.parametrize("seed", range(20))
def test_a_guessed_basis_gives_the_optimum_that_highs_proves(seed):
    rng = np.random.default_rng(seed)
    one = program(rng, int(rng.integers(1, 12)), int(rng.integers(1, 8)))
    batch = tensors(instances(one))
    point, dual, optimal = optimal_vertices(batch, *bases_near_optimum(batch))
    best = eo.solve(one, "highs")
    assert bool(optimal) == (best.status == "optimal")  # some of these programs have no optimum
    if optimal:
        np.testing.assert_allclose(point.numpy()[0], best.decision.values, atol=1e-9)
        reduced = one.cost - one.matrix.T @ dual.numpy()[0]
        assert float(one.cost @ point.numpy()[0]) == pytest.approx(_dual_bound(one, reduced, dual.numpy()[0]))


def _dual_bound(one: eo.Program, reduced: np.ndarray, dual: np.ndarray) -> float:
    """Return the bound that duals prove: the least of the Lagrangian within the bounds."""
    columns = np.where(reduced > 0, one.lower, one.upper) @ reduced
    return float(columns + np.where(dual > 0, one.row_lower, one.row_upper) @ dual)


@pytest.mark.parametrize(
    ("columns", "rows"),
    [
        pytest.param([LOWER, LOWER], [1], id="feasible, but not the best"),
        pytest.param([UPPER, UPPER], [1], id="outside the row"),
        pytest.param([UPPER, LOWER], [LOWER], id="a singular matrix and a bound that does not exist"),
    ],
)
def test_another_basis_is_not_called_optimal(columns, rows):
    one = eo.Program([-2.0, -1.0], [[1.0, 1.0]], row_upper=[1.5], upper=1.0)
    status = torch.tensor([columns], dtype=torch.int8), torch.tensor([rows], dtype=torch.int8)
    assert not optimal_vertices(tensors(instances(one)), *status)[2].any()


@pytest.mark.parametrize(
    "one",
    [
        eo.Program([1.0, -1.0], np.zeros((0, 2)), upper=2.0),
        eo.Program([1.0, 1.0], [[1.0, 1.0]], row_lower=[1.0], row_upper=[1.0], upper=1.0),
        eo.Program([1.0, 1.0], [[1.0, 1.0], [2.0, 2.0]], row_lower=[1.0, 2.0], upper=1.0),
        eo.Program([0.0, 0.0], [[1.0, 1.0]], row_upper=[1.0], upper=1.0),
        eo.Program([-1.0, 1.0], [[1.0, -1.0]], row_upper=[1.0], lower=[-np.inf, 0.0], upper=[np.inf, 5.0]),
    ],
    ids=["no rows", "an equation", "redundant rows", "every point is optimal", "a free column"],
)
def test_odd_programs_have_their_optimum(one):
    point = LinearProgramLayer(one, ("cost",), backend="batched")(torch.tensor(one.cost))
    best = eo.solve(one, "highs").objective
    assert float(one.cost @ point.numpy()) == pytest.approx(best, abs=1e-9)


def test_a_network_is_finished_without_the_simplex_method():
    rng = np.random.default_rng(0)
    problem = network(rng, 60, 12, 20)
    layer = LinearProgramLayer(problem.program(), ("upper",), backend="batched")
    layer(torch.tensor(problem.traffic * rng.uniform(0.5, 2.0, (64, 60))))
    [(_, found)] = layer._solved()
    assert (found.iterations == 0).mean() > 0.9


@pytest.mark.parametrize(
    ("rows", "batch", "device", "chosen"),
    [
        (50, 4095, "cuda", "simplex"),
        (50, 4096, "cuda", "batched"),
        (50, 4096, "cpu", "simplex"),
        (300, 127, "cuda", "highs"),
        (300, 128, "cuda", "batched"),
        (300, 100_000, "cuda", "highs"),  # does not fit
    ],
)
def test_a_gpu_is_taken_where_the_batch_is_worth_it(rows, batch, device, chosen):
    one = eo.Program(np.ones(rows), np.eye(rows), row_upper=np.ones(rows), upper=1.0)
    layer = LinearProgramLayer(one, ("row_upper",))
    given = instances(one)
    many = Instances(given.constraints, given.cost, given.lower, given.upper, given.row_lower, np.ones((batch, rows)))
    assert layer._chosen(many, torch.device(device)) == chosen
