"""One HTML page of a comparison that needs nothing else: table, plots, failures, machine.

Everything is in the file, plotly's script too: it and the data are gzipped, which the browser undoes. Strings from data
reach the page through jinja's autoescape, or as JSON of which the page's own script makes text and never markup.
"""

from __future__ import annotations

import base64
import gzip
import importlib.resources
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..exchange.storage import write_atomically
from ..model.errors import ExtraNotInstalledError, InvalidProblemError
from ..model.tolerance import ROUNDOFF
from . import measures
from .heuristics import against_optima

if TYPE_CHECKING:
    import pandas as pd

TABLE = (
    "instance",
    "solver",
    "kind",
    "seed",
    "repetition",
    "status",
    "verified",
    "proved",
    "objective",
    "excess",
    "bound",
    "gap",
    "claimed_bound",
    "wall_time",
    "build_time",
    "verify_time",
    "memory",
    "size",
    "conflict",
    "message",
    "command",
)
MACHINE = ("machine", "processor", "cores", "system", "python", "numpy", "edgeopt", "revision", "threads")
DASHES = ("solid", "dash", "dot")
SYMBOLS = ("circle", "diamond-open", "x")
"""Plotly has ten colours; from the eleventh line on the strokes differ too."""
MOST_FAILURES = 500
"""Failures that are listed with their reasons; the table of runs holds them all."""
MOST_POINTS = 4000
"""Points of one plot; of a larger table each plot shows this many rows, evenly taken."""


def write_report(table: pd.DataFrame, path: str | Path, title: str = "Comparison of solvers") -> None:
    """Write the page; the file appears whole or not at all.

    Parameters
    ----------
    table : DataFrame
        As :func:`edgeopt.bench.run.collect` returns it.
    path : path
        Where; usually it ends in ``.html``.
    title : str
        Heading of the page.

    Raises
    ------
    InvalidProblemError
        If the table has no row.
    """
    if table.empty:
        raise InvalidProblemError("the table has no row; run something first: edgeopt bench run")
    write_atomically(Path(path), page(table, title).encode())


def page(table: pd.DataFrame, title: str) -> str:
    """Return the page's HTML."""
    try:
        import jinja2
        import plotly
    except ImportError as error:
        raise ExtraNotInstalledError(f"the report needs {error.name}; pip install 'edgeopt[bench]'") from error
    rooms = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "page"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    ranking = measures.by_solver(table)
    failures = table.loc[~table["verified"], ["instance", "solver", "seed", "status", "message", "command"]]
    conflicting = table.loc[table["conflict"] != "", ["instance", "solver", "seed", "status", "objective", "conflict"]]
    return rooms.get_template("report.html").render(
        title=title,
        summary=_summary(table, ranking),
        ranking=[_ranked(row) for row in _records(ranking)],
        failures=_records(failures.head(MOST_FAILURES)),
        failure_count=len(failures),
        conflicts=_records(conflicting.head(MOST_FAILURES)),
        conflict_count=len(conflicting),
        heuristics=_records(against_optima(table)),
        machines=_machines(table),
        versions=sorted(
            {f"{row['solver']} {row['solver_version']}" for row in _records(table) if row["solver_version"]}
        ),
        payload=_packed(json.dumps(_plain({"columns": TABLE, "rows": _rows(table), "plots": plots(table)}))),
        plotly_version=plotly.__version__,
        plotly=_packed(_plotly()),
    )


def plots(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the interactive plots as plotly describes them: data and layout."""
    kinds = [(str(kind), rows.reset_index(drop=True)) for kind, rows in table.groupby("formulation") if kind]
    profiles = [plot(kind, rows) for kind, rows in kinds for plot in (_profile_plot, _scaling_plot)]
    return [*profiles, _gap_plot(table), _win_plot(table)]


def _profile_plot(kind: str, table: pd.DataFrame) -> dict[str, Any]:
    seconds = measures.times(table)
    lines = measures.profile_lines(seconds)
    if len(lines) > MOST_POINTS:  # keep the last: it says how much was solved at all
        lines = lines.iloc[np.unique(np.linspace(0, len(lines) - 1, MOST_POINTS).astype(int))]
    traces = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": solver,
            "line": {"shape": "hv", "dash": DASHES[place // 10 % 3]},
            "x": lines.index.tolist(),
            "y": shares.tolist(),
        }
        for place, (solver, shares) in enumerate(lines.items())
    ]
    title = f"{kind}: performance profile over {len(seconds)} runs"
    return {
        "id": f"profile-{kind}",
        "data": traces,
        "layout": _layout(
            title,
            {"type": "log", "title": "time relative to the fastest"},
            {"title": "share solved", "range": [0, 1.02]},
        ),
    }


def _gap_plot(table: pd.DataFrame) -> dict[str, Any]:
    shown = _thinned(table.assign(distance=measures.excess(table)))
    shown = shown[np.isfinite(shown["distance"])]
    traces = [
        {
            "type": "scatter",
            "mode": "markers",
            "marker": {"symbol": SYMBOLS[place // 10 % 3]},
            "name": solver,
            "x": runs["wall_time"].tolist(),
            "y": np.maximum(runs["distance"], ROUNDOFF).tolist(),
            "text": runs["instance"].tolist(),
            "hovertemplate": "%{text}<br>%{x:.3g} s, %{y:.3g} above the best<extra>%{fullData.name}</extra>",
        }
        for place, (solver, runs) in enumerate(shown.groupby("solver"))
    ]
    return {
        "id": "gap",
        "data": traces,
        "layout": _layout(
            "Distance to the best known objective against time (1e-12: none)",
            {"type": "log", "title": "time [s]"},
            {"type": "log", "title": "relative distance"},
        ),
    }


def _scaling_plot(kind: str, table: pd.DataFrame) -> dict[str, Any]:
    shown = _thinned(table[measures.solved(table)])
    fits = measures.growth(table)
    exponents = {row["solver"]: row["exponent"] for row in _records(fits)}
    traces = [
        {
            "type": "scatter",
            "mode": "markers",
            "marker": {"symbol": SYMBOLS[place // 10 % 3]},
            "x": runs["size"].tolist(),
            "y": runs["wall_time"].tolist(),
            "text": runs["instance"].tolist(),
            "name": f"{solver}: size^{exponents[solver]:.2f}" if solver in exponents else str(solver),
            "hovertemplate": "%{text}<br>%{x} numbers, %{y:.3g} s<extra>%{fullData.name}</extra>",
        }
        for place, (solver, runs) in enumerate(shown.groupby("solver"))
    ]
    return {
        "id": f"scaling-{kind}",
        "data": traces,
        "layout": _layout(
            f"{kind}: time against size, solved runs",
            {"type": "log", "title": "numbers in the problem's data"},
            {"type": "log", "title": "time [s]"},
        ),
    }


def _win_plot(table: pd.DataFrame) -> dict[str, Any]:
    order = measures.by_solver(table)["solver"].tolist()
    share = measures.win_loss(table).loc[order, order].to_numpy(float)
    cells = [[None if np.isnan(value) else round(100 * value, 1) for value in row] for row in share]
    trace = {
        "type": "heatmap",
        "x": order,
        "y": order,
        "z": cells,
        "zmin": 0,
        "zmax": 100,
        "colorscale": "RdBu",
        "hovertemplate": "%{y} beats %{x} in %{z} % of their common runs<extra></extra>",
    }
    layout = _layout("Runs won by the row against the column [%]", {"tickangle": -60}, {"autorange": "reversed"})
    return {"id": "wins", "data": [trace], "layout": layout}


def _layout(title: str, x: dict[str, Any], y: dict[str, Any]) -> dict[str, Any]:
    def axis(given: dict[str, Any]) -> dict[str, Any]:
        named = {"title": {"text": given["title"]}} if "title" in given else {}
        return {"automargin": True, **given, **named}

    return {
        "title": {"text": title, "font": {"size": 15}},
        "xaxis": axis(x),
        "yaxis": axis(y),
        "height": 460,
        "margin": {"t": 50, "r": 10, "b": 50, "l": 60},
        "legend": {"orientation": "h", "yanchor": "top", "y": -0.18},
    }


def _thinned(rows: pd.DataFrame) -> pd.DataFrame:
    return rows if len(rows) <= MOST_POINTS else rows.iloc[:: -(-len(rows) // MOST_POINTS)]


def _rows(table: pd.DataFrame) -> list[list[Any]]:
    """Return the cells of the table."""
    return [list(cells) for cells in zip(*(table[name].tolist() for name in TABLE), strict=True)]


def _plain(value: Any) -> Any:
    """Return nested values as JSON has them: no nan, no infinity."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _ranked(row: dict[str, Any]) -> dict[str, str]:
    def percent(value: float) -> str:
        return f"{100 * value:.1f} %" if np.isfinite(value) else "no answer"

    return {
        "solver": row["solver"],
        "kind": row["kind"],
        "runs": str(row["runs"]),
        "solved": percent(row["solved"]),
        "interval": f"{percent(row['low'])} to {percent(row['high'])}",
        "unverified": str(row["unverified"]),
        "proved": str(row["proved"]),
        "mean_time": f"{row['mean_time']:.3g} s",
        "median": _gap(row["median_excess"]),
        "worst": _gap(row["worst_excess"]),
    }


def _gap(value: float) -> str:
    if not np.isfinite(value):
        return "no answer"
    return "0" if value < measures.SOLVED else f"{100 * value:.3g} %"


def _summary(table: pd.DataFrame, ranking: pd.DataFrame) -> str:
    best = ranking.iloc[0]
    wrong, proved = int((~table["verified"]).sum()), int(table["proved"].sum())
    against = int((table["conflict"] != "").sum())
    return (
        f"{len(table)} runs of {table['solver'].nunique()} solvers on {table['instance'].nunique()} instances; {wrong} "
        f"without a verified answer, {proved} proved, {against} contradicted. "
        f"{best['solver']} solved {100 * best['solved']:.0f} % of its runs to within "
        f"{measures.SOLVED:g} of the best known objective."
    )


def _machines(table: pd.DataFrame) -> list[dict[str, Any]]:
    return _records(table[list(MACHINE)].drop_duplicates())


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a table as mappings."""
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def _packed(text: str) -> str:
    """Return text as gzip in base64: a third of its size, and no character of it means anything to HTML."""
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def _plotly() -> str:
    """Return plotly's script as its Python package ships it."""
    return (importlib.resources.files("plotly") / "package_data" / "plotly.min.js").read_text(encoding="utf-8")
