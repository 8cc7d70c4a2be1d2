"""Offloading rules: which samples of an early-exit network the edge resolves by itself.

A rule gives each sample a score from what the edge knows (its past, the features, the local answer), and offloads
those whose score is above a threshold; `fit` learns the score, or the threshold, from samples whose costs are known.
The rules of Giannakas et al. (2025, IV) and of Ehsanian and Spyropoulos (2025, IV-B), the papers' baselines, and what
goes beyond them: a mistake may weigh what it costs, and one regression of the benefit serves every local share.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from torch import nn

from ..model.errors import InvalidOptionError
from ..model.records import number
from ..model.tolerance import least_count
from ..solving.solve import solve
from .boxes import box_shape
from .samples import check_samples
from .training import train

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from .ddnn import DDNN
    from .exits import ExitSamples

_TOGETHER = 256
"""Samples times passes in a batch: larger ones leave the processor's cache, and are slower."""

VIEWS = ("past", "features", "local")
"""What a learned rule can look at."""


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
    """Each sample stays local with probability L0."""

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


class Oracle(Rule):
    """The exact optimum of the offline problem on the very samples that it decides: a bound, no rule to deploy."""

    def scores(self, samples: ExitSamples) -> NDArray[np.float64]:
        """Return the true benefit of the cloud."""
        return samples.benefit

    def decide(self, samples: ExitSamples) -> NDArray[np.bool_]:
        """Solve the offline problem."""
        local: NDArray[np.bool_] = solve(samples.problem(self.min_local_fraction)).decision.local
        return local


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

    Raises
    ------
    InvalidOptionError
        If `passes` is below 2, or the network has no exits, or no active dropout: there would be no variance.
    """

    def __init__(self, model: DDNN, min_local_fraction: float = 0.5, *, passes: int = 10, seed: int = 0) -> None:
        super().__init__(min_local_fraction)
        if passes < 2:
            raise InvalidOptionError(f"passes is {passes}; a variance needs at least 2")
        model.check_dropout()
        self.model, self.passes, self.seed = model, passes, seed

    def scores(self, samples: ExitSamples) -> NDArray[np.float64]:
        """Return the largest variance (unbiased) of the local answers of each sample."""
        return dropout_variance(self.model, torch.from_numpy(samples.past), self.passes, self.seed)


def dropout_variance(model: DDNN, past: torch.Tensor, passes: int, seed: int) -> NDArray[np.float64]:
    """Return each sample's largest variance over series of local answers with dropout, the passes in one batch."""
    generator = torch.Generator().manual_seed(seed)
    batch = max(1, _TOGETHER // passes)
    model.eval()
    with torch.no_grad():
        found = [
            model.passes(past[first : first + batch], passes, generator).var(dim=0).amax(dim=1)
            for first in range(0, len(past), batch)
        ]
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
            self._fitted = _network(seen, target, weight, self.estimator, self.seed, self.epochs, probability)
            return
        from sklearn.base import clone

        flat = seen.reshape(len(seen), -1)
        if probability and len(set(target.tolist())) < 2:  # nothing to learn, and no classifier takes it
            self._fitted = lambda view: np.full(len(view), target[0])
            return
        fitted = clone(self.estimator).fit(flat, target, sample_weight=weight)
        answer = (lambda x: fitted.predict_proba(x)[:, 1]) if probability else fitted.predict
        self._fitted = lambda view: np.asarray(answer(view.reshape(len(view), -1)), dtype=float)


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

    def fit(self, samples: ExitSamples) -> Self:
        """Train the classifier."""
        held = slice(round(0.8 * len(samples)), None) if self.calibrated else slice(0, 0)
        learned = samples.rows(slice(0, held.start)) if self.calibrated else samples
        local, critical = self.labels(learned)
        distance = np.abs(learned.benefit - critical)
        even = not self.weighted or not distance.any()
        weight = np.ones(len(learned)) if even else distance / distance.mean()
        self._learn(learned, (~local).astype(float), weight, probability=True)
        self.threshold = 0.5
        return self.keep_share(samples.rows(held)) if self.calibrated else self


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


def _network(
    seen: NDArray[np.float32],
    target: NDArray[np.float64],
    weight: NDArray[np.float64],
    kind: str,
    seed: int,
    epochs: int,
    probability: bool,
) -> Callable[[NDArray[np.float32]], NDArray[np.float64]]:
    """Train a small network on all but the last fifth of the samples, which stop it; return what it says of a view."""
    centre, spread = seen.mean(axis=0), seen.std(axis=0) + 1e-6
    middle, size = (0.0, 1.0) if probability else (float(target.mean()), float(target.std()) or 1.0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = _cnn(seen.shape[1], seen.shape[2]) if kind == "cnn" else _mlp(int(np.prod(seen.shape[1:])))

    def loss(view: torch.Tensor, wanted: torch.Tensor, weigh: torch.Tensor) -> torch.Tensor:
        answer = net(view)[:, 0]
        each = (
            nn.functional.binary_cross_entropy_with_logits(answer, wanted, reduction="none")
            if probability
            else (answer - wanted) ** 2
        )
        return (weigh * each).mean()

    scaled = torch.from_numpy(((seen - centre) / spread).astype(np.float32))
    columns = [torch.from_numpy(array.astype(np.float32)) for array in ((target - middle) / size, weight)]
    cut = round(0.8 * len(seen))
    parts = [[column[rows] for column in (scaled, *columns)] for rows in (slice(0, cut), slice(cut, None))]
    train(net, loss, parts[0], parts[1], epochs=epochs, patience=8, seed=seed, rate=3e-3, weight_decay=1e-2)

    def says(view: NDArray[np.float32]) -> NDArray[np.float64]:
        with torch.no_grad():
            answer = net(torch.from_numpy(((view - centre) / spread).astype(np.float32)))[:, 0].double()
        return (torch.sigmoid(answer) if probability else answer * size + middle).numpy()

    return says


def _mlp(width: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(width, 64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, 1))


def _cnn(cells: int, window: int) -> nn.Module:
    rows, columns = box_shape(cells)
    return nn.Sequential(
        _ToBox(rows, columns),
        nn.Conv3d(1, 32, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(32 * window * cells, 64),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Linear(64, 1),
    )


class _ToBox(nn.Module):
    """From (batch, cells, window) to (batch, 1, window, rows, columns)."""

    def __init__(self, rows: int, columns: int) -> None:
        super().__init__()
        self.rows, self.columns = rows, columns

    def forward(self, past: torch.Tensor) -> torch.Tensor:
        return past.transpose(1, 2).reshape(len(past), 1, -1, self.rows, self.columns)


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
