"""Blocks of early-exit networks: what stands at a site and in the cloud, kind by kind.

The sizes that Giannakas et al. (2025, V-A) print fit together so: F0 has 32 filters of size 3, and its features are
pooled to 2 x 2 x 2 places; F1 pools them to 2 places, 32 x 2 = 64 -> M; F2 has 16 filters of size 5 on the 8 places,
16 x 8 = 128 -> 64 -> M. Strides, padding and the sort of pooling are open: padding keeps the box, F0 goes over a long
window in steps of up to its size, so that no slot is left out, and pooling averages.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from .boxes import box_shape

if TYPE_CHECKING:
    from torch import Tensor

HOUR = 6
"""Slots that ``"conv"`` and ``"lstm"`` read at a step."""


def features_of(kind: str, cells: int, window: int) -> nn.Module:
    """Return the feature block F0 of a site.

    The kind ``"demand"`` has no block: the site sends what it sees.
    """
    if kind == "demand":
        return nn.Identity()
    if kind == "lstm":
        return _Hours(cells, 32)
    shape = box_shape(cells)
    if kind == "conv":
        hour = nn.Conv3d(1, 16, (HOUR, 3, 3), stride=(HOUR, 1, 1), padding=(0, 1, 1))
        return Boxed(shape, nn.Sequential(hour, nn.ReLU()))
    conv = nn.Conv3d(1, 32, 3, stride=(stride_of(window), 1, 1), padding=1)
    return Boxed(shape, nn.Sequential(conv, nn.ReLU(), nn.AdaptiveAvgPool3d((2, 2, 2))))


def stride_of(window: int) -> int:
    """Return the steps of a filter of size 3 over a window: longer for a long one, and never over a slot."""
    return min(3, max(1, window // 8))


def exit_of(kind: str, cells: int, window: int, dropout: float) -> nn.Sequential:
    """Return the exit F1 of a site, from its features to an answer for each of its cells."""
    if kind == "conv3d":
        return nn.Sequential(nn.AdaptiveAvgPool3d((2, 1, 1)), nn.Flatten(), nn.Dropout(dropout), nn.Linear(64, cells))
    wide, width = (Latest(), 32) if kind == "lstm" else (nn.Flatten(), 16 * (window // HOUR) * cells)
    return nn.Sequential(wide, nn.Linear(width, 64), nn.ReLU(), nn.Dropout(dropout), nn.Linear(64, cells))


def remote_of(kind: str, box: tuple[int, int], series: int, window: int, sites: int) -> nn.Sequential:
    """Return the cloud's block F2, from the features of all sites to an answer for each series."""
    if kind == "conv3d":
        conv = nn.Sequential(_ReachingConv3d(32, 16, 5, padding=2), nn.ReLU(), nn.AdaptiveAvgPool3d((2, 2, 2)))
        return nn.Sequential(conv, nn.Flatten(), *head(16 * 8, (64,), series))
    if kind == "lstm":
        return nn.Sequential(nn.LSTM(32 * sites, 64, 3, batch_first=True), Latest(), *head(64, (128, 64, 64), series))
    left, blocks = window // HOUR, []
    for channels, filters in ((16, 16), (16, 16), (16, 8)):
        blocks.append(nn.Sequential(nn.Conv3d(channels, filters, 3, stride=(2, 1, 1), padding=1), nn.ReLU()))
        left = -(-left // 2)
    return nn.Sequential(*blocks, nn.Flatten(), *head(8 * left * box[0] * box[1], (128, 64, 64), series))


def head(width: int, hidden: Sequence[int], outputs: int) -> list[nn.Module]:
    """Return linear layers with a ReLU between them."""
    layers: list[nn.Module] = []
    for size in hidden:
        layers += [nn.Linear(width, size), nn.ReLU()]
        width = size
    return [*layers, nn.Linear(width, outputs)]


def dropout_of(kind: str, share: float) -> nn.Module:
    """Return the dropout of F0's neurons: of whole filters where it is a convolution."""
    return nn.Dropout(share) if kind in ("lstm", "demand") else nn.Dropout3d(share)


def dropped(values: Tensor, layer: nn.Module, generator: torch.Generator, alike: bool = False) -> Tensor:
    """Return the values (passes, batch, …) after a layer's dropout, drawn from a generator of its own.

    With `alike` a pass drops the same of all samples.
    """
    share, shape = layer.p, list(values.shape)
    assert isinstance(share, float)
    if isinstance(layer, nn.Dropout3d):  # (…, batch, filters, times, rows, columns): whole filters
        shape[-3:] = [1, 1, 1]
    if alike:
        shape[1] = 1
    keep = torch.rand(shape, generator=generator) >= share  # half the time of bernoulli_
    return (values * keep).div_(1.0 - share)


class Boxed(nn.Module):
    """From (batch, cells, window) to a box (batch, 1, window, rows, columns), and through a block."""

    def __init__(self, shape: tuple[int, int], block: nn.Module) -> None:
        super().__init__()
        self.shape, self.block = shape, block

    def forward(self, past: Tensor) -> Tensor:
        """Return what the block makes of the box."""
        box = past.transpose(1, 2).reshape(len(past), 1, -1, *self.shape)
        z: Tensor = self.block(box)
        return z


class Latest(nn.Module):
    """The last step of a sequence, or of what an LSTM returns."""

    def forward(self, sequence: Any) -> Tensor:
        """Return (batch, features)."""
        steps: Tensor = sequence[0] if isinstance(sequence, tuple) else sequence
        return steps[:, -1]


class _Hours(nn.Module):
    """An LSTM that reads an hour of all cells at a step, from (batch, cells, window) to (batch, hours, hidden)."""

    def __init__(self, cells: int, hidden: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(cells * HOUR, hidden, batch_first=True)

    def forward(self, past: Tensor) -> Tensor:
        hours = past.reshape(*past.shape[:2], -1, HOUR).transpose(1, 2).flatten(2)
        z: Tensor = self.lstm(hours)[0]
        return z


class _ReachingConv3d(nn.Conv3d):
    """A convolution that leaves out the taps which meet padding alone: on 2 x 2 x 2 places, 98 of 125."""

    def forward(self, box: Tensor) -> Tensor:
        weight, padding = self.weight, []
        for axis, size in enumerate(box.shape[2:], start=2):
            reach = min(weight.shape[axis] // 2, size - 1)
            weight = weight.narrow(axis, weight.shape[axis] // 2 - reach, 2 * reach + 1)
            padding.append(reach)
        return torch.conv3d(box, weight, self.bias, padding=padding)
