"""Linear, integer and convex quadratic programs by SCIP through PySCIPOpt: an engine that shares no code with HiGHS.

It is where the second opinion about a mixed-integer program comes from, and the one that takes squares over integer
columns. SCIP drops coefficients below 1e-9.

References
----------
S. Bolusani et al., "The SCIP Optimization Suite 9.0", 2024.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..model.errors import InvalidOptionError
from ..model.outcome import Options, Outcome, Status
from ..model.program import Program
from ..model.solver import Quadratic, solver
from ..model.tolerance import SOLVER
from ..verification.related_programs import without_cost
from .backends.adapter_outcome import claimed, trivial
from .backends.interrupt import interruptible
from .backends.ranges import Range, require_range

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..model.squares import Squares

_HELD = Range(smallest=1e-9, largest=1e20)

_FEASIBILITY = 1e-7
"""SCIP hands a thousandth of this to its LP code, which takes no less than 1e-10 and prints a complaint about less."""

_SHORTEST = 1e-3
"""Seconds that SCIP is given where none are left: a limit of 0 has it return without a word."""


def scip_options() -> Iterable[str]:
    """Names of SCIP's own parameters, such as ``limits/nodes``."""
    from pyscipopt import Model

    return Model().getParams()


@solver(
    "scip",
    solves=Program,
    exact=True,
    quadratic=Quadratic.ANY,
    options=("time_limit", "relative_gap", "warm_start"),
    own_options=scip_options,
    requires=("pyscipopt",),
    install="pyscipopt>=5.5",
    rank=75,
)
def scip(program: Program, options: Options) -> Outcome:
    """Solve by branch and cut on one thread; SCIP's parameters are accepted by their names."""
    if (known := trivial(program)) is not None:
        return known
    require_range(program, _HELD, "scip")
    model, columns = _model(program)
    _configure(model, options)
    if options.warm_start is not None:
        _start_from(model, columns, np.asarray(options.warm_start, dtype=np.float64))
    interruptible(model.optimizeNogil, model.interruptSolve)
    return _outcome(program, options, model, columns)


def _model(program: Program) -> tuple[Any, list[Any]]:
    from pyscipopt import Model, quicksum

    model = Model()
    model.hideOutput()
    kinds = np.where(program.integrality, "I", "C").tolist()
    columns = [
        model.addVar(vtype=kind, lb=_side(low), ub=_side(high))
        for kind, low, high in zip(kinds, program.lower.tolist(), program.upper.tolist(), strict=True)
    ]
    matrix = program.rowwise
    for i, (low, high) in enumerate(zip(program.row_lower.tolist(), program.row_upper.tolist(), strict=True)):
        entries = slice(matrix.indptr[i], matrix.indptr[i + 1])
        pairs = [
            (a, j) for a, j in zip(matrix.data[entries].tolist(), matrix.indices[entries].tolist(), strict=True) if a
        ]
        if not pairs or (math.isinf(low) and math.isinf(high)):
            continue
        terms = quicksum(a * columns[j] for a, j in pairs)
        if low == high:
            model.addCons(terms == low)
            continue
        if math.isfinite(low):
            model.addCons(terms >= low)
        if math.isfinite(high):
            model.addCons(terms <= high)
    costs = ((c, j) for j, c in enumerate(program.cost.tolist()) if c)
    goal = quicksum(c * columns[j] for c, j in costs)
    if program.squares is not None:
        goal += program.sense.sign * _total(model, columns, program.squares)
    model.setObjective(goal, "minimize" if program.sense.sign > 0 else "maximize")
    return model, columns


def _total(model: Any, columns: list[Any], squares: Squares) -> Any:
    """Column of at least the sum of the squares: SCIP's objectives are linear, its rows need not be."""
    from pyscipopt import quicksum

    matrix, inner = squares.matrix.tocsr(), []
    for i, (weight, offset) in enumerate(zip(squares.weight.tolist(), squares.offset.tolist(), strict=True)):
        if not weight:
            continue
        entries = slice(matrix.indptr[i], matrix.indptr[i + 1])
        pairs = zip(matrix.data[entries].tolist(), matrix.indices[entries].tolist(), strict=True)
        value = model.addVar(lb=None)
        model.addCons(value - quicksum(a * columns[j] for a, j in pairs if a) == offset)
        inner.append((weight, value))
    total = model.addVar(lb=0.0)
    model.addCons(quicksum(weight * value * value for weight, value in inner) <= total)
    return total


def _start_from(model: Any, columns: list[Any], values: NDArray[np.float64]) -> None:
    """Hand over a point; SCIP takes it for its incumbent if it is feasible."""
    start = model.createSol()
    for column, value in zip(columns, values.tolist(), strict=True):
        model.setSolVal(start, column, value)
    model.addSol(start)


def _side(bound: float) -> float | None:
    return None if math.isinf(bound) else bound


def _configure(model: Any, options: Options) -> None:
    chosen: dict[str, Any] = {
        "numerics/feastol": _FEASIBILITY,
        "limits/gap": SOLVER if options.relative_gap is None else float(options.relative_gap),
        "randomization/randomseedshift": options.seed % 2**31,
        "misc/catchctrlc": False,
    }
    if math.isfinite(options.remaining()):
        chosen["limits/time"] = max(_SHORTEST, options.remaining())
    for name, value in (chosen | dict(options.extra)).items():
        try:
            model.setParam(name, value)
        except (KeyError, ValueError, TypeError, LookupError) as error:
            raise InvalidOptionError(f"SCIP refuses {name}={value!r}: {error}") from error
    if options.log:
        model.hideOutput(False)


def _outcome(program: Program, options: Options, model: Any, columns: list[Any]) -> Outcome:
    words, statistics = model.getStatus(), {"nodes": int(model.getNNodes())}
    if words == "infeasible":
        return Outcome(Status.INFEASIBLE, statistics=statistics)
    if words == "unbounded":
        return Outcome(Status.UNBOUNDED, statistics=statistics)
    if words == "inforunbd" and program.cost.any():
        return _told_apart(program, options)
    if words in ("inforunbd", "unknown") or not model.getNSols():
        message = f"SCIP ended with: {words}"
        return Outcome(Status.NO_SOLUTION, message=message, statistics=statistics)
    finished = words in ("optimal", "gaplimit")
    return claimed(
        program,
        _values(model, columns),
        finished=finished,
        relative_gap=options.relative_gap,
        bound=_bound(program, model),
        statistics=statistics,
        message="" if finished else f"SCIP ended with: {words}",
    )


def _told_apart(program: Program, options: Options) -> Outcome:
    """Tell unbounded from infeasible by solving without cost."""
    start: Outcome = scip(without_cost(program), replace(options, warm_start=None))
    return replace(start, claim=Status.UNBOUNDED, decision=None) if start.claim.has_decision else start


def _values(model: Any, columns: list[Any]) -> NDArray[np.float64]:
    best = model.getBestSol()
    return np.array([model.getSolVal(best, column) for column in columns], dtype=np.float64)


def _bound(program: Program, model: Any) -> float | None:
    bound = float(model.getDualbound())
    return bound + program.offset if program.integral and math.isfinite(bound) and abs(bound) < _HELD.largest else None
