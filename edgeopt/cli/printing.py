"""Printing rows for people, as tables, and for machines, as JSON."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Any, Literal

import typer


def show(rows: list[dict[str, Any]], as_json: bool, title: str) -> None:
    """Print a table."""
    if as_json:
        typer.echo(json.dumps([{key: _plain(value) for key, value in row.items()} for row in rows], indent=1))
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=escape(title))
    for column in rows[0] if rows else []:
        justify: Literal["left", "right"] = "right" if isinstance(rows[0][column], float) else "left"
        table.add_column(escape(column), overflow="fold", justify=justify)
    for row in rows:
        table.add_row(*(escape(_text(value)) for value in row.values()))
    Console(width=None if sys.stdout.isatty() else 160).print(table)


def show_one(row: dict[str, Any], as_json: bool, title: str) -> None:
    """Print one thing, a line for each of its properties."""
    if as_json:
        typer.echo(json.dumps({key: _plain(value) for key, value in row.items()}, indent=1))
        return
    typer.echo(title)
    for key, value in row.items():
        if hasattr(value, "tolist") or value not in (None, "", []):
            typer.echo(f"  {key}: {_text(value)}")


def _plain(value: Any) -> Any:
    """Return what JSON has: no nan and no infinity (null), no arrays (lists)."""
    if isinstance(value, tuple) or hasattr(value, "tolist"):
        return _plain(value.tolist() if hasattr(value, "tolist") else list(value))
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, (bool, int, float, str, list)) else str(value)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.6g}"
    if isinstance(value, tuple):
        return "; ".join(_text(item) for item in value)
    if hasattr(value, "tolist"):
        import numpy as np

        with np.printoptions(threshold=20, precision=6):
            return " ".join(str(value).split())
    if isinstance(value, list):
        return "".join(f"\n    {item}" for item in value)
    return str(value.value if isinstance(value, Enum) else value)


@contextmanager
def progress_bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show progress with the time that remains on standard error; on no terminal, a line every tenth.

    Yields a function of the number done and the number of all.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    if not sys.stderr.isatty():
        told = -1

        def tell(done: int, total: int) -> None:
            nonlocal told
            if (tenth := 10 * done // max(1, total)) > told:
                told = tenth
                typer.echo(f"{what}: {done} of {total}", err=True)

        yield tell
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
