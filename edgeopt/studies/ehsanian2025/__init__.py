"""Ehsanian and Spyropoulos (2025): slice resource allocation with several edge exits.

Recurrent and convolutional networks with one and two local exits over a day of past, the oracle and the classifier that
pays a transmission cost, the weights of the exits, and what the paper's latency table says beside its own formula.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..report import Report

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

TITLE = "Ehsanian and Spyropoulos (2025): slice resource allocation with multiple edge-exit DDNNs"


def reproduce(folder: Path, *, quick: bool = False, data: Path | None = None) -> pd.DataFrame:
    """Write the study's report to `folder` and return its claims; a run that was stopped goes on where it was.

    Parameters
    ----------
    quick : bool
        One seed, few epochs, two weeks: five minutes instead of hours.
    data : Path, optional
        Folder of the data sets; traffic is generated where there is none.
    """
    from .evaluation import evaluate

    report = Report(folder, TITLE)
    evaluate(report, data, quick)
    return report.write()
