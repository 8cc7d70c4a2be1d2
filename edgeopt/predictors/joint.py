"""Joint training of all exits of a DDNN (Giannakas et al. 2025, eq. 9; Ehsanian and Spyropoulos 2025, eq. 8)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..model.errors import InvalidOptionError
from .allocators import cheapest_shift
from .samples import check_samples
from .training import train

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..profiles.costs import AllocationCost
    from .ddnn import DDNN


def train_jointly(
    model: DDNN,
    training: tuple[NDArray[np.float64], NDArray[np.float64]],
    validation: tuple[NDArray[np.float64], NDArray[np.float64]],
    cost: AllocationCost,
    *,
    local_weight: float = 0.5,
    site_dropout: float = 0.0,
    seed: int = 0,
    **options: Any,
) -> DDNN:
    """Train in place on the surrogate of the cost, and keep the weights whose exact cost is lowest on the validation.

    The loss of a sample is ``w`` times the local exits' cost, each on its own series, plus ``1 - w`` times the remote
    one's. With ``w = 0`` the local exits stay as they are, bit for bit; a network without exits is trained so.

    Parameters
    ----------
    training, validation : pair of arrays
        Samples (samples, series, window) and demands (samples, series), as `samples.windows` returns them; validation
        after training in time.
    cost : AllocationCost
        In the unit of the samples.
    local_weight : float
        ``w``, between 0 and 1.
    site_dropout : float
        Share of the samples in which a site sends nothing: prepares the remote exit for sites that decide on their own.
    seed : int
        Of batches and dropout.
    options
        Of :func:`edgeopt.predictors.training.train`: ``epochs``, ``rate``, ``patience``, ``folder``, ``progress``, …

    Raises
    ------
    InvalidOptionError, InvalidProblemError
        If a weight is not a share, or a value not finite.
    """
    for name, share in (("local_weight", local_weight), ("site_dropout", site_dropout)):
        if not 0 <= share <= 1:
            raise InvalidOptionError(f"{name} is {share}; expected a share between 0 and 1")
    weight = local_weight if model.exits else 0.0

    def total(price: Any, past: torch.Tensor, demand: torch.Tensor) -> torch.Tensor:
        features = model.features(past)
        parts = []
        # An exit of no weight stays out of the sum: a gradient of zero would still let the optimiser's decay move it.
        if weight > 0:
            parts.append(weight * price(model.local(features, past), demand))
        if weight < 1:
            sent = None
            if site_dropout and model.training:
                sent = torch.rand(len(past), len(model.cells), device=past.device) >= site_dropout
            parts.append((1 - weight) * price(model.cloud(features, past, sent), demand))
        return torch.stack([part.sum(dim=1).mean() for part in parts]).sum()

    named = (("training", training), ("validation", validation))
    pairs = [(_tensor(past, f"past of {part}"), _tensor(demand, f"demand of {part}")) for part, (past, demand) in named]
    _raise_margins(model, pairs[0][0], pairs[0][1], cost, weight)
    train(model, partial(total, cost.surrogate), *pairs, score=partial(total, cost.exact), seed=seed, **options)
    return model


def _raise_margins(model: DDNN, past: torch.Tensor, demand: torch.Tensor, cost: AllocationCost, weight: float) -> None:
    """Add to every trained exit's bias, cell by cell, the constant that is cheapest in exact cost.

    The surrogate is hardly steep below the demand: an exit that starts there stays there, and never reserves enough.
    """
    model.eval()
    with torch.no_grad():
        features = model.features(past)
        if weight > 0:
            shift = cheapest_shift(model.local(features, past), demand, cost)
            for own, bias in zip(model.cells, model.local_biases(), strict=True):
                bias.add_(shift[own])
        if weight < 1:
            order = [cell for own in model.cells for cell in own]
            model.remote_bias().add_(cheapest_shift(model.cloud(features, past), demand, cost)[order])


def _tensor(array: NDArray[np.float64], name: str) -> torch.Tensor:
    values = np.ascontiguousarray(array, dtype=np.float32)
    check_samples(values, name)
    return torch.from_numpy(values)
