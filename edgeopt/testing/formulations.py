"""``check_formulation``: what a formulation owes the solvers, the judge, files and its users."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from ..algebra.declared import Declared
from ..algebra.formulation import Formulation
from ..exchange.storage import fingerprint, load, save
from ..model.batch_axis import batch_of
from ..model.errors import InvalidProblemError
from ..model.outcome import Status
from ..model.problem import HasProgram, Problem
from ..model.program import Point, Program
from ..model.tolerance import FEASIBILITY
from ..solving.registry import solvers
from ..solving.solve import solve
from .case import Case, as_cases
from .declarations import check_override, meets_brute_force
from .laws import data_of, equal
from .side_constraints import keeps_a_drawn_row, names_an_impossible_row
from .solvers import checks as solver_checks

Family = Iterable[Case | Problem] | Callable[[], Iterable[Case | Problem]]
Check = tuple[str, Callable[[], None]]

_AGREED = 1e-9
"""Relative difference at which the problem's own numbers and those of its program are the same."""


def check_formulation(problem_family: Family, *, with_solvers: Iterable[str] | None = None, most: int = 64) -> int:
    """Hold a formulation to its contract, and every solver that takes it to what solvers owe.

    Parameters
    ----------
    problem_family : iterable of Case or Problem, or callable
        What gives or returns small problems, typical and odd ones (tied, infeasible, of a single element, of extreme
        scale); a :class:`Case` says what is known of the answer.
    with_solvers : iterable of str, optional
        Solvers that are tried; by default all that are installed and take the problems.
    most : int
        Most problems that are taken from the family.

    Returns
    -------
    int
        How many problems were checked.

    Raises
    ------
    AssertionError
        Lists every demand that is not met, with the problem.
    ValueError
        If the family is empty.
    """
    given = problem_family() if callable(problem_family) else problem_family
    cases = as_cases(islice(given, most))
    if not cases:
        raise ValueError("the family holds no problem; there is nothing to check")
    broken = []
    for name, check in _checks(cases, None if with_solvers is None else set(with_solvers)):
        try:
            check()
        except Exception as error:  # whatever a problem raises is a fault to be listed
            broken.append(f"{name}: {error}" if isinstance(error, AssertionError) else f"{name}: raised {error!r}")
    if broken:
        kinds = ", ".join(sorted({type(case.problem).__name__ for case in cases}))
        raise AssertionError(f"{kinds} breaks {len(broken)} demands:\n  " + "\n  ".join(broken))
    return len(cases)


def _checks(cases: list[Case], names: set[str] | None) -> Iterator[Check]:
    for case in cases:
        yield f"storage of {case}", partial(_survives_a_file, case)
        yield f"a foreign decision for {case}", partial(_refuses_a_foreign_decision, case)
        if isinstance(case.problem, Formulation) and case.problem.batch is None:
            yield f"brute force of {case}", partial(meets_brute_force, case.problem)
        elif isinstance(case.problem, Declared):
            yield f"declaration of {case}", partial(check_override, case.problem, draws=2)
        if isinstance(case.problem, HasProgram) and batch_of(case.problem) is None:
            yield f"program of {case}", partial(_agrees_with_its_program, case, case.problem)
            yield f"a side constraint of {case}", partial(keeps_a_drawn_row, case.problem)
            yield f"an impossible side constraint of {case}", partial(names_an_impossible_row, case.problem)
    for name, entry in solvers().items():
        if not entry.installed or (names is not None and name not in names):
            continue
        taken = [case for case in cases if batch_of(case.problem) is None and not entry.refusal(case.problem)]
        for label, check in solver_checks(entry, taken):
            yield f"{name}: {label}", check


def _survives_a_file(case: Case) -> None:
    """Check that the problem comes back from a file as it was, with the same fingerprint."""
    with tempfile.TemporaryDirectory() as folder:
        save(case.problem, Path(folder) / "problem.json")
        again = load(Path(folder) / "problem.json")
    if not equal(data_of(case.problem), data_of(again)):
        raise AssertionError("what is loaded is not what was saved")
    if fingerprint(again) != fingerprint(case.problem):
        raise AssertionError("the fingerprint changes by saving and loading")


def _refuses_a_foreign_decision(case: Case) -> None:
    """Check that what is no decision of this problem is refused as an InvalidProblemError."""
    for foreign in (None, "decision", object()):
        try:
            case.problem.check(foreign)
        except InvalidProblemError:
            continue
        except Exception as error:
            raise AssertionError(f"check({foreign!r}) raises {error!r}; expected an InvalidProblemError") from error
        raise AssertionError(f"check({foreign!r}) accepts it")


def _agrees_with_its_program(case: Case, problem: HasProgram) -> None:
    """Check that a decision and its point have one objective and turn into each other."""
    program = problem.program()
    if program is not problem.program() and fingerprint(program) != fingerprint(problem.program()):
        raise AssertionError("program() differs from call to call")
    if program.sense is not problem.sense:
        raise AssertionError(f"the program is to be {program.sense}d, the problem {problem.sense}d")
    found = solve(program)
    if not found.status.has_decision:
        if case.status == Status.OPTIMAL:
            raise AssertionError(f"its program was not solved: {found!r}")
        return
    _agree(problem, program, problem.decode(found.decision.values), found.objective)


def _agree(problem: HasProgram, program: Program, decision: Any, objective: float) -> None:
    """Check that the decision of a feasible point has its objective, and that its own point has too."""
    problem.check(decision)
    broken = {name: v for name, v in problem.violations(decision).items() if not v <= FEASIBILITY}
    if broken:
        raise AssertionError(f"the decision of a feasible point breaks {broken}")
    own = problem.objective(decision)
    allowed = _AGREED * max(abs(own), abs(objective), problem.magnitude(decision))
    if abs(own - objective) > allowed:
        raise AssertionError(f"the decision's objective is {own!r}, its point's {objective!r}")
    point = np.asarray(problem.encode(decision), dtype=np.float64)
    if point.shape != (program.columns,):
        raise AssertionError(f"encode gives shape {point.shape}; the program has {program.columns} columns")
    if broken := {name: v for name, v in program.violations(Point(point)).items() if not v <= FEASIBILITY}:
        raise AssertionError(f"the point of a feasible decision breaks {broken}")
    if abs(program.objective(Point(point)) - own) > allowed:
        raise AssertionError(f"the decision's objective is {own!r}, that of encode {program.objective(Point(point))!r}")
    if abs(problem.objective(problem.decode(point)) - own) > allowed:
        raise AssertionError("decode(encode(decision)) has another objective than the decision")
