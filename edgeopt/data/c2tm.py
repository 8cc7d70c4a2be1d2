"""City Cellular Traffic Map: hourly traffic of base stations of a Chinese city, clustered.

Collected by OMNILab, Shanghai Jiao Tong University (ICC 2015); the clustering of 13,296 stations into 127 groups is
that of github.com/lucasBgabriel/city-cellular-traffic-map. The file also holds 32 roll-ups (``fog_…``) of the same.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..model.errors import DataFormatError
from .dnn_profiles import demand_once, read_columns

if TYPE_CHECKING:
    import pandas as pd

TIME_ZONE = "Asia/Shanghai"


def read_c2tm(path: str | Path) -> pd.DataFrame:
    """Read the clusters' traffic in the longest stretch of hours without a gap.

    Parameters
    ----------
    path : path
        ``clustered_traffic_data.csv``, plain or gzipped.

    Returns
    -------
    DataFrame, time x cluster
        Bytes an hour of the clusters that have traffic in every hour of the stretch (93 of 127 in 204 hours of August
        2012), index in local time.

    Raises
    ------
    DataFormatError
        If the file is missing or damaged, holds no cluster with traffic throughout, a time that is no full hour with
        its offset from UTC, or a cluster and hour twice.
    """
    import pandas as pd

    raw = read_columns(path, {"bs": "text", "thour": "text", "bytes": "amount"})
    raw["time"] = _hours(path, raw["thour"])
    demand_once(path, raw, ["bs", "time"])
    clusters = raw[raw["bs"].str.startswith("rrh")]
    if clusters.empty:
        raise DataFormatError(f"{path}: no cluster; expected rows whose bs starts with 'rrh'")
    table = clusters.pivot(index="time", columns="bs", values="bytes")
    breaks = table.index.to_series().diff() != pd.Timedelta(hours=1)
    stretch = breaks.cumsum()
    longest = table[(stretch == stretch.value_counts().idxmax()).to_numpy()]
    whole: pd.DataFrame = longest.dropna(axis=1)
    if whole.empty:
        raise DataFormatError(f"{path}: no cluster has traffic in all {len(longest)} hours from {longest.index[0]}")
    return whole.rename_axis(columns=None)


def _hours(path: str | Path, text: pd.Series[str]) -> pd.Series[pd.Timestamp]:
    """Return the hours that a column holds; without an offset they could be hours of any zone."""
    import pandas as pd

    time = pd.to_datetime(text, format="ISO8601", utc=True, errors="coerce").dt.tz_convert(TIME_ZONE)
    offset = text.str.contains(r"(?:Z|[+-]\d\d:?\d\d)$")
    good = (time.notna() & offset & (time == time.dt.floor("h"))).to_numpy()
    if not good.all():
        row = int(good.argmin())
        raise DataFormatError(
            f"{path}, line {row + 2}: thour is {text.iloc[row]!r}; expected a full hour with its offset, such as "
            "2012-08-19 00:00:00+08:00"
        )
    return time
