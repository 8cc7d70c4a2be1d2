"""On which edge server each task of many devices runs, or on its device: the generalised assignment problem.

Servers have capacities, a task reaches some of them, and what it loads differs from server to server (Ross and Soland
1975; for edge computing Mao et al. 2017, "A Survey on Mobile Edge Computing: The Communication Perspective").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..algebra.fields import Array, Mask, data
from ..algebra.formulation import Formulation

if TYPE_CHECKING:
    from ..algebra.declaration import Declaration


class TaskAssignment(Formulation):
    """Run every task locally or on one server that it reaches, at least total energy."""

    energy: Array = data("tasks", "servers", unit="J")
    local_energy: Array = data("tasks", unit="J")
    load: Array = data("tasks", "servers", unit="FLOP/s", nonnegative=True)
    capacity: Array = data("servers", unit="FLOP/s")
    reached: Mask = data("tasks", "servers")
    local_share: float = 1.0

    def declare(self, m: Declaration) -> None:
        """Assign within the servers' capacities; at most a share of the tasks stays local."""
        sent = m.binary("sent", "tasks", "servers", where=self.reached)
        local = m.binary("local", "tasks")
        m.minimize((self.energy * sent).sum() + self.local_energy @ local)
        m.subject_to(
            once=sent.sum("servers") + local == 1,
            capacity=(self.load * sent).sum("tasks") <= self.capacity,
            few_local=local.mean() <= self.local_share,
        )
