"""Linear, integer and convex quadratic programs by HiGHS (Huangfu and Hall 2018), handed over as arrays.

An integer program is solved to a relative gap of 1e-9 unless another is asked for, a linear one to tolerances of 1e-9;
where HiGHS does not get there it is asked again with its own.

References
----------
Q. Huangfu and J. A. J. Hall, "Parallelizing the dual revised simplex method", Math. Prog. Comp. 10, 2018.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..model.outcome import Options, Outcome
from ..model.program import Point, Program
from ..model.solver import Quadratic, solver
from ..model.tolerance import FEASIBILITY
from .backends.adapter_outcome import infeasible, trivial
from .backends.highs_model import HELD, configure, easier_options, highs_options, load, run
from .backends.highs_outcome import dual_ray, how_it_ended, outcome
from .backends.ranges import require_range

if TYPE_CHECKING:
    from numpy.typing import NDArray


@solver(
    "highs",
    solves=Program,
    exact=True,
    quadratic=Quadratic.CONTINUOUS,
    options=("time_limit", "relative_gap", "warm_start", "threads"),
    own_options=highs_options,
    requires=("highspy",),
    install="highspy==1.14.*",
    rank=20,
)
def highs(program: Program, options: Options) -> Outcome:
    """Solve by simplex, by branch and cut, or a quadratic objective over continuous columns by an active-set method.

    Every option of HiGHS is accepted by its name; its choice of algorithm, ``solver``, is called ``method`` here.
    Without ``threads`` HiGHS decides (simplex uses one). A warm start is a point: a first incumbent for an integer
    program, the place of the starting vertex for a linear one.
    """
    if (known := trivial(program)) is not None:
        return known
    require_range(program, HELD, "highs")
    model = load(program)
    if options.warm_start is not None:
        start_from(model, np.asarray(options.warm_start, dtype=np.float64))
    solve_loaded(model, program, options)
    found = outcome(model, program, options, solve_anew)
    if not _rounds_badly(program, found) or "presolve" in options.extra or options.remaining() == 0:
        return found
    # Presolve, which is off for fear of lost optima, tightens switches by the costs.
    again = load(program)
    configure(again, program, options, presolve="on")
    run(again, options)
    other = outcome(again, program, options, solve_anew)
    return found if _rounds_badly(program, other) else other


def _rounds_badly(program: Program, found: Outcome) -> bool:
    """Whether no decision is left of an integer program's once its integers are whole."""
    if not program.integral or not found.claim.has_decision:
        return False
    values = np.where(program.integrality, np.round(found.decision.values), found.decision.values)
    return any(not v <= FEASIBILITY for v in program.violations(Point(values)).values())


def start_from(model: Any, point: NDArray[np.float64]) -> None:
    """Give HiGHS a point (columns,) to start from."""
    model.setSolution(point.size, np.arange(point.size, dtype=np.int32), point)


def solve_loaded(model: Any, program: Program, options: Options) -> None:
    """Solve the program that `model` holds; a linear one again, with other options, where HiGHS is unsure."""
    configure(model, program, options)
    run(model, options)
    for easier in easier_options(program):
        if not _doubtful(model, program):
            return
        model.clearSolver()
        configure(model, program, options, **easier)
        run(model, options)


def _doubtful(model: Any, program: Program) -> bool:
    """Whether what HiGHS says of a linear program is no answer, or one that its own ray or the costs contradict."""
    match how_it_ended(model):
        case "unsure" | "broken":
            return True
        case "unbounded" | "undecided":
            return _bounded(program)
        case "infeasible":
            return infeasible(program, dual_ray(model)).certificate is None
    return False


def _bounded(program: Program) -> bool:
    """Whether every column that has a cost is bounded where it improves the objective."""
    cost = program.sense.sign * program.cost
    best = np.where(cost > 0, program.lower, program.upper)
    return bool(np.isfinite(best[cost != 0]).all())


def solve_anew(program: Program, options: Options) -> Any:
    """Solve a program that settles a question about another one; only limits carry over."""
    model = load(program)
    solve_loaded(model, program, replace(options, warm_start=None, extra={}))
    return model
