"""What a study may say of a claim, and how paired runs decide it.

Four words, never a bare yes: a claim holds, does not hold, cannot be told from its contrary by the runs at hand, or
cannot be decided at all, for a reason that has to be given.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..model.errors import InvalidProblemError
from ..model.records import float_array

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


class Verdict(StrEnum):
    """What runs say of a claim."""

    HOLDS = "holds"
    FAILS = "does not hold"
    INDISTINGUISHABLE = "indistinguishable"
    UNDECIDABLE = "not decidable"

    @classmethod
    def of(cls, holds: bool) -> Verdict:
        """Return the verdict of a comparison that no chance touches."""
        return cls.HOLDS if holds else cls.FAILS


class Interval(NamedTuple):
    """Mean of differences with the bounds of its confidence interval."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.4g} ({self.low:.4g} to {self.high:.4g})"


def paired_interval(differences: ArrayLike, confidence: float = 0.95) -> Interval:
    """Student's interval of the mean of differences between runs that share their seeds.

    Parameters
    ----------
    differences : (seeds,) float
        One difference for each seed, both runs of which saw the same draws.
    confidence : float
        Probability that the interval holds the true mean, were the differences normal.

    Raises
    ------
    InvalidProblemError
        If there are fewer than two seeds, or a difference is not finite.
    """
    from scipy import stats

    values = float_array(differences, "differences", ndim=1)
    if values.size < 2:
        raise InvalidProblemError(f"differences has {values.size} seeds; an interval needs two at least")
    mean = float(values.mean())
    half = float(stats.t.ppf(0.5 + confidence / 2.0, values.size - 1) * values.std(ddof=1) / np.sqrt(values.size))
    return Interval(mean, mean - half, mean + half)


def paired_verdict(lower: ArrayLike, higher: ArrayLike, *, by: float = 0.0, confidence: float = 0.95) -> Verdict:
    """Decide the claim that one quantity is lower than another by at least `by`, from runs that share their seeds.

    Parameters
    ----------
    lower, higher : (seeds,) float
        Values of the quantity that is claimed to be lower and of the other, one for each seed, in the same order.
    by : float
        Least difference that is claimed, in the unit of the values.

    Returns
    -------
    Verdict
        HOLDS where the whole interval of the difference is on the claimed side, FAILS where it is on the other,
        INDISTINGUISHABLE where it is on both, UNDECIDABLE with a single seed.
    """
    less, more = (float_array(v, n, ndim=1) for v, n in ((lower, "lower"), (higher, "higher")))
    if less.shape != more.shape:
        raise InvalidProblemError(f"lower has {less.size} seeds and higher {more.size}; they are paired by seed")
    if less.size < 2:
        return Verdict.UNDECIDABLE
    found = paired_interval(more - less - by, confidence)
    if found.low > 0.0:
        return Verdict.HOLDS
    return Verdict.FAILS if found.high < 0.0 else Verdict.INDISTINGUISHABLE
