"""The layer as part of a torch program: empty batches, dtypes, leading shapes, second derivatives, torch.func, copies."""

from __future__ import annotations

import copy
import gc
import pickle
import re

import numpy as np
import pytest
import torch
from made_layers import VECTORS, network, program
from torch import func

import edgeopt as eo
from edgeopt.layers import Admission, LinearProgramLayer, RevenueLayer
from edgeopt.layers.backends import BACKENDS
from edgeopt.layers.given import PARAMETERS

F64 = torch.float64
FORWARD = pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")  # of torch's own forward mode
FROZEN = pytest.mark.filterwarnings("ignore:a vertex does not move with its costs")
SMOOTHINGS = (None, "quadratic", "barrier")


def layer_and_values(smoothing=None, names=PARAMETERS, batch: int = 3, seed: int = 3, **options):
    rng = np.random.default_rng(seed)
    one = program(rng, **options)
    data = {name: np.asarray(getattr(one, name)) for name in VECTORS} | {"matrix": one.matrix.data}
    given = [torch.tensor(np.tile(data[n], (batch, 1)) + 0.01 * rng.normal(size=(batch, data[n].size))) for n in names]
    return LinearProgramLayer(one, names, smoothing=smoothing, strength=0.3), given


def wanting_gradients(tensors) -> list[torch.Tensor]:
    return [tensor.clone().requires_grad_() for tensor in tensors]


# Empty batches and leading shapes.


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("smoothing", SMOOTHINGS)
def test_an_empty_batch_gives_an_empty_optimum_and_no_gradients(backend, smoothing):
    one = eo.Program([-1.0, -1.0], [[1.0, 1.0]], upper=1.0)
    layer = LinearProgramLayer(one, ("row_upper", "upper"), backend=backend, smoothing=smoothing)
    side, upper = torch.zeros(0, 1, requires_grad=True), torch.ones(2, requires_grad=True)
    point, dual = layer(side, upper, duals=True)
    assert (point.shape, dual.shape) == ((0, 2), (0, 1))
    (point.sum() + dual.sum()).backward()
    assert side.grad.shape == (0, 1)
    assert not upper.grad.any()  # a parameter that all share collects the gradients of nobody
    assert str(layer.report()).startswith("0 instances: none")


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
def test_any_leading_shape_is_a_batch(smoothing):
    layer, given = layer_and_values(smoothing, VECTORS)
    flat = layer(*given)
    grid = layer(*(value.expand(2, 4, *value.shape) for value in given))
    assert grid.shape == (2, 4, *flat.shape)
    torch.testing.assert_close(grid[1, 2], flat, rtol=0, atol=1e-12)


def test_a_failing_instance_is_named_by_its_place():
    layer = LinearProgramLayer(eo.Program([1.0], [[1.0]], row_lower=0.0, upper=1.0), ("row_lower",))
    side = torch.zeros(2, 3, 1)
    side[1, 2] = 5.0
    with pytest.raises(eo.NoSolutionError, match=re.escape("instance [1, 2] is infeasible")):
        layer(side)


# Dtypes.


@FROZEN
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("smoothing", SMOOTHINGS)
def test_narrow_tensors_are_solved_in_float64_and_returned_as_they_came(dtype, smoothing):
    layer, given = layer_and_values(smoothing, VECTORS)
    narrow = [value.to(dtype).requires_grad_() for value in given]
    found = layer(*narrow)
    assert found.dtype == dtype
    torch.testing.assert_close(found, layer(*(value.double() for value in narrow)).to(dtype))
    found.float().sum().backward()
    assert {value.grad.dtype for value in narrow} == {dtype}


def test_autocast_reaches_through_the_layer():
    problem = network(np.random.default_rng(3))
    linear = torch.nn.Linear(2, problem.services)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        admitted = RevenueLayer(problem)(torch.nn.functional.softplus(linear(torch.ones(1, 2))))
    assert admitted.dtype == torch.bfloat16
    admitted.float().sum().backward()
    assert linear.weight.grad.isfinite().all()


def one_server(capacity: float, density=(1.0, 1.0)) -> eo.RevenueMaximization:
    size = len(density)
    return eo.RevenueMaximization([2.0, 1.0][:size], [density], np.zeros((0, size)), [capacity], [], np.full(size, 6e4))


def test_a_server_that_half_precision_cannot_say_keeps_its_capacity():
    layer = RevenueLayer(one_server(90_000.0))
    admitted = layer(torch.tensor([60_000.0, 60_000.0], dtype=torch.float16))
    assert admitted.tolist() == [60_000.0, 30_000.0]
    assert layer.half()(torch.tensor([60_000.0, 60_000.0]).half()).tolist() == [60_000.0, 30_000.0]


def test_what_half_precision_cannot_hold_is_refused():
    with pytest.raises(eo.InvalidProblemError, match=r"capacity\[0\] is inf, where the program's own is finite"):
        RevenueLayer(one_server(9e4))(torch.ones(2).half(), torch.tensor([9e4]).half())
    with pytest.raises(eo.InvalidProblemError, match=r"optimum's entry \[0\] is 80000; torch.float16 holds"):
        LinearProgramLayer(eo.Program([-1.0], [[0.5]], row_upper=1.0), ("row_upper",))(torch.tensor([40_000.0]).half())


@pytest.mark.parametrize(
    ("traffic", "message"),
    [
        (torch.full((12,), torch.nan), r"traffic\[0\] is nan"),
        (torch.arange(12), "traffic is torch.int64; expected float32"),
        (torch.ones(2, 11), r"traffic has shape \(2, 11\)"),
        ([1.0] * 12, "traffic is a list; expected a tensor"),
    ],
)
def test_the_revenue_layer_speaks_of_traffic(traffic, message):
    with pytest.raises(eo.InvalidProblemError, match=message):
        RevenueLayer(network(np.random.default_rng(3)))(traffic)


# Derivatives: of everything, of the matrix, twice, forward and backward, vectorised.


@FORWARD
@pytest.mark.parametrize("smoothing", SMOOTHINGS)
@pytest.mark.parametrize("names", [VECTORS, pytest.param(PARAMETERS, marks=pytest.mark.slow)])
@pytest.mark.parametrize("sense", ["minimize", pytest.param("maximize", marks=pytest.mark.slow)])
def test_first_and_second_derivatives_are_those_of_differences(smoothing, names, sense):
    layer, given = layer_and_values(smoothing, names, batch=2, sense=sense)
    given = wanting_gradients(given)
    both = lambda *values: layer(*values, duals=True)  # noqa: E731
    assert torch.autograd.gradcheck(both, given, atol=1e-4, rtol=1e-3, check_forward_ad=True)
    # The quadratic optimum is piecewise linear: its second derivative is 0, that of its rounding is not.
    assert torch.autograd.gradgradcheck(both, given, atol=2e-2 if smoothing == "quadratic" else 1e-3, rtol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("smoothing", SMOOTHINGS)
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("dense", [False, True])
def test_gradients_of_the_matrix_are_those_of_differences(smoothing, shared, dense):
    layer, (side, entries) = layer_and_values(smoothing, ("row_upper", "matrix"), batch=2)
    if dense:
        entries = entries.reshape(2, 6, 4).mT  # every entry of this program is stored, column after column
    given = wanting_gradients([side, entries[0] if shared else entries])
    both = lambda *values: layer(*values, duals=True)  # noqa: E731
    assert torch.autograd.gradcheck(both, given, atol=1e-4, rtol=1e-3)
    assert torch.autograd.gradgradcheck(both, given, atol=1e-3, rtol=1e-3)


def test_each_instance_has_its_own_matrix_and_the_stored_entries_keep_their_order():
    rng = np.random.default_rng(5)
    problem = network(rng)
    one = problem.program()
    layer = LinearProgramLayer(one, ("matrix",))
    entries = one.matrix.data * rng.uniform(0.7, 1.3, (4, one.matrix.nnz))
    found = layer(torch.tensor(entries))
    for row, own in zip(found.numpy(), entries, strict=True):
        matrix = one.matrix.copy()
        matrix.data = own
        other = eo.Program(one.cost, matrix, row_upper=one.row_upper, upper=one.upper, sense=one.sense)
        assert one.cost @ row == pytest.approx(eo.solve(other, "highs").objective, rel=1e-9)
    assert layer.bases.columns.shape == (4, problem.services)
    again = layer(torch.tensor(entries), start=layer.bases)
    torch.testing.assert_close(found, again)


def test_a_matrix_that_may_be_read_twice_is_refused():
    one = eo.Program([1.0, 1.0], [[1.0, 0.0], [0.0, 1.0]], row_lower=1.0)
    with pytest.raises(eo.InvalidProblemError, match="may be all entries of a matrix or the 2 stored entries"):
        LinearProgramLayer(one, ("matrix",))(torch.ones(2, 2))


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        (
            torch.ones(5),
            r"matrix has shape \(5,\); expected \(4,\) or \(..., 4\), its stored entries, or \(..., 2, 3\)",
        ),
        (torch.tensor([1.0, np.inf, 1.0, 1.0]), r"matrix\[1\] is inf; it must be finite"),
    ],
)
def test_a_wrong_matrix_is_refused(entries, message):
    one = eo.Program([1.0, 1.0, 1.0], [[1.0, 0.0, 2.0], [0.0, 1.0, 1.0]], row_lower=1.0)
    with pytest.raises(eo.InvalidProblemError, match=message):
        LinearProgramLayer(one, ("matrix",))(entries)


@FORWARD
@FROZEN
@pytest.mark.parametrize("smoothing", SMOOTHINGS)
def test_torch_func_transforms_the_layer(smoothing):
    layer, given = layer_and_values(smoothing)
    alone = [value[0] for value in given]
    every = tuple(range(len(given)))
    torch.testing.assert_close(func.vmap(layer)(*given), layer(*given), rtol=0, atol=1e-9)
    reverse, forward = (of(layer, argnums=every)(*alone) for of in (func.jacrev, func.jacfwd))
    batched = func.vmap(func.jacrev(layer, argnums=every))(*given)
    for a, b, c in zip(reverse, forward, batched, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-7, atol=1e-9)
        torch.testing.assert_close(a, c[0], rtol=1e-7, atol=1e-9)
    _, moved = func.jvp(layer, tuple(alone), tuple(torch.ones_like(value) for value in alone))
    torch.testing.assert_close(moved, sum(j.sum(dim=-1) for j in reverse), rtol=1e-7, atol=1e-9)

    def loss(*values):
        return layer(*values).square().sum()

    torch.testing.assert_close(
        func.grad(loss, argnums=every)(*alone)[1],
        torch.autograd.grad(loss(*(alone := wanting_gradients(alone))), alone)[1],
    )
    hessian = func.hessian(loss, argnums=3)(*(value.detach() for value in alone))
    torch.testing.assert_close(hessian, hessian.T)


def test_only_one_of_several_values_may_be_mapped():
    layer, given = layer_and_values(names=("upper", "row_upper"))
    alone = given[1][0].requires_grad_()
    found = func.vmap(layer, in_dims=(0, None))(given[0], alone)
    torch.testing.assert_close(found, layer(given[0], alone))
    (expected,) = torch.autograd.grad(layer(given[0], alone).sum(), alone)
    torch.testing.assert_close(torch.autograd.grad(found.sum(), alone)[0], expected)


# Two sides of a kink.


@pytest.mark.parametrize("seed", range(6))
def test_directional_derivatives_along_the_matrix_are_one_sided_differences(seed):
    rng = np.random.default_rng(seed)
    problem = network(rng, traffic=rng.integers(0, 3, 12).astype(float))
    layer = RevenueLayer(problem)
    at = torch.tensor(problem.traffic), torch.tensor(problem.capacity), None, torch.tensor(problem.density.data)
    along = torch.tensor(rng.uniform(0.1, 1.0, problem.density.nnz))
    found = layer.directional(*at, density=along)
    profit = torch.tensor(problem.unit_profit)
    here = float(layer(*at) @ profit)
    for side, step in ((found.right, 1e-6), (found.left, -1e-6)):
        moved = float(layer(*at[:3], at[3] + step * along) @ profit)
        assert float(side) == pytest.approx((moved - here) / step, abs=1e-4)


def test_a_kink_in_a_coefficient_has_two_sides():
    # max 2 a + b, t a + b <= 2, a <= 2 at t = 1: there a = 2 fills the row; a larger t costs 2 of each unit, a smaller
    # one leaves room for b.
    one = eo.Program([2.0, 1.0], [[1.0, 1.0]], row_upper=[2.0], upper=[2.0, 5.0], sense="maximize")
    found = LinearProgramLayer(one, ("matrix",)).directional(
        torch.tensor([1.0, 1.0], dtype=F64), matrix=torch.tensor([1.0, 0.0], dtype=F64)
    )
    assert (float(found.left), float(found.right), bool(found.degenerate)) == (-2.0, -4.0, True)


# The revenue layer.


def test_revenues_and_densities_are_parameters_of_the_revenue_layer():
    problem = network(np.random.default_rng(3), compute_price=0.1, link_price=0.2)
    layer, smooth = RevenueLayer(problem), RevenueLayer(problem, smoothing="barrier", strength=0.05)
    fields = problem.traffic, problem.capacity, problem.unit_revenue, problem.density.data
    given = wanting_gradients([torch.tensor(array) for array in fields])
    torch.testing.assert_close(layer(*given), layer(given[0]), rtol=0, atol=1e-12)
    whole = torch.tensor(problem.density.toarray())
    torch.testing.assert_close(layer(given[0], None, None, whole), layer(given[0]), rtol=0, atol=1e-12)
    both = lambda *values: layer(*values, duals=True)  # noqa: E731
    assert torch.autograd.gradcheck(both, given, eps=1e-7, atol=1e-5)
    assert torch.autograd.gradcheck(smooth, given, atol=1e-4, rtol=1e-3)
    assert layer.report().status.tolist() == ["optimal"]
    with pytest.raises(eo.InvalidProblemError, match=r"density\[0\] is -"):
        layer(given[0], None, None, -given[3])
    with pytest.raises(eo.InvalidProblemError, match="'cost' is no direction; expected one of traffic, capacity"):
        layer.directional(given[0], cost=torch.ones(12))


def test_costs_without_smoothing_are_warned_of_once():
    layer = LinearProgramLayer(eo.Program([0.1, 0.2], [[1.0, 1.0]], row_lower=1.0, upper=1.0), ("cost",))
    cost = torch.tensor([0.1, 0.2], requires_grad=True)
    with pytest.warns(UserWarning, match="a vertex does not move with its costs"):
        layer(cost).sum().backward()
    layer(cost).sum().backward()  # a second warning would be an error here
    assert "learn costs with SPOPlusLoss" in str(layer.report())


def test_duals_move_with_costs_and_nothing_is_warned_of():
    layer = LinearProgramLayer(eo.Program([0.1, 0.2], [[1.0, 1.0]], row_lower=1.0, upper=2.0), ("cost",))
    cost = torch.tensor([0.1, 0.2], dtype=F64, requires_grad=True)
    layer(cost, duals=True)[1].sum().backward()
    assert cost.grad.tolist() == [1.0, 0.0]


def test_layers_are_copied_and_pickled():
    problem = network(np.random.default_rng(3))
    traffic = torch.tensor(problem.traffic)
    for layer in (RevenueLayer(problem), RevenueLayer(problem, smoothing="quadratic"), Admission(problem, "optimal")):
        given = (traffic,) if isinstance(layer, RevenueLayer) else (traffic, traffic, torch.tensor(problem.capacity))
        expected = layer(*given)
        for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
            torch.testing.assert_close(other(*given), expected)


# Graphs.


def predictor_and_layer() -> torch.nn.Module:
    torch.manual_seed(0)
    problem = network(np.random.default_rng(3))
    return torch.nn.Sequential(torch.nn.Linear(3, 12), torch.nn.Softplus(), RevenueLayer(problem)).double()


def test_a_network_with_a_layer_compiles_into_one_graph():
    net, past = predictor_and_layer(), torch.randn(5, 3, dtype=F64)
    expected = net(past)
    gradient = torch.autograd.grad(expected.square().sum(), net[0].weight)[0]
    found = torch.compile(net, fullgraph=True, backend="aot_eager")(past)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(torch.autograd.grad(found.square().sum(), net[0].weight)[0], gradient)


def test_a_layer_compiles_with_its_matrix():
    layer, given = layer_and_values(names=("row_upper", "matrix"))
    given = wanting_gradients(given)
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    expected = torch.autograd.grad(layer(*given).square().sum(), given)
    for a, b in zip(torch.autograd.grad(compiled(*given).square().sum(), given), expected, strict=True):
        torch.testing.assert_close(a, b)


def test_a_network_with_a_layer_is_exported_for_any_batch(tmp_path):
    net, past = predictor_and_layer(), torch.randn(5, 3, dtype=F64)
    program = torch.export.export(net, (past,), dynamic_shapes=({0: torch.export.Dim("batch")},))
    torch.export.save(program, tmp_path / "net.pt2")
    again = torch.export.load(tmp_path / "net.pt2").module()
    for size in (5, 9):
        past = torch.randn(size, 3, dtype=F64)
        torch.testing.assert_close(again(past), net(past))
    del net
    gc.collect()
    with pytest.raises(eo.InvalidOptionError, match="which this process has not made; make it first"):
        again(past)


@pytest.mark.parametrize("smoothing", ["quadratic", "barrier"])
def test_a_smoothed_layer_compiles_into_one_graph(smoothing):
    layer, given = layer_and_values(smoothing, PARAMETERS)
    given = wanting_gradients(given)
    compiled = torch.compile(lambda *values: layer(*values, duals=True), fullgraph=True, backend="aot_eager")
    expected, found = layer(*given, duals=True), compiled(*given)
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b)
    gradients = [torch.autograd.grad(sum(part.square().sum() for part in parts), given) for parts in (found, expected)]
    for a, b in zip(*gradients, strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("smoothing", ["quadratic", "barrier"])
def test_a_smoothed_layer_is_exported_for_any_batch(smoothing):
    layer, given = layer_and_values(smoothing, VECTORS)
    sizes = tuple({0: torch.export.Dim("batch")} for _ in given)
    program = torch.export.export(layer, tuple(given), dynamic_shapes={"values": sizes})
    again = [torch.cat([value, value]) for value in given]
    torch.testing.assert_close(program.module()(*again), layer(*again))


def test_a_shared_parameter_of_a_compiled_smoothed_layer_collects_all_gradients():
    layer, (cost, side) = layer_and_values("quadratic", ("cost", "row_upper"))
    cost, side = wanting_gradients([cost[0], side])
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    gradients = [torch.autograd.grad(run(cost, side).square().sum(), (cost, side)) for run in (layer, compiled)]
    for a, b in zip(*gradients, strict=True):
        torch.testing.assert_close(a, b)
