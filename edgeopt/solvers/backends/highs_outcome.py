"""What HiGHS found, in edgeopt's words: every one of its statuses, its duals and basis, and the rays behind its claims.

HiGHS often knows that a program has no optimum without holding the proof, or only that it is "unbounded or infeasible".
Both are settled by linear programs that cannot fail: the program without its cost, the least total violation (whose
duals are a Farkas ray), and the cone of directions in which the program recedes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ...model.outcome import Options, Outcome, Status
from ...model.program import Program
from ...verification.infeasibility import FarkasRay
from ...verification.linear_dual import LinearDual
from ...verification.related_programs import least_violation, recession, without_cost
from .adapter_outcome import claimed, infeasible, unbounded

if TYPE_CHECKING:
    from numpy.typing import NDArray

Ending = Literal["solved", "infeasible", "unbounded", "undecided", "limit", "unsure", "broken"]

MEANING: Mapping[str, Ending] = {
    "kOptimal": "solved",
    "kModelEmpty": "solved",
    "kInfeasible": "infeasible",
    "kUnbounded": "unbounded",
    "kUnboundedOrInfeasible": "undecided",
    "kObjectiveBound": "limit",
    "kObjectiveTarget": "limit",
    "kTimeLimit": "limit",
    "kIterationLimit": "limit",
    "kSolutionLimit": "limit",
    "kMemoryLimit": "limit",
    "kInterrupt": "limit",
    "kHighsInterrupt": "limit",
    "kUnknown": "unsure",
    "kNotset": "broken",
    "kLoadError": "broken",
    "kModelError": "broken",
    "kPresolveError": "broken",
    "kSolveError": "broken",
    "kPostsolveError": "broken",
}
"""Meaning of every member of ``HighsModelStatus``."""

Solve = Callable[[Program, Options], Any]
"""Loads and runs a program; returns the ``Highs`` that holds what came of it."""


def how_it_ended(model: Any) -> Ending:
    """Return what HiGHS says of its last run."""
    return MEANING[model.getModelStatus().name]


def outcome(model: Any, program: Program, options: Options, solve: Solve) -> Outcome:
    """Return what HiGHS found for `program`; `solve` runs the programs that settle an open question."""
    ending = how_it_ended(model)
    words = model.modelStatusToString(model.getModelStatus())
    if ending in ("infeasible", "unbounded", "undecided"):
        if program.integral:
            found = _integer_without_optimum(program, options, ending, solve)
        else:
            found = _linear_without_optimum(model, program, options, ending, solve)
    elif ending == "broken":
        found = Outcome.failed(f"HiGHS ended with: {words}")
    else:
        found = _with_point(model, program, options, ending, words)
        if ending == "solved" and program.quadratic and _stands_still_by_force(program, found):
            found = _receding(program, found, options, solve) or found
    return replace(found, statistics=statistics(model))


def statistics(model: Any) -> dict[str, Any]:
    """Return HiGHS's own counts, those that mean something for the solve."""
    info = model.getInfo()
    counts = {
        "nodes": info.mip_node_count,
        "simplex_iterations": info.simplex_iteration_count,
        "ipm_iterations": info.ipm_iteration_count,
        "crossover_iterations": info.crossover_iteration_count,
        "pdlp_iterations": info.pdlp_iteration_count,
        "qp_iterations": info.qp_iteration_count,
    }
    return {name: int(count) for name, count in counts.items() if count > 0 or (name == "nodes" and count == 0)}


def _with_point(model: Any, program: Program, options: Options, ending: Ending, words: str) -> Outcome:
    import highspy

    solution, info = model.getSolution(), model.getInfo()
    if info.primal_solution_status != int(highspy.SolutionStatus.kSolutionStatusFeasible):
        if ending == "limit":
            return Outcome(Status.NO_SOLUTION, message=f"HiGHS ended with: {words}")
        message = f"HiGHS ended with: {words}, and without a feasible point"
        return replace(Outcome.failed(message), approximate=not program.integral)
    found = claimed(
        program,
        np.array(solution.col_value),
        finished=ending == "solved",
        dual=_dual(model, program, solution),
        relative_gap=options.relative_gap,
        bound=_bound(program, info),
    )
    return found if ending == "solved" or found.message else replace(found, message=f"HiGHS ended with: {words}")


_FORCE = 1e-5
"""Share of its terms that a reduced cost keeps only where HiGHS's own addition to the squares balances it."""


def _stands_still_by_force(program: Program, found: Outcome) -> bool:
    """Whether a column off its bounds would gain by moving on: HiGHS adds 1e-7 times its square, which stops it.

    So a program that is unbounded has an optimum for HiGHS, far away.
    """
    dual, squares = found.certificate, program.squares
    if not isinstance(dual, LinearDual) or squares is None or dual.square_dual is None:
        return False
    x = found.decision.values
    reduced = program.gradient(x) - dual.row_dual @ program.matrix
    size = np.abs(program.cost) + np.abs(dual.square_dual) @ abs(squares.matrix)
    size += np.abs(dual.row_dual) @ abs(program.matrix)
    on = (np.isinf(program.lower) | np.isinf(program.upper)) & (x != program.lower) & (x != program.upper)
    return bool((np.abs(reduced) > _FORCE * size)[on].any())


def _receding(program: Program, found: Outcome, options: Options, solve: Solve) -> Outcome | None:
    """Outcome of a program that improves for ever along a direction in which no square grows; None where none does."""
    cone = solve(recession(program), options)
    if how_it_ended(cone) != "solved":
        return None
    columns, rows = _basis(cone)
    direction = np.array(cone.getSolution().col_value)
    if not program.sense.sign * (program.cost @ direction) < 0:
        return None
    return unbounded(program, found.decision.values, direction, column_basis=columns, row_basis=rows)


def _bound(program: Program, info: Any) -> float | None:
    """Bound of the search tree, an integer program's only."""
    return float(info.mip_dual_bound) if program.integral and np.isfinite(info.mip_dual_bound) else None


def _dual(model: Any, program: Program, solution: Any) -> LinearDual | None:
    if program.integral or not solution.dual_valid:
        return None
    if program.squares is None:
        return LinearDual(np.array(solution.row_dual), *_basis(model))
    # A quadratic objective is handed over as one that is minimised.
    sign = program.sense.sign
    slopes = program.squares.slopes(np.array(solution.col_value))
    return LinearDual(sign * np.array(solution.row_dual), square_dual=sign * slopes)


def _integer_without_optimum(program: Program, options: Options, ending: Ending, solve: Solve) -> Outcome:
    """Settle which of the two it is; certificates come from the relaxation, which ``solve`` asks for itself."""
    if ending == "infeasible":
        return infeasible(program)
    # HiGHS calls a program unbounded by its relaxation, which says nothing of integer points.
    start = solve(without_cost(program), options)
    return {
        "solved": unbounded(program),
        "infeasible": infeasible(program),
        "limit": Outcome(Status.NO_SOLUTION, message="a limit was hit before it was settled: unbounded or infeasible"),
    }.get(how_it_ended(start), Outcome.failed("HiGHS cannot settle whether the program is unbounded or infeasible"))


def _linear_without_optimum(model: Any, program: Program, options: Options, ending: Ending, solve: Solve) -> Outcome:
    if ending == "infeasible":
        found = _infeasible(model, program, options, solve)
        if found.certificate is not None:
            return found
        # Presolve calls some unbounded programs infeasible: without a ray the question is open.
    start = solve(without_cost(program), options)
    match how_it_ended(start):
        case "solved":
            return _unbounded(model, program, np.array(start.getSolution().col_value), options, solve)
        case "infeasible":
            return _infeasible(start, program, options, solve)
        case "limit":
            return Outcome(Status.NO_SOLUTION, message="a limit was hit before it was settled: unbounded or infeasible")
    return Outcome.failed("HiGHS cannot settle whether the program is unbounded or infeasible")


def dual_ray(model: Any) -> NDArray[np.float64] | None:
    """Ray by which HiGHS found the last program infeasible, where it has one: asked for another, it solves again."""
    return np.array(model.getDualRay()[2]) if model.getDualRayExist()[1] else None


def _infeasible(model: Any, program: Program, options: Options, solve: Solve) -> Outcome:
    found = infeasible(program, dual_ray(model))
    if found.certificate is None:
        relaxed = solve(least_violation(program), options)
        if how_it_ended(relaxed) == "solved":
            dual = np.array(relaxed.getSolution().row_dual)
            found = infeasible(program, FarkasRay(dual, *_basis(relaxed)))
    return found


def _basis(model: Any) -> tuple[NDArray[np.int8], NDArray[np.int8]] | tuple[None, None]:
    """Statuses of columns and rows, where there is a basis."""
    basis = model.getBasis()
    if not basis.valid:
        return None, None
    columns, rows = (
        np.array(list(map(int, statuses)), dtype=np.int8) for statuses in (basis.col_status, basis.row_status)
    )
    return columns, rows


def _unbounded(model: Any, program: Program, point: NDArray[np.float64], options: Options, solve: Solve) -> Outcome:
    # Asked for a ray that it does not have, HiGHS would solve the program again.
    direction = np.array(model.getPrimalRay()[2]) if model.getPrimalRayExist()[1] else None
    found = unbounded(program, point, direction)
    if found.certificate is None:
        cone = solve(recession(program), options)
        if how_it_ended(cone) == "solved":
            columns, rows = _basis(cone)
            direction = np.array(cone.getSolution().col_value)
            found = unbounded(program, point, direction, column_basis=columns, row_basis=rows)
    return found
