"""What a deployed allocator answers, slot by slot, and what its answers were worth in a time that it has not seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .provisioning import Provisioning

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Allocations:
    """What to reserve in some slots, and who said so.

    Attributes
    ----------
    times : (slots,) DatetimeIndex
        Beginning of each slot.
    slices : tuple of str
        Names of the slices.
    allocation : (slots, slices) float
        What to reserve, in the unit of the demand; at least 0.
    local : (slots,) bool
        Whether the edge answered by itself; the cloud did otherwise.
    confidence : (slots,) float
        Estimated probability that the exit which answered costs no more than the other one would have, between 0 and 1
        (:class:`.exit_odds.ExitOdds`). It says how sure the choice of the exit is, not how good the allocation.
    """

    times: pd.DatetimeIndex
    slices: tuple[str, ...]
    allocation: NDArray[np.float64]
    local: NDArray[np.bool_]
    confidence: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.times)

    def table(self) -> pd.DataFrame:
        """Return a row for each slot: ``exit`` ("edge" or "cloud"), ``confidence``, and what each slice gets."""
        import pandas as pd

        frame = pd.DataFrame(self.allocation, index=self.times.rename("time"), columns=list(self.slices))
        frame.insert(0, "exit", np.where(self.local, "edge", "cloud"))
        frame.insert(1, "confidence", self.confidence)
        return frame


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Costs, violations and volumes in the last part of the table, of which nothing was learned.

    Attributes
    ----------
    first, last : Timestamp
        First and last slot.
    local_fraction : float
        Share of the slots in which the edge answered.
    found : dict of str to Provisioning
        ``"persistence"`` (the latest demand with each slice's cheapest margin), ``"edge"`` and ``"cloud"`` (either exit
        alone) and ``"allocator"`` (what the rule made of both).
    """

    first: pd.Timestamp
    last: pd.Timestamp
    local_fraction: float
    found: dict[str, Provisioning]

    def table(self) -> pd.DataFrame:
        """Return a row for each of them, see :meth:`Provisioning.compare`."""
        return Provisioning.compare(self.found)

    def by_slice(self) -> pd.DataFrame:
        """Return the allocator's :meth:`Provisioning.table` with the cost of persistence in front of its columns."""
        frame = self.found["allocator"].table()
        frame.insert(0, "persistence", self.found["persistence"].table()["cost"])
        return frame
