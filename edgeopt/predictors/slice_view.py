"""Between a table of demands and a network: the scale of each slice, their order, the past of each slot, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
import torch

from ..model.errors import InvalidProblemError
from .boxes import TrafficBox
from .calendar_inputs import calendar_features
from .samples import MinMax

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from .slice_tables import TableForm


@dataclass(frozen=True, eq=False)
class SliceView:
    """How a network sees tables of one form; slices are in the order of the table, the network's in that of the box.

    Attributes
    ----------
    form : TableForm
        What tables must look like.
    scale : MinMax
        Of each slice.
    box : TrafficBox
        ``box.order`` are the slices as the network sees them.
    window : int
        Slots of the past.
    calendar : bool
        Whether the network reads hour and day of the slot.
    """

    form: TableForm
    scale: MinMax
    box: TrafficBox
    window: int
    calendar: bool

    @classmethod
    def fit(cls, form: TableForm, known: NDArray[np.float64], *, window: int, calendar: bool, seed: int) -> Self:
        """Fit scale and box to the demands (rows, slices) of the training period.

        Raises
        ------
        InvalidProblemError
            If slices never change: names all of them.
        """
        same = known.max(axis=0) == known.min(axis=0)
        if same.any():
            names = [form.slices[place] for place in np.flatnonzero(same)]
            many = f"{len(names)} slices" if len(names) > 1 else f"slice {names[0]} ({known[0, same][0]:g})"
            raise InvalidProblemError(
                f"the demand of {many} is the same throughout the training period, which needs no allocator; drop "
                f"{', '.join(names)}"
            )
        # Slices by name, so that the order of the columns does not decide where each comes to stand.
        by_name = np.argsort(np.array(form.slices))
        box = TrafficBox.fit(known[:, by_name], seed=seed)
        back = np.argsort(by_name)
        named = TrafficBox(by_name[box.order], box.shape, box.distances[np.ix_(back, back)])
        return cls(form, MinMax.fit(known), named, window, calendar)

    def inputs(self, values: NDArray[np.float64], index: pd.DatetimeIndex) -> NDArray[np.float32]:
        """Return what the network reads for each slot with a whole past, up to the one after the table's last.

        Parameters
        ----------
        values : (rows, slices) float
            In units.
        index : (rows,) DatetimeIndex
            Their slots.

        Returns
        -------
        (rows - window + 1, series + calendar, window) float32
        """
        series = self.scale.normalise(values)[:, self.box.order]
        with np.errstate(over="ignore"):  # an answer to what single precision cannot hold is refused
            past = np.lib.stride_tricks.sliding_window_view(series, self.window, axis=0).astype(np.float32)
        if not self.calendar:
            return np.ascontiguousarray(past)
        known = calendar_features(self.slots(index))
        rows = np.broadcast_to(known[:, :, None], (*known.shape, self.window)).astype(np.float32)
        return np.concatenate([past, rows], axis=1)

    def targets(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the demand of each slot of :meth:`inputs` but the last, on the scale, in the order of the box."""
        return self.scale.normalise(values)[self.window :, self.box.order]

    def slots(self, index: pd.DatetimeIndex) -> pd.DatetimeIndex:
        """Return the slots that :meth:`inputs` is for, in the zone of the table that was fitted on."""
        import pandas as pd

        local = index if self.form.zone is None else index.tz_convert(self.form.zone)
        following = local[-1:] + pd.Timedelta(seconds=self.form.slot)
        return pd.DatetimeIndex(local[self.window :].append(following))

    def in_units(self, answer: NDArray[np.floating], within: torch.nn.Module | None) -> NDArray[np.float64]:
        """Return what answers of a network (slots, series) reserve, in units and in the order of the table, at least 0.

        Parameters
        ----------
        within : Module, optional
            Budget of the network, asked again in double precision: it is not exceeded by a rounding.
        """
        wanted = answer.astype(np.float64)
        if within is not None:
            wanted = within(torch.from_numpy(wanted)).numpy()
        placed = np.empty_like(wanted)
        placed[:, self.box.order] = wanted
        return np.maximum(placed * self.scale.span + self.scale.lowest, 0.0)
