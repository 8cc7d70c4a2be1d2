"""Offloading rules: which samples of an early-exit network the edge resolves by itself.

A rule gives each sample a score from what the edge knows (its past, the features, the local answer), and offloads
those whose score is above a threshold; `fit` learns the score, or the threshold, from samples whose costs are known.
The rules of Giannakas et al. (2025, IV) and of Ehsanian and Spyropoulos (2025, IV-B), the papers' baselines, and what
goes beyond them: a mistake may weigh what it costs, and one regression of the benefit serves every local share.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch

from ..model.errors import InvalidOptionError
from ..model.records import number
from ..solving.solve import solve
from .baseline_rules import Cloud as Cloud
from .baseline_rules import Edge as Edge
from .baseline_rules import Oracle as Oracle
from .baseline_rules import RandomRule as RandomRule
from .baseline_rules import Rule as Rule
from .baseline_rules import random_cost as random_cost
from .classifiers import OneTarget, ViewNetwork, fit_network
from .samples import check_samples

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from .ddnn import DDNN
    from .exits import ExitSamples

_TOGETHER = 256
"""Samples times passes in a batch: larger ones leave the processor's cache, and are slower."""

VIEWS = ("past", "features", "local")
"""What a learned rule can look at."""


class UncertaintyRule(Rule):
    """Offload where the local answer is uncertain: the largest variance over series among passes with dropout (eq. 10).

    Parameters
    ----------
    model : DDNN
        Its edge blocks are passed through, all passes as one batch.
    passes : int
        ``B``, at least 2.
    seed : int
        Of the dropout.
    alike : bool
        Whether a pass drops the same of all samples: the score of a sample then does not depend on those beside it.

    Raises
    ------
    InvalidOptionError
        If `passes` is below 2, or the network has no exits, or no active dropout: there would be no variance.
    """

    def __init__(
        self, model: DDNN, min_local_fraction: float = 0.5, *, passes: int = 10, seed: int = 0, alike: bool = False
    ) -> None:
        super().__init__(min_local_fraction)
        if passes < 2:
            raise InvalidOptionError(f"passes is {passes}; a variance needs at least 2")
        model.check_dropout()
        self.model, self.passes, self.seed, self.alike = model, passes, seed, alike

    def scores(self, samples: ExitSamples) -> NDArray[np.float64]:
        """Return the largest variance (unbiased) of the local answers of each sample."""
        return dropout_variance(self.model, torch.from_numpy(samples.past), self.passes, self.seed, self.alike)


def dropout_variance(
    model: DDNN, past: torch.Tensor, passes: int, seed: int, alike: bool = False
) -> NDArray[np.float64]:
    """Return each sample's largest variance over series of local answers with dropout, the passes in one batch."""
    generator = torch.Generator().manual_seed(seed)
    batch = max(1, _TOGETHER // passes)
    model.eval()
    found = []
    with torch.no_grad():
        for some in torch.split(past, batch):
            if alike:
                generator.manual_seed(seed)
            found.append(model.passes(some, passes, generator, alike).var(dim=0).amax(dim=1))
    return torch.cat(found).double().numpy()


class LearnedRule(Rule):
    """Base of rules with a classifier or regressor behind them.

    Parameters
    ----------
    view : {"past", "features", "local"}
        What it looks at.
    estimator : "cnn", "mlp", or a scikit-learn estimator
        ``"cnn"`` (32 filters of size 3 and a linear layer, on the past alone) is that of Giannakas et al. (2025).
    weighted : bool
        Whether a mistake weighs what it costs, ``|b - b*|``, instead of the same as any other.
    seed, epochs : int
        Of training.
    """

    def __init__(
        self,
        min_local_fraction: float = 0.5,
        *,
        view: str = "past",
        estimator: Any = "mlp",
        weighted: bool = False,
        seed: int = 0,
        epochs: int = 30,
    ) -> None:
        super().__init__(min_local_fraction)
        if view not in VIEWS:
            raise InvalidOptionError(f"view is {view!r}; expected one of {', '.join(VIEWS)}")
        if isinstance(estimator, str) and estimator not in ("cnn", "mlp"):
            raise InvalidOptionError(f"estimator is {estimator!r}; expected 'cnn', 'mlp' or a scikit-learn estimator")
        if estimator == "cnn" and view != "past":
            raise InvalidOptionError("estimator 'cnn' looks at the past; take 'mlp' for features and local answers")
        self.view, self.estimator, self.weighted, self.seed, self.epochs = view, estimator, weighted, seed, epochs
        self._fitted: Callable[[NDArray[np.float32]], NDArray[np.float64]] | None = None

    def scores(self, samples: ExitSamples) -> NDArray[np.float64]:
        """Return what the estimator says."""
        if self._fitted is None:
            raise InvalidOptionError(f"this {type(self).__name__} has not been fitted; call fit(samples) first")
        return self._fitted(getattr(samples, self.view))

    def _learn(
        self, samples: ExitSamples, target: NDArray[np.float64], weight: NDArray[np.float64], *, probability: bool
    ) -> None:
        seen = getattr(samples, self.view)
        for name, values in ((self.view, seen), ("benefit", samples.benefit)):
            check_samples(values, name)
        if isinstance(self.estimator, str):
            network = self._network(seen, target[:, None], weight[:, None], probability=probability)
            self._fitted = OneTarget(network)
            return
        from sklearn.base import clone

        flat = seen.reshape(len(seen), -1)
        if probability and len(set(target.tolist())) < 2:  # nothing to learn, and no classifier takes it
            self._fitted = lambda view: np.full(len(view), target[0])
            return
        fitted = clone(self.estimator).fit(flat, target, sample_weight=weight)
        answer = (lambda x: fitted.predict_proba(x)[:, 1]) if probability else fitted.predict
        self._fitted = lambda view: np.asarray(answer(view.reshape(len(view), -1)), dtype=float)

    def _network(
        self, seen: NDArray[np.float32], target: NDArray[np.float64], weight: NDArray[np.float64], *, probability: bool
    ) -> ViewNetwork:
        return fit_network(
            seen,
            target,
            weight,
            kind=self.estimator,
            seed=self.seed,
            epochs=self.epochs,
            probability=probability,
        )


class OptimizedRule(LearnedRule):
    """Imitate the optimum of the offline problem: a classifier of "remote", trained on its decisions (IV-B).

    Parameters
    ----------
    calibrated : bool
        Whether the probability above which a sample is offloaded is set so that L0 of the last fifth of the training
        period, held out from learning, stay local; 1/2, as printed, otherwise.
    """

    def __init__(self, min_local_fraction: float = 0.5, *, calibrated: bool = False, **options: Any) -> None:
        super().__init__(min_local_fraction, **options)
        self.calibrated = calibrated

    def labels(self, samples: ExitSamples) -> tuple[NDArray[np.bool_], float]:
        """Return which samples are local in the optimum, and the critical benefit b*, its multiplier."""
        found = solve(samples.problem(self.min_local_fraction))
        return found.decision.local, float(found.certificate.multiplier)  # type: ignore[union-attr]

    def lesson(self, samples: ExitSamples) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return what the classifier should say of each sample (1 is remote), and what a mistake weighs."""
        local, critical = self.labels(samples)
        distance = np.abs(samples.benefit - critical)
        even = not self.weighted or not distance.any()
        return (~local).astype(float), np.ones(len(samples)) if even else distance / distance.mean()

    def fit(self, samples: ExitSamples) -> Self:
        """Train the classifier."""
        held = slice(round(0.8 * len(samples)), None) if self.calibrated else slice(0, 0)
        learned = samples.rows(slice(0, held.start)) if self.calibrated else samples
        self._learn(learned, *self.lesson(learned), probability=True)
        self.threshold = 0.5
        return self.keep_share(samples.rows(held)) if self.calibrated else self


def fit_together(rules: Sequence[OptimizedRule], samples: ExitSamples) -> Sequence[OptimizedRule]:
    """Train the classifiers of several rules as one network with an output for each of them, at the cost of one.

    The paper trains a network for each local share; here the shares have the hidden layers in common.

    Raises
    ------
    InvalidOptionError
        If the rules differ in view, estimator, seed or epochs, or one has no network or is calibrated.
    """
    options = {(rule.view, str(rule.estimator), rule.seed, rule.epochs) for rule in rules}
    if len(options) != 1 or any(rule.calibrated or not isinstance(rule.estimator, str) for rule in rules):
        raise InvalidOptionError(
            "rules that are fitted together share view, network, seed and epochs, and none is calibrated; fit these "
            "one by one"
        )
    first = rules[0]
    seen = getattr(samples, first.view)
    for name, values in ((first.view, seen), ("benefit", samples.benefit)):
        check_samples(values, name)
    targets, weights = (np.stack(part, axis=1) for part in zip(*(r.lesson(samples) for r in rules), strict=True))
    network = first._network(seen, targets, weights, probability=True)
    for column, rule in enumerate(rules):
        rule._fitted = OneTarget(network, column)
        rule.threshold = 0.5
    return rules


class TransmissionCostRule(OptimizedRule):
    """The same with a price in place of a share: remote where it saves more than C_T (Ehsanian and Spyropoulos, IV-B).

    Parameters
    ----------
    transmission_cost : float
        ``C_T``, in the unit of the costs; negative ones send everything.
    """

    def __init__(self, transmission_cost: float, **options: Any) -> None:
        super().__init__(0.0, **options)
        self.transmission_cost = number(transmission_cost, "transmission_cost")

    def labels(self, samples: ExitSamples) -> tuple[NDArray[np.bool_], float]:
        """Class 1 of the paper: local where the cloud saves no more than C_T."""
        return samples.benefit <= self.transmission_cost, self.transmission_cost


class BenefitRule(LearnedRule):
    """Regress the benefit itself: one fit serves every local share and every transmission cost (beyond the papers)."""

    def fit(self, samples: ExitSamples) -> Self:
        """Train the regressor on four fifths, and set the threshold on the last, held out."""
        cut = round(0.8 * len(samples))
        learned = samples.rows(slice(0, cut))
        self._learn(learned, learned.benefit, np.ones(cut), probability=False)
        return self.at(self.min_local_fraction, samples.rows(slice(cut, None)))

    def at(self, min_local_fraction: float, samples: ExitSamples) -> Self:
        """Move the threshold to another local share, without training."""
        self.min_local_fraction = number(min_local_fraction, "min_local_fraction", at_least=0.0, at_most=1.0)
        return self.keep_share(samples)


def trade_off(
    make: Callable[[float, int], Rule],
    training: ExitSamples,
    test: ExitSamples,
    fractions: Iterable[float] = tuple(np.linspace(0, 1, 11)),
    seeds: Sequence[int] = (0,),
) -> pd.DataFrame:
    """Return the (L, C) curve of a rule: a row for each local share that is asked for and each seed.

    Parameters
    ----------
    make : callable
        From a local share and a seed to a rule.
    training, test : ExitSamples
        What the rule is fitted on, and what it decides.

    Returns
    -------
    DataFrame
        Columns ``asked``, ``seed``, ``local`` (L, eq. 14) and ``cost`` (C, eq. 13).
    """
    import pandas as pd

    rows = []
    for fraction in fractions:
        for seed in seeds:
            local = make(float(fraction), seed).fit(training).decide(test)
            rows.append((float(fraction), seed, float(local.mean()), test.cost(local)))
    return pd.DataFrame(rows, columns=["asked", "seed", "local", "cost"])
