"""Where to split a DNN in every period, if changing the split costs: a multi-period problem with switching costs.

Links and loads change with time; what a device loads when it changes its split (parameters, a restart) is paid for each
time. Devices share the capacity of the edge. Switching costs are those of Lin et al. (2013, "Dynamic Right-Sizing for
Power-Proportional Data Centers"), with all periods known beforehand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..algebra.fields import Array, data
from ..algebra.formulation import Formulation

if TYPE_CHECKING:
    from ..algebra.declaration import Declaration


class SwitchingSplits(Formulation):
    """Choose one split a period for each device, at least latency and cost of switching."""

    latency: Array = data("devices", "splits", "time", unit="s")
    edge_load: Array = data("splits", unit="FLOP")
    edge_capacity: Array = data("time", unit="FLOP")
    switching_cost: float

    def declare(self, m: Declaration) -> None:
        """One split at a time, within the edge's capacity; what is switched on is paid for."""
        chosen = m.binary("chosen", "devices", "splits", "time")
        on = m.continuous("switched", "devices", "splits", "time", upper=1.0)
        m.minimize((self.latency * chosen).sum() + self.switching_cost * on[:, :, 1:].sum())
        m.subject_to(
            one_split=chosen.sum("splits") == 1,
            edge=(self.edge_load * chosen).sum("devices", "splits") <= self.edge_capacity,
            switch=on[:, :, 1:] >= chosen[:, :, 1:] - chosen[:, :, :-1],
        )
