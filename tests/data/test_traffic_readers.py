"""Readers of traffic matrices and topologies: the real files, and files that are wrong in every way."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

import edgeopt as eo
from edgeopt.data import (
    abilene,
    kaggle_flows,
    sndlib,
    totem,
)
from edgeopt.data.topology import Topology
from edgeopt.data.traffic_frames import gaps, glitches, largest


def test_geant_has_23_nodes_and_74_links(excerpts):
    found = totem.read_topology(excerpts / "geant/original_format/Geant-topology-anonymised.xml")
    assert (len(found.nodes), len(found.links)) == (23, 74)
    pytest.importorskip("networkx")
    import networkx as nx

    assert nx.is_strongly_connected(found.graph())


def test_all_sndlib_networks_are_there(data_dir):
    assert len(list((data_dir / "sndlib/native").iterdir())) == 26


def test_every_sndlib_network_reads_and_both_formats_agree(genuine):
    for path in sorted((genuine / "sndlib/native").iterdir()):
        assert len(sndlib.read_topology(path).links) > 0
        assert (sndlib.read_demands(path) >= 0).all()
    for path in (genuine / "sndlib/xml").iterdir():
        other = genuine / "sndlib/native" / f"{path.stem}.txt"
        one, two = sndlib.read_topology(path), sndlib.read_topology(other)
        assert set(one.link_names) == set(two.link_names)
        assert sndlib.read_demands(path).sort_index().equals(sndlib.read_demands(other).sort_index())
    assert np.nanmax(sndlib.read_topology(genuine / "sndlib/native/abilene.txt").capacity) == 9920e6


def test_the_matrices_of_the_archive_are_those_of_the_arrays_with_gaps_explicit(genuine):
    folder = genuine / "geant"
    frame = sndlib.read_matrices(folder / "original_format/sndlib-geant-uhlig-15min-20050504-20050507.tar.xz")
    with np.load(folder / "geant_sndlib_tm_15min_20050504-07.npz") as held:
        nodes, expected = list(held["nodes"]), held["tm"]
    assert len(frame) == len(expected)
    for (source, target), demand in frame.items():
        column = expected[2:, nodes.index(source), nodes.index(target)]
        np.testing.assert_allclose(demand.to_numpy()[2:] / 1e6, column, rtol=1e-6, atol=1e-6)
    assert gaps(frame).intervals.tolist() == [2]  # the first two matrices are empty


def test_loose_files_of_one_day_leave_the_grid_open_between_them(genuine):
    folder = genuine / "abilene/original_format"
    frame = sndlib.read_matrices(folder)
    clocks = sorted(path.stem[-4:] for path in folder.iterdir())
    assert frame.index[0].isoformat() == "2004-03-01T00:00:00"
    assert [time.strftime("%H%M") for time in frame.dropna().index] == clocks
    assert len(frame) == {2: 2, 4: 145}[len(clocks)]  # the nearest two are an interval apart: 10 minutes, or 5


def test_abilene_text_is_the_sndlib_data_in_another_unit(genuine):
    frame = abilene.read_matrices(genuine / "abilene/AbileneTM.txt.gz")
    with np.load(genuine / "abilene/abilene_sndlib_tm_5min.npz") as held:
        expected = held["tm"][: len(frame)]
    ours = frame.to_numpy().reshape(-1, 12, 12) / 1e6
    off = ~np.eye(12, dtype=bool)
    assert np.median(ours[:, off][expected[:, off] > 0] / expected[:, off][expected[:, off] > 0]) == pytest.approx(1.0)
    topology = abilene.read_topology(genuine / "abilene/Abilene_topology.txt")
    assert (len(topology.nodes), len(topology.links)) == (12, 30)


def test_totem_table_and_archive_agree(genuine):
    folder = genuine / "geant"
    table = totem.read_table(folder / "geant_totem_tm_20050101-04.csv.gz")
    archive = totem.read_archive(folder / "geant_totem_tm_15min.npz", "2005-01-01T00:30_exact")
    np.testing.assert_allclose(table.to_numpy(), archive.to_numpy(), rtol=1e-6)
    with pytest.raises(eo.InvalidOptionError, match="it holds 2005-01-01T00:30_exact"):
        totem.read_archive(folder / "geant_totem_tm_15min.npz", "2006-01-01")


def test_known_glitches_are_reported(data_dir):
    folder = data_dir / "geant"
    january = totem.read_archive(folder / "geant_totem_tm_15min.npz")
    assert glitches(january).tolist() == [1160, 1161]
    february = totem.read_archive(folder / "geant_totem_tm_15min.npz", "2005-02-15")
    assert set(glitches(february)) == {270, 271, 479, 480, 588, 589, 590}
    top = largest(january, 5).sum()
    assert top.is_monotonic_decreasing
    assert top.iloc[0] == january.sum().max()


def test_kaggle_flows_add_up(any_data):
    frame = kaggle_flows.read_flows(any_data / "kaggle_computer_network_traffic/cs448b_ipasn.csv")
    assert frame.shape == (92, 10)
    lines = (any_data / "kaggle_computer_network_traffic/cs448b_ipasn.csv").read_text().splitlines()[1:]
    assert frame.sum().sum() == sum(int(line.rsplit(",", 1)[1]) for line in lines)
    assert frame["1"].isna().any()


MATRIX = """<?xml version="1.0"?><network xmlns="http://sndlib.zib.de/network"><meta><time>20050505-1200</time>
<unit>MBITPERSEC</unit></meta><demands><demand id="a_b"><source>a</source><target>b</target>
<demandValue>{value}</demandValue></demand></demands></network>"""
NATIVE = "META (\n unit = MBITPERSEC\n)\nNODES (\n a ( 0 0 )\n b ( 0 0 )\n)\nLINKS (\n L ( a {head} ) {capacity} 0 0 0 ( )\n)\n"


@pytest.mark.parametrize(
    ("read", "name", "content", "message"),
    [
        (
            sndlib.read_demands,
            "m.xml",
            MATRIX.format(value="-1"),
            r"demand id='a_b'> holds '-1'; expected a number >= 0",
        ),
        (sndlib.read_demands, "m.xml", MATRIX.format(value="much"), "holds 'much'"),
        (sndlib.read_demands, "m.xml", MATRIX.format(value="nan"), "holds 'nan'"),
        (sndlib.read_demands, "m.xml", "<network>", "line 1: not well-formed XML"),
        (sndlib.read_demands, "m.xml", '<!DOCTYPE x [<!ENTITY y "z">]><x/>', "document type declaration"),
        (sndlib.read_demands, "m.xml", MATRIX.format(value="1").replace("MBITPERSEC", "FURLONGS"), "unit 'FURLONGS'"),
        (sndlib.read_demands, "m.xml", MATRIX.format(value="1").replace("<target>b</target>", ""), "has no <target>"),
        (sndlib.read_matrices, "m.xml", MATRIX.format(value="1").replace("20050505-1200", "noon"), "time 'noon'"),
        (sndlib.read_topology, "n.txt", NATIVE.format(head="c", capacity=1), "unknown node 'c'"),
        (sndlib.read_topology, "n.txt", NATIVE.format(head="a", capacity=1), "must lead to another node"),
        (sndlib.read_topology, "n.txt", NATIVE.format(head="b", capacity="x"), "line 9"),
        (sndlib.read_topology, "n.txt", "nothing", "no complete section NODES"),
        (sndlib.read_topology, "n.xml", "<a/>", "no <node>"),
        (totem.read_topology, "t.xml", "<domain/>", "no topology/nodes/node"),
        (totem.read_table, "t.csv", "2005-01-01-00-30,1,2\n", "line 1: 2 rates; expected 23 x 23"),
        (totem.read_table, "t.csv", "2005-01-01-00-30" + ",1" * 528 + ",x\n", "line 1, rate 529: 'x'"),
        (totem.read_table, "t.csv", "2005-13-01-00-30" + ",1" * 529 + "\n", "line 1: time '2005-13-01-00-30'"),
        (totem.read_table, "t.csv", "time\n", "no matrix"),
        (totem.read_archive, "t.npz", "no archive", "no readable array archive"),
        (abilene.read_matrices, "a.txt", "1 2 3\n", "line 1: 3 rates"),
        (abilene.read_matrices, "a.txt", "", "empty"),
        (abilene.read_topology, "a.txt", "Node_num: 2 Edge_num: 1\nh\n0 0 1 1\n", "line 3"),
        (abilene.read_topology, "a.txt", "Node_num: 2 Edge_num: 2\nh\n0 0 1 1 9\n", "line 1 announces 2"),
        (kaggle_flows.read_flows, "k.csv", "date,l_ipn,r_asn,f\n2006-99-01,1,7,2\n", "line 2: date '2006-99-01'"),
        (kaggle_flows.read_flows, "k.csv", "date,l_ipn,r_asn,f\n2006-07-01,1,7,-2\n", "line 2: f is '-2'"),
        (kaggle_flows.read_flows, "k.csv", "date,l_ipn,r_asn\n2006-07-01,1,7\n", "no column 'f'"),
        (
            kaggle_flows.read_flows,
            "k.csv",
            "date,l_ipn,r_asn,f\n2006-07-01,1,7,2\n2006-07-01,1,8,2\n2006-07-01,1,7,5\n",
            "line 4: date 2006-07-01, l_ipn 1, r_asn 7 is in line 2 already; drop one of the two",
        ),
        (kaggle_flows.read_flows, "k.csv", "date,l_ipn,r_asn,f,f\n2006-07-01,1,7,2,3\n", "column 'f' is there twice"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(read, name, content, message, tmp_path):
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(eo.DataFormatError, match=message):
        read(path)


@pytest.mark.parametrize("read", [sndlib.read_demands, totem.read_table, abilene.read_matrices])
def test_missing_and_damaged_files_are_named(read, tmp_path):
    with pytest.raises(eo.DataFormatError, match="nowhere"):
        read(tmp_path / "nowhere.txt.gz")
    cut = tmp_path / "cut.txt.gz"
    cut.write_bytes(gzip.compress(b"1 2 3" * 1000)[:40])
    with pytest.raises(eo.DataFormatError, match="damaged gzip"):
        read(cut)


def test_the_same_interval_twice_is_refused(tmp_path):
    for name in "ab":
        (tmp_path / f"{name}.xml").write_text(MATRIX.format(value="1"))
    with pytest.raises(eo.DataFormatError, match="2005-05-05 12:00:00 was read already"):
        sndlib.read_matrices(tmp_path)
    (tmp_path / "x.tar.xz").write_text("no archive")
    with pytest.raises(eo.DataFormatError, match="damaged or unreadable archive"):
        sndlib.read_matrices(tmp_path / "x.tar.xz")


@pytest.mark.parametrize(
    ("nodes", "links", "capacity", "message"),
    [
        (("a", "a"), [[0, 1]], [1.0], "nodes holds 'a' twice"),
        (("a", "b"), [[0, 2]], [1.0], r"links\[0, 1\] is 2"),
        (("a", "b"), [[0, 1], [0, 1]], [1.0, 1.0], "a -> b is given twice"),
        (("a", "b"), [[0, 1]], [0.0], r"capacity\[0\] is 0.0"),
        (("a", "b"), [[0, 1]], [1.0, 2.0], r"capacity has shape \(2,\)"),
    ],
)
def test_a_topology_that_is_none_is_refused(nodes, links, capacity, message):
    with pytest.raises(eo.InvalidProblemError, match=message):
        Topology(nodes, links, capacity)
