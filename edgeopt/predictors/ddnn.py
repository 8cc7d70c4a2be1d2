"""Distributed networks with early exits: small blocks at the edge, an exit for each site, and a block in the cloud.

Each site sees its own series. Its feature block F0 turns their past into features z; its exit F1 answers from z at
once. The cloud's block F2 answers from the features of all sites. One builder makes the networks of both papers:

* ``"conv3d"`` (Giannakas et al. 2025, V-A): F0 has 32 filters of size 3, F1 one linear layer (64, M), F2 16 filters of
  size 5 and linear layers 128, 64, M, all on pooled traffic boxes (:mod:`.blocks` says how the sizes fit);
* ``"conv"`` and ``"lstm"`` (Ehsanian and Spyropoulos 2025, III): one block at each site, three blocks and four linear
  layers in the cloud, over long windows.

The second paper leaves its sizes open. Chosen here: both kinds read an hour (6 slots) at a step; ``"conv"`` has 16
filters and halves the window in each block of the cloud; ``"lstm"`` has 32 hidden units at a site, 64 in the cloud.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import nn

from ..model.errors import InvalidOptionError, InvalidProblemError
from ..profiles.capture.work import count_work
from .blocks import HOUR, remote_of
from .boxes import box_shape
from .calendar_inputs import Calendar
from .demand_exits import DEMAND_EXITS
from .site import Site
from .site_shares import check_apart, shares

if TYPE_CHECKING:
    from torch import Tensor

KINDS = ("conv3d", "conv", "lstm")
EXITS = ("residual", "printed")


class DDNN(nn.Module):
    """Early-exit network over several sites.

    Parameters
    ----------
    kind : {"conv3d", "conv", "lstm"}
        Sort of blocks.
    series, window : int
        Number M of series and N of past values; N a multiple of 6 for ``"conv"`` and ``"lstm"``.
    sites : int or sequence of int sequences
        Number of sites, which then share the series equally in their order, or the series of each.
    dropout : float
        At the edge, while training and for the uncertainty rule.
    exits : bool
        Whether the sites have exits; without, this is the centralised network of the same remote capacity.
    exit : {"residual", "printed"}
        What an exit's last layer gives: a correction of the latest demand, which the features then carry along, or, as
        the papers' networks do, the allocation itself.
    remote : {"blocks", "deepcog", "dlinear", "transformer"}
        The cloud's block: the paper's, or a network that reads the demand of the sites instead of their features
        (:mod:`.demand_exits`).
    within : torch.nn.Module, optional
        Differentiable map from (batch, series) to allocations that may be given, which ends every answer, in training
        and after: a :class:`~.budgets.Budget`, or any other. Sites that decide on their own know nothing of each other:
        with several, each group of a budget must be of one.
    calendar : int
        Number of features of the slot that is answered for, which each exit reads beside the demand
        (:mod:`.calendar_inputs`): further rows of the samples below the series, the same in each column.

    Raises
    ------
    InvalidOptionError
        If an option is out of range, the sites do not share the series, or a budget reaches over several sites.
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
        exit: str = "residual",
        remote: str = "blocks",
        within: nn.Module | None = None,
        calendar: int = 0,
    ) -> None:
        super().__init__()
        known = (("kind", kind, KINDS), ("exit", exit, EXITS), ("remote", remote, ("blocks", *DEMAND_EXITS)))
        for name, value, values in known:
            if value not in values:
                raise InvalidOptionError(f"{name} is {value!r}; expected one of {', '.join(values)}")
        if kind != "conv3d" and window % HOUR:
            raise InvalidOptionError(f"window is {window}; {kind!r} reads {HOUR} slots at a step: take a multiple")
        if not 0 <= dropout < 1:
            raise InvalidOptionError(f"dropout is {dropout}; expected a share below 1")
        if calendar < 0:
            raise InvalidOptionError(f"calendar is {calendar}; expected the number of features of a slot, or 0")
        self.kind, self.series, self.window, self.residual = kind, series, window, exit == "residual"
        self.reads_demand = remote != "blocks"
        self.cells = shares(series, sites)
        if within is not None and exits and len(self.cells) > 1:
            check_apart(within, self.cells)
        self.within = within
        sizes = [len(own) for own in self.cells]
        if kind != "lstm" and len(set(sizes)) > 1:
            raise InvalidOptionError(f"sites have {sizes} series; boxes can be joined only where all are of one size")
        edge = kind if exits or not self.reads_demand else "demand"  # nobody would read the features
        self.sites = nn.ModuleList(Site(edge, size, window, dropout, exits) for size in sizes)
        rows, columns = box_shape(sizes[0])
        self.remote: nn.Module
        if self.reads_demand:
            self.remote = DEMAND_EXITS[remote](series, window)
        else:
            self.remote = remote_of(kind, (rows * len(sizes), columns), series, window, len(sizes))
        self.calendar = calendar
        # Last, so that a network without a calendar draws the same weights; by name of the exit, which trains them.
        named = [name for name in ("exit", "remote") if calendar and (exits or name == "remote")]
        self.calendars = nn.ModuleDict({name: Calendar(calendar, series) for name in named})

    @property
    def inputs(self) -> int:
        """Number of rows of a sample: series and features of the slot."""
        return self.series + self.calendar

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
        if past.shape[1:] != (self.inputs, self.window):
            raise InvalidProblemError(
                f"past has shape {tuple(past.shape)}; expected (batch, {self.inputs}, {self.window}), oldest first"
            )
        return [self._site(i)(past[:, own]) for i, own in enumerate(self.cells)]

    def local(self, features: Sequence[Tensor], past: Tensor) -> Tensor:
        """Return the local answer (batch, series): every site's exit, for its own series."""
        answer = self._start(past, "exit")
        for i, own in enumerate(self.cells):
            head = self._site(i).exit
            if head is None:
                raise InvalidOptionError("this network has no local exits; it is centralised")
            answer[:, own] += head(features[i])
        return self._allowed(answer)

    def check_dropout(self) -> None:
        """Make sure that dropout makes the local answers of every site random.

        Raises
        ------
        InvalidOptionError
            If a site has no exit, or no active dropout.
        """
        for i in range(len(self.cells)):
            self._site(i).random_exit()

    def passes(self, past: Tensor, count: int, generator: torch.Generator, alike: bool = False) -> Tensor:
        """Return local answers with dropout, (count, batch, series), all in one batch.

        Dropout acts behind the feature blocks and inside the exits: the blocks themselves are passed once. With `alike`
        a pass drops the same of all samples, so that no answer depends on the samples beside it.

        Raises
        ------
        InvalidOptionError
            If a site has no exit, or no active dropout.
        """
        answer = self._start(past, "exit").repeat(count, 1, 1)
        for i, own in enumerate(self.cells):
            answer[:, :, own] += self._site(i).passes(past[:, own], count, generator, alike)
        return self._allowed(answer)

    def cloud(self, features: Sequence[Tensor], past: Tensor, sent: Tensor | None = None) -> Tensor:
        """Return the remote answer (batch, series).

        Parameters
        ----------
        sent : (batch, sites) bool, optional
            Sites that send their features; zeros stand in for those that do not. All do by default.
        """
        answer = self._start(past, "remote")
        if self.reads_demand:
            demand = past[:, : self.series]
            answer += self.remote(demand if sent is None else demand * self._of_cells(sent))
            return self._allowed(answer)
        parts = list(features)
        if sent is not None:
            parts = [z * sent[:, i].view(-1, *[1] * (z.ndim - 1)) for i, z in enumerate(parts)]
        joined = torch.cat(parts, dim=-1 if self.kind == "lstm" else 3)
        correction: Tensor = self.remote(joined)
        order = torch.as_tensor([cell for own in self.cells for cell in own])
        answer[:, order] += correction
        return self._allowed(answer)

    def _of_cells(self, sent: Tensor) -> Tensor:
        """Return for each series whether its site sends, (batch, series, 1)."""
        site = [next(i for i, own in enumerate(self.cells) if cell in own) for cell in range(self.series)]
        return sent[:, site, None]

    def _allowed(self, answer: Tensor) -> Tensor:
        """Return the answer, or what may be given of it."""
        allowed: Tensor = answer if self.within is None else self.within(answer)
        return allowed

    def _start(self, past: Tensor, name: str) -> Tensor:
        """Return what the answers of an exit are added to."""
        latest = past[:, : self.series, -1]
        start = latest.clone() if self.residual else torch.zeros_like(latest)
        if self.calendar:
            start += self.calendars[name](past[:, self.series :, -1], latest)
        return start

    def forward(self, past: Tensor) -> tuple[Tensor, Tensor]:
        """Return the local and the remote answer."""
        features = self.features(past)
        return self.local(features, past), self.cloud(features, past)

    def local_margins(self) -> list[tuple[nn.Parameter, list[int]]]:
        """Return what is added to the answers of each site's exit, and the series of each of its numbers."""
        return [(_last_bias(site), own) for site, own in zip(self.sites, self.cells, strict=True)]

    def remote_margin(self) -> tuple[nn.Parameter, list[int]]:
        """Return what is added to the answers of the cloud, and the series of each of its numbers."""
        if self.reads_demand:
            margin = self.remote.get_parameter("margin")
            return margin, list(range(self.series))
        return _last_bias(self.remote), [cell for own in self.cells for cell in own]

    def edge_parameters(self) -> int:
        """Return the number of parameters at all sites together."""
        return sum(parameter.numel() for parameter in self.sites.parameters()) + self._calendar_parameters("exit")

    def cloud_parameters(self) -> int:
        """Return the number of parameters in the cloud."""
        return sum(parameter.numel() for parameter in self.remote.parameters()) + self._calendar_parameters("remote")

    def _calendar_parameters(self, name: str) -> int:
        part = self.calendars[name].parameters() if name in self.calendars else ()
        return sum(parameter.numel() for parameter in part)


def resources(model: DDNN) -> dict[str, dict[str, float]]:
    """Return parameters, MACs and FLOPs of one sample at the edge and in the cloud.

    Counted by :func:`edgeopt.profiles.capture.work.count_work`, as layer tables are; layers without products
    (activations, pooling) count nothing.
    """
    past = torch.zeros(1, model.inputs, model.window)
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


def _last_bias(part: nn.Module) -> nn.Parameter:
    """Return the bias of its last linear layer."""
    return [module for module in part.modules() if isinstance(module, nn.Linear)][-1].bias
