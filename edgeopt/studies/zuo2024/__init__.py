"""Zuo (2024), Pre-DNNOff: its experiment, the regimes in which its claims could hold, and measured profiles.

The text leaves out the branches' layers, the exits' accuracies and the layer sizes, so its two latencies cannot be
recomputed. What can be checked is whether the claimed gap between the optimum and Edgent appears on a network with the
stated layer counts, and where it would.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..report import Report

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

TITLE = "Zuo (2024): Pre-DNNOff, on-demand DNN model offloading"


def reproduce(folder: Path, *, quick: bool = False, data: Path | None = None) -> pd.DataFrame:
    """Write the study's report to `folder` and return its claims.

    Parameters
    ----------
    quick : bool
        Fewer runs and coarser grids.
    data : Path, optional
        Folder of the data sets; the part on measured profiles is left out without it.
    """
    from . import measured, paper, readings, regimes

    report = Report(folder, TITLE)
    paper.reproduce(report, runs=5 if quick else 20)
    tables = paper.chains()
    readings.reproduce(report, paper.problem(tables), tables)
    regimes.reproduce(report, quick=quick)
    if data is None:
        report.text("The measured profiles (Scission, PORTEND) were left out: there is no data folder (`--data`).")
    else:
        measured.reproduce(report, data / "dnn_profiles", quick=quick)
    return report.write()
