"""How sure a rule's choice of an exit is: from its score to the probability that the exit is the cheaper one.

Scores of rules are variances, probabilities of a class or benefits in money. What they say of the exits follows from
samples that the rule has not learned from: a logistic regression on the score's rank among theirs (Platt 1999), for
each exit. Ranks make it the same for all rules, and let no score that is larger than all seen promise more than these.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .exits import ExitSamples

_QUANTILES = 101


@dataclass(frozen=True, eq=False)
class ExitOdds:
    """Probability that an exit costs no more than the other, given the rule's score.

    Attributes
    ----------
    quantiles : (101,) float
        Of the scores that it was fitted on.
    local, remote : (2,) float
        Log odds of each exit at a score in the middle of these, and their slope in the rank from -1/2 to 1/2.
    """

    quantiles: NDArray[np.float64]
    local: NDArray[np.float64]
    remote: NDArray[np.float64]

    @classmethod
    def fit(cls, scores: NDArray[np.float64], samples: ExitSamples) -> Self:
        """Fit to scores of samples whose costs are known."""
        quantiles = np.quantile(scores, np.linspace(0.0, 1.0, _QUANTILES))
        rank = _rank(scores, quantiles)
        benefit = samples.benefit
        return cls(quantiles, _logistic(rank, benefit <= 0), _logistic(rank, benefit >= 0))

    def confidence(self, scores: NDArray[np.float64], local: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return for each sample the probability that the exit it takes costs no more than the other one."""
        rank = _rank(scores, self.quantiles)
        chosen = np.where(local[:, None], self.local, self.remote)
        return np.asarray(1.0 / (1.0 + np.exp(-(chosen[:, 0] + chosen[:, 1] * rank))))


def _rank(scores: NDArray[np.float64], quantiles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the share of the fitted scores below each score, less a half; the middle of it where many are equal."""
    below, upto = (np.searchsorted(quantiles, scores, side=side) for side in ("left", "right"))
    between = np.interp(scores, quantiles, np.linspace(0.0, 1.0, len(quantiles)))
    tied = (below + upto - 1) / 2 / (len(quantiles) - 1)
    return np.asarray(np.where(upto - below > 1, tied, between)) - 0.5


def _logistic(rank: NDArray[np.float64], cheaper: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return intercept and slope of the log odds, by Newton's method; no probability becomes 0 or 1 (Platt 1999)."""
    count = int(cheaper.sum())
    goal = np.where(cheaper, (count + 1) / (count + 2), 1 / (len(cheaper) - count + 2))
    inputs = np.stack([np.ones_like(rank), rank], axis=1)
    weights = np.zeros(2)
    for _ in range(50):
        said = 1.0 / (1.0 + np.exp(-inputs @ weights))
        # A little ridge: a slope in a score that is the same for all is not determined.
        slope = inputs.T @ (said - goal) + 1e-3 * weights
        curvature = (inputs * (said * (1 - said))[:, None]).T @ inputs + 1e-3 * np.eye(2)
        step = np.linalg.solve(curvature, slope)
        weights = weights - step
        if np.abs(step).max() < 1e-10:
            break
    return weights
