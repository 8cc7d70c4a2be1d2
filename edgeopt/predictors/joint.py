"""Joint training of all exits of a DDNN (Giannakas et al. 2025, eq. 9; Ehsanian and Spyropoulos 2025, eq. 8).

What the papers leave open is done so. The cost's surrogate is nearly flat below the demand, so training begins on the
cost averaged over a wide error of the allocation, which narrows step by step (:mod:`edgeopt.profiles.smoothed_costs`).
Each exit is selected by its own cost: the features and the remote exit are those of the epoch at which the remote exit
is cheapest on the validation, and the local exits are then trained on, with these features, until their own cost stops
to fall. At the end every cell of every exit gets the margin that is cheapest on training and validation together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..model.errors import InvalidOptionError, InvalidProblemError
from ..profiles.costs import AllocationCost
from ..profiles.own_costs import check_cost
from ..profiles.smoothed_costs import smoothed
from .budgets import set_aside
from .exits import answers
from .margins import cheapest_part, cheapest_shift
from .samples import check_samples
from .training import train

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from ..profiles.own_costs import Cost
    from .ddnn import DDNN

WIDTHS = (0.2, 0.1, 0.05)
"""Standard deviations of the error that the cost is averaged over at the start, in the unit of the samples."""

_ANNEALING = 20
"""One epoch in so many goes to each of the widths; shorter trainings have none."""


def train_jointly(
    model: DDNN,
    training: tuple[NDArray[np.floating[Any]], NDArray[np.floating[Any]]],
    validation: tuple[NDArray[np.floating[Any]], NDArray[np.floating[Any]]],
    cost: Cost,
    *,
    local_weight: float = 0.5,
    site_dropout: float = 0.0,
    max_shortfall: float = 0.5,
    names: Sequence[object] | None = None,
    seed: int = 0,
    epochs: int = 100,
    patience: int = 10,
    folder: str | Path | None = None,
    watch: Callable[[int], None] | None = None,
    **options: Any,
) -> DDNN:
    """Train in place on the smoothed cost; each exit keeps the weights whose exact cost on the validation is lowest.

    The loss of a sample is ``w`` times the local exits' cost, each on its own series, plus ``1 - w`` times the remote
    one's. With ``w = 0`` the local exits stay as they are, bit for bit; a network without exits is trained so.

    Parameters
    ----------
    training, validation : pair of arrays
        Samples (samples, series, window) and demands (samples, series), as `samples.windows` returns them; validation
        after training in time.
    cost : Cost
        In the unit of the samples; weights of single services are in the order of the series. A cost of one's own is
        averaged over the same wide errors, and ends on its surrogate (:mod:`edgeopt.profiles.own_costs`).
    local_weight : float
        ``w``, between 0 and 1.
    site_dropout : float
        Share of the samples in which a site sends nothing: prepares the remote exit for sites that decide on their own.
    max_shortfall : float
        Largest share of the validation in which a trained exit may allocate less than a series' demand.
    names : sequence, optional
        What the series are called in errors; their numbers by default.
    seed : int
        Of batches and dropout.
    epochs, patience : int
        Most epochs, and epochs without improvement, of the joint training and of the local exits' own.
    folder : path, optional
        Of the checkpoints: a folder within it for this number of epochs, and in that one for each step. The same call
        goes on after a kill; for another number of epochs it trains anew.
    watch : callable, optional
        Called after each epoch of the joint training with its number; see `train`.
    options
        Of :func:`edgeopt.predictors.training.train`: ``rate``, ``batch_size``, ``progress``, …

    Raises
    ------
    InvalidOptionError, InvalidProblemError
        If a weight is not a share, a value not finite, or the cost has weights for another number of series.
    InvalidProblemError
        If an exit allocates less than a series' demand in more than `max_shortfall` of the validation.
    """
    for name, share in (
        ("local_weight", local_weight),
        ("site_dropout", site_dropout),
        ("max_shortfall", max_shortfall),
    ):
        if not 0 <= share <= 1:
            raise InvalidOptionError(f"{name} is {share}; expected a share between 0 and 1")
    check_cost(cost, model.series, training=True)
    weight = local_weight if model.exits else 0.0
    named = (("training", training), ("validation", validation))
    pairs = [(_tensor(past, f"past of {part}"), _tensor(demand, f"demand of {part}")) for part, (past, demand) in named]
    exits = [name for name, share in (("local", weight), ("remote", 1 - weight)) if share > 0]
    _fit_margins(model, pairs[0][0], pairs[0][1], cost, exits)
    total = partial(_total, model, weight, site_dropout)
    watched = partial(_total, model, float("remote" not in exits), 0.0)
    each = epochs // _ANNEALING

    def step(name: str, loss: Callable[..., Tensor], score: Callable[..., Tensor], **more: Any) -> None:
        place = None if folder is None else Path(folder) / f"epochs-{epochs}" / name
        train(model, loss, pairs[0], pairs[1], score=score, seed=seed, folder=place, **options, **more)

    for turn, width in enumerate(WIDTHS if each else ()):
        wide, seen = partial(smoothed, cost, width=width), _after(watch, turn * each)
        step(f"width-{width:g}", partial(total, wide), partial(watched, wide), epochs=each, patience=each, watch=seen)
    # A cost of the papers ends on a narrow error, whose slope reaches farther than its surrogate's.
    narrow = partial(smoothed, cost, width=cost.ramp) if isinstance(cost, AllocationCost) else cost.surrogate
    left = epochs - each * len(WIDTHS)
    seen = _after(watch, epochs - left)
    step("joint", partial(total, narrow), partial(watched, cost.exact), epochs=left, patience=patience, watch=seen)
    if len(exits) == 2:
        alone = partial(_total, model, 1.0, 0.0)
        with _only(model, "exit"):
            step("local", partial(alone, narrow), partial(alone, cost.exact), epochs=left, patience=patience)
    past, demand = (torch.cat(part) for part in zip(*pairs, strict=True))
    _fit_margins(model, past, demand, cost, exits)
    _check_shortfalls(model, *pairs[1], exits, max_shortfall, names)
    return model


def _after(watch: Callable[[int], None] | None, done: int) -> Callable[[int], None] | None:
    """Return what is called after each epoch of a step before which there were so many epochs."""
    return None if watch is None else lambda epoch: watch(done + epoch)


def _total(
    model: DDNN, weight: float, site_dropout: float, price: Callable[..., Tensor], past: Tensor, demand: Tensor
) -> Tensor:
    """Return the mean over samples of both exits' weighed cost."""
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


@contextmanager
def _only(model: DDNN, part: str) -> Iterator[None]:
    """Let nothing learn but parameters that have `part` in the path of their name."""
    others = [value for name, value in model.named_parameters() if part not in name.split(".")]
    for value in others:
        value.requires_grad_(False)
    try:
        yield
    finally:
        for value in others:
            value.requires_grad_(True)


def _fit_margins(model: DDNN, past: Tensor, demand: Tensor, cost: Cost, exits: Sequence[str]) -> None:
    """Add to every trained exit's margin, cell by cell, the constant that is cheapest in exact cost.

    Margins are added before a budget takes part of the answers back: there, as much of them as is cheapest afterwards.
    """
    with set_aside(model) as within:
        asked = list(answers(model, past, exits))
    for name, given in asked:
        shift = cheapest_shift(given, demand, cost)
        if within is not None:
            shift = cheapest_part(given, shift, demand, cost, within)
        margins = model.local_margins() if name == "local" else [model.remote_margin()]
        with torch.no_grad():
            for margin, own in margins:
                margin.add_(shift[own])


def _check_shortfalls(
    model: DDNN, past: Tensor, demand: Tensor, exits: Sequence[str], most: float, names: Sequence[object] | None
) -> None:
    """Make sure that no series is left below its demand most of the time."""
    for name, given in answers(model, past, exits):
        share = (given < demand).double().mean(dim=0)
        if bool((share > most).any()):
            worst = int(share.argmax())
            called = f"series {worst}" if names is None else names[worst]
            wider = "" if model.within is None else "widen the budget, "
            raise InvalidProblemError(
                f"the {name} exit allocates less than the demand of {called} in {100 * float(share[worst]):.0f} "
                f"% of the validation, over max_shortfall = {most:g}; {wider}raise the penalty of a shortfall "
                "(cost.under), train longer, or allow more by max_shortfall"
            )


def _tensor(array: NDArray[np.floating[Any]], name: str) -> torch.Tensor:
    values = np.ascontiguousarray(array, dtype=np.float32)
    check_samples(values, name)
    return torch.from_numpy(values)
