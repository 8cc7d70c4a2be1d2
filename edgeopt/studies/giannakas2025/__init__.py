"""Giannakas et al. (2025): fast edge resource scaling with a distributed network and two offloading rules.

Every table and figure of the evaluation, on Milano's traffic, with the exact offline optimum in place of Algorithm 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..report import Report

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

TITLE = "Giannakas et al. (2025): fast edge resource scaling with distributed DNN"


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
