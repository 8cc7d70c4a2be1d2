"""Abilene's five-minute traffic matrices (Y. Zhang) as text, original or CFR-RL's: one a line, 100 bytes a unit."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from ..model.errors import DataFormatError, InvalidOptionError, InvalidProblemError
from .matrix_text import read_lines, read_rates
from .topology import Topology

if TYPE_CHECKING:
    import pandas as pd

_UNIT = 100 * 8 / 300.0
"""Bit/s of 100 bytes in five minutes."""

Series = Literal["real", "simple gravity", "simple tomogravity", "general gravity", "general tomogravity"]


def read_topology(path: str | Path) -> Topology:
    """Read a topology table: a line of counts, a header, then index, tail, head, OSPF weight and capacity in kbit/s.

    Raises
    ------
    DataFormatError
        If a line is malformed, a link is there twice, or the counts are not those of the table.
    """
    path = Path(path)
    lines = read_lines(path)
    counts = re.findall(r"\d+", lines[0]) if lines else []
    if len(counts) != 2:
        raise DataFormatError(f"{path}, line 1: expected 'Node_num: N Edge_num: E'")
    nodes, edges = (int(count) for count in counts)
    links: list[tuple[str, str, float]] = []
    for number, line in enumerate(lines[2:], 3):
        fields = line.split()
        if len(fields) != 5 or not all(field.isdecimal() for field in fields):
            raise DataFormatError(
                f"{path}, line {number}: {line.strip()!r}; expected index, tail, head, OSPF, capacity"
            )
        if int(fields[0]) != len(links):
            raise DataFormatError(f"{path}, line {number}: index {fields[0]}; expected {len(links)}, each link once")
        links.append((fields[1], fields[2], float(fields[4]) * 1e3))
    if len(links) != edges:
        raise DataFormatError(f"{path}: {len(links)} links; line 1 announces {edges}")
    if nodes > 2 * edges:
        raise DataFormatError(f"{path}, line 1: {nodes} nodes; {edges} links cannot reach that many")
    try:
        return Topology.of([str(i) for i in range(nodes)], links, "abilene")
    except InvalidProblemError as error:
        raise DataFormatError(f"{path}: {error}") from error


def read_matrices(
    path: str | Path, start: str = "2004-03-01", nodes: int = 12, series: Series = "real"
) -> pd.DataFrame:
    """Read the matrices of one file.

    Parameters
    ----------
    path : path
        Text, plain or gzipped. In each line ``nodes * nodes`` numbers, row by row (CFR-RL's form); or five for each
        pair, one after the other (Zhang's originals ``X01`` and so on, a week each): the measured rate and four
        estimates.
    start : str
        Time of the first line; the files do not say it. ``X01`` begins on 2004-03-01.
    nodes : int
        Number of nodes.
    series : {"real", "simple gravity", "simple tomogravity", "general gravity", "general tomogravity"}
        Which of the five to keep; CFR-RL's form holds the measured rates (``"real"``) only.

    Returns
    -------
    DataFrame
        bit/s by time and (source, target), the diagonal included.

    Raises
    ------
    DataFormatError
        If a line has another number of fields or is that before it again, or a field is no number >= 0.
    InvalidOptionError
        If `start` is no time, `nodes` is below 1, or the file does not hold this series.
    """
    import pandas as pd

    path, first = Path(path), pd.to_datetime(start, errors="coerce")
    if pd.isna(first) or isinstance(start, int | float):
        raise InvalidOptionError(f"start is {start!r}; expected a time such as 2004-03-01")
    if nodes < 1:
        raise InvalidOptionError(f"nodes is {nodes}; expected 1 or more, Abilene has 12")
    if series not in get_args(Series):
        raise InvalidOptionError(f"series is {series!r}; choose from {', '.join(get_args(Series))}")
    kinds, rows, before = len(get_args(Series)), [], [""]
    for number, line in enumerate(read_lines(path), 1):
        fields = line.split()
        if number == 1 and len(fields) != kinds * nodes * nodes:
            kinds = 1  # CFR-RL's form
            if series != "real":
                raise InvalidOptionError(f"series is {series!r}; {path} holds the measured rates only, series='real'")
        if len(fields) != kinds * nodes * nodes:
            expected = f"{nodes} x {nodes}" + (f" x {kinds}, as in line 1" if kinds > 1 else "")
            raise DataFormatError(f"{path}, line {number}: {len(fields)} rates; expected {expected}")
        rates = read_rates(path, number, fields)
        if fields == before and any(rates):
            # Measured bytes do not repeat in every pair; a copied line would put all that follow five minutes late.
            raise DataFormatError(f"{path}, line {number}: the matrix of line {number - 1} again; drop one of them")
        before = fields
        rows.append(rates[get_args(Series).index(series) :: kinds])
    if not rows:
        raise DataFormatError(f"{path}: empty; expected {nodes * nodes} rates in each line")
    names = [str(i) for i in range(nodes)]
    columns = pd.MultiIndex.from_product([names, names], names=["source", "target"])
    index = pd.date_range(first, periods=len(rows), freq="5min")
    return pd.DataFrame(np.array(rows) * _UNIT, index=index, columns=columns)
