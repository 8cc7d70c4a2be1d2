"""Layers on a GPU give what they give on the CPU, in values and gradients; where there is none, nothing of this runs."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from made_layers import VECTORS, network, program
from torch import func

import edgeopt as eo
from edgeopt.layers.backends import BACKENDS
from edgeopt.layers.given import PARAMETERS
from edgeopt.layers.lp import LinearProgramLayer
from edgeopt.layers.revenue import Admission, RevenueLayer
from edgeopt.layers.spo import SPOPlusLoss

pytestmark = [
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"),
    pytest.mark.filterwarnings("ignore:a vertex does not move with its costs"),
    pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning"),  # of torch's own forward mode
]
F64 = torch.float64


def drawn(one: eo.Program, names, batch: int = 8, seed: int = 3) -> list[torch.Tensor]:
    rng = np.random.default_rng(seed)
    data = {name: np.asarray(getattr(one, name)) for name in VECTORS} | {"matrix": one.matrix.data}
    return [torch.tensor(np.tile(data[n], (batch, 1)) + 0.01 * rng.normal(size=(batch, data[n].size))) for n in names]


def on(device: str, module, *given):
    """Return outputs and gradients of a module whose inputs are on a device, on the CPU again."""
    given = [None if value is None else value.detach().to(device, copy=True).requires_grad_() for value in given]
    found = module(*given)
    outputs = list(found) if isinstance(found, tuple) else [found]
    assert {part.device.type for part in outputs} == {device}
    sum((part * part).sum() for part in outputs).backward()
    assert {value.grad.device.type for value in given if value is not None} == {device}
    return [part.detach().cpu() for part in outputs] + [value.grad.cpu() for value in given if value is not None]


def assert_same(module, *given, atol: float = 1e-9):
    for here, there in zip(on("cpu", module, *given), on("cuda", module, *given), strict=True):
        torch.testing.assert_close(there, here, rtol=1e-9, atol=atol)


@pytest.mark.parametrize("backend", ["auto", *BACKENDS])
@pytest.mark.parametrize("sense", ["minimize", "maximize"])
@pytest.mark.parametrize("names", [VECTORS, PARAMETERS], ids=["vectors", "with the matrix"])
def test_vertices_and_their_derivatives(backend, sense, names):
    one = program(np.random.default_rng(3), sense=sense)
    layer = LinearProgramLayer(one, names, backend=backend)
    assert_same(lambda *values: layer(*values, duals=True), *drawn(one, names))


@pytest.mark.parametrize("smoothing", ["quadratic", "barrier"])
def test_smoothed_optima_and_their_derivatives(smoothing):
    one = program(np.random.default_rng(3))
    layer = LinearProgramLayer(one, PARAMETERS, smoothing=smoothing, strength=0.3)
    assert_same(lambda *values: layer(*values, duals=True), *drawn(one, PARAMETERS), atol=1e-7)


@pytest.mark.parametrize("backend", BACKENDS)
def test_gradcheck(backend):
    one = program(np.random.default_rng(0))
    layer = LinearProgramLayer(one, VECTORS, backend=backend)
    given = [value.cuda().requires_grad_() for value in drawn(one, VECTORS, 2)]
    assert torch.autograd.gradcheck(lambda *a: layer(*a, duals=True), given, eps=1e-7, atol=1e-6)
    assert torch.autograd.gradgradcheck(lambda *a: layer(*a, duals=True), given, eps=1e-6, atol=1e-5)


@pytest.mark.parametrize("smoothing", [None, "quadratic", "barrier"])
def test_torch_func(smoothing):
    one = program(np.random.default_rng(0))
    layer = LinearProgramLayer(one, ("upper", "row_upper"), smoothing=smoothing, strength=0.3)
    given = drawn(one, ("upper", "row_upper"), 3)
    here = func.vmap(func.jacrev(layer, argnums=(0, 1)))(*given)
    there = func.vmap(func.jacrev(layer, argnums=(0, 1)))(*(value.cuda() for value in given))
    forward = func.vmap(func.jacfwd(layer, argnums=(0, 1)))(*(value.cuda() for value in given))
    for one_side, other, third in zip(here, there, forward, strict=True):
        torch.testing.assert_close(other.cpu(), one_side, rtol=1e-7, atol=1e-7)
        torch.testing.assert_close(third, other, rtol=1e-7, atol=1e-7)


def test_empty_batches_masks_and_failures():
    one = eo.Program([-1.0, -1.0], [[1.0, 1.0]], row_lower=[0.5], upper=1.0)
    layer = LinearProgramLayer(one, ("row_upper",), on_failure="mask")
    assert layer(torch.zeros(0, 1, device="cuda", dtype=F64)).shape == (0, 2)
    side = torch.tensor([[1.5], [0.1]], device="cuda", dtype=F64)
    point = layer(side)
    assert layer.report().status.tolist() == ["optimal", "infeasible"]
    assert torch.isnan(point[1]).all()
    assert float(point[0].sum()) == 1.5
    with pytest.raises(eo.NoSolutionError, match="instance 1 is infeasible"):
        LinearProgramLayer(one, ("row_upper",))(side)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_dtypes_and_autocast(dtype):
    problem = network(np.random.default_rng(0))
    layer = RevenueLayer(problem).cuda()
    traffic = torch.tensor(problem.traffic, dtype=dtype, device="cuda")
    assert layer(traffic).dtype == dtype
    with torch.autocast("cuda", dtype=torch.bfloat16):
        found = layer(traffic * 1.0)
    torch.testing.assert_close(found.double().cpu(), layer(traffic).double().cpu(), rtol=0.02, atol=0.02)


@pytest.mark.parametrize("recourse", ["throttle", "optimal"])
def test_revenue_and_admission(recourse):
    problem = network(np.random.default_rng(1), compute_price=0.1)
    rng = np.random.default_rng(2)
    traffic = torch.tensor(problem.traffic * rng.uniform(0.7, 1.3, (6, problem.services)))
    capacity = torch.tensor(problem.capacity * rng.uniform(0.7, 1.3, (6, problem.resources)))
    revenue = torch.tensor(problem.unit_revenue).expand(6, -1).clone()
    density = torch.tensor(problem.density.data).expand(6, -1).clone()
    here, there = RevenueLayer(problem), RevenueLayer(problem).cuda()
    for a, b in zip(
        on("cpu", here, traffic, capacity, revenue, density),
        on("cuda", there, traffic, capacity, revenue, density),
        strict=True,
    ):
        torch.testing.assert_close(b, a, rtol=1e-9, atol=1e-9)
    admission = Admission(problem, recourse, sla_penalty=0.2)
    moved = copy.deepcopy(admission).cuda()
    given = 1.2 * traffic, traffic, capacity
    torch.testing.assert_close(
        moved.revenue(*(value.cuda() for value in given)).cpu(), admission.revenue(*given), rtol=1e-9, atol=1e-9
    )


def test_the_spo_loss():
    one = program(np.random.default_rng(0))
    loss = SPOPlusLoss(one)
    cost = torch.tensor(np.random.default_rng(1).normal(size=(5, one.columns)))
    assert_same(lambda guess: loss(guess, cost.to(guess.device)), cost + 0.3)


def test_compiled_in_one_graph():
    one = program(np.random.default_rng(0))
    layer = LinearProgramLayer(one, ("upper", "row_upper"))
    compiled = torch.compile(lambda a, b: layer(a, b) * 2.0, fullgraph=True)
    given = drawn(one, ("upper", "row_upper"))
    for here, there in zip(
        on("cuda", lambda a, b: layer(a, b) * 2.0, *given), on("cuda", compiled, *given), strict=True
    ):
        torch.testing.assert_close(there, here, rtol=1e-9, atol=1e-9)


def test_the_interior_points_are_finished_on_the_device():
    rng = np.random.default_rng(0)
    problem = network(rng, 60, 12, 20)
    layer = LinearProgramLayer(problem.program(), ("upper",), backend="batched")
    layer(torch.tensor(problem.traffic * rng.uniform(0.5, 2.0, (64, 60)), device="cuda"))
    [(_, found)] = layer._solved()
    assert (found.iterations == 0).mean() > 0.9
