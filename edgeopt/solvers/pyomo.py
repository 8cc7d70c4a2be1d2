"""Any solver that Pyomo drives, through Pyomo's current solver interface (``pyomo.contrib.solver``).

The model handed over is the one that ``problem.to_pyomo()`` returns. ``solver="pyomo"`` runs HiGHS in this process;
``solver="pyomo:NAME"`` runs another solver that Pyomo knows and that is installed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..exchange.modelling_packages import to_pyomo
from ..formulations.slot import SlotProblem
from ..model.errors import InvalidOptionError, SolverNotInstalledError, UnknownSolverError
from ..model.outcome import Options, Outcome, Status
from ..model.program import Program
from ..model.solver import Quadratic, solver
from ..model.tolerance import SOLVER
from ..verification.related_programs import without_cost
from .backends.adapter_outcome import claimed, infeasible, trivial, unbounded
from .backends.highs_model import HELD, INTEGER, LINEAR, OWN, sound_presolve, until_sure
from .backends.indirect_highs import check_options
from .backends.pyomo_call import ALIASES, call
from .backends.ranges import require_range
from .backends.slot_routes import by_nonlinear_program

if TYPE_CHECKING:
    from numpy.typing import NDArray


MEANINGS: Mapping[str, str] = {
    "convergenceCriteriaSatisfied": "solved",
    "maxTimeLimit": "limit",
    "iterationLimit": "limit",
    "objectiveLimit": "limit",
    "interrupted": "limit",
    "minStepLength": "unsure",
    "unknown": "unsure",
    "locallyInfeasible": "unsure",
    "provenInfeasible": "infeasible",
    "unbounded": "unbounded",
    "infeasibleOrUnbounded": "either",
    "error": "broken",
    "licensingProblems": "broken",
    "emptyModel": "broken",
}
"""What each of Pyomo's termination conditions means here."""

_SEED: Mapping[str, str] = {"highs": "random_seed", "gurobi_direct": "Seed", "gurobi_persistent": "Seed"}


@solver(
    "pyomo",
    solves=Program,
    exact=True,
    quadratic=Quadratic.CONTINUOUS,
    options=("time_limit", "relative_gap", "threads"),
    own_options=("solver_options",),
    requires=("pyomo",),
    install="pyomo>=6.9.2",
    rank=80,
    variants=True,
    by_kind={SlotProblem: by_nonlinear_program},
)
def pyomo(program: Program, options: Options) -> Outcome:
    """Solve through Pyomo; ``solver_options={...}`` goes to the back end under its own names."""
    backend, name = _backend(options.variant)
    if (known := trivial(program)) is not None:
        return known
    if name == "highs":
        require_range(program, HELD, "pyomo")
    model = to_pyomo(program)
    if name != "highs":
        return _attempt(backend, name, program, model, options)
    return until_sure(lambda easier: _attempt(backend, name, program, model, options, easier), program, options)


def _attempt(
    backend: Any, name: str, program: Program, model: Any, options: Options, changed: Mapping[str, Any] | None = None
) -> Outcome:
    _configure(backend.config, name, program, options, changed or {})
    results = call(backend, model, options)
    if results is None:
        return Outcome(Status.NO_SOLUTION, message="the time limit passed while another thread solved through Pyomo")
    return _outcome(program, options, model, results)


def _backend(variant: str | None) -> tuple[Any, str]:
    import pyomo.environ  # noqa: F401  (registers Pyomo's solvers)
    from pyomo.contrib.solver.common.factory import SolverFactory

    name = ALIASES.get(variant or "highs", variant or "highs")
    known = sorted(SolverFactory)
    if name not in known:
        raise UnknownSolverError(f"Pyomo's solver interface knows no solver {name!r}; it knows {', '.join(known)}")
    backend = SolverFactory(name)
    if not backend.available():
        raise SolverNotInstalledError(
            f"solver 'pyomo:{variant or name}' needs {name}, which Pyomo reports as {backend.available().name}; "
            f"install {name} with its licence, or use 'pyomo' (HiGHS), which needs: pip install 'highspy==1.14.*'"
        )
    return backend, name


def _configure(config: Any, name: str, program: Program, options: Options, changed: Mapping[str, Any]) -> None:
    config.load_solutions = False
    config.raise_exception_on_nonoptimal_result = False
    config.tee = options.log
    config.threads = options.threads
    if program.integral:
        if "rel_gap" in config:
            config.rel_gap = SOLVER if options.relative_gap is None else float(options.relative_gap)
        elif options.relative_gap is not None:
            raise InvalidOptionError(f"'pyomo:{name}' does not support relative_gap; leave it out")
    own: dict[str, Any] = {}
    if name == "highs":
        own = {**OWN, **(INTEGER if program.integral else LINEAR)}
        own.pop("mip_rel_gap", None)  # Pyomo has a name of its own for it
        own |= sound_presolve(program)
    if name in _SEED:
        own[_SEED[name]] = options.seed % 2**31
    own |= {**changed, **_own_options(name, options)}
    for option, value in own.items():
        config.solver_options[option] = value


def _own_options(name: str, options: Options) -> Mapping[str, Any]:
    own = options.extra.get("solver_options", {})
    if not isinstance(own, Mapping):
        raise InvalidOptionError(f"solver_options is {own!r}; expected a mapping from option to value")
    if name == "highs":
        check_options(own)
    return own


def _outcome(program: Program, options: Options, model: Any, results: Any) -> Outcome:
    condition = results.termination_condition.name
    message = f"Pyomo ended with {condition}"
    match MEANINGS.get(condition, "broken"):
        case "solved" | "limit" | "unsure" as ending:
            if results.solution_status.name == "noSolution":
                return Outcome(Status.NO_SOLUTION, message=message)
            dual = None if program.integral else _duals(program, model, results)
            return claimed(
                program,
                _values(program, model, results),
                finished=ending == "solved",
                dual=dual,
                relative_gap=options.relative_gap,
                bound=_bound(program, results),
                message="" if ending == "solved" else message,
            )
        case "infeasible":
            return infeasible(program, message=message)
        case "unbounded":
            return unbounded(program, message=message)
        case "either":
            return _unbounded_or_infeasible(program, options, message)
    return Outcome.failed(f"{message}: {results.solver_log or 'no log'}"[-500:])


def _unbounded_or_infeasible(program: Program, options: Options, message: str) -> Outcome:
    """Tell unbounded from infeasible by solving without cost."""
    if not program.cost.any():
        return infeasible(program, message=message)
    start: Outcome = pyomo(without_cost(program), options)
    return unbounded(program, message=message) if start.claim.has_decision else start


def _values(program: Program, model: Any, results: Any) -> NDArray[np.float64]:
    """Values of all columns; one that no row and no cost mentions is unknown to the back end and goes near 0."""
    results.solution_loader.load_vars()
    values = np.array([np.nan if v.value is None else v.value for v in model.x.values()], dtype=np.float64)
    return np.where(np.isnan(values), np.clip(0.0, program.lower, program.upper), values)


def _duals(program: Program, model: Any, results: Any) -> NDArray[np.float64] | None:
    from pyomo.contrib.solver.common.util import NoDualsError, NoSolutionError

    try:
        duals = results.solution_loader.get_duals()
    except (NoDualsError, NoSolutionError, NotImplementedError):
        return None
    rows = model.rows
    return np.array([duals.get(rows[name], 0.0) if name in rows else 0.0 for name in program.row_names])


def _bound(program: Program, results: Any) -> float | None:
    bound = results.objective_bound
    return float(bound) if program.integral and bound is not None and math.isfinite(bound) else None
