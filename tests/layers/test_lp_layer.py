"""The linear-program layer: exact gradients at vertices, the truth at kinks, and bad rows that stay alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from made_layers import VECTORS, network, program

import edgeopt as eo
from edgeopt.layers.backends import BACKENDS
from edgeopt.layers.lp import LinearProgramLayer
from edgeopt.layers.revenue import Admission, RevenueLayer

F64 = torch.float64


def values(rng, one: eo.Program, names=VECTORS, batch: int = 3, spread: float = 0.01) -> list[torch.Tensor]:
    sizes = {name: np.asarray(getattr(one, name)) for name in names}
    drawn = {name: np.tile(v, (batch, 1)) + spread * rng.normal(size=(batch, v.size)) for name, v in sizes.items()}
    return [torch.tensor(v, requires_grad=True) for v in drawn.values()]


@pytest.mark.compiled
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("sense", ["minimize", "maximize"])
@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
def test_gradients_are_those_of_finite_differences(backend, sense, seed):
    rng = np.random.default_rng(seed)
    one = program(rng, sense=sense)
    layer = LinearProgramLayer(one, VECTORS, backend=backend)
    given = values(rng, one)
    assert torch.autograd.gradcheck(lambda *a: layer(*a, duals=True), given, eps=1e-7, atol=1e-6)
    assert not layer.report().degenerate.any()


def test_a_thousand_gradients_agree_with_finite_differences_to_1e_6():
    rng = np.random.default_rng(0)
    problem = network(rng)
    layer = LinearProgramLayer(problem.program(), ("upper", "row_upper"))
    batch, step = 1000, 1e-7
    traffic = torch.tensor(rng.uniform(0.5, 2.0, (batch, problem.services)), requires_grad=True)
    capacity = torch.tensor(problem.capacity * rng.uniform(0.7, 1.3, (batch, problem.resources)), requires_grad=True)
    weights = torch.tensor(rng.normal(size=problem.services))
    (layer(traffic, capacity) @ weights).sum().backward()
    kinks = torch.tensor(layer.report().degenerate | layer.report().dual_degenerate)
    assert kinks.sum() < 10
    worst = 0.0
    for tensor in (traffic, capacity):
        for k in range(tensor.shape[1]):
            move = torch.zeros(tensor.shape[1], dtype=F64)
            move[k] = step
            up, down = (
                (layer(*(t + s * move if t is tensor else t for t in (traffic, capacity))) @ weights) for s in (1, -1)
            )
            error = ((up - down).detach() / (2 * step) - tensor.grad[:, k]).abs()[~kinks]
            # A step across a kink is no error of the gradient; those are few, and large.
            worst = max(worst, float(error[error < 1e-3].max()))
            assert (error >= 1e-3).sum() <= 2
    assert worst < 1e-6


@pytest.mark.parametrize("backend", BACKENDS)
def test_back_ends_give_one_answer_and_a_batch_is_many(backend):
    rng = np.random.default_rng(5)
    one = program(rng, 8, 5)
    given = values(rng, one, ("upper", "row_upper"), batch=20, spread=0.1)
    layer, other = LinearProgramLayer(one, backend=backend), LinearProgramLayer(one, backend="simplex")
    found = layer(*given)
    torch.testing.assert_close(found, other(*given), rtol=0, atol=1e-10)
    alone = torch.stack([layer(*(t[i] for t in given)) for i in range(20)])
    torch.testing.assert_close(found, alone, rtol=0, atol=1e-10)
    found.sum().backward()
    together = [t.grad.clone() for t in given]
    for t in given:
        t.grad = None
    alone.sum().backward()
    for t, expected in zip(given, together, strict=True):
        torch.testing.assert_close(t.grad, expected, rtol=0, atol=1e-10)


def test_a_shared_parameter_collects_the_gradients_of_the_batch():
    rng = np.random.default_rng(6)
    problem = network(rng)
    layer = RevenueLayer(problem)
    traffic = torch.tensor(rng.uniform(0.5, 2.0, (9, problem.services)))
    shared = torch.tensor(problem.capacity, requires_grad=True)
    layer.revenue(layer(traffic, shared)).sum().backward()
    several = shared.detach().expand(9, -1).clone().requires_grad_()
    layer.revenue(layer(traffic, several)).sum().backward()
    torch.testing.assert_close(shared.grad, several.grad.sum(dim=0))


def test_float32_and_float64_agree():
    rng = np.random.default_rng(7)
    problem = network(rng)
    layer = RevenueLayer(problem)
    traffic = torch.tensor(problem.traffic, dtype=torch.float32, requires_grad=True)
    found = layer(traffic)
    assert found.dtype == torch.float32
    found.sum().backward()
    assert traffic.grad.dtype == torch.float32
    torch.testing.assert_close(found.double(), layer(torch.tensor(problem.traffic)), atol=1e-5, rtol=1e-5)


def test_left_and_right_derivatives_at_the_kink():
    # max 2 a + b, a + b <= C, a <= D at C = D = 2: another unit of C brings 1, one less costs 2.
    one = eo.Program([2.0, 1.0], [[1.0, 1.0]], row_upper=[2.0], sense="maximize")
    layer = LinearProgramLayer(one, ("row_upper", "upper"))
    found = layer.directional(
        torch.tensor([2.0], dtype=F64), torch.tensor([2.0, 5.0], dtype=F64), row_upper=torch.tensor([1.0], dtype=F64)
    )
    assert (float(found.left), float(found.right), bool(found.degenerate)) == (2.0, 1.0, True)
    assert layer.report().degenerate.all()
    capacity = torch.tensor([2.0], dtype=F64, requires_grad=True)
    point = layer(capacity, torch.tensor([2.0, 5.0], dtype=F64))
    (point @ torch.tensor([2.0, 1.0], dtype=F64)).backward()
    assert float(capacity.grad) in (1.0, 2.0)  # an element of the generalised Jacobian: never a mean of the two


@pytest.mark.parametrize("seed", range(8))
def test_directional_derivatives_are_one_sided_differences(seed):
    rng = np.random.default_rng(seed)
    problem = network(
        rng, unit_revenue=rng.integers(1, 3, 12).astype(float), traffic=rng.integers(0, 3, 12).astype(float)
    )
    layer = LinearProgramLayer(problem.program(), ("upper", "row_upper"))
    at = (torch.tensor(problem.traffic), torch.tensor(problem.capacity))
    along = torch.tensor(rng.uniform(0.1, 1.0, problem.resources))
    found = layer.directional(*at, row_upper=along)
    profit = torch.tensor(problem.unit_profit)
    here = float(layer(*at) @ profit)
    for side, step in ((found.right, 1e-6), (found.left, -1e-6)):
        assert float(side) == pytest.approx(
            (float(layer(at[0], at[1] + step * along) @ profit) - here) / step, abs=1e-5
        )


def test_a_direction_must_be_of_a_bound():
    layer = LinearProgramLayer(eo.Program([1.0], upper=1.0), ("upper",))
    with pytest.raises(eo.InvalidProblemError, match="'cost' is no bound"):
        layer.directional(torch.ones(1, dtype=F64), cost=torch.ones(1))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "changes",
    [
        {"unit_revenue": np.ones(12)},
        {"compute_capacity": np.zeros(4)},
        {"traffic": np.zeros(12)},
        {"compute_price": 100.0, "link_price": 100.0},
        {"link_capacity": np.zeros(6), "traffic": np.ones(12)},
    ],
    ids=["ties", "no capacity", "no traffic", "at a loss", "no links"],
)
def test_degenerate_families_give_numbers_and_are_reported(backend, changes):
    problem = network(np.random.default_rng(8), **changes)
    layer = RevenueLayer(problem, backend=backend)
    traffic = torch.tensor(np.tile(problem.traffic, (4, 1)), requires_grad=True)
    capacity = torch.tensor(np.tile(problem.capacity, (4, 1)), requires_grad=True)
    layer.revenue(layer(traffic, capacity)).sum().backward()
    assert torch.isfinite(traffic.grad).all()
    assert torch.isfinite(capacity.grad).all()
    report = layer.layer.report()
    assert (report.status == "optimal").all()
    if "compute_price" in changes:  # a loss everywhere is a regular vertex: nothing is admitted, nothing has a gradient
        assert not report.degenerate.any()
        assert not traffic.grad.any()
    elif "unit_revenue" not in changes:
        assert report.degenerate.all() or report.dual_degenerate.all() or not problem.traffic.any()
    best = eo.solve(problem).objective
    assert float(layer.revenue(layer(traffic, capacity)).detach()[0]) == pytest.approx(best, rel=1e-9, abs=1e-12)


def test_duplicate_rows_are_degenerate_and_have_one_gradient_in_all():
    one = eo.Program([-1.0, -0.5], [[1.0, 1.0], [1.0, 1.0]], row_upper=[1.0, 1.0], upper=[3.0, 3.0])
    layer = LinearProgramLayer(one, ("row_upper",))
    side = torch.tensor([1.0, 1.0], dtype=F64, requires_grad=True)
    layer(side)[0].backward()
    assert float(side.grad.sum()) == pytest.approx(1.0)
    assert layer.report().degenerate.all()


@pytest.mark.parametrize("backend", BACKENDS)
def test_one_bad_row_does_not_kill_a_batch(backend):
    rng = np.random.default_rng(9)
    one = program(rng)
    given = values(rng, one, ("upper", "row_lower", "row_upper"), batch=6)
    bad = [t.detach().clone() for t in given]
    bad[1][2, 0] = 50.0  # more than the row can reach
    bad[2][2, 0] = 60.0
    bad[0][4, 1] = -9.0  # an upper bound below the lower one
    with pytest.raises(eo.NoSolutionError, match=r"instance 2 is infeasible \(2 of 6 have no optimum: \[2, 4\]"):
        LinearProgramLayer(one, ("upper", "row_lower", "row_upper"), backend=backend)(*bad)
    layer = LinearProgramLayer(one, ("upper", "row_lower", "row_upper"), backend=backend, on_failure="mask")
    bad = [t.requires_grad_() for t in bad]
    found = layer(*bad)
    good = torch.isfinite(found).all(dim=1)
    assert good.tolist() == [True, True, False, True, False, True]
    assert layer.report().status[2] == "infeasible"
    found[good].sum().backward()
    alone = [t.detach()[good].requires_grad_() for t in bad]
    layer(*alone).sum().backward()
    for t, expected in zip(bad, alone, strict=True):
        torch.testing.assert_close(t.grad[good], expected.grad)
        assert not t.grad[~good].any()


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_cost_gradient_of_a_failed_row_is_nothing_and_nan_where_it_was_used(backend):
    rng = np.random.default_rng(18)
    one = program(rng)
    layer = LinearProgramLayer(one, ("cost", "upper"), backend=backend, on_failure="mask")
    cost, upper = values(rng, one, ("cost", "upper"), batch=4)
    bad = upper.detach().clone()
    bad[1] = one.lower[0] - 9.0
    _, duals = layer(cost, bad, duals=True)
    (gradient,) = torch.autograd.grad(duals[[0, 2, 3]].sum(), cost, retain_graph=True)
    assert not gradient[1].any()
    assert torch.isfinite(gradient).all()
    (gradient,) = torch.autograd.grad(duals.sum(), cost)
    assert torch.isnan(gradient[1]).all()


def test_an_unbounded_row_is_named():
    one = eo.Program([-1.0], [[1.0]], row_upper=[1.0], upper=[np.inf])
    layer = LinearProgramLayer(one, ("row_upper",), on_failure="mask")
    found = layer(torch.tensor([[1.0], [np.inf], [2.0]], dtype=F64))
    assert layer.report().status.tolist() == ["optimal", "unbounded", "optimal"]
    assert torch.isnan(found[1]).all()


@pytest.mark.parametrize("smoothing", ["quadratic", "barrier"])
@pytest.mark.parametrize("strength", [1.0, pytest.param(0.01, marks=pytest.mark.slow)])
def test_smoothed_gradients_are_those_of_finite_differences(smoothing, strength):
    rng = np.random.default_rng(10)
    one = program(rng)
    layer = LinearProgramLayer(one, VECTORS, smoothing=smoothing, strength=strength)
    assert torch.autograd.gradcheck(lambda *a: layer(*a, duals=True), values(rng, one), eps=1e-6, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("smoothing", ["quadratic", "barrier"])
def test_smoothing_tends_to_the_program_and_moves_with_costs(smoothing):
    rng = np.random.default_rng(11)
    one = program(rng)
    exact = LinearProgramLayer(one, ("cost",))
    cost = torch.tensor(one.cost, requires_grad=True)
    best = exact(cost)
    distances = []
    for strength in (1.0, 0.1, 0.01, 1e-3, 1e-5):
        layer = LinearProgramLayer(one, ("cost",), smoothing=smoothing, strength=strength)
        distances.append(float((layer(cost) - best).abs().max().detach()))
    assert distances[-1] < 1e-3
    assert distances == sorted(distances, reverse=True) or smoothing == "quadratic"
    (gradient,) = torch.autograd.grad(LinearProgramLayer(one, ("cost",), smoothing=smoothing)(cost).sum(), cost)
    assert gradient.abs().max() > 0


@pytest.mark.parametrize("smoothing", ["quadratic", "barrier"])
def test_smoothed_programs_are_solved_whatever_their_scale(smoothing):
    rng = np.random.default_rng(0)
    for _ in range(25):
        columns, rows = int(rng.integers(1, 12)), int(rng.integers(0, 8))
        matrix = rng.normal(size=(rows, columns)) * (rng.random((rows, columns)) < 0.6)
        inside = rng.uniform(-1, 1, columns)
        low, high = matrix @ inside - rng.uniform(0.01, 1, rows), matrix @ inside + rng.uniform(0.01, 1, rows)
        low[rng.random(rows) < 0.4] = -np.inf
        cost = rng.normal(size=columns) * 10 ** rng.uniform(-1, 2)
        one = eo.Program(
            cost, matrix, low, high, inside - rng.uniform(0.01, 2, columns), inside + rng.uniform(0.01, 2, columns)
        )
        for strength in (1.0, 1e-2, 1e-6):
            layer = LinearProgramLayer(one, ("cost",), smoothing=smoothing, strength=strength)
            point = layer(torch.tensor(cost))
            assert max(one.violations(eo.Point(point.numpy())).values(), default=0.0) < 1e-8
        assert float(point @ torch.tensor(cost)) == pytest.approx(eo.solve(one).objective, rel=1e-3, abs=1e-3)


def test_the_quadratic_optimum_is_the_one_of_another_solver():
    import cvxpy as cp

    rng = np.random.default_rng(12)
    one = program(rng)
    x = cp.Variable(6)
    cp.Problem(
        cp.Minimize(one.cost @ x + 0.25 * cp.sum_squares(x)),
        [one.matrix @ x >= one.row_lower, one.matrix @ x <= one.row_upper, x >= one.lower, x <= one.upper],
    ).solve(solver="CLARABEL")
    layer = LinearProgramLayer(one, ("cost",), smoothing="quadratic", strength=0.5)
    np.testing.assert_allclose(layer(torch.tensor(one.cost)).numpy(), x.value, atol=1e-6)


def test_bases_that_are_kept_need_no_iteration():
    rng = np.random.default_rng(13)
    problem = network(rng)
    layer = RevenueLayer(problem)
    traffic = torch.tensor(rng.uniform(0.5, 2.0, (30, problem.services)))
    first = layer(traffic)
    kept = layer.layer.bases
    again = layer(traffic, start=kept)
    assert (layer.layer._last[0][1].iterations == 0).all()
    torch.testing.assert_close(first, again)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda one: LinearProgramLayer(one, ("prices",)), "parameters is 'prices'"),
        (lambda one: LinearProgramLayer(one, backend="magic"), "backend is 'magic'"),
        (lambda one: LinearProgramLayer(one, smoothing="cubic"), "smoothing is 'cubic'"),
        (lambda one: LinearProgramLayer(one, smoothing="quadratic", strength=0.0), "strength is 0.0"),
        (lambda one: LinearProgramLayer(one, on_failure="hide"), "on_failure is 'hide'"),
        (lambda one: LinearProgramLayer(one)(torch.ones(2, dtype=F64)), "1 values were given"),
        (lambda one: LinearProgramLayer(one)(torch.ones(3), torch.ones(1)), r"upper has shape \(3,\)"),
        (lambda one: LinearProgramLayer(one)(torch.tensor([1.0, np.nan]), torch.ones(1)), r"upper\[1\] is nan"),
        (lambda one: LinearProgramLayer(one)(torch.ones(2, dtype=torch.int64), torch.ones(1)), "upper is torch.int64"),
        (lambda one: LinearProgramLayer(one)(torch.ones(3, 2), torch.ones(2, 1)), "the batches disagree"),
        (lambda one: LinearProgramLayer(one).report(), "solved nothing yet"),
    ],
)
def test_misuse_is_refused_with_the_remedy(build, message):
    one = eo.Program([-1.0, -1.0], [[1.0, 1.0]], row_upper=[1.0], upper=1.0)
    with pytest.raises((eo.InvalidOptionError, eo.InvalidProblemError), match=message):
        build(one)


def test_integers_and_dense_work_that_does_not_fit_are_refused():
    with pytest.raises(eo.InvalidProblemError, match="integer columns"):
        LinearProgramLayer(eo.Program([1.0], integrality=True))
    large = eo.Program(np.ones(40_000), np.ones((1, 40_000)), row_lower=[1.0])
    from scipy import sparse

    large = eo.Program(np.ones(40_000), sparse.eye_array(40_000), row_lower=np.ones(40_000))
    with pytest.raises(eo.InvalidOptionError, match="use backend='highs'"):
        LinearProgramLayer(large, ("row_lower",), backend="batched")(torch.ones(40_000, dtype=F64))


def test_a_large_sparse_program_goes_through_highs_and_a_sparse_basis():
    from scipy import sparse

    rng = np.random.default_rng(14)
    rows, columns = 600, 900
    matrix = sparse.random_array((rows, columns), density=0.01, rng=rng) + sparse.eye_array(rows, columns)
    one = eo.Program(
        -rng.uniform(1, 2, columns), matrix, row_upper=rng.uniform(1, 2, rows), upper=rng.uniform(1, 2, columns)
    )
    layer = LinearProgramLayer(one, ("row_upper",))
    side = torch.tensor(one.row_upper, requires_grad=True)
    point, dual = layer(side, duals=True)
    (point @ torch.tensor(one.cost)).backward()
    torch.testing.assert_close(side.grad, dual.detach(), atol=1e-8, rtol=1e-8)


def test_negative_predictions_are_refused_by_the_revenue_layer():
    layer = RevenueLayer(network(np.random.default_rng(15)))
    with pytest.raises(eo.InvalidProblemError, match=r"traffic\[3\] is -1; it must not be negative"):
        layer(torch.tensor([1.0, 1, 1, -1, 1, 1, 1, 1, 1, 1, 1, 1]))


@pytest.mark.parametrize("recourse", ["throttle", "optimal"])
def test_admission_is_the_one_of_numpy_and_has_its_gradient(recourse):
    from dataclasses import replace

    rng = np.random.default_rng(16)
    problem = network(rng)
    reserved, traffic, capacity = (
        torch.tensor(rng.uniform(0.2, 3.0, (5, size)), requires_grad=True)
        for size in (problem.services, problem.services, problem.resources)
    )
    module = Admission(problem, recourse)
    truth = replace(
        problem,
        traffic=traffic.detach().numpy(),
        compute_capacity=capacity.detach().numpy()[:, :4],
        link_capacity=capacity.detach().numpy()[:, 4:],
    )
    expected = eo.admit(reserved.detach().numpy(), truth, recourse).admitted
    np.testing.assert_allclose(module(reserved, traffic, capacity).detach().numpy(), expected, atol=1e-9)
    assert torch.autograd.gradcheck(module, (reserved, traffic, capacity), eps=1e-7, atol=1e-5)


@pytest.mark.parametrize("recourse", ["throttle", "optimal"])
def test_what_a_reservation_earns_is_the_account_of_numpy_and_has_its_gradient(recourse):
    from dataclasses import replace

    rng = np.random.default_rng(18)
    problem = replace(network(rng), compute_price=0.1, link_price=rng.uniform(0, 0.2, 6))
    penalty = rng.uniform(0, 1, problem.services)
    reserved, traffic, capacity = (
        torch.tensor(rng.uniform(0.2, 3.0, (5, size)), requires_grad=True)
        for size in (problem.services, problem.services, problem.resources)
    )
    module = Admission(problem, recourse, sla_penalty=penalty)
    truth = replace(
        problem,
        traffic=traffic.detach().numpy(),
        compute_capacity=capacity.detach().numpy()[:, :4],
        link_capacity=capacity.detach().numpy()[:, 4:],
    )
    expected = eo.admit(reserved.detach().numpy(), truth, recourse, sla_penalty=penalty).revenue
    np.testing.assert_allclose(module.revenue(reserved, traffic, capacity).detach().numpy(), expected, atol=1e-9)
    assert torch.autograd.gradcheck(module.revenue, (reserved, traffic, capacity), eps=1e-7, atol=1e-5)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of cvxpylayers itself
def test_cvxpylayers_takes_the_exported_problem_and_agrees():
    cvxpylayers = pytest.importorskip("cvxpylayers.torch", reason="cvxpylayers is not installed")
    rng = np.random.default_rng(17)
    problem = network(rng)
    exported = problem.to_cvxpy()
    named = exported.param_dict
    names = [name for name in ("upper", "row_upper") if name in named]
    peer = cvxpylayers.CvxpyLayer(exported, parameters=exported.parameters(), variables=exported.variables())
    ours = RevenueLayer(problem)
    tensors = [torch.tensor(parameter.value, requires_grad=True) for parameter in exported.parameters()]
    (theirs,) = peer(*tensors)
    assert names
    np.testing.assert_allclose(theirs.detach().numpy(), ours(torch.tensor(problem.traffic)).numpy(), atol=1e-3)
