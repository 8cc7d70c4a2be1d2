"""From a series to training samples: past demand in, the next demand out, every cell on its own scale.

Order in time is kept throughout, so that a cut between two samples is a cut between past and future. Whoever fits
anything (a scale, a model) passes the part before the cut, and nothing of the part behind it leaks back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from ..model.errors import InvalidOptionError, InvalidProblemError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def windows(demand: ArrayLike, window: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Cut a series into samples: the past that an allocator sees, and the demand it must meet.

    Parameters
    ----------
    demand : (steps, cells) float
        Demand of every cell in every slot, finite.
    window : int
        Number N of past slots per sample, >= 1.

    Returns
    -------
    past : (steps - window, cells, window) float
        ``past[k, m]`` is the demand of cell m in the slots k ... k + window - 1, oldest first; a read-only view.
    target : (steps - window, cells) float
        ``target[k, m]`` is its demand in slot k + window: never part of ``past[k]``.

    Raises
    ------
    InvalidOptionError
        If the window is below 1 or leaves no sample.
    InvalidProblemError
        If the demand is not a finite (steps, cells) array.

    Examples
    --------
    >>> past, target = windows([[1.0], [2.0], [3.0], [4.0]], window=2)
    >>> past[:, 0].tolist(), target[:, 0].tolist()
    ([[1.0, 2.0], [2.0, 3.0]], [3.0, 4.0])
    """
    series = np.asarray(demand, dtype=np.float64)
    if series.ndim != 2:
        raise InvalidProblemError(f"demand has shape {series.shape}; expected (steps, cells)")
    if not np.isfinite(series).all():
        step, cell = np.argwhere(~np.isfinite(series))[0]
        raise InvalidProblemError(
            f"demand[{step}, {cell}] is {series[step, cell]}; "
            "fill the gaps first (DataFrame.interpolate) or drop the cell"
        )
    if not 1 <= window < len(series):
        raise InvalidOptionError(f"window is {window}; a series of {len(series)} slots allows 1 to {len(series) - 1}")
    past = np.lib.stride_tricks.sliding_window_view(series[:-1], window, axis=0)
    return past, series[window:]


def check_samples(values: NDArray[np.floating], name: str) -> None:
    """Make sure that all samples (along the first axis) are finite: a single nan would spoil every weight.

    Raises
    ------
    InvalidProblemError
        If one is not; names it, the place in it, and how many there are.
    """
    bad = ~np.isfinite(values)
    if bad.any():
        place = tuple(int(i) for i in np.argwhere(bad)[0])
        count = int(bad.reshape(len(values), -1).any(axis=1).sum())
        raise InvalidProblemError(
            f"{name}{list(place)} is {values[place]}: {count} of {len(values)} samples are not finite, the first is "
            f"sample {place[0]}; fill the gaps, or drop these samples"
        )


@dataclass(frozen=True)
class MinMax:
    """Scale of every cell: 0 at its lowest, 1 at its highest demand of the period it was fitted on.

    Later demand may lie outside [0, 1]; it is not clipped.

    Attributes
    ----------
    lowest, span : (cells,) float
        In the unit of the demand; span > 0.
    """

    lowest: NDArray[np.float64]
    span: NDArray[np.float64]

    @classmethod
    def fit(cls, demand: NDArray[np.float64]) -> Self:
        """Fit to a (steps, cells) array.

        Raises
        ------
        InvalidProblemError
            If a cell's demand never changes: it has no scale.
        """
        lowest = demand.min(axis=0)
        span = demand.max(axis=0) - lowest
        if not (span > 0).all():
            cell = int(np.flatnonzero(~(span > 0))[0])
            raise InvalidProblemError(
                f"demand[:, {cell}] is constant ({lowest[cell]}) in the training period; drop the cell"
            )
        return cls(lowest, span)

    def normalise(self, demand: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the demand on the fitted scale."""
        return (demand - self.lowest) / self.span


@dataclass(frozen=True)
class Split:
    """Rows of a chronological split: training first, then validation, then test."""

    train: slice
    validation: slice
    test: slice


def chronological(samples: int, train: float = 0.6, validation: float = 0.2) -> Split:
    """Cut `samples` in time order.

    Parameters
    ----------
    samples : int
        Number of samples in time order.
    train, validation : float
        Shares of the first two parts; the rest is the test.

    Raises
    ------
    InvalidOptionError
        If a part would be empty.

    Examples
    --------
    >>> chronological(10)
    Split(train=slice(0, 6, None), validation=slice(6, 8, None), test=slice(8, 10, None))
    """
    first, second = round(samples * train), round(samples * (train + validation))
    if not 0 < first < second < samples:
        raise InvalidOptionError(
            f"shares {train} and {validation} of {samples} samples leave a part of the split empty"
        )
    return Split(slice(0, first), slice(first, second), slice(second, samples))
