"""The frameworks that are compared: the paper's, baselines it lacks, and those that tell its two effects apart."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch

from ...analysis.admission import admit
from ...layers.revenue import Admission, RevenueLayer
from ...predictors.objective_driven import ObjectiveDriven
from ...predictors.traffic import LSTMPredictor, SeasonalNaive, TrafficPredictor
from .setting import SLA_PENALTY, WINDOW, Setting

if TYPE_CHECKING:
    from numpy.typing import NDArray

Forecast = Literal["plain", "bidirectional", "residual", "persistence"]


@dataclass(frozen=True)
class Framework:
    """What a controller knows, what it reserves, and what its training minimises.

    Attributes
    ----------
    capacities, loss : str
        As for :class:`ObjectiveDriven`.
    forecast : str
        ``"plain"``: the paper's LSTM; ``"bidirectional"``; ``"residual"``: an LSTM that corrects the last value;
        ``"persistence"``: the last value.
    frozen : bool
        Whether the forecast stays as the two-stage training left it.
    reserves : str
        ``"program"``: what the program admits of the forecast; ``"forecast"``: all that is forecast; ``"hundredfold"``:
        a hundred times the last value; ``"arrivals"``: nothing beforehand, all that arrives is let in.
    """

    capacities: Any = "mean"
    loss: Any = "forecast"
    forecast: Forecast = "plain"
    frozen: bool = False
    reserves: Literal["program", "forecast", "hundredfold", "arrivals"] = "program"

    @property
    def trained(self) -> bool:
        """Whether the program is trained through, which takes seconds."""
        return bool(self.loss != "forecast")


FRAMEWORKS: Mapping[str, Framework] = MappingProxyType(
    {
        "LSTM": Framework(),
        "Bi-LSTM": Framework(forecast="bidirectional"),
        "proposed": Framework("learned", "supervised"),
        "persistence": Framework(forecast="persistence"),
        "residual LSTM": Framework(forecast="residual"),
        "proposed, residual LSTM": Framework("learned", "supervised", "residual"),
        "admit all": Framework(reserves="arrivals"),
        "over-reservation, 100 times": Framework(forecast="persistence", reserves="hundredfold"),
        "reserve the forecast": Framework(reserves="forecast"),
        "capacities observed, persistence": Framework("observed", forecast="persistence"),
        "capacities observed, same forecast": Framework("observed"),
        "true capacities, same forecast": Framework("known"),
        "true capacities, objective-driven": Framework("known", "supervised"),
        "learned capacities, same forecast": Framework("learned", "supervised", frozen=True),
        "mean capacities, objective-driven": Framework("mean", "supervised"),
        "regret training": Framework("learned", "regret"),
        "realised-revenue training": Framework("learned", "realised"),
    }
)
"""By name; `proposed`, `LSTM` and `Bi-LSTM` are the paper's."""

PAPER = ("LSTM", "Bi-LSTM", "proposed")
UNTRAINED = tuple(name for name, framework in FRAMEWORKS.items() if not framework.trained)


FORECAST_EPOCHS = 3
"""Epochs of the forecast alone, in those of the paper: a plain LSTM has not converged after 20."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a framework reached on the test part.

    Attributes
    ----------
    throughput, offline : float
        Mean admitted traffic and the offline optimum's, Mb a slot.
    revenue : float
        Revenue over the offline optimum's, reservations charged (eq. 3), throttled.
    revenue_free : float
        The same if only what is admitted were charged, and unused reservations cost nothing.
    revenue_penalty : float
        The same as `revenue` with the SLA penalty.
    revenue_optimal : float
        The same as `revenue` under the optimal recourse.
    traffic : float
        Admitted traffic over the offline optimum's: the paper's utility.
    traffic_peak : float
        The same in the tenth of the slots in which most arrives.
    accuracy : float
        1 less the mean absolute error of the forecast total, relative to the total.
    capacity_error : float
        Median relative error of the believed capacities of those resources that the traffic uses.
    admitted, forecast : (slots,) float
        Totals of each slot of the test.
    """

    throughput: float
    offline: float
    revenue: float
    revenue_free: float
    revenue_penalty: float
    revenue_optimal: float
    traffic: float
    traffic_peak: float
    accuracy: float
    capacity_error: float
    admitted: NDArray[np.float64]
    forecast: NDArray[np.float64]


def forecaster(setting: Setting, kind: Forecast, seed: int, epochs: int) -> TrafficPredictor:
    """Train a forecast alone; capacities play no part, so one serves all of them."""
    torch.manual_seed(seed)
    series = setting.tensors[1].shape[1]
    predictor: TrafficPredictor
    if kind == "persistence":
        predictor = SeasonalNaive(series, WINDOW)
    else:
        two, last = kind == "bidirectional", kind == "residual"
        predictor = LSTMPredictor(series, WINDOW, 64, bidirectional=two, residual=last)
    model = ObjectiveDriven(predictor, RevenueLayer(setting.scenario.problem), capacities="mean")
    model.fit(
        setting.part("train"),
        setting.part("validation"),
        loss="forecast",
        epochs=FORECAST_EPOCHS * epochs,
        rate=3e-3,
        patience=FORECAST_EPOCHS * epochs,
        seed=seed,
    )
    return predictor


def start(setting: Setting, predictor: TrafficPredictor, capacities: Any) -> ObjectiveDriven:
    """Return a controller that believes in the mean capacities."""
    problem = setting.scenario.problem
    servers = problem.compute_density.shape[0]
    believed = replace(problem, compute_capacity=setting.believed[:servers], link_capacity=setting.believed[servers:])
    admission = Admission(problem, "throttle")
    return ObjectiveDriven(deepcopy(predictor), RevenueLayer(believed), admission, capacities=capacities)


def trained(name: str, setting: Setting, predictor: TrafficPredictor, seed: int, epochs: int) -> ObjectiveDriven:
    """Train one framework from a trained forecast."""
    framework = FRAMEWORKS[name]
    model = start(setting, predictor, framework.capacities)
    if framework.capacities == "known":
        model.believe(setting.truth)
    if framework.frozen:
        model.predictor.requires_grad_(False)
    if framework.capacities == "observed":
        _observe(model, setting)
    elif framework.trained:
        model.fit(
            setting.part("train"),
            setting.part("validation"),
            loss=framework.loss,
            truth=setting.truth,
            epochs=epochs,
            rate=2e-3,
            seed=seed,
        )
    return model


def run(name: str, setting: Setting, predictor: TrafficPredictor, seed: int, epochs: int) -> Outcome:
    """Train one framework from a trained forecast, and measure it on the test part."""
    return _measure(trained(name, setting, predictor, seed, epochs), FRAMEWORKS[name], setting)


def _observe(model: ObjectiveDriven, setting: Setting, days: int = 5) -> None:
    """Learn capacities from what was accommodated in the training period, reserving the forecast slot after slot."""
    problem = setting.scenario.problem
    past, traffic, _ = setting.part("train")
    for rows in np.array_split(np.arange(len(past)), days):
        with torch.no_grad():
            # Reserving all that is forecast shows where the limits are; the plan itself would stay inside its belief.
            reserved = model.predictor(past[rows]).double().numpy()
        arrived = traffic[rows].double().numpy()
        model.observe(reserved, arrived, admit(reserved, replace(problem, traffic=arrived)).admitted)


def _measure(model: ObjectiveDriven, framework: Framework, setting: Setting) -> Outcome:
    problem = setting.scenario.problem
    past, traffic, best = (tensor.double().numpy() for tensor in setting.part("test"))
    with torch.no_grad():
        windows = setting.part("test")[0]
        forecast = model.predictor(windows).double().numpy()
        planned = np.maximum(model(windows).double().numpy(), 0.0)  # float32 may end a rounding error below 0
    choices = {"program": planned, "forecast": forecast, "hundredfold": 100.0 * past[:, -1], "arrivals": traffic}
    reserved, truth = choices[framework.reserves], replace(problem, traffic=traffic)
    settled = admit(reserved, truth, sla_penalty=SLA_PENALTY)
    unpunished = settled.income - settled.reservation_cost
    possible = float((best @ problem.unit_profit).sum())
    got, offline, arrived = settled.admitted.sum(axis=1), best.sum(axis=1), traffic.sum(axis=1)
    peak = arrived >= np.quantile(arrived, 0.9)
    used = np.asarray(problem.load(problem.traffic)) > 0
    error = np.abs(model.capacity.detach().double().numpy() / problem.capacity - 1)[used]
    return Outcome(
        throughput=float(got.mean()),
        offline=float(offline.mean()),
        revenue=float(unpunished.sum()) / possible,
        revenue_free=float(truth.objective(settled).sum()) / possible,
        revenue_penalty=float(settled.revenue.sum()) / possible,
        revenue_optimal=float(admit(reserved, truth, "optimal").revenue.sum()) / possible,
        traffic=float(got.sum() / offline.sum()),
        traffic_peak=float(got[peak].sum() / offline[peak].sum()),
        accuracy=1.0 - float(np.abs(forecast.sum(axis=1) - arrived).mean() / arrived.mean()),
        capacity_error=float(np.median(error)),
        admitted=got,
        forecast=forecast.sum(axis=1),
    )
