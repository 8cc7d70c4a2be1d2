"""Hour and day of the week as inputs of an exit: when a slot is says how its demand differs from the one before it.

A window of an hour does not tell whether the night ends or begins. Sine and cosine of the time of day (of one and of
two periods a day) and of the time of the week go around midnight and Sunday without a jump. A small network turns them
into a factor on the latest demand and a shift, slice by slice, that are added to an exit's answer (a feature-wise
linear modulation, Perez et al. 2018). It starts at zero: before training the answers are those without a calendar.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from torch import nn

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray
    from torch import Tensor

FEATURES = 6
"""Numbers that :func:`calendar_features` returns of each slot."""

_HIDDEN = 32


def calendar_features(times: pd.DatetimeIndex) -> NDArray[np.float64]:
    """Return sines and cosines of the time of day, of twice the time of day, and of the time of the week, (times, 6).

    Parameters
    ----------
    times : DatetimeIndex
        In local time: traffic follows the clock on the wall, through changes to and from summer time.

    Examples
    --------
    >>> import pandas as pd
    >>> monday = pd.DatetimeIndex(["2024-01-01 00:00", "2024-01-01 06:00"])
    >>> calendar_features(monday).round(2) + 0.0
    array([[ 0.  ,  1.  ,  0.  ,  1.  ,  0.  ,  1.  ],
           [ 1.  ,  0.  ,  0.  , -1.  ,  0.22,  0.97]])
    """
    seconds = np.asarray(times.hour * 3600 + times.minute * 60 + times.second, dtype=np.float64)
    day = 2 * np.pi * seconds / 86400
    week = (2 * np.pi * np.asarray(times.day_of_week) + day) / 7
    return np.stack([part(angle) for angle in (day, 2 * day, week) for part in (np.sin, np.cos)], axis=1)


class Calendar(nn.Module):
    """From features of a slot and the latest demand to what an exit adds to its answer.

    Parameters
    ----------
    features, series : int
        Number of features of a slot, and of series.
    """

    def __init__(self, features: int, series: int) -> None:
        super().__init__()
        self.hidden, self.last = nn.Linear(features, _HIDDEN), nn.Linear(_HIDDEN, 2 * series)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, known: Tensor, latest: Tensor) -> Tensor:
        """Return (batch, series) for features (batch, features) and latest demands (batch, series)."""
        factor, shift = self.last(self.hidden(known).relu()).chunk(2, dim=1)
        added: Tensor = factor * latest + shift
        return added
