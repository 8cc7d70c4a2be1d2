"""What a table of runs says: times in which an unverified answer counts as a failure, profiles, means, intervals.

Every function here takes the table of :func:`edgeopt.bench.results.tidy`. A run counts as *solved* when its answer is
verified and within `tolerance` of the best known objective; all else, a wrong or unproved claim first of all, has
infinite time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..model.errors import InvalidOptionError
from .results import least_cost, relative_excess

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

SOLVED = 1e-6
"""Relative distance to the best known objective within which an answer counts as solved."""
SHIFT = 0.01
"""Seconds added to all times of a shifted geometric mean, so that microseconds do not decide it."""
RANKED = (
    "solver",
    "kind",
    "runs",
    "solved",
    "low",
    "high",
    "unverified",
    "proved",
    "mean_time",
    "median_excess",
    "worst_excess",
)
RUN = ["instance", "seed", "repetition"]
"""What makes two runs of different solvers comparable."""


def solved(table: pd.DataFrame, tolerance: float = SOLVED) -> NDArray[np.bool_]:
    """(rows,) whether each run gave a verified answer within `tolerance` of the best that is known."""
    return np.asarray(table["verified"].to_numpy(bool) & (excess(table) <= tolerance))


def excess(table: pd.DataFrame) -> NDArray[np.float64]:
    """(rows,) relative distance of each verified objective to the best known one; infinite where there is none.

    Where no best is recorded, the best verified objective of the table's own rows of that problem takes its place.
    """
    rows = table.reset_index(drop=True)
    verified = rows["verified"].to_numpy(bool)
    found = relative_excess(*least_cost(rows), rows["magnitude"])
    distance = np.where(rows["best"].notna(), rows["excess"], found)
    # An answer "infeasible" or "unbounded" that was verified has no objective and is as good as it can be.
    distance = np.where(rows["status"].isin(["infeasible", "unbounded"]), 0.0, distance)
    return np.where(verified & ~np.isnan(distance), np.maximum(distance, 0.0), np.inf)


def times(table: pd.DataFrame, tolerance: float = SOLVED) -> pd.DataFrame:
    """Return seconds by run (rows) and solver (columns): infinite where not solved, nan where not tried.

    Raises
    ------
    InvalidOptionError
        If the table holds a run twice: two machines' tables are to be compared one by one.
    """
    if twice := table.duplicated([*RUN, "solver"]).sum():
        first = table.loc[table.duplicated([*RUN, "solver"]), [*RUN, "solver"]].iloc[0].to_dict()
        raise InvalidOptionError(f"the table holds {twice} runs twice, {first} first; expected one row for each run")
    counted = table.assign(seconds=np.where(solved(table, tolerance), table["wall_time"], np.inf))
    return counted.pivot(index=RUN, columns="solver", values="seconds")


def performance_profile(seconds: pd.DataFrame) -> pd.DataFrame:
    """Return the performance profile of Dolan and Moré (2002).

    Parameters
    ----------
    seconds : DataFrame, runs x solvers
        As :func:`times` returns it, best of one formulation. A run that a solver did not try, because it cannot take
        the instance, is one that it did not solve.

    Returns
    -------
    pandas.DataFrame
        Indexed by the ratio to the fastest solver of a run, tau >= 1; by solver the share of runs it solved within that
        ratio. A run that nobody solved counts for nobody.
    """
    import pandas as pd

    values = seconds.fillna(np.inf).to_numpy()
    fastest = values.min(axis=1, initial=np.inf)[:, None]
    # Where nobody solved it, or in no time at all, a ratio is a failure or 1.
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(np.isfinite(values), np.where(values == fastest, 1.0, values / fastest), np.inf)
    marks = np.unique(np.r_[1.0, ratio[np.isfinite(ratio)]])
    within = [np.searchsorted(np.sort(column), marks, side="right") for column in ratio.T]
    share = np.array(within, float).reshape(-1, marks.size).T / max(1, len(values))
    return pd.DataFrame(share, index=pd.Index(marks, name="ratio"), columns=seconds.columns)


def profile_lines(seconds: pd.DataFrame) -> pd.DataFrame:
    """Return the performance profile as pictures draw it: the solvers best first, the steps drawn on to the right."""
    shares = performance_profile(seconds)
    order = shares.iloc[-1].sort_values(ascending=False, kind="stable").index
    end = max(10.0, 1.5 * float(shares.index[-1]))
    shares.loc[end] = shares.iloc[-1]
    return shares[order]


def counted(table: pd.DataFrame, tolerance: float = SOLVED) -> NDArray[np.float64]:
    """(rows,) seconds of each run; one that did not solve its instance counts as its time limit."""
    return np.where(solved(table, tolerance), table["wall_time"], table["time_limit"])


def shifted_geometric_mean(seconds: Any, shift: float = SHIFT) -> float:
    """Return ``exp(mean(log(t + shift))) - shift``.

    >>> round(shifted_geometric_mean([1.0, 100.0], shift=10.0), 3)
    24.785
    """
    values = np.asarray(seconds, float)
    if shift < 0 or values.size == 0:
        raise InvalidOptionError(f"shift is {shift} and there are {values.size} times; expected >= 0 and at least one")
    return float(np.exp(np.mean(np.log(values + shift))) - shift)


def bootstrap_interval(
    values: Any, statistic: Any = np.mean, level: float = 0.95, draws: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """Return the percentile bootstrap interval of a statistic (Efron 1979).

    >>> low, high = bootstrap_interval(np.arange(100.0), seed=1)
    >>> low < 49.5 < high
    True
    """
    sample = np.asarray(values, float)
    if sample.size == 0 or not 0 < level < 1 or draws < 1:
        raise InvalidOptionError(f"{sample.size} values, level {level}, {draws} draws; expected a sample to draw from")
    rng = np.random.default_rng(seed)
    found = [statistic(sample[rng.integers(sample.size, size=sample.size)]) for _ in range(draws)]
    low, high = np.quantile(found, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def win_loss(table: pd.DataFrame, tolerance: float = SOLVED) -> pd.DataFrame:
    """Return for each pair the share of common runs that the solver of the row won against that of the column.

    A run is won by who solved it where the other did not, else by the shorter time; runs that neither solved are draws
    and count half.
    """
    import pandas as pd

    seconds = times(table, tolerance)
    share = pd.DataFrame(np.nan, index=seconds.columns, columns=seconds.columns)
    share.index.name = "winner"
    for a in seconds:
        for b in seconds:
            pair = seconds[[a, b]].dropna() if a != b else seconds.iloc[:0]
            if a != b and len(pair):
                share.loc[a, b] = float(((pair[a] < pair[b]) + 0.5 * (pair[a] == pair[b])).mean())
    return share


def growth(table: pd.DataFrame, tolerance: float = SOLVED) -> pd.DataFrame:
    """Return by solver and formulation the exponent of ``time = constant * size ** exponent``, fitted to logarithms.

    Only solved runs count, and only where sizes differ by a factor of two at least.
    """
    import pandas as pd

    kept = table[solved(table, tolerance) & (table["wall_time"] > 0) & (table["size"] > 0)]
    rows = []
    for (solver, formulation), runs in kept.groupby(["solver", "formulation"]):
        if runs["size"].max() < 2 * runs["size"].min():
            continue
        exponent, constant = np.polyfit(np.log(runs["size"]), np.log(runs["wall_time"]), 1)
        rows.append((solver, formulation, float(exponent), float(np.exp(constant)), len(runs)))
    return pd.DataFrame(rows, columns=["solver", "formulation", "exponent", "constant", "runs"])


def by_solver(table: pd.DataFrame, tolerance: float = SOLVED) -> pd.DataFrame:
    """Return one row for each solver, best first: more runs solved, fewer without an answer, the smaller mean time.

    Returns
    -------
    pandas.DataFrame
        Columns solver, kind, runs, solved (share), low and high (its 95 % bootstrap interval over instances),
        unverified (runs without a verified answer), proved (runs whose status is proved and rests on no solver's word),
        mean_time (shifted geometric, failures at their time limit),
        median_excess and worst_excess (relative distance to the best known objective of verified answers; infinite if
        there is none).
    """
    import pandas as pd

    table = table.assign(distance=excess(table), good=solved(table, tolerance), seconds=counted(table, tolerance))
    rows = []
    for solver, runs in table.groupby("solver"):
        good = runs["good"].to_numpy()
        # Runs of one instance are no independent draws: instances are.
        low, high = bootstrap_interval(runs.groupby("instance")["good"].mean())
        shown = runs["distance"][np.isfinite(runs["distance"])]
        rows.append(
            {
                "solver": solver,
                "kind": runs["kind"].iloc[0],
                "runs": len(runs),
                "solved": float(good.mean()),
                "low": low,
                "high": high,
                "unverified": int((~runs["verified"]).sum()),
                "proved": int(runs["proved"].sum()),
                "mean_time": shifted_geometric_mean(runs["seconds"]),
                "median_excess": float(shown.median()) if len(shown) else np.inf,
                "worst_excess": float(shown.max()) if len(shown) else np.inf,
            }
        )
    ranked = pd.DataFrame(rows, columns=list(RANKED))
    # Solvers that solved nothing still differ: no answer at all is worse than a poor one.
    ranked["silent"] = ranked["unverified"] / ranked["runs"]
    order = ["solved", "silent", "mean_time", "median_excess", "solver"]
    ranked = ranked.sort_values(order, ascending=[False, True, True, True, True])
    return ranked[list(RANKED)].reset_index(drop=True)
