"""Tables of demands: what a table that an allocator is fitted on looks like, and whether another one is of its kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from ..model.errors import InvalidProblemError

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

RESERVED = ("time", "exit", "confidence", "all")
"""Columns of the answers and the row of sums, which no slice can be called."""

_HOUR = 3600.0
_NAMED = 10
"""Most slices that an error names."""
_SPRING = "; where summer time begins there, give times with an offset from UTC"
_LARGEST = 1e150
"""Largest demand: sums of squares of larger ones overflow."""


@dataclass(frozen=True)
class TableForm:
    """Slices, slot and time zone of a table of demands.

    Attributes
    ----------
    slices : tuple of str
        Names of the columns, in their order.
    slot : float
        Seconds from one row to the next.
    zone : str, optional
        Time zone of the index; None where its times have none.
    """

    slices: tuple[str, ...]
    slot: float
    zone: str | None

    @classmethod
    def of(cls, demand: pd.DataFrame) -> Self:
        """Return the form of a table, whose slots must be regular.

        Raises
        ------
        InvalidProblemError
            If the index holds no times or is not regular, or names are missing, there twice or reserved.
        """
        index = times_of(demand, "demand")
        slices = _names(demand, "demand")
        for name in RESERVED:
            if name in slices:
                raise InvalidProblemError(
                    f"demand has a slice called {name!r}, as is a column or a row of what is printed; rename it"
                )
        if not slices or len(index) < 2:
            raise InvalidProblemError(
                f"demand has {len(index)} rows and {len(slices)} slices; expected a row for each slot and a column for "
                "each slice"
            )
        steps = _steps(index)
        slot = float(np.median(steps))
        found = cls(slices, slot, _zone(index, "demand"))
        found._check_steps(index, "demand")
        return found

    def values(self, demand: pd.DataFrame, field: str = "demand", *, least: int = 1) -> NDArray[np.float64]:
        """Return the demands (slots, slices) of a table of this form, its columns in any order; others are not read.

        Raises
        ------
        InvalidProblemError
            If a slice is missing, there are fewer than `least` rows, the slots are of another length, one is missing,
            or a demand is negative or not finite: names which.
        """
        index = times_of(demand, field)
        names = _names(demand, field)
        if missing := [name for name in self.slices if name not in names]:
            raise InvalidProblemError(
                f"{field} lacks the slice{'s' * (len(missing) > 1)} {_some(missing)}; it has {_some(names)}"
            )
        zone = None if index.tz is None else str(index.tz)
        if zone != self.zone and None in (zone, self.zone):
            raise InvalidProblemError(
                f"{field} has times in the zone {zone} and the allocator was fitted on {self.zone}; make them alike by "
                "tz_localize of the index"
            )
        if len(index) < least:
            raise InvalidProblemError(f"{field} has {len(index)} rows; at least {least} are needed, without a gap")
        self._check_steps(index, field)
        return np.stack([_column(demand.iloc[:, names.index(name)], field) for name in self.slices], axis=1)

    def _check_steps(self, index: pd.DatetimeIndex, field: str) -> None:
        """Make sure that each row is a slot after the one before it."""
        steps = _steps(index)
        _check_order(index, steps, field)
        off = steps != self.slot
        if not off.any():
            return
        at = int(off.argmax())
        if off.all() and (steps == steps[0]).all():
            raise InvalidProblemError(
                f"{field} has slots of {_span(steps[0])}; the allocator was fitted on slots of {_span(self.slot)}: "
                "resample the table"
            )
        step, pair = steps[at], f"{index[at]} and {index[at + 1]}"
        if step % self.slot == 0:
            count = round(step / self.slot) - 1
            spring = index.tz is None and step - self.slot == _HOUR
            raise InvalidProblemError(
                f"{field} has a gap: {count} slot{'s' * (count > 1)} of {_span(self.slot)} missing between {pair}; "
                f"fill them in, or take the part before or after{_SPRING if spring else ''}"
            )
        raise InvalidProblemError(
            f"{field} has the times {pair} in successive rows; expected a row every {_span(self.slot)}"
        )


def times_of(demand: pd.DataFrame, field: str = "demand") -> pd.DatetimeIndex:
    """Return the times of a table, or say that its index holds none."""
    import pandas as pd

    if not isinstance(demand, pd.DataFrame):
        raise InvalidProblemError(f"{field} is a {type(demand).__name__}; expected a pandas DataFrame, time x slice")
    if not isinstance(demand.index, pd.DatetimeIndex):
        raise InvalidProblemError(
            f"{field} has a {type(demand.index).__name__} as index; expected times: "
            f"{field}.set_index(pandas.to_datetime(…))"
        )
    if demand.index.hasnans:
        raise InvalidProblemError(f"{field} has no time in row {int(demand.index.isna().argmax())}; drop or date it")
    return demand.index


def _zone(index: pd.DatetimeIndex, field: str) -> str | None:
    """Return the name of the time zone, by which a saved allocator finds it again."""
    if index.tz is None:
        return None
    try:
        index[:1].tz_convert(str(index.tz))
    except (KeyError, ValueError):  # what zoneinfo raises of a name that it does not know is a KeyError
        raise InvalidProblemError(
            f"{field} has times in the zone {index.tz!r}, which has no name; give it one, as in "
            "demand.tz_convert('Europe/Rome')"
        ) from None
    return str(index.tz)


def _check_order(index: pd.DatetimeIndex, steps: NDArray[np.float64], field: str) -> None:
    """Make sure that each row is later than the one before it."""
    if (steps > 0).all():
        return
    at = int((steps <= 0).argmax())
    earlier, later = index[at], index[at + 1]
    if steps[at] == 0:
        raise InvalidProblemError(f"{field} has the time {later} twice, in successive rows; keep one of them")
    winter = "; an hour that occurs twice when summer time ends needs times with an offset from UTC"
    raise InvalidProblemError(
        f"{field} has {later} in the row after {earlier}; rows must be in order of time, as {field}.sort_index() puts "
        f"them{winter if index.tz is None else ''}"
    )


def _names(demand: pd.DataFrame, field: str) -> tuple[str, ...]:
    names = tuple(str(name) for name in demand.columns)
    for place, name in enumerate(names):
        if name in names[:place]:
            raise InvalidProblemError(f"{field} has two columns called {name!r}; each slice needs a name of its own")
    return names


def _column(column: pd.Series[float], field: str) -> NDArray[np.float64]:
    try:
        if column.dtype.kind == "c":
            raise TypeError
        values = np.asarray(column.to_numpy(), dtype=np.float64)
    except (TypeError, ValueError):
        raise InvalidProblemError(f"{field} of {column.name} holds {column.dtype}; expected numbers") from None
    bad = ~((values >= 0) & (values <= _LARGEST))
    if bad.any():
        row = int(bad.argmax())
        raise InvalidProblemError(
            f"{field} of {column.name} at {column.index[row]} is {values[row]:g}; every demand must be a number from 0 "
            f"to {_LARGEST:g} (fill what is missing)"
        )
    return values


def _some(names: Sequence[str]) -> str:
    """Return the first names, and how many more there are."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _steps(index: pd.DatetimeIndex) -> NDArray[np.float64]:
    """Return the seconds between successive times."""
    moments = index.as_unit("ns").asi8
    return np.asarray(np.diff(moments) / 1e9)


def _span(seconds: float) -> str:
    if seconds % 86400 == 0:
        return f"{seconds / 86400:g} day{'s' * (seconds > 86400)}"
    return f"{seconds / 60:g} minutes" if seconds >= 60 else f"{seconds:g} s"
