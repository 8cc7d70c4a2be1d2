"""Which DNN models an edge node holds in its memory, and which of them serves each request.

Models that are placed where requests arrive, and requests routed to them, are service caching with request routing
(Poularakis et al. 2020, "Service Placement and Request Routing in MEC Networks With Storage, Computation, and
Communication Constraints"), here on one node; without the memory's limit it is uncapacitated facility location.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..algebra.fields import Array, data
from ..algebra.formulation import Formulation

if TYPE_CHECKING:
    from ..algebra.declaration import Declaration


class ModelCaching(Formulation):
    """Serve every request by one model that is held, at least total latency."""

    size: Array = data("models", unit="byte", nonnegative=True)
    latency: Array = data("requests", "models", unit="s")
    memory: float

    def declare(self, m: Declaration) -> None:
        """Hold models within the memory; a request is served by one of them."""
        held = m.binary("held", "models")
        serves = m.binary("serves", "requests", "models")
        m.minimize((self.latency * serves).sum())
        m.subject_to(
            memory=self.size @ held <= self.memory,
            served_once=serves.sum("models") == 1,
            only_held=serves <= held,
        )
