"""The traffic of the studies: Milano's where it is at hand, generated otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...data import milano, synthetic

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

CELLS = 16
"""Of Milano's 25 the studies take a square of 16: a full run then ends on one core."""


def traffic(data: Path | None, quick: bool, cells: int) -> tuple[pd.DataFrame, str]:
    """Return the cells' demand (time x cell) and its source: Milano's where it is at hand, generated otherwise."""
    file = None if data is None else data / "milano/milano_internet_25cells_10min.csv.gz"
    if file is not None and file.is_file():
        frame, source = milano.read_25_cells(file), f"{cells} cells of Milano, November 2013 (Telecom Italia, ODbL)"
    else:
        frame = synthetic.traffic(cells=25, days=30, seed=0)
        source = f"{cells} generated cells with Milano's statistics: no measured traffic was at hand"
    # A square of neighbours: of the 5 x 5 block its first rows and columns.
    side = int(np.sqrt(cells))
    chosen = [5 * row + column for row in range(side) for column in range(side)]
    return frame.iloc[: 14 * 144 if quick else None, chosen], source
