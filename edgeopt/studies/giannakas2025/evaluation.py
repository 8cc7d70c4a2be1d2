"""The whole study in its order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..early_exit.frames import CELLS, traffic
from ..early_exit.networks import EXITS
from . import claims, figures, tables
from .runs import Runs

if TYPE_CHECKING:
    from pathlib import Path

    from ..report import Report


def evaluate(report: Report, data: Path | None, quick: bool) -> None:
    """Train what is not trained yet, and write every table, figure and claim."""
    frame, source = traffic(data, quick, CELLS)
    runs = Runs.of(report.folder, frame, quick)
    report.text(
        f"Traffic: {source}; {len(frame)} slots of 10 minutes, M = {CELLS} (paper: 49 stations, of which no weeks of "
        "10-minute data are public). Demand is scaled to [0, 1] by its range in the training period (60 %; 20 % "
        "validation, 20 % test), so costs are not on the paper's scale. Two networks stand side by side: the printed "
        "one, with the sizes of V-A, and the residual one, the same blocks with exits that correct the latest demand. "
        f"Seeds: {len(runs.seeds)}; at most {runs.epochs} epochs, each exit stopped by its own cost on the validation; "
        "intervals are Student's, of differences between runs that share their seed. A claim about what the cloud is "
        "worth is called not decidable where the cloud does not beat persistence and both simple allocators."
    )
    runs.shop.prepare(runs.wanted())
    tables.table_ii(report)
    tables.table_iii(report)
    tables.exits(report, runs)
    tables.other_exits(report, runs)
    tables.another_city(report, data, range(len(runs.seeds)))
    for exit in EXITS:
        claims.write(report, runs, exit)
    figures.write(report, runs)
    tables.latency(report, runs)
