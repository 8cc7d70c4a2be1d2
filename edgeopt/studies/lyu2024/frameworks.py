"""The frameworks that are compared: the paper's, and those that tell its two effects apart."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np
import torch

from ...analysis.admission import admit
from ...formulations.revenue import AdmissionDecision
from ...layers.revenue import Admission, RevenueLayer
from ...predictors.objective_driven import ObjectiveDriven
from ...predictors.traffic import LSTMPredictor
from .setting import WINDOW, Setting


@dataclass(frozen=True)
class Framework:
    """What a controller knows, and what its training minimises.

    Attributes
    ----------
    capacities, loss : str
        As for :class:`ObjectiveDriven`.
    bidirectional : bool
        Whether the LSTM reads both ways.
    frozen : bool
        Whether the forecast stays as the two-stage training left it.
    everything : bool
        Whether all that is forecast is reserved, without a program.
    """

    capacities: Any = "mean"
    loss: Any = "forecast"
    bidirectional: bool = False
    frozen: bool = False
    everything: bool = False


FRAMEWORKS: Mapping[str, Framework] = MappingProxyType(
    {
        "LSTM": Framework(),
        "Bi-LSTM": Framework(bidirectional=True),
        "proposed": Framework("learned", "supervised"),
        "reserve everything": Framework(everything=True),
        "true capacities, same forecast": Framework("known"),
        "true capacities, objective-driven": Framework("known", "supervised"),
        "learned capacities, same forecast": Framework("learned", "supervised", frozen=True),
        "mean capacities, objective-driven": Framework("mean", "supervised"),
        "censored capacity learning": Framework("observed"),
        "regret training": Framework("learned", "regret"),
        "realised-revenue training": Framework("learned", "realised"),
    }
)
"""By name; `proposed`, `LSTM` and `Bi-LSTM` are the paper's."""

PAPER = ("LSTM", "Bi-LSTM", "proposed")


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a framework reached on the test part.

    Attributes
    ----------
    throughput, offline : float
        Mean admitted traffic and the offline optimum's, Mb a slot.
    utility, utility_optimal : float
        Their ratio, when reservations beyond the capacity are throttled, and under the optimal recourse.
    accuracy : float
        1 less the mean absolute error of the forecast total, relative to the total.
    capacity_error : float
        Mean relative error of the believed capacities of those resources that the traffic uses.
    admitted, forecast : (slots,) float
        Totals of each slot of the test.
    """

    throughput: float
    offline: float
    utility: float
    utility_optimal: float
    accuracy: float
    capacity_error: float
    admitted: Any
    forecast: Any


def forecaster(setting: Setting, bidirectional: bool, seed: int, epochs: int) -> LSTMPredictor:
    """Train an LSTM on the forecast alone; capacities play no part, so one serves all of them."""
    torch.manual_seed(seed)
    series = setting.tensors[1].shape[1]
    predictor = LSTMPredictor(series, WINDOW, 64, bidirectional=bidirectional)
    model = ObjectiveDriven(predictor, RevenueLayer(setting.scenario.problem), capacities="mean")
    model.fit(setting.part("train"), setting.part("validation"), loss="forecast", epochs=epochs, rate=3e-3, seed=seed)
    return predictor


def run(name: str, setting: Setting, predictor: LSTMPredictor, seed: int, epochs: int) -> Outcome:
    """Train one framework from a trained forecast, and measure it on the test part."""
    framework, problem = FRAMEWORKS[name], setting.scenario.problem
    servers = problem.compute_density.shape[0]
    believed = replace(problem, compute_capacity=setting.believed[:servers], link_capacity=setting.believed[servers:])
    model = ObjectiveDriven(
        deepcopy(predictor), RevenueLayer(believed), Admission(problem, "throttle"), capacities=framework.capacities
    )
    if framework.capacities == "known":
        model.believe(setting.truth)
    if framework.frozen:
        model.predictor.requires_grad_(False)
    if framework.capacities == "observed":
        _observe(model, setting)
    elif framework.loss != "forecast":
        model.fit(
            setting.part("train"),
            setting.part("validation"),
            loss=framework.loss,
            truth=setting.truth,
            epochs=epochs,
            rate=2e-3,
            seed=seed,
        )
    return _measure(model, framework, setting)


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
    past, traffic, best = setting.part("test")
    with torch.no_grad():
        forecast = model.predictor(past)
        reserved = forecast if framework.everything else model(past)
    truth = replace(problem, traffic=traffic.double().numpy())
    wanted = AdmissionDecision(np.maximum(reserved.double().numpy(), 0.0))
    got, optimally = (admit(wanted, truth, recourse).admitted.sum(axis=1) for recourse in ("throttle", "optimal"))
    offline = best.double().numpy().sum(axis=1)
    total, arrived = forecast.double().numpy().sum(axis=1), traffic.double().numpy().sum(axis=1)
    used = np.asarray(problem.load(problem.traffic)) > 0
    error = np.abs(model.capacity.detach().double().numpy() / problem.capacity - 1)[used]
    return Outcome(
        float(got.mean()),
        float(offline.mean()),
        float(got.sum() / offline.sum()),
        float(optimally.sum() / offline.sum()),
        1.0 - float(np.abs(total - arrived).mean() / arrived.mean()),
        float(error.mean()),
        got,
        total,
    )
