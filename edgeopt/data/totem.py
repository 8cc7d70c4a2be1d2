"""GEANT as TOTEM measured it (Uhlig et al., ACM SIGCOMM CCR 36(1), 2006): 23 nodes, 74 directed links, 15 minutes.

The labels of the matrices are anonymised times; which way they are shifted is in the data set's own notes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..model.errors import DataFormatError, InvalidOptionError, InvalidProblemError
from .array_file import amounts, read_arrays
from .matrix_files import matrix_frame
from .matrix_text import read_lines, read_rates
from .sndlib import parse_xml
from .text_file import amount, read_text
from .topology import Topology
from .traffic_frames import regular

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    import pandas as pd

_KBPS = 1e3
_AROUND = ' \t\r\n"'
"""What may be around a field of a table: blanks and quotes, as spreadsheets write them."""
_UNITS = {"bps": 1.0, "kbps": _KBPS, "mbps": 1e6, "gbps": 1e9}


def read_topology(path: str | Path) -> Topology:
    """Read a TOTEM domain file (XML); its links are directed and, where anonymised, without capacity.

    Raises
    ------
    DataFormatError
        If the file is malformed, a link is there twice or names an unknown node, or a capacity is not positive.
    """
    path = Path(path)
    root = parse_xml(path, read_text(path))
    nodes = sorted((node.get("id") or "" for node in root.iterfind("topology/nodes/node")), key=_natural)
    if not nodes:
        raise DataFormatError(f"{path}: no topology/nodes/node; expected a TOTEM domain")
    links, seen = [], set()
    for link in root.iterfind("topology/links/link"):
        if (name := link.get("id")) in seen:
            raise DataFormatError(f"{path}: <link id={name!r}> is there twice; drop one, or give each an id of its own")
        seen.add(name)
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
    text = (link.findtext("bw") or "").strip()
    if text and not amount(text) > 0:
        raise DataFormatError(f"{path}: <bw> of link {link.get('id')!r} is {text!r}; expected a number > 0, or nothing")
    return amount(text) * _KBPS


def _natural(name: str) -> tuple[int, str]:
    return (int(name), "") if name.isdigit() else (10**9, name)


def read_table(path: str | Path, nodes: int = 23) -> pd.DataFrame:
    """Read a table of one matrix a line: TOTEM's file time, then ``nodes * nodes`` rates in kbit/s, row by row.

    Returns
    -------
    DataFrame
        bit/s by time, ascending, and (source, target), nodes named ``"1"`` to ``str(nodes)``; missing intervals are
        rows of nan.

    Raises
    ------
    DataFormatError
        If a line has another number of fields, a field is no number >= 0, or a time is there twice or off the grid.
    """
    import pandas as pd

    path = Path(path)
    times, rows, numbers = [], [], []
    for number, line in enumerate(read_lines(path), 1):
        stamp, *fields = (field.strip(_AROUND) for field in line.split(","))
        if number == 1 and not stamp[:1].isdigit() and np.isnan([amount(field) for field in fields]).all():
            continue  # a header
        if len(fields) != nodes * nodes:
            raise DataFormatError(f"{path}, line {number}: {len(fields)} rates; expected {nodes} x {nodes}")
        rows.append(read_rates(path, number, fields))
        times.append(_stamp(f"{path}, line {number}", stamp))
        numbers.append(number)
    if not rows:
        raise DataFormatError(f"{path}: no matrix; expected a time and {nodes * nodes} rates in each line")
    frame = pd.DataFrame(np.array(rows) * _KBPS, index=pd.DatetimeIndex(times), columns=_pairs(_numbered(nodes)))
    return regular(frame, lambda row: f"{path}, line {numbers[row]}")


def _stamp(place: str, text: str) -> pd.Timestamp:
    import pandas as pd

    time = pd.to_datetime(text, format="%Y-%m-%d-%H-%M", errors="coerce")
    if pd.isna(time):
        raise DataFormatError(f"{place}: time {text!r}; expected YYYY-MM-DD-hh-mm")
    return time


def read_matrices(source: str | Path | Iterable[str | Path]) -> pd.DataFrame:
    """Read TOTEM's originals ``IntraTM-YYYY-MM-DD-hh-mm.xml``, one matrix each.

    Parameters
    ----------
    source : path or iterable of paths
        A folder of the files, a tar archive of them, or the files.

    Returns
    -------
    DataFrame
        bit/s by time and (source, target), all pairs of the nodes that occur. The time is that of the file's name,
        which TOTEM's tables use too, or of ``<date>`` where the name has none. Missing intervals are rows of nan; a
        pair that a matrix leaves out is 0 there. Rates without a unit are in kbit/s.

    Raises
    ------
    DataFormatError
        If a file is malformed, a rate no number >= 0, there is no matrix, two files hold the same time, or a time is
        off the grid of the others.
    """
    frame = matrix_frame(source, _time, _rates, "TOTEM's matrices, IntraTM-….xml, in the folder itself")
    names = sorted({name for pair in frame.columns for name in pair}, key=_natural)
    absent = frame.reindex(columns=_pairs(names))
    return absent.where(absent.notna() | frame.isna().all(axis=1).to_numpy()[:, None], 0.0)


def _time(path: Path, text: str) -> pd.Timestamp:
    import pandas as pd

    if match := re.search(r"IntraTM-(\d{4}(?:-\d\d){4})", path.name):
        return _stamp(str(path), match[1])
    date = (parse_xml(path, text).findtext("info/date") or "").strip()
    time = pd.to_datetime(date, format="%Y-%m-%dT%H:%M:%S", errors="coerce")
    if pd.isna(time):
        raise DataFormatError(f"{path}: <date> is {date!r}; expected YYYY-MM-DDThh:mm:ss, or it in the file's name")
    return time


def _rates(path: Path, text: str) -> dict[tuple[str, str], float]:
    """Bit/s of one matrix by (source, target)."""
    root = parse_xml(path, text)
    matrices = root.findall("IntraTM")
    if root.tag != "TrafficMatrixFile" or len(matrices) != 1:
        raise DataFormatError(
            f"{path}: <{root.tag}>; expected TOTEM's <TrafficMatrixFile> with one <IntraTM>, found {len(matrices)}"
        )
    unit = root.find("info/units/unit[@type='bandwidth']")
    name = "kbps" if unit is None else unit.get("value") or ""
    if name not in _UNITS:
        raise DataFormatError(f"{path}: unit {name!r}; known: {', '.join(_UNITS)}")
    found: dict[tuple[str, str], float] = {}
    for source in matrices[0].iterfind("src"):
        for target in source.iterfind("dst"):
            ends = (source.get("id") or "", target.get("id") or "")
            value = amount(target.text or "")
            if not all(ends) or ends in found or np.isnan(value):
                raise DataFormatError(
                    f"{path}: <src id={ends[0]!r}>, <dst id={ends[1]!r}> holds {target.text!r}; expected two ids, each "
                    "pair once, and a number >= 0"
                )
            found[ends] = value * _UNITS[name]
    return found


def _numbered(nodes: int) -> list[str]:
    return [str(i + 1) for i in range(nodes)]


def _pairs(names: Sequence[str]) -> pd.MultiIndex:
    import pandas as pd

    return pd.MultiIndex.from_product([names, names], names=["source", "target"])


def read_archive(path: str | Path, week: str = "2005-01-02", step_minutes: int = 15) -> pd.DataFrame:
    """Read one stretch of the array archive of TOTEM's matrices (``tm_WEEK``: time x 23 x 23, kbit/s).

    Raises
    ------
    DataFormatError
        If the file is no such archive, or a rate no number >= 0.
    InvalidOptionError
        If it does not hold this week (lists those that it holds), or `step_minutes` is below 1.
    """
    import pandas as pd

    path = Path(path)
    if step_minutes < 1:
        raise InvalidOptionError(f"step_minutes is {step_minutes}; expected 1 or more")
    arrays = read_arrays(path, lambda name: name == f"tm_{week}")
    if f"tm_{week}" not in arrays:
        held = sorted(name.removeprefix("tm_") for name in arrays if name.startswith("tm_"))
        raise InvalidOptionError(f"{path} holds no week {week!r}; it holds {', '.join(held)}")
    matrices = amounts(f"{path}: tm_{week}", arrays[f"tm_{week}"])
    if matrices.ndim != 3 or matrices.shape[1] != matrices.shape[2] or not matrices.size:
        raise DataFormatError(f"{path}: tm_{week} has shape {matrices.shape}; expected (time, nodes, nodes)")
    if not (np.isfinite(matrices) & (matrices >= 0)).all():
        at = np.argwhere(~(np.isfinite(matrices) & (matrices >= 0)))[0].tolist()
        raise DataFormatError(f"{path}: tm_{week}{at} is {matrices[tuple(at)]:g}; expected a number >= 0")
    start = pd.to_datetime(week.partition("_")[0], errors="coerce")
    if pd.isna(start):
        raise DataFormatError(f"{path}: tm_{week}; expected the time of the first matrix behind tm_")
    nodes = matrices.shape[1]
    index = pd.date_range(start, periods=len(matrices), freq=f"{step_minutes}min")
    return pd.DataFrame(matrices.reshape(len(matrices), -1) * _KBPS, index=index, columns=_pairs(_numbered(nodes)))
