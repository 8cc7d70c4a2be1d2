"""SNDlib's networks and traffic matrices (Orlowski et al., Networks 55(3), 2010), in both of its formats.

A network file holds nodes, undirected links and demands; a matrix file the demands of one interval. Here a link becomes
one directed link each way, a demand a rate in bit/s from its source to its target, and many matrices one frame of time
by demand. An interval without a file, or whose file holds no demand, is a row of nan: nothing is interpolated.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np

from ..exchange.file_limits import size_of, within
from ..model.errors import DataFormatError, InvalidProblemError
from .text_file import decoded, read_text
from .topology import Topology
from .traffic_frames import regular

if TYPE_CHECKING:
    import pandas as pd

_UNITS = {"MBITPERSEC": 1e6, "BITSPERSEC": 1.0}
_NAMESPACE = "{http://sndlib.zib.de/network}"
_NUMBER = r"[-+]?\d*\.?\d+(?:[eE][-+]?\d+)?"
_LINK = re.compile(rf"(\S+) \( (\S+) (\S+) \) ({_NUMBER})")
_DEMAND = re.compile(rf"(\S+) \( (\S+) (\S+) \) \S+ ({_NUMBER}|\S+)")


def read_topology(path: str | Path) -> Topology:
    """Read the network of a native (``.txt``, ``.txt.gz``) or XML file.

    Parameters
    ----------
    path : path
        The file; a link's pre-installed capacity counts in each direction (unless the file lists both), none is nan.

    Raises
    ------
    DataFormatError
        If the file is missing, malformed, or names an unknown node; with the line or the element.
    """
    path = Path(path)
    text = read_text(path)
    nodes, links = _xml_network(path, text) if text.lstrip().startswith("<") else _native_network(path, text)
    scale = _scale(path, text)
    known = [(tail, head, c * scale if c > 0 else np.nan) for tail, head, c in links]
    given = {(tail, head) for tail, head, _ in links}
    directed = all((head, tail) in given for tail, head in given)  # each way is in the file already
    both = known if directed else known + [(head, tail, c) for tail, head, c in known]
    try:
        return Topology.of(nodes, both, path.name.partition(".")[0])
    except InvalidProblemError as error:
        raise DataFormatError(f"{path}: {error}") from error


def read_demands(path: str | Path) -> pd.Series[float]:
    """Read the demands of one file, bit/s, by (source, target); parallel demands are added up.

    Raises
    ------
    DataFormatError
        If the file is malformed, or a demand is negative or no number.
    """
    path = Path(path)
    return _demands(path, read_text(path))


def read_matrices(source: str | Path | Iterable[str | Path]) -> pd.DataFrame:
    """Read the matrices of many intervals.

    Parameters
    ----------
    source : path or iterable of paths
        A folder of XML files, a tar archive of them, or the files.

    Returns
    -------
    DataFrame
        Demands in bit/s, one row for each interval of the regular grid and one column for each (source, target). An
        interval that is missing or empty is a row of nan; a pair that a matrix leaves out is 0 there.

    Raises
    ------
    DataFormatError
        If a file is malformed, or two hold the same time.
    """
    import pandas as pd

    rows: dict[pd.Timestamp, pd.Series[float]] = {}
    for path, text in _files(source):
        time = _time(path, text)
        if time in rows:
            raise DataFormatError(f"{path}: the time {time} was read already; give each interval once")
        rows[time] = _demands(path, text)
    if not rows:
        raise DataFormatError(f"{source}: no XML file; expected demandMatrix-….xml")
    frame = pd.DataFrame.from_dict({time: row for time, row in rows.items() if len(row)}, orient="index").fillna(0.0)
    frame = frame.reindex(sorted(rows)).sort_index(axis=1)
    pairs: Any = frame.columns.to_list()
    frame.columns = pd.MultiIndex.from_tuples(pairs, names=["source", "target"])
    return regular(frame)


def _files(source: str | Path | Iterable[str | Path]) -> Iterator[tuple[Path, str]]:
    if isinstance(source, str | Path):
        path = Path(source)
        if ".tar" in path.name:
            yield from _archived(path)
            return
        source = sorted(path.glob("*.xml")) if path.is_dir() else [path]
    for one in source:
        yield Path(one), read_text(Path(one))


def _archived(path: Path) -> Iterator[tuple[Path, str]]:
    packed = size_of(path)
    try:
        with tarfile.open(path) as archive:
            for member in within(path, packed, archive, lambda one: one.size):
                if member.isfile() and member.name.endswith(".xml"):
                    content = archive.extractfile(member)
                    yield path / member.name, decoded(path / member.name, content.read()) if content else ""
    except (OSError, tarfile.TarError, EOFError) as error:
        raise DataFormatError(f"{path}: damaged or unreadable archive ({error}); fetch it again") from error


def parse_xml(path: Path, text: str) -> ElementTree.Element:
    """Return the root of an XML file; a document type is refused, since entities could expand without end.

    Raises
    ------
    DataFormatError
        If the file is no well-formed XML.
    """
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise DataFormatError(f"{path}: holds a document type declaration; expected plain XML")
    try:
        return ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise DataFormatError(f"{path}, line {error.position[0]}: not well-formed XML ({error.msg})") from error


def _xml_network(path: Path, text: str) -> tuple[list[str], list[tuple[str, str, float]]]:
    root = parse_xml(path, text)
    nodes = [node.get("id") or "" for node in root.iter(f"{_NAMESPACE}node")]
    if not nodes:
        raise DataFormatError(f"{path}: no <node>; expected an SNDlib network")
    links = []
    for link in root.iter(f"{_NAMESPACE}link"):
        capacity = link.findtext(f"{_NAMESPACE}preInstalledModule/{_NAMESPACE}capacity", "0")
        links.append((_child(path, link, "source"), _child(path, link, "target"), _number(path, link, capacity)))
    return nodes, links


def _child(path: Path, element: ElementTree.Element, name: str) -> str:
    text = element.findtext(_NAMESPACE + name)
    if text is None:
        kind = element.tag.removeprefix(_NAMESPACE)
        raise DataFormatError(f"{path}: <{kind} id={element.get('id')!r}> has no <{name}>")
    return text.strip()


def _number(path: Path, element: ElementTree.Element, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if not (np.isfinite(value) and value >= 0):
        kind = element.tag.removeprefix(_NAMESPACE)
        raise DataFormatError(
            f"{path}: <{kind} id={element.get('id')!r}> holds {text.strip()!r}; expected a number >= 0"
        )
    return value


def _native_network(path: Path, text: str) -> tuple[list[str], list[tuple[str, str, float]]]:
    nodes = [line.split()[0] for _, line in _section(path, text, "NODES")]
    links = []
    for number, line in _section(path, text, "LINKS"):
        match = _LINK.match(line)
        if match is None:
            raise DataFormatError(f"{path}, line {number}: {line!r}; expected 'name ( source target ) capacity …'")
        links.append((match[2], match[3], float(match[4])))
    return nodes, links


def _section(path: Path, text: str, name: str) -> list[tuple[int, str]]:
    """Return the lines of one section of a native file, with their numbers."""
    found: list[tuple[int, str]] = []
    inside = False
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if stripped == f"{name} (":
            inside = True
        elif inside and stripped == ")":
            return found
        elif inside and stripped and not stripped.startswith("#"):
            found.append((number, stripped))
    raise DataFormatError(f"{path}: no complete section {name} ( … ); expected SNDlib's native format or XML")


def _demands(path: Path, text: str) -> pd.Series[float]:
    import pandas as pd

    found: dict[tuple[str, str], float] = {}
    scale = _scale(path, text)
    for source, target, value in _demand_entries(path, text):
        found[source, target] = found.get((source, target), 0.0) + scale * value
    index = pd.MultiIndex.from_tuples(list(found), names=["source", "target"]) if found else None
    return pd.Series(list(found.values()), index=index, dtype=float, name="demand")


def _demand_entries(path: Path, text: str) -> Iterator[tuple[str, str, float]]:
    if text.lstrip().startswith("<"):
        for demand in parse_xml(path, text).iter(f"{_NAMESPACE}demand"):
            value = _number(path, demand, _child(path, demand, "demandValue"))
            yield _child(path, demand, "source"), _child(path, demand, "target"), value
        return
    for number, line in _section(path, text, "DEMANDS"):
        match = _DEMAND.match(line)
        try:
            value = float(match[4]) if match else np.nan
        except ValueError:
            value = np.nan
        if match is None or not (np.isfinite(value) and value >= 0):
            raise DataFormatError(f"{path}, line {number}: {line!r}; expected 'name ( source target ) unit value' >= 0")
        yield match[2], match[3], value


def _meta(text: str, name: str) -> str:
    match = re.search(rf"<{name}>(.*?)</{name}>|^\s*{name}\s*=\s*(.*)$", text, re.MULTILINE)
    return (match[1] or match[2] or "").strip() if match else ""


def _scale(path: Path, text: str) -> float:
    """Bit/s of one unit of the file; a network without a unit counts in Mbit/s, as SNDlib's do."""
    unit = _meta(text, "unit") or "MBITPERSEC"
    if unit not in _UNITS:
        raise DataFormatError(f"{path}: unit {unit!r}; known: {', '.join(_UNITS)}")
    return _UNITS[unit]


def _time(path: Path, text: str) -> pd.Timestamp:
    import pandas as pd

    stamp = _meta(text, "time")
    try:
        return pd.to_datetime(stamp, format="%Y%m%d-%H%M")
    except ValueError as error:
        raise DataFormatError(f"{path}: time {stamp!r}; expected YYYYMMDD-HHMM in <time>") from error
