"""Labriji et al. (2023): adaptive splitting of MobileNetV2 under Lyapunov control, simulated with the paper's numbers.

The conventions that reproduce them are in the notes on the papers: 32 bits for every element of the raw image too,
local energy counted for each image, padded layers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..report import Report

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

TITLE = "Labriji et al. (2023): energy-efficient cooperative inference via adaptive DNN splitting"


def reproduce(folder: Path, *, quick: bool = False, data: Path | None = None) -> pd.DataFrame:
    """Write the study's report to `folder` and return its claims.

    Its large simulations are kept there: a study that was stopped goes on where it ended.

    Parameters
    ----------
    quick : bool
        A tenth of the slots and fewer seeds.
    data : Path, optional
        Folder of the data sets; the part on measured processor loads is left out without it.
    """
    from ...control import DriftPlusPenalty, Environment
    from . import beyond, paper
    from .runs import Runs

    report = Report(folder, TITLE)
    slots, seeds = (20_000, 3) if quick else (200_000, 20)
    done = Runs(folder, DriftPlusPenalty(), Environment(), slots)
    paper.reproduce(report, done, seeds)
    beyond.reproduce(report, done, min(seeds, 5), data)
    return report.write()
