"""Quantisers of what crosses a cut, as torch modules: float16, int8 per channel, and the largest values alone.

An encoder turns a tensor into the tensors that are sent, a decoder turns these back. Both are plain modules, so that a
deployed part holds them like any other layer. ``sent_bits`` counts what is sent, scales and places included.

References
----------
S. A. Janowsky, "Pruning versus clipping in neural networks", Physical Review A 39, 1989 (largest magnitudes).
R. Krishnamoorthi, "Quantizing deep convolutional networks for efficient inference: a whitepaper", 2018 (section 2.1).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..model.errors import InvalidProblemError


@dataclass(frozen=True)
class Codec:
    """How a tensor is sent.

    Attributes
    ----------
    name : str
        ``"float32"``, ``"float16"``, ``"int8"`` or ``"top-k"`` with the share that is kept, as ``"top-k:0.1"``.
    encoder : torch.nn.Module
        Takes a tensor, returns a tuple of tensors.
    decoder : torch.nn.Module
        Takes these, returns the tensor.
    """

    name: str
    encoder: nn.Module
    decoder: nn.Module

    def sent_bits(self, value: Tensor) -> int:
        """Bits that are sent for a tensor."""
        return sum(8 * part.element_size() * part.numel() for part in self.encoder(value))

    def restored(self, value: Tensor) -> Tensor:
        """Return the tensor as the other side has it."""
        back: Tensor = self.decoder(*self.encoder(value))
        return back


class _AsItIs(nn.Module):
    """Sends a tensor as it is."""

    def forward(self, value: Tensor) -> tuple[Tensor]:
        """Return the tensor alone."""
        return (value,)


class _First(nn.Module):
    """Takes a tensor as it was sent."""

    def forward(self, value: Tensor) -> Tensor:
        """Return the tensor."""
        return value


class _Half(nn.Module):
    """Rounds to 16 bits; what is beyond their range becomes their largest number."""

    def forward(self, value: Tensor) -> tuple[Tensor]:
        """Return the tensor in 16 bits."""
        largest = torch.finfo(torch.float16).max
        return (value.clamp(-largest, largest).to(torch.float16),)


class _Full(nn.Module):
    """Puts back 32 bits."""

    def forward(self, value: Tensor) -> Tensor:
        """Return the tensor in 32 bits."""
        return value.to(torch.float32)


class _Quantise(nn.Module):
    """Rounds to 256 levels between the least and the largest value of each channel of an image, or of each sample."""

    def forward(self, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return levels, the least values, and the steps between levels."""
        # With fewer than three dimensions a channel is a single number: there a scale for each would cost more than it.
        kept = 2 if value.ndim > 2 else 1
        over = tuple(range(kept, value.ndim))
        low, high = (value.amin(over, keepdim=True), value.amax(over, keepdim=True)) if over else (value, value)
        step = ((high - low) / 255.0).to(torch.float32)
        levels = torch.round((value - low) / torch.where(step > 0, step, torch.ones_like(step)))
        return levels.to(torch.uint8), low.to(torch.float32), step


class _Dequantise(nn.Module):
    """Turns levels back into values."""

    def forward(self, levels: Tensor, low: Tensor, step: Tensor) -> Tensor:
        """Return the values."""
        return low + levels.to(torch.float32) * step


class _Largest(nn.Module):
    """Keeps a share of the values of each sample, those of largest magnitude."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the values that are kept, their places, and the shape of the tensor."""
        flat = value.flatten(1) if value.ndim > 1 else value[:, None]
        count = max(1, math.ceil(self.share * flat.shape[1]))
        places = flat.abs().topk(count, dim=1).indices
        shape = torch.tensor(value.shape, dtype=torch.int32)
        return flat.gather(1, places), places.to(torch.int32), shape


class _Scatter(nn.Module):
    """Puts the values that were kept back to their places, and 0 elsewhere."""

    def forward(self, values: Tensor, places: Tensor, shape: Tensor) -> Tensor:
        """Return the tensor."""
        sides = [int(side) for side in shape]
        flat = values.new_zeros(sides[0], math.prod(sides[1:]))
        return flat.scatter(1, places.to(torch.int64), values).reshape(sides)


class Between(nn.Module):
    """A part of a network between the decoder of what it takes and the encoder of what it gives; either may be none."""

    def __init__(self, decoder: nn.Module | None, module: nn.Module, encoder: nn.Module | None) -> None:
        super().__init__()
        self.decoder, self.module, self.encoder = decoder, module, encoder

    def forward(self, *given: Tensor) -> Any:
        """Return the tensors that are sent, or the result of the last part."""
        value = given[0] if self.decoder is None else self.decoder(*given)
        value = self.module(value)
        return value if self.encoder is None else self.encoder(value)


_MAKERS: dict[str, Callable[[], tuple[nn.Module, nn.Module]]] = {
    "float32": lambda: (_AsItIs(), _First()),
    "float16": lambda: (_Half(), _Full()),
    "int8": lambda: (_Quantise(), _Dequantise()),
}


def codec(name: str) -> Codec:
    """Return the codec of a name: ``"float32"``, ``"float16"``, ``"int8"``, or ``"top-k:0.1"``.

    Raises
    ------
    InvalidProblemError
        If there is none, or the share of top-k lies outside (0, 1].
    """
    kind, _, share = name.partition(":")
    if kind in _MAKERS and not share:
        return Codec(name, *_MAKERS[kind]())
    if kind == "top-k":
        try:
            kept = float(share)
        except ValueError:
            kept = math.nan
        if 0.0 < kept <= 1.0:
            return Codec(name, _Largest(kept), _Scatter())
    known = ", ".join((*_MAKERS, "top-k:SHARE with 0 < SHARE <= 1"))
    raise InvalidProblemError(f"precision is {name!r}; expected one of {known}")
