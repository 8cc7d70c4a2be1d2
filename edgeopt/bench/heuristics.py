"""The papers' heuristics against proven optima: how far off, how often right, how fast."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..solving.spec import parse
from . import measures

if TYPE_CHECKING:
    import pandas as pd

PAPERS = {
    "genetic": "genetic algorithm (Zuo 2024), separate genes",
    "edgent": "Edgent (Li et al. 2018, in Zuo 2024)",
    "neurosurgeon": "Neurosurgeon (Kang et al. 2017)",
    "algorithm-1": "Algorithm 1 (Giannakas et al. 2025)",
    "lambert-w": "Lambert-W surrogate (Labriji et al. 2023)",
}
"""Registered solvers that papers propose or compare with."""


COLUMNS = ("heuristic", "instances", "runs", "optimal", "median_gap", "worst_gap", "unanswered", "median_time")


def against_optima(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each heuristic of :data:`PAPERS` in the table, over the runs whose optimum is proved.

    Returns
    -------
    pandas.DataFrame
        Columns heuristic, instances, runs, optimal (share), median_gap and worst_gap (relative, of feasible answers),
        unanswered (runs without a feasible answer), median_time (seconds).
    """
    import pandas as pd

    proved = table[table["best_status"] == "optimal"]
    stems = proved["solver"].map(lambda text: parse(text)[0].partition(":")[0])
    rows = [
        gaps(words, part["instance"].nunique(), measures.excess(part), part["wall_time"].to_numpy(float))
        for stem, words in PAPERS.items()
        if len(part := proved[stems == stem])
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def gaps(heuristic: str, instances: int, excess: Any, seconds: Any) -> dict[str, Any]:
    """Return a row for relative distances to the optimum.

    Infinite ones, and those below it (no feasible answer can be), are runs without a feasible answer.
    """
    distance = np.asarray(excess, float)
    distance = np.where(distance < -measures.SOLVED, np.inf, distance)
    shown = distance[np.isfinite(distance)]
    return {
        "heuristic": heuristic,
        "instances": instances,
        "runs": distance.size,
        "optimal": float((distance <= measures.SOLVED).mean()),
        "median_gap": float(np.median(shown)) if shown.size else np.nan,
        "worst_gap": float(shown.max()) if shown.size else np.nan,
        "unanswered": int((~np.isfinite(distance)).sum()),
        "median_time": float(np.nanmedian(seconds)) if np.isfinite(seconds).any() else np.nan,
    }
