"""Linear programs by GLOP, Google's revised simplex method, in process through OR-Tools' MathOpt.

MathOpt takes the whole model as one message of arrays, so nothing loops over coefficients, and it returns duals, basis
and rays. The same message serves every linear solver behind MathOpt; ``pdlp`` shares it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..model.basis import BASIC, LOWER, NONBASIC, UPPER, ZERO
from ..model.errors import InvalidOptionError
from ..model.outcome import Options, Outcome, Status
from ..model.program import Program
from ..model.solver import Columns, solver
from ..model.tolerance import SOLVER
from ..verification.linear_dual import LinearDual
from ..verification.related_programs import without_cost
from .backends.adapter_outcome import claimed, infeasible, trivial, unbounded
from .backends.interrupt import interruptible

if TYPE_CHECKING:
    from numpy.typing import NDArray


def glop_options() -> Iterable[str]:
    """Names of GLOP's own options: the fields of ``GlopParameters``."""
    from ortools.glop.parameters_pb2 import GlopParameters

    return GlopParameters.DESCRIPTOR.fields_by_name  # type: ignore[no-any-return]


@solver(
    "glop",
    solves=Program,
    exact=True,
    columns=Columns.CONTINUOUS,
    options=("time_limit", "relative_gap", "threads"),
    own_options=glop_options,
    requires=("ortools",),
    install="ortools>=9.12,<9.16",
    rank=30,
)
def glop(program: Program, options: Options) -> Outcome:
    """Solve to a vertex and its basis.

    Any gap and any number of threads are supported: simplex ends without a gap and uses one thread.
    """
    parameters: dict[str, Any] = {
        "primal_feasibility_tolerance": SOLVER,
        "dual_feasibility_tolerance": SOLVER,
        **options.extra,
    }
    return solve_linear(program, options, "glop", parameters)


def solve_linear(program: Program, options: Options, backend: str, parameters: dict[str, Any]) -> Outcome:
    """Solve `program` by MathOpt's `backend` (``"glop"`` or ``"pdlp"``) under that back end's own `parameters`."""
    from pybind11_abseil.status import StatusNotOk  # comes with OR-Tools

    if (known := trivial(program)) is not None:
        return known
    try:
        result = call(program, options, backend, parameters)
    except StatusNotOk as error:
        return Outcome.failed(f"{backend} broke down: {error}")
    return _outcome(program, options, backend, result)


def _outcome(program: Program, options: Options, backend: str, result: Any) -> Outcome:
    from ortools.math_opt.result_pb2 import LimitProto, TerminationReasonProto

    reason = TerminationReasonProto.Name(result.termination.reason).removeprefix("TERMINATION_REASON_")
    limit = LimitProto.Name(result.termination.limit).removeprefix("LIMIT_").lower()
    message = result.termination.detail or ("" if limit == "unspecified" else f"stopped at the {limit} limit")
    match reason:
        case "OPTIMAL" | "IMPRECISE" | "FEASIBLE" | "NO_SOLUTION_FOUND":
            return _solution(
                program, options, backend, result, finished=reason in ("OPTIMAL", "IMPRECISE"), message=message
            )
        case "INFEASIBLE":
            return infeasible(program, _dense(result.dual_rays, "dual_values", program.rows), message)
        case "UNBOUNDED" | "INFEASIBLE_OR_UNBOUNDED":
            return _told_apart(program, options, result, message)
        case _:
            return Outcome.failed(f"{backend} ended with {reason.lower()}: {message or 'no reason given'}")


def _solution(
    program: Program, options: Options, backend: str, result: Any, *, finished: bool, message: str
) -> Outcome:
    stats = result.solve_stats
    statistics = {"iterations": stats.simplex_iterations + stats.first_order_iterations}
    if not result.solutions or not result.solutions[0].HasField("primal_solution"):
        return Outcome(Status.NO_SOLUTION, message=message or "no solution was found", statistics=statistics)
    solution = result.solutions[0]
    return claimed(
        program,
        np.array(solution.primal_solution.variable_values.values),
        finished=finished,
        dual=_dual(program, solution),
        relative_gap=options.relative_gap,
        message=message,
        statistics=statistics,
        approximate=backend == "pdlp",
    )


def _dual(program: Program, solution: Any) -> LinearDual | None:
    if not solution.HasField("dual_solution"):
        return None
    row_dual = np.array(solution.dual_solution.dual_values.values)
    if not solution.HasField("basis"):
        return LinearDual(row_dual)
    # The place is MathOpt's code: unspecified, free, at lower bound, at upper bound, fixed, basic.
    codes = np.array([NONBASIC, ZERO, LOWER, UPPER, LOWER, BASIC], dtype=np.int8)
    basis = solution.basis
    return LinearDual(
        row_dual,
        codes[np.array(basis.variable_status.values, dtype=int)],
        codes[np.array(basis.constraint_status.values, dtype=int)],
    )


def _told_apart(program: Program, options: Options, result: Any, message: str) -> Outcome:
    """Tell unbounded from infeasible by solving without cost; the point found starts the ray."""
    if not program.cost.any():
        return infeasible(program, message=message)
    start = solve_linear(without_cost(program), replace(options, warm_start=None), "glop", {})
    if not start.claim.has_decision:
        return start
    direction = _dense(result.primal_rays, "variable_values", program.columns)
    return unbounded(program, start.decision.values, direction, message)


def _dense(rays: Any, field: str, size: int) -> NDArray[np.float64] | None:
    """First of `rays` as a dense array; None if there is none."""
    if not len(rays):
        return None
    sparse = getattr(rays[0], field)
    dense = np.zeros(size)
    dense[np.array(sparse.ids, dtype=int)] = sparse.values
    return dense


def call(program: Program, options: Options, backend: str, parameters: dict[str, Any]) -> Any:
    """Run MathOpt's `backend` and return its ``SolveResultProto``."""
    from ortools.math_opt import callback_pb2, parameters_pb2
    from ortools.math_opt.core.python import solver as mathopt
    from ortools.util.python.pybind_solve_interrupter import PySolveInterrupter

    interrupter = PySolveInterrupter()
    given = (
        _model(program),
        getattr(parameters_pb2, f"SOLVER_TYPE_{backend.upper()}"),
        parameters_pb2.SolverInitializerProto(),
        _parameters(program, options, backend, parameters),
        _hint(options),
        None if options.log else _unheard,
        callback_pb2.CallbackRegistrationProto(),
        None,
        interrupter,
    )
    return interruptible(lambda: mathopt.solve(*given), interrupter.interrupt)


def _unheard(lines: list[str]) -> None:
    """Take what would otherwise be printed whether or not a log is asked for."""


def _model(program: Program) -> Any:
    from ortools.math_opt.model_pb2 import ModelProto

    matrix = program.matrix.tocsr().tocoo()  # MathOpt wants the entries row by row
    model = ModelProto()
    columns = model.variables
    columns.ids.extend(range(program.columns))
    columns.lower_bounds.extend(program.lower.tolist())
    columns.upper_bounds.extend(program.upper.tolist())
    columns.integers.extend([False] * program.columns)
    rows = model.linear_constraints
    rows.ids.extend(range(program.rows))
    rows.lower_bounds.extend(program.row_lower.tolist())
    rows.upper_bounds.extend(program.row_upper.tolist())
    entries = model.linear_constraint_matrix
    entries.row_ids.extend(matrix.row.tolist())
    entries.column_ids.extend(matrix.col.tolist())
    entries.coefficients.extend(matrix.data.tolist())
    objective = model.objective
    objective.maximize = program.sense.sign < 0
    objective.offset = program.offset
    objective.linear_coefficients.ids.extend(range(program.columns))
    objective.linear_coefficients.values.extend(program.cost.tolist())
    return model


def _parameters(program: Program, options: Options, backend: str, parameters: dict[str, Any]) -> Any:
    from google.protobuf.json_format import ParseDict, ParseError
    from ortools.math_opt.parameters_pb2 import SolveParametersProto

    proto = SolveParametersProto(enable_output=options.log)
    if math.isfinite(options.remaining()):
        proto.time_limit.FromNanoseconds(max(1, int(options.remaining() * 1e9)))
    if backend == "glop":
        proto.random_seed = options.seed % 2**31
    elif options.threads is not None:
        proto.threads = _useful(program, options.threads)
    try:
        ParseDict(parameters, getattr(proto, backend))
    except (ParseError, TypeError, ValueError) as error:
        raise InvalidOptionError(f"{backend} refuses its options {parameters}: {error}") from error
    return proto


def _useful(program: Program, threads: int) -> int:
    """Return how many threads PDLP can share a product among; with more it writes to standard error, asked or not."""
    matrix = program.matrix
    in_rows = np.bincount(matrix.indices, minlength=1)
    longest = max(1, int(in_rows.max()), int(np.diff(matrix.indptr).max(initial=0)))
    return max(1, min(threads, matrix.nnz // longest))


def _hint(options: Options) -> Any:
    from ortools.math_opt.model_parameters_pb2 import ModelSolveParametersProto

    proto = ModelSolveParametersProto()
    if options.warm_start is not None:
        hint = proto.solution_hints.add().variable_values
        hint.ids.extend(range(len(options.warm_start)))
        hint.values.extend(np.asarray(options.warm_start).tolist())
    return proto
