"""When an early exit is good enough: confidence of its answer, and thresholds that let stated shares of samples leave.

Entropy is the measure of BranchyNet (Teerapittayanon, McDanel and Kung 2016), the largest probability the usual one,
patience that of Zhou et al. (2020): leave when several exits in a row give the same class.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from ...model.errors import InvalidOptionError, InvalidProblemError
from ...model.records import float_array, read_only

if TYPE_CHECKING:
    from numpy.typing import NDArray

Measure = Literal["max-probability", "entropy", "patience"]


@dataclass(frozen=True, eq=False)
class ExitRule:
    """Leave at the first exit whose confidence reaches its threshold; the last exit takes what is left.

    Attributes
    ----------
    measure : {"max-probability", "entropy", "patience"}
        The largest probability; one minus the entropy over that of equal probabilities; the number of exits in a row,
        this one included, that give the same class.
    thresholds : (exits - 1,) float
        Least confidence with which a sample leaves; inf where none leaves.
    shares : (exits,) float, optional
        Share of the validation samples that left at each exit.

    Raises
    ------
    InvalidOptionError
        If the measure is unknown.
    InvalidProblemError
        If a threshold is nan.
    """

    measure: Measure
    thresholds: NDArray[np.float64]
    shares: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        _known(self.measure)
        thresholds = np.array(self.thresholds, np.float64)
        if thresholds.ndim != 1 or np.isnan(thresholds).any():
            raise InvalidProblemError(
                f"thresholds is {self.thresholds!r}; expected a number for each exit but the last"
            )
        object.__setattr__(self, "thresholds", read_only(thresholds))

    @property
    def exits(self) -> int:
        """Number of exits."""
        return len(self.thresholds) + 1

    def leaves(self, answers: Sequence[Any]) -> bool:
        """Whether one sample leaves at the latest of the exits that answered.

        Parameters
        ----------
        answers : sequence of (classes,) float
            Logits of the exits asked so far.
        """
        exit = len(answers) - 1
        if exit >= len(self.thresholds):
            return True
        found = confidence(self.measure, [_rows(answer, k) for k, answer in enumerate(answers)])
        return bool(found[-1, 0] >= self.thresholds[exit])

    def exits_of(self, answers: Sequence[Any]) -> NDArray[np.int64]:
        """Return (samples,) exits at which the samples leave, of the logits (samples, classes) of every exit."""
        found = _confidences(self.measure, answers)
        leaves = found[:-1] >= self.thresholds[:, None]
        leaves = np.vstack([leaves, np.ones(found.shape[1], bool)])
        exits: NDArray[np.int64] = np.argmax(leaves, axis=0)
        return exits


def calibrate(answers: Sequence[Any], shares: Any, measure: Measure = "max-probability") -> ExitRule:
    """Return the rule by which stated shares of validation samples leave at each exit.

    Parameters
    ----------
    answers : sequence of (samples, classes) float
        Logits of every exit on validation data, arrays or tensors.
    shares : (exits,) float
        Wanted shares, which sum to 1: the probabilities of the exits, ``StochasticSplit.weights``.
    measure : {"max-probability", "entropy", "patience"}
        How confidence is measured. Patience is one whole number for all exits, so it takes the one whose shares differ
        least in sum; the shares that the rule has are in `ExitRule.shares` for every measure.

    Raises
    ------
    InvalidOptionError
        If the measure is unknown.
    InvalidProblemError
        If the answers have different numbers of samples or are not finite, or the shares are none.
    """
    found = _confidences(_known(measure), answers)
    wanted = float_array(shares, "shares", ndim=1)
    if wanted.shape != (len(found),) or (wanted < 0).any() or abs(wanted.sum() - 1.0) > 1e-6:
        raise InvalidProblemError(f"shares is {wanted.tolist()}; expected {len(found)} numbers >= 0 that sum to 1")
    if measure == "patience":
        rules = [
            _counted(ExitRule(measure, np.full(len(found) - 1, float(n))), answers) for n in range(2, len(found) + 1)
        ]
        if not rules:
            raise InvalidProblemError(f"patience compares several exits; the network has {len(found)}")
        return min(rules, key=lambda rule: float(np.abs(_shares(rule) - wanted).sum()))
    samples = found.shape[1]
    left, thresholds = np.ones(samples, bool), []
    for exit in range(len(found) - 1):
        gone = samples - int(left.sum())
        count = min(round(float(wanted[: exit + 1].sum()) * samples) - gone, int(left.sum()))
        ordered = np.sort(found[exit][left])[::-1]
        thresholds.append(float(ordered[count - 1]) if count > 0 else np.inf)
        left &= found[exit] < thresholds[-1]
    return _counted(ExitRule(measure, np.array(thresholds)), answers)


def confidence(measure: Measure, answers: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return the confidence (exits, samples) of each exit's answer, of logits (samples, classes)."""
    if _known(measure) == "patience":
        classes = np.stack([answer.argmax(axis=1) for answer in answers])
        run = np.ones(classes.shape)
        for exit in range(1, len(classes)):
            run[exit] = np.where(classes[exit] == classes[exit - 1], run[exit - 1] + 1, 1)
        return run
    return np.stack([_sureness(measure, answer) for answer in answers])


def _sureness(measure: Measure, logits: NDArray[np.float64]) -> NDArray[np.float64]:
    shifted = logits - logits.max(axis=1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    probabilities = np.exp(logs)
    if measure == "max-probability":
        largest: NDArray[np.float64] = probabilities.max(axis=1)
        return largest
    entropy = -(probabilities * logs).sum(axis=1)
    sure: NDArray[np.float64] = 1.0 - entropy / np.log(logits.shape[1])
    return sure


def _confidences(measure: Measure, answers: Sequence[Any]) -> NDArray[np.float64]:
    rows = [_rows(answer, exit) for exit, answer in enumerate(answers)]
    if not rows or len({len(row) for row in rows}) > 1 or not len(rows[0]):
        raise InvalidProblemError(f"answers has {[len(row) for row in rows]} samples; expected as many of each exit")
    return confidence(measure, rows)


def _rows(answer: Any, exit: int) -> NDArray[np.float64]:
    """Return logits as (samples, classes) float."""
    values = answer.detach().cpu().double().numpy() if hasattr(answer, "detach") else np.asarray(answer, np.float64)
    values = values[None] if values.ndim == 1 else values
    if values.ndim != 2 or values.shape[1] < 2 or not np.isfinite(values).all():
        raise InvalidProblemError(
            f"the answer of exit {exit} has shape {values.shape}; expected finite logits (samples, classes) of at "
            f"least 2 classes"
        )
    return values


def _counted(rule: ExitRule, answers: Sequence[Any]) -> ExitRule:
    exits = rule.exits_of(answers)
    return ExitRule(rule.measure, rule.thresholds, np.bincount(exits, minlength=rule.exits) / len(exits))


def _shares(rule: ExitRule) -> NDArray[np.float64]:
    return np.zeros(rule.exits) if rule.shares is None else rule.shares


def _known(measure: Measure) -> Measure:
    if measure not in get_args(Measure):
        raise InvalidOptionError(f"measure is {measure!r}; choose from {', '.join(get_args(Measure))}")
    return measure
