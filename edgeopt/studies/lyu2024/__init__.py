"""Lyu et al. (2024): traffic prediction and resource allocation trained by the objective, on real traffic matrices.

The paper compares its proposal (capacities learned and forecast bent by the offline optimum) with forecasts that are
optimised afterwards under mean capacities, so two effects are one in its tables. The study repeats the comparison on
the same topology and traffic, and takes the two apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...model.errors import InvalidOptionError
from ..report import Report

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

TITLE = "Lyu et al. (2024): objective-driven differentiable optimization for split AI inference"


def reproduce(folder: Path, *, quick: bool = False, data: Path | None = None) -> pd.DataFrame:
    """Write the study's report to `folder` and return its claims; a run that was stopped goes on where it was.

    Parameters
    ----------
    quick : bool
        Fewer seeds, deviations, slots and epochs: minutes instead of an hour.
    data : Path
        Folder of the data sets.

    Raises
    ------
    InvalidOptionError
        If there is no data folder.
    """
    from . import tables
    from .runs import Runs

    if data is None:
        raise InvalidOptionError("lyu2024 needs its traffic; pass --data FOLDER, or set EDGEOPT_DATA")
    report = Report(folder, TITLE)
    report.text(_SETTING)
    runs = Runs(folder, data, quick)
    tables.write(report, runs.complete(), runs)
    return report.write()


_SETTING = (
    "Chosen where the paper is silent: the 30 largest demands of GEANT are the services (the Kaggle hosts take the "
    "largest of these routes), three balanced parts on servers already in use, unit revenue 1 and no prices, traffic "
    "scaled to 300 Mb a slot, mean capacity 80, capacities drawn again where negative, windows of 8 slots, 60 % of the "
    "slots for training and 20 % each for validation and test. A reservation beyond the true capacity is throttled; "
    "the column optimal_recourse shows the optimal recourse instead. Utility is what gets through over the offline "
    "optimum, summed over the test slots."
)
