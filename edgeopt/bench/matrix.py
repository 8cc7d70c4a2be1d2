"""Which solver takes what: the table of the README, made from the registry.

``python -m edgeopt.bench.matrix`` writes it anew into the README of the checkout.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..instances import load
from ..model.solver import Solver
from ..solving.registry import solvers
from .results import markdown

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = {
    "offloading": "offloading/generated-tiny",
    "split": "split/generated-tiny",
    "graph split": "graph-split/generated-tiny",
    "compressed split": "compressed-split/generated-tiny",
    "pipelined split": "pipelined-split/generated-tiny",
    "language split": "language-split/generated-tiny",
    "revenue": "revenue/generated-tiny",
    "slot": "slot/generated-tiny",
    "shared slot": "shared-slot/crowd-two",
    "LP": "program/assignment-tiny",
    "MILP": "program/knapsack-tiny",
}
"""For each kind of problem an instance that shows who takes it."""
BEGIN, END = "<!-- solvers: python -m edgeopt.bench.matrix -->\n", "<!-- end of solvers -->"


def solver_matrix() -> pd.DataFrame:
    """Return one row for each registered solver: its name, a mark for each kind of problem it takes, what it is.

    A filled mark is an exact solver, an empty one a heuristic.
    """
    import pandas as pd

    problems = {kind: load(name).problem for kind, name in COLUMNS.items()}
    rows = []
    for entry in solvers().values():
        marks = {
            kind: "" if entry.refusal(problem) else "●" if entry.exact else "○" for kind, problem in problems.items()
        }
        name = f"`{entry.name}`" + (f", `{entry.name}:NAME`" if entry.variants else "")
        rows.append({"solver": name, **marks, "what it is": _purpose(entry)})
    return pd.DataFrame(rows)


def _purpose(entry: Solver) -> str:
    """First line of the solver's module."""
    words = sys.modules[entry.function.__module__].__doc__ or entry.function.__doc__ or ""
    return words.strip().splitlines()[0].rstrip(".").replace("``", "`") if words else ""


def section() -> str:
    """Return the table as the README holds it, between its marks."""
    return f"{BEGIN}{markdown(solver_matrix())}{END}"


def renewed(text: str) -> str:
    """Return the README's text with the table of today.

    Raises
    ------
    ValueError
        If it has no such section.
    """
    begin, end = text.index(BEGIN), text.index(END)
    return text[:begin] + section() + text[end + len(END) :]


if __name__ == "__main__":
    readme = Path(__file__).parents[2] / "README.md"
    readme.write_text(renewed(readme.read_text(encoding="utf-8")), encoding="utf-8")
