"""What every solver owes every problem that it takes: functions of a solver and a case that raise AssertionError."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
from scipy import sparse

from ..model.outcome import Status
from ..model.solution import Solution
from ..model.solver import Solver
from ..solving.solve import solve
from ..solving.verify import verify
from .case import Case

EXACT = 1e-9
"""Relative difference from the optimum that is allowed to an exact solver, beside twice the gap that it proves."""

ROUNDING = 1e-12
"""Difference that rounding may make, relative to the scale of a case."""

_FIRST_ORDER = ("pdlp",)
"""Exact solvers that may stop short of optimality; they then say ``feasible`` and never more."""


def finds_and_proves(entry: Solver, case: Case) -> None:
    """Check that an exact solver ends with the known status and optimum, and its certificate verifies."""
    solution = solve(case.problem, entry)
    if entry.name in _FIRST_ORDER and solution.status is Status.FEASIBLE:
        _require(_near(solution, case, 1e-4), solution, f"the optimum is {case.objective!r}")
        return
    expected = case.status or Status.OPTIMAL
    _require(solution.status == expected, solution, f"expected {expected}")
    if case.objective is not None and solution.status is Status.OPTIMAL:
        own = 2 * (solution.gap or 0.0) if entry.general else 0.0
        _require(_near(solution, case, max(EXACT, own)), solution, f"the optimum is {case.objective!r}")
    _require(solution.certificate is not None, solution, "there is no certificate")
    _verifies(solution, case)


def is_never_better(entry: Solver, case: Case) -> None:
    """Check that a heuristic's decision is feasible, verifies, and is no better than the optimum."""
    solution = solve(case.problem, entry)
    if case.status == Status.INFEASIBLE:
        _require(solution.status in (Status.INFEASIBLE, Status.FAILED), solution, "the problem is infeasible")
        return
    if solution.status is Status.FAILED:  # an infeasible answer, caught
        _require("infeasible" in solution.message, solution, "expected a decision")
        return
    _require(solution.status is Status.FEASIBLE, solution, "expected feasible of a heuristic")
    _verifies(solution, case)
    if case.objective is None:
        return
    sign = case.problem.sense.sign
    excess = sign * (solution.objective - case.objective)
    _require(excess >= -ROUNDING * case.scale, solution, f"better than the optimum {case.objective!r}")


def bounds_rightly(entry: Solver, case: Case) -> None:
    """Check that a bound is not on the wrong side of the optimum."""
    solution = solve(case.problem, entry)
    if solution.bound is None or case.objective is None:
        return
    better = case.problem.sense.sign * (solution.bound - case.objective)
    allowed = 1e-6 * abs(case.objective) + ROUNDING * case.scale
    _require(better <= allowed, solution, f"the bound {solution.bound!r} excludes the optimum {case.objective!r}")


def repeats_itself(entry: Solver, case: Case) -> None:
    """Check that the same seed gives the same answer, and that the problem's data stay as they are."""
    before = data_of(case.problem)
    first, second = (solve(case.problem, entry, seed=3) for _ in range(2))
    _require(first.status == second.status, second, f"the first time it ended {first.status}")
    if first.status.has_decision:
        same = data_of(first.decision), data_of(second.decision)
        _require(equal(*same), second, f"the first time it decided {first.decision!r}")
    _require(equal(before, data_of(case.problem)), first, "the problem's data were changed")


LAWS: tuple[tuple[Callable[[Solver, Case], None], str | None], ...] = (
    (finds_and_proves, "exact"),
    (is_never_better, "heuristic"),
    (bounds_rightly, None),
    (repeats_itself, None),
)
"""Each law with the kind of solver that it holds for; None for both."""


def data_of(record: Any) -> Any:
    """Return a copy of everything that a problem or decision holds, as plain data."""
    if is_dataclass(record) and not isinstance(record, type):
        return {f.name: data_of(getattr(record, f.name)) for f in fields(record) if f.init}
    if sparse.issparse(record):
        return record.toarray()  # type: ignore[attr-defined]
    if isinstance(record, np.ndarray):
        return record.copy()
    if isinstance(record, (list, tuple)):
        return [data_of(part) for part in record]
    return record


def equal(first: Any, second: Any) -> bool:
    """Whether two copies by :func:`data_of` hold the same; nan equals nan."""
    if isinstance(first, dict) and isinstance(second, dict):
        return first.keys() == second.keys() and all(equal(first[key], second[key]) for key in first)
    if isinstance(first, list) and isinstance(second, list):
        return len(first) == len(second) and all(equal(a, b) for a, b in zip(first, second, strict=True))
    if isinstance(first, np.ndarray) or isinstance(second, np.ndarray):
        numeric = all(np.asarray(part).dtype.kind in "fc" for part in (first, second))
        return bool(np.array_equal(first, second, equal_nan=numeric))
    return bool(first == second or (first != first and second != second))


def _near(solution: Solution, case: Case, relative: float) -> bool:
    if case.objective is None:
        return True
    return bool(abs(solution.objective - case.objective) <= relative * abs(case.objective) + ROUNDING * case.scale)


def _verifies(solution: Solution, case: Case) -> None:
    found = verify(case.problem, solution)
    _require(found.holds, solution, f"it does not verify: {found.message}")


def _require(holds: bool, solution: Solution, reason: str) -> None:
    if not holds:
        raise AssertionError(f"{reason}; it returned {solution!r}")
