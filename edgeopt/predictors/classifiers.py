"""The small networks of learned offloading rules: trained on a view of the samples, one output for each target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from .blocks import Boxed, stride_of
from .boxes import box_shape
from .training import train

if TYPE_CHECKING:
    from numpy.typing import NDArray


class ViewNetwork(nn.Module):
    """A network with the scales of what it reads and says; its state holds all that it is.

    Parameters
    ----------
    kind : {"cnn", "mlp"}
        ``"cnn"`` (on the past alone) has 32 filters of size 3, pooled to 2 places, and the printed layer 64 -> 1.
    shape : tuple of int
        Of one sample of the view.
    targets : int
        Number of outputs.
    probability : bool
        Whether it says probabilities of class 1, or values.
    """

    centre: torch.Tensor
    spread: torch.Tensor
    middle: torch.Tensor
    size: torch.Tensor

    def __init__(self, kind: str, shape: tuple[int, ...], targets: int, *, probability: bool) -> None:
        super().__init__()
        self.kind, self.shape, self.targets, self.probability = kind, shape, targets, probability
        self.net = (_cnn if kind == "cnn" else _mlp)(shape, targets)
        for name, size, dtype in (("centre", shape, torch.float32), ("middle", (targets,), torch.float64)):
            self.register_buffer(name, torch.zeros(size, dtype=dtype))
        for name, size, dtype in (("spread", shape, torch.float32), ("size", (targets,), torch.float64)):
            self.register_buffer(name, torch.ones(size, dtype=dtype))

    def scaled(self, view: NDArray[np.float32]) -> torch.Tensor:
        """Return a view as the network reads it."""
        return torch.from_numpy(((view - self.centre.numpy()) / self.spread.numpy()).astype(np.float32))

    def says(self, view: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return probabilities of class 1, or values, (samples, targets)."""
        with torch.no_grad():
            answer = torch.cat([self.net(some) for some in torch.split(self.scaled(view), 512)]).double()
        if self.probability:
            return np.asarray(torch.sigmoid(answer).numpy())
        return np.asarray(answer.numpy() * self.size.numpy() + self.middle.numpy())


@dataclass(frozen=True)
class OneTarget:
    """What a network says of one of its targets."""

    network: ViewNetwork
    column: int = 0

    def __call__(self, view: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return it for each sample."""
        return self.network.says(view)[:, self.column]


def fit_network(
    seen: NDArray[np.float32],
    target: NDArray[np.float64],
    weight: NDArray[np.float64],
    *,
    kind: str,
    seed: int,
    epochs: int,
    probability: bool,
) -> ViewNetwork:
    """Train a network on all but the last fifth of the samples, which stop it.

    Parameters
    ----------
    seen : (samples, …) float
        What the network looks at.
    target, weight : (samples, targets) float
        What it should say, and what a mistake weighs.
    kind : {"cnn", "mlp"}
        As in :class:`ViewNetwork`.
    probability : bool
        Whether targets are classes 0 and 1.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = ViewNetwork(kind, seen.shape[1:], target.shape[1], probability=probability)
    net = network.net
    network.centre, network.spread = (torch.from_numpy(part) for part in (seen.mean(axis=0), seen.std(axis=0) + 1e-6))
    middle, size = np.zeros(target.shape[1]), np.ones(target.shape[1])
    if not probability:
        middle, size = target.mean(axis=0), target.std(axis=0)
        size[size == 0] = 1.0
    network.middle, network.size = torch.from_numpy(middle), torch.from_numpy(size)

    def loss(view: torch.Tensor, wanted: torch.Tensor, weigh: torch.Tensor) -> torch.Tensor:
        answer = net(view)
        each = (
            nn.functional.binary_cross_entropy_with_logits(answer, wanted, reduction="none")
            if probability
            else (answer - wanted) ** 2
        )
        return (weigh * each).mean()

    columns = [torch.from_numpy(array.astype(np.float32)) for array in ((target - middle) / size, weight)]
    columns.insert(0, network.scaled(seen))
    cut = round(0.8 * len(seen))
    parts = [[column[rows] for column in columns] for rows in (slice(0, cut), slice(cut, None))]
    train(net, loss, parts[0], parts[1], epochs=epochs, patience=8, seed=seed, rate=3e-3, weight_decay=1e-2)
    return network


def _mlp(shape: tuple[int, ...], targets: int) -> nn.Module:
    return nn.Sequential(
        nn.Flatten(), nn.Linear(int(np.prod(shape)), 64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, targets)
    )


def _cnn(shape: tuple[int, ...], targets: int) -> nn.Module:
    cells, window = shape
    conv = nn.Conv3d(1, 32, 3, stride=(stride_of(window), 1, 1), padding=1)
    pooled = nn.Sequential(conv, nn.ReLU(), nn.AdaptiveAvgPool3d((2, 1, 1)), nn.Flatten())
    return nn.Sequential(Boxed(box_shape(cells), pooled), nn.Dropout(0.2), nn.Linear(64, targets))
