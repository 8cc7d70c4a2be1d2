"""Traffic matrices in a file for each interval: the files of a folder, a tar archive or a list, and their frame."""

from __future__ import annotations

import re
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..exchange.file_limits import size_of, within
from ..model.errors import DataFormatError
from .text_file import read_text, text_of
from .traffic_frames import regular

if TYPE_CHECKING:
    import pandas as pd

_MATRIX = re.compile(r"demandMatrix|IntraTM", re.IGNORECASE)
_ARCHIVE = re.compile(r"\.(tar(\.\w+)?|tgz|tbz2?|txz)$", re.IGNORECASE)
_NAME = re.compile(r"\.(xml|txt)(\.gz)?$", re.IGNORECASE)
_NATIVE = "?SNDlib native format"

Row = Mapping[tuple[str, str], float]


def matrix_files(source: str | Path | Iterable[str | Path]) -> Iterator[tuple[Path, str]]:
    """Yield the matrix files of a source with their texts.

    Parameters
    ----------
    source : path or iterable of paths
        A folder or a tar archive (plain, gz, bz2 or xz), of which the XML files and those in SNDlib's native format are
        taken; or the files themselves, of which all are.

    Raises
    ------
    DataFormatError
        If a file is missing, damaged or no text.
    """
    if not isinstance(source, str | Path):
        yield from ((Path(one), read_text(Path(one))) for one in source)
        return
    path = Path(source)
    if path.is_dir():
        files = (one for one in sorted(path.iterdir()) if _may_be_matrix(one.name) and one.is_file())
        yield from _matrices((one, read_text(one)) for one in files)
    elif _ARCHIVE.search(path.name) or (size_of(path) and tarfile.is_tarfile(path)):
        yield from _matrices(_archived(path))
    else:
        yield path, read_text(path)


def _may_be_matrix(name: str) -> bool:
    # "._NAME" holds what macOS keeps about a file.
    return _NAME.search(name) is not None and not name.startswith("._")


def _matrices(files: Iterable[tuple[Path, str]]) -> Iterator[tuple[Path, str]]:
    """Leave out plain texts beside the matrices, such as a README; what is named like a matrix has to be one."""
    for path, text in files:
        beside = ".txt" in path.name.lower() and not _MATRIX.search(path.name)
        if not beside or text.lstrip().startswith(("<", _NATIVE)):
            yield path, text


def _archived(path: Path) -> Iterator[tuple[Path, str]]:
    packed = size_of(path)
    try:
        with tarfile.open(path) as archive:
            for member in within(path, packed, archive, lambda one: one.size):
                if member.isfile() and _may_be_matrix(member.name.rpartition("/")[2]):
                    content = archive.extractfile(member)
                    yield path / member.name, text_of(path / member.name, content.read() if content else b"")
    except (OSError, tarfile.TarError, EOFError) as error:
        raise DataFormatError(f"{path}: damaged or unreadable archive ({error}); fetch it again") from error


def matrix_frame(
    source: str | Path | Iterable[str | Path],
    time_of: Callable[[Path, str], pd.Timestamp],
    row_of: Callable[[Path, str], Row],
    expected: str,
) -> pd.DataFrame:
    """Return the matrices of a source as a frame of time by (source, target).

    Parameters
    ----------
    source
        As for `matrix_files`.
    time_of, row_of : callable
        The time, and the rates in bit/s, of a file and its text.
    expected : str
        What an error says that the source should hold.

    Returns
    -------
    DataFrame
        One row for each interval of the regular grid. An interval without a file, or whose file holds no demand, is a
        row of nan; a pair that a matrix leaves out is 0 there.

    Raises
    ------
    DataFormatError
        If there is no file or no demand at all, two files hold the same time, or a time is off the grid.
    """
    import pandas as pd

    rows: dict[pd.Timestamp, Row] = {}
    paths: list[Path] = []
    for path, text in matrix_files(source):
        row, time = row_of(path, text), time_of(path, text)  # another's format is best told by its rates
        if time in rows:
            raise DataFormatError(f"{path}: the time {time} was read already; give each interval once")
        rows[time] = row
        paths.append(path)
    if not any(rows.values()):
        found = f"none of {len(rows)} files holds a demand" if rows else "no matrix in it"
        raise DataFormatError(f"{source}: {found}; expected {expected}")
    frame = pd.DataFrame.from_dict({time: row for time, row in rows.items() if row}, orient="index").fillna(0.0)
    pairs: Any = frame.columns.to_list()
    frame.columns = pd.MultiIndex.from_tuples(pairs, names=["source", "target"])
    return regular(frame.sort_index(axis=1).reindex(list(rows)), lambda row: str(paths[row]))
