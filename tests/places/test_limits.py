"""Files that unpack to too much, that never end, or that cannot be put where they belong, are refused in words."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tarfile
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest

import edgeopt as eo
from edgeopt.data import milano, sndlib, totem
from edgeopt.data.archive import unpack
from edgeopt.data.text_file import read_text
from edgeopt.exchange import file_limits as limits

SMALL = 1_000_000
"""Bytes that files may unpack to in these tests."""


@pytest.fixture(autouse=True)
def _small_limits(monkeypatch):
    monkeypatch.setattr(limits, "LEAST", SMALL)
    monkeypatch.setattr(limits, "RATIO", 20)


def hangs(work) -> bool:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(60)
    return thread.is_alive()


def bomb(path: Path, size: int = 20 * SMALL, name: str = "values") -> Path:
    """An npz archive of few bytes that unpacks to `size` and more."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open(f"{name}.npy", "w") as file:
        np.lib.format.write_array(file, np.zeros(size // 8))
    return path


def saved_with(path: Path, arrays: Path) -> Path:
    digest = hashlib.sha256(arrays.read_bytes()).hexdigest()
    named = arrays.rename(path.with_name(f"{path.name}.{digest[:16]}.npz"))
    head = {"edgeopt": 1, "type": "Point", "arrays": named.name, "sha256": digest, "values": {"array": "values"}}
    path.write_text(json.dumps(head))
    return path


def test_few_bytes_of_npz_do_not_become_many(tmp_path):
    path = saved_with(tmp_path / "p.json", bomb(tmp_path / "a"))
    with pytest.raises(
        eo.DataFormatError, match=r"p\.json\..*npz has \d+ bytes .*unpack to 20000.*limit is 1000000.*EDGEOPT"
    ):
        eo.load(path)


def test_who_trusts_a_file_may_raise_the_limit(tmp_path, monkeypatch):
    path = saved_with(tmp_path / "p.json", bomb(tmp_path / "a"))
    monkeypatch.setenv(limits.VARIABLE, str(30 * SMALL))
    assert eo.load(path).values.size == 20 * SMALL // 8
    monkeypatch.setenv(limits.VARIABLE, "many")
    with pytest.raises(eo.InvalidOptionError, match="EDGEOPT_MAX_UNPACKED is 'many'; expected a number of bytes"):
        eo.load(path)


def test_what_edgeopt_saves_is_never_too_large(tmp_path):
    problem = eo.OfflineOffloading(np.zeros(SMALL), np.ones(SMALL))
    eo.save(problem, tmp_path / "p.json")
    assert eo.load(tmp_path / "p.json").samples == SMALL


def test_readers_of_arrays_and_texts_have_the_same_limit(tmp_path):
    tensors = bomb(tmp_path / "t.npz", name="tm_2005-01-02")
    for read in (milano.read_grid_blocks, totem.read_archive):
        with pytest.raises(eo.DataFormatError, match="would unpack to 20000128 or more; the limit is 1000000"):
            read(tensors)
    demands = tarred(tmp_path / "d.tar.gz", *((f"{i}.txt", b"0" * SMALL) for i in range(3)))
    with pytest.raises(eo.DataFormatError, match="would unpack to 2000000 or more"):
        sndlib.read_matrices(demands)
    packed = tmp_path / "long.txt.gz"
    packed.write_bytes(gzip.compress(b"0" * (3 * SMALL)))
    for read in (read_text, sndlib.read_topology):
        with pytest.raises(eo.DataFormatError, match="would unpack to more; the limit is 1000000"):
            read(packed)
    model = tmp_path / "long.mps.gz"
    model.write_bytes(packed.read_bytes())
    with pytest.raises(eo.DataFormatError, match="would unpack to more; the limit is 1000000"):
        eo.Program.read(model)


def test_a_gzip_file_of_several_parts_is_read_whole_and_a_cut_one_refused(tmp_path):
    path = tmp_path / "parts.txt.gz"
    path.write_bytes(gzip.compress(b"one ") + gzip.compress(b"two") + b"\0" * 9)
    assert read_text(path) == "one two"
    path.write_bytes(gzip.compress(b"one two three")[:-3])
    with pytest.raises(eo.DataFormatError, match="damaged gzip"):
        read_text(path)
    path.write_bytes(b"")
    assert read_text(path) == ""


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_refused_and_does_not_hang(tmp_path):
    for name, read in (
        ("p.json", eo.load),
        ("p.mps", eo.Program.read),
        ("p.lp.gz", eo.Program.read),
        ("p.txt", read_text),
        ("p.tar", lambda path: unpack(path, tmp_path / "out")),
        ("q.txt", milano.read_original),
    ):
        path, said = tmp_path / name, []
        os.mkfifo(path)

        def attempt(path=path, read=read, said=said):
            try:
                read(path)
            except eo.DataFormatError as error:
                said.append(str(error))

        assert not hangs(attempt), name
        assert "it is a pipe, socket or device; expected a file" in said[0]
    saved_with(tmp_path / "r.json", bomb(tmp_path / "a", 800))
    arrays = next(tmp_path.glob("r.json.*.npz"))
    arrays.unlink()
    os.mkfifo(arrays)

    def load_without_arrays():
        with pytest.raises(eo.DataFormatError, match="the arrays of .*cannot be read: it is a pipe"):
            eo.load(tmp_path / "r.json")

    assert not hangs(load_without_arrays)
    with pytest.raises(eo.DataFormatError, match="it is a folder"):
        eo.load(tmp_path)


def zipped(path: Path, *members: tuple[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


def tarred(path: Path, *members: tuple[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


PACKERS = pytest.mark.parametrize("pack", [zipped, tarred])


@PACKERS
def test_an_archive_does_not_unpack_without_limit(pack, tmp_path):
    archive = pack(tmp_path / "x", *((f"{i}.txt", b"0" * SMALL) for i in range(3)))
    with pytest.raises(eo.DataFormatError, match="would unpack to 2000000 or more; the limit is 1000000"):
        unpack(archive, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


@PACKERS
def test_an_archive_does_not_hold_members_without_limit(pack, tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "MEMBERS", 5)
    with pytest.raises(eo.DataFormatError, match="holds more than 5 members"):
        unpack(pack(tmp_path / "x", *((f"{i}", b"") for i in range(6))), tmp_path / "out")


@PACKERS
@pytest.mark.parametrize("there", [(), ("a",), ("a/b/c",)])
@pytest.mark.parametrize(
    "members",
    [
        [("a", b"1"), ("a/b", b"2")],
        [("a/b", b"1"), ("a", b"2")],
        [("c", b""), ("x" * 300, b"1")],
        [("c", b""), ("y" * 300 + "/z", b"1")],
        [("c", b""), (".", b"1")],
        [("c", b""), ("./", b"1")],
    ],
    ids=["file then folder", "folder then file", "long name", "long folder", "dot", "dot slash"],
)
def test_a_member_that_cannot_be_placed_is_refused_in_words(members, there, pack, tmp_path):
    out = tmp_path / "out"
    for name in there:
        (out / name).parent.mkdir(parents=True)
        (out / name).write_text("mine")
    before = sorted(out.rglob("*"))
    archive = pack(tmp_path / "x", *members)
    if pack is zipped and members[-1][0] == "./":  # the archive calls it a folder
        return
    with pytest.raises(eo.DataFormatError, match=r"cannot be unpacked|leaves the folder"):
        unpack(archive, out)
    assert sorted(out.rglob("*")) == before


@PACKERS
@pytest.mark.parametrize(("there", "member"), [("a", "a/b"), ("a/b", "a")])
def test_a_file_where_a_folder_is_needed_is_left_as_it_is(there, member, pack, tmp_path):
    out = tmp_path / "out"
    (out / there).parent.mkdir(parents=True)
    (out / there).write_text("mine")
    with pytest.raises(eo.DataFormatError, match=r"member a.* cannot be unpacked \(.* is a (file|folder)\)"):
        unpack(pack(tmp_path / "x", ("first", b"1"), (member, b"2")), out)
    assert (out / there).read_text() == "mine"
    assert not (out / "first").exists()


def test_a_file_in_place_of_the_directory_is_refused(tmp_path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(eo.DataFormatError, match="cannot be unpacked into"):
        unpack(zipped(tmp_path / "x", ("a", b"1")), tmp_path / "out")


def test_a_folder_that_packs_itself_is_unpacked(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text("one")
    with tarfile.open(tmp_path / "x.tgz", "w:gz") as archive:
        archive.add(tmp_path / "in", ".")
    assert unpack(tmp_path / "x.tgz", tmp_path / "out") == [tmp_path / "out" / "a.txt"]


def test_a_secret_archive_is_refused(tmp_path):
    content = bytearray(zipped(tmp_path / "x", ("a", b"1")).read_bytes())
    for signature, flags in ((b"PK\1\2", 8), (b"PK\3\4", 6)):
        content[content.index(signature) + flags] |= 1  # "encrypted"
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(eo.DataFormatError, match="password"):
        unpack(tmp_path / "x", tmp_path / "out")


def test_what_a_killed_call_left_is_removed(tmp_path):
    left = tmp_path / "out" / ".unpacking-abc"
    left.mkdir(parents=True)
    (left / "half").write_text("half")
    unpack(zipped(tmp_path / "x", ("a", b"1")), tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a"]
