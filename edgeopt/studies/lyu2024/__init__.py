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
        Fewer seeds, deviations, slots and epochs.
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
    report.text(_READING)
    runs = Runs(folder, data, quick)
    tables.write(report, runs.complete(), runs)
    return report.write()


_SETTING = (
    "Chosen where the paper is silent: the 30 largest demands of GEANT are the services (the Kaggle hosts take the "
    "largest of these routes), AlexNet, VGG-16 and DeepFace in turn, in three balanced parts, greedily on servers in "
    "use that have room; a network's computing for one Mb is in proportion to its MACs for one bit, 1.5 on the "
    "average; unit revenues uniform between 0.8 and 1.4, computing and bandwidth at 0.05 a unit, so that the offline "
    "optimum is unique; traffic scaled to the offline optimum that Table 4 with Figs. 6 and 10 implies; mean capacity "
    "80, capacities drawn again where negative, one draw for all points of a sweep; windows of 8 slots; the last 35 % "
    "of 2016 slots are the test."
)
_READING = (
    "Revenue is eq. 3: prices are charged on what is reserved, used or not. A reservation beyond the true capacity is "
    "throttled. `ours` is the revenue over the offline optimum's, `traffic` the paper's utility (admitted traffic over "
    "the optimum's), `with_penalty` charges 0.5 for each Mb that was promised and not admitted, `reservations_free` "
    "charges only what is admitted. Intervals are Student's at 95 % over the seeds, of differences between runs that "
    "share network and draws. A claim is *indistinguishable* where its interval has both signs."
)
