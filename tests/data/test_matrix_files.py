"""Traffic matrices in the forms in which their authors give them: read right, or refused with the file and the line."""

from __future__ import annotations

import gzip
import io
import tarfile

import numpy as np
import pandas as pd
import pytest

import edgeopt as eo
from edgeopt.data import abilene, c2tm, sndlib, totem

XML = """<?xml version="1.0"?><network xmlns="http://sndlib.zib.de/network"><meta><time>20040301-{clock}</time>
<unit>MBITPERSEC</unit></meta><demands>{demands}</demands></network>"""
DEMAND = (
    '<demand id="a_b"><source>a</source><target>b</target><demandValue>{value}</demandValue></demand>'
    '<demand id="b_a"><source>b</source><target>a</target><demandValue>1</demandValue></demand>'
)
NATIVE = """?SNDlib native format; type: network; version: 1.0
META (
  granularity  = 5min
  time  = 20040301-{clock}
  unit  = MBITPERSEC
)
NODES (
  a ( 0 0 )
  b ( 0 0 )
)
LINKS (
)
DEMANDS (
  a_b ( a b ) 1 {value} UNLIMITED
  b_a ( b a ) 1 1 UNLIMITED
)
"""
VALUES = {"0000": 4.0, "0005": 5.0, "0015": 6.0}


def xml_files(clocks=VALUES):
    return {f"demandMatrix-x-{c}.xml": XML.format(clock=c, demands=DEMAND.format(value=VALUES[c])) for c in clocks}


def native_files():
    return {f"demandMatrix-x-{c}.txt": NATIVE.format(clock=c, value=value) for c, value in VALUES.items()}


def fill(folder, files):
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        content = text.encode()
        (folder / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return folder


def pack(path, files, mode="w:gz"):
    with tarfile.open(path, mode) as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(f"directed-x-ALL/{name}")
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return path


def expect_the_three(frame):
    assert list(frame.index) == list(pd.date_range("2004-03-01", periods=4, freq="5min"))
    assert list(frame.columns) == [("a", "b"), ("b", "a")]
    np.testing.assert_array_equal(frame["a", "b"], [4e6, 5e6, np.nan, 6e6])


@pytest.mark.parametrize("name", ["m.tgz", "m.tar.gz", "m.TGZ", "download"])
@pytest.mark.parametrize("files", [xml_files(), native_files()], ids=["xml", "native"])
def test_sndlib_s_downloads_are_read_as_they_are(tmp_path, name, files):
    beside = files | {"README.txt": "what is here", "._demandMatrix-x-0000.xml": "\0"}
    expect_the_three(sndlib.read_matrices(pack(tmp_path / name, beside)))


@pytest.mark.parametrize("files", [xml_files(), native_files()], ids=["xml", "native"])
def test_folders_of_either_format_are_read(tmp_path, files):
    expect_the_three(sndlib.read_matrices(fill(tmp_path / "plain", files | {"README.txt": "what is here"})))
    expect_the_three(sndlib.read_matrices(fill(tmp_path / "packed", {f"{n}.gz": text for n, text in files.items()})))
    expect_the_three(sndlib.read_matrices(sorted((tmp_path / "plain").glob("demand*"), reverse=True)))
    with pytest.raises(eo.DataFormatError, match="the time 2004-03-01 00:00:00 was read already"):
        sndlib.read_matrices(fill(tmp_path / "both", xml_files() | native_files()))


def test_a_source_without_a_matrix_is_refused(tmp_path):
    empty = {"a.xml": XML.format(clock="0000", demands="")}
    for source, message in [
        (
            fill(tmp_path / "f", {"README.txt": "nothing"}),
            "no matrix in it; expected files of SNDlib's demand matrices",
        ),
        (pack(tmp_path / "f.tgz", {"README.txt": "nothing"}), "f.tgz: no matrix in it"),
        (fill(tmp_path / "e", empty), "none of 1 files holds a demand"),
        (tmp_path / "nowhere", "nowhere cannot be read: No such file"),
        (fill(tmp_path / "t", {"a.xml": XML.format(clock="", demands="")}), "time '20040301-'; expected YYYYMMDD-HHMM"),
    ]:
        with pytest.raises(eo.DataFormatError, match=message):
            sndlib.read_matrices(source)
    (tmp_path / "foreign.xml").write_text(INTRA.format(date="2005-01-01T00:30:00", unit="", rates=""))
    with pytest.raises(eo.DataFormatError, match=r"<TrafficMatrixFile>; .* for `totem.read_matrices`"):
        sndlib.read_matrices(tmp_path / "foreign.xml")
    (tmp_path / "bare.xml").write_text(xml_files()["demandMatrix-x-0000.xml"].replace(" xmlns", " not"))
    with pytest.raises(eo.DataFormatError, match="<network>; expected SNDlib's <network> in its name space"):
        sndlib.read_demands(tmp_path / "bare.xml")


def test_a_time_off_the_grid_is_refused_with_its_file(tmp_path):
    files = xml_files() | {"x.xml": XML.format(clock="0012", demands=DEMAND.format(value=1))}
    with pytest.raises(eo.DataFormatError, match=r"x\.xml: the time 2004-03-01 00:12:00 is off the grid"):
        sndlib.read_matrices(fill(tmp_path, files | {"y.xml": XML.format(clock="0020", demands="")}))


INTRA = """<?xml version="1.0" encoding="UTF-8"?>
<TrafficMatrixFile xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:noNamespaceSchemaLocation="v1_3.xsd">
<info><date>{date}</date>{unit}</info><IntraTM ASID="20965">{rates}</IntraTM></TrafficMatrixFile>"""
RATES = '<src id="12"><dst id="13">25.5</dst><dst id="2">1</dst></src><src id="2"><dst id="12">{value}</dst></src>'


def intra(date="", unit="", value="3"):
    return INTRA.format(date=date, unit=unit, rates=RATES.format(value=value))


def test_totem_s_originals_are_read(tmp_path):
    files = {f"IntraTM-2005-01-01-00-{m}.xml": intra(value=f"{m}.0") for m in (15, 30)}
    files["IntraTM-2005-01-01-01-00.xml"] = INTRA.format(date="", unit="", rates=RATES[:36] + "</src>")
    for source in (fill(tmp_path / "f", files), pack(tmp_path / "traffic-matrices.tar.bz2", files, "w:bz2")):
        frame = totem.read_matrices(source)
        assert list(frame.index) == list(pd.date_range("2005-01-01 00:15", periods=4, freq="15min"))
        assert frame.columns.levels[0].tolist() == sorted(["2", "12", "13"])
        assert list(frame.columns[:4]) == [("2", "2"), ("2", "12"), ("2", "13"), ("12", "2")]
        np.testing.assert_array_equal(frame["2", "12"], [15e3, 30e3, np.nan, 0])
        np.testing.assert_array_equal(frame["12", "13"], [25.5e3, 25.5e3, np.nan, 25.5e3])
        np.testing.assert_array_equal(frame["13", "2"], [0, 0, np.nan, 0])


def test_totem_s_date_and_unit_are_heeded(tmp_path):
    path = tmp_path / "matrix.xml"
    path.write_text(intra("2005-01-01T00:30:00", '<units><unit type="bandwidth" value="mbps"/></units>'))
    frame = totem.read_matrices(path)
    assert frame.index.tolist() == [pd.Timestamp("2005-01-01 00:30")]
    assert frame["2", "12"].tolist() == [3e6]


def test_originals_and_table_of_totem_agree(genuine, tmp_path):
    table = totem.read_table(genuine / "geant/geant_totem_tm_20050101-04.csv.gz").iloc[:3]
    for time, row in table.iterrows():
        sources = "".join(
            f'<src id="{s}">' + "".join(f'<dst id="{t}">{v / 1e3!r}</dst>' for t, v in row[s].items()) + "</src>"
            for s in row.index.levels[0]
        )
        name = f"IntraTM-{time:%Y-%m-%d-%H-%M}.xml"
        (tmp_path / name).write_text(INTRA.format(date="", unit="", rates=sources))
    frame = totem.read_matrices(tmp_path)
    pd.testing.assert_frame_equal(frame, table, check_freq=False, rtol=1e-14)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (intra(), "<date> is ''; expected YYYY-MM-DDThh:mm:ss"),
        (intra("2005-01-01T00:30:00", value="-1"), "<src id='2'>, <dst id='12'> holds '-1'; expected .* a number >= 0"),
        (intra("2005-01-01T00:30:00", value="nan"), "holds 'nan'"),
        (intra("2005-01-01T00:30:00", value=""), "holds None"),
        (
            intra("2005-01-01T00:30:00").replace('id="13"', 'id="2"'),
            "<src id='12'>, <dst id='2'> holds '1'; .*each pair once",
        ),
        (intra("2005-01-01T00:30:00", '<units><unit type="bandwidth" value="elephants"/></units>'), "unit 'elephants'"),
        (intra("2005-01-01T00:30:00").replace("IntraTM", "InterTM"), "with one <IntraTM>, found 0"),
        (
            intra("2005-01-01T00:30:00").replace("</IntraTM>", '</IntraTM><IntraTM ASID="20965"/>'),
            "with one <IntraTM>, found 2",
        ),
        ("<a/>", "<a>; expected TOTEM's <TrafficMatrixFile>"),
        (XML.format(clock="0000", demands=""), "network>; expected TOTEM's"),
        (INTRA.format(date="2005-01-01T00:30:00", unit="", rates=""), "none of 1 files holds a demand"),
    ],
)
def test_what_is_wrong_with_totem_s_originals_is_said(tmp_path, text, message):
    (tmp_path / "m.xml").write_text(text)
    with pytest.raises(eo.DataFormatError, match=message):
        totem.read_matrices(tmp_path / "m.xml")


TABLE = ["2005-01-01-00-30,9,2,3,4", "2005-01-01-00-45,1,2,3,4"]


@pytest.mark.parametrize(
    "lines",
    [
        TABLE,
        ["\ufeff" + TABLE[0], TABLE[1]],
        ['"2005-01-01-00-30",9,2,3,4', TABLE[1]],
        [" " + TABLE[0], TABLE[1].replace(",", ", ")],
        ["time,a,b,c,d", *TABLE],
        ["\ufefftime,a,b,c,d", *TABLE],
        TABLE[::-1],
    ],
    ids=["plain", "bom", "quotes", "blank", "header", "header with bom", "unsorted"],
)
def test_no_first_row_of_a_totem_table_is_lost(tmp_path, lines):
    path = tmp_path / "t.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    frame = totem.read_table(path, nodes=2)
    np.testing.assert_array_equal(frame, [[9e3, 2e3, 3e3, 4e3], [1e3, 2e3, 3e3, 4e3]])
    assert frame.index[0] == pd.Timestamp("2005-01-01 00:30")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["x" + TABLE[0], TABLE[1]], "line 1: time 'x2005-01-01-00-30'"),
        ([TABLE[0], TABLE[1], TABLE[0]], "line 3: the time 2005-01-01 00:30:00 is there twice"),
        (
            [f"2005-01-01-00-{m},1,2,3,4" for m in ("45", "00", "15", "31")],
            "line 4: the time 2005-01-01 00:31:00 is off the grid of 15 minutes from 2005-01-01 00:00:00",
        ),
        (
            [f"2005-01-01-{c},1,2,3,4" for c in ("01-15", "01-00", "00-00", "00-15", "00-31")],
            "line 5: the time .*00:31:00",
        ),
        ([",1,2,3,4"], "line 1: time ''"),
        ([TABLE[0], "", TABLE[1]], "line 2: 0 rates; expected 2 x 2"),
    ],
)
def test_times_of_a_totem_table_are_checked(tmp_path, lines, message):
    path = tmp_path / "t.csv"
    path.write_text("\n".join(lines))
    with pytest.raises(eo.DataFormatError, match=message):
        totem.read_table(path, nodes=2)


@pytest.mark.parametrize(
    ("week", "matrices", "message"),
    [
        ("2005-01-02", np.ones(4), r"tm_2005-01-02 has shape \(4,\); expected \(time, nodes, nodes\)"),
        ("2005-01-02", np.ones((0, 2, 2)), r"has shape \(0, 2, 2\)"),
        ("2005-01-02", np.array([[[1, 2], [-1, 3]]]), r"tm_2005-01-02\[0, 1, 0\] is -1; expected a number >= 0"),
        ("2005-01-02", np.array([[[1, np.inf], [1, 3]]]), r"tm_2005-01-02\[0, 0, 1\] is inf"),
        ("first", np.ones((1, 2, 2)), "tm_first; expected the time of the first matrix"),
    ],
)
def test_arrays_of_totem_s_archive_are_checked(tmp_path, week, matrices, message):
    np.savez(tmp_path / "t.npz", **{f"tm_{week}": matrices})
    with pytest.raises(eo.DataFormatError, match=message):
        totem.read_archive(tmp_path / "t.npz", week)


def test_abilene_s_originals_hold_the_same_rates(genuine, tmp_path):
    plain = genuine / "abilene/AbileneTM.txt.gz"
    rows = [line.split() for line in gzip.decompress(plain.read_bytes()).decode().splitlines()[:3]]
    originals = tmp_path / "X01.gz"
    text = "".join(" ".join(f"{v} {k}1 {k}2 {k}3 {k}4" for k, v in enumerate(row)) + "\n" for row in rows)
    originals.write_bytes(gzip.compress(text.encode()))
    expected = abilene.read_matrices(plain).iloc[:3]
    pd.testing.assert_frame_equal(abilene.read_matrices(originals), expected)
    last = abilene.read_matrices(originals, series="general tomogravity")
    assert last.iloc[2, 7] == pytest.approx(74 * 800 / 300)
    with pytest.raises(eo.InvalidOptionError, match="holds the measured rates only"):
        abilene.read_matrices(plain, series="simple gravity")
    with pytest.raises(eo.InvalidOptionError, match="series is 'best'; choose from real, simple gravity"):
        abilene.read_matrices(plain, series="best")
    with pytest.raises(eo.InvalidOptionError, match="start is 'spring'"):
        abilene.read_matrices(plain, start="spring")
    originals.write_bytes(gzip.compress((text + " ".join(rows[0])).encode()))
    with pytest.raises(eo.DataFormatError, match="line 4: 144 rates; expected 12 x 12 x 5, as in line 1"):
        abilene.read_matrices(originals)


def test_c2tm_without_a_whole_cluster_is_refused(tmp_path):
    path = tmp_path / "c.csv"
    rows = [f"rrh_{k % 2},2012-08-19 0{k}:00:00+08:00,1" for k in range(4)]
    path.write_text("\n".join(["bs,thour,bytes", *rows]))
    with pytest.raises(eo.DataFormatError, match="no cluster has traffic in all 4 hours"):
        c2tm.read_c2tm(path)
