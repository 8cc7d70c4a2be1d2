"""Text files and array archives: what is packed, damaged or written in another way is said, never half read."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgeopt.data import (
    abilene,
    c2tm,
    device_traces,
    jetson,
    kaggle_flows,
    milano,
    scission,
    sndlib,
    totem,
)
from edgeopt.data.text_file import amount
from edgeopt.model.errors import DataFormatError, InvalidOptionError

TEXT_READERS: list[Callable[[Path], object]] = [
    abilene.read_matrices,
    abilene.read_topology,
    c2tm.read_c2tm,
    device_traces.read_free_shares,
    device_traces.read_packet_opportunities,
    jetson.read_jetson,
    kaggle_flows.read_flows,
    milano.read_25_cells,
    milano.read_kaggle,
    milano.read_original,
    scission.read_scission,
    scission.scission_network,
    sndlib.read_demands,
    sndlib.read_topology,
    totem.read_table,
    totem.read_topology,
]
CONTENT = b"1\t2\n" * 300


def zipped() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("f.txt", CONTENT)
    return stream.getvalue()


def tarred() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        member = tarfile.TarInfo("f.txt")
        member.size = len(CONTENT)
        archive.addfile(member, io.BytesIO(CONTENT))
    return stream.getvalue()


@pytest.mark.parametrize("read", TEXT_READERS, ids=lambda read: f"{read.__module__[13:]}.{read.__name__}")
def test_every_reader_of_text_says_what_is_no_text_of_its_kind(tmp_path: Path, read: Callable[[Path], object]) -> None:
    cases = [
        ("f.zip", zipped(), "a zip archive; expected a text file, plain or gzipped. Unpack it first"),
        ("f.tgz", gzip.compress(tarred(), mtime=0), "a tar archive"),
        ("f.tar", tarred(), "a tar archive"),
        ("f.xz", lzma.compress(CONTENT), "a xz file"),
        ("f.bz2", bz2.compress(CONTENT), "a bzip2 file"),
        ("f.txt.gz", gzip.compress(CONTENT, mtime=0)[:-9], "f.txt.gz"),
        ("f2.txt.gz", CONTENT, "damaged gzip"),
        ("f.txt", b"", r"f\.txt"),
        ("g.txt", b"\n", r"g\.txt"),
        ("h.txt", b"\xef\xbb\xbf", r"h\.txt"),
        ("i.txt", "a\tb\n".encode("utf-16"), r"i\.txt"),
        ("j.txt", b"\xe9\n", r"j\.txt"),
        ("k.txt", bytes(range(256)), r"k\.txt"),
    ]
    for name, content, message in cases:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataFormatError, match=message):
            read(tmp_path / name)
    for place in (tmp_path, tmp_path / "absent"):
        with pytest.raises(DataFormatError, match="cannot be read"):
            read(place)


@pytest.mark.parametrize(
    "text", ["", "x", "nan", "inf", "-inf", "1e999", "-1", "-1e-9", "1_0", "0x10", "1,5", "\u0661"]
)
def test_what_is_no_amount_is_none(text: str) -> None:
    assert np.isnan(amount(text))


@pytest.mark.parametrize(
    ("text", "value"), [("0", 0), ("-0", 0), (" 4.5 ", 4.5), ("+1e3", 1000), (".5", 0.5), ("5.", 5)]
)
def test_amounts_are_read(text: str, value: float) -> None:
    assert amount(text) == value


@pytest.mark.parametrize("read", [milano.read_grid_blocks, totem.read_archive])
def test_damaged_array_archives_are_refused(tmp_path: Path, read: Callable[[Path], object]) -> None:
    whole, path = tmp_path / "whole.npz", tmp_path / "damaged.npz"
    np.savez(whole, square_id=np.arange(1, 3), day=np.ones((9, 2)), **{"tm_2005-01-02": np.ones((9, 2, 2))})
    content, generator = whole.read_bytes(), np.random.default_rng(0)
    refused = 0
    for _ in range(200):
        damaged = bytearray(content)
        for place in generator.integers(len(damaged), size=3):
            damaged[place] = generator.integers(256)
        path.write_bytes(damaged[: generator.integers(len(damaged))] if generator.random() < 0.3 else damaged)
        try:
            read(path)
        except DataFormatError:
            refused += 1
        except InvalidOptionError:  # damage may rename an array: then the week, say, is not there
            pass
    assert refused > 100
    np.save(tmp_path / "one.npy", np.ones(3))
    (tmp_path / "head.npz").write_bytes(b"PK\x03\x04garbage")
    for name in ("one.npy", "head.npz"):
        with pytest.raises(DataFormatError, match="no readable array archive"):
            read(tmp_path / name)
