from __future__ import annotations

import gzip
import hashlib
import io
import logging
import sys
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from edgeopt.data import fetch as fetching
from edgeopt.data.catalogue import CATALOGUE, DataSet, RemoteFile
from edgeopt.data.fetch import (
    DownloadError,
    UnknownDataSetError,
    available,
    fetch,
)
from edgeopt.model.errors import DataFormatError, EdgeOptError, ExtraNotInstalledError

CONTENT = bytes(range(256)) * 2000


@dataclass
class Site:
    """A server on loopback whose faults can be chosen."""

    content: bytes = CONTENT
    ranges: bool = True
    cut_after: int | None = None
    sized: bool = True
    wrong_range: bool = False
    status: int | None = None
    asked: list[str | None] = field(default_factory=list)
    address: str = ""

    def data_set(self, sha256: str | None = None, name: str = "file.bin", unpack: bool = False) -> dict[str, DataSet]:
        checksum = sha256 or hashlib.sha256(self.content).hexdigest()
        file = RemoteFile(f"{self.address}/{name}", checksum, name, unpack)
        return {"local": DataSet("local", "a test", (file,), "public domain", "nobody")}

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        wanted = request.headers.get("Range")
        self.asked.append(wanted)
        if self.status:
            request.send_error(self.status)
            return
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.ranges else 0
        if start >= len(self.content):
            request.send_response(416)
            request.send_header("Content-Range", f"bytes */{len(self.content)}")
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        body = self.content[start:]
        request.send_response(206 if start else 200)
        if self.sized:
            request.send_header("Content-Length", str(len(body)))
        if start:
            first = start + 1 if self.wrong_range else start
            request.send_header("Content-Range", f"bytes {first}-{len(self.content) - 1}/{len(self.content)}")
        request.end_headers()
        request.wfile.write(body[: self.cut_after])


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.answer(self)

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        site.address = f"http://127.0.0.1:{server.server_port}"
        yield site
        server.shutdown()
        thread.join()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_downloads_once(site: Site, tmp_path: Path) -> None:
    catalogue = site.data_set()
    first = fetch("local", tmp_path, catalogue=catalogue)
    assert [path.read_bytes() for path in first] == [CONTENT]
    assert fetch("local", tmp_path, catalogue=catalogue) == first
    assert site.asked == [None]
    assert names(tmp_path) == ["file.bin"]


def test_a_file_with_other_content_is_replaced(site: Site, tmp_path: Path) -> None:
    (tmp_path / "file.bin").write_bytes(b"old")
    fetch("local", tmp_path, catalogue=site.data_set())
    assert (tmp_path / "file.bin").read_bytes() == CONTENT


def test_a_wrong_checksum_leaves_nothing(site: Site, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=r"wrong checksum, expected sha256 0000.*removed.*Run it again"):
        fetch("local", tmp_path, catalogue=site.data_set(sha256="0" * 64))
    assert names(tmp_path) == []


def test_a_wrong_checksum_leaves_the_file_that_was_there(site: Site, tmp_path: Path) -> None:
    (tmp_path / "file.bin").write_bytes(b"old")
    with pytest.raises(DownloadError, match="wrong checksum"):
        fetch("local", tmp_path, catalogue=site.data_set(sha256="0" * 64))
    assert names(tmp_path) == ["file.bin"]
    assert (tmp_path / "file.bin").read_bytes() == b"old"


def test_a_cut_connection_is_continued(site: Site, tmp_path: Path) -> None:
    site.cut_after = 300_000
    with pytest.raises(DownloadError, match=r"connection was cut.*bytes are kept in .*file\.bin\.part: run it again"):
        fetch("local", tmp_path, catalogue=site.data_set())
    assert names(tmp_path) == ["file.bin.part"]
    kept = (tmp_path / "file.bin.part").stat().st_size
    assert 0 < kept <= 300_000
    site.cut_after = None
    fetch("local", tmp_path, catalogue=site.data_set())
    assert site.asked == [None, f"bytes={kept}-"]
    assert (tmp_path / "file.bin").read_bytes() == CONTENT
    assert names(tmp_path) == ["file.bin"]


def test_many_cuts_are_survived(site: Site, tmp_path: Path) -> None:
    site.cut_after = 150_000
    attempts = 0
    while not (tmp_path / "file.bin").exists():
        attempts += 1
        assert attempts < 10
        try:
            fetch("local", tmp_path, catalogue=site.data_set())
        except DownloadError:
            continue
    assert attempts > 2
    assert (tmp_path / "file.bin").read_bytes() == CONTENT


def test_a_server_without_ranges_sends_everything_again(site: Site, tmp_path: Path) -> None:
    site.ranges = False
    (tmp_path / "file.bin.part").write_bytes(CONTENT[:1000])
    fetch("local", tmp_path, catalogue=site.data_set())
    assert site.asked == ["bytes=1000-"]
    assert (tmp_path / "file.bin").read_bytes() == CONTENT


def test_a_complete_part_needs_no_download(site: Site, tmp_path: Path) -> None:
    (tmp_path / "file.bin.part").write_bytes(CONTENT)
    fetch("local", tmp_path, catalogue=site.data_set())
    assert site.asked == [f"bytes={len(CONTENT)}-"]
    assert names(tmp_path) == ["file.bin"]


def test_a_part_that_is_too_long_is_dropped(site: Site, tmp_path: Path) -> None:
    (tmp_path / "file.bin.part").write_bytes(CONTENT + b"more")
    fetch("local", tmp_path, catalogue=site.data_set())
    assert site.asked == [f"bytes={len(CONTENT) + 4}-", None]
    assert (tmp_path / "file.bin").read_bytes() == CONTENT


def test_a_part_of_another_file_fails_by_checksum_and_then_recovers(site: Site, tmp_path: Path) -> None:
    (tmp_path / "file.bin.part").write_bytes(b"x" * 1000)
    with pytest.raises(DownloadError, match="wrong checksum"):
        fetch("local", tmp_path, catalogue=site.data_set())
    assert names(tmp_path) == []
    fetch("local", tmp_path, catalogue=site.data_set())
    assert (tmp_path / "file.bin").read_bytes() == CONTENT


def test_a_server_that_answers_another_range_is_not_believed(site: Site, tmp_path: Path) -> None:
    site.wrong_range = True
    (tmp_path / "file.bin.part").write_bytes(CONTENT[:1000])
    with pytest.raises(DownloadError, match=r"asked for byte 1000, got bytes 1001-"):
        fetch("local", tmp_path, catalogue=site.data_set())
    assert (tmp_path / "file.bin.part").read_bytes() == CONTENT[:1000]


def test_a_server_that_tells_no_size_is_judged_by_the_checksum(site: Site, tmp_path: Path) -> None:
    site.sized = False
    fetch("local", tmp_path, catalogue=site.data_set())
    assert (tmp_path / "file.bin").read_bytes() == CONTENT


def test_an_error_of_the_server_is_named(site: Site, tmp_path: Path) -> None:
    site.status = 404
    with pytest.raises(DownloadError, match="404"):
        fetch("local", tmp_path, catalogue=site.data_set())
    assert names(tmp_path) == []


def test_no_server_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    nowhere = Site(address="http://127.0.0.1:9")
    with pytest.raises(DownloadError, match=r"no connection.*run it again"):
        fetch("local", tmp_path, catalogue=nowhere.data_set())


def test_progress_is_reported(site: Site, tmp_path: Path) -> None:
    steps: list[tuple[str, int, int | None]] = []
    fetch("local", tmp_path, lambda *step: steps.append(step), catalogue=site.data_set())
    assert steps[-1] == ("file.bin", len(CONTENT), len(CONTENT))
    assert [received for _, received, _ in steps] == sorted(received for _, received, _ in steps)


def test_progress_bars_can_be_shown(site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fetch("local", tmp_path, progress=True, catalogue=site.data_set())
    assert "file.bin" in capsys.readouterr().out


def test_nothing_is_printed_otherwise(site: Site, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    import pooch

    level = pooch.get_logger().level
    fetch("local", tmp_path, catalogue=site.data_set())
    assert capfd.readouterr() == ("", "")
    assert pooch.get_logger().level == level


def test_the_default_folder_is_the_users_cache(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pooch.os_cache", lambda project: tmp_path / project)
    assert fetch("local", catalogue=site.data_set()) == [tmp_path / "edgeopt" / "local" / "file.bin"]


def test_archives_are_unpacked(site: Site, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        packed.writestr("inner/a.txt", "hello")
    site.content = buffer.getvalue()
    paths = fetch("local", tmp_path, catalogue=site.data_set(name="all.zip", unpack=True))
    assert paths == [tmp_path / "inner" / "a.txt"]
    assert paths[0].read_text() == "hello"


def test_hostile_archives_write_nothing(site: Site, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as packed:
        for name in ("good.txt", "../evil.txt"):
            packed.addfile(tarfile.TarInfo(name), io.BytesIO())
    site.content = buffer.getvalue()
    folder = tmp_path / "folder"
    with pytest.raises(DataFormatError, match=r"'\.\./evil\.txt' leaves the folder"):
        fetch("local", folder, catalogue=site.data_set(name="all.tgz", unpack=True))
    assert names(folder) == ["all.tgz"]
    assert names(tmp_path) == ["folder"]


def test_unknown_names_list_the_known(tmp_path: Path) -> None:
    with pytest.raises(UnknownDataSetError, match="milano-mini"):
        fetch("nothing", tmp_path)
    assert issubclass(DownloadError, EdgeOptError)


def test_a_missing_pooch_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(ExtraNotInstalledError, match=r"pip install 'edgeopt\[data\]'"):
        fetch("milano-mini", tmp_path)


def test_the_log_says_what_is_fetched(site: Site, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger=fetching.__name__):
        fetch("local", tmp_path, catalogue=site.data_set())
    assert "fetching local" in caplog.text


@pytest.mark.parametrize("entry", available(), ids=lambda entry: entry.name)
def test_the_catalogue_is_complete(entry: DataSet) -> None:
    assert CATALOGUE[entry.name] is entry
    assert entry.summary
    assert entry.licence
    assert entry.citation
    assert len({file.name for file in entry.files}) == len(entry.files) > 0
    for file in entry.files:
        assert file.url.startswith("https://")
        assert file.url.endswith(file.name)
        assert len(bytes.fromhex(file.sha256)) == 32


LOCATIONS = {
    "milano-mini": "milano/original_format/{name}",
    "milano-chunk": "milano/original_format/{name}",
    "geant-topology": "geant/original_format/{name}",
    "geant-traffic": "geant/geant_totem_tm_20050101-04.csv",
    "geant-traffic-shuffled": "geant/{name}",
    "geant-sndlib": "geant/original_format/{name}",
    "sndlib": "sndlib/native/{name}",
    "mahimahi": "wireless_traces/mahimahi/{name}",
}


@pytest.mark.parametrize("entry", available(), ids=lambda entry: entry.name)
def test_the_checksums_are_those_of_the_originals(data_dir: Path, entry: DataSet) -> None:
    for file in entry.files:
        path = data_dir / LOCATIONS[entry.name].format(name=file.name)
        packed = path.with_name(f"{path.name}.gz")
        content = path.read_bytes() if path.exists() else gzip.decompress(packed.read_bytes())
        assert hashlib.sha256(content).hexdigest() == file.sha256, file.name
