"""The table of a campaign: its columns, and its files."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..exchange.storage import write_atomically
from ..model.errors import DataFormatError, ExtraNotInstalledError, InvalidOptionError
from ..model.tolerance import ROUNDOFF
from ..solving.contradiction import Answer, conflicts

if TYPE_CHECKING:
    import pandas as pd

TEXT = (
    "instance",
    "formulation",
    "sense",
    "solver",
    "kind",
    "status",
    "best_status",
    "conflict",
    "message",
    "solver_version",
    "fingerprint",
    "started",
    "machine",
    "processor",
    "system",
    "python",
    "numpy",
    "edgeopt",
    "revision",
    "command",
)
COUNTS = ("size", "seed", "repetition", "threads", "cores")
NUMBERS = (
    "objective",
    "bound",
    "gap",
    "claimed_bound",
    "best",
    "excess",
    "wall_time",
    "build_time",
    "verify_time",
    "memory",
    "magnitude",
    "time_limit",
    "memory_limit",
)
COLUMNS = (
    "instance",
    "formulation",
    "sense",
    "size",
    "solver",
    "kind",
    "seed",
    "repetition",
    "status",
    "verified",
    "proved",
    "objective",
    "bound",
    "gap",
    "claimed_bound",
    "best",
    "best_status",
    "excess",
    "magnitude",
    "wall_time",
    "build_time",
    "verify_time",
    "memory",
    "conflict",
    "message",
    "solver_version",
    "time_limit",
    "memory_limit",
    "threads",
    "fingerprint",
    "started",
    "machine",
    "processor",
    "cores",
    "system",
    "python",
    "numpy",
    "edgeopt",
    "revision",
    "command",
)

TRUTHS = ("verified", "proved")


class Format(StrEnum):
    """How a table is written."""

    PARQUET = "parquet"
    CSV = "csv"
    JSON = "json"
    MARKDOWN = "md"


def tidy(found: pd.DataFrame | None) -> pd.DataFrame:
    """Return the table from what was collected; columns that are missing are empty.

    Returns
    -------
    pandas.DataFrame
        One row for each task, sorted: instance, formulation, sense, size (numbers that the problem's data hold),
        solver, kind, seed, repetition; status, verified, proved, objective, bound and gap (as far as they are proved),
        claimed_bound (the solver's word), best (known objective) and its status, excess (relative distance to it,
        positive if worse), magnitude (of the objective's terms); wall_time, build_time, verify_time in seconds, memory
        in bytes; conflict (the other answer that contradicts this one), message; limits, versions, machine, git
        revision, and the command that runs the row again. `verified` is false for everything but an answer that
        edgeopt checked and that nothing refutes: neither what is recorded of the instance, nor what another solver
        found on it. `proved` says whether its status is proved; otherwise it rests on the word of several engines.
    """
    import pandas as pd

    table = (pd.DataFrame() if found is None else found).reindex(columns=list(COLUMNS))
    for name in TEXT:
        table[name] = table[name].astype(object).fillna("").astype(str)
    for name in NUMBERS:
        table[name] = table[name].astype(float)
    for name in COUNTS:
        table[name] = table[name].fillna(0).astype(int)
    for name in TRUTHS:
        table[name] = _truth(table[name])
    table = table.sort_values(["instance", "solver", "seed", "repetition"]).reset_index(drop=True)
    return _without_contradicted(table)


def _truth(values: pd.Series[Any]) -> pd.Series[bool]:
    """Return booleans, also as CSV spells them; empty is false.

    Raises
    ------
    DataFormatError
        If a value is neither.
    """
    known = {True: True, False: False, "True": True, "False": False, "true": True, "false": False, None: False}
    plain = values.astype(object).where(values.notna(), None)
    if strange := [value for value in plain if value not in known]:
        raise DataFormatError(f"{values.name} is {strange[0]!r}; expected True or False")
    return plain.map(lambda value: known[value]).astype(bool)


def relative_excess(cost: Any, best: Any, magnitude: Any) -> Any:
    """Return how far costs lie above the best, relative to it; what is rounding of their terms counts as nothing."""
    cost, best = np.asarray(cost, float), np.asarray(best, float)
    apart = cost - best
    rounding = ROUNDOFF * np.nan_to_num(np.asarray(magnitude, float))
    return np.where(np.abs(apart) <= rounding, 0.0, apart) / np.where(best != 0, np.abs(best), 1.0)


def least_cost(table: pd.DataFrame) -> tuple[pd.Series[float], pd.Series[float]]:
    """Cost of each verified answer (negative where the problem maximises), and the least that anyone found."""
    cost = (np.where(table["sense"] == "maximize", -1.0, 1.0) * table["objective"]).where(table["verified"])
    return cost, cost.groupby([table["instance"], table["fingerprint"]]).transform("min")


def _without_contradicted(table: pd.DataFrame) -> pd.DataFrame:
    """Note which verified answers to the same problem contradict each other; take `verified` from what is refuted."""
    for _, rows in table[table["verified"]].groupby(["instance", "fingerprint"], sort=False):
        sign = -1.0 if (rows["sense"] == "maximize").any() else 1.0
        answers = [_answer(row) for row in rows.itertuples()]
        for place, conflict in zip(rows.index, conflicts(answers, sign), strict=True):
            if conflict:
                table.loc[place, "conflict"] = conflict.words
            if conflict.refuted:
                table.loc[place, ["verified", "proved"]] = False
                table.loc[place, "message"] = conflict.words
    return table


def _answer(row: Any) -> Answer:
    """Return what a row of the table says."""
    objective, bound, claimed = (_known(getattr(row, name)) for name in ("objective", "bound", "claimed_bound"))
    rounding = ROUNDOFF * (_known(row.magnitude) or 0.0)
    return Answer(row.solver, row.status, objective, bound, claimed, row.proved, rounding)


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value


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
        If it is none, lacks a column, or a value is not what its column holds.
    """
    import pandas as pd

    path = Path(path)
    text = dict.fromkeys((*TEXT, *TRUTHS), str)
    readers: dict[str, Callable[[], pd.DataFrame]] = {
        ".parquet": lambda: pd.read_parquet(path),
        ".csv": lambda: pd.read_csv(
            path, dtype=text, keep_default_na=False, na_values={name: [""] for name in NUMBERS}
        ),
        ".json": lambda: pd.DataFrame(json.loads(path.read_text(encoding="utf-8"))),
    }
    if path.suffix not in readers:
        raise DataFormatError(f"{path} ends in {path.suffix!r}; expected .parquet, .csv or .json")
    try:
        found = readers[path.suffix]()
        if missing := sorted(set(COLUMNS) - set(map(str, found.columns))):
            raise DataFormatError(f"{path} is no table of results: it lacks the column {missing[0]!r}")
        return tidy(found)
    except DataFormatError:
        raise
    except Exception as error:  # each of the three formats has errors of its own
        raise DataFormatError(f"{path} is no table of results: {error}") from error
