"""The runs behind every table: one row for each data set, network, framework and seed, kept on disk as they finish."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING, Any

import pandas as pd

from ...exchange.storage import write_atomically
from .frameworks import FRAMEWORKS, PAPER, Outcome, forecaster, run
from .setting import MEAN_CAPACITY, Setting, setting

if TYPE_CHECKING:
    from pathlib import Path

    from ...predictors.traffic import LSTMPredictor

KEY = ["dataset", "deployment", "mean", "deviation", "seed", "framework", "epochs", "steps"]
_MEASURED = ["throughput", "offline", "utility", "utility_optimal", "accuracy", "capacity_error", "tightness"]
_SPREAD = 30.0
"""Deviation of the capacities where the paper does not vary it."""


@dataclass
class Runs:
    """Training and measuring, with what was done before read from ``runs.csv``.

    Attributes
    ----------
    folder, data : Path
        Where the report and the data sets are.
    quick : bool
        Fewer seeds, deviations, slots and epochs.
    """

    folder: Path
    data: Path
    quick: bool
    _done: dict[tuple[Any, ...], dict[str, float]] = field(default_factory=dict)
    _forecasts: dict[tuple[Any, ...], LSTMPredictor] = field(default_factory=dict)
    _settings: dict[tuple[Any, ...], Setting] = field(default_factory=dict)

    def __post_init__(self) -> None:
        path = self.folder / "runs.csv"
        if path.is_file():
            held = pd.read_csv(path)
            for row in held.to_dict("records"):
                self._done[tuple(row[name] for name in KEY)] = {str(n): row[n] for n in _MEASURED}

    @property
    def epochs(self) -> int:
        """Epochs of training; 20 in the paper."""
        return 6 if self.quick else 20

    @property
    def steps(self) -> int:
        """Slots of traffic; the paper shows some 700."""
        return 400 if self.quick else 1248

    @property
    def seeds(self) -> range:
        """Seeds of networks and training."""
        return range(2 if self.quick else 5)

    def complete(self) -> pd.DataFrame:
        """Do what is left to do, and return all rows."""
        for dataset, deployment, mean, deviation, frameworks in self.plan():
            for seed, name in product(self.seeds, frameworks):
                key = (dataset, deployment, mean, deviation, seed, name, self.epochs, self.steps)
                if key not in self._done:
                    self._done[key] = self._one(dataset, deployment, mean, deviation, seed, name)
                    self._write()
        wanted = [k for k in self._done if k[6:] == (self.epochs, self.steps)]
        return pd.DataFrame([dict(zip(KEY, k, strict=True)) | self._done[k] for k in wanted])

    def plan(self) -> Iterator[tuple[str, str, float, float, Iterable[str]]]:
        """Yield what the tables and figures need: data set, deployment, mean, deviation, frameworks."""
        deviations = (0.0, 30.0, 60.0) if self.quick else (0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0)
        for deviation in deviations:
            yield "TOTEM", "gus", MEAN_CAPACITY, deviation, FRAMEWORKS
            yield "Kaggle", "gus", MEAN_CAPACITY, deviation, (*PAPER, "true capacities, same forecast")
            if deviation in (0.0, 30.0, 60.0):
                yield "Abilene", "gus", MEAN_CAPACITY, deviation, (*PAPER, "true capacities, same forecast")
        for mean in (20.0, 80.0, 120.0) if self.quick else (20.0, 40.0, 60.0, 80.0, 100.0, 120.0):
            yield "TOTEM", "gus", mean, _SPREAD, PAPER
        yield "TOTEM", "single", MEAN_CAPACITY, _SPREAD, ("LSTM",)

    def show(self, dataset: str, deployment: str, name: str) -> tuple[Setting, Outcome]:
        """Return the setting and the outcome, slot by slot, of the first seed: for the figures over time."""
        one = self._setting(dataset, deployment, MEAN_CAPACITY, _SPREAD, 0)
        predictor = self._forecast(dataset, deployment, one, name, 0)
        return one, run(name, one, predictor, 0, self.epochs)

    def _one(
        self, dataset: str, deployment: str, mean: float, deviation: float, seed: int, name: str
    ) -> dict[str, float]:
        one = self._setting(dataset, deployment, mean, deviation, seed)
        found = run(name, one, self._forecast(dataset, deployment, one, name, seed), seed, self.epochs)
        measured = {column: getattr(found, column) for column in _MEASURED if column != "tightness"}
        return measured | {"tightness": one.scenario.tightness}

    def _setting(self, dataset: str, deployment: str, mean: float, deviation: float, seed: int) -> Setting:
        key = (dataset, deployment, mean, deviation, seed)
        if key not in self._settings:
            self._settings[key] = setting(
                dataset, self.data, deviation, mean=mean, deployment=deployment, seed=seed, steps=self.steps
            )
        return self._settings[key]

    def _forecast(self, dataset: str, deployment: str, one: Setting, name: str, seed: int) -> LSTMPredictor:
        key = (dataset, deployment, FRAMEWORKS[name].bidirectional, seed)
        if key not in self._forecasts:  # a forecast does not depend on capacities
            self._forecasts[key] = forecaster(one, FRAMEWORKS[name].bidirectional, seed, self.epochs)
        return self._forecasts[key]

    def _write(self) -> None:
        rows = pd.DataFrame([dict(zip(KEY, k, strict=True)) | v for k, v in self._done.items()])
        write_atomically(self.folder / "runs.csv", rows.to_csv(index=False).encode())
