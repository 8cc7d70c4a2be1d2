"""The runs behind every table: one row for each data set, network, framework and seed, kept on disk as they finish."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING, Any

import pandas as pd

from ...exchange.storage import write_atomically
from ...model.errors import DataFormatError
from .frameworks import FRAMEWORKS, PAPER, UNTRAINED, Outcome, forecaster, run
from .setting import MEAN_CAPACITY, SPREAD, Setting, setting

if TYPE_CHECKING:
    from pathlib import Path

    from ...predictors.traffic import TrafficPredictor

KEY = ["dataset", "deployment", "mean", "deviation", "seed", "framework", "epochs", "steps"]
MEASURED = [
    "throughput",
    "offline",
    "revenue",
    "revenue_free",
    "revenue_penalty",
    "revenue_optimal",
    "traffic",
    "traffic_peak",
    "accuracy",
    "capacity_error",
]
_OF_SETTING = ["tightness", "believed_tightness"]
BESIDE = (*PAPER, "persistence", "admit all", "true capacities, same forecast")
"""Frameworks on the data sets beside TOTEM."""


@dataclass
class Runs:
    """Training and measuring, with what was done before read from ``runs.csv``.

    Attributes
    ----------
    folder, data : Path
        Where the report and the data sets are.
    quick : bool
        Fewer seeds, deviations, slots and epochs.

    Raises
    ------
    DataFormatError
        If the folder's ``runs.csv`` is of another version of the study.
    """

    folder: Path
    data: Path
    quick: bool
    _done: dict[tuple[Any, ...], dict[str, float]] = field(default_factory=dict)
    _forecasts: dict[tuple[Any, ...], TrafficPredictor] = field(default_factory=dict)
    _settings: dict[tuple[Any, ...], Setting] = field(default_factory=dict)

    def __post_init__(self) -> None:
        path = self.folder / "runs.csv"
        if not path.is_file():
            return
        held = pd.read_csv(path)
        if list(held.columns) != [*KEY, *MEASURED, *_OF_SETTING]:
            raise DataFormatError(f"{path} is of another version of the study; give another folder (--out)")
        for row in held.to_dict("records"):
            self._done[tuple(row[name] for name in KEY)] = {n: row[n] for n in [*MEASURED, *_OF_SETTING]}

    @property
    def epochs(self) -> int:
        """Epochs of training; 20 in the paper."""
        return 6 if self.quick else 20

    @property
    def steps(self) -> int:
        """Most slots of traffic: all of TOTEM's stretch and Kaggle's days, three weeks of Abilene."""
        return 400 if self.quick else 2016

    @property
    def seeds(self) -> range:
        """Seeds of networks and training."""
        return range(3 if self.quick else 5)

    def complete(self) -> pd.DataFrame:
        """Do what is left to do, and return all rows."""
        for dataset, deployment, mean, deviation, frameworks in self.plan():
            for seed, name in product(self.seeds, frameworks):
                key = (dataset, deployment, mean, deviation, seed, name, self.epochs, self.steps)
                if key not in self._done:
                    self._done[key] = self._one(dataset, deployment, mean, deviation, seed, name)
                    self._write()
        wanted = [k for k in self._done if k[6:] == (self.epochs, self.steps)]
        rows = pd.DataFrame([dict(zip(KEY, k, strict=True)) | self._done[k] for k in wanted])
        return rows.sort_values(["mean", "deviation"], kind="stable")

    def plan(self) -> Iterator[tuple[str, str, float, float, Iterable[str]]]:
        """Yield what the tables and figures need: data set, deployment, mean, deviation, frameworks."""
        # What most claims rest on comes first, should the run be stopped.
        deviations = (SPREAD, 60.0, 0.0) if self.quick else (SPREAD, 60.0, 0.0, 40.0, 10.0, 30.0, 50.0)
        for deviation in deviations:
            every = deviation in (SPREAD, 60.0)
            yield "TOTEM", "gus", MEAN_CAPACITY, deviation, FRAMEWORKS if every else (*UNTRAINED, "proposed")
        yield "TOTEM", "single", MEAN_CAPACITY, SPREAD, ("LSTM",)
        for mean in (120.0, 20.0) if self.quick else (120.0, 20.0, 40.0, 60.0, 100.0):
            yield "TOTEM", "gus", mean, SPREAD, PAPER
        for deviation in deviations:
            yield "Kaggle", "gus", MEAN_CAPACITY, deviation, BESIDE
        for deviation in deviations[:3]:
            yield "Abilene", "gus", MEAN_CAPACITY, deviation, BESIDE

    def show(self, dataset: str, deployment: str, name: str) -> tuple[Setting, Outcome]:
        """Return the setting and the outcome, slot by slot, of the first seed: for the figures over time."""
        one = self.setting(dataset, deployment, MEAN_CAPACITY, SPREAD, 0)
        return one, run(name, one, self.forecast(dataset, one, name, 0), 0, self.epochs)

    def _one(
        self, dataset: str, deployment: str, mean: float, deviation: float, seed: int, name: str
    ) -> dict[str, float]:
        one = self.setting(dataset, deployment, mean, deviation, seed)
        found = run(name, one, self.forecast(dataset, one, name, seed), seed, self.epochs)
        tight = {"tightness": one.scenario.tightness, "believed_tightness": one.believed_tightness}
        return {column: getattr(found, column) for column in MEASURED} | tight

    def setting(self, dataset: str, deployment: str, mean: float, deviation: float, seed: int) -> Setting:
        """Return a setting, made once."""
        key = (dataset, deployment, mean, deviation, seed)
        if key not in self._settings:
            self._settings[key] = setting(
                dataset, self.data, deviation, mean=mean, deployment=deployment, seed=seed, steps=self.steps
            )
        return self._settings[key]

    def forecast(self, dataset: str, one: Setting, name: str, seed: int) -> TrafficPredictor:
        """Return the forecast of a framework, trained once: it does not depend on capacities or deployment."""
        kind = FRAMEWORKS[name].forecast
        key = (dataset, kind, seed)
        if key not in self._forecasts:
            self._forecasts[key] = forecaster(one, kind, seed, self.epochs)
        return self._forecasts[key]

    def _write(self) -> None:
        rows = pd.DataFrame([dict(zip(KEY, k, strict=True)) | v for k, v in self._done.items()])
        write_atomically(self.folder / "runs.csv", rows.to_csv(index=False).encode())
