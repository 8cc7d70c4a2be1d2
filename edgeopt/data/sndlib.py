"""SNDlib's networks and traffic matrices (Orlowski et al., Networks 55(3), 2010), in both of its formats.

A network file holds nodes, undirected links and demands; a matrix file the demands of one interval. Here a link becomes
one directed link each way, a demand a rate in bit/s from its source to its target, and many matrices one frame of time
by demand. An interval without a file, or whose file holds no demand, is a row of nan: nothing is interpolated.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import numpy as np

from ..model.errors import DataFormatError, InvalidProblemError
from .matrix_files import matrix_frame
from .text_file import read_text
from .topology import Topology

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
    import pandas as pd

    path = Path(path)
    found = _demands(path, read_text(path))
    index = pd.MultiIndex.from_tuples(list(found), names=["source", "target"]) if found else None
    return pd.Series(list(found.values()), index=index, dtype=float, name="demand")


def read_matrices(source: str | Path | Iterable[str | Path]) -> pd.DataFrame:
    """Read the matrices of many intervals.

    Parameters
    ----------
    source : path or iterable of paths
        A folder or a tar archive (``.tgz``, ``.tar.xz``, …) of XML or native files, or the files.

    Returns
    -------
    DataFrame
        Demands in bit/s, one row for each interval of the regular grid and one column for each (source, target). An
        interval that is missing or empty is a row of nan; a pair that a matrix leaves out is 0 there.

    Raises
    ------
    DataFormatError
        If a file is malformed or another's format, there is no file or no demand, two files hold the same time, or a
        time is off the grid of the others.
    """
    return matrix_frame(
        source, _time, _demands, "files of SNDlib's demand matrices, demandMatrix-….xml or .txt, in the folder itself"
    )


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


def _demands(path: Path, text: str) -> dict[tuple[str, str], float]:
    found: dict[tuple[str, str], float] = {}
    scale = _scale(path, text)
    for source, target, value in _demand_entries(path, text):
        found[source, target] = found.get((source, target), 0.0) + scale * value
    return found


def _demand_entries(path: Path, text: str) -> Iterator[tuple[str, str, float]]:
    if text.lstrip().startswith("<"):
        root = parse_xml(path, text)
        if root.tag != f"{_NAMESPACE}network":
            kind = root.tag.rpartition("}")[2]
            other = "; TOTEM's matrices are for `totem.read_matrices`" if kind == "TrafficMatrixFile" else ""
            raise DataFormatError(f"{path}: <{kind}>; expected SNDlib's <network> in its name space{other}")
        for demand in root.iter(f"{_NAMESPACE}demand"):
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
    time = pd.to_datetime(stamp, format="%Y%m%d-%H%M", errors="coerce")
    if pd.isna(time):
        raise DataFormatError(f"{path}: time {stamp!r}; expected YYYYMMDD-HHMM in <time>, or as time in META")
    return time
