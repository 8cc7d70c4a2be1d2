"""The table of a campaign: its columns, and its files."""

from __future__ import annotations

import io
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.errors import DataFormatError, ExtraNotInstalledError, InvalidOptionError
from ..core.storage import write_atomically

if TYPE_CHECKING:
    import pandas as pd

TEXT = (
    "instance", "formulation", "solver", "kind", "status", "message", "solver_version", "fingerprint", "started",
    "machine", "processor", "system", "python", "numpy", "edgeopt", "revision", "command",
)  # fmt: skip
COUNTS = ("size", "seed", "repetition", "threads", "cores")
NUMBERS = (
    "objective", "bound", "gap", "best", "excess", "wall_time", "build_time", "verify_time", "memory", "time_limit",
    "memory_limit",
)  # fmt: skip
COLUMNS = (
    "instance", "formulation", "size", "solver", "kind", "seed", "repetition", "status", "verified", "objective",
    "bound", "gap", "best", "excess", "wall_time", "build_time", "verify_time", "memory", "message", "solver_version",
    "time_limit", "memory_limit", "threads", "fingerprint", "started", "machine", "processor", "cores", "system",
    "python", "numpy", "edgeopt", "revision", "command",
)  # fmt: skip


class Format(StrEnum):
    """How a table is written."""

    PARQUET = "parquet"
    CSV = "csv"
    JSON = "json"
    MARKDOWN = "md"


def tidy(found: pd.DataFrame | None) -> pd.DataFrame:
    """Return the table from what benchopt collected.

    Returns
    -------
    pandas.DataFrame
        One row for each task, sorted: instance, formulation, size (numbers that the problem's data hold), solver, kind,
        seed, repetition; status, verified, objective, bound, gap, best (best known objective), excess (relative
        distance to it, positive if worse); wall_time, build_time, verify_time in seconds, memory in bytes; message;
        limits, versions, machine, git revision, and the command that runs the row again. `verified` is false for
        everything but an answer that edgeopt checked and that contradicts nothing that is known.
    """
    import pandas as pd

    table = pd.DataFrame() if found is None else found.filter(regex="^objective_")
    table = table.rename(columns=lambda name: name.removeprefix("objective_")).reindex(columns=list(COLUMNS))
    for name in TEXT:
        table[name] = table[name].astype(object).fillna("").astype(str)
    for name in NUMBERS:
        table[name] = table[name].astype(float)
    for name in COUNTS:
        table[name] = table[name].fillna(0).astype(int)
    table["verified"] = table["verified"].fillna(False).astype(bool)
    return table.sort_values(["instance", "solver", "seed", "repetition"]).reset_index(drop=True)


def export(table: pd.DataFrame, path: str | Path, form: Format | str | None = None) -> None:
    """Write a table; the file appears whole or not at all.

    Parameters
    ----------
    table : DataFrame
        What to write.
    path : path
        Where.
    form : Format, optional
        By the ending of `path` if not given: parquet, csv, json or md.

    Raises
    ------
    InvalidOptionError
        If the format is unknown.
    """
    path = Path(path)
    try:
        kind = Format(str(form) if form is not None else path.suffix.lstrip("."))
    except ValueError:
        known = ", ".join(Format)
        raise InvalidOptionError(f"{form or path.suffix!r} is no format of tables; expected one of {known}") from None
    if not path.parent.is_dir():
        raise InvalidOptionError(f"{path.parent} is no folder; make it first")
    write_atomically(path, content(table, kind))


def content(table: pd.DataFrame, form: Format) -> bytes:
    """Return what a file of the table holds."""
    match form:
        case Format.PARQUET:
            try:
                buffer = io.BytesIO()
                table.to_parquet(buffer)
            except ImportError as error:
                raise ExtraNotInstalledError("Parquet needs pyarrow; pip install 'edgeopt[bench]'") from error
            return buffer.getvalue()
        case Format.CSV:
            return table.to_csv(index=False).encode()
        case Format.JSON:
            return table.to_json(orient="records", indent=1).encode()
        case Format.MARKDOWN:
            return markdown(table).encode()


def markdown(table: pd.DataFrame) -> str:
    """Return a table in GitHub's Markdown; what would break a cell is escaped."""

    def cell(value: object) -> str:
        if isinstance(value, float):
            return "" if value != value else f"{value:.6g}"
        return str(value).replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")

    rows = [list(map(str, table.columns)), ["---"] * len(table.columns)]
    rows += [[cell(value) for value in row] for row in table.itertuples(index=False)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def read(path: str | Path) -> pd.DataFrame:
    """Read a table that was exported as Parquet, CSV or JSON.

    Raises
    ------
    DataFormatError
        If it is none, or lacks a column.
    """
    import pandas as pd

    path = Path(path)
    readers = {".parquet": pd.read_parquet, ".csv": pd.read_csv, ".json": pd.read_json}
    if path.suffix not in readers:
        raise DataFormatError(f"{path} ends in {path.suffix!r}; expected .parquet, .csv or .json")
    try:
        table: pd.DataFrame = readers[path.suffix](path)  # type: ignore[operator]
    except Exception as error:  # each of the three formats has errors of its own
        raise DataFormatError(f"{path} is no table of results: {error}") from error
    if missing := sorted(set(COLUMNS) - set(map(str, table.columns))):
        raise DataFormatError(f"{path} is no table of results: it lacks the column {missing[0]!r}")
    return tidy(table.add_prefix("objective_"))
