"""The small networks of learned offloading rules: trained on a view of the samples, one output for each target."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from .blocks import Boxed, stride_of
from .boxes import box_shape
from .training import train

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Said = Callable[[NDArray[np.float32]], NDArray[np.float64]]


def fit_network(
    seen: NDArray[np.float32],
    target: NDArray[np.float64],
    weight: NDArray[np.float64],
    *,
    kind: str,
    seed: int,
    epochs: int,
    probability: bool,
) -> Said:
    """Train a network on all but the last fifth of the samples, which stop it; return what it says of a view.

    Parameters
    ----------
    seen : (samples, …) float
        What the network looks at.
    target, weight : (samples, targets) float
        What it should say, and what a mistake weighs.
    kind : {"cnn", "mlp"}
        ``"cnn"`` (on the past alone) has 32 filters of size 3, pooled to 2 places, and the printed layer 64 -> 1.
    probability : bool
        Whether targets are classes 0 and 1.

    Returns
    -------
    callable
        From a view to an array (samples, targets): probabilities of class 1, or values.
    """
    centre, spread = seen.mean(axis=0), seen.std(axis=0) + 1e-6
    middle, size = np.zeros(target.shape[1]), np.ones(target.shape[1])
    if not probability:
        middle, size = target.mean(axis=0), target.std(axis=0)
        size[size == 0] = 1.0
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = (_cnn if kind == "cnn" else _mlp)(seen.shape, target.shape[1])

    def loss(view: torch.Tensor, wanted: torch.Tensor, weigh: torch.Tensor) -> torch.Tensor:
        answer = net(view)
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
            given = torch.from_numpy(((view - centre) / spread).astype(np.float32))
            answer = torch.cat([net(some) for some in torch.split(given, 512)]).double()
        said: NDArray[np.float64] = torch.sigmoid(answer).numpy() if probability else answer.numpy() * size + middle
        return said

    return says


def _mlp(shape: tuple[int, ...], targets: int) -> nn.Module:
    return nn.Sequential(
        nn.Flatten(), nn.Linear(int(np.prod(shape[1:])), 64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, targets)
    )


def _cnn(shape: tuple[int, ...], targets: int) -> nn.Module:
    _, cells, window = shape
    conv = nn.Conv3d(1, 32, 3, stride=(stride_of(window), 1, 1), padding=1)
    pooled = nn.Sequential(conv, nn.ReLU(), nn.AdaptiveAvgPool3d((2, 1, 1)), nn.Flatten())
    return nn.Sequential(Boxed(box_shape(cells), pooled), nn.Dropout(0.2), nn.Linear(64, targets))
