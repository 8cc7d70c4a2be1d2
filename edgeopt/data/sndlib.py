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
from .text_file import amount, read_text
from .topology import Topology

if TYPE_CHECKING:
    import pandas as pd

_UNITS = {"MBITPERSEC": 1e6, "BITSPERSEC": 1.0}
_NAMESPACE = "{http://sndlib.zib.de/network}"


def read_topology(path: str | Path) -> Topology:
    """Read the network of a native (``.txt``, ``.txt.gz``) or XML file.

    Parameters
    ----------
    path : path
        The file; a link's pre-installed capacity counts in each direction (unless the file lists both), none is nan.

    Raises
    ------
    DataFormatError
        If the file is missing, malformed, holds no link or one of them twice, or names an unknown node; with the line
        or the element.
    """
    path = Path(path)
    text = read_text(path)
    nodes, links = _xml_network(path, text) if text.lstrip().startswith("<") else _native_network(path, text)
    if not links:
        raise DataFormatError(f"{path}: no link; expected a network")
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

    A demand is its value in units of its own (``routing unit``), 1 in all of SNDlib's matrices.

    Raises
    ------
    DataFormatError
        If the file is malformed or holds no demand, or a demand is negative, no number, there twice, or between nodes
        that the file does not list.
    """
    import pandas as pd

    path = Path(path)
    found = _demands(path, read_text(path))
    if not found:
        raise DataFormatError(f"{path}: no demand in it; `read_matrices` reads empty matrices among others")
    index = pd.MultiIndex.from_tuples(list(found), names=["source", "target"])
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
    for link in _each_once(path, root, "link"):
        capacity = link.findtext(f"{_NAMESPACE}preInstalledModule/{_NAMESPACE}capacity", "0")
        links.append((_child(path, link, "source"), _child(path, link, "target"), _number(path, link, capacity)))
    return nodes, links


def _each_once(path: Path, root: ElementTree.Element, kind: str) -> Iterator[ElementTree.Element]:
    """Yield the elements of a kind; an id that is there twice is a copy, parallel ones have ids of their own."""
    seen: set[str] = set()
    for element in root.iter(_NAMESPACE + kind):
        name = element.get("id") or ""
        if name in seen:
            raise DataFormatError(
                f"{path}: <{kind} id={name!r}> is there twice; drop one, or give each an id of its own"
            )
        seen.add(name)
        yield element


def _child(path: Path, element: ElementTree.Element, name: str) -> str:
    text = element.findtext(_NAMESPACE + name)
    if text is None:
        kind = element.tag.removeprefix(_NAMESPACE)
        raise DataFormatError(f"{path}: <{kind} id={element.get('id')!r}> has no <{name}>")
    return text.strip()


def _number(path: Path, element: ElementTree.Element, text: str) -> float:
    if np.isnan(value := amount(text)):
        kind = element.tag.removeprefix(_NAMESPACE)
        raise DataFormatError(
            f"{path}: <{kind} id={element.get('id')!r}> holds {text.strip()!r}; expected a number >= 0"
        )
    return value


def _native_network(path: Path, text: str) -> tuple[list[str], list[tuple[str, str, float]]]:
    nodes = [fields[0] for _, fields in _section(path, text, "NODES")]
    links = [(source, target, capacity) for source, target, (capacity,) in _native_entries(path, text, "LINKS", 1)]
    return nodes, links


_ENTRY = {"LINKS": "name ( source target ) capacity …", "DEMANDS": "name ( source target ) unit value …"}


def _native_entries(path: Path, text: str, section: str, numbers: int) -> Iterator[tuple[str, str, list[float]]]:
    """Yield source, target and the first `numbers` of each line of a section."""
    seen: set[str] = set()
    for number, fields in _section(path, text, section):
        values = [amount(field) for field in fields[5 : 5 + numbers]]
        if fields[1::3][:2] != ["(", ")"] or len(values) < numbers or np.isnan(values).any():
            line = " ".join(fields)
            raise DataFormatError(
                f"{path}, line {number}: {line!r}; expected {_ENTRY[section]!r}, numbers finite and >= 0"
            )
        if fields[0] in seen:
            raise DataFormatError(f"{path}, line {number}: {fields[0]!r} is there twice; drop one, or rename it")
        seen.add(fields[0])
        yield fields[2], fields[3], values


def _section(path: Path, text: str, name: str) -> list[tuple[int, list[str]]]:
    """Return the lines of one section of a native file as fields, with their numbers."""
    found: list[tuple[int, list[str]]] = []
    place = ""
    for number, line in enumerate(text.splitlines(), 1):
        fields = line.partition("#")[0].replace("(", " ( ").replace(")", " ) ").split()
        if fields == [name, "("]:
            if place:
                raise DataFormatError(f"{path}, line {number}: the section {name} begins again; expected it once")
            place = "inside"
        elif place == "inside" and fields == [")"]:
            place = "behind"
        elif place == "inside" and fields:
            found.append((number, fields))
    if place != "behind":
        raise DataFormatError(f"{path}: no complete section {name} ( … ); expected SNDlib's native format or XML")
    return found


def _demands(path: Path, text: str) -> dict[tuple[str, str], float]:
    found: dict[tuple[str, str], float] = {}
    scale = _scale(path, text)
    nodes, entries = (_xml_demands if text.lstrip().startswith("<") else _native_demands)(path, text)
    for source, target, value in entries:
        if nodes and not {source, target} <= nodes:
            raise DataFormatError(f"{path}: a demand from {source!r} to {target!r}; expected two nodes of the file")
        found[source, target] = found.get((source, target), 0.0) + scale * value
    return found


_Demands = tuple[set[str], list[tuple[str, str, float]]]
"""The nodes that a file lists, and source, target and rate of its demands in the file's unit."""


def _xml_demands(path: Path, text: str) -> _Demands:
    root = parse_xml(path, text)
    if root.tag != f"{_NAMESPACE}network":
        kind = root.tag.rpartition("}")[2]
        other = "; TOTEM's matrices are for `totem.read_matrices`" if kind == "TrafficMatrixFile" else ""
        raise DataFormatError(f"{path}: <{kind}>; expected SNDlib's <network> in its name space{other}")
    entries = []
    for demand in _each_once(path, root, "demand"):
        unit = _number(path, demand, demand.findtext(f"{_NAMESPACE}routingUnit", "1"))
        value = unit * _number(path, demand, _child(path, demand, "demandValue"))
        entries.append((_child(path, demand, "source"), _child(path, demand, "target"), value))
    return {node.get("id") or "" for node in root.iter(f"{_NAMESPACE}node")}, entries


def _native_demands(path: Path, text: str) -> _Demands:
    entries = _native_entries(path, text, "DEMANDS", 2)
    demands = [(source, target, unit * value) for source, target, (unit, value) in entries]
    return {fields[0] for _, fields in _section(path, text, "NODES")}, demands


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
