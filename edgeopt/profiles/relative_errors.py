"""How far predicted times are from measured ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..model.records import require

if TYPE_CHECKING:
    from numpy.typing import NDArray


def goodness(seconds: NDArray[np.float64], predicted: NDArray[np.float64]) -> dict[str, float]:
    """Return the errors of predicted times.

    Parameters
    ----------
    seconds, predicted : (rows,) float
        Measured (above 0) and predicted times.

    Returns
    -------
    dict
        ``rows``; ``median_ape`` and ``mean_ape``, absolute relative error, 1 = 100 %; ``r2``, nan if all times agree.

    Raises
    ------
    InvalidProblemError
        If a measured time is zero: its relative error has no meaning.
    """
    require("seconds", seconds, seconds > 0, "must be above 0 for a relative error (drop the row)")
    relative = np.abs(predicted - seconds) / seconds
    return {
        "rows": len(seconds),
        "median_ape": float(np.median(relative)),
        "mean_ape": float(relative.mean()),
        "r2": determination(seconds, predicted),
    }


def determination(actual: NDArray[np.float64], predicted: NDArray[np.float64]) -> float:
    """Return the coefficient of determination; nan where all actual values agree."""
    spread = float(((actual - actual.mean()) ** 2).sum()) if len(actual) else 0.0
    return 1.0 - float(((actual - predicted) ** 2).sum()) / spread if spread > 0 else float("nan")
