"""Distributed networks with early exits: small blocks at the edge, an exit for each site, and a block in the cloud.

Each site sees its own series. Its feature block F0 turns their past into features z; its exit F1 answers from z at
once. The cloud's block F2 answers from the features of all sites. One builder makes the networks of both papers:

* ``"conv3d"`` (Giannakas et al. 2025, V-A): F0 has 32 filters of size 3, F1 two linear layers (64, M), F2 16 filters of
  size 5 and linear layers 128, 64, M, all on traffic boxes;
* ``"conv"`` and ``"lstm"`` (Ehsanian and Spyropoulos 2025, III): one block at each site, three blocks and four linear
  layers in the cloud, over long windows.

The papers leave strides, padding and hidden sizes open. Chosen here: padding that keeps the box; ``"conv"`` halves the
window in each of its blocks; ``"lstm"`` reads an hour (6 slots) at a step and has 32 hidden units at a site, 64 in the
cloud.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ..model.errors import InvalidOptionError, InvalidProblemError
from ..profiles.capture.work import count_work
from .boxes import box_shape

if TYPE_CHECKING:
    from torch import Tensor

KINDS = ("conv3d", "conv", "lstm")
_HOUR = 6


class Site(nn.Module):
    """What stands at one site: the feature block F0, and the exit F1 where there is one.

    Parameters
    ----------
    kind : {"conv3d", "conv", "lstm"}
    cells, window : int
        Series that the site sees, and the past of each.
    dropout : float
        Behind the features and inside the exit.
    exits : bool
        Whether the site has an exit of its own.
    """

    def __init__(self, kind: str, cells: int, window: int, dropout: float, exits: bool) -> None:
        super().__init__()
        self.shape = box_shape(cells)
        self.block: nn.Module
        if kind == "lstm":
            self.block, width = _Hours(cells, 32), 32
        elif kind == "conv":
            self.block, width = _Boxed(self.shape, _conv(1, 16, 3, 2)), 16 * -(-window // 2) * cells
        else:
            self.block, width = _Boxed(self.shape, _conv(1, 32, 3, 1)), 32 * window * cells
        self.dropout = nn.Dropout(dropout)
        self.exit: nn.Sequential | None = None
        if exits:
            wide = nn.Flatten() if kind != "lstm" else _Latest()
            self.exit = nn.Sequential(wide, nn.Linear(width, 64), nn.ReLU(), nn.Dropout(dropout), nn.Linear(64, cells))

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
        shares = [layer.p for layer in (self.dropout, *self.exit) if isinstance(layer, nn.Dropout)]
        if not any(shares):
            raise InvalidOptionError(
                "the network has no active dropout at its edge: all passes would give the same answer, of variance 0; "
                "build and train it with dropout, DDNN(…, dropout=0.1)"
            )
        return self.exit

    def passes(self, past: Tensor, count: int, generator: torch.Generator) -> Tensor:
        """Return answers of the exit with dropout, (count, batch, cells)."""
        exit_ = self.random_exit()
        z = self.block(past)
        several = _dropped(z.expand(count, *z.shape), self.dropout.p, generator).flatten(0, 1)
        for layer in exit_:
            several = _dropped(several, layer.p, generator) if isinstance(layer, nn.Dropout) else layer(several)
        return several.view(count, len(past), -1)


class DDNN(nn.Module):
    """Early-exit network over several sites.

    Parameters
    ----------
    kind : {"conv3d", "conv", "lstm"}
        Sort of blocks.
    series, window : int
        Number M of series and N of past values.
    sites : int or sequence of int sequences
        Number of sites, which then share the series equally in their order, or the series of each.
    dropout : float
        At the edge, while training and for the uncertainty rule.
    exits : bool
        Whether the sites have exits; without, this is the centralised network of the same remote capacity.
    residual : bool
        Whether all exits answer with a correction of the latest demand, which the features then carry along. The
        papers' networks do not; on 25 cells of Milano they cost more than a sixth more.

    Raises
    ------
    InvalidOptionError
        If an option is out of range, or the sites do not share the series.
    """

    def __init__(
        self,
        kind: str,
        series: int,
        window: int,
        *,
        sites: int | Sequence[Sequence[int]] = 1,
        dropout: float = 0.1,
        exits: bool = True,
        residual: bool = True,
    ) -> None:
        super().__init__()
        if kind not in KINDS:
            raise InvalidOptionError(f"kind is {kind!r}; expected one of {', '.join(KINDS)}")
        if kind == "lstm" and window % _HOUR:
            raise InvalidOptionError(f"window is {window}; the LSTM reads {_HOUR} slots at a step: take a multiple")
        if not 0 <= dropout < 1:
            raise InvalidOptionError(f"dropout is {dropout}; expected a share below 1")
        self.kind, self.series, self.window, self.residual = kind, series, window, residual
        self.cells = _shares(series, sites)
        sizes = [len(own) for own in self.cells]
        if kind != "lstm" and len(set(sizes)) > 1:
            raise InvalidOptionError(f"sites have {sizes} series; boxes can be joined only where all are of one size")
        self.sites = nn.ModuleList(Site(kind, size, window, dropout, exits) for size in sizes)
        rows, columns = box_shape(sizes[0])
        box = (rows * len(sizes), columns)
        self.remote = _remote(kind, box, series, window, len(sizes))

    @property
    def exits(self) -> bool:
        """Whether there are local exits."""
        return self._site(0).exit is not None

    def _site(self, index: int) -> Site:
        site = self.sites[index]
        if not isinstance(site, Site):
            raise TypeError(f"site {index} was replaced by a {type(site).__name__}")
        return site

    def features(self, past: Tensor) -> list[Tensor]:
        """Return the features z of each site from samples (batch, series, window)."""
        if past.shape[1:] != (self.series, self.window):
            raise InvalidProblemError(
                f"past has shape {tuple(past.shape)}; expected (batch, {self.series}, {self.window}), oldest first"
            )
        return [self._site(i)(past[:, own]) for i, own in enumerate(self.cells)]

    def local(self, features: Sequence[Tensor], past: Tensor) -> Tensor:
        """Return the local answer (batch, series): every site's exit, for its own series."""
        answer = self._start(past)
        for i, own in enumerate(self.cells):
            head = self._site(i).exit
            if head is None:
                raise InvalidOptionError("this network has no local exits; it is centralised")
            answer[:, own] += head(features[i])
        return answer

    def check_dropout(self) -> None:
        """Make sure that dropout makes the local answers of every site random.

        Raises
        ------
        InvalidOptionError
            If a site has no exit, or no active dropout.
        """
        for i in range(len(self.cells)):
            self._site(i).random_exit()

    def passes(self, past: Tensor, count: int, generator: torch.Generator) -> Tensor:
        """Return local answers with dropout, (count, batch, series), all in one batch.

        Dropout acts behind the feature blocks and inside the exits: the blocks themselves are passed once.

        Raises
        ------
        InvalidOptionError
            If a site has no exit, or no active dropout.
        """
        answer = self._start(past).repeat(count, 1, 1)
        for i, own in enumerate(self.cells):
            answer[:, :, own] += self._site(i).passes(past[:, own], count, generator)
        return answer

    def cloud(self, features: Sequence[Tensor], past: Tensor, sent: Tensor | None = None) -> Tensor:
        """Return the remote answer (batch, series).

        Parameters
        ----------
        sent : (batch, sites) bool, optional
            Sites that send their features; zeros stand in for those that do not. All do by default.
        """
        parts = list(features)
        if sent is not None:
            parts = [z * sent[:, i].view(-1, *[1] * (z.ndim - 1)) for i, z in enumerate(parts)]
        joined = torch.cat(parts, dim=-1 if self.kind == "lstm" else 3)
        correction: Tensor = self.remote(joined)
        order = torch.as_tensor([cell for own in self.cells for cell in own])
        answer = self._start(past)
        answer[:, order] += correction
        return answer

    def _start(self, past: Tensor) -> Tensor:
        """Return what the answers are added to."""
        latest = past[:, :, -1]
        return latest.clone() if self.residual else torch.zeros_like(latest)

    def forward(self, past: Tensor) -> tuple[Tensor, Tensor]:
        """Return the local and the remote answer."""
        features = self.features(past)
        return self.local(features, past), self.cloud(features, past)

    def local_biases(self) -> list[nn.Parameter]:
        """Return the last bias of each site's exit."""
        return [_last_bias(site) for site in self.sites]

    def remote_bias(self) -> nn.Parameter:
        """Return the last bias of the cloud, in the order of the sites' series."""
        return _last_bias(self.remote)

    def edge_parameters(self) -> int:
        """Return the number of parameters at all sites together."""
        return sum(parameter.numel() for parameter in self.sites.parameters())

    def cloud_parameters(self) -> int:
        """Return the number of parameters in the cloud."""
        return sum(parameter.numel() for parameter in self.remote.parameters())


def resources(model: DDNN) -> dict[str, dict[str, float]]:
    """Return parameters, MACs and FLOPs of one sample at the edge and in the cloud.

    Counted by :func:`edgeopt.profiles.capture.work.count_work`, as layer tables are; layers without products
    (activations, pooling) count nothing.
    """
    past = torch.zeros(1, model.series, model.window)
    model = model.eval()
    with torch.no_grad():
        features = model.features(past)
    calls = {
        "edge": lambda: model.local(model.features(past), past) if model.exits else model.features(past),
        "cloud": lambda: model.cloud(features, past),
    }
    macs = {name: float(count_work(call).macs) for name, call in calls.items()}
    sizes = {"edge": model.edge_parameters(), "cloud": model.cloud_parameters()}
    return {name: {"flops": 2 * m, "macs": m, "parameters": float(sizes[name])} for name, m in macs.items()}


def _dropped(values: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Dropout from a generator of its own."""
    keep = torch.rand(values.shape, generator=generator) >= share  # half the time of bernoulli_
    return (values * keep).div_(1.0 - share)


def _last_bias(part: nn.Module) -> nn.Parameter:
    """Return the bias of the last linear layer of a part."""
    return [module for module in part.modules() if isinstance(module, nn.Linear)][-1].bias


def _shares(series: int, sites: int | Sequence[Sequence[int]]) -> list[list[int]]:
    if isinstance(sites, int):
        if sites < 1 or series % sites:
            raise InvalidOptionError(f"sites is {sites}; {series} series cannot be shared equally among so many")
        each = series // sites
        return [list(range(i * each, (i + 1) * each)) for i in range(sites)]
    shares = [[int(cell) for cell in own] for own in sites]
    if sorted(cell for own in shares for cell in own) != list(range(series)):
        raise InvalidOptionError(f"sites must share the series 0 to {series - 1}: each at exactly one site")
    return shares


def _conv(channels: int, filters: int, size: int, stride: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv3d(channels, filters, size, stride=(stride, 1, 1), padding=size // 2), nn.ReLU())


def _remote(kind: str, box: tuple[int, int], series: int, window: int, sites: int) -> nn.Sequential:
    places = box[0] * box[1]
    if kind == "conv3d":
        head = _head(16 * window * places, (128, 64), series)
        return nn.Sequential(_conv(32, 16, 5, 1), nn.Flatten(), *head)
    if kind == "lstm":
        return nn.Sequential(nn.LSTM(32 * sites, 64, 3, batch_first=True), _Latest(), *_head(64, (128, 64, 64), series))
    left = -(-window // 2)
    blocks = []
    for channels, filters in ((16, 16), (16, 16), (16, 8)):
        blocks.append(_conv(channels, filters, 3, 2))
        left = -(-left // 2)
    return nn.Sequential(*blocks, nn.Flatten(), *_head(8 * left * places, (128, 64, 64), series))


def _head(width: int, hidden: Sequence[int], outputs: int) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for size in hidden:
        layers += [nn.Linear(width, size), nn.ReLU()]
        width = size
    return [*layers, nn.Linear(width, outputs)]


class _Boxed(nn.Module):
    """From (batch, cells, window) to a box (batch, 1, window, rows, columns), and through a block."""

    def __init__(self, shape: tuple[int, int], block: nn.Module) -> None:
        super().__init__()
        self.shape, self.block = shape, block

    def forward(self, past: Tensor) -> Tensor:
        box = past.transpose(1, 2).reshape(len(past), 1, -1, *self.shape)
        z: Tensor = self.block(box)
        return z


class _Hours(nn.Module):
    """An LSTM that reads an hour of all cells at a step, from (batch, cells, window) to (batch, hours, hidden)."""

    def __init__(self, cells: int, hidden: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(cells * _HOUR, hidden, batch_first=True)

    def forward(self, past: Tensor) -> Tensor:
        hours = past.reshape(*past.shape[:2], -1, _HOUR).transpose(1, 2).flatten(2)
        z: Tensor = self.lstm(hours)[0]
        return z


class _Latest(nn.Module):
    """The last step of a sequence, or of what an LSTM returns."""

    def forward(self, sequence: Any) -> Tensor:
        steps: Tensor = sequence[0] if isinstance(sequence, tuple) else sequence
        return steps[:, -1]
