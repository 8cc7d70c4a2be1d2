"""Frames of time by demand: a regular grid with its gaps explicit, its largest demands, its glitches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..model.errors import DataFormatError

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray


_SPARSEST, _ALLOWED = 20, 10_000
"""A grid may have so many times the rows that there are, and so many more."""


def regular(frame: pd.DataFrame) -> pd.DataFrame:
    """Return `frame` on the regular grid of its most frequent step; intervals that are not there become rows of nan.

    Raises
    ------
    DataFormatError
        If a time is there twice, or almost all of the grid would be gaps.
    """
    import pandas as pd

    if frame.index.has_duplicates:
        raise DataFormatError(
            f"the time {frame.index[frame.index.duplicated()][0]} is there twice; drop one of its rows"
        )

    steps = frame.index.to_series().diff().dropna()
    if steps.empty:
        return frame
    first, last, step = frame.index[0], frame.index[-1], steps.mode().iloc[0]
    demand_dense(len(frame), int((last - first) / step) + 1 if step > pd.Timedelta(0) else 0, f"{first} to {last}")
    return frame.reindex(frame.index.union(pd.date_range(first, last, freq=step)))


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
