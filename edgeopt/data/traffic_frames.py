"""Frames of time by demand: a regular grid with its gaps explicit, its largest demands, its glitches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..model.errors import DataFormatError

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    from numpy.typing import NDArray


_SPARSEST, _ALLOWED = 20, 10_000
"""A grid may have so many times the rows that there are, and so many more."""


def regular(frame: pd.DataFrame, place: Callable[[int], str]) -> pd.DataFrame:
    """Return `frame`, sorted, on the regular grid of its most frequent step; missing intervals become rows of nan.

    Parameters
    ----------
    frame : DataFrame
        Indexed by time, in any order.
    place : callable
        Where a row, by its number in `frame`, was read.

    Raises
    ------
    DataFormatError
        If a time is there twice or off the grid, or almost all of the grid would be gaps.
    """
    import pandas as pd

    if frame.index.has_duplicates:
        row = int(frame.index.duplicated().argmax())
        raise DataFormatError(f"{place(row)}: the time {frame.index[row]} is there twice; drop one of its rows")
    order = frame.index.argsort()
    found = frame.iloc[order]
    steps = found.index.to_series().diff().dropna()
    if steps.empty:
        return found
    first, last = found.index[0], found.index[-1]
    # Of steps that are equally frequent, that on whose grid most times are.
    step = max(steps.mode(), key=lambda one: int(((found.index - first) % one == pd.Timedelta(0)).sum()))
    demand_dense(len(found), int((last - first) / step) + 1, f"{first} to {last}")
    grid = pd.date_range(first, last, freq=step)
    off = ~found.index.isin(grid)
    if off.any():
        at = int(off.argmax())
        minutes = step.total_seconds() / 60
        raise DataFormatError(
            f"{place(int(order[at]))}: the time {found.index[at]} is off the grid of {minutes:g} minutes from {first}; "
            f"correct it, or drop the row"
        )
    return found.reindex(grid)


def demand_dense(rows: int, intervals: int, span: str) -> None:
    """Refuse a regular grid that would be almost nothing but gaps: one damaged time can stretch it over centuries.

    Raises
    ------
    DataFormatError
        If the grid has no interval, or many times the rows that there are.
    """
    if not 0 < intervals <= _SPARSEST * rows + _ALLOWED:
        raise DataFormatError(
            f"{rows} times from {span}: the regular grid would have {intervals} rows. Is the first or the last time "
            "damaged? Otherwise read the parts one by one"
        )


def gaps(frame: pd.DataFrame) -> pd.DataFrame:
    """Return where a frame holds nothing: `start`, `end` and `intervals` of each run of rows that are all nan."""
    import pandas as pd

    missing = frame.isna().all(axis=1).to_numpy()
    edges = np.flatnonzero(np.diff(np.r_[False, missing, False].astype(int)))
    first, last = edges[::2], edges[1::2] - 1
    return pd.DataFrame({"start": frame.index[first], "end": frame.index[last], "intervals": last - first + 1})


def largest(frame: pd.DataFrame, count: int) -> pd.DataFrame:
    """Return the `count` demands of the largest volume, largest first."""
    return frame[frame.sum().nlargest(count).index]


def glitches(frame: pd.DataFrame, factor: float = 1.35, window: int = 9) -> NDArray[np.intp]:
    """Return the rows whose total leaves what is usual around it: a missed sample, or two counted as one.

    A row is suspect whose total is more than `factor` times the median of the `window` rows around it, or less by as
    much; half of that (on the logarithmic scale) is enough for a dip that the next row makes up for. Rows are reported,
    never mended: what is an error only the owner of the data can say.
    """
    total = frame.sum(axis=1, min_count=1)
    around = total.rolling(window, center=True, min_periods=1).median()
    with np.errstate(divide="ignore"):
        off = np.log((total / around).to_numpy())
    suspect = np.abs(off) > np.log(factor)
    made_up = (off[:-1] < -0.5 * np.log(factor)) & (off[1:] > 0.5 * np.log(factor))
    suspect[:-1] |= made_up
    suspect[1:] |= made_up
    return np.flatnonzero(suspect)
