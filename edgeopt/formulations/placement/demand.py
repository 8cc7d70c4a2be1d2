"""The demand for accuracy: how likely each exit of a network is the one that has to answer.

A task that requires accuracy `ac` is served by the first exit that reaches it, Acc(k-1) < ac <= Acc(k); what no exit
reaches is unmet demand (Zuo 2024, eq. 4.8, whose sum runs one exit too far there).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ...model.errors import InvalidProblemError
from ...model.records import Record, assign, float_array, record, require
from ...model.tolerance import EQUAL

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...model.kept import Floats


class Distribution(Protocol):
    """What knows how likely each required accuracy is: a frozen scipy distribution, or :class:`DemandSamples`."""

    @property
    def cdf(self) -> Callable[[Any], Any]:
        """Function that returns the probability that at most an accuracy is required."""


@record
class DemandSamples(Record):
    """Historical requirements, used as they are: a distribution with equal mass on every sample.

    Attributes
    ----------
    samples : (samples,) or (batch, samples) float
        Required accuracies, in the unit of ``Exit.accuracy``.
    """

    samples: Floats

    def __post_init__(self) -> None:
        samples = float_array(self.samples, "samples", ndim=(1, 2))
        if samples.shape[-1] == 0:
            raise InvalidProblemError("samples is empty; give at least one required accuracy")
        assign(self, samples=samples)

    def cdf(self, accuracy: float) -> Any:
        """Share of samples that require at most `accuracy`."""
        return (self.samples <= accuracy).mean(axis=-1)


def exit_probabilities(demand: Any, accuracies: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (..., exits + 1) probabilities that each exit serves, the unmet demand last.

    Parameters
    ----------
    demand : distribution or array
        Anything with ``cdf`` (a frozen scipy distribution, :class:`DemandSamples`), or probabilities of shape
        (..., exits) or (..., exits + 1).
    accuracies : (exits,) float
        Accuracy of each exit; one that does not exceed all before it serves nobody.

    Raises
    ------
    InvalidProblemError
        If probabilities are negative or do not sum to 1, or `demand` is neither array nor distribution.
    """
    if not hasattr(demand, "cdf"):
        return _stated(demand, accuracies.size)
    reached = [np.asarray(demand.cdf(accuracy), float) for accuracy in np.maximum.accumulate(accuracies)]
    bounds = np.stack([np.zeros_like(reached[0]), *reached, np.ones_like(reached[0])], axis=-1)
    probabilities = np.diff(bounds, axis=-1)
    if not np.all(probabilities >= 0):  # false for nan too
        raise InvalidProblemError(f"demand.cdf at the exits' accuracies gives {bounds}; expected to rise from 0 to 1")
    return probabilities


def _stated(demand: Any, exits: int) -> NDArray[np.float64]:
    array = float_array(demand, "demand", ndim=(1, 2))
    if array.shape[-1] not in (exits, exits + 1):
        raise InvalidProblemError(
            f"demand has shape {array.shape}; expected {exits} probabilities, one for each exit, or {exits + 1} with "
            "the unmet demand last (historical requirements go into DemandSamples)"
        )
    require("demand", array, array >= 0, "must be a probability, >= 0")
    total = array.sum(axis=-1, keepdims=True)
    require("demand total", total[..., 0].reshape(-1), np.abs(total - 1.0).reshape(-1) <= EQUAL, "must be 1")
    unmet = np.zeros((*array.shape[:-1], 1)) if array.shape[-1] == exits else array[..., exits:]
    return np.concatenate([array[..., :exits], unmet], axis=-1)
