r"""Two simple allocators: each cell for itself at the edge, all cells together in the cloud.

An allocator looks at the last `window` demands and says how much to reserve for the next slot. At the edge a cell knows
only its own past (a linear model per cell); in the cloud one small network sees all of them, learns what neighbours
tell about each other and when the traffic is restless. Both minimise the same asymmetric cost
(:mod:`edgeopt.profiles.costs`), so the difference between their costs is what sending a sample to the cloud is worth.
On 25 cells of Milano, with a window of 6 and c_u of 0.5, 1 and 10, the cloud is 2 to 4 % cheaper on average, and dearer
for 11 to 46 % of the samples (four seeds).

Training starts from the best least-squares forecast, adds to each cell the constant margin that is cheapest in exact
cost, and descends from there on the surrogate: the surrogate is not convex, and a plain start ends in "never reserve
enough". The weights kept are those with the lowest *exact* cost on the last part of the training period, which no step
trains on.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

import numpy as np

from ..model.errors import InvalidOptionError, InvalidProblemError
from ..profiles.own_costs import check_cost
from .margins import cheapest_shift
from .provisioning import Provisioning
from .samples import check_samples

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import torch
    from numpy.typing import NDArray

    from ..profiles.own_costs import Cost
    from .samples import MinMax

HELD_OUT = 0.15
"""Last part of the training period that chooses among the weights, and is not trained on."""


@contextmanager
def _one_thread() -> Iterator[None]:
    """Train on one thread: steps this small lose more in waiting for each other than a second core gives."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


class Allocator(ABC):
    """What both allocators share: how they are trained and asked.

    Parameters
    ----------
    cost : Cost
        Cost to minimise, in units of the demand that the allocator is given; weights in the order of its cells.
    seed : int
        Fixes the initial weights and the order of the batches.
    steps : int, optional
        Optimiser steps; the default suits a month of 10-minute slots.
    """

    steps_by_default: int
    batch: int | None
    learning_rate: float

    def __init__(self, cost: Cost, *, seed: int = 0, steps: int | None = None) -> None:
        self.cost = cost
        self.seed = seed
        self.steps = self.steps_by_default if steps is None else steps
        self._weights: dict[str, torch.Tensor] = {}

    @abstractmethod
    def _start(self, past: torch.Tensor, target: torch.Tensor, generator: torch.Generator) -> dict[str, torch.Tensor]:
        """Return the initial weights, with a bias "margin" of one entry per cell."""

    @abstractmethod
    def _forward(self, weights: dict[str, torch.Tensor], past: torch.Tensor) -> torch.Tensor:
        """Return the allocation, (samples, cells)."""

    def fit(self, past: NDArray[np.float64], target: NDArray[np.float64]) -> Self:
        """Train on samples in chronological order, as `samples.windows` returns them, and return itself.

        Parameters
        ----------
        past : (samples, cells, window) float
            Normalised demand before each sample.
        target : (samples, cells) float
            Normalised demand of each sample.

        Raises
        ------
        InvalidProblemError
            If there are fewer than ten samples, or one is not finite.
        InvalidOptionError
            If the cost has weights for another number of cells.
        """
        import torch

        inputs, wanted = learned_from(past, target, self.cost)
        generator = torch.Generator().manual_seed(self.seed)
        seen = round(len(target) * (1 - HELD_OUT))
        with _one_thread():
            start = self._start(inputs[:seen], wanted[:seen], generator)
            start["margin"] += cheapest_shift(self._forward(start, inputs[:seen]), wanted[:seen], self.cost)
            self._weights = self._descend(start, inputs, wanted, seen, generator)
        return self

    def allocate(self, past: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what to reserve for each sample and cell, (samples, cells), on the scale of the training demand.

        Raises InvalidOptionError if the allocator has not been fitted.
        """
        import torch

        with torch.no_grad():
            return self._forward(self._fitted(), _tensor(past)).double().numpy()

    def _fitted(self) -> dict[str, torch.Tensor]:
        if not self._weights:
            raise InvalidOptionError("this allocator has not been fitted; call fit(past, target) first")
        return self._weights

    def provisioning(
        self,
        past: NDArray[np.float64],
        demand: NDArray[np.float64],
        *,
        services: Sequence[object] | None = None,
        scale: MinMax | None = None,
    ) -> Provisioning:
        """Return cost, SLA violations and volume in vain of its answers; see :meth:`Provisioning.of`."""
        return Provisioning.of(self.allocate(past), demand, self.cost, services=services, scale=scale)

    def _descend(
        self,
        start: dict[str, torch.Tensor],
        inputs: torch.Tensor,
        wanted: torch.Tensor,
        seen: int,
        generator: torch.Generator,
    ) -> dict[str, torch.Tensor]:
        """Adam on the surrogate with a decaying rate; return the weights that did best on the held-out samples."""
        import torch

        weights = {name: value.clone().requires_grad_() for name, value in start.items()}
        optimiser = torch.optim.Adam(weights.values(), lr=self.learning_rate)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, max(self.steps, 1))
        best, lowest = start, self._held_out_cost(start, inputs[seen:], wanted[seen:])
        for step in range(1, self.steps + 1):
            rows = torch.randint(seen, (self.batch,), generator=generator) if self.batch else slice(0, seen)
            optimiser.zero_grad()
            loss = self.cost.surrogate(self._forward(weights, inputs[rows]), wanted[rows]).sum(dim=1).mean()
            loss.backward()
            optimiser.step()
            schedule.step()
            if step % 20 == 0 or step == self.steps:
                cost = self._held_out_cost(weights, inputs[seen:], wanted[seen:])
                if cost < lowest:
                    lowest, best = cost, {name: value.detach().clone() for name, value in weights.items()}
        return best

    def _held_out_cost(self, weights: dict[str, torch.Tensor], past: torch.Tensor, target: torch.Tensor) -> float:
        import torch

        with torch.no_grad():
            return float(self.cost.exact(self._forward(weights, past), target).sum(dim=1).mean())


class EdgeAllocator(Allocator):
    """A linear model per cell, on the cell's own past: what an edge site can run without asking anyone.

    ``y[m] = weight[m] . past[m] + margin[m]``, in total cells x (window + 1) parameters.
    """

    steps_by_default = 600
    batch = None
    learning_rate = 3e-3

    def _start(self, past: torch.Tensor, target: torch.Tensor, generator: torch.Generator) -> dict[str, torch.Tensor]:
        return _least_squares(past.transpose(0, 1), target.T.unsqueeze(-1))

    def _forward(self, weights: dict[str, torch.Tensor], past: torch.Tensor) -> torch.Tensor:
        return _linear(weights, past)


class CloudAllocator(Allocator):
    """One small network that sees all cells' pasts, and corrects for each cell what the cell alone would say.

    Two learned mixtures of all cells (they start as the city's mean and as the neighbours whose errors go together) are
    put beside the cell's own past and a learned description of the cell; two hidden layers, shared by all cells, turn
    them into a correction of the linear model. The last layer starts at zero: training departs from the edge's model,
    and sharing gives the network every cell's samples to learn from.
    """

    steps_by_default = 800
    batch = 128
    learning_rate = 5e-3
    hidden = 48
    description = 4

    def _start(self, past: torch.Tensor, target: torch.Tensor, generator: torch.Generator) -> dict[str, torch.Tensor]:
        import torch

        start = _least_squares(past.transpose(0, 1), target.T.unsqueeze(-1))
        mixtures = _mixtures(target - _linear(start, past))
        cells, window = past.shape[1:]
        width = window * (1 + len(mixtures)) + self.description

        def normal(*shape: int, scale: float) -> torch.Tensor:
            return torch.randn(*shape, generator=generator) * scale

        return start | {
            "mixtures": mixtures,
            "description": normal(cells, self.description, scale=0.5),
            "first": normal(width, self.hidden, scale=(2 / width) ** 0.5),
            "first_bias": torch.zeros(self.hidden),
            "second": normal(self.hidden, self.hidden, scale=(2 / self.hidden) ** 0.5),
            "second_bias": torch.zeros(self.hidden),
            "last": torch.zeros(self.hidden),
        }

    def _forward(self, weights: dict[str, torch.Tensor], past: torch.Tensor) -> torch.Tensor:
        import torch

        mixed = torch.einsum("rml,kln->kmrn", weights["mixtures"], past).flatten(2)
        seen = torch.cat([past, mixed, weights["description"].expand(len(past), -1, -1)], dim=-1)
        hidden = (seen @ weights["first"] + weights["first_bias"]).relu()
        hidden = (hidden @ weights["second"] + weights["second_bias"]).relu()
        return _linear(weights, past) + hidden @ weights["last"]


def learned_from(
    past: NDArray[np.float64], target: NDArray[np.float64], cost: Cost
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return samples to learn from as tensors, and make sure that the cost prices them."""
    if len(target) < 10:
        raise InvalidProblemError(f"{len(target)} training samples; at least 10 are needed")
    for name, values in (("past", past), ("target", target)):
        check_samples(np.asarray(values), name)
    check_cost(cost, np.shape(target)[1], training=True)
    return _tensor(past), _tensor(target)


def _tensor(array: NDArray[np.float64]) -> torch.Tensor:
    """Return a contiguous copy: products of strided views round differently, and equal input has equal answers."""
    import torch

    return torch.tensor(np.ascontiguousarray(array, dtype=np.float32))


def _linear(weights: dict[str, torch.Tensor], past: torch.Tensor) -> torch.Tensor:
    """Return every cell's linear model of its own past, (samples, cells)."""
    import torch

    return torch.einsum("kmn,mn->km", past, weights["weight"]) + weights["margin"]


def _mixtures(residual: torch.Tensor) -> torch.Tensor:
    """Return two weightings of all cells for each cell, (2, cells, cells): the mean, and the correlated neighbours."""
    import torch

    cells = residual.shape[1]
    mean = torch.full((cells, cells), 1 / cells)
    centred = residual - residual.mean(dim=0)
    scale = centred.norm(dim=0).clamp(min=1e-12)
    likeness = ((centred / scale).T @ (centred / scale)).clamp(min=0) ** 2
    likeness.fill_diagonal_(0)
    return torch.stack([mean, likeness / likeness.sum(dim=1, keepdim=True).clamp(min=1e-12)])


def _least_squares(past: torch.Tensor, target: torch.Tensor, ridge: float = 1e-3) -> dict[str, torch.Tensor]:
    """Ridge regression of each cell with an intercept: (cells, samples, window) on (cells, samples, 1).

    The penalty, relative to the inputs' mean power, keeps the normal equations regular when the inputs move together.
    """
    import torch

    x, y = past.double(), target.double()
    x_mean, y_mean = x.mean(dim=-2, keepdim=True), y.mean(dim=-2, keepdim=True)
    gram = (x - x_mean).mT @ (x - x_mean)
    power = gram.diagonal(dim1=-2, dim2=-1).mean(dim=-1)[..., None, None]
    weight = torch.linalg.solve(gram + ridge * power * torch.eye(x.shape[-1]), (x - x_mean).mT @ (y - y_mean))
    intercept = (y_mean - x_mean @ weight)[..., 0, :]
    return {"weight": weight[..., 0].float(), "margin": intercept[:, 0].float()}
