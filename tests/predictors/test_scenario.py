from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from edgeopt.data import milano
from edgeopt.data.synthetic import traffic
from edgeopt.model.errors import InvalidOptionError, InvalidProblemError
from edgeopt.predictors import scenario
from edgeopt.predictors.scenario import offloading_costs, offloading_problem

pytest.importorskip("torch")


@pytest.fixture(scope="module")
def week() -> pd.DataFrame:
    return traffic(cells=6, days=7, seed=0)


def test_one_cost_per_test_slot(week: pd.DataFrame) -> None:
    local, remote = offloading_costs(week, window=6, train_fraction=0.6)
    assert local.shape == remote.shape == (len(week) - round(0.6 * len(week)),)
    assert np.isfinite(local).all()
    assert np.isfinite(remote).all()
    assert (local >= 0).all()
    assert (remote >= 0).all()


@pytest.mark.slow
def test_same_seed_same_costs(week: pd.DataFrame) -> None:
    first, again = (offloading_costs(week, seed=4) for _ in range(2))
    np.testing.assert_array_equal(first, again)


@pytest.mark.slow
def test_the_test_period_does_not_leak_into_training(week: pd.DataFrame) -> None:
    local, remote = offloading_costs(week)
    split = round(0.7 * len(week))
    changed = week.copy()
    late = split + 40
    changed.iloc[late:] *= 3.0
    other_local, other_remote = offloading_costs(changed)
    # Were scaling or training to see the test period, the first forty costs would change too.
    np.testing.assert_array_equal(other_local[:40], local[:40])
    np.testing.assert_array_equal(other_remote[:40], remote[:40])
    assert not np.allclose(other_local[40:], local[40:])


@pytest.mark.slow
def test_the_unit_of_the_traffic_does_not_matter(week: pd.DataFrame) -> None:
    # Powers of two scale without rounding, so nothing at all may change.
    np.testing.assert_array_equal(offloading_costs(week), offloading_costs(week * 1024.0))


@pytest.mark.slow
def test_the_problem_carries_the_costs(week: pd.DataFrame) -> None:
    problem = offloading_problem(week, min_local_fraction=0.4, under=2.0)
    local, remote = offloading_costs(week, under=2.0)
    np.testing.assert_array_equal(problem.local_cost, local)
    np.testing.assert_array_equal(problem.remote_cost, remote)
    assert problem.min_local_fraction == 0.4


@pytest.mark.parametrize("kind", ["deepcog", "quadratic-linear"])
def test_costs_are_sums_over_cells(week: pd.DataFrame, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Nothing:
        """Reserves nothing at all."""

        def __init__(self, *_: object, **__: object) -> None: ...

        def fit(self, past: np.ndarray, target: np.ndarray) -> Nothing:
            return self

        def allocate(self, past: np.ndarray) -> np.ndarray:
            return np.full(past.shape[:2], -1e3)

    monkeypatch.setattr(scenario, "EdgeAllocator", Nothing)
    monkeypatch.setattr(scenario, "CloudAllocator", Nothing)
    local, _ = offloading_costs(week, under=3.0, kind=kind)
    if kind == "deepcog":
        np.testing.assert_array_equal(local, 3.0 * week.shape[1])
    else:
        assert (local > 3.0 * week.shape[1] * 0.9e6).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"train_fraction": 0.0}, "train_fraction is 0.0"),
        ({"train_fraction": 1.0}, "train_fraction is 1.0"),
        ({"window": 0}, "window is 0"),
        ({"window": 10_000}, "window is 10000"),
        ({"under": -1.0}, "under is -1.0"),
        ({"kind": "cubic"}, "kind is 'cubic'"),
    ],
)
def test_impossible_options_are_refused(week: pd.DataFrame, options: dict[str, float], message: str) -> None:
    with pytest.raises(InvalidOptionError, match=message):
        offloading_costs(week, **options)  # type: ignore[arg-type]


def test_gaps_are_refused_by_cell_and_time(week: pd.DataFrame) -> None:
    gap = week.copy()
    gap.iloc[3, 2] = np.nan
    with pytest.raises(InvalidProblemError, match=r"traffic of cell 3 at 2013-11-04 00:30.* is nan; fill the gaps"):
        offloading_costs(gap)


def realistic(frame: pd.DataFrame, under: float) -> None:
    """The cloud is better on average, yet worse for some samples: otherwise there is nothing to decide."""
    local, remote = offloading_costs(frame, under=under)
    assert 0.80 * local.mean() < remote.mean() < local.mean()
    # Which samples these are depends on rounding and so on the machine; the share does, a little.
    assert 0.05 < np.mean(local < remote) < 0.70


@pytest.mark.parametrize("under", [0.5, 1.0, 10.0])
def test_milano_makes_a_realistic_problem(data_dir: Path, under: float) -> None:
    realistic(milano.read_25_cells(data_dir / "milano/milano_internet_25cells_10min.csv.gz"), under)


@pytest.mark.slow
@pytest.mark.parametrize("under", [0.5, 1.0, 10.0])
def test_synthetic_traffic_makes_a_realistic_problem(under: float) -> None:
    realistic(traffic(cells=25, days=30, seed=0), under)
