from __future__ import annotations

import io
import os
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from edgeopt.data.archive import unpack
from edgeopt.model.errors import DataFormatError

FILES = {"a.txt": b"one", "deep/er/b.bin": bytes(1000), "empty": b""}


def tar(path: Path, files: dict[str, bytes], *extra: tarfile.TarInfo, mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as packed:  # type: ignore[call-overload]
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            packed.addfile(info, io.BytesIO(content))
        for info in extra:
            packed.addfile(info)
    return path


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return path


def member(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def everything_below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_tar_comes_out_as_it_went_in(tmp_path: Path, mode: str) -> None:
    archive = tar(tmp_path / "x.tar", FILES, member("deep", tarfile.DIRTYPE), mode=mode)
    paths = unpack(archive, tmp_path / "out")
    assert {str(path.relative_to(tmp_path / "out")): path.read_bytes() for path in paths} == FILES
    assert everything_below(tmp_path / "out") == ["a.txt", "deep", "deep/er", "deep/er/b.bin", "empty"]


def test_zip_comes_out_as_it_went_in(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "x.zip", FILES | {"folder/": b""})
    paths = unpack(archive, tmp_path / "out")
    assert {str(path.relative_to(tmp_path / "out")): path.read_bytes() for path in paths} == FILES


def test_files_that_are_there_are_replaced_and_others_left(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.txt").write_text("old")
    (out / "mine.txt").write_text("mine")
    unpack(tar(tmp_path / "x.tgz", FILES), out)
    assert (out / "a.txt").read_bytes() == b"one"
    assert (out / "mine.txt").read_text() == "mine"


def test_a_name_that_comes_twice_means_the_later_one(tmp_path: Path) -> None:
    archive = tmp_path / "x.tar"
    with tarfile.open(archive, "w") as packed:
        for content in (b"first", b"second"):
            info = tarfile.TarInfo("a.txt")
            info.size = len(content)
            packed.addfile(info, io.BytesIO(content))
    (path,) = unpack(archive, tmp_path / "out")
    assert path.read_bytes() == b"second"


ESCAPES = ["/etc/evil", "../evil", "good/../../evil", "..", "C:evil", "c:/evil", "..\\evil", "\\evil"]


@pytest.mark.parametrize("pack", [tar, zipped])
@pytest.mark.parametrize("name", ESCAPES)
def test_paths_that_leave_the_folder_are_refused(tmp_path: Path, pack: Callable[..., Path], name: str) -> None:
    archive = pack(tmp_path / "x", {"good.txt": b"good", name: b"evil"})
    with pytest.raises(DataFormatError, match="leaves the folder") as caught:
        unpack(archive, tmp_path / "out")
    assert repr(name) in str(caught.value)
    assert everything_below(tmp_path) == ["out", "x"]


@pytest.mark.parametrize(
    ("info", "message"),
    [
        (member("link", tarfile.SYMTYPE, "/etc/passwd"), "member link is a link to /etc/passwd"),
        (member("link", tarfile.SYMTYPE, "../outside"), "member link is a link"),
        (member("link", tarfile.SYMTYPE, "good.txt"), "member link is a link"),
        (member("link", tarfile.LNKTYPE, "../../x"), "member link is a link"),
        (member("pipe", tarfile.FIFOTYPE), "member pipe is a device"),
        (member("disk", tarfile.BLKTYPE), "member disk is a device"),
        (member("../up", tarfile.DIRTYPE), "leaves the folder"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_links_and_devices_are_refused(tmp_path: Path, info: tarfile.TarInfo, message: str) -> None:
    archive = tar(tmp_path / "x.tgz", {"good.txt": b"good"}, info)
    with pytest.raises(DataFormatError, match=message):
        unpack(archive, tmp_path / "out")
    assert everything_below(tmp_path) == ["out", "x.tgz"]


def test_a_link_in_a_zip_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "x.zip"
    info = zipfile.ZipInfo("link")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr(info, "/etc/passwd")
    with pytest.raises(DataFormatError, match="member link is a link"):
        unpack(archive, tmp_path / "out")
    assert everything_below(tmp_path / "out") == []


@pytest.mark.parametrize("share", [0.2, 0.6, 0.95])
def test_a_cut_archive_is_refused_and_leaves_nothing(tmp_path: Path, share: float) -> None:
    noise = os.urandom(50_000)
    for archive in (tar(tmp_path / "x.tgz", {"a": noise, "b": noise}), zipped(tmp_path / "x.zip", {"a": noise})):
        content = archive.read_bytes()
        archive.write_bytes(content[: int(len(content) * share)])
        with pytest.raises(DataFormatError, match="damaged"):
            unpack(archive, tmp_path / "out")
        assert everything_below(tmp_path / "out") == []


def test_a_flipped_byte_in_a_zip_is_noticed(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "x.zip", {"a": b"some content" * 100})
    content = bytearray(archive.read_bytes())
    content[45] ^= 0xFF
    archive.write_bytes(content)
    with pytest.raises(DataFormatError, match="damaged"):
        unpack(archive, tmp_path / "out")


def test_something_else_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "x.tgz"
    archive.write_text("no archive")
    with pytest.raises(DataFormatError, match="no tar or zip archive"):
        unpack(archive, tmp_path / "out")
