"""``compare``: the same problems, several solvers, one table; and ``solvers_for``: who can solve a problem at all."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..exchange.packages.foreign import package_of, problem_in
from ..model.errors import EdgeOptError
from ..model.instance import Instance
from ..model.problem import Problem
from ..model.solver import Solver
from .contradiction import Answer, conflicts
from .registry import solvers
from .solve import solve

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from ..model.solution import Solution

logger = logging.getLogger("edgeopt")

NUMBERS = ("objective", "bound", "gap", "claimed_bound", "wall_time", "verify_time")
COLUMNS = (
    "problem",
    "solver",
    "kind",
    "status",
    "proved",
    "objective",
    "bound",
    "gap",
    "claimed_bound",
    "excess",
    "wall_time",
    "verify_time",
    "conflict",
    "message",
)


def compare(
    problems: Problem | Instance | Iterable[Problem | Instance],
    solvers: Sequence[str | Solver] | None = None,
    *,
    names: Sequence[str] | None = None,
    progress: Callable[[str, str], None] | None = None,
    **options: Any,
) -> pd.DataFrame:
    """Solve every problem with every solver and return one row for each pair.

    Parameters
    ----------
    problems : Problem, Instance, or iterable of them
        What to solve.
    solvers : sequence of str or Solver, optional
        Registered names; by default every installed solver that can take the first problem.
    names : sequence of str, optional
        What to call the problems; the names of instances and the positions of others by default.
    progress : callable, optional
        Called with problem and solver name before each solve.
    **options
        Passed on to :func:`solve`; a solver that refuses one gets a row ``failed`` that says so. `warm_up` is a second
        here, so that nobody's time is that of an import.

    Returns
    -------
    pandas.DataFrame
        Columns problem, solver, kind, status, proved, objective, bound and gap (as far as they are proved),
        claimed_bound (the solver's word), excess (relative distance to the best verified objective), wall_time and
        verify_time (seconds), conflict (which other answer to the same problem contradicts this one; empty where none
        does), message. Of a batched problem the means of objective and bounds and the largest gap. A contradiction is
        logged as a warning too.
    """
    import pandas as pd

    if isinstance(solvers, str):
        solvers = [solvers]
    given = _listed(problems)
    if names is None:
        names = [entry.name if isinstance(entry, Instance) else str(place) for place, entry in enumerate(given)]
    listed = [problem_in(entry, "eo.compare([{}])") for entry in given]
    options = {"warm_up": 1.0, **options}
    chosen = list(solvers) if solvers is not None else [r["solver"] for r in _able(listed[:1]) if r["installed"]]
    rows = []
    for label, problem in zip(names, listed, strict=False):
        found = []
        for entry in chosen:
            solver_name = entry.name if isinstance(entry, Solver) else entry
            if progress is not None:
                progress(label, solver_name)
            found.append(_row(problem, entry, solver_name, options))
        _mark(label, problem, found)
        rows += [{"problem": label, **row} for _, row in found]
    table = pd.DataFrame(rows, columns=[name for name in COLUMNS if name != "excess"])
    for column in NUMBERS:
        table[column] = table[column].astype(float)
    table["proved"] = table["proved"].astype(bool)
    table.insert(COLUMNS.index("excess"), "excess", _excess(table, listed))
    return table


def _listed(problems: Any) -> list[Any]:
    """Return what is to be solved as a list; a path and a model of another package, iterable or not, count as one."""
    single = isinstance(problems, (Problem, Instance, str)) or package_of(problems) is not None
    return [problems] if single or not isinstance(problems, Iterable) else list(problems)


def _mark(label: str, problem: Problem, found: Sequence[tuple[Answer, dict[str, Any]]]) -> None:
    """Write into each row what contradicts it, and log it."""
    against = conflicts([answer for answer, _ in found], problem.sense.sign)
    for (answer, row), conflict in zip(found, against, strict=True):
        row["conflict"] = conflict.words
        if conflict.refuted:
            logger.warning("problem %s: %s %s", label, answer.solver, conflict.words)


def solvers_for(problem: Problem | Instance) -> pd.DataFrame:
    """Return what can solve `problem`: name, exact or heuristic, installed or not, the pip target, version."""
    import pandas as pd

    columns = ["solver", "kind", "installed", "install", "version"]
    return pd.DataFrame(_able([problem_in(problem, "eo.solvers_for({})")]), columns=columns)


def _able(problems: Sequence[Problem]) -> list[dict[str, Any]]:
    available = [s for s in solvers().values() if problems and not s.refusal(problems[0])]
    return [
        {"solver": s.name, "kind": s.kind, "installed": s.installed, "install": s.install, "version": s.version}
        for s in available
    ]


def _row(problem: Problem, entry: str | Solver, name: str, options: dict[str, Any]) -> tuple[Answer, dict[str, Any]]:
    """Return what a solver answers, and its row."""
    try:
        solution = solve(problem, entry, **options)
    except EdgeOptError as error:
        failed = {"solver": name, "kind": _kind(entry), "status": "failed", "proved": False, "message": str(error)}
        return Answer(name, "failed"), failed
    return Answer.of(name, solution, problem), _solved_row(solution, name, _kind(entry))


def _solved_row(solution: Solution, name: str, kind: str) -> dict[str, Any]:
    kept = (*NUMBERS, "proved", "message")
    row: dict[str, Any] = {"solver": name, "kind": kind, "status": str(solution.status)}
    row |= {key: getattr(solution, key) for key in kept}
    for key, whole in (("objective", np.mean), ("bound", np.mean), ("gap", np.max), ("claimed_bound", np.mean)):
        row[key] = None if row[key] is None else whole(row[key])
    return row


def _kind(entry: str | Solver) -> str:
    found = entry if isinstance(entry, Solver) else solvers().get(entry.partition(":")[0])
    return found.kind if found is not None else ""


def _excess(table: pd.DataFrame, problems: Sequence[Problem]) -> pd.Series[float]:
    """Relative distance of each objective to the best one that any solver reached on the same problem."""
    if not problems:
        return table["objective"]
    entries = len(table) // len(problems)
    sign = np.repeat([problem.sense.sign for problem in problems], entries)
    which = np.repeat(np.arange(len(problems)), entries)  # problems may share a name
    best = (sign * table["objective"]).groupby(which).transform("min")
    excess: pd.Series[float] = (sign * table["objective"] - best) / best.abs().where(best != 0, 1.0)
    return excess
