"""Where the blocks of an early-exit network run on real devices: its exits as a stochastic split.

A rule keeps a share L of the decisions local, so the early exit serves with probability L and the last one with
``1 - L``: the conditional exits of Zuo (2024, eq. 4.9). The device is the site, further tiers lie behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ..formulations.placement.exits import Exit
from ..formulations.split import StochasticSplit
from ..model.errors import InvalidOptionError
from ..model.records import number
from ..profiles.dnn import LayerTable

if TYPE_CHECKING:
    from torch import Tensor

    from ..profiles.device import DeviceModel
    from .ddnn import DDNN


class ExitBlocks(nn.Module):
    """The blocks F0, F1 and F2 of a network with one site, and nothing between them: what is placed.

    What ends an answer stays at the site and takes no time worth counting: the latest demand is added, and budgets are
    kept.
    """

    def __init__(self, model: DDNN) -> None:
        super().__init__()
        if len(model.cells) != 1 or not model.exits:
            raise InvalidOptionError(
                f"the network has {len(model.cells)} sites and {'an' if model.exits else 'no'} exit at each; a split "
                "places the blocks of one site with an exit: train one network for each site"
            )
        self.site, self.remote, self.reads_demand = model.sites[0], model.remote, model.reads_demand

    def forward(self, past: Tensor) -> tuple[Tensor, Tensor]:
        """Return what both exits say of (batch, series, window)."""
        z: Tensor = self.site(past)
        exit_ = self.site.exit
        assert isinstance(exit_, nn.Module)
        return exit_(z), self.remote(past if self.reads_demand else z)


def exit_placement(
    model: DDNN,
    devices: Sequence[DeviceModel],
    local_fraction: float,
    uplink_rate: Any,
    *,
    shared_trunk: bool = True,
    rule_time: float = 0.0,
    word_bits: int | None = None,
    **links: Any,
) -> StochasticSplit:
    """Return the split of a trained network whose rule keeps this share of the decisions local.

    Parameters
    ----------
    model : DDNN
        With one site and its exit.
    devices : sequence of DeviceModel
        One for each tier, the site first.
    local_fraction : float
        Share L of the samples that the early exit serves.
    uplink_rate : float or (batch,) float
        From the site to the next tier, bit/s.
    shared_trunk : bool
        Whether F0 is placed once for both exits, as a rule that reads z needs. With False each exit has a placement of
        its own: a rule that reads the demand may have F0 of remote samples run in the cloud, and D sent instead of z.
    rule_time : float
        Seconds that the rule takes for each sample.
    word_bits : int, optional
        Bits of a number on the links; 32 by default.
    **links
        ``backhaul_rate``, ``downlink_rate`` and ``link_delay`` of :class:`~edgeopt.StochasticSplit`.

    Returns
    -------
    StochasticSplit
        Both exits; a remote sample is not charged F1, which rules that do not read the local answer leave out
        (Giannakas et al. 2025, IV-B). For :func:`edgeopt.solve`.

    Raises
    ------
    InvalidOptionError
        If the network has several sites or no exit.
    InvalidProblemError
        If the share is outside [0, 1], a device has no times for a kind of layer, or a rate is not above 0.

    Examples
    --------
    >>> import edgeopt as eo
    >>> from edgeopt.predictors.ddnn import DDNN
    >>> from edgeopt.profiles.device import DeviceModel
    >>> devices = [DeviceModel.table_4_2(name) for name in ("mobile", "edge")]
    >>> problem = exit_placement(DDNN("conv3d", 25, 6), devices, local_fraction=0.5, uplink_rate=1e6, link_delay=0.02)
    >>> eo.solve(problem).proved
    True
    """
    share = number(local_fraction, "local_fraction", at_least=0.0, at_most=1.0)
    blocks = ExitBlocks(model).eval()
    table = LayerTable.from_module(blocks, torch.zeros(1, model.series, model.window), word_bits)
    # Which exit serves is the rule's choice, a probability; the accuracies only keep their order.
    exits = [
        Exit.of(chain, devices, float(k), fixed_time=number(rule_time, "rule_time", at_least=0.0))
        for k, chain in enumerate(table.exits())
    ]
    return StochasticSplit(exits, [share, 1.0 - share], uplink_rate, shared_trunk=shared_trunk, **links)
