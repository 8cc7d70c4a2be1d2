"""Row prices made exact by a linear program over the columns nearest to their threshold, all others held.

The prices of smoothing are near the best ones, and each further digit costs more passes over all columns. At the best
prices only about as many columns as there are rows lie on their threshold; those that may are a small linear program,
whose duals are the best prices of all columns wherever none of the others crosses its threshold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...model.outcome import Options
from ...model.program import Program
from .highs_model import configure, load, run
from .highs_outcome import how_it_ended
from .priced_points import nearest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .row_prices import Choice, PricedRows

_NEAREST, _LEAST = 5, 200
"""Columns in the linear program for each row, and at least."""

_MOST_ENTRIES = 300_000
"""Matrix entries of a linear program that takes no longer than smoothing does."""


def polishable(rows: PricedRows) -> bool:
    """Whether the linear program is a small one."""
    columns = max(_LEAST, _NEAREST * rows.rows)
    return columns * rows.matrix.nnz <= _MOST_ENTRIES * rows.columns


def linear_prices(rows: PricedRows, choice: Choice, options: Options) -> NDArray[np.float64] | None:
    """Return the row duals of the linear program, or None where HiGHS finds none."""
    open_ = np.sort(nearest(choice.reduced, max(_LEAST, _NEAREST * rows.rows)))
    taken = choice.taken.astype(float)
    taken[open_] = 0.0
    activity = rows.matrix @ taken
    program = Program(
        rows.cost[open_], rows.matrix[:, open_], rows.lower - activity, rows.upper - activity, upper=np.ones(open_.size)
    )
    limits = Options(time_limit=options.remaining(), seed=options.seed, threads=options.threads)
    model = load(program)
    configure(model, program, limits, solver="ipm")
    run(model, limits)
    if how_it_ended(model) != "solved":
        return None
    dual = np.array(model.getSolution().row_dual)
    # A price that rounding puts on a side that its row does not have pays for nothing.
    absent = np.where(dual > 0, np.isinf(rows.lower), np.isinf(rows.upper))
    return np.where(absent, 0.0, dual)
