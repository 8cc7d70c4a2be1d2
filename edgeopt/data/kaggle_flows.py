"""Kaggle's "Computer Network Traffic": flows a day between ten local hosts and remote networks, 2006-07 to 2006-09."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..model.errors import DataFormatError
from .dnn_profiles import Column, read_columns
from .traffic_frames import regular

if TYPE_CHECKING:
    import pandas as pd


def read_flows(path: str | Path) -> pd.DataFrame:
    """Read the flows of each local host and day, summed over remote networks.

    Returns
    -------
    DataFrame
        Flows by day and host (columns ``"0"`` to ``"9"``); a host without a record on a day is nan there, which may be
        silence or a gap: the file does not say.

    Raises
    ------
    DataFormatError
        If a column is missing, a field is no date or no whole number, or a day, host and network is there twice.
    """
    import pandas as pd

    columns: dict[str, Column] = {"date": "text", "l_ipn": "count", "r_asn": "count", "f": "count"}
    table = read_columns(path, columns, once=["date", "l_ipn", "r_asn"])
    days = pd.to_datetime(table["date"], format="%Y-%m-%d", errors="coerce")
    if days.isna().any():
        row = int(days.isna().to_numpy().argmax())
        raise DataFormatError(f"{path}, line {row + 2}: date {table['date'].iloc[row]!r}; expected YYYY-MM-DD")
    frame = table.assign(day=days).pivot_table(index="day", columns="l_ipn", values="f", aggfunc="sum")
    frame.columns = pd.Index([str(host) for host in frame.columns], name="host")
    return regular(frame.astype(float), lambda row: str(path))
