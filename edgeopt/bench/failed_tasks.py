"""Tasks that could not be run at all: a missing data set, a refused option. They are told, and tried again.

What a solver does is a result and stays in the cache. These are none: they go to a file beside it, one line each, and
count only as long as their task has no result.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..model.errors import EdgeOptError
from .task import blank

if TYPE_CHECKING:
    import pandas as pd

    from .campaign import Campaign

FILE = "failed_tasks.jsonl"
KEY = ("instance", "fingerprint", "solver", "seed", "repetition", "time_limit", "memory_limit", "threads")
"""What makes a task."""


def note_failed_task(folder: str | Path, task: dict[str, Any], error: Exception) -> None:
    """Write down why a task could not be run."""
    words = str(error) if isinstance(error, EdgeOptError) else f"{type(error).__name__}: {error}"
    line = json.dumps({"task": {name: task[name] for name in KEY}, "message": words})
    with (Path(folder) / FILE).open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def with_failed_tasks(table: pd.DataFrame, folder: Path, campaign: Campaign) -> pd.DataFrame:
    """Return the table with a row ``failed`` for each task of the campaign that has a note of failure and no result."""
    import pandas as pd

    path = folder / FILE
    if not path.is_file():
        return table
    done = set(table[list(KEY)].itertuples(index=False, name=None))
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            failed_task = json.loads(line)
        except ValueError:
            continue  # a line that was being written when the run was killed
        key = tuple(failed_task["task"][name] for name in KEY)
        if key not in done and campaign.asks_for(failed_task["task"]):
            rows[key] = blank(**failed_task["task"]) | {"message": failed_task["message"]}
    return pd.concat([table, pd.DataFrame(list(rows.values()))], ignore_index=True) if rows else table
