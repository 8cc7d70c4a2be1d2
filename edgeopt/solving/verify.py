"""``verify``: an independent check of a solution, whatever it says of itself and wherever it comes from."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..algebra.declared import Declared
from ..exchange.packages.foreign import problem_in
from ..exchange.storage import fingerprint
from ..model.batch_axis import BatchAxis
from ..model.errors import NoSolutionError
from ..model.instance import Instance
from ..model.outcome import Options, Outcome
from ..model.problem import HasProgram, with_program
from ..model.scaling import matrix_scaling
from ..model.tolerance import AGREEMENT
from ..verification.duality import holds_exactly
from ..verification.exact_optimum import exact_optimum
from ..verification.judge import Verification, judge, refused
from ..verification.linear_dual import LinearDual
from ..verification.rational import program_vertex
from ..verification.unboundedness import PrimalRay
from .batch import reexamined_in_turn
from .evidence import reexamined

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..model.problem import Problem
    from ..model.solution import Solution


def verify(
    problem: Problem | Instance,
    solution: Solution,
    *,
    exact: bool = False,
    relative_gap: float | None = None,
    seconds: float = 60.0,
) -> Verification:
    """Check `solution` against `problem` independently of the solver that gave it.

    What rests on a solver's word, as many an integer program's optimum does, proves nothing here: an engine is asked
    again.

    Parameters
    ----------
    exact : bool
        Hold only what is proved, and prove the optimum of a linear or quadratic program in rational arithmetic from its
        basis (small and medium programs).
    relative_gap : float, optional
        Gap that still counts as optimal, 1e-6 by default; what the solution's own options say does not count.
    seconds : float
        Most time for engines that are asked again.

    Returns
    -------
    Verification
        True in a boolean context if status, objective and bound are what the problem's own data support.

    Raises
    ------
    InvalidOptionError
        If relative_gap is no number of at least 0.
    """
    Options(relative_gap=relative_gap)  # which refuses what is no gap
    problem = problem_in(problem, "eo.verify({}, solution)")
    if fault := _of_another_problem(problem, solution):
        return refused(fault)
    outcome = Outcome(
        solution.status,
        solution.found if solution.status.has_decision else None,
        solution.certificate,
        objective=solution.objective,
        bound=solution.claimed_bound,
        message="" if solution.status.has_decision else solution.message,  # a file's words on its own proof are none
    )
    if isinstance(problem, BatchAxis) and problem.batch is not None:
        outcome = reexamined_in_turn(problem, outcome, seconds)
    else:
        outcome = reexamined(problem, outcome, seconds)
    found = judge(problem, outcome, relative_gap)
    if not found.holds:
        return found
    if fault := _overstated(problem, solution, found):
        return refused(fault)
    return _exactly(problem, solution, found) if exact else found


def _of_another_problem(problem: Problem, solution: Solution) -> str | None:
    if not solution.problem_fingerprint:
        return None
    own = fingerprint(problem)
    if own == solution.problem_fingerprint:
        return None
    return f"the solution is of another problem: its file names {solution.problem_fingerprint}, this one is {own}"


def _overstated(problem: Problem, solution: Solution, found: Verification) -> str | None:
    """Say which number or status of the solution is more than what is found."""
    if solution.status is not found.status:
        return f"the solution states {solution.status}; {found.status} is supported: {found.message}"
    if solution.proved and not found.proved:
        return f"the solution states that it is proved; it is not: {found.message}"
    for name in ("bound", "gap"):
        stated, proved = getattr(solution, name), getattr(found, name)
        if stated is None:
            continue
        if proved is None or np.shape(stated) != np.shape(proved):
            return f"the solution states the {name} {stated!r}; its certificate proves {proved!r}"
        if name == "bound":
            excess = problem.sense.sign * (np.asarray(stated, float) - proved)
            fine = excess <= AGREEMENT * np.maximum(np.abs(stated), np.abs(proved))
        else:
            fine = np.asarray(stated, float) >= np.asarray(proved) - AGREEMENT
        if not np.all(fine):
            return f"the solution states the {name} {stated!r}; its certificate proves {proved!r}"
    return None


def _exactly(problem: Problem, solution: Solution, found: Verification) -> Verification:
    """Prove the optimum in rational arithmetic where that is possible; what is not proved at all does not hold."""
    if not found.proved:
        return replace(found, holds=False, message=f"not proved: {found.message}")
    certificate = solution.certificate
    if isinstance(certificate, PrimalRay) and not holds_exactly(with_program(problem).program(), certificate.point):
        return replace(found, holds=False, message="not proved: the ray starts at a point that misses a row")
    if not found.status.has_decision:
        return found
    fault = _rounded(problem, solution.decision)
    if fault is not None:
        return replace(found, holds=False, message=f"not proved: {fault}")
    if (
        isinstance(certificate, LinearDual)
        and certificate.column_basis is not None
        and certificate.row_basis is not None
    ):
        return _exact_optimum(problem, certificate.column_basis, certificate.row_basis, found)
    return replace(found, message="exact check needs an optimal basis: solve a linear program with 'highs'")


def _rounded(problem: Problem, decision: Any) -> str | None:
    """Say which constraint an integer program's decision misses by rounding; of a batch, that of the first instance."""
    if not isinstance(problem, HasProgram) or not problem.integral:
        return None
    if isinstance(problem, BatchAxis) and problem.batch is not None:
        for index in range(problem.batch):
            if fault := _rounded(problem.instance(index), problem.pick(decision, index)):
                return f"instance {index}: {fault}"
        return None
    if isinstance(problem, Declared):
        try:
            missed = problem.missed_exactly(decision)
        except NoSolutionError:
            pass  # a function leaves the rational numbers: what is left is the program, as it was computed
        else:
            worst = max(missed, key=lambda name: missed[name], default=None)
            return worst and f"the decision misses {worst} by {float(missed[worst]):.3g} in exact arithmetic"
    if not holds_exactly(problem.program(), problem.encode(decision)):
        return "the decision misses a row by rounding"
    return None


def _exact_optimum(
    problem: Problem, column_basis: NDArray[np.int8], row_basis: NDArray[np.int8], found: Verification
) -> Verification:
    program, sign = with_program(problem).program(), problem.sense.sign
    scaled = matrix_scaling(program).apply(program)
    try:
        vertex = (exact_optimum if scaled.quadratic else program_vertex)(scaled, column_basis, row_basis)
    except NoSolutionError as error:
        return replace(found, message=f"no exact check: {error}")
    if vertex.primal_violation or vertex.dual_violation:
        missed = f"{float(vertex.primal_violation):.3g} (primal) and {float(vertex.dual_violation):.3g} (dual)"
        return replace(found, holds=False, message=f"in exact arithmetic the basis misses feasibility by {missed}")
    value = float(sign * vertex.objective)
    if abs(value - found.objective) > AGREEMENT * max(abs(value), abs(found.objective)):
        return replace(found, holds=False, message=f"the basis proves the optimum {value!r}, not this objective")
    return replace(found, exact=True, message=f"proved optimal in rational arithmetic; objective {value!r}")
