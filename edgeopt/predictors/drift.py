"""Whether the traffic an allocator was trained on is still the traffic it meets.

Two questions that are often mixed up. Does the demand come from another distribution (:func:`distribution_shift`)? It
may, and the allocator may not mind. Does the allocator cost more than it did when it was validated
(:class:`DriftRule`)? That is what a retraining can mend, so that is what the rule decides by; the shift says where to
look for the cause.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..model.errors import InvalidOptionError, InvalidProblemError
from ..model.records import float_array

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

BINS = 10
"""Bins of the population stability index: tenths of the reference."""


def distribution_shift(reference: ArrayLike, recent: ArrayLike) -> pd.DataFrame:
    """Compare the demand of some slots with that of a reference, slice by slice.

    Parameters
    ----------
    reference, recent : (slots, slices) float
        Demand, in any unit. Traffic has a daily wave: both should hold whole days.

    Returns
    -------
    DataFrame
        A row for each slice. ``ks``: largest distance between the two distribution functions (Kolmogorov and Smirnov),
        0 to 1. ``psi``: population stability index, the sum of (q - p) ln(q / p) over the tenths of the reference,
        where p and q are the shares of the reference and of the recent slots in a tenth, with half a slot added to each
        count; above 0.25 is usually called a large shift. ``mean_ratio``: mean of the recent demand over that of the
        reference.

    Raises
    ------
    InvalidProblemError
        If the two are not of the same slices, one has no slot, or a value is not finite.

    Notes
    -----
    Slots are not independent, so the p-value of the test would be far too small and is not given. What is usual can be
    read off the training period itself: see ``ks_usual`` in :class:`~edgeopt.predictors.retraining.Retraining`.

    Examples
    --------
    >>> found = distribution_shift([[1.0], [2.0], [3.0], [4.0]], [[3.0], [4.0], [5.0], [6.0]])
    >>> found[["ks", "mean_ratio"]].values.tolist()
    [[0.5, 1.8]]
    """
    import pandas as pd
    from scipy.stats import ks_2samp

    old, new = (float_array(a, n, ndim=2) for a, n in ((reference, "reference"), (recent, "recent")))
    if old.shape[1] != new.shape[1] or not len(old) or not len(new):
        raise InvalidProblemError(
            f"reference has shape {old.shape} and recent {new.shape}; expected one slot or more of the same slices"
        )
    rows = [
        {"ks": float(ks_2samp(a, b).statistic), "psi": _stability(a, b), "mean_ratio": _ratio(b.mean(), a.mean())}
        for a, b in zip(old.T, new.T, strict=True)
    ]
    return pd.DataFrame(rows, index=pd.RangeIndex(old.shape[1], name="slice"))


def _stability(reference: NDArray[np.float64], recent: NDArray[np.float64]) -> float:
    """Return the population stability index; tenths that fall together, where a demand is often the same, are one."""
    edges = np.unique(np.quantile(reference, np.linspace(0, 1, BINS + 1)[1:-1]))
    shares = []
    for values in (reference, recent):
        counts = np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1) + 0.5
        shares.append(counts / counts.sum())
    p, q = shares
    return float(((q - p) * np.log(q / p)).sum())


def _ratio(value: float, base: float) -> float:
    return float(value / base) if base else (1.0 if value == base else float(np.inf))


class Drift(NamedTuple):
    """What a rule found: cost of recent slots over that of validation, bounds of its interval, and the verdict."""

    ratio: float
    low: float
    high: float
    drifted: bool


@dataclass(frozen=True)
class DriftRule:
    """Retrain when recent slots cost surely more than validation did, by more than is tolerated.

    "Surely" is the lower bound of a bootstrap interval of the ratio of the two mean costs. Costs of neighbouring slots
    go together, so whole blocks of slots are drawn (circular block bootstrap, Politis and Romano 1992).

    Attributes
    ----------
    tolerance : float
        Share by which recent slots may cost more than validation: 0.1 is 10 %.
    confidence : float
        Of the two-sided interval, between 0 and 1.
    block : int
        Slots drawn together; an hour or more.
    draws, seed : int
        Of the bootstrap.

    Raises
    ------
    InvalidOptionError
        If an entry is out of its range.

    Examples
    --------
    >>> rule = DriftRule(tolerance=0.1, block=2)
    >>> rule.judge([3.0, 3.2, 2.9, 3.1], [1.0, 1.2, 0.9, 1.1]).drifted
    True
    >>> rule.judge([1.0, 1.3, 0.9, 1.1], [1.0, 1.2, 0.9, 1.1]).drifted
    False
    """

    tolerance: float = 0.1
    confidence: float = 0.9
    block: int = 6
    draws: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.tolerance < np.inf:
            raise InvalidOptionError(f"tolerance is {self.tolerance}; expected 0 or more, 0.1 is 10 %")
        if not 0 < self.confidence < 1:
            raise InvalidOptionError(f"confidence is {self.confidence}; expected a share between 0 and 1")
        for field in ("block", "draws"):
            if getattr(self, field) < 1:
                raise InvalidOptionError(f"{field} is {getattr(self, field)}; expected 1 or more")

    def judge(self, recent: ArrayLike, validation: ArrayLike) -> Drift:
        """Decide by the costs of recent slots and of those of validation.

        Parameters
        ----------
        recent, validation : (slots,) float
            Exact cost of every slot, summed over the slices; the same allocator in both.

        Raises
        ------
        InvalidProblemError
            If one has no slot or holds a value that is not finite, or validation costs nothing.
        """
        costs = [float_array(a, n) for a, n in ((recent, "recent"), (validation, "validation"))]
        for values, name in zip(costs, ("recent", "validation"), strict=True):
            if not values.size:
                raise InvalidProblemError(f"{name} has no slot; expected at least one")
        if costs[1].mean() <= 0:
            raise InvalidProblemError("validation costs nothing, so no ratio can be told; validate in more slots")
        generator = np.random.default_rng(self.seed)
        new, old = (block_means(values, self.block, self.draws, generator) for values in costs)
        ratio = float(costs[0].mean() / costs[1].mean())
        # Where only a few slots cost anything, a draw of validation may cost nothing: the ratio is then unbounded.
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios = np.where(old > 0, new / old, np.where(new > 0, np.inf, 1.0))
        low, high = np.quantile(ratios, _tails(self.confidence), method="inverted_cdf")
        return Drift(ratio, float(low), float(high), bool(low > 1 + self.tolerance))


def _tails(confidence: float) -> tuple[float, float]:
    return (1 - confidence) / 2, (1 + confidence) / 2


def block_means(
    values: NDArray[np.float64], block: int, draws: int, generator: np.random.Generator
) -> NDArray[np.float64]:
    """Return the means of `draws` series put together from blocks of neighbouring values, the end joined to the start.

    Parameters
    ----------
    values : (slots,) float
        The series.
    block : int
        Length of a block; cut to that of the series.
    draws : int
        Number of series.
    generator : numpy.random.Generator
        Draws where the blocks begin.
    """
    count, length = len(values), min(block, len(values))
    blocks = -(-count // length)
    starts = generator.integers(count, size=(draws, blocks))
    places = (starts[:, :, None] + np.arange(length)).reshape(draws, -1)[:, :count] % count
    means: NDArray[np.float64] = values[places].mean(axis=1)
    return means


class Interval(NamedTuple):
    """A mean and the bounds of its interval."""

    mean: float
    low: float
    high: float


def mean_interval(values: NDArray[np.float64], block: int, *, confidence: float, draws: int, seed: int) -> Interval:
    """Return the mean of a series with its block bootstrap interval."""
    means = block_means(values, block, draws, np.random.default_rng(seed))
    low, high = np.quantile(means, _tails(confidence))
    return Interval(float(values.mean()), float(low), float(high))
