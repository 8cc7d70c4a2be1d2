"""The allocator that learns next to nothing: the latest demand, and a margin for each cell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np

from .allocators import Allocator, learned_from
from .margins import cheapest_shift

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray


class Persistence(Allocator):
    """The latest demand with each cell's cheapest margin: what every other allocator has to beat."""

    steps_by_default = 0
    batch = None
    learning_rate = 0.0

    def fit(self, past: NDArray[np.float64], target: NDArray[np.float64]) -> Self:
        """Find the margins, on all samples: nothing is selected that some would have to be held out for."""
        import torch

        inputs, wanted = learned_from(past, target, self.cost)
        weights = self._start(inputs, wanted, torch.Generator())
        self._weights = {"margin": cheapest_shift(self._forward(weights, inputs), wanted, self.cost)}
        return self

    def allocate(self, past: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the latest demand and the margin, in double precision: no slot is short by a rounding."""
        allocation: NDArray[np.float64] = np.asarray(past, dtype=np.float64)[:, :, -1] + self.margin
        return allocation

    @property
    def margin(self) -> NDArray[np.float64]:
        """The margin of each cell, (cells,)."""
        margin: NDArray[np.float64] = self._fitted()["margin"].double().numpy()
        return margin

    def _start(self, past: torch.Tensor, target: torch.Tensor, generator: torch.Generator) -> dict[str, torch.Tensor]:
        import torch

        return {"margin": torch.zeros(past.shape[1])}

    def _forward(self, weights: dict[str, torch.Tensor], past: torch.Tensor) -> torch.Tensor:
        return past[:, :, -1] + weights["margin"]
