"""Predict, then optimise: a traffic predictor whose forecast is reserved by a differentiable program (Lyu et al. 2024).

The controller sees a window of past traffic, forecasts the slot, and reserves what the revenue program admits of the
forecast under the capacities that it believes in. Whether these are known, only their mean is, they are learned by
gradient from the offline optimum, or from nothing but what was accommodated, is the `capacities` argument; what the
training minimises is the `loss`. The paper's proposal is ``capacities="learned", loss="supervised"``, its baselines
``capacities="mean", loss="forecast"``.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import nn

from ..model.errors import InvalidOptionError
from .capacities import CapacityBounds
from .training import train

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from .traffic import TrafficPredictor

Capacities = Literal["known", "mean", "learned", "observed"]
Objective = Literal["forecast", "supervised", "regret", "realised"]


class ObjectiveDriven(nn.Module):
    """A predictor and the program that reserves what it forecasts, trained end to end or in two stages.

    Parameters
    ----------
    predictor : TrafficPredictor
        Forecasts the traffic.
    layer : RevenueLayer
        Reserves; its own capacities are what the controller believes at first (their mean, say).
    admission : Admission, optional
        What gets through under the truth and what it earns, reservation cost and SLA penalty included, for
        ``loss="regret"`` and ``"realised"``.
    capacities : {"known", "mean", "learned", "observed"}
        ``"known"``: those handed to `fit`; ``"mean"``: the layer's own, fixed; ``"learned"``: the layer's own to start
        with, improved by gradient and kept positive; ``"observed"``: the layer's own, improved by `observe` from what
        was accommodated, never from the truth.
    """

    belief: Tensor

    def __init__(
        self,
        predictor: TrafficPredictor,
        layer: Any,
        admission: Any = None,
        *,
        capacities: Capacities = "known",
    ) -> None:
        super().__init__()
        if capacities not in ("known", "mean", "learned", "observed"):
            raise InvalidOptionError(f"capacities is {capacities!r}; expected known, mean, learned or observed")
        self.predictor, self.capacities = predictor, capacities
        self.layer: Any = layer
        self.admission: Any = admission
        self.bounds = CapacityBounds(layer.problem) if capacities == "observed" else None
        self.register_buffer("belief", torch.as_tensor(layer.capacity, dtype=torch.float32).clone())
        # Capacities are learned relative to where they started, through an exponential: they stay positive.
        self.growth = nn.Parameter(torch.zeros_like(self.belief), requires_grad=capacities == "learned")

    @property
    def capacity(self) -> Tensor:
        """(servers + links,) capacities that the controller believes in."""
        return self.belief * torch.exp(self.growth)

    def parameter_groups(self, rate: float) -> list[dict[str, Any]]:
        """Return the parameters for the optimiser: capacities move faster than weights, and decay towards nothing."""
        weights = [p for p in self.parameters() if p is not self.growth]
        return [{"params": weights}, {"params": [self.growth], "lr": 10.0 * rate, "weight_decay": 0.0}]

    def believe(self, capacity: Tensor) -> None:
        """Replace what the controller believes."""
        self.belief = torch.as_tensor(capacity).to(self.belief)

    def observe(
        self, reserved: NDArray[np.float64], traffic: NDArray[np.float64], accommodated: NDArray[np.float64]
    ) -> None:
        """Learn capacities from finished slots (slots, services): reserved, arrived, got through under throttling.

        Raises
        ------
        InvalidOptionError
            Unless ``capacities="observed"``.
        """
        if self.bounds is None:
            raise InvalidOptionError(f"capacities are {self.capacities!r}; only 'observed' ones are learned from slots")
        self.bounds.observe(reserved, traffic, accommodated)
        self.believe(torch.tensor(self.bounds.belief(self.layer.capacity.double().cpu().numpy())))

    def forward(self, past: Tensor) -> Tensor:
        """Reserve (batch, services) for the slot after windows (batch, window, services)."""
        reserved: Tensor = self.layer(self.predictor(past), self.capacity)
        return reserved

    def loss(self, kind: Objective, past: Tensor, traffic: Tensor, best: Tensor, truth: Tensor | None) -> Any:
        """Return one of the losses over a batch.

        Parameters
        ----------
        kind : {"forecast", "supervised", "regret", "realised"}
            Mean squared error of the forecast; of the reservation against the offline optimum (the paper's loss);
            share of the offline revenue that is lost; minus the revenue.
        past, traffic, best : Tensor
            Windows, true traffic, offline optimum of each slot.
        truth : Tensor, optional
            True capacities, for the last two.
        """
        if kind == "forecast":
            error = (self.predictor(past) - traffic) / self.predictor.scale
            return error.square().mean()
        if kind == "supervised":
            error = (self(past) - best) / self.predictor.scale
            return error.square().mean()
        if kind not in ("regret", "realised"):
            raise InvalidOptionError(f"loss is {kind!r}; expected forecast, supervised, regret or realised")
        if self.admission is None or truth is None:
            raise InvalidOptionError(f"loss {kind!r} needs an admission and the true capacities")
        capacity = truth.to(traffic.device).expand(len(traffic), -1)
        got = self.admission.revenue(self(past), traffic, capacity)
        if kind == "realised":
            return -got.mean()
        possible = self.layer.revenue(best)
        return (1.0 - got / possible.clamp(min=1e-9)).mean()

    def fit(
        self,
        training: tuple[Tensor, Tensor, Tensor],
        validation: tuple[Tensor, Tensor, Tensor],
        *,
        loss: Objective = "supervised",
        truth: Tensor | None = None,
        warm_up: int = 0,
        folder: str | Path | None = None,
        **options: Any,
    ) -> ObjectiveDriven:
        """Train in place.

        Parameters
        ----------
        training, validation : (past, traffic, best)
            Windows (samples, window, services), the traffic that came, and the offline optimum; the optimum is read by
            the losses that need it only.
        loss : str
            As for :meth:`loss`; ``"forecast"`` is the two-stage baseline.
        truth : Tensor, optional
            True capacities (servers + links,), for ``capacities="known"`` and the losses through the admission.
        warm_up : int
            Epochs on the forecast alone before `loss` takes over.
        folder : path, optional
            Where checkpoints go, a folder for each stage: ``warm_up`` and the name of the loss.
        **options
            As for :func:`~edgeopt.predictors.training.train`.

        Raises
        ------
        InvalidOptionError
            If something that the loss or the capacities need is missing.
        """
        if self.capacities == "known":
            if truth is None:
                raise InvalidOptionError("capacities='known' needs truth, the true capacities")
            self.believe(truth)
        if self.predictor.scale.eq(1).all():
            self.predictor.fit_scale(training[1])
        if warm_up and loss != "forecast":
            first = options | {"epochs": warm_up} | _stage(folder, "warm_up")
            train(self.predictor, partial(self._loss, "forecast", truth), training, validation, **first)
        train(self, partial(self._loss, loss, truth), training, validation, **options, **_stage(folder, loss))
        return self

    def _loss(self, kind: Objective, truth: Tensor | None, past: Tensor, traffic: Tensor, best: Tensor) -> Any:
        return self.loss(kind, past, traffic, best, truth)


def _stage(folder: str | Path | None, name: str) -> dict[str, Any]:
    """Return the option for checkpoints of a stage: each is a training of its own, with a folder of its own."""
    return {} if folder is None else {"folder": Path(folder) / name}
