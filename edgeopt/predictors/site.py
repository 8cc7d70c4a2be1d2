"""What stands at one site of an early-exit network: the feature block F0, and the exit F1."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from ..model.errors import InvalidOptionError
from .blocks import dropout_of, dropped, exit_of, features_of

if TYPE_CHECKING:
    from torch import Tensor


class Site(nn.Module):
    """What stands at one site: the feature block F0, and the exit F1 where there is one.

    Parameters
    ----------
    kind : {"conv3d", "conv", "lstm"}
    cells, window : int
        Series that the site sees, and the past of each.
    dropout : float
        Of the neurons of F0 (whole filters of a convolution) and inside the exit.
    exits : bool
        Whether the site has an exit of its own.
    """

    def __init__(self, kind: str, cells: int, window: int, dropout: float, exits: bool) -> None:
        super().__init__()
        self.block = features_of(kind, cells, window)
        self.dropout = dropout_of(kind, dropout)
        self.exit = exit_of(kind, cells, window, dropout) if exits else None

    def forward(self, past: Tensor) -> Tensor:
        """Return the features of (batch, cells, window)."""
        z: Tensor = self.dropout(self.block(past))
        return z

    def random_exit(self) -> nn.Sequential:
        """Return the exit, whose answers dropout makes random.

        Raises
        ------
        InvalidOptionError
            If there is no exit, or no dropout with a share above 0: all passes would be equal.
        """
        if self.exit is None:
            raise InvalidOptionError("this site has no exit; the network is centralised")
        shares = [layer.p for layer in (self.dropout, *self.exit) if hasattr(layer, "p")]
        if not any(shares):
            raise InvalidOptionError(
                "the network has no active dropout at its edge: all passes would give the same answer, of variance 0; "
                "build and train it with dropout, DDNN(…, dropout=0.1)"
            )
        return self.exit

    def passes(self, past: Tensor, count: int, generator: torch.Generator, alike: bool = False) -> Tensor:
        """Return answers of the exit with dropout, (count, batch, cells)."""
        exit_ = self.random_exit()
        z = self.block(past)
        several = dropped(z.expand(count, *z.shape), self.dropout, generator, alike).flatten(0, 1)
        for layer in exit_:
            if isinstance(layer, nn.Dropout):
                apart = several.view(count, len(past), *several.shape[1:])
                several = dropped(apart, layer, generator, alike).flatten(0, 1)
            else:
                several = layer(several)
        answers: Tensor = several.view(count, len(past), -1)
        return answers
