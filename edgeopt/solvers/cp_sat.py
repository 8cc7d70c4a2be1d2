"""Pure integer programs by CP-SAT, the constraint-programming solver of OR-Tools.

CP-SAT proves its optimum in whole numbers. Costs that are not whole are scaled and rounded, and the bound reported here
allows for that rounding: it holds for the program as stated, and ``optimal`` is claimed only where bound and objective
still meet within tolerance.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..model.errors import InvalidOptionError
from ..model.outcome import Options, Outcome, Status
from ..model.program import Point, Program
from ..model.solver import Columns, solver
from ..model.tolerance import OPTIMALITY, ROUNDOFF
from ..verification.judge import relative_gap_of
from .backends.adapter_outcome import trivial
from .backends.cp_sat_model import whole
from .backends.interrupt import interruptible

if TYPE_CHECKING:
    from .backends.cp_sat_model import WholeProgram

_WIDE = 5000
"""From this many columns on, CP-SAT's search for dominated solutions costs far more than it saves."""

_INFINITE = 2**63 - 1
"""An infinite side of a row, for CP-SAT."""


def cp_sat_options() -> Iterable[str]:
    """Names of CP-SAT's own options: the fields of ``SatParameters``."""
    from ortools.sat.sat_parameters_pb2 import SatParameters

    return SatParameters.DESCRIPTOR.fields_by_name  # type: ignore[no-any-return]


@solver(
    "cp-sat",
    solves=Program,
    exact=True,
    columns=Columns.INTEGER,
    options=("time_limit", "relative_gap", "warm_start", "threads"),
    own_options=cp_sat_options,
    requires=("ortools",),
    install="ortools>=9.12,<9.16",
    rank=40,
)
def cp_sat(program: Program, options: Options) -> Outcome:
    """Solve in whole numbers; one thread unless more are asked for, because several may end at different optima."""
    if (known := trivial(program)) is not None:
        return known
    integers = whole(program)
    if (integers.lower > integers.upper).any():
        return Outcome(Status.INFEASIBLE, message="the rows leave a column no value")
    if (crossed := integers.row_lower > integers.row_upper).any():
        row = program.row_names[int(crossed.argmax())]
        return Outcome(Status.INFEASIBLE, message=f"no whole number lies between the sides of row {row}")
    model = _model(program, integers, options)
    search = _search(program, options)
    status = search.status_name(interruptible(lambda: search.solve(model), search.stop_search))
    return _outcome(program, integers, options, model, search, status)


def _model(program: Program, integers: WholeProgram, options: Options) -> Any:
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    proto = model.proto
    variables = proto.variables
    for bounds in np.column_stack((integers.lower, integers.upper)).tolist():
        variables.add().domain.extend(bounds)
    coefficients, indices, starts = integers.coefficients.tolist(), integers.indices.tolist(), integers.starts.tolist()
    for row, domain in enumerate(zip(integers.row_lower.tolist(), integers.row_upper.tolist(), strict=True)):
        if domain == (-math.inf, math.inf):
            continue
        entries = slice(starts[row], starts[row + 1])
        linear = proto.constraints.add().linear
        linear.vars.extend(indices[entries])
        linear.coeffs.extend(coefficients[entries])
        linear.domain.extend([_whole_side(side) for side in domain])
    proto.objective.vars.extend(range(program.columns))
    proto.objective.coeffs.extend(integers.cost.tolist())
    # In these units the objective is huge, so CP-SAT's gap relative to max(1, |objective|) is simply relative.
    proto.objective.offset = program.sense.sign * program.offset * integers.scale
    if options.warm_start is not None:
        start = np.clip(np.round(options.warm_start), integers.lower, integers.upper).astype(np.int64)
        proto.solution_hint.vars.extend(range(program.columns))
        proto.solution_hint.values.extend(start.tolist())
    return model


def _whole_side(side: float) -> int:
    if math.isinf(side) or abs(side) >= 2.0**62:
        return _INFINITE if side > 0 else -_INFINITE
    return int(side)


def _search(program: Program, options: Options) -> Any:
    from ortools.sat.python import cp_model

    search = cp_model.CpSolver()
    parameters = search.parameters
    parameters.num_workers = options.threads or 1
    if parameters.num_workers == 1:
        parameters.linearization_level = 2  # a lone worker proves little without the whole relaxation
    parameters.random_seed = options.seed % 2**31
    parameters.log_search_progress = options.log
    parameters.catch_sigint_signal = False  # it would swallow Ctrl-C, and answer with what it has
    parameters.relative_gap_limit = options.relative_gap or 0.0
    if math.isfinite(options.remaining()):
        parameters.max_time_in_seconds = max(1e-3, options.remaining())
    if program.columns >= _WIDE:
        parameters.keep_all_feasible_solutions_in_presolve = True
    for name, value in options.extra.items():
        _set(parameters, name, value)
    return search


def _set(parameters: Any, name: str, value: Any) -> None:
    try:
        if isinstance(value, (list, tuple)):
            getattr(parameters, name).extend(value)
        else:
            setattr(parameters, name, value)
    except (TypeError, ValueError, AttributeError) as error:
        raise InvalidOptionError(f"cp-sat cannot set {name} to {value!r}: {error}") from error


def _outcome(
    program: Program, integers: WholeProgram, options: Options, model: Any, search: Any, status: str
) -> Outcome:
    response = search.response_proto
    statistics = {"branches": search.num_branches, "conflicts": search.num_conflicts}
    match status:
        case "OPTIMAL" | "FEASIBLE":
            values = np.array(list(response.solution), dtype=np.float64)
            lower = integers.true_bound(response.inner_objective_lower_bound)
            bound = program.sense.sign * lower + program.offset
            return _found(program, values, bound, options, statistics, proved=status == "OPTIMAL")
        case "INFEASIBLE":
            return Outcome(Status.INFEASIBLE, statistics=statistics)
        case "UNKNOWN":
            return Outcome(Status.NO_SOLUTION, message="stopped at a limit before a solution", statistics=statistics)
        case _:
            return Outcome.failed(f"cp-sat ended with {status}: {model.validate() or search.solution_info()}")


def _found(
    program: Program, values: Any, bound: float, options: Options, statistics: dict[str, Any], *, proved: bool
) -> Outcome:
    """Claim the optimum where the true bound supports it."""
    point = Point(values)
    objective = program.objective(point)
    # Rounding in the last digits must not put the bound beyond the point that it bounds.
    if 0 < program.sense.sign * (bound - objective) <= ROUNDOFF * program.magnitude(point):
        bound = objective
    found = Outcome.feasible(point, objective=objective, bound=bound, statistics=statistics)
    if not proved:
        return found
    gap = relative_gap_of(objective, bound)
    if gap <= (OPTIMALITY if options.relative_gap is None else options.relative_gap):
        return replace(found, claim=Status.OPTIMAL)
    return replace(found, message=f"optimal for costs in whole numbers; their rounding leaves a gap of {gap:.3g}")
