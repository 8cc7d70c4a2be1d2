"""Network and matrix files that look right and are not: every doubled, cut or odd entry is read right or refused."""

from __future__ import annotations

import gzip
import io
import tarfile

import numpy as np
import pandas as pd
import pytest

import edgeopt as eo
from edgeopt.data import abilene, sndlib, totem
from edgeopt.data.topology import Topology

NATIVE = """?SNDlib native format; type: network; version: 1.0
# a comment
META (
  time  = 20040301-0000
  unit  = MBITPERSEC
)
NODES (
  a ( 0.00 0.00 )
  b ( 0.00 0.00 )
)
LINKS (
  a_b ( a b ) 10.00 0.00 0.00 0.00 ( 40.00 1.00 )
)
DEMANDS (
  a_b ( a b ) 1 4.00 UNLIMITED
)
"""
LINK, DEMAND = (line for line in NATIVE.splitlines(keepends=True) if line.startswith("  a_b"))
XML_LINK = (
    '<link id="L"><source>a</source><target>b</target><preInstalledModule><capacity>10</capacity>'
    "</preInstalledModule></link>"
)
XML_DEMAND = '<demand id="D"><source>a</source><target>b</target><demandValue>4</demandValue></demand>'
XML = f"""<?xml version="1.0" encoding="ISO-8859-1"?>
<network xmlns="http://sndlib.zib.de/network"><meta><time>20040301-0000</time><unit>MBITPERSEC</unit></meta>
<networkStructure><nodes><node id="a"/><node id="b"/></nodes><links>{XML_LINK}</links></networkStructure>
<demands>{XML_DEMAND}</demands></network>
"""


def file(folder, content, name="n.txt"):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("text", [NATIVE, XML], ids=["native", "xml"])
@pytest.mark.parametrize("change", ["", "bom", "crlf", "blank", "gzip"])
def test_both_formats_read_the_same_however_they_were_saved(tmp_path, text, change):
    changed = {"bom": "\ufeff" + text, "crlf": text.replace("\n", "\r\n"), "blank": text + "\n\n"}.get(change, text)
    path = file(tmp_path, gzip.compress(changed.encode()) if change == "gzip" else changed)
    assert sndlib.read_topology(path).capacity.tolist() == [1e7, 1e7]
    assert sndlib.read_demands(path).to_dict() == {("a", "b"): 4e6}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (" a b ) 10", "\ta b\t)  10"),
        ("a_b ( a b ) 10.00", "a_b (a b) 10.00"),
        (" 0.00 ( 40.00 1.00 )", " # half of it is planned"),
        ("LINKS (", "LINKS  ( # none yet"),
    ],
)
def test_blanks_and_comments_of_the_native_format_are_free(tmp_path, old, new):
    assert old in NATIVE
    assert sndlib.read_topology(file(tmp_path, NATIVE.replace(old, new))).capacity.tolist() == [1e7, 1e7]


@pytest.mark.parametrize("value", ["-1", "nan", "inf", "1e999", "10abc", "1.2.3", "10,5", "1_0", '"10"', ""])
def test_a_capacity_or_demand_that_is_no_number_is_refused(tmp_path, value):
    with pytest.raises(eo.DataFormatError, match=r"line 12: 'a_b \( a b \).*'; expected 'name \( source target \) cap"):
        sndlib.read_topology(file(tmp_path, NATIVE.replace(LINK, f"  a_b ( a b ) {value}\n")))
    with pytest.raises(
        eo.DataFormatError, match=r"line 15: 'a_b \( a b \) 1.*'; expected 'name \( source target \) unit"
    ):
        sndlib.read_demands(file(tmp_path, NATIVE.replace(DEMAND, f"  a_b ( a b ) 1 {value}\n")))
    with pytest.raises(eo.DataFormatError, match=rf"<link id='L'> holds '{value}'; expected a number >= 0"):
        sndlib.read_topology(file(tmp_path, XML.replace(">10<", f">{value}<")))
    with pytest.raises(eo.DataFormatError, match=rf"<demand id='D'> holds '{value}'; expected a number >= 0"):
        sndlib.read_demands(file(tmp_path, XML.replace(">4<", f">{value}<")))


@pytest.mark.parametrize(
    ("read", "text", "message"),
    [
        (sndlib.read_topology, NATIVE.replace(LINK, LINK + LINK), "line 13: 'a_b' is there twice; drop one"),
        (sndlib.read_demands, NATIVE.replace(DEMAND, DEMAND + DEMAND), "line 16: 'a_b' is there twice; drop one"),
        (sndlib.read_topology, XML.replace(XML_LINK, XML_LINK * 2), "<link id='L'> is there twice; drop one"),
        (sndlib.read_demands, XML.replace(XML_DEMAND, XML_DEMAND * 2), "<demand id='D'> is there twice; drop one"),
        (sndlib.read_demands, NATIVE + NATIVE, "line 30: the section DEMANDS begins again"),
        (sndlib.read_topology, NATIVE.replace(LINK, ""), "no link"),
        (sndlib.read_topology, XML.replace(XML_LINK, ""), "no link"),
        (sndlib.read_demands, NATIVE.replace(DEMAND, ""), "no demand in it; `read_matrices` reads empty matrices"),
        (sndlib.read_demands, XML.replace(XML_DEMAND, ""), "no demand in it"),
        (sndlib.read_demands, NATIVE.replace("( a b ) 1 4", "( a c ) 1 4"), "a demand from 'a' to 'c'; expected two"),
        (
            sndlib.read_demands,
            XML.replace(XML_DEMAND, XML_DEMAND.replace(">b<", ">c<")),
            "a demand from 'a' to 'c'; expected two nodes of the file",
        ),
        (sndlib.read_demands, NATIVE[:-3], "no complete section DEMANDS"),
    ],
)
def test_doubled_and_missing_entries_are_refused(tmp_path, read, text, message):
    with pytest.raises(eo.DataFormatError, match=message):
        read(file(tmp_path, text))


def test_parallel_links_and_demands_are_added_up(tmp_path):
    path = file(
        tmp_path, NATIVE.replace(LINK, LINK + LINK.replace("a_b", "x")).replace("4.00", "4.00\n  y ( a b ) 1 2")
    )
    assert sndlib.read_topology(path).capacity.tolist() == [2e7, 2e7]
    assert sndlib.read_demands(path).tolist() == [6e6]


def test_a_demand_is_in_units_of_its_own(tmp_path):
    """SNDlib: a routing unit is what one unit of the demand takes of a link's capacity."""
    assert sndlib.read_demands(file(tmp_path, NATIVE.replace(") 1 4.00", ") 2.5 4.00"))).tolist() == [1e7]
    unit = "<routingUnit>2.5</routingUnit><demandValue>"
    assert sndlib.read_demands(file(tmp_path, XML.replace("<demandValue>", unit))).tolist() == [1e7]


def test_the_encoding_that_sndlib_declares_is_heeded(tmp_path):
    text = XML.replace('"b"', '"Köln"').replace(">b<", ">Köln<")
    assert sndlib.read_topology(file(tmp_path, text.encode("iso-8859-1"))).nodes == ("a", "Köln")
    with pytest.raises(eo.DataFormatError, match="not text .* expected UTF-8, save it so"):
        sndlib.read_topology(file(tmp_path, text.replace("ISO-8859-1", "UTF-8").encode("iso-8859-1")))


NAMES = [f"demandMatrix-x-{clock}.xml" for clock in ("0000", "0005", "0010")]


def sndlib_day():
    return {name: XML.replace("20040301-0000", f"20040301-{name[15:19]}") for name in NAMES}


def intra_day():
    matrix = '<TrafficMatrixFile><IntraTM><src id="1"><dst id="2">4000</dst></src></IntraTM></TrafficMatrixFile>'
    return {f"IntraTM-2005-01-01-00-{minute}.xml": matrix for minute in ("00", "15", "30")}


def folder_of(path, files):
    path.mkdir()
    for name, content in files.items():
        file(path, content, name)
    return path


def archive_of(path, files):
    archive_path = path.with_suffix(".tgz")
    with tarfile.open(archive_path, "w:gz") as archive:
        for name, content in files.items():
            raw = content if isinstance(content, bytes) else content.encode()
            member = tarfile.TarInfo(f"day/{name}")
            member.size = len(raw)
            archive.addfile(member, io.BytesIO(raw))
    return archive_path


DAYS = [(sndlib.read_matrices, sndlib_day(), ("a", "b")), (totem.read_matrices, intra_day(), ("1", "2"))]


@pytest.mark.parametrize("make", [folder_of, archive_of])
@pytest.mark.parametrize(("read", "files", "pair"), DAYS, ids=["sndlib", "totem"])
def test_no_matrix_of_a_source_is_passed_over(tmp_path, make, read, files, pair):
    second = list(files)[1]
    for number, name in enumerate([f"{second}.gz", second.upper().replace("INTRATM", "IntraTM"), second]):
        content = gzip.compress(files[second].encode()) if name.endswith(".gz") else files[second]
        others = {key: text for key, text in files.items() if key != second} | {name: content, "README.txt": "a day"}
        frame = read(make(tmp_path / f"good{number}", others | {f"._{second}": "\0"}))
        assert frame[pair].tolist() == [4e6] * 3
    for number, content in enumerate(["", "garbage", b"\xff\xfe\0", "<network"]):
        with pytest.raises(eo.DataFormatError, match=second):
            read(make(tmp_path / f"bad{number}", files | {second: content}))
    with pytest.raises(eo.DataFormatError, match="was read already; give each interval once"):
        read(make(tmp_path / "twice", files | {f"{second}.gz": gzip.compress(files[second].encode())}))


def test_a_native_matrix_without_its_first_line_is_read_not_passed_over(tmp_path):
    headless = NATIVE.split("\n", 1)[1]
    frame = sndlib.read_matrices(folder_of(tmp_path / "f", {"demandMatrix-x.txt": headless, "notes.txt": "a day"}))
    assert frame["a", "b"].tolist() == [4e6]


TABLE = """Node_num: 3\tEdge_num: 3
Link_index\tSource\tDestination\tOSPF\tCapacity(kbps)
0\t0\t1\t1\t9920
1\t1\t0\t1\t9920
2\t1\t2\t1\t100
"""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TABLE.replace(": 3\n", ": 4\n") + "2\t1\t2\t1\t100\n", "line 6: index 2; expected 3, each link once"),
        (TABLE.replace("\n1\t", "\n5\t"), "line 4: index 5; expected 1"),
        (TABLE.replace("\t100\n", "\t-1\n"), "line 5: .*expected index, tail, head, OSPF, capacity"),
        (TABLE.replace("\t100\n", "\t0\n"), r"capacity\[2\] is 0"),
        (TABLE.replace("Link_index\tSource\tDestination\tOSPF\tCapacity(kbps)\n", ""), "line 3: index 1; expected 0"),
    ],
)
def test_links_of_abilene_are_there_once(tmp_path, text, message):
    assert len(abilene.read_topology(file(tmp_path, TABLE)).links) == 3
    with pytest.raises(eo.DataFormatError, match=message):
        abilene.read_topology(file(tmp_path, text))


def test_a_matrix_of_abilene_that_is_copied_is_refused(tmp_path):
    day = "1 2 3 4\n5 6 7 8\n"
    with pytest.raises(eo.DataFormatError, match="line 3: the matrix of line 2 again; drop one of them"):
        abilene.read_matrices(file(tmp_path, day + "5 6 7  8\n"), nodes=2)
    silent = abilene.read_matrices(file(tmp_path, day + "0 0 0 0\n" * 2), nodes=2)
    assert len(silent) == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"nodes": 0}, "nodes is 0; expected 1 or more"),
        ({"nodes": -2}, "nodes is -2"),
        ({"start": 5, "nodes": 2}, "start is 5; expected a time"),
    ],
)
def test_impossible_options_of_abilene_are_refused(tmp_path, options, message):
    with pytest.raises(eo.InvalidOptionError, match=message):
        abilene.read_matrices(file(tmp_path, "1 2 3 4\n"), **options)


@pytest.mark.parametrize("value", ["1_0", "-1", "nan", "inf", "1e999", ""])
def test_a_rate_that_is_no_number_is_refused(tmp_path, value):
    with pytest.raises(eo.DataFormatError, match=rf"line 1, rate 2: '{value or '3'}'|line 1: 3 rates"):
        abilene.read_matrices(file(tmp_path, f"1 {value} 3 4\n"), nodes=2)
    with pytest.raises(eo.DataFormatError, match=rf"line 1, rate 2: '{value}'"):
        totem.read_table(file(tmp_path, f"2005-01-01-00-30,1,{value},3,4\n"), nodes=2)
    text = next(iter(intra_day().values())).replace("4000", value)
    with pytest.raises(eo.DataFormatError, match="<src id='1'>, <dst id='2'> holds"):
        totem.read_matrices(file(tmp_path, text, "IntraTM-2005-01-01-00-00.xml"))


DOMAIN = """<domain><topology><nodes><node id="1"/><node id="2"/></nodes><links>{links}</links></topology></domain>"""
DOMAIN_LINK = '<link id="1_2"><from node="1"/><to node="2"/>{bandwidth}</link>'


@pytest.mark.parametrize("value", ["-5", "0", "nan", "inf", "1_0", "x"])
def test_a_capacity_of_totem_is_positive_or_absent(tmp_path, value):
    link = DOMAIN_LINK.format(bandwidth=f"<bw>{value}</bw>")
    with pytest.raises(
        eo.DataFormatError, match=rf"<bw> of link '1_2' is '{value}'; expected a number > 0, or nothing"
    ):
        totem.read_topology(file(tmp_path, DOMAIN.format(links=link)))
    for bandwidth, capacity in (("", np.nan), ("<bw/>", np.nan), ("<bw> 5 </bw>", 5e3)):
        path = file(tmp_path, DOMAIN.format(links=DOMAIN_LINK.format(bandwidth=bandwidth)))
        np.testing.assert_array_equal(totem.read_topology(path).capacity, [capacity])
    with pytest.raises(eo.DataFormatError, match="<link id='1_2'> is there twice"):
        totem.read_topology(file(tmp_path, DOMAIN.format(links=DOMAIN_LINK.format(bandwidth="") * 2)))


@pytest.mark.parametrize("capacity", [-5.0, np.inf, 0.0])
def test_a_capacity_is_positive_or_unknown(capacity):
    with pytest.raises(eo.InvalidProblemError, match=r"capacity\[0\] is .*must be positive and finite, or nan"):
        Topology(("a", "b"), [[0, 1]], [capacity])
    assert np.isnan(Topology(("a", "b"), [[0, 1]], [np.nan]).capacity).all()


@pytest.mark.parametrize(
    ("matrices", "message"),
    [(np.full((1, 2, 2), "1"), "type <U1; expected real numbers"), (np.ones((1, 2, 2)) * 1j, "type complex128")],
)
def test_arrays_of_totem_s_archive_are_real(tmp_path, matrices, message):
    np.savez(tmp_path / "t.npz", **{"tm_2005-01-02": matrices})
    with pytest.raises(eo.DataFormatError, match=message):
        totem.read_archive(tmp_path / "t.npz")
    np.savez(tmp_path / "t.npz", **{"tm_2005-01-02": np.ones((2, 2, 2))})
    with pytest.raises(eo.InvalidOptionError, match="step_minutes is 0; expected 1 or more"):
        totem.read_archive(tmp_path / "t.npz", step_minutes=0)
    assert totem.read_archive(tmp_path / "t.npz").index[1] == pd.Timestamp("2005-01-02 00:15")
