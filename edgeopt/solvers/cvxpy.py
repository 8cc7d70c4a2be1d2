"""Any solver that CVXPY drives: the model goes over with its costs and bounds as parameters.

The model is the one that ``problem.to_cvxpy()`` returns. ``solver="cvxpy"`` runs HiGHS, or Clarabel where the objective
is quadratic; ``solver="cvxpy:NAME"`` another back end, interior-point and first-order ones among them. These stop near
a solution, so ``optimal`` is claimed only where the duals prove it, and a point that a limit left behind only where it
is feasible.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..exchange.modelling_packages import cvxpy_rows, to_cvxpy
from ..formulations.slot import SlotProblem
from ..model.errors import InvalidOptionError, SolverNotInstalledError, UnknownSolverError, UnsupportedPairError
from ..model.outcome import Options, Outcome, Status
from ..model.program import Program
from ..model.solver import Quadratic, solver
from ..verification.related_programs import without_cost
from .backends.adapter_outcome import claimed, infeasible, trivial, unbounded
from .backends.cvxpy_backends import LINEAR_ONLY, solver_options, with_time_limit
from .backends.highs_model import HELD, HELD_BY_DEFAULT, sound_presolve, until_sure
from .backends.indirect_highs import check_options, fresh_pool
from .backends.interrupt import interruptible, stop_hidden_highs
from .backends.ranges import Range, require_range
from .backends.slot_routes import by_cone

if TYPE_CHECKING:
    from numpy.typing import NDArray


@solver(
    "cvxpy",
    solves=Program,
    exact=True,
    quadratic=Quadratic.CONTINUOUS,
    options=("time_limit", "relative_gap", "threads"),
    own_options=("solver_options",),
    requires=("cvxpy",),
    install="cvxpy>=1.7",
    rank=90,
    variants=True,
    by_kind={SlotProblem: by_cone},
)
def cvxpy(program: Program, options: Options) -> Outcome:
    """Solve through CVXPY; ``solver_options={...}`` goes to the back end under its own names."""
    name = _backend(program, options.variant)
    chosen = solver_options(name, program.integral, options)
    if name == "HIGHS":
        chosen = sound_presolve(program) | chosen
        check_options(chosen)
    if (known := trivial(program)) is not None:
        return known
    require_range(program, _HELD.get(name, _ANY), f"cvxpy:{name}")
    model = to_cvxpy(program)
    if name != "HIGHS":
        return _outcome(program, options, model, _run(model, name, chosen, options))
    own = options.extra.get("solver_options", {})
    return until_sure(
        lambda easier: _outcome(program, options, model, _run(model, name, {**chosen, **easier, **own}, options)),
        program,
        options,
    )


_ANY = Range(smallest=0.0, largest=np.inf, infinite=np.inf)
_HELD = {"HIGHS": HELD, "SCIPY": HELD_BY_DEFAULT, "SCIP": HELD_BY_DEFAULT}
"""Numbers that a back end takes as they are, where some are known to be dropped or refused."""


def _backend(program: Program, variant: str | None) -> str:
    import cvxpy
    from cvxpy.reductions.solvers.defines import INSTALLED_MI_SOLVERS

    name = (variant or ("CLARABEL" if program.quadratic else "HIGHS")).upper()
    if name not in cvxpy.installed_solvers():
        installed = ", ".join(cvxpy.installed_solvers())
        if name not in cvxpy.settings.SOLVERS:
            raise UnknownSolverError(f"CVXPY knows no solver {name!r}; installed: {installed}")
        raise SolverNotInstalledError(
            f"solver 'cvxpy:{name}' is not installed; install with: pip install 'cvxpy[{name}]', or use {installed}"
        )
    if program.integral and name not in INSTALLED_MI_SOLVERS:
        available = ", ".join(INSTALLED_MI_SOLVERS)
        raise UnsupportedPairError(
            f"'cvxpy:{name}' takes no integer columns; of CVXPY's back ends these do: {available}"
        )
    if program.quadratic and name in LINEAR_ONLY:
        raise UnsupportedPairError(
            f"'cvxpy:{name}' takes no quadratic objective; use 'cvxpy' (Clarabel), or another back end for cones"
        )
    return name


def _run(model: Any, name: str, chosen: dict[str, Any], options: Options) -> Any:
    """Compile, solve in what is then left of the time, and return CVXPY's ``Solution`` (``None`` if out of time)."""
    from cvxpy.error import SolverError
    from scipy.optimize import OptimizeWarning

    compiled, chain, inverse = model.get_problem_data(name, solver_opts=chosen)
    if math.isfinite(options.remaining()):
        if options.remaining() == 0:
            return None
        chosen = with_time_limit(name, chosen, options.remaining())

    def work() -> Any:
        with warnings.catch_warnings(), fresh_pool(options.threads if name == "HIGHS" else None):
            warnings.simplefilter("error", OptimizeWarning)  # SciPy's word for an option it does not know
            return chain.solve_via_data(model, compiled, False, options.log, chosen)

    try:
        # SCIP keeps Python's lock, and listens to Ctrl-C itself.
        raw = work() if name == "SCIP" else interruptible(work, stop_hidden_highs)
    except (TypeError, ValueError, AttributeError, OptimizeWarning, SolverError) as error:
        if "solver_options" not in options.extra:
            raise
        raise InvalidOptionError(f"'cvxpy:{name}' refuses {options.extra['solver_options']!r}: {error}") from error
    if _interrupted(raw):
        raise KeyboardInterrupt
    return chain.invert(raw, inverse)


def _interrupted(raw: Any) -> bool:
    """Whether a back end caught Ctrl-C itself and says so in its own words: SCIP, SCS and OSQP do."""
    own = raw if isinstance(raw, dict) else {"info": getattr(raw, "info", None)}
    info = own.get("info")
    status = info.get("status_val") if isinstance(info, dict) else getattr(info, "status_val", None)
    return own.get("scip_status") == "userinterrupt" or status in (-5, 10)


def _outcome(program: Program, options: Options, model: Any, solution: Any) -> Outcome:
    if solution is None:
        return Outcome(Status.NO_SOLUTION, message="the time limit passed while CVXPY compiled the problem")
    message = f"CVXPY ended with {solution.status}"
    match solution.status:
        case "optimal" | "optimal_inaccurate" | "user_limit":
            return _found(program, options, model, solution, message)
        case "infeasible" | "infeasible_inaccurate":
            ray = None if program.integral else _duals(program, model, solution.dual_vars or {})
            found = infeasible(program, ray, message)
            # Some back ends say infeasible where they mean infeasible or unbounded.
            return (
                found if program.integral or found.certificate else _unbounded_or_infeasible(program, options, message)
            )
        case "unbounded" | "unbounded_inaccurate" | "infeasible_or_unbounded":
            return _unbounded_or_infeasible(program, options, message)
    if options.remaining() == 0:
        return Outcome(Status.NO_SOLUTION, message=f"{message} at the time limit")
    return Outcome.failed(message)


def _found(program: Program, options: Options, model: Any, solution: Any, message: str) -> Outcome:
    values = solution.primal_vars.get(model.variables()[0].id)
    if values is None or not np.isfinite(values).all():
        return Outcome(Status.NO_SOLUTION, message=f"{message} and left no point")
    dual = None if program.integral else _duals(program, model, solution.dual_vars or {})
    optimal = solution.status == "optimal"
    return claimed(
        program,
        np.asarray(values, dtype=np.float64).reshape(-1),
        finished=optimal or dual is not None,
        dual=dual,
        relative_gap=options.relative_gap,
        bound=_bound(program, solution),
        message="" if optimal else message,
        approximate=not program.integral,
    )


def _duals(program: Program, model: Any, found: dict[int, Any]) -> NDArray[np.float64] | None:
    """Row duals out of those of the constraints; CVXPY's are multipliers of a minimisation, >= 0 for inequalities."""
    rows = cvxpy_rows(program)
    dual = np.zeros(program.rows)
    for constraint in model.constraints:
        label = constraint.parameters()[0].name()
        if label not in rows:
            continue
        if found.get(constraint.id) is None:
            return None
        dual[rows[label]] += (1.0 if label == "row_lower" else -1.0) * np.asarray(
            found[constraint.id], dtype=np.float64
        ).reshape(-1)
    return program.sense.sign * dual


def _bound(program: Program, solution: Any) -> float | None:
    """Bound of an integer program, where the back end gives one."""
    if not program.integral:
        return None
    from cvxpy.settings import EXTRA_STATS

    stats = solution.attr.get(EXTRA_STATS)
    bound = stats.get("mip_dual_bound") if isinstance(stats, dict) else getattr(stats, "mip_dual_bound", None)
    # CVXPY turns a maximisation round and keeps the offset to itself.
    return None if bound is None or not math.isfinite(bound) else program.sense.sign * float(bound) + program.offset


def _unbounded_or_infeasible(program: Program, options: Options, message: str) -> Outcome:
    """Tell unbounded from infeasible by solving without cost with HiGHS: conic back ends do not tell them apart."""
    if not program.cost.any():
        return infeasible(program, message=message)
    start: Outcome = cvxpy(without_cost(program), replace(options, variant=None, extra={}))
    return unbounded(program, message=message) if start.claim.has_decision else start
