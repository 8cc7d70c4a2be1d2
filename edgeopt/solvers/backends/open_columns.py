"""What a search by prices leaves open, handed to HiGHS: a small integer program with a point to start from."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ...model.outcome import Options
from .highs_model import configure, load, run
from .highs_outcome import how_it_ended

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...model.program import Program
    from .highs_outcome import Ending


class Finished(NamedTuple):
    """How the integer program ended, its best point if there is one, and its own bound."""

    ending: Ending
    values: NDArray[np.bool_] | None
    bound: float


def finish(
    program: Program,
    start: NDArray[np.bool_] | None,
    absolute_gap: float,
    seconds: float,
    options: Options,
    enough: float = -math.inf,
) -> Finished:
    """Solve a small minimisation over binary columns to an absolute gap, within `seconds` and the time limit.

    A point whose cost is `enough` or less ends the search too.
    """
    import highspy

    limits = Options(time_limit=min(seconds, options.remaining()), seed=options.seed, threads=options.threads)
    model = load(program)
    configure(model, program, limits, mip_abs_gap=absolute_gap, mip_rel_gap=0.0, objective_target=enough)
    if start is not None:
        model.setSolution(start.size, np.arange(start.size, dtype=np.int32), start.astype(float))
    run(model, limits)
    info = model.getInfo()
    feasible = info.primal_solution_status == int(highspy.SolutionStatus.kSolutionStatusFeasible)
    values = np.array(model.getSolution().col_value) > 0.5 if feasible else None
    return Finished(how_it_ended(model), values, float(info.mip_dual_bound))
