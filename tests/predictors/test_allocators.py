from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeopt.model.errors import InvalidOptionError, InvalidProblemError
from edgeopt.predictors.allocators import Allocator, CloudAllocator, EdgeAllocator
from edgeopt.predictors.samples import MinMax, windows
from edgeopt.profiles.costs import AllocationCost

torch = pytest.importorskip("torch")

BOTH = [EdgeAllocator, CloudAllocator]


def noisy(samples: int, cells: int, seed: int = 0, noise: float = 0.05) -> np.ndarray:
    """A wave per cell, shared noise between all cells one slot later."""
    generator = np.random.default_rng(seed)
    phase = np.linspace(0, 1, cells, endpoint=False)
    wave = 0.5 + 0.3 * np.sin(2 * np.pi * (np.arange(samples)[:, None] / 48 + phase))
    return wave + noise * generator.standard_normal((samples, cells))


@given(st.integers(2, 30), st.integers(1, 4), st.integers(1, 29))
def test_windows_never_show_the_target_or_what_follows(steps: int, cells: int, window: int) -> None:
    series = np.arange(steps * cells, dtype=float).reshape(steps, cells)
    if window >= steps:
        with pytest.raises(InvalidOptionError, match=f"window is {window}"):
            windows(series, window)
        return
    past, target = windows(series, window)
    assert past.shape == (steps - window, cells, window)
    assert target.shape == (steps - window, cells)
    for sample in range(steps - window):
        np.testing.assert_array_equal(past[sample].T, series[sample : sample + window])
        np.testing.assert_array_equal(target[sample], series[sample + window])
        assert (past[sample].max(axis=1) < target[sample]).all()


def test_windows_refuse_gaps_and_shapes() -> None:
    with pytest.raises(InvalidProblemError, match=r"demand\[1, 0\] is nan"):
        windows([[1.0, 2.0], [np.nan, 2.0], [3.0, 4.0]], 1)
    with pytest.raises(InvalidProblemError, match=r"shape \(3,\)"):
        windows(np.ones(3), 1)
    with pytest.raises(InvalidOptionError, match="window is 0"):
        windows(np.ones((3, 1)), 0)


def test_minmax_is_fitted_per_cell_and_not_clipped() -> None:
    scale = MinMax.fit(np.array([[0.0, 10.0], [2.0, 30.0]]))
    np.testing.assert_array_equal(scale.normalise(np.array([[4.0, 0.0]])), [[2.0, -0.5]])
    with pytest.raises(InvalidProblemError, match=r"demand\[:, 1\] is constant"):
        MinMax.fit(np.array([[0.0, 1.0], [2.0, 1.0]]))


@pytest.mark.parametrize("kind", BOTH)
def test_same_seed_same_answer_and_no_global_state(kind: type[Allocator]) -> None:
    past, target = windows(noisy(300, 4), 6)
    cost = AllocationCost(1.0)
    torch.manual_seed(1)
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    first = kind(cost, seed=3, steps=60).fit(past, target).allocate(past)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads
    torch.manual_seed(2)
    np.testing.assert_array_equal(kind(cost, seed=3, steps=60).fit(past, target).allocate(past), first)
    assert first.shape == target.shape
    assert first.dtype == np.float64


def test_another_seed_is_another_network() -> None:
    past, target = windows(noisy(300, 4), 6)
    answers = [
        CloudAllocator(AllocationCost(1.0), seed=seed, steps=60).fit(past, target).allocate(past) for seed in (0, 1)
    ]
    assert not np.array_equal(*answers)


@pytest.mark.parametrize("kind", BOTH)
def test_inputs_are_left_alone(kind: type[Allocator]) -> None:
    series = noisy(200, 3)
    kept = series.copy()
    past, target = windows(series, 4)
    kind(AllocationCost(1.0), steps=20).fit(past, target)
    np.testing.assert_array_equal(series, kept)


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("name", ["deepcog", pytest.param("quadratic-linear", marks=pytest.mark.slow)])
def test_training_beats_persistence_and_its_own_start(kind: type[Allocator], name: str) -> None:
    past, target = windows(noisy(1500, 4), 6)
    train, test = slice(0, 1000), slice(1000, None)
    cost = AllocationCost(1.0, kind=name)

    def mean_cost(allocation: np.ndarray) -> float:
        return float(cost.exact(allocation, target[test]).sum(axis=-1).mean())

    trained = mean_cost(kind(cost).fit(past[train], target[train]).allocate(past[test]))
    start = mean_cost(kind(cost, steps=0).fit(past[train], target[train]).allocate(past[test]))
    assert trained < mean_cost(past[test, :, -1])
    assert trained < 1.05 * start


@pytest.mark.slow
@pytest.mark.parametrize("kind", BOTH)
def test_a_dearer_shortfall_means_fewer_of_them(kind: type[Allocator]) -> None:
    past, target = windows(noisy(1500, 3), 6)
    shares = []
    for under in (0.5, 1.0, 10.0):
        allocation = kind(AllocationCost(under)).fit(past[:1000], target[:1000]).allocate(past[1000:])
        shares.append(float(np.mean(allocation < target[1000:])))
    assert shares == sorted(shares, reverse=True)
    assert shares[-1] < 0.02


def test_the_edge_uses_no_other_cell() -> None:
    past, target = windows(noisy(400, 3), 5)
    allocator = EdgeAllocator(AllocationCost(1.0), steps=50).fit(past, target)
    changed = past.copy()
    changed[:, 2] += 1.0
    before, after = allocator.allocate(past), allocator.allocate(changed)
    np.testing.assert_array_equal(before[:, :2], after[:, :2])
    assert not np.allclose(before[:, 2], after[:, 2])


@pytest.mark.slow
def test_the_cloud_profits_from_what_other_cells_tell() -> None:
    # Every cell repeats, one slot later, the jump of cell 0: only the cloud can see it coming.
    generator = np.random.default_rng(0)
    leader = generator.choice([0.2, 0.8], size=2001)
    series = np.column_stack([leader[1:], leader[:-1], leader[:-1]]) + 0.01 * generator.standard_normal((2000, 3))
    past, target = windows(series, 4)
    cost = AllocationCost(1.0)
    totals = [
        cost.exact(kind(cost).fit(past[:1500], target[:1500]).allocate(past[1500:])[:, 1:], target[1500:, 1:]).mean()
        for kind in BOTH
    ]
    assert totals[1] < 0.5 * totals[0]


@pytest.mark.parametrize("kind", BOTH)
def test_one_cell_is_enough(kind: type[Allocator]) -> None:
    past, target = windows(noisy(200, 1), 3)
    assert np.isfinite(kind(AllocationCost(1.0), steps=20).fit(past, target).allocate(past)).all()


@pytest.mark.parametrize("kind", BOTH)
def test_misuse_is_explained(kind: type[Allocator]) -> None:
    past, target = windows(noisy(20, 2), 12)
    allocator = kind(AllocationCost(1.0))
    with pytest.raises(InvalidOptionError, match="has not been fitted"):
        allocator.allocate(past)
    with pytest.raises(InvalidProblemError, match="8 training samples"):
        allocator.fit(past, target)


@pytest.mark.slow
@pytest.mark.parametrize("kind", BOTH)
def test_a_month_of_25_cells_is_trained_in_seconds(kind: type[Allocator]) -> None:
    past, target = windows(noisy(3024, 25), 6)
    begin = time.process_time()
    kind(AllocationCost(1.0)).fit(past, target)
    # Processor time, so that a busy machine does not fail the test: a few seconds, with a wide margin.
    assert time.process_time() - begin < 30


def test_frames_work_as_arrays() -> None:
    frame = pd.DataFrame(noisy(50, 2))
    past, _ = windows(frame, 3)
    assert past.shape == (47, 2, 3)
