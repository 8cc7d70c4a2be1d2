"""Remote exits that read the demand itself instead of a site's features: networks that users ask for by name.

* :class:`DeepCog` (Bega et al. 2019): three convolutions on traffic boxes, with 32, 32 and 16 filters of sizes 3, 6 and
  6, and linear layers of 64 and 32. The encoder is theirs; the last layer answers for every cell, not for their sum.
* :class:`DLinear` (Zeng et al. 2023): moving average and remainder of each cell's own past, a linear map for each, the
  same for all cells.
* :class:`Transformer`: cells are the tokens, so attention is between cells, as in transformers for slices' demand.

All of them map (batch, series, window) to (batch, series) and end with a ``margin`` for each series.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from .blocks import Boxed, head
from .boxes import box_shape

if TYPE_CHECKING:
    from torch import Tensor


class DeepCog(nn.Module):
    """The published encoder and its linear layers; dropout of 0.3 behind the second and third convolution."""

    def __init__(self, series: int, window: int) -> None:
        super().__init__()
        box = box_shape(series)
        layers: list[nn.Module] = []
        for channels, filters, size in ((1, 32, 3), (32, 32, 6), (32, 16, 6)):
            # Padding that keeps the box also where the kernel is even.
            layers += [nn.ConstantPad3d(((size - 1) // 2, size // 2) * 3, 0.0), nn.Conv3d(channels, filters, size)]
            layers += [nn.ReLU(), nn.Dropout(0.3)] if size > 3 else [nn.ReLU()]
        self.encoder = Boxed(box, nn.Sequential(*layers, nn.Flatten()))
        self.head = nn.Sequential(*head(16 * window * series, (64, 32), series))
        self.margin = nn.Parameter(torch.zeros(series))

    def forward(self, past: Tensor) -> Tensor:
        """Return the answer (batch, series) to (batch, series, window)."""
        answer: Tensor = self.head(self.encoder(past)) + self.margin
        return answer


class DLinear(nn.Module):
    """Trend and remainder of a window, a linear map of each, shared by all series."""

    def __init__(self, series: int, window: int, average: int = 25) -> None:
        super().__init__()
        self.average = min(average, window)
        self.trend, self.remainder = nn.Linear(window, 1, bias=False), nn.Linear(window, 1, bias=False)
        self.margin = nn.Parameter(torch.zeros(series))

    def forward(self, past: Tensor) -> Tensor:
        """Return the answer (batch, series) to (batch, series, window)."""
        before = (self.average - 1) // 2
        # Ends are repeated, as in the published code, so that the average has the window's length.
        padded = nn.functional.pad(past, (before, self.average - 1 - before), mode="replicate")
        trend = nn.functional.avg_pool1d(padded, self.average, stride=1)
        answer: Tensor = (self.trend(trend) + self.remainder(past - trend))[..., 0] + self.margin
        return answer


class Transformer(nn.Module):
    """Two encoder layers over the cells: each token is a cell's window, with a learned description of the cell."""

    def __init__(self, series: int, window: int, width: int = 32, heads: int = 4, layers: int = 2) -> None:
        super().__init__()
        self.embed = nn.Linear(window, width)
        self.cell = nn.Parameter(0.02 * torch.randn(series, width))
        layer = nn.TransformerEncoderLayer(width, heads, 2 * width, 0.1, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.last = nn.Linear(width, 1, bias=False)
        self.margin = nn.Parameter(torch.zeros(series))

    def forward(self, past: Tensor) -> Tensor:
        """Return the answer (batch, series) to (batch, series, window)."""
        answer: Tensor = self.last(self.encoder(self.embed(past) + self.cell))[..., 0] + self.margin
        return answer


DEMAND_EXITS: dict[str, type[nn.Module]] = {"deepcog": DeepCog, "dlinear": DLinear, "transformer": Transformer}
"""By the name that ``DDNN(…, remote=…)`` takes."""
