"""The contract of offloading rules, and the rules that learn nothing: all local, all remote, chance, the optimum."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Self

import numpy as np

from ..model.records import float_array, number, require
from ..model.tolerance import least_count
from ..solving.solve import solve

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from .exits import ExitSamples


class Rule(ABC):
    """Base of all rules.

    Parameters
    ----------
    min_local_fraction : float
        Share L0 of the samples that should stay local; a rule meets it on the samples that it was fitted on.
    """

    threshold: float = 0.5

    def __init__(self, min_local_fraction: float = 0.5) -> None:
        self.min_local_fraction = number(min_local_fraction, "min_local_fraction", at_least=0.0, at_most=1.0)

    @abstractmethod
    def scores(self, samples: ExitSamples) -> NDArray[np.float64]:
        """Return the score of each sample, from what the edge knows; above the threshold it is offloaded."""

    def fit(self, samples: ExitSamples) -> Self:
        """Learn from samples of the training period: here, the threshold alone."""
        return self.keep_share(samples)

    def keep_share(self, samples: ExitSamples) -> Self:
        """Set the threshold to where the least number of these samples that L0 asks for stays local."""
        scores = np.sort(self.scores(samples))
        kept = least_count(self.min_local_fraction, len(scores))
        self.threshold = float(scores[kept - 1]) if kept else -np.inf
        return self

    def decide(self, samples: ExitSamples) -> NDArray[np.bool_]:
        """Return whether each sample stays local."""
        return np.asarray(self.scores(samples) <= self.threshold)


class Edge(Rule):
    """Everything local."""

    def scores(self, samples: ExitSamples) -> NDArray[np.float64]:
        """All 0."""
        return np.zeros(len(samples))

    def fit(self, samples: ExitSamples) -> Self:
        """Learn nothing."""
        return self


class Cloud(Edge):
    """Everything remote."""

    def scores(self, samples: ExitSamples) -> NDArray[np.float64]:
        """All 1."""
        return np.ones(len(samples))


class RandomRule(Rule):
    """Each sample stays local with probability L0; :func:`random_cost` is what that costs on average."""

    def __init__(self, min_local_fraction: float = 0.5, seed: int = 0) -> None:
        super().__init__(min_local_fraction)
        self.seed = seed

    def scores(self, samples: ExitSamples) -> NDArray[np.float64]:
        """Uniform draws."""
        return np.random.default_rng(self.seed).random(len(samples))

    def fit(self, samples: ExitSamples) -> Self:
        """Take L0 as the threshold."""
        self.threshold = self.min_local_fraction
        return self


def random_cost(samples: ExitSamples, local_fraction: ArrayLike) -> NDArray[np.float64]:
    """Return the expected cost of a sample that stays local with these probabilities: exact, no draw is made.

    Raises
    ------
    InvalidProblemError
        If a probability is outside [0, 1].
    """
    share = float_array(np.atleast_1d(np.asarray(local_fraction, dtype=float)), "local_fraction")
    require("local_fraction", share, (share >= 0) & (share <= 1), "must lie between 0 and 1")
    stay = np.ones(len(samples), dtype=bool)
    return np.asarray(share * samples.cost(stay) + (1 - share) * samples.cost(~stay))


class Oracle(Rule):
    """The exact optimum of the offline problem on the very samples that it decides: a bound, no rule to deploy."""

    def scores(self, samples: ExitSamples) -> NDArray[np.float64]:
        """Return the true benefit of the cloud."""
        return samples.benefit

    def decide(self, samples: ExitSamples) -> NDArray[np.bool_]:
        """Solve the offline problem."""
        local: NDArray[np.bool_] = solve(samples.problem(self.min_local_fraction)).decision.local
        return local
