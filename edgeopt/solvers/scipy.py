"""Linear and integer programs by SciPy: ``linprog`` and ``milp``, which every scientific Python already has.

SciPy brings a HiGHS of its own, reached through an interface that takes no starting point and no number of threads, and
that returns duals for linear programs only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from ..formulations.slot import SlotProblem
from ..model.errors import InvalidOptionError
from ..model.outcome import Options, Outcome, Status
from ..model.program import Program
from ..model.solver import solver
from ..model.tolerance import SOLVER
from ..verification.related_programs import without_cost
from .backends.adapter_outcome import claimed, infeasible, trivial, unbounded
from .backends.highs_model import HELD_BY_DEFAULT, LINEAR, mixed
from .backends.interrupt import interruptible
from .backends.ranges import require_range
from .backends.slot_routes import by_root

if TYPE_CHECKING:
    from numpy.typing import NDArray

_METHODS = ("highs", "highs-ds", "highs-ipm")
_KINDS: Mapping[str, tuple[type, str]] = {
    "presolve": (bool, "True or False"),
    "node_limit": (int, "a number of nodes, for integer programs"),
    "maxiter": (int, "a number of iterations, for linear programs"),
    "method": (str, f"one of {', '.join(_METHODS)}, for linear programs"),
}
_LIMIT, _INFEASIBLE = 1, 2
"""Two of SciPy's codes: 0 solved, 1 limit, 2 infeasible, 3 unbounded, 4 anything else."""


@solver(
    "scipy",
    solves=Program,
    exact=True,
    options=("time_limit", "relative_gap"),
    own_options=tuple(_KINDS),
    requires=("scipy",),
    install="scipy>=1.13",
    rank=60,
    by_kind={SlotProblem: by_root},
)
def scipy(program: Program, options: Options) -> Outcome:
    """Solve by ``scipy.optimize.milp`` if any column is integer, else by ``scipy.optimize.linprog``."""
    _check(program, options.extra)
    if (known := trivial(program)) is not None:
        return known
    require_range(program, HELD_BY_DEFAULT, "scipy")
    result = _solve(program, options)
    counts = {"nodes": result.get("mip_node_count")} if program.integral else {"iterations": result.get("nit")}
    statistics = {name: int(count) for name, count in counts.items() if count is not None}
    message = str(result.message)
    match int(result.status):
        case 0 | 1 as status:
            if result.x is None or not np.isfinite(result.x).all():
                return Outcome(Status.NO_SOLUTION, message=message, statistics=statistics)
            return claimed(
                program,
                np.asarray(result.x),
                finished=status != _LIMIT,
                dual=_dual(program, result),
                relative_gap=options.relative_gap,
                bound=_bound(program, result),
                statistics=statistics,
                message=message if status == _LIMIT else "",
            )
        case 2:
            # SciPy says so of some unbounded linear programs too.
            if not program.integral and program.cost.any() and int(_solve(without_cost(program), options).status) == 0:
                return unbounded(program, message=message)
            return infeasible(program, message=message)
    return _unbounded_or_infeasible(program, options, message)


def _check(program: Program, extra: Mapping[str, Any]) -> None:
    foreign = ("maxiter", "method") if program.integral else ("node_limit",)
    for name, value in extra.items():
        kind, wanted = _KINDS[name]
        fits = isinstance(value, kind) and isinstance(value, bool) is (kind is bool)
        if name in foreign or not fits or (name == "method" and value not in _METHODS):
            raise InvalidOptionError(f"SciPy cannot take {name}={value!r} here; expected {wanted}")


def _solve(program: Program, options: Options) -> Any:
    settings: dict[str, Any] = {"disp": options.log, **options.extra}
    if options.time_limit is not None:
        settings["time_limit"] = options.remaining()
    if program.integral:
        settings["mip_rel_gap"] = SOLVER if options.relative_gap is None else float(options.relative_gap)
        return _milp(program, settings)
    return _linprog(program, settings)


def _milp(program: Program, settings: dict[str, Any]) -> Any:
    from scipy.optimize import Bounds, LinearConstraint, milp

    solve: Any = milp
    settings = {"presolve": settings.pop("presolve", not mixed(program))} | settings
    rows = LinearConstraint(program.matrix, program.row_lower, program.row_upper) if program.rows else None
    return interruptible(
        lambda: solve(
            program.sense.sign * program.cost,
            integrality=program.integrality.astype(np.uint8),
            bounds=Bounds(program.lower, program.upper),
            constraints=rows,
            options=settings,
        )
    )


def _linprog(program: Program, settings: dict[str, Any]) -> Any:
    from scipy.optimize import linprog

    solve: Any = linprog
    method = settings.pop("method", "highs")
    settings |= LINEAR
    matrix = program.matrix.tocsr()
    equal, above, below = _sides(program)
    least = sparse.vstack([matrix[above], -matrix[below]]) if (above | below).any() else None
    return interruptible(
        lambda: solve(
            program.sense.sign * program.cost,
            A_ub=least,
            b_ub=None if least is None else np.concatenate([program.row_upper[above], -program.row_lower[below]]),
            A_eq=matrix[equal] if equal.any() else None,
            b_eq=program.row_lower[equal] if equal.any() else None,
            bounds=np.column_stack([program.lower, program.upper]),
            method=method,
            options=settings,
        )
    )


def _sides(program: Program) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """Masks of the rows that are equations, that have an upper and that have a lower bound."""
    equal = program.row_lower == program.row_upper
    return equal, ~equal & np.isfinite(program.row_upper), ~equal & np.isfinite(program.row_lower)


def _dual(program: Program, result: Any) -> NDArray[np.float64] | None:
    """Row duals in the program's own sense; a row with two sides has the price of the one that is active."""
    if program.integral or "eqlin" not in result:
        return None
    equal, above, below = _sides(program)
    prices = np.zeros(program.rows)
    prices[equal] = result.eqlin.marginals
    marginals = np.asarray(result.ineqlin.marginals)
    split = int(above.sum())
    prices[above] += marginals[:split]
    prices[below] -= marginals[split:]
    return program.sense.sign * prices


def _bound(program: Program, result: Any) -> float | None:
    bound = result.get("mip_dual_bound")
    if not program.integral or bound is None or not np.isfinite(bound):
        return None
    return program.sense.sign * float(bound) + program.offset


def _unbounded_or_infeasible(program: Program, options: Options, message: str) -> Outcome:
    """Tell an unbounded program from an infeasible one: without its cost it cannot be unbounded."""
    if "unbounded" not in message.lower():
        return Outcome.failed(f"SciPy ended with: {message}")
    status = int(_solve(without_cost(program), options).status)
    if status == 0:
        return unbounded(program, message=message)
    if status == _INFEASIBLE:
        return infeasible(program, message=message)
    return Outcome(Status.NO_SOLUTION, message=f"SciPy cannot settle whether the program is unbounded: {message}")
