"""Traffic predictors: from the past of every series to its next value, never negative.

A predictor is a torch module from windows ``(batch, window, series)`` to forecasts ``(batch, series)``, both in the
unit of the traffic. It scales by itself, with what `fit_scale` saw of the training period, and ends in a softplus: a
forecast below zero cannot be reserved.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from ..model.errors import InvalidOptionError, InvalidProblemError

if TYPE_CHECKING:
    from torch import Tensor


class TrafficPredictor(nn.Module):
    """Base of all traffic predictors: scaling, non-negativity, and the check of what comes in.

    Parameters
    ----------
    series : int
        Number of series.
    window : int
        Number of past values that a forecast sees.
    """

    scale: Tensor

    def __init__(self, series: int, window: int) -> None:
        super().__init__()
        for name, value in (("series", series), ("window", window)):
            if value < 1:
                raise InvalidOptionError(f"{name} is {value}; expected at least 1")
        self.series, self.window = series, window
        self.register_buffer("scale", torch.ones(series))

    def fit_scale(self, traffic: Tensor) -> None:
        """Take the scale of each series from its largest value in the training period (steps, series).

        Raises
        ------
        InvalidProblemError
            If the traffic is negative or not finite.
        """
        bad = ~(torch.isfinite(traffic) & (traffic >= 0))
        if bool(bad.any()):
            step, series = bad.nonzero()[0].tolist()
            raise InvalidProblemError(
                f"traffic[{step}, {series}] is {float(traffic[step, series])}, negative or not finite; fill it, "
                "or drop the sample, beforehand"
            )
        largest = traffic.amax(dim=0)
        self.scale = torch.where(largest > 0, largest, torch.ones_like(largest)).to(self.scale)

    def forward(self, past: Tensor) -> Tensor:
        """Forecast the next value (batch, series) from windows (batch, window, series)."""
        if past.shape[1:] != (self.window, self.series):
            raise InvalidProblemError(
                f"past has shape {tuple(past.shape)}; expected (batch, {self.window}, {self.series}), oldest first"
            )
        return self.scale * self.scaled(past / self.scale)

    def scaled(self, past: Tensor) -> Tensor:
        """Forecast on the scale where the training period's largest value is 1."""
        raise NotImplementedError


class LSTMPredictor(TrafficPredictor):
    """LSTM over the window (Lyu et al. 2024, IV-B.2), all series together; bidirectional on request.

    Parameters
    ----------
    hidden : int
        Size of the hidden state.
    bidirectional : bool
        Whether a second LSTM reads the window backwards (the paper's Bi-LSTM).
    residual : bool
        Whether the LSTM corrects the last value, so that an untrained one repeats it: hard to beat on smooth traffic.
        The paper's own LSTM is ``residual=False``: it forecasts the value itself.
    """

    def __init__(
        self, series: int, window: int, hidden: int = 64, *, bidirectional: bool = False, residual: bool = True
    ) -> None:
        super().__init__(series, window)
        self.residual = residual
        self.lstm = nn.LSTM(series, hidden, batch_first=True, bidirectional=bidirectional)
        self.head = nn.Linear(hidden * (2 if bidirectional else 1), series)
        nn.init.zeros_(self.head.bias)

    def scaled(self, past: Tensor) -> Tensor:
        """Return what the LSTM makes of the window, or the last value corrected by it."""
        _, (state, _) = self.lstm(past)
        made = self.head(state.transpose(0, 1).flatten(1))
        # Softplus of the inverse softplus: without a correction the forecast is the last value itself.
        return nn.functional.softplus(_inverse_softplus(past[:, -1]) + made if self.residual else made)


class LinearPredictor(TrafficPredictor):
    """One linear map of each series' own window, starting from the last value."""

    def __init__(self, series: int, window: int) -> None:
        super().__init__(series, window)
        start = torch.zeros(series, window)
        start[:, -1] = 1.0
        self.weight = nn.Parameter(start)
        self.bias = nn.Parameter(torch.zeros(series))

    def scaled(self, past: Tensor) -> Tensor:
        """Weigh the window."""
        mean = torch.einsum("bws,sw->bs", past, self.weight) + self.bias
        return nn.functional.softplus(mean, beta=50.0)


class SeasonalNaive(TrafficPredictor):
    """The value of one period ago, the baseline that every forecast has to beat; it learns nothing.

    Parameters
    ----------
    period : int
        Steps of one season, at most `window`; 1 repeats the last value.
    """

    def __init__(self, series: int, window: int, period: int = 1) -> None:
        super().__init__(series, window)
        if not 1 <= period <= window:
            raise InvalidOptionError(f"period is {period}; the window holds {window} steps")
        self.period = period

    def scaled(self, past: Tensor) -> Tensor:
        """Repeat."""
        return past[:, -self.period]


def _inverse_softplus(value: Tensor) -> Tensor:
    bounded = value.clamp(min=1e-4)
    return bounded + torch.log(-torch.expm1(-bounded))
