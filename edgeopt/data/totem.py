"""GEANT as TOTEM measured it (Uhlig et al., ACM SIGCOMM CCR 36(1), 2006): 23 nodes, 74 directed links, 15 minutes.

The labels of the matrices are anonymised times; which way they are shifted is in the data set's own notes.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..exchange.file_limits import check_zip
from ..model.errors import DataFormatError, InvalidOptionError, InvalidProblemError
from .matrix_text import read_lines, read_rates
from .sndlib import parse_xml
from .text_file import read_text
from .topology import Topology
from .traffic_frames import regular

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    import pandas as pd

_KBPS = 1e3


def read_topology(path: str | Path) -> Topology:
    """Read a TOTEM domain file (XML); its links are directed and, where anonymised, without capacity.

    Raises
    ------
    DataFormatError
        If the file is malformed or a link names an unknown node.
    """
    path = Path(path)
    root = parse_xml(path, read_text(path))
    nodes = sorted((node.get("id") or "" for node in root.iterfind("topology/nodes/node")), key=_natural)
    if not nodes:
        raise DataFormatError(f"{path}: no topology/nodes/node; expected a TOTEM domain")
    links = []
    for link in root.iterfind("topology/links/link"):
        ends = [end.get("node") if (end := link.find(name)) is not None else None for name in ("from", "to")]
        if None in ends:
            raise DataFormatError(f"{path}: <link id={link.get('id')!r}> lacks <from node=…> or <to node=…>")
        links.append((str(ends[0]), str(ends[1]), _capacity(path, link)))
    try:
        return Topology.of(nodes, links, path.stem)
    except InvalidProblemError as error:
        raise DataFormatError(f"{path}: {error}") from error


def _capacity(path: Path, link: Element) -> float:
    """Bit/s of a link; nan where the file has none."""
    text = link.findtext("bw")
    try:
        return float(text) * _KBPS if text else np.nan
    except ValueError as error:
        raise DataFormatError(f"{path}: <bw> of link {link.get('id')!r} is {text!r}; expected a number") from error


def _natural(name: str) -> tuple[int, str]:
    return (int(name), "") if name.isdigit() else (10**9, name)


def read_table(path: str | Path, nodes: int = 23) -> pd.DataFrame:
    """Read a table of one matrix a line: TOTEM's file time, then ``nodes * nodes`` rates in kbit/s, row by row.

    Returns
    -------
    DataFrame
        bit/s by time and (source, target), nodes named ``"1"`` to ``str(nodes)``; missing intervals are rows of nan.

    Raises
    ------
    DataFormatError
        If a line has another number of fields, or a field is no number >= 0.
    """
    import pandas as pd

    path = Path(path)
    times, rows = [], []
    for number, line in enumerate(read_lines(path), 1):
        stamp, *fields = line.rstrip("\n").split(",")
        if number == 1 and not stamp[:1].isdigit():
            continue  # a header
        if len(fields) != nodes * nodes:
            raise DataFormatError(f"{path}, line {number}: {len(fields)} rates; expected {nodes} x {nodes}")
        rows.append(read_rates(path, number, fields))
        times.append(_stamp(path, number, stamp))
    if not rows:
        raise DataFormatError(f"{path}: no matrix; expected a time and {nodes * nodes} rates in each line")
    frame = pd.DataFrame(np.array(rows) * _KBPS, index=pd.DatetimeIndex(times), columns=_pairs(nodes))
    return regular(frame)


def _stamp(path: Path, number: int, text: str) -> pd.Timestamp:
    import pandas as pd

    try:
        return pd.to_datetime(text, format="%Y-%m-%d-%H-%M")
    except ValueError as error:
        raise DataFormatError(f"{path}, line {number}: time {text!r}; expected YYYY-MM-DD-hh-mm") from error


def _pairs(nodes: int) -> pd.MultiIndex:
    import pandas as pd

    names = [str(i + 1) for i in range(nodes)]
    return pd.MultiIndex.from_product([names, names], names=["source", "target"])


def read_archive(path: str | Path, week: str = "2005-01-02", step_minutes: int = 15) -> pd.DataFrame:
    """Read one stretch of the array archive of TOTEM's matrices (``tm_WEEK``: time x 23 x 23, kbit/s).

    Raises
    ------
    DataFormatError
        If the file is no such archive.
    InvalidOptionError
        If it does not hold this week; lists those that it holds.
    """
    import pandas as pd

    check_zip(Path(path))
    try:
        with np.load(path, allow_pickle=False) as archive:
            held = sorted(name.removeprefix("tm_") for name in archive.files if name.startswith("tm_"))
            if week not in held:
                raise InvalidOptionError(f"{path} holds no week {week!r}; it holds {', '.join(held)}")
            matrices = np.asarray(archive[f"tm_{week}"], float)
    except (OSError, ValueError, EOFError) as error:
        if isinstance(error, InvalidOptionError):
            raise
        raise DataFormatError(f"{path}: no readable array archive ({error})") from error
    nodes = matrices.shape[1]
    start = pd.Timestamp(week.partition("_")[0])
    index = pd.date_range(start, periods=len(matrices), freq=f"{step_minutes}min")
    return pd.DataFrame(matrices.reshape(len(matrices), -1) * _KBPS, index=index, columns=_pairs(nodes))
