from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from edgeopt.data import milano, synthetic
from edgeopt.model.errors import InvalidOptionError

CELLS = "milano/milano_internet_25cells_10min.csv.gz"


@pytest.fixture(scope="session")
def fitting() -> ModuleType:
    path = Path(__file__).with_name("fit_synthetic.py")
    spec = importlib.util.spec_from_file_location("fit_synthetic", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def autocorrelation(values: np.ndarray, lag: int) -> float:
    centred = values - values.mean(axis=0)
    return float(np.mean((centred[lag:] * centred[:-lag]).mean(axis=0) / values.var(axis=0)))


def statistics(frame: pd.DataFrame) -> dict[str, float]:
    values = frame.to_numpy()
    free = synthetic.is_free_day(frame.index)
    return {
        "lag 1": autocorrelation(values, 1),
        "lag 144": autocorrelation(values, 144),
        "correlation": float(np.corrcoef(values.T)[np.triu_indices(values.shape[1], 1)].mean()),
        "variation": float((values.std(axis=0) / values.mean(axis=0)).mean()),
        "weekend": float((values[free].mean(axis=0) / values[~free].mean(axis=0)).mean()),
        "steps": float(np.diff(np.log(values), axis=0).std()),
    }


def profile(frame: pd.DataFrame) -> np.ndarray:
    """Mean over cells and days of the relative traffic, by hour."""
    relative = (frame / frame.mean()).mean(axis=1)
    return relative.groupby(frame.index.hour).mean().to_numpy()


# Largest difference allowed between Milano and the mean of twelve generated months.
TOLERANCES = {
    "lag 1": 0.06,
    "lag 144": 0.08,
    "correlation": 0.10,
    "variation": 0.04,
    "weekend": 0.06,
    "steps": 0.04,
}


@pytest.fixture(scope="module")
def months() -> list[pd.DataFrame]:
    return [synthetic.traffic(cells=25, days=30, seed=seed, start="2013-11-01") for seed in range(12)]


@pytest.mark.parametrize("name", TOLERANCES)
def test_statistics_are_those_of_milano(data_dir: Path, months: list[pd.DataFrame], name: str) -> None:
    real = statistics(milano.read_25_cells(data_dir / CELLS))[name]
    generated = np.mean([statistics(month)[name] for month in months])
    assert generated == pytest.approx(real, abs=TOLERANCES[name])


def test_the_mean_day_is_that_of_milano(data_dir: Path, months: list[pd.DataFrame]) -> None:
    real = profile(milano.read_25_cells(data_dir / CELLS))
    generated = np.mean([profile(month) for month in months], axis=0)
    assert np.corrcoef(real, generated)[0, 1] > 0.97
    # In units of the mean traffic; the day runs from 0.5 to 1.25.
    np.testing.assert_allclose(generated, real, atol=0.12)


def test_the_constants_are_the_fit(data_dir: Path, fitting: ModuleType) -> None:
    fit = fitting.fit(data_dir / CELLS)
    np.testing.assert_allclose(synthetic.LEVEL, fit["LEVEL"], atol=1e-3)
    np.testing.assert_allclose(synthetic.SHAPES, fit["SHAPES"], atol=1e-3)
    np.testing.assert_allclose(synthetic.SPREAD, fit["SPREAD"], atol=1e-3)
    fast, slow, fast_time, slow_time = fit["MEMORY"]
    np.testing.assert_allclose(np.array(synthetic.MEMORY).T, [[fast, slow], [fast_time, slow_time]], rtol=0.01)
    np.testing.assert_allclose((synthetic.CITY_SHARE, synthetic.REACH), fit["NEIGHBOURS"], atol=1e-3)
    events = fit["EVENTS"]
    for constants, kind in ((synthetic.BURSTS, "burst"), (synthetic.SURGES, "surge")):
        assert constants.rate == pytest.approx(events[f"{kind}_rate"], abs=1e-3)
        assert constants.slots == pytest.approx(events[f"{kind}_slots"], abs=1e-3)
        assert (constants.height, constants.deviation) == pytest.approx(events[f"{kind}_height"], abs=1e-3)
    assert synthetic.BURSTS.rising == pytest.approx(events["burst_rising"], abs=1e-3)


def test_looks_like_a_milano_frame() -> None:
    frame = synthetic.traffic(cells=7, days=3, seed=5)
    assert frame.shape == (432, 7)
    assert list(frame.columns) == [1, 2, 3, 101, 102, 103, 201]
    assert str(frame.index.tz) == "Europe/Rome"
    assert frame.index.name == "time"
    assert frame.columns.name == "cell"
    assert (frame.index[1:] - frame.index[:-1] == pd.Timedelta("10min")).all()
    assert np.isfinite(frame.to_numpy()).all()
    assert (frame.to_numpy() > 0).all()


def test_same_seed_same_traffic() -> None:
    pd.testing.assert_frame_equal(synthetic.traffic(9, 2, 3), synthetic.traffic(9, 2, 3))
    assert not np.allclose(synthetic.traffic(9, 2, 3), synthetic.traffic(9, 2, 4))


def test_neighbours_resemble_each_other_more_than_strangers() -> None:
    frame = synthetic.traffic(cells=100, days=14, seed=0)
    correlation = np.corrcoef(np.log(frame.to_numpy()).T).reshape(10, 10, 10, 10)
    near = np.mean([correlation[row, column, row, column + 1] for row in range(10) for column in range(9)])
    far = np.mean([correlation[row, 0, row, 9] for row in range(10)])
    assert near > far + 0.15


def test_bursts_and_surges_make_the_tail() -> None:
    calm = synthetic.traffic(cells=64, days=14, seed=1, bursts=0, surges=0)
    wild = synthetic.traffic(cells=64, days=14, seed=1, bursts=5, surges=20)

    def jumps(frame: pd.DataFrame) -> float:
        steps = np.diff(np.log(frame.to_numpy()), axis=0)
        return float(np.mean(np.abs(steps) > 0.8))

    assert jumps(wild) > 5 * jumps(calm)
    assert (wild.max() / wild.median()).median() > (calm.max() / calm.median()).median()


def test_weekends_follow_the_calendar() -> None:
    frame = synthetic.traffic(cells=1, days=7, seed=0, start="2013-11-04")
    assert synthetic.is_free_day(frame.index).sum() == 288
    assert synthetic.is_free_day(frame.index)[-288:].all()


@pytest.mark.parametrize(
    "options",
    [{"cells": 0}, {"cells": 10_001}, {"days": 0}, {"bursts": -1.0}, {"surges": float("nan")}],
)
def test_impossible_options_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(InvalidOptionError, match=next(iter(options))):
        synthetic.traffic(**options)  # type: ignore[arg-type]
