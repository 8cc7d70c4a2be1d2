"""Download public originals: resumable, checksummed, never half there.

`pooch` does the bookkeeping: it hands a temporary file to a downloader, compares the checksum and only then moves the
file to its name. Its own downloader starts from zero after a cut, so edgeopt brings one that collects the bytes in
``NAME.part`` and asks the server for the rest of them (HTTP ``Range``) the next time.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..model.errors import EdgeOptError, ExtraNotInstalledError
from .archive import unpack
from .catalogue import CATALOGUE, DataSet, RemoteFile

if TYPE_CHECKING:
    import requests

logger = logging.getLogger(__name__)

Progress = Callable[[str, int, int | None], None]
"""Called as ``progress(file_name, bytes_received, bytes_in_all or None)`` during a download."""

CHUNK = 1 << 16
TIMEOUT = 30.0
"""Seconds without a byte after which a connection counts as cut."""


class DownloadError(EdgeOptError, OSError):
    """A download did not succeed; says what is left on disk and what to do."""


class UnknownDataSetError(EdgeOptError, LookupError):
    """No data set of this name is in the catalogue; lists the names that are."""


def available() -> list[DataSet]:
    """Return what can be fetched: name, summary, files, licence and citation of each data set."""
    return list(CATALOGUE.values())


def fetch(
    name: str,
    directory: str | Path | None = None,
    progress: bool | Progress = False,
    *,
    catalogue: Mapping[str, DataSet] = CATALOGUE,
) -> list[Path]:
    """Download a data set, or what is missing of it.

    A file that is there with the right checksum is not downloaded again. After a cut connection the part received stays
    on disk, and the next call continues it.

    Parameters
    ----------
    name : str
        A name that `available` lists.
    directory : path, optional
        Where to put the files; by default a folder of that name in the user's cache.
    progress : bool or callable
        True shows progress bars on the terminal; a callable is told ``(file_name, received, total or None)``.
    catalogue : mapping, optional
        Data sets by name, for sources of your own.

    Returns
    -------
    list of Path
        The files, unpacked ones in place of their archives.

    Raises
    ------
    UnknownDataSetError
        If the catalogue has no such name.
    DownloadError
        If the server cannot be reached, the connection is cut or the checksum is wrong.
    DataFormatError
        If an archive is damaged or holds an unsafe member.
    ExtraNotInstalledError
        If pooch is missing.
    """
    pooch = _pooch()
    if name not in catalogue:
        raise UnknownDataSetError(f"no data set {name!r}; available: {', '.join(sorted(catalogue))}")
    folder = Path(directory) if directory is not None else Path(pooch.os_cache("edgeopt")) / name
    logger.info("fetching %s into %s", name, folder)
    paths: list[Path] = []
    with _reporting(progress) as report:
        for file in catalogue[name].files:
            path = _retrieve(pooch, file, folder, report)
            paths += unpack(path, folder) if file.unpack else [path]
    return paths


class ResumingDownloader:
    """A downloader for pooch that continues where an earlier attempt stopped.

    Parameters
    ----------
    part : Path
        Where the bytes are collected; stays after a cut connection.
    report : callable, optional
        Told ``(received, total or None)`` after every piece.
    """

    def __init__(self, part: Path, report: Callable[[int, int | None], None] | None = None) -> None:
        self.part = part
        self.report = report or (lambda received, total: None)

    def __call__(self, url: str, output_file: str, pooch: Any = None) -> None:
        """Complete the part, then put it in place of `output_file`."""
        import requests

        received = self.part.stat().st_size if self.part.exists() else 0
        try:
            with self._request(url, received) as response:
                if response.status_code == requests.codes.requested_range_not_satisfiable:
                    if _total(response) != received:
                        # Not a part of this file at all: start again, this time without a range.
                        self.part.unlink()
                        return self(url, output_file, pooch)
                else:
                    response.raise_for_status()
                    self._collect(response, received)
        except requests.HTTPError as error:
            raise DownloadError(f"{url}: the server answered {error}; nothing was changed on disk") from error
        except requests.RequestException as error:
            raise self._cut(url, error) from error
        os.replace(self.part, output_file)
        return None

    def _request(self, url: str, received: int) -> requests.Response:
        import requests

        # Offsets count the bytes of the file itself, so no compression on the way.
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={received}-"} if received else {})
        return requests.get(url, headers=headers, stream=True, timeout=TIMEOUT)

    def _collect(self, response: requests.Response, received: int) -> None:
        """Append to the part if the server continues it; else it sends everything, and the part starts again."""
        import requests

        continues = response.status_code == requests.codes.partial_content and _start(response) == received
        if response.status_code == requests.codes.partial_content and not continues:
            raise requests.ConnectionError(f"asked for byte {received}, got {response.headers.get('Content-Range')}")
        done = received if continues else 0
        total = _total(response)
        with self.part.open("ab" if continues else "wb") as file:
            for piece in response.iter_content(CHUNK):
                file.write(piece)
                done += len(piece)
                self.report(done, total)
        if total is not None and done != total:
            raise requests.ConnectionError(f"{done} of {total} bytes received")

    def _cut(self, url: str, error: Exception) -> DownloadError:
        kept = self.part.stat().st_size if self.part.exists() else 0
        rest = f"{kept} bytes are kept in {self.part}: run it again to continue" if kept else "run it again to retry"
        return DownloadError(f"{url}: no connection, or the connection was cut ({error}); {rest}")


def _retrieve(pooch: Any, file: RemoteFile, folder: Path, report: Progress) -> Path:
    """Let pooch download one file unless it is there already."""
    folder.mkdir(parents=True, exist_ok=True)

    def tell(received: int, total: int | None) -> None:
        report(file.name, received, total)

    downloader = ResumingDownloader(folder / f"{file.name}.part", tell)
    try:
        with _quiet(pooch):
            return Path(pooch.retrieve(file.url, f"sha256:{file.sha256}", file.name, folder, downloader=downloader))
    except DownloadError:
        raise
    except ValueError as error:
        # pooch has removed the temporary file; the text of its error names neither address nor remedy.
        raise DownloadError(
            f"{file.url}: wrong checksum, expected sha256 {file.sha256}; what was received has been removed. "
            "Run it again; if it fails again, the file at that address is not the one of the catalogue"
        ) from error


def _total(response: requests.Response) -> int | None:
    """Return the size of the whole file, as far as the server tells."""
    if match := re.fullmatch(r"bytes (?:\d+-\d+|\*)/(\d+)", response.headers.get("Content-Range", "")):
        return int(match[1])
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isdigit() and response.ok else None


def _start(response: requests.Response) -> int | None:
    match = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    return int(match[1]) if match else None


def _pooch() -> Any:
    try:
        import pooch
    except ImportError as error:
        raise ExtraNotInstalledError("downloads need pooch: pip install 'edgeopt[data]'") from error
    return pooch


@contextmanager
def _quiet(pooch: Any) -> Iterator[None]:
    """Keep pooch's own notes off the terminal; its logger writes there by default."""
    log = pooch.get_logger()
    level = log.level
    log.setLevel(logging.WARNING)
    try:
        yield
    finally:
        log.setLevel(level)


@contextmanager
def _reporting(progress: bool | Progress) -> Iterator[Progress]:
    """Yield what to call during downloads: the caller's function, bars on the terminal, or nothing."""
    if callable(progress):
        yield progress
    elif not progress:
        yield lambda name, received, total: None
    else:
        from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bars

        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
        with Bars(*columns) as bars:
            tasks: dict[str, Any] = {}

            def show(name: str, received: int, total: int | None) -> None:
                if name not in tasks:
                    tasks[name] = bars.add_task(name, total=total)
                bars.update(tasks[name], completed=received)

            yield show
