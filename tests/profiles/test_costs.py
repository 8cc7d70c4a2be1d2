from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edgeopt.model.errors import InvalidOptionError
from edgeopt.profiles.costs import (
    AllocationCost,
    CostKind,
    deepcog,
    deepcog_surrogate,
    least_squares,
    quadratic_linear,
    quadratic_linear_surrogate,
)

Cost = Callable[..., Any]
ALL: list[Cost] = [deepcog, deepcog_surrogate, quadratic_linear, quadratic_linear_surrogate, least_squares]
KINDS = list(CostKind)

amounts = st.floats(-10, 10)
weights = st.floats(0, 20)
DIGITLESS = 1e-300
"""Below about 1e-308 numbers lose digits, and at 5e-324 all: no law of products holds there to a relative tolerance."""


def test_deepcog_by_hand() -> None:
    # Three shortfalls cost the same however deep; an exact allocation is free; surplus costs c_o per unit.
    allocation = np.array([0.0, 0.5, 0.999, 1.0, 1.25, 3.0])
    np.testing.assert_array_equal(deepcog(allocation, 1.0, under=2.0, over=4.0), [2, 2, 2, 0, 1, 8])


def test_quadratic_linear_by_hand() -> None:
    allocation = np.array([0.0, 0.5, 1.0, 1.25, 3.0])
    np.testing.assert_array_equal(quadratic_linear(allocation, 1.0, under=2.0, over=4.0), [2, 0.5, 0, 1, 8])


@given(amounts, amounts, weights, weights)
def test_exact_costs_are_the_printed_formulas(y: float, d: float, under: float, over: float) -> None:
    assert deepcog(y, d, under, over) == (under if y < d else over * (y - d))
    assert quadratic_linear(y, d, under, over) == (under * (y - d) ** 2 if y - d < 0 else over * (y - d))


@pytest.mark.parametrize("cost", ALL)
def test_costs_are_kept_per_function(cost: Cost) -> None:
    generator = np.random.default_rng(0)
    allocation, demand = generator.random((2, 6, 4))
    result = cost(allocation, demand, 2.0, 0.5)
    assert result.shape == (6, 4)
    order = generator.permutation(4)
    np.testing.assert_array_equal(cost(allocation[:, order], demand[:, order], 2.0, 0.5), result[:, order])


@pytest.mark.parametrize("cost", ALL)
def test_torch_agrees_with_numpy_and_keeps_its_type(cost: Cost) -> None:
    torch = pytest.importorskip("torch")
    generator = np.random.default_rng(1)
    allocation, demand = generator.random((2, 50, 3))
    demand[0] = allocation[0]
    expected = cost(allocation, demand, 2.0, 0.5)
    result = cost(torch.tensor(allocation), torch.tensor(demand), 2.0, 0.5)
    np.testing.assert_allclose(result.numpy(), expected, rtol=1e-15)
    assert cost(torch.tensor(allocation), demand, 2.0, 0.5).shape == (50, 3)
    assert cost(allocation, torch.tensor(demand), 2.0, 0.5).shape == (50, 3)
    single = cost(torch.tensor(allocation, dtype=torch.float32), torch.tensor(demand, dtype=torch.float32), 2.0, 0.5)
    assert single.dtype == torch.float32


@example(0.0, 0.0, 5e-324, 1.0, 0.1)
@example(5e-324, 0.0, 1e-322, 0.01, 0.2)
@given(amounts, amounts, st.floats(0, 5), st.floats(0.01, 5), st.floats(0.001, 0.2))
def test_deepcog_surrogate_is_exact_away_from_the_jump(
    y: float, d: float, under: float, over: float, epsilon: float
) -> None:
    surrogate, exact = deepcog_surrogate(y, d, under, over, epsilon=epsilon), deepcog(y, d, under, over)
    if y - d >= epsilon * under:
        assert abs(surrogate - exact) <= DIGITLESS
    elif y < d:
        assert surrogate == pytest.approx(exact + epsilon * (d - y))
    else:
        assert exact - 1e-12 <= surrogate <= under + 1e-12


@given(amounts, amounts, st.floats(0, 5), st.floats(0.01, 5), st.floats(0.001, 0.2))
def test_quadratic_linear_surrogate_stays_close(y: float, d: float, under: float, over: float, epsilon: float) -> None:
    surrogate = quadratic_linear_surrogate(y, d, under, over, epsilon=epsilon)
    exact = quadratic_linear(y, d, under, over)
    if y < d:
        assert surrogate == exact
    else:
        assert exact - over * epsilon / 2 - 1e-12 <= surrogate <= exact + 1e-12


@pytest.mark.parametrize("kind", KINDS)
def test_surrogates_tend_to_the_exact_cost(kind: str) -> None:
    excess = np.array([-1.0, -0.3, 0.01, 0.2, 1.0])
    errors = []
    for ramp in (1e-2, 1e-4, 1e-6):
        cost = AllocationCost(under=3.0, over=1.5, kind=kind, ramp=ramp)
        errors.append(np.abs(cost.surrogate(excess, 0.0) - cost.exact(excess, 0.0)).max())
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 1e-5


@pytest.mark.parametrize("cost", [deepcog_surrogate, quadratic_linear_surrogate])
def test_surrogates_have_no_jump(cost: Cost) -> None:
    excess = np.linspace(-0.5, 0.5, 200_001)
    values = cost(excess, 0.0, 2.0, 1.0, epsilon=0.05)
    # The steepest slope is that of the ramp, 1 / epsilon = 20.
    assert np.abs(np.diff(values)).max() <= 20.001 * (excess[1] - excess[0])


@pytest.mark.parametrize("cost", [deepcog_surrogate, quadratic_linear_surrogate])
@pytest.mark.parametrize("under", [0.5, 1.0, 10.0])
def test_surrogate_gradients_agree_with_finite_differences(cost: Cost, under: float) -> None:
    torch = pytest.importorskip("torch")
    demand = torch.zeros(41, dtype=torch.float64)
    # None of these points is a kink: those lie at 0, and where the ramp ends.
    excess = torch.linspace(-1.003, 0.997, 41, dtype=torch.float64).requires_grad_()
    cost(excess, demand, under, 1.3, epsilon=0.03).sum().backward()
    step = 1e-7
    with torch.no_grad():
        rise = cost(excess + step, demand, under, 1.3, epsilon=0.03) - cost(
            excess - step, demand, under, 1.3, epsilon=0.03
        )
    np.testing.assert_allclose(excess.grad.numpy(), (rise / (2 * step)).numpy(), rtol=1e-5, atol=1e-6)


def test_the_surrogate_pulls_a_shortfall_up_and_a_surplus_down() -> None:
    torch = pytest.importorskip("torch")
    excess = torch.tensor([-0.5, 0.005, 0.5], dtype=torch.float64, requires_grad=True)
    AllocationCost(under=10.0, over=1.0).surrogate(excess, torch.zeros(3, dtype=torch.float64)).sum().backward()
    # A ramp of width 0.02 for c_u = 10: slope 1 / epsilon = 500 on it, epsilon = 0.002 below it, c_o above.
    np.testing.assert_allclose(excess.grad.numpy(), [-0.002, -500, 1])


@example(0.1, 0.0, 2.2e-313)
@example(0.3, 5e-324, 5e-324)
@given(st.floats(0.1, 10), weights, weights)
def test_deepcog_scales_with_its_weights(scale: float, under: float, over: float) -> None:
    excess = np.array([-1.0, 0.0, 2.0])
    scaled, cost = (deepcog(excess, 0.0, factor * under, factor * over) for factor in (scale, 1.0))
    np.testing.assert_allclose(scaled, scale * cost, rtol=1e-12, atol=DIGITLESS)


def test_nan_stays_nan() -> None:
    for cost in ALL:
        assert np.isnan(cost(np.array([np.nan, 1.0]), 0.5, 1.0)).tolist() == [True, False]


@pytest.mark.parametrize("cost", ALL)
@pytest.mark.parametrize("name", ["under", "over"])
@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_impossible_weights_are_refused(cost: Cost, name: str, value: float) -> None:
    with pytest.raises(InvalidOptionError, match=f"{name} is {value}"):
        cost(1.0, 1.0, **({"under": 1.0, "over": 1.0} | {name: value}))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"under": -1.0}, "under is"),
        ({"under": 1.0, "over": -1.0}, "over is"),
        ({"under": 1.0, "ramp": 0.0}, "ramp is"),
        ({"under": 1.0, "kind": "cubic"}, "kind is 'cubic'; costs known by name: deepcog, quadratic-linear"),
    ],
)
def test_impossible_costs_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidOptionError, match=message):
        AllocationCost(**options)
    for surrogate in (deepcog_surrogate, quadratic_linear_surrogate):
        with pytest.raises(InvalidOptionError, match="epsilon is 0"):
            surrogate(1.0, 1.0, 1.0, epsilon=0.0)


def test_no_penalty_for_shortfalls_is_a_cost_too() -> None:
    cost = AllocationCost(under=0.0)
    np.testing.assert_array_equal(cost.exact(np.array([0.5, 1.5]), 1.0), [0, 0.5])
    assert np.isfinite(cost.surrogate(np.array([0.5, 1.5]), 1.0)).all()


def test_numpy_costs_do_not_import_torch() -> None:
    code = (
        "import sys, numpy as np; from edgeopt.profiles.costs import AllocationCost;"
        "AllocationCost(1.0).surrogate(np.ones(3), np.zeros(3)); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@given(amounts, amounts)
def test_least_squares_with_weights_of_1_is_equation_1(y: float, d: float) -> None:
    cost = AllocationCost(1.0, kind="least-squares")
    assert cost.exact(y, d) == cost.surrogate(y, d) == (y - d) ** 2


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", ["exact", "surrogate"])
def test_weights_of_each_service_are_the_costs_of_each_service(kind: str, method: str) -> None:
    torch = pytest.importorskip("torch")
    allocation, demand = np.random.default_rng(2).random((2, 30, 3))
    under, over = np.array([0.0, 2.0, 7.0]), np.array([1.0, 0.0, 3.0])
    cost = AllocationCost(under, over, kind)
    found = getattr(cost, method)(allocation, demand)
    for m in range(3):
        alone = AllocationCost(under[m], over[m], kind)
        np.testing.assert_allclose(found[:, m], getattr(alone, method)(allocation[:, m], demand[:, m]), rtol=1e-14)
    tensors = torch.tensor(allocation, dtype=torch.float32), torch.tensor(demand, dtype=torch.float32)
    single = getattr(cost, method)(*tensors)
    assert single.dtype == torch.float32
    np.testing.assert_allclose(single, found, atol=2e-4)
    order = [2, 0, 1]
    moved = getattr(cost.take(order), method)(allocation[:, order], demand[:, order])
    np.testing.assert_array_equal(moved, found[:, order])
    same = AllocationCost(2.0, 0.5, kind)
    np.testing.assert_array_equal(
        getattr(AllocationCost([2.0] * 3, [0.5] * 3, kind), method)(allocation, demand),
        getattr(same, method)(allocation, demand),
    )


def test_costs_of_services_are_compared_hashed_and_named() -> None:
    cost = AllocationCost(np.array([1.0, 2.0]))
    assert cost == AllocationCost([1, 2])
    assert cost != AllocationCost([2.0, 1.0])
    assert len({cost, AllocationCost((1.0, 2.0)), AllocationCost(1.0)}) == 2
    assert cost.label == "deepcog-1to2-1"
    assert AllocationCost(0.5).label == "deepcog-0.5-1"
    assert AllocationCost(1.0).take([1, 0]) == AllocationCost(1.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"under": [1.0, -2.0]}, r"under\[1\] is -2.0; a cost's weight must be finite and not negative, 0 for none"),
        ({"under": 1.0, "over": [1.0, 2.0, float("nan")]}, r"over\[2\] is nan"),
        ({"under": [1.0, 2.0], "over": [1.0] * 3}, "under has 2 weights and over 3; give one for each service"),
        ({"under": [[1.0]]}, r"under is \[\[1.0\]\]; expected a number, or one for each service"),
        ({"under": []}, r"under is \[\]; expected"),
        ({"under": ["dear"]}, "expected a number, or one for each service"),
        ({"under": 1.0, "ramp": [0.1]}, r"ramp is \[0.1\]; expected a number"),
    ],
)
def test_impossible_weights_of_services_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidOptionError, match=message):
        AllocationCost(**options)


@pytest.mark.parametrize("shape", [(), (5,), (3, 5)])
def test_weights_for_other_services_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(
        InvalidOptionError, match=r"over has 3 weights, but the allocation has shape .* give one weight"
    ):
        AllocationCost(1.0, over=[1.0, 2.0, 3.0]).exact(np.ones(shape), 1.0)
